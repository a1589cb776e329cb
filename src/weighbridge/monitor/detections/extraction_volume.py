"""D04: one caller asks one deployment more often in an hour than anybody should."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads

DETECTION = Detection(
    id="extraction-volume",
    number="D04",
    title="One caller sends very many requests in one hour",
    severity=Severity.MEDIUM,
    references=("AML.T0024.002", "AML.T0040", "AML.T0034"),
    tactics=("Collection", "Exfiltration"),
    reads=(
        Reads(
            "AmlOnlineEndpointTrafficLog",
            (
                *("TimeGenerated", "IdentityData", "AuthType", "EndpointName", "DeploymentName"),
                *("ResponsePayloadSize", "ResponseCode"),
            ),
        ),
    ),
    parameters=(
        Parameter(
            "hourly_requests", "count", 500, "requests of one caller to one deployment in an hour that are still normal"
        ),
        Parameter("batch_callers", "texts", (), "callers that may send more: batch scoring, load tests"),
    ),
    every=15,
    period=120,
    entities=("Principal", "EndpointName", "DeploymentName"),
    maps=(Entity("Account", "AadUserId", "Principal"),),
    why="{Principal} sent {Count} requests to {EndpointName}/{DeploymentName} within an hour and got {BytesOut} bytes back",
    matters=(
        "Copying a model through its own answers takes thousands of them. With keys instead of identities all callers "
        "are one caller (auth:Key), and none can be told from another: use AADToken."
    ),
    false_positives="Batch scoring and load tests: name them in batch_callers.",
    to_do="Ask whose identity it is; if nobody answers, revoke it. Set a rate limit in front of the endpoint.",
    kql="""AmlOnlineEndpointTrafficLog
| extend Principal = iff(isempty(IdentityData), strcat("auth:", AuthType), IdentityData)
| where not(Principal in~ (batch_callers))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count(), BytesOut = sum(ResponsePayloadSize),
    Errors = countif(ResponseCode >= 400)
    by Principal, EndpointName, DeploymentName, Window = bin(TimeGenerated, 1h)
| where Count > hourly_requests
""",
    sql="""
with calls as (
  select *, case when coalesce(IdentityData, '') = '' then concat('auth:', AuthType) else IdentityData end as Principal
  from AmlOnlineEndpointTrafficLog)
select Principal, EndpointName, DeploymentName, time_bucket(interval 1 hour, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count,
       sum(ResponsePayloadSize)::bigint as BytesOut, count(*) filter (ResponseCode >= 400) as Errors
from calls
group by Principal, EndpointName, DeploymentName, "Window"
having count(*) > $hourly_requests and not list_contains($batch_callers, lower(Principal))
""",
)
