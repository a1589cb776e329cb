"""D15: somebody lists the keys of a workspace, an endpoint, a registry or an account."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.monitor.base import Detection, Parameter
from weighbridge.monitor.operations import ENTITIES, MAPS, READS, WHY, kql_of, sql_of

_NAMES = (
    "Microsoft.MachineLearningServices/workspaces/listKeys/action",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/listKeys/action",
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/regenerateKeys/action",
    "Microsoft.CognitiveServices/accounts/listKeys/action",
    "Microsoft.CognitiveServices/accounts/regenerateKey/action",
    "Microsoft.ContainerRegistry/registries/listCredentials/action",
    "Microsoft.ContainerRegistry/registries/generateCredentials/action",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    "Microsoft.Storage/storageAccounts/listAccountSas/action",
)
_BEGUN = ("Success", "Succeeded", "Start", "Started")
"""Told as soon as it begins: one that fails in the end was tried."""
DETECTION = Detection(
    id="key-listing",
    number="D15",
    title="Keys or credentials were listed",
    severity=Severity.MEDIUM,
    references=("AML.T0055", "T1552", "T1528"),
    tactics=("CredentialAccess",),
    reads=(READS,),
    parameters=(Parameter("key_readers", "texts", (), "callers that list keys by trade: bootstrap of pipelines"),),
    every=15,
    period=60,
    entities=ENTITIES,
    maps=MAPS,
    why=WHY,
    matters=("A key outlives every role and leaves no name in the logs of what it opened."),
    false_positives="The portal lists keys whenever somebody looks at a page; pipelines that bootstrap: name them in key_readers.",
    to_do="Switch keys off where identities do (disableLocalAuth, AADToken), and rotate those that were listed.",
    kql=kql_of(_NAMES, "key_readers", _BEGUN),
    sql=sql_of(_NAMES, "key_readers", _BEGUN),
)
