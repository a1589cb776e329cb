"""D16: the isolation of a workspace, an account, a registry or a vault was loosened."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads

_LOOSE = r'(?i)"publicNetworkAccess"\s*:\s*"Enabled"|"defaultAction"\s*:\s*"Allow"|"isolationMode"\s*:\s*"(?:AllowInternetOutbound|Disabled)"|"adminUserEnabled"\s*:\s*true|"anonymousPullEnabled"\s*:\s*true'

DETECTION = Detection(
    id="network-loosened",
    number="D16",
    title="A network isolation was loosened",
    severity=Severity.HIGH,
    references=("T1562.007", "AML.T0049"),
    tactics=("DefenseEvasion",),
    reads=(
        Reads(
            "AzureActivity",
            (
                *("TimeGenerated", "OperationNameValue", "ActivityStatusValue", "Caller"),
                *("_ResourceId", "ResourceId", "Properties", "Properties_d"),
            ),
        ),
    ),
    parameters=(Parameter("network_managers", "texts", (), "callers that may change outbound rules by trade"),),
    every=15,
    period=60,
    entities=("Caller", "Operation", "Resource"),
    maps=(Entity("Account", "FullName", "Caller"), Entity("AzureResource", "ResourceId", "Resource")),
    why="{Caller} opened {Resource} ({Operation}) {Count} times within an hour",
    matters="An endpoint that may only reach what was approved becomes one that may reach everything, or be reached.",
    false_positives=(
        "Changes whose body the activity log does not have are not told: the audit compares the resource itself."
    ),
    to_do="Put the setting back; see with egress-name and egress-address what used the opening.",
    kql=f"""AzureActivity
| where OperationNameValue in~ ("Microsoft.MachineLearningServices/workspaces/write",
    "Microsoft.MachineLearningServices/workspaces/outboundRules/write", "Microsoft.CognitiveServices/accounts/write",
    "Microsoft.CognitiveServices/accounts/managedNetworks/write", "Microsoft.ContainerRegistry/registries/write",
    "Microsoft.KeyVault/vaults/write", "Microsoft.Storage/storageAccounts/write")
| where ActivityStatusValue in~ ("Success", "Succeeded")
| extend Said = coalesce(Properties_d, parse_json(Properties))
| extend Body = tostring(Said.requestbody)
| where Body matches regex @'{_LOOSE}'
    or (OperationNameValue endswith "outboundRules/write" and not(Caller in~ (network_managers)))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by Caller, Operation = tolower(OperationNameValue), Resource = tolower(coalesce(_ResourceId, ResourceId)),
    Window = bin(TimeGenerated, 1h)
""",
    sql=f"""
select Caller, lower(OperationNameValue) as Operation, lower(coalesce(nullif(_ResourceId, ''), ResourceId)) as Resource,
       time_bucket(interval 1 hour, TimeGenerated) as Window, min(TimeGenerated) as First, max(TimeGenerated) as Last,
       count(*) as Count
from AzureActivity
where lower(OperationNameValue) in ('microsoft.machinelearningservices/workspaces/write',
    'microsoft.machinelearningservices/workspaces/outboundrules/write', 'microsoft.cognitiveservices/accounts/write',
    'microsoft.cognitiveservices/accounts/managednetworks/write', 'microsoft.containerregistry/registries/write',
    'microsoft.keyvault/vaults/write', 'microsoft.storage/storageaccounts/write')
  and lower(ActivityStatusValue) in ('success', 'succeeded')
  and (regexp_matches(coalesce(request_text(Properties_d, Properties), ''), '{_LOOSE}')
       or (ends_with(lower(OperationNameValue), 'outboundrules/write')
           and not list_contains($network_managers, lower(coalesce(Caller, '')))))
group by all
""",
)
