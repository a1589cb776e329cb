"""Microsoft's definitions that are worth assigning, written anew after what they do, each with its traps.

The rules are our own words for what the public repository of built-in definitions holds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from build.azure_requests import GROUP, knowledge, outcome, policy
from weighbridge.azure.policy.definition import definition_of
from weighbridge.azure.policy.lint import lint_definition

ML = "Microsoft.MachineLearningServices"
DATA = "Microsoft.MachineLearningServices.v2.Data"
FOUNDRY_DATA = "Microsoft.CognitiveServices.Data"
CS = "Microsoft.CognitiveServices/accounts"
CR = "Microsoft.ContainerRegistry/registries"
WORKSPACE = f"{ML}/workspaces"
COMPONENT = f"{DATA}/workspaces/deployments"
FOUNDRY_COMPONENT = f"{FOUNDRY_DATA}/accounts/deployments"
SETTINGS = "Microsoft.Insights/diagnosticSettings"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices"


class Case(NamedTuple):
    """A resource, what is given to the policy, and what comes of it."""

    resource: dict[str, Any]
    expected: str
    given: dict[str, Any] = {}  # noqa: RUF012 -- never changed
    related: list[Any] | None = None


def of(kind: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"allOf": [{"field": "type", "equals": kind}, *parts]}


def body(kind: str, /, **properties: Any) -> dict[str, Any]:
    return {"id": f"{GROUP}{kind}/x", "type": kind, "name": "x", "properties": properties}


def component(kind: str = COMPONENT, **model: Any) -> dict[str, Any]:
    return {"type": kind, "model": model}


def no_entry_in(alias: str) -> dict[str, Any]:
    where = {"field": alias, "contains": "[current('entry')]"}
    return {"count": {"value": "[parameters('allowedAssetIds')]", "name": "entry", "where": where}, "equals": 0}


def approved(kind: str) -> list[dict[str, Any]]:
    publisher = {"field": f"{kind}/model.publisher", "notIn": "[parameters('allowedPublishers')]"}
    return [publisher, no_entry_in(f"{kind}/model.assetId")]


def links(kind: str) -> dict[str, Any]:
    connections = f"{kind}/privateEndpointConnections[*]"
    where = {"field": f"{connections}.privateLinkServiceConnectionState.status", "equals": "Approved"}
    return {"count": {"field": connections, "where": where}, "less": 1}


def link(status: str) -> dict[str, Any]:
    return {"privateLinkServiceConnectionState": {"status": status}}


LISTS: dict[str, Any] = {
    "allowedPublishers": {"type": "Array", "defaultValue": []},
    "allowedAssetIds": {"type": "Array", "defaultValue": []},
}
OURS = {"allowedAssetIds": ["azureml://registries/wb-prod/models/"]}
OPEN = {"allowedAssetIds": ["azureml://registries/wb-prod"]}
ASSET = "azureml://registries/wb-prod/models/n/versions/1"
ROGUE = "azureml://registries/wb-prod2/models/n/versions/1"
PRICING = {"type": "Microsoft.Security/pricings", "name": "AI"}
SUBSCRIPTION = {"type": "Microsoft.Resources/subscriptions", "name": "s", "properties": {}}

# id → its rule as a policy, and cases
BUILT_INS: dict[str, tuple[dict[str, Any], list[Case]]] = {
    "12e5dd16-d201-47ff-849b-8454061c293d": (
        policy(
            of(COMPONENT, {"field": f"{COMPONENT}/model.registryName", "exists": True}, {"allOf": approved(COMPONENT)}),
            mode=DATA,
            **LISTS,
        ),
        [
            Case(component(assetId=ASSET, registryName="wb-prod", publisher="us"), "compliant", OURS),
            Case(component(assetId=ROGUE, registryName="wb-prod2", publisher="us"), "deny", OURS),
            Case(component(assetId=ROGUE, registryName="wb-prod2"), "compliant", OPEN),  # a part of a name suffices
            Case(component(assetId=ROGUE, registryName="wb-prod2"), "compliant", {"allowedAssetIds": [""]}),
            Case(
                component(assetId=ROGUE, registryName="wb-prod2", publisher="Us"),
                "compliant",
                {**OURS, "allowedPublishers": ["us"]},
            ),
            Case(
                component(assetId="/subscriptions/s/workspaces/w/models/n/versions/1"), "compliant", OURS
            ),  # of a workspace
            Case(component(assetId=ASSET, registryName="wb-prod"), "deny"),
            Case(body("Microsoft.Test/x"), "not-applicable"),
        ],
    ),
    "19539b54-c61e-4196-9a38-67598701be90": (
        policy(
            of(
                COMPONENT,
                {
                    "anyOf": [
                        {"field": f"{COMPONENT}/model.assetId", "in": "[parameters('restricted')]"},
                        {
                            "allOf": [
                                {"field": f"{COMPONENT}/model.assetId", "like": "azureml://registries/*"},
                                {
                                    "not": {
                                        "field": f"{COMPONENT}/model.assetId",
                                        "like": "[concat('azureml://registries/', parameters('name'), '/*')]",
                                    }
                                },
                            ]
                        },
                    ]
                },
            ),
            mode=DATA,
            restricted={"type": "Array", "defaultValue": []},
            name={"type": "String", "defaultValue": ""},
        ),
        [
            Case(component(assetId=ASSET), "compliant", {"name": "wb-prod"}),
            Case(component(assetId=ROGUE), "deny", {"name": "wb-prod"}),
            Case(component(assetId=ASSET), "deny", {"name": "wb-prod", "restricted": [ASSET.upper()]}),
            Case(component(assetId=ASSET), "deny"),  # an empty name blocks all registries
            Case(component(assetId="azureml:n:1"), "compliant", {"name": "wb-prod"}),  # of a workspace
        ],
    ),
    "aafe3651-cb78-4f68-9f81-e7e41509110f": (
        policy(of(FOUNDRY_COMPONENT, *approved(FOUNDRY_COMPONENT)), mode=FOUNDRY_DATA, **LISTS),
        [
            Case(component(FOUNDRY_COMPONENT, assetId=ASSET), "compliant", OURS),
            Case(component(FOUNDRY_COMPONENT, assetId=ROGUE), "deny", OURS),
            Case(component(FOUNDRY_COMPONENT), "deny", OURS),
            Case(component(FOUNDRY_COMPONENT, publisher="OpenAI"), "compliant", {"allowedPublishers": ["OpenAI"]}),
        ],
    ),
    "6ddb1705-c8cf-450e-aa4b-19ad6703c440": (
        policy(
            of(
                WORKSPACE,
                {"field": f"{WORKSPACE}/managedNetwork.isolationMode", "notEquals": "[parameters('isolationMode')]"},
            ),
            mode="Indexed",
            isolationMode={
                "type": "String",
                "defaultValue": "Disabled",
                "allowedValues": ["Disabled", "AllowInternetOutbound", "AllowOnlyApprovedOutbound"],
            },
        ),
        [
            Case(
                body(WORKSPACE, managedNetwork={"isolationMode": "Disabled"}), "compliant"
            ),  # by default it demands nothing
            Case(
                body(WORKSPACE, managedNetwork={"isolationMode": "Disabled"}),
                "deny",
                {"isolationMode": "AllowOnlyApprovedOutbound"},
            ),
            Case(
                body(WORKSPACE, managedNetwork={"isolationMode": "allowonlyapprovedoutbound"}),
                "compliant",
                {"isolationMode": "AllowOnlyApprovedOutbound"},
            ),
            Case(body(WORKSPACE), "deny", {"isolationMode": "AllowOnlyApprovedOutbound"}),
        ],
    ),
    "438c38d2-3772-465a-a9cc-7a6666a275ce": (
        policy(of(WORKSPACE, {"field": f"{WORKSPACE}/publicNetworkAccess", "notEquals": "Disabled"}), mode="Indexed"),
        [
            Case(body(WORKSPACE, publicNetworkAccess="disabled"), "compliant"),
            Case(body(WORKSPACE, publicNetworkAccess="Enabled"), "deny"),
            Case(body(WORKSPACE), "deny"),
        ],
    ),
    "45e05259-1eb5-4f70-9574-baf73e9d219b": (
        policy(of(WORKSPACE, links(WORKSPACE)), "audit", mode="Indexed"),
        [
            Case(body(WORKSPACE, privateEndpointConnections=[link("Pending"), link("Approved")]), "compliant"),
            Case(body(WORKSPACE, privateEndpointConnections=[link("Pending")]), "audit"),
            Case(body(WORKSPACE, privateEndpointConnections=[]), "audit"),
            Case(body(WORKSPACE), "audit"),
        ],
    ),
    "71ef260a-8f18-47b7-abcb-62d0673d94dc": (
        policy(of(CS, {"field": f"{CS}/disableLocalAuth", "notEquals": True}), mode="Indexed"),
        [
            Case(body(CS, disableLocalAuth=True), "compliant"),
            Case(body(CS, disableLocalAuth=False), "deny"),
            Case(body(CS), "deny"),
        ],
    ),
    "037eea7a-bd0a-46c5-9a66-03aea78705d3": (
        policy(
            of(
                CS,
                {"field": f"{CS}/publicNetworkAccess", "notEquals": "Disabled"},
                {"field": f"{CS}/networkAcls.defaultAction", "notEquals": "Deny"},
            ),
            mode="Indexed",
        ),
        [
            Case(body(CS, publicNetworkAccess="Disabled"), "compliant"),
            Case(body(CS, publicNetworkAccess="Enabled", networkAcls={"defaultAction": "Deny"}), "compliant"),
            Case(body(CS, networkAcls={"defaultAction": "Allow"}), "deny"),
            Case(body(CS), "deny"),
        ],
    ),
    "dc921057-6b28-4fbe-9b83-f7bec05db6c2": (
        policy(of(CR, {"field": f"{CR}/adminUserEnabled", "equals": True}), mode="Indexed"),
        [
            Case(body(CR, adminUserEnabled=True), "deny"),
            Case(body(CR, adminUserEnabled="true"), "deny"),
            Case(body(CR), "compliant"),
        ],
    ),
    "79fdfe03-ffcb-4e55-b4d0-b925b8241759": (
        policy(
            of(CR, {"field": f"{CR}/adminUserEnabled", "equals": True}),
            "modify",
            mode="Indexed",
            details={
                "roleDefinitionIds": ["r"],
                "operations": [{"operation": "addOrReplace", "field": f"{CR}/adminUserEnabled", "value": False}],
            },
        ),
        [Case(body(CR, adminUserEnabled=True), "modify"), Case(body(CR, adminUserEnabled=False), "compliant")],
    ),
    "9f2dea28-e834-476c-99c5-3507b4728395": (
        policy(of(CR, {"field": f"{CR}/anonymousPullEnabled", "equals": True}), mode="Indexed"),
        [Case(body(CR, anonymousPullEnabled=True), "deny"), Case(body(CR), "compliant")],
    ),
    "0fdf0491-d080-4575-b627-ad0e843cba0f": (
        policy(of(CR, {"field": f"{CR}/publicNetworkAccess", "notEquals": "Disabled"}), mode="Indexed"),
        [Case(body(CR, publicNetworkAccess="Disabled"), "compliant"), Case(body(CR), "deny")],
    ),
    "bd560fc0-3c69-498a-ae9f-aa8eb7de0e13": (
        policy(of(CR, {"field": f"{CR}/sku.name", "notEquals": "Premium"}), mode="Indexed"),
        [
            Case({**body(CR), "sku": {"name": "Premium"}}, "compliant"),
            Case({**body(CR), "sku": {"name": "Basic"}}, "deny"),
            Case(body(CR), "deny"),
        ],
    ),
    "e8eef0a8-67cf-4eb4-9386-14b0e78733d4": (
        policy(of(CR, links(CR)), "audit", mode="Indexed"),
        [Case(body(CR, privateEndpointConnections=[link("approved")]), "compliant"), Case(body(CR), "audit")],
    ),
    "524b0254-c285-4903-bee6-bb8126cde579": (
        policy(
            of(
                CR,
                {
                    "anyOf": [
                        {"field": f"{CR}/policies.exportPolicy.status", "notEquals": "disabled"},
                        {"field": f"{CR}/publicNetworkAccess", "notEquals": "Disabled"},
                    ]
                },
            ),
            mode="Indexed",
        ),
        [
            Case(
                body(CR, policies={"exportPolicy": {"status": "disabled"}}, publicNetworkAccess="Disabled"), "compliant"
            ),
            Case(body(CR, policies={"exportPolicy": {"status": "disabled"}}), "deny"),
            Case(body(CR, publicNetworkAccess="Disabled"), "deny"),
        ],
    ),
    "42781ec6-6127-4c30-bdfa-fb423a0047d3": (
        policy(
            of(CR, {"field": f"{CR}/policies.azureADAuthenticationAsArmPolicy.status", "notEquals": "disabled"}),
            mode="Indexed",
        ),
        [
            Case(body(CR, policies={"azureADAuthenticationAsArmPolicy": {"status": "disabled"}}), "compliant"),
            Case(body(CR), "deny"),
        ],
    ),
    "ff05e24e-195c-447e-b322-5e90c9f9f366": (
        policy(of(f"{CR}/tokens", {"field": f"{CR}/tokens/status", "notEquals": "disabled"})),
        [
            Case(body(f"{CR}/tokens", status="disabled"), "compliant"),
            Case(body(f"{CR}/tokens", status="enabled"), "deny"),
            Case(body(f"{CR}/tokens"), "deny"),
        ],
    ),
    "84497762-32b6-4ab3-80b6-732ea48b85a2": (
        policy({"field": "type", "equals": f"{CR}/cacheRules"}),
        [Case(body(f"{CR}/cacheRules"), "deny"), Case(body(CR), "not-applicable")],
    ),
    "c2c0c6d8-007b-4a48-8d9b-3539bddd8e87": (
        policy(
            {"field": "type", "equals": "Microsoft.Resources/subscriptions"},
            "auditIfNotExists",
            details={
                "type": "Microsoft.Security/pricings",
                "name": "AI",
                "existenceScope": "subscription",
                "existenceCondition": {"field": "Microsoft.Security/pricings/pricingTier", "equals": "Standard"},
            },
        ),
        [
            Case(SUBSCRIPTION, "compliant", related=[{**PRICING, "properties": {"pricingTier": "Standard"}}]),
            Case(SUBSCRIPTION, "audit", related=[{**PRICING, "properties": {"pricingTier": "Free"}}]),
            Case(
                SUBSCRIPTION,
                "audit",
                related=[{**PRICING, "name": "KeyVaults", "properties": {"pricingTier": "Standard"}}],
            ),
            Case(SUBSCRIPTION, "unknown"),
        ],
    ),
    "359a48a3-351a-4618-bb32-f1628645694b": (
        policy(
            {"field": "type", "equals": "Microsoft.Resources/subscriptions"},
            "deployIfNotExists",
            details={
                "type": "Microsoft.Security/pricings",
                "name": "AI",
                "roleDefinitionIds": ["r"],
                "existenceCondition": {
                    "allOf": [
                        {"field": "Microsoft.Security/pricings/pricingTier", "equals": "Standard"},
                        {
                            "count": {
                                "field": "Microsoft.Security/pricings/extensions[*]",
                                "where": {
                                    "allOf": [
                                        {
                                            "field": "Microsoft.Security/pricings/extensions[*].name",
                                            "equals": "AIPromptEvidence",
                                        },
                                        {
                                            "field": "Microsoft.Security/pricings/extensions[*].isEnabled",
                                            "equals": "[parameters('evidence')]",
                                        },
                                    ]
                                },
                            },
                            "equals": 1,
                        },
                    ]
                },
            },
            evidence="String",
        ),
        [
            Case(
                SUBSCRIPTION,
                "compliant",
                {"evidence": "True"},
                [
                    {
                        **PRICING,
                        "properties": {
                            "pricingTier": "Standard",
                            "extensions": [{"name": "AIPromptEvidence", "isEnabled": "True"}],
                        },
                    }
                ],
            ),
            Case(
                SUBSCRIPTION,
                "deploy",
                {"evidence": "True"},
                [{**PRICING, "properties": {"pricingTier": "Standard", "extensions": []}}],
            ),
            Case(SUBSCRIPTION, "deploy", {"evidence": "True"}, []),
        ],
    ),
    "c36a325b-ae04-4863-ad4f-19c6678f8e08": (
        policy(of(BLOBS, {"field": f"{BLOBS}/isVersioningEnabled", "notEquals": True}), "audit"),
        [Case(body(BLOBS, isVersioningEnabled=True), "compliant"), Case(body(BLOBS), "audit")],
    ),
    "9fbd64e3-67b8-489b-98e5-fa0007d17e76": (
        policy(
            {"field": "type", "equals": "Microsoft.Storage/storageAccounts"},
            "deployIfNotExists",
            mode="Indexed",
            details={
                "type": BLOBS,
                "name": "default",
                "roleDefinitionIds": ["r"],
                "existenceCondition": {
                    "allOf": [
                        {"field": f"{BLOBS}/deleteRetentionPolicy.enabled", "equals": True},
                        {"field": f"{BLOBS}/containerDeleteRetentionPolicy.enabled", "equals": True},
                    ]
                },
            },
        ),
        [
            Case(
                {"type": "Microsoft.Storage/storageAccounts", "name": "s", "properties": {}},
                "compliant",
                {},
                [
                    {
                        "type": BLOBS,
                        "name": "s/default",
                        "properties": {
                            "deleteRetentionPolicy": {"enabled": True},
                            "containerDeleteRetentionPolicy": {"enabled": True},
                        },
                    }
                ],
            ),
            Case(
                {"type": "Microsoft.Storage/storageAccounts", "name": "s", "properties": {}},
                "deploy",
                {},
                [{"type": BLOBS, "name": "s/default", "properties": {"deleteRetentionPolicy": {"enabled": True}}}],
            ),
        ],
    ),
}


def logs(kind: str, effect: str) -> tuple[dict[str, Any], list[Case]]:
    condition = {
        "allOf": [
            {
                "count": {
                    "field": f"{SETTINGS}/logs[*]",
                    "where": {
                        "allOf": [
                            {"field": f"{SETTINGS}/logs[*].enabled", "equals": True},
                            {"field": f"{SETTINGS}/logs[*].categoryGroup", "in": ["allLogs", "audit"]},
                        ]
                    },
                },
                "greaterOrEquals": 1,
            },
            {"field": f"{SETTINGS}/workspaceId", "equals": "[parameters('logAnalytics')]"},
        ]
    }
    details = {"type": SETTINGS, "existenceCondition": condition, "roleDefinitionIds": ["r"]}
    resource = body(kind)

    def setting(**properties: Any) -> dict[str, Any]:
        return {
            "id": f"{resource['id']}/providers/{SETTINGS}/l",
            "type": SETTINGS,
            "name": "l",
            "properties": properties,
        }

    given = {"logAnalytics": "w1"}
    acts = "deploy" if effect == "deployIfNotExists" else "audit"
    full = [{"enabled": True, "categoryGroup": "allLogs"}]
    return (
        policy({"field": "type", "equals": kind}, effect, mode="Indexed", details=details, logAnalytics="String"),
        [
            Case(resource, "compliant", given, [setting(logs=full, workspaceId="W1")]),
            Case(resource, acts, given, [setting(logs=full, workspaceId="w2")]),
            Case(
                resource,
                acts,
                given,
                [setting(logs=[{"enabled": False, "categoryGroup": "allLogs"}], workspaceId="w1")],
            ),
            Case(resource, acts, given, [setting(logs=[], workspaceId="w1"), setting(workspaceId="w1")]),
            Case(resource, acts, given, []),
        ],
    )


LOGGED = {
    "5cfb9e8a-2f13-40bd-a527-c89bc596d299": (f"{WORKSPACE}/onlineEndpoints", "deployIfNotExists"),
    "90c90eda-bfe7-4c67-bf26-410420ed1047": (WORKSPACE, "deployIfNotExists"),
    "33835ef6-bc67-4bde-bf5f-5a857f195a57": (f"{ML}/registries", "deployIfNotExists"),
    "afe0c3be-ba3b-4544-ba52-0c99672a8ad6": (WORKSPACE, "auditIfNotExists"),
    "1b4d1c4e-934c-4703-944c-27c82c06bebb": (CS, "auditIfNotExists"),
}
BUILT_INS |= {name: logs(*what) for name, what in LOGGED.items()}
BUILT_INS["5853517a-63de-11ea-bc55-0242ac130003"] = (
    policy(
        {"field": "type", "equals": "Microsoft.MachineLearningServices.Data/workspaces"},
        "enforceSetting",
        mode="Microsoft.MachineLearningServices.Data",
    ),
    [Case(body("Microsoft.MachineLearningServices.Data/workspaces"), "unsupported")],
)
BUILT_INS["6a6f7384-63de-11ea-bc55-0242ac130003"] = BUILT_INS["5853517a-63de-11ea-bc55-0242ac130003"]


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, (_, cases) in BUILT_INS.items() for number in range(len(cases))]
)
def test_built_in_definitions(name: str, number: int) -> None:
    definition, cases = BUILT_INS[name]
    case = cases[number]
    assert outcome(definition, case.resource, case.given, related=case.related) == case.expected


def test_every_one_that_is_assigned_has_cases_that_differ() -> None:
    assert {built_in.id for built_in in knowledge().built_ins} <= BUILT_INS.keys()
    for name, (_, cases) in BUILT_INS.items():
        if cases[0].expected != "unsupported":
            assert len({case.expected for case in cases}) > 1, name


def test_the_lint_knows_the_traps_of_the_built_in_definitions() -> None:
    def found(name: str) -> set[str]:
        definition = definition_of({**BUILT_INS[name][0], "policyType": "BuiltIn"})
        return {finding.rule.partition("/")[2] for finding in lint_definition(definition, knowledge())}

    assert {"local-models", "substring"} <= found("12e5dd16-d201-47ff-849b-8454061c293d")
    assert "open-default" in found("6ddb1705-c8cf-450e-aa4b-19ad6703c440")
    assert "missing-existence" in found("dc921057-6b28-4fbe-9b83-f7bec05db6c2")
    assert "alias-unknown" not in {rule for name in BUILT_INS for rule in found(name)}
