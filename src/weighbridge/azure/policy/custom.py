"""One definition of ours, and how it is written."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

ML = "Microsoft.MachineLearningServices/"
FOUNDRY = "Microsoft.CognitiveServices/accounts/"
DENYING = ("Audit", "Deny", "Disabled")


class Custom(NamedTuple):
    """A definition of ours.

    `parameters` are those beside `effect`, by name in `PARAMETERS`. `stages`: its effect in sandbox, staging and
    production.
    """

    id: str
    title: str
    about: str
    rule: dict[str, Any]
    parameters: tuple[str, ...] = ()
    mode: str = "All"
    effects: tuple[str, ...] = DENYING
    stages: tuple[str, str, str] = ("Disabled", "Deny", "Deny")
    details: dict[str, Any] | None = None

    @property
    def effect_parameter(self) -> str:
        """What its effect is called in the initiative."""
        return "effect" + "".join(part[:1].upper() + part[1:] for part in self.id.split("-"))


PARAMETERS: dict[str, tuple[str, str, Any]] = {
    "allowedRegistryPrefixes": (
        "Array",
        "Where models may come from: azureml://registries/NAME/models/, each with its last slash.",
        None,
    ),
    "allowedPipelineAppIds": ("Array", "Application ids of the pipelines that may deploy.", None),
    "allowedModels": ("Array", "Foundry models that may be deployed: FORMAT/NAME/VERSION.", None),
    "allowedSkus": ("Array", "What Foundry deployments may be sized as.", None),
    "admittedModels": (
        "Array",
        "What gate two admitted: objects with model and digest. Empty: any digest is taken, as long as there is one.",
        [],
    ),
    "requiredTags": ("Array", "Tags that have to be there. Their values prove nothing.", []),
    "isolationMode": ("String", "The isolation that networks have to have.", "AllowOnlyApprovedOutbound"),
    "allowManagedCompute": ("Boolean", "Whether Foundry's managed compute may run models at all.", False),
    "networkRuleBypass": (
        "String",
        "Whether Azure's services pass the network rules: None or AzureServices.",
        "None",
    ),
    "protectedTypes": (
        "Array",
        "Types that nobody may delete.",
        [
            "Microsoft.ContainerRegistry/registries",
            "Microsoft.MachineLearningServices/registries",
            "Microsoft.OperationalInsights/workspaces",
        ],
    ),
    "assignmentPrefix": ("String", "What the names of our assignments begin with.", "wb-"),
    "maxExemptionDays": ("Integer", "Days after which an exemption has to end.", 30),
}
"""Name → type, what it is for, and its default (None: it has to be given)."""


def definition_document(custom: Custom, prefix: str) -> dict[str, Any]:
    """The definition as Azure takes it."""
    parameters: dict[str, Any] = {
        "effect": {
            "type": "String",
            "metadata": {"displayName": "Effect", "description": "What happens to a request that matches."},
            "allowedValues": list(custom.effects),
            "defaultValue": custom.effects[0],
        }
    }
    for name in custom.parameters:
        parameters[name] = parameter_document(name)
    then: dict[str, Any] = {"effect": "[parameters('effect')]"}
    if custom.details is not None:
        then["details"] = custom.details
    return {
        "name": definition_name(custom, prefix),
        "properties": {
            "displayName": f"Weighbridge {custom.id}: {custom.title}",
            "policyType": "Custom",
            "mode": custom.mode,
            "description": custom.about,
            "metadata": {"category": "Weighbridge", "version": "1.0.0"},
            "parameters": parameters,
            "policyRule": {"if": custom.rule, "then": then},
        },
    }


def definition_name(custom: Custom, prefix: str) -> str:
    """What a definition is called in Azure."""
    return f"{prefix}-{custom.id.lower()}"


def parameter_document(name: str) -> dict[str, Any]:
    """How a definition or the initiative declares a parameter."""
    kind, about, default = PARAMETERS[name]
    declared: dict[str, Any] = {"type": kind, "metadata": {"displayName": name, "description": about}}
    return declared if default is None else {**declared, "defaultValue": default}
