"""D03: a deployment that no gate has admitted shortly before."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads
from weighbridge.monitor.operations import DEPLOYS, kql_list, sql_list

DETECTION = Detection(
    id="deployment-unadmitted",
    number="D03",
    title="A deployment has no matching admission",
    severity=Severity.HIGH,
    references=("AML.T0010", "T1562"),
    tactics=("DefenseEvasion",),
    reads=(
        Reads(
            "AzureActivity",
            (
                *("TimeGenerated", "OperationNameValue", "ActivityStatusValue", "Caller"),
                *("CorrelationId", "_ResourceId", "ResourceId"),
            ),
        ),
        Reads("WeighbridgeDecisions_CL", ("TimeGenerated", "Decision", "DeploymentId")),
    ),
    parameters=(
        Parameter("admission_minutes", "minutes", 120, "how long before a deployment its admission may have been"),
    ),
    every=30,
    period=1440,
    entities=("DeploymentId", "Caller", "CorrelationId"),
    maps=(Entity("AzureResource", "ResourceId", "DeploymentId"), Entity("Account", "FullName", "Caller")),
    why="{Caller} wrote {DeploymentId}, and no gate admitted it before",
    matters="A gate that can be walked around is none. This one finds the way around, whatever it was.",
    false_positives=(
        "Break-glass deployments: record a decision for them too. A log that arrives later than the deployment's own: "
        "the hosted rule looks back a day, and waits half an hour."
    ),
    to_do="Run weighbridge admit for what is deployed; if it denies, or nobody asked before, take the deployment down.",
    kql=f"""let decisions = WeighbridgeDecisions_CL
| where Decision in~ ("admit", "allow")
| project DecisionTime = TimeGenerated, DeploymentId = tolower(DeploymentId);
AzureActivity
| where OperationNameValue in~ {kql_list(DEPLOYS, 4)}
| where ActivityStatusValue in~ ("Success", "Succeeded")
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by DeploymentId = tolower(coalesce(_ResourceId, ResourceId)), Caller, CorrelationId
| join kind=leftouter decisions on DeploymentId
| extend Matched = isnotnull(DecisionTime) and First >= DecisionTime and First <= DecisionTime + admission_minutes
| summarize Admissions = countif(Matched) by DeploymentId, Caller, CorrelationId, First, Last, Count
| where Admissions == 0
| project DeploymentId, Caller, CorrelationId, Window = bin(First, 1h), First, Last, Count
""",
    sql=f"""
with deployed as (
  select lower(coalesce(nullif(_ResourceId, ''), ResourceId)) as DeploymentId, Caller, CorrelationId,
         min(TimeGenerated) as First, max(TimeGenerated) as Last, count(*) as Count
  from AzureActivity
  where lower(OperationNameValue) in {sql_list(DEPLOYS, 6)}
    and lower(ActivityStatusValue) in ('success', 'succeeded')
  group by all)
select DeploymentId, Caller, CorrelationId, time_bucket(interval 1 hour, First) as Window, First, Last, Count
from deployed d
where not exists (
  select 1 from WeighbridgeDecisions_CL a
  where lower(a.DeploymentId) = d.DeploymentId and lower(a.Decision) in ('admit', 'allow')
    and d.First between a.TimeGenerated and a.TimeGenerated + $admission_minutes)
""",
)
