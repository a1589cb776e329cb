"""An Azure estate as it is exported, with everything as the checklist wants it, to be spoilt one thing at a time."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from weighbridge.controls.alerts import DETECTIONS

if TYPE_CHECKING:
    from pathlib import Path

SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
PUSHER, DEPLOYER, ENDPOINT_ID, SANDBOX_ID = (f"{n}{n}{n}{n}0000-0000-4000-8000-000000000000" for n in "5678")
APP = "aaaa0000-0000-4000-8000-000000000000"
LOGS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-logs/providers/Microsoft.OperationalInsights/workspaces/logs"
Export = dict[str, Any]
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def arm(group: str, kind: str, name: str) -> str:
    """An ARM id; `kind` may have several levels, and `name` as many."""
    provider, *types = kind.split("/")
    path = "/".join(f"{one}/{called}" for one, called in zip(types, name.split("/"), strict=True))
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{provider}/{path}"


def resource(group: str, kind: str, name: str, properties: dict[str, Any], /, **more: Any) -> dict[str, Any]:
    """A row of Resource Graph: the type is written in lower case there."""
    identity = arm(group, kind, name)
    head = {"id": identity, "name": name.rpartition("/")[2], "type": kind.lower(), "location": "westeurope"}
    return {
        **head,
        "resourceGroup": group,
        "subscriptionId": SUBSCRIPTION,
        "tags": {},
        **more,
        "properties": properties,
    }


APPROVED: dict[str, Any] = {"properties": {"privateLinkServiceConnectionState": {"status": "Approved"}}}
ML, CR = "Microsoft.MachineLearningServices", "Microsoft.ContainerRegistry/registries"


def workspace(stage: str, mode: str) -> dict[str, Any]:
    group = f"rg-{stage}"
    network = {
        "isolationMode": mode,
        "status": {"status": "Active", "sparkReady": False},
        "outboundRules": {
            "needed": {"type": "FQDN", "category": "Required", "destination": "*.azureml.ms", "status": "Active"},
            "own": {"type": "FQDN", "category": "UserDefined", "destination": "models.contoso.example"},
        },
    }
    properties = {
        "publicNetworkAccess": "Disabled",
        "managedNetwork": network,
        "keyVault": arm(group, "Microsoft.KeyVault/vaults", f"kv-{stage}"),
        "storageAccount": arm(group, "Microsoft.Storage/storageAccounts", f"st{stage}"),
        "containerRegistry": arm(group, CR, f"img{stage}"),
    }
    identity = {"type": "SystemAssigned", "principalId": SANDBOX_ID if stage == "sandbox" else f"{stage}-identity"}
    tags = {"weighbridge.stage": stage}
    return resource(group, f"{ML}/workspaces", f"hub-{stage}", properties, kind="Hub", tags=tags, identity=identity)


def vault(stage: str) -> dict[str, Any]:
    properties = {"enableRbacAuthorization": True, "enablePurgeProtection": True, "publicNetworkAccess": "Disabled"}
    tags = {"weighbridge.stage": stage}
    return resource(f"rg-{stage}", "Microsoft.KeyVault/vaults", f"kv-{stage}", properties, tags=tags)


def registry() -> dict[str, Any]:
    properties = {
        "adminUserEnabled": False,
        "publicNetworkAccess": "Disabled",
        "anonymousPullEnabled": False,
        "privateEndpointConnections": [APPROVED],
        "policies": {"exportPolicy": {"status": "disabled"}, "softDeletePolicy": {"status": "enabled"}},
    }
    tags = {"weighbridge.role": "model-registry"}
    return resource("rg-models", CR, "wbmodels", properties, sku={"name": "Premium", "tier": "Premium"}, tags=tags)


def query_rule(detection: str) -> dict[str, Any]:
    query = (
        f"// weighbridge:{detection} v1\nAmlOnlineEndpointTrafficLog | where ResponseCode >= 400 | summarize count()"
    )
    properties = {
        "enabled": True,
        "scopes": [LOGS],
        "criteria": {
            "allOf": [{"query": query, "timeAggregation": "Count", "operator": "GreaterThan", "threshold": 0}]
        },
        "actions": {"actionGroups": [arm("rg-logs", "Microsoft.Insights/actionGroups", "security")]},
    }
    return resource("rg-logs", "Microsoft.Insights/scheduledQueryRules", f"wb-{detection.lower()}", properties)


def sentinel_rule(detection: str) -> dict[str, Any]:
    query = f"// weighbridge:{detection} v1\nAADManagedIdentitySignInLogs | where ResultType == '0' | summarize count()"
    kind = "Microsoft.SecurityInsights/alertRules"
    identity = f"{LOGS}/providers/{kind}/{detection.lower()}"
    return {"id": identity, "type": kind, "kind": "Scheduled", "properties": {"enabled": True, "query": query}}


def assignment(name: str, definition: str, **parameters: Any) -> dict[str, Any]:
    kind = "Microsoft.Authorization/policyAssignments"
    scope = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-production"
    properties = {
        "scope": scope,
        "policyDefinitionId": f"/providers/Microsoft.Authorization/policyDefinitions/{definition}",
        "enforcementMode": "Default",
        "notScopes": [],
        "parameters": {key: {"value": value} for key, value in parameters.items()},
    }
    return {"id": f"{scope}/providers/{kind}/{name}", "type": kind, "name": name, "properties": properties}


def role(name: str, principal: str, code: str, scope: str) -> dict[str, Any]:
    kind = "Microsoft.Authorization/roleAssignments"
    definition = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{code}"
    properties = {"principalId": principal, "roleDefinitionId": definition, "scope": scope}
    return {"id": f"{scope}/providers/{kind}/{name}", "type": kind, "name": name, "properties": properties}


def credential(number: int, subject: str) -> dict[str, Any]:
    """As Microsoft Graph gives it."""
    return {
        "id": f"{number}",
        "name": f"github-{number}",
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": subject,
        "audiences": ["api://AzureADTokenExchange"],
        "description": None,
    }


def diagnostics(of: str) -> dict[str, Any]:
    kind = "Microsoft.Insights/diagnosticSettings"
    properties = {"workspaceId": LOGS, "logs": [{"categoryGroup": "allLogs", "enabled": True}]}
    return {"id": f"{of}/providers/{kind}/to-logs", "type": kind, "name": "to-logs", "properties": properties}


def compliant() -> Export:
    """Every file of the export by its name."""
    hubs = {stage: workspace(stage, "AllowOnlyApprovedOutbound") for stage in ("staging", "production")}
    hubs["sandbox"] = workspace("sandbox", "AllowInternetOutbound")
    identity = {
        "type": "UserAssigned",
        "userAssignedIdentities": {
            arm("rg-production", "Microsoft.ManagedIdentity/userAssignedIdentities", "id-score"): {
                "principalId": ENDPOINT_ID
            }
        },
    }
    endpoint = resource(
        "rg-production",
        f"{ML}/workspaces/onlineEndpoints",
        "hub-production/score",
        {"authMode": "AADToken", "publicNetworkAccess": "Disabled"},
        identity=identity,
    )
    account = resource(
        "rg-production",
        "Microsoft.CognitiveServices/accounts",
        "foundry",
        {"publicNetworkAccess": "Disabled", "disableLocalAuth": True},
        kind="AIServices",
        tags={"weighbridge.stage": "production"},
    )
    managed = resource(
        "rg-production",
        "Microsoft.CognitiveServices/accounts/managedNetworks",
        "foundry/default",
        {"managedNetwork": {"isolationMode": "AllowOnlyApprovedOutbound"}},
    )
    storage = resource(
        "rg-data",
        "Microsoft.Storage/storageAccounts",
        "trainingdata01",
        {"allowSharedKeyAccess": False, "allowBlobPublicAccess": False, "isHnsEnabled": False},
        tags={"weighbridge.role": "dataset"},
    )
    blobs = resource(
        "rg-data",
        "Microsoft.Storage/storageAccounts/blobServices",
        "trainingdata01/default",
        {
            "isVersioningEnabled": True,
            "deleteRetentionPolicy": {"enabled": True, "days": 30},
            "containerDeleteRetentionPolicy": {"enabled": True, "days": 30},
            "changeFeed": {"enabled": True},
        },
    )
    model = "azureml://registries/wb-prod/models/digits/versions/3"
    deployment = resource(
        "rg-production",
        f"{ML}/workspaces/onlineEndpoints/deployments",
        "hub-production/score/blue",
        {"model": model, "properties": {"weighbridge.digest": f"sha256:{'a' * 64}"}},
    )
    vaults = [vault("staging"), vault("production")]
    models = registry()
    rules = [query_rule(name) for name in DETECTIONS if name not in ("D05", "D10")]
    logged = [*hubs.values(), endpoint, *vaults, models, blobs]
    extensions = [
        {"name": name, "isEnabled": "True"}
        for name in ("AIPromptEvidence", "AIModelScanner", "AIPromptSharingWithPurview")
    ]
    plans = {"AI": {"pricingTier": "Standard", "extensions": extensions}}
    plans |= {name: {"pricingTier": "Standard"} for name in ("CloudPosture", "KeyVaults")}
    push, read = "8311e382-0749-4cb8-b61a-304f252e45ec", "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    science = "f6c7c914-8db3-469d-8ca1-694a8f32e121"
    return {
        "resources.json": {"data": [*hubs.values(), endpoint, account, storage, *vaults, models, *rules]},
        "managedNetworks.json": {"value": [managed]},
        "blobServices.json": [blobs],
        "deployments.json": {"value": [deployment]},
        "diagnosticSettings.json": {"value": [diagnostics(one["id"]) for one in logged]},
        "alertRules.json": {"value": [sentinel_rule("D05"), sentinel_rule("D10")]},
        "policyAssignments.json": [
            assignment(
                "wb-models",
                "12e5dd16-d201-47ff-849b-8454061c293d",
                effect="Deny",
                allowedPublishers=[],
                allowedAssetIds=["azureml://registries/wb-prod/models/"],
            ),
            assignment(
                "wb-foundry",
                "aafe3651-cb78-4f68-9f81-e7e41509110f",
                effect="Deny",
                allowedPublishers=[],
                allowedAssetIds=["azureml://registries/wb-prod/models/"],
            ),
        ],
        "policyExemptions.json": [],
        "roleAssignments.json": [
            role("r1", PUSHER, push, models["id"]),
            role("r2", DEPLOYER, science, hubs["production"]["id"]),
            role("r3", ENDPOINT_ID, read, models["id"]),
            role("r4", SANDBOX_ID, read, arm("rg-sandbox", CR, "imgsandbox")),
        ],
        "locks.json": [
            {
                "id": f"{of['id']}/providers/Microsoft.Authorization/locks/keep",
                "type": "Microsoft.Authorization/locks",
                "name": "keep",
                "properties": {"level": "CanNotDelete"},
            }
            for of in (models, storage, vaults[1])
        ],
        "pricings.json": {
            "value": [
                {
                    "id": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Security/pricings/{name}",
                    "type": "Microsoft.Security/pricings",
                    "name": name,
                    "properties": properties,
                }
                for name, properties in plans.items()
            ]
        },
        "federatedCredentials.json": {
            "value": [
                credential(1, "repo:contoso@4242/models@777:environment:production"),
                credential(2, "repo:contoso@4242/models@777:environment:staging"),
            ]
        },
        "applications.json": {
            "value": [{"id": "app-1", "appId": APP, "passwordCredentials": [], "keyCredentials": []}]
        },
        "servicePrincipals.json": {
            "value": [
                {
                    "id": who,
                    "appId": APP,
                    "servicePrincipalType": "Application",
                    "passwordCredentials": [],
                    "keyCredentials": [],
                }
                for who in (PUSHER, DEPLOYER)
            ]
        },
        "appRoleAssignments.json": {"value": []},
        "owners.json": {"value": []},
        "datasetLabels.json": {
            "value": [
                {
                    "qualifiedName": "https://trainingdata01.blob.core.windows.net/digits/v3",
                    "entityType": "azure_blob_path",
                    "classification": ["MICROSOFT.PERSONAL.NAME"],
                    "label": ["Confidential"],
                }
            ]
        },
    }


def rows(export: Export, file: str) -> list[dict[str, Any]]:
    """The records of one file."""
    content = export[file]
    if isinstance(content, list):
        return content
    found: list[dict[str, Any]] = content.get("data", content.get("value"))
    return found


def spoilt(file: str, record: str, path: str, value: Any) -> Export:
    """The compliant estate with one value of one record changed; `...` removes it. `record` ends its id."""
    export = copy.deepcopy(compliant())
    one = next(one for one in rows(export, file) if str(one.get("id", one.get("qualifiedName", ""))).endswith(record))
    body: Any = one
    *way, last = path.split("/")
    for key in way:
        body = body[int(key)] if isinstance(body, list) else body[key]
    if value is ...:
        del body[int(last) if isinstance(body, list) else last]
    elif isinstance(body, list):
        body[int(last)] = value
    else:
        body[last] = value
    return export


def with_one_more(file: str, record: dict[str, Any]) -> Export:
    """The compliant estate with one record more."""
    export = copy.deepcopy(compliant())
    rows(export, file).append(record)
    return export


def write(export: Export, folder: Path) -> Path:
    """The export as a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in export.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return folder


def sample() -> Export:
    """The estate of `examples/estate`: as it should be, but for four things that are easily overlooked."""
    export = spoilt("resources.json", "/wbmodels", "properties/adminUserEnabled", True)
    hub = next(one for one in rows(export, "resources.json") if one["id"].endswith("/hub-production"))
    rules = hub["properties"]["managedNetwork"]["outboundRules"]
    rules["models"] = {"type": "FQDN", "category": "UserDefined", "destination": "*.huggingface.co"}
    (credential_2,) = (one for one in rows(export, "federatedCredentials.json") if one["id"] == "2")
    credential_2["subject"] = "repo:contoso@4242/models@777:pull_request"
    endpoint = next(one for one in rows(export, "resources.json") if one["id"].endswith("/score"))
    endpoint["properties"]["authMode"] = "Key"
    hubs = {
        arm(f"rg-{stage}", f"{ML}/workspaces", f"hub-{stage}"): stage for stage in ("sandbox", "staging", "production")
    }
    export["estate.json"] = {"schema": "weighbridge.estate/1", "stages": hubs}
    return export
