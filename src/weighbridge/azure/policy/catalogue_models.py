"""Definitions on what is deployed, by whom, and with which evidence."""

from __future__ import annotations

from weighbridge.azure.policy.custom import FOUNDRY, ML, Custom
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

ONLINE = ML + "workspaces/onlineEndpoints/deployments"
BATCH = ML + "workspaces/batchEndpoints/deployments"
SERVERLESS = ML + "workspaces/serverlessEndpoints"
DEPLOYMENT = FOUNDRY + "deployments"
MANAGED = FOUNDRY + "managedComputeDeployments"
AGENT = FOUNDRY + "projects/applications/agentDeployments"
PATHS = (ONLINE, BATCH, SERVERLESS, DEPLOYMENT, MANAGED, AGENT)
"""Every type that runs a model."""
_DIGEST = "sha256:" + "." * 64
_CALLER = "[coalesce(tryGet(requestContext().identity, '{}'), 'none')]"


def _type(kind: str) -> dict[str, Any]:
    return {"field": "type", "equals": kind}


def _outside(field: str) -> list[dict[str, Any]]:
    """A model that is no version in one of the registries.

    A name has eight parts between its slashes: `azureml:`, nothing, `registries`, the registry, `models`, the model,
    `versions`, the version. To look for `/versions/` alone would let a model of that name pass with a label.
    """
    parts = f"split(field('{field}'), '/')"
    return [
        {"field": field, "exists": "false"},
        {"field": field, "notContains": "/versions/"},
        {"value": f"[if(equals(length({parts}), 8), {parts}[6], 'none')]", "notEquals": "versions"},
        {"value": f"[empty(last({parts}))]", "equals": True},
        {
            "count": {
                "value": "[parameters('allowedRegistryPrefixes')]",
                "name": "prefix",
                "where": {
                    "allOf": [
                        {"value": "[current('prefix')]", "like": "azureml://registries/*/models/"},
                        {"field": field, "like": "[concat(current('prefix'), '*')]"},
                    ]
                },
            },
            "equals": 0,
        },
    ]


def _source(name: str, kind: str, field: str, what: str) -> Custom:
    return Custom(
        id=f"W-01-{name}",
        title=f"{what} run models of approved registries",
        about="Denies a model that is missing, of a workspace, of another registry, or named by a label.",
        rule={"allOf": [_type(kind), {"anyOf": _outside(field)}]},
        parameters=("allowedRegistryPrefixes",),
    )


def _evidence(name: str, kind: str, model: str, what: str) -> Custom:
    properties = f"field('{kind}/properties')"
    digest = f"if(empty({properties}), '', coalesce(tryGet({properties}, 'weighbridge.digest'), ''))"
    decision = f"if(empty({properties}), '', coalesce(tryGet({properties}, 'weighbridge.decision'), ''))"
    admitted = {
        "count": {
            "value": "[parameters('admittedModels')]",
            "name": "admitted",
            "where": {
                "allOf": [
                    {"field": model, "equals": "[current('admitted').model]"},
                    {"value": f"[{digest}]", "equals": "[current('admitted').digest]"},
                ]
            },
        },
        "equals": 0,
    }
    return Custom(
        id=f"W-04-{name}",
        title=f"{what} name the digest and the decision of gate two",
        about="Denies a deployment without weighbridge.digest and weighbridge.decision in its properties, which"
        " nobody can"
        " change later, and one whose model was admitted with another digest.",
        rule={
            "allOf": [
                _type(kind),
                {
                    "anyOf": [
                        {"value": f"[{digest}]", "notMatch": _DIGEST},
                        {"value": f"[{decision}]", "equals": ""},
                        {"allOf": [{"value": "[length(parameters('admittedModels'))]", "greater": 0}, admitted]},
                    ]
                },
            ]
        },
        parameters=("admittedModels",),
    )


