"""D13a: a policy, an exemption or a lock that guards models was removed or changed."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads

DETECTION = Detection(
    id="policy-removed",
    number="D13a",
    title="A policy or lock was removed, changed or exempted from",
    severity=Severity.HIGH,
    references=("T1562.001", "T1562"),
    tactics=("DefenseEvasion",),
    reads=(
        Reads(
            "AzureActivity",
            (*("TimeGenerated", "OperationNameValue", "ActivityStatusValue", "Caller"), *("_ResourceId", "ResourceId")),
        ),
    ),
    parameters=(
        Parameter("policy_managers", "texts", (), "callers that manage policy by trade: infrastructure pipelines"),
    ),
    every=15,
    period=60,
    entities=("Caller", "Operation", "Resource"),
    maps=(Entity("Account", "FullName", "Caller"), Entity("AzureResource", "ResourceId", "Resource")),
    why="{Caller} did {Operation} on {Resource} {Count} times within an hour",
    matters=("A gate is opened most quietly by taking away the rule that keeps it shut, or by granting an exception."),
    false_positives="Infrastructure as code that writes the same again: name its identity in policy_managers.",
    to_do="Compare with the change that was approved; put the assignment back, and revoke the exemption.",
    kql="""AzureActivity
| where OperationNameValue in~ ("Microsoft.Authorization/policyAssignments/delete",
    "Microsoft.Authorization/policyAssignments/write",
    "Microsoft.Authorization/policyExemptions/write",
    "Microsoft.Authorization/policyDefinitions/delete",
    "Microsoft.Authorization/policySetDefinitions/delete",
    "Microsoft.Authorization/locks/delete")
| where ActivityStatusValue in~ ("Success", "Succeeded")
| where not(Caller in~ (policy_managers))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by Caller, Operation = tolower(OperationNameValue), Resource = tolower(coalesce(_ResourceId, ResourceId)),
    Window = bin(TimeGenerated, 1h)
""",
    sql="""
select Caller, lower(OperationNameValue) as Operation, lower(coalesce(nullif(_ResourceId, ''), ResourceId)) as Resource,
       time_bucket(interval 1 hour, TimeGenerated) as Window, min(TimeGenerated) as First, max(TimeGenerated) as Last,
       count(*) as Count
from AzureActivity
where lower(OperationNameValue) in ('microsoft.authorization/policyassignments/delete',
    'microsoft.authorization/policyassignments/write',
    'microsoft.authorization/policyexemptions/write',
    'microsoft.authorization/policydefinitions/delete',
    'microsoft.authorization/policysetdefinitions/delete',
    'microsoft.authorization/locks/delete')
  and lower(ActivityStatusValue) in ('success', 'succeeded')
  and not list_contains($policy_managers, lower(coalesce(Caller, '')))
group by all
""",
)
