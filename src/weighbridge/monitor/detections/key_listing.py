"""D15: somebody lists the keys of a workspace, an endpoint, a registry or an account."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Entity, Parameter, Reads

DETECTION = Detection(
    id="key-listing",
    number="D15",
    title="Keys or credentials were listed",
    severity=Severity.MEDIUM,
    references=("AML.T0055", "T1552", "T1528"),
    tactics=("CredentialAccess",),
    reads=(
        Reads(
            "AzureActivity",
            (*("TimeGenerated", "OperationNameValue", "ActivityStatusValue", "Caller"), *("_ResourceId", "ResourceId")),
        ),
    ),
    parameters=(Parameter("key_readers", "texts", (), "callers that list keys by trade: bootstrap of pipelines"),),
    every=15,
    period=60,
    entities=("Caller", "Operation", "Resource"),
    maps=(Entity("Account", "FullName", "Caller"), Entity("AzureResource", "ResourceId", "Resource")),
    why="{Caller} did {Operation} on {Resource} {Count} times within an hour",
    matters=("A key outlives every role and leaves no name in the logs of what it opened."),
    false_positives="The portal lists keys whenever somebody looks at a page; pipelines that bootstrap: name them in key_readers.",
    to_do="Switch keys off where identities do (disableLocalAuth, AADToken), and rotate those that were listed.",
    kql="""AzureActivity
| where OperationNameValue in~ ("Microsoft.MachineLearningServices/workspaces/listKeys/action",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action",
    "Microsoft.CognitiveServices/accounts/listKeys/action",
    "Microsoft.CognitiveServices/accounts/regenerateKey/action",
    "Microsoft.ContainerRegistry/registries/listCredentials/action",
    "Microsoft.ContainerRegistry/registries/generateCredentials/action",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Storage/storageAccounts/listAccountSas/action")
| where ActivityStatusValue in~ ("Success", "Succeeded", "Start", "Started")
| where not(Caller in~ (key_readers))
| summarize First = min(TimeGenerated), Last = max(TimeGenerated), Count = count()
    by Caller, Operation = tolower(OperationNameValue), Resource = tolower(coalesce(_ResourceId, ResourceId)),
    Window = bin(TimeGenerated, 1h)
""",
    sql="""
select Caller, lower(OperationNameValue) as Operation, lower(coalesce(nullif(_ResourceId, ''), ResourceId)) as Resource,
       time_bucket(interval 1 hour, TimeGenerated) as Window, min(TimeGenerated) as First, max(TimeGenerated) as Last,
       count(*) as Count
from AzureActivity
where lower(OperationNameValue) in ('microsoft.machinelearningservices/workspaces/listkeys/action',
    'microsoft.machinelearningservices/workspaces/onlineendpoints/listkeys/action',
    'microsoft.machinelearningservices/workspaces/onlineendpoints/regeneratekeys/action',
    'microsoft.cognitiveservices/accounts/listkeys/action',
    'microsoft.cognitiveservices/accounts/regeneratekey/action',
    'microsoft.containerregistry/registries/listcredentials/action',
    'microsoft.containerregistry/registries/generatecredentials/action',
    'microsoft.storage/storageaccounts/listkeys/action',
    'microsoft.storage/storageaccounts/listaccountsas/action')
  and lower(ActivityStatusValue) in ('success', 'succeeded', 'start', 'started')
  and not list_contains($key_readers, lower(coalesce(Caller, '')))
group by all
""",
)