MODELS = (
    _source("online", ONLINE, f"{ONLINE}/model", "Online deployments"),
    _source("batch", BATCH, f"{BATCH}/model.assetId", "Batch deployments"),
    _source("serverless", SERVERLESS, f"{SERVERLESS}/modelSettings.modelId", "Serverless endpoints"),
    Custom(
        id="W-02",
        title="Only pipelines deploy models",
        about="Denies deployments of all kinds by people and by applications that are not listed. A compliance"
        " scan has no"
        " caller and is not judged.",
        rule={
            "allOf": [
                {"field": "type", "in": list(PATHS)},
                {"value": _CALLER.format("idtyp"), "notEquals": "none"},
                {
                    "anyOf": [
                        {"value": _CALLER.format("idtyp"), "notEquals": "app"},
                        {"value": _CALLER.format("appid"), "notIn": "[parameters('allowedPipelineAppIds')]"},
                    ]
                },
            ]
        },
        parameters=("allowedPipelineAppIds",),
        stages=("Disabled", "Audit", "Deny"),
    ),
    Custom(
        id="W-03",
        title="No models of a workspace's own",
        about="Denies models that are registered in a workspace instead of in an approved registry.",
        rule={"field": "type", "in": [ML + "workspaces/models", ML + "workspaces/models/versions"]},
    ),
    _evidence("online", ONLINE, f"{ONLINE}/model", "Online deployments"),
    _evidence("batch", BATCH, f"{BATCH}/model.assetId", "Batch deployments"),
    Custom(
        id="W-07",
        title="Foundry deploys listed models only",
        about="Denies Foundry models that are not listed with their version, or have none, which means the newest.",
        rule={
            "allOf": [
                _type(DEPLOYMENT),
                {
                    "anyOf": [
                        {"field": f"{DEPLOYMENT}/model.version", "exists": "false"},
                        {
                            "value": f"[concat(field('{DEPLOYMENT}/model.format'), '/',"
                            f" field('{DEPLOYMENT}/model.name'), '/', field('{DEPLOYMENT}/model.version'))]",
                            "notIn": "[parameters('allowedModels')]",
                        },
                    ]
                },
            ]
        },
        parameters=("allowedModels",),
    ),
    Custom(
        id="W-08",
        title="Foundry does not replace models by itself",
        about="Denies deployments whose model the provider would upgrade after it was admitted.",
        rule={
            "allOf": [
                _type(DEPLOYMENT),
                {"field": f"{DEPLOYMENT}/versionUpgradeOption", "notEquals": "NoAutoUpgrade"},
            ]
        },
    ),
    Custom(
        id="W-09",
        title="Foundry deployments have listed sizes",
        about="Reports sizes that are not listed. The alias is said to save and never to match: audit it before"
        " it denies.",
        rule={
            "allOf": [_type(DEPLOYMENT), {"field": f"{DEPLOYMENT}/sku.name", "notIn": "[parameters('allowedSkus')]"}]
        },
        parameters=("allowedSkus",),
        stages=("Disabled", "Audit", "Audit"),
    ),
    Custom(
        id="W-16",
        title="Foundry's managed compute runs approved models, or none",
        about="Denies managed compute where it is not allowed; elsewhere models of other registries, templates"
        " by label, and"
        " upgrades by the provider.",
        rule={
            "allOf": [
                _type(MANAGED),
                {
                    "anyOf": [
                        {"value": "[parameters('allowManagedCompute')]", "equals": False},
                        *_outside(f"{MANAGED}/model"),
                        {"field": f"{MANAGED}/deploymentTemplate", "exists": "false"},
                        {"field": f"{MANAGED}/deploymentTemplate", "contains": "/labels/"},
                        {"field": f"{MANAGED}/versionUpgradeOption", "notEquals": "NoAutoUpgrade"},
                    ]
                },
            ]
        },
        parameters=("allowManagedCompute", "allowedRegistryPrefixes"),
        stages=("Audit", "Deny", "Deny"),
    ),
    Custom(
        id="W-17",
        title="Deployments have their tags",
        about="Denies deployments that lack a tag. Tags are for people: their values are never taken for evidence.",
        rule={
            "allOf": [
                {"field": "type", "in": [ONLINE, BATCH, SERVERLESS, DEPLOYMENT]},
                {
                    "count": {
                        "value": "[parameters('requiredTags')]",
                        "name": "tag",
                        "where": {"field": "tags", "notContainsKey": "[current('tag')]"},
                    },
                    "greater": 0,
                },
            ]
        },
        parameters=("requiredTags",),
        stages=("Audit", "Deny", "Deny"),
    ),
)
