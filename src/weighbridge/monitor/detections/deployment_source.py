"""D02: a model is deployed from somewhere else than an approved registry, or without a version."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Reads
from weighbridge.monitor.operations import DEPLOYS, kql_list, sql_list
from weighbridge.monitor.parameters import APPROVED_SOURCES

DETECTION = Detection(
    id="deployment-source",
    number="D02",
    title="A model was deployed from a source that is not approved",
    severity=Severity.HIGH,
    references=("AML.T0010.003", "T1195.002"),
    tactics=("InitialAccess", "Execution"),
    reads=(
        Reads(
            "AzureActivity",
            (
                *("TimeGenerated", "OperationNameValue", "ActivityStatusValue", "Caller"),
                *("_ResourceId", "ResourceId", "Properties", "Properties_d"),
            ),
        ),
    ),
    parameters=(APPROVED_SOURCES,),
    every=15,
    period=60,
    entities=("DeploymentId", "Model", "Caller"),
    maps=(Entity("AzureResource", "ResourceId", "DeploymentId"), Entity("Account", "FullName", "Caller")),
    why="{Caller} deployed {Model} as {DeploymentId}",
    matters=(
        "A model from a public catalogue or a workspace's own upload has passed no gate. A model without a version is "
        "whatever stands under its name later."
    ),
    false_positives=(
        "None that is harmless. The activity log often lacks the body of a request: such deployments are not told "
        "here, but by deployment-unadmitted, which needs no body."
    ),
    to_do="Delete the deployment, or take its model through intake and deploy it from the registry.",
    kql=f"""AzureActivity
| where OperationNameValue in~ {kql_list(DEPLOYS, 4)}
| where ActivityStatusValue in~ ("Success", "Succeeded")
| extend Said = coalesce(Properties_d, parse_json(Properties))
| extend Body = parse_json(tostring(Said.requestbody))
| extend Model = iff(isnotempty(tostring(Body.properties.model.name)),
    strcat(tostring(Body.properties.model.format), "/", tostring(Body.properties.model.name), "/",
           tostring(Body.properties.model.version)),
    tostring(Body.properties.model))
| where isnotempty(Model)
| extend DeploymentId = tolower(coalesce(_ResourceId, ResourceId))
| where not(Model matches regex approved_sources) or (Model startswith "azureml:" and not(Model has "versions"))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by DeploymentId, Model, Caller, Window = bin(TimeGenerated, 1h)
""",
    sql=f"""
with said as (
  select TimeGenerated, Caller, lower(coalesce(nullif(_ResourceId, ''), ResourceId)) as DeploymentId,
         request_body(Properties_d, Properties) as Body
  from AzureActivity
  where lower(OperationNameValue) in {sql_list(DEPLOYS, 6)}
    and lower(ActivityStatusValue) in ('success', 'succeeded')),
named as (
  select *, case when coalesce(Body ->> '$.properties.model.name', '') <> ''
            then concat(Body ->> '$.properties.model.format', '/', Body ->> '$.properties.model.name', '/',
                        Body ->> '$.properties.model.version')
            else Body ->> '$.properties.model' end as Model
  from said)
select DeploymentId, Model, Caller, time_bucket(interval 1 hour, TimeGenerated) as Window,
       min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count
from named
where Model <> ''
  and (not regexp_matches(Model, $approved_sources)
       or (starts_with(lower(Model), 'azureml:') and not regexp_matches(lower(Model), '\\bversions\\b')))
group by all
""",
)
