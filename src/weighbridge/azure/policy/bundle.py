"""The whole set as files: definitions, initiative and assignments in ARM JSON, with wrappers in Bicep and Terraform.

definitions/W-01-online.json …      each definition by itself, as `azure policy test` and `lint` take it
initiative.json                     the initiative, with names in place of ids, for the wrappers
assignments/production.json …       what each stage sets
initiative.template.json            an ARM template for a management group: definitions and initiative
assignment.template.json            an ARM template for a subscription: one stage
main.bicep, assignment.bicep, main.tf
"""

from __future__ import annotations

import json
import re

from weighbridge.azure.policy.catalogue import CATALOGUE
from weighbridge.azure.policy.custom import PARAMETERS, definition_document, definition_name, parameter_document
from weighbridge.azure.policy.wrappers import ASSIGNMENT_BICEP, MAIN_BICEP, MAIN_TERRAFORM
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.azure.policy.knowledge import AzureKnowledge, BuiltIn
    from weighbridge.core.settings import AzureSettings

API = "2023-04-01"
_SCHEMA = "https://schema.management.azure.com/schemas/2019-08-01/{}DeploymentTemplate.json#"
_REGISTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,62}\Z")
_APPLICATION = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,15}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
MOST_ADMITTED = 100
"""How many pairs of model and digest a policy can look at."""
_ISOLATIONS = ("AllowInternetOutbound", "AllowOnlyApprovedOutbound", "AllowOnlyApprovedOutbound")
_BUILT_IN_STAGES = {
    "Deny": ("Audit", "Deny", "Deny"),
    "Audit": ("Audit", "Audit", "Audit"),
    "AuditIfNotExists": ("AuditIfNotExists", "AuditIfNotExists", "AuditIfNotExists"),
}


def bundle_of(settings: AzureSettings, knowledge: AzureKnowledge) -> dict[str, str]:
    """Every file by its path. Raises UsageError for settings that no policy could be written with."""
    _check(settings)
    definitions = {custom.id: definition_document(custom, settings.prefix) for custom in CATALOGUE}
    initiative = initiative_of(settings, knowledge)
    stages = {stage: stage_parameters(settings, knowledge, stage) for stage in STAGES}
    files: dict[str, Any] = {f"definitions/{name}.json": document for name, document in definitions.items()}
    files["initiative.json"] = initiative
    files |= {f"assignments/{stage}.json": values for stage, values in stages.items()}
    files["initiative.template.json"] = initiative_template(definitions, initiative)
    files["assignment.template.json"] = assignment_template(initiative, stages, settings.prefix)
    texts = {path: json.dumps(document, indent=2) + "\n" for path, document in files.items()}
    wrappers = {"main.bicep": MAIN_BICEP, "assignment.bicep": ASSIGNMENT_BICEP, "main.tf": MAIN_TERRAFORM}
    listed = "\n".join(f"  loadJsonContent('definitions/{name}.json')" for name in definitions)
    return texts | {
        path: text.replace("@DEFINITIONS@", listed).replace("@PREFIX@", settings.prefix)
        for path, text in wrappers.items()
    }


def initiative_of(settings: AzureSettings, knowledge: AzureKnowledge) -> dict[str, Any]:
    """The initiative. A member has `definitionName` if it is ours and `builtInId` if it is Microsoft's."""
    parameters: dict[str, Any] = {}
    for custom in CATALOGUE:
        parameters[custom.effect_parameter] = _effect(f"{custom.id}: {custom.title}", custom.effects)
    for built_in in knowledge.built_ins:
        parameters[_effect_of(built_in)] = _effect(built_in.name, built_in.effects)
    for name in PARAMETERS:
        parameters[name] = parameter_document(name)
    members: list[dict[str, Any]] = [
        {
            "policyDefinitionReferenceId": custom.id,
            "definitionName": definition_name(custom, settings.prefix),
            "builtInId": "",
            "parameters": {
                "effect": {"value": f"[parameters('{custom.effect_parameter}')]"},
                **{name: {"value": f"[parameters('{name}')]"} for name in custom.parameters},
            },
        }
        for custom in CATALOGUE
    ]
    members += [
        {
            "policyDefinitionReferenceId": built_in.reference,
            "definitionName": "",
            "builtInId": built_in.id,
            "parameters": {
                "effect": {"value": f"[parameters('{_effect_of(built_in)}')]"},
                **{name: {"value": _filled(value)} for name, value in built_in.parameters.items()},
            },
        }
        for built_in in knowledge.built_ins
    ]
    return {
        "name": f"{settings.prefix}-models",
        "properties": {
            "displayName": "Weighbridge: models that passed both gates",
            "description": "Models come from approved registries, are deployed by pipelines, and carry their evidence.",
            "policyType": "Custom",
            "metadata": {"category": "Weighbridge", "version": "1.0.0"},
            "parameters": parameters,
            "policyDefinitions": members,
        },
    }


def stage_parameters(settings: AzureSettings, knowledge: AzureKnowledge, stage: str) -> dict[str, Any]:
    """What a stage sets of the initiative, as a file of parameters."""
    at = STAGES.index(stage)
    values: dict[str, Any] = {custom.effect_parameter: custom.stages[at] for custom in CATALOGUE}
    values |= {_effect_of(built_in): _BUILT_IN_STAGES[built_in.effect][at] for built_in in knowledge.built_ins}
    own = settings.staging_registries or settings.registries
    of_stage = {"production": settings.registries, "staging": own, "sandbox": (*own, *settings.registries)}
    values |= {
        "allowedRegistryPrefixes": [f"azureml://registries/{name}/models/" for name in dict.fromkeys(of_stage[stage])],
        "allowedPipelineAppIds": list(settings.deployers),
        "allowedModels": list(settings.models),
        "allowedSkus": list(settings.skus),
        "requiredTags": list(settings.required_tags),
        "admittedModels": [{"model": model, "digest": digest} for model, digest in sorted(settings.admitted.items())],
        "isolationMode": _ISOLATIONS[at],
        "allowManagedCompute": stage != "production",
        "assignmentPrefix": f"{settings.prefix}-",
    }
    return {name: {"value": value} for name, value in values.items()}


