"""D01a: a model's network asks the firewall for a name that is not on the allow-list."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads
from weighbridge.monitor.parameters import WORKLOAD_RANGES

DETECTION = Detection(
    id="egress-name",
    number="D01a",
    title="A model's network calls a name outside the allow-list",
    severity=Severity.HIGH,
    references=("AML.T0025", "AML.T0072", "T1071", "T1567"),
    tactics=("CommandAndControl", "Exfiltration"),
    reads=(Reads("AZFWApplicationRule", ("TimeGenerated", "SourceIp", "Fqdn", "Action")),),
    parameters=(
        WORKLOAD_RANGES,
        Parameter(
            "allowed_names",
            "texts",
            ("login.microsoftonline.com", "mcr.microsoft.com", "management.azure.com"),
            "names that models may call",
        ),
        Parameter(
            "allowed_name_endings",
            "suffixes",
            (".azureml.ms", ".privatelink.blob.core.windows.net"),
            "endings of names that models may call, each beginning with a dot",
        ),
    ),
    every=15,
    period=1440,
    entities=("SourceIp", "Fqdn"),
    maps=(Entity("IP", "Address", "SourceIp"), Entity("DNS", "DomainName", "Fqdn")),
    why="{SourceIp} asked for {Fqdn} {Count} times that day, of which {Denied} were denied",
    matters=(
        "A model that calls a place nobody approved may be sending out prompts, weights or credentials, or fetching "
        "what it runs next. Loading a model is enough; no request has to reach it."
    ),
    false_positives=(
        "Package mirrors and telemetry of serving containers. Egress of a managed virtual network is not in this "
        "table at all: its firewall belongs to Microsoft, so silence says nothing there."
    ),
    to_do=(
        "Find the endpoint behind the source address, stop its deployment, and scan the deployed model again. Add the "
        "name to allowed_names only if somebody answers for it."
    ),
    kql="""AZFWApplicationRule
| where isnotempty(Fqdn)
| where ipv4_is_in_any_range(SourceIp, workload_ranges) or ipv6_is_in_any_range(SourceIp, workload_ranges_v6)
| where not(Fqdn in~ (allowed_names)) and not(tolower(Fqdn) matches regex allowed_name_endings)
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count(), Denied = countif(Action =~ "Deny")
    by SourceIp, Fqdn = tolower(Fqdn), Window = bin(TimeGenerated, 1d)
""",
    sql="""
select SourceIp, lower(Fqdn) as Fqdn, time_bucket(interval 1 day, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count,
       count(*) filter (lower(Action) = 'deny') as Denied
from AZFWApplicationRule
where Fqdn <> '' and in_ranges(SourceIp, $workload_ranges)
  and not list_contains($allowed_names, lower(Fqdn)) and not regexp_matches(lower(Fqdn), $allowed_name_endings)
group by all
""",
)
