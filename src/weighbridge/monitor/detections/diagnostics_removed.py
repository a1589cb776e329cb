"""D13b: logs or alert rules were switched off."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads

DETECTION = Detection(
    id="diagnostics-removed",
    number="D13b",
    title="Diagnostics or alert rules were removed",
    severity=Severity.HIGH,
    references=("T1562.008", "T1070"),
    tactics=("DefenseEvasion",),
    reads=(
        Reads(
            "AzureActivity",
            (*("TimeGenerated", "OperationNameValue", "ActivityStatusValue", "Caller"), *("_ResourceId", "ResourceId")),
        ),
    ),
    parameters=(Parameter("diagnostics_managers", "texts", (), "callers that manage diagnostics by trade"),),
    every=15,
    period=60,
    entities=("Caller", "Operation", "Resource"),
    maps=(Entity("Account", "FullName", "Caller"), Entity("AzureResource", "ResourceId", "Resource")),
    why="{Caller} did {Operation} on {Resource} {Count} times within an hour",
    matters=(
        "Every other detection is blind from then on. The activity log itself cannot be switched off, so this one is not."
    ),
    false_positives="Resources that are taken down as a whole.",
    to_do="Put the setting back first, then ask why; what happened meanwhile is in no log.",
    kql="""AzureActivity
| where OperationNameValue in~ ("Microsoft.Insights/diagnosticSettings/delete",
    "Microsoft.OperationalInsights/workspaces/delete",
    "Microsoft.OperationalInsights/workspaces/tables/delete",
    "Microsoft.Insights/scheduledQueryRules/delete",
    "Microsoft.SecurityInsights/alertRules/delete",
    "Microsoft.Network/networkWatchers/flowLogs/delete")
| where ActivityStatusValue in~ ("Success", "Succeeded")
| where not(Caller in~ (diagnostics_managers))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by Caller, Operation = tolower(OperationNameValue), Resource = tolower(coalesce(_ResourceId, ResourceId)),
    Window = bin(TimeGenerated, 1h)
""",
    sql="""
select Caller, lower(OperationNameValue) as Operation, lower(coalesce(nullif(_ResourceId, ''), ResourceId)) as Resource,
       time_bucket(interval 1 hour, TimeGenerated) as Window, min(TimeGenerated) as First, max(TimeGenerated) as Last,
       count(*) as Count
from AzureActivity
where lower(OperationNameValue) in ('microsoft.insights/diagnosticsettings/delete',
    'microsoft.operationalinsights/workspaces/delete',
    'microsoft.operationalinsights/workspaces/tables/delete',
    'microsoft.insights/scheduledqueryrules/delete',
    'microsoft.securityinsights/alertrules/delete',
    'microsoft.network/networkwatchers/flowlogs/delete')
  and lower(ActivityStatusValue) in ('success', 'succeeded')
  and not list_contains($diagnostics_managers, lower(coalesce(Caller, '')))
group by all
""",
)
