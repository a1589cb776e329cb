"""Definitions on what surrounds deployments: networks, keys, registries, and the policies themselves."""

from __future__ import annotations

from weighbridge.azure.policy.custom import FOUNDRY, ML, Custom

_ACR = "Microsoft.ContainerRegistry/registries"
_EXEMPTION = "Microsoft.Authorization/policyExemptions"
_ISOLATION = ML + "workspaces/managedNetwork.isolationMode"
_FOUNDRY_ISOLATION = FOUNDRY + "managedNetworks/managedNetwork.isolationMode"

ESTATE = (
    Custom(
        id="W-05",
        title="Workspaces are isolated as their stage demands",
        about="Denies workspaces and hubs without a managed network of the demanded isolation. Projects have"
        " their hub's.",
        rule={
            "allOf": [
                {"field": "type", "equals": ML + "workspaces"},
                {"field": "kind", "notEquals": "Project"},
                {
                    "anyOf": [
                        {"field": _ISOLATION, "exists": "false"},
                        {"field": _ISOLATION, "notEquals": "[parameters('isolationMode')]"},
                    ]
                },
            ]
        },
        parameters=("isolationMode",),
        mode="Indexed",
        stages=("Audit", "Deny", "Deny"),
    ),
    Custom(
        id="W-06",
        title="Foundry's networks are isolated as their stage demands",
        about="Denies managed networks of Foundry accounts without the demanded isolation.",
        rule={
            "allOf": [
                {"field": "type", "equals": FOUNDRY + "managedNetworks"},
                {
                    "anyOf": [
                        {"field": _FOUNDRY_ISOLATION, "exists": "false"},
                        {"field": _FOUNDRY_ISOLATION, "notEquals": "[parameters('isolationMode')]"},
                    ]
                },
            ]
        },
        parameters=("isolationMode",),
        stages=("Audit", "Deny", "Deny"),
    ),
    Custom(
        id="W-10",
        title="Deployments do not reach the internet",
        about="For workspaces without a managed network: denies online deployments with public egress.",
        rule={
            "allOf": [
                {"field": "type", "equals": ML + "workspaces/onlineEndpoints/deployments"},
                {
                    "field": ML + "workspaces/onlineEndpoints/deployments/egressPublicNetworkAccess",
                    "notEquals": "Disabled",
                },
            ]
        },
        stages=("Disabled", "Audit", "Audit"),
    ),
    Custom(
        id="W-11",
        title="Endpoints know who calls them",
        about="Denies endpoints with keys: their logs do not say who called.",
        rule={
            "allOf": [
                {"field": "type", "equals": ML + "workspaces/onlineEndpoints"},
                {"field": ML + "workspaces/onlineEndpoints/authMode", "notEquals": "AADToken"},
            ]
        },
        stages=("Audit", "Deny", "Deny"),
    ),
    Custom(
        id="W-12",
        title="Model registries are not public",
        about="Denies registries of Azure Machine Learning that can be reached from the internet.",
        rule={
            "allOf": [
                {"field": "type", "equals": ML + "registries"},
                {"field": ML + "registries/publicNetworkAccess", "notEquals": "Disabled"},
            ]
        },
        stages=("Audit", "Deny", "Deny"),
    ),
    Custom(
        id="W-13",
        title="Container registries let nobody pass their rules",
        about="Denies registries that services of Azure may pass by, or that have no endpoints of their own for data.",
        rule={
            "allOf": [
                {"field": "type", "equals": _ACR},
                {
                    "anyOf": [
                        {
                            "field": f"{_ACR}/networkRuleBypassOptions",
                            "notEquals": "[parameters('networkRuleBypass')]",
                        },
                        {"field": f"{_ACR}/dataEndpointEnabled", "notEquals": True},
                    ]
                },
            ]
        },
        parameters=("networkRuleBypass",),
        mode="Indexed",
        stages=("Audit", "Deny", "Deny"),
    ),
    Custom(
        id="W-14",
        title="Registries and logs are not deleted",
        about="Denies to delete what evidence is kept in.",
        rule={"field": "type", "in": "[parameters('protectedTypes')]"},
        parameters=("protectedTypes",),
        effects=("DenyAction", "Disabled"),
        stages=("Disabled", "DenyAction", "DenyAction"),
        details={"actionNames": ["delete"], "cascadeBehaviors": {"resourceGroup": "deny"}},
    ),
    Custom(
        id="W-15",
        title="Exemptions end, and none is from these policies",
        about="Denies exemptions that never end or end too late, and any from an assignment of ours.",
        rule={
            "allOf": [
                {"field": "type", "equals": _EXEMPTION},
                {
                    "anyOf": [
                        {"field": f"{_EXEMPTION}/expiresOn", "exists": "false"},
                        {
                            "value": f"[field('{_EXEMPTION}/expiresOn')]",
                            "greater": "[addDays(utcNow(), parameters('maxExemptionDays'))]",
                        },
                        {
                            "value": f"[last(split(field('{_EXEMPTION}/policyAssignmentId'), '/'))]",
                            "like": "[concat(parameters('assignmentPrefix'), '*')]",
                        },
                    ]
                },
            ]
        },
        parameters=("maxExemptionDays", "assignmentPrefix"),
    ),
)