def initiative_template(definitions: Mapping[str, Any], initiative: Mapping[str, Any]) -> dict[str, Any]:
    """An ARM template for a management group."""
    ours = "[extensionResourceId(managementGroup().id, 'Microsoft.Authorization/policyDefinitions', '{}')]"
    built_in = "[tenantResourceId('Microsoft.Authorization/policyDefinitions', '{}')]"
    members = [
        {
            "policyDefinitionReferenceId": member["policyDefinitionReferenceId"],
            "policyDefinitionId": ours.format(member["definitionName"])
            if member["definitionName"]
            else built_in.format(member["builtInId"]),
            "parameters": escaped(member["parameters"]),
        }
        for member in initiative["properties"]["policyDefinitions"]
    ]
    resources: list[dict[str, Any]] = [
        {
            "type": "Microsoft.Authorization/policyDefinitions",
            "apiVersion": API,
            "name": document["name"],
            "properties": escaped(document["properties"]),
        }
        for document in definitions.values()
    ]
    resources.append(
        {
            "type": "Microsoft.Authorization/policySetDefinitions",
            "apiVersion": API,
            "name": initiative["name"],
            "dependsOn": [ours.format(document["name"]) for document in definitions.values()],
            "properties": {**escaped(initiative["properties"]), "policyDefinitions": members},
        }
    )
    identifier = ours.replace("policyDefinitions", "policySetDefinitions").format(initiative["name"])
    return {
        "$schema": _SCHEMA.format("managementGroup"),
        "contentVersion": "1.0.0.0",
        "resources": resources,
        "outputs": {"initiativeId": {"type": "string", "value": identifier}},
    }


def assignment_template(initiative: Mapping[str, Any], stages: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """An ARM template for a subscription that is one stage."""
    return {
        "$schema": _SCHEMA.format("subscription"),
        "contentVersion": "1.0.0.0",
        "parameters": {
            "stage": {"type": "string", "allowedValues": list(STAGES)},
            "initiativeId": {"type": "string", "metadata": {"description": "The output of the initiative's template."}},
            "enforcementMode": {
                "type": "string",
                "defaultValue": "Default",
                "allowedValues": ["Default", "DoNotEnforce"],
                "metadata": {"description": "DoNotEnforce reports what would be denied and lets it pass."},
            },
        },
        "variables": {"stages": escaped(stages)},
        "resources": [
            {
                "type": "Microsoft.Authorization/policyAssignments",
                "apiVersion": API,
                "name": f"[concat('{prefix}-', parameters('stage'))]",
                "properties": {
                    "displayName": f"[concat('{initiative['properties']['displayName']} (', parameters('stage'), ')')]",
                    "policyDefinitionId": "[parameters('initiativeId')]",
                    "enforcementMode": "[parameters('enforcementMode')]",
                    "parameters": "[variables('stages')[parameters('stage')]]",
                },
            }
        ],
    }


def escaped(value: Any) -> Any:
    """A value whose expressions are for the policy and not for the template around it: `[x]` becomes `[[x]`."""
    if isinstance(value, str):
        return f"[{value}" if value.startswith("[") else value
    if isinstance(value, list):
        return [escaped(item) for item in value]
    if isinstance(value, dict):
        return {key: escaped(item) for key, item in value.items()}
    return value


def _effect(about: str, effects: tuple[str, ...]) -> dict[str, Any]:
    return {
        "type": "String",
        "metadata": {"displayName": f"Effect of {about}"},
        "allowedValues": list(effects),
        "defaultValue": effects[0],
    }


def _effect_of(built_in: BuiltIn) -> str:
    return "effect" + "".join(part[:1].upper() + part[1:] for part in built_in.reference.split("-"))


def _filled(value: Any) -> Any:
    """A parameter of a built-in definition; those that ours decide are passed on."""
    ours = {"{prefixes}": "allowedRegistryPrefixes", "{isolation}": "isolationMode"}
    return f"[parameters('{ours[value]}')]" if isinstance(value, str) and value in ours else value


def _check(settings: AzureSettings) -> None:
    for name in (*settings.registries, *settings.staging_registries):
        if not _REGISTRY.match(name):
            raise UsageError(f"[azure]: {name!r} is no name of a registry", "write the name alone, without azureml://")
    for name in settings.deployers:
        if not _APPLICATION.match(name):
            raise UsageError(f"[azure]: {name!r} is no id of an application", "write the client id of the pipeline")
    if not _PREFIX.match(settings.prefix):
        raise UsageError(f"[azure]: the prefix {settings.prefix!r} is no short word", 'write prefix = "wb"')
    for model in settings.models:
        if len(model.split("/")) != 3 or not all(model.split("/")):
            raise UsageError(f"[azure]: {model!r} is no model with its version", "write FORMAT/NAME/VERSION")
    if len(settings.admitted) > MOST_ADMITTED:
        raise UsageError(
            f"[azure]: {len(settings.admitted)} models are admitted, and a policy can look at {MOST_ADMITTED}",
            "leave the list empty; the gate compares digests before a deployment",
        )
    for model, digest in settings.admitted.items():
        if not model.startswith("azureml://registries/") or not _DIGEST.match(digest):
            raise UsageError(
                f"[azure.admitted]: {model!r} is no model with its digest", 'write "azureml://…" = "sha256:…"'
            )
