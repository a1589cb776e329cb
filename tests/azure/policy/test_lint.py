"""Each rule of the lint: definitions that it finds, and their mended twins that it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from build.azure_requests import THING, knowledge, policy
from weighbridge.azure.policy.knowledge import snapshot_of
from weighbridge.azure.policy.lint import PolicyFinding, lint_document
from weighbridge.azure.policy.lint_rules import LINT_RULES
from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity

CR = "Microsoft.ContainerRegistry/registries"
STORE = "Microsoft.Storage/storageAccounts"
ONLINE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
DEPLOYMENT = "Microsoft.CognitiveServices/accounts/deployments"
EFFECT = {"type": "String", "allowedValues": ["Audit", "Deny", "Disabled"], "defaultValue": "Audit"}
RULES_OF_IP = f"{STORE}/networkAcls.ipRules[*]"
DATA = "Microsoft.MachineLearningServices.v2.Data/workspaces/deployments"


def good(rule: Any, effect: Any = "[parameters('effect')]", /, **more: Any) -> dict[str, Any]:
    return policy(rule, effect, **({"effect": EFFECT} | more))


def about(kind: str, *parts: Any) -> dict[str, Any]:
    return {"allOf": [{"field": "type", "equals": kind}, *parts]}


def counted(where: Any, **compared: Any) -> dict[str, Any]:
    return {"count": {"field": RULES_OF_IP, "where": where}, **compared}


VALUE = f"{RULES_OF_IP}.value"
PNA = f"{CR}/publicNetworkAccess"
DISABLED = {"field": PNA, "notEquals": "Disabled"}
ROLES = {"roleDefinitionIds": ["r"]}


def modify(field: str) -> dict[str, Any]:
    operations = [{"operation": "addOrReplace", "field": field, "value": "x"}]
    effect = {"type": "String", "allowedValues": ["Modify", "Disabled"]}
    return policy(
        about(CR, DISABLED),
        "[parameters('effect')]",
        mode="Indexed",
        details={**ROLES, "operations": operations},
        effect=effect,
    )


# rule → (what it finds, its mended twin)
CASES: dict[str, list[tuple[Any, Any]]] = {
    "no-rule": [
        ({}, good(about(CR, DISABLED))),
        ("", good(about(CR, DISABLED))),
        ({"parameters": {"allowedRegistries": {"type": "Array"}}}, good(about(CR, DISABLED))),
        ({"properties": {"policyRule": {"then": {"effect": "deny"}}}}, good(about(CR, DISABLED))),
    ],
    "malformed": [
        (good(about(CR, {"field": PNA, "equalz": "x"})), good(about(CR, DISABLED))),
        (good(about(CR, {"value": "[reference('x')]", "equals": "x"})), good(about(CR, DISABLED))),
        (good(about(CR, {"value": "[concat('x']", "equals": "x"})), good(about(CR, DISABLED))),
    ],
    "limit": [
        (
            good(about(STORE, *[counted({"field": VALUE, "equals": n}, greater=0) for n in "123456"])),
            good(about(STORE, *[counted({"field": VALUE, "equals": n}, greater=0) for n in "12345"])),
        ),
    ],
    "undefined-parameter": [
        (
            good(about(CR, {"field": PNA, "notEquals": "[parameters('wanted')]"})),
            good(about(CR, {"field": PNA, "notEquals": "[parameters('Wanted')]"}), wanted="String"),
        )
    ],
    "unused-parameter": [(good(about(CR, DISABLED), wanted="String"), good(about(CR, DISABLED)))],
    "effect-not-a-parameter": [(policy(about(CR, DISABLED), "deny"), good(about(CR, DISABLED)))],
    "effect-values": [
        (good(about(CR, DISABLED), effect={"type": "String"}), good(about(CR, DISABLED))),
        (
            good(about(CR, DISABLED), effect={"type": "String", "allowedValues": ["Audit", "Deny"]}),
            good(about(CR, DISABLED)),
        ),
    ],
    "effect-unknown": [
        (policy(about(CR, DISABLED), "block"), policy(about(CR, DISABLED), "Deny")),
        (
            good(about(CR, DISABLED), effect={"type": "String", "allowedValues": ["Block", "Disabled"]}),
            good(about(CR, DISABLED)),
        ),
    ],
    "forgeable-tag": [
        (
            good(about(ONLINE, {"field": "tags['security.scan.result']", "notEquals": "clean"})),
            good(about(ONLINE, {"field": "tags['owner']", "exists": False})),
        ),
        (
            good(about(ONLINE, {"field": "[concat('tags[', 'x', ']')]", "equals": "dirty"})),
            good(about(ONLINE, {"field": "tags", "notContainsKey": "owner"})),
        ),
        (
            good(about(ONLINE, {"value": "[field('tags').scan]", "notEquals": "clean"})),
            good(about(ONLINE, {"field": "tags.owner", "exists": "false"})),
        ),
    ],
    "one-path": [
        (
            good(
                about(ONLINE, {"value": "[coalesce(tryGet(requestContext().identity, 'appid'), '')]", "notIn": ["a"]})
            ),
            good(
                {
                    "allOf": [
                        {"field": "type", "in": [entry.type for entry in knowledge().types.values() if entry.deploys]},
                        {"value": "[coalesce(tryGet(requestContext().identity, 'appid'), '')]", "notIn": ["a"]},
                    ]
                }
            ),
        ),
    ],
    "vacuous-all": [
        (
            good(about(STORE, {"field": VALUE, "equals": "0.0.0.0"})),
            good(about(STORE, counted({"field": VALUE, "equals": "0.0.0.0"}, greater=0))),
        ),
        (
            good(about(STORE, {"not": {"field": VALUE, "in": ["10.0.0.1"]}})),
            good(about(STORE, counted({"field": VALUE, "notIn": ["10.0.0.1"]}, greater=0))),
        ),
    ],
    "double-negation": [
        (
            good(about(STORE, {"not": {"field": VALUE, "notEquals": "0.0.0.0"}})),
            good(about(STORE, counted({"field": VALUE, "equals": "0.0.0.0"}, greater=0))),
        )
    ],
    "negated-twice": [(good(about(CR, {"not": DISABLED})), good(about(CR, DISABLED)))],
    "missing-existence": [
        (good(about(CR, {"field": PNA, "equals": "Enabled"})), good(about(CR, DISABLED))),
        (
            good(about(CR, {"field": PNA, "equals": "Enabled"})),
            good(about(CR, {"anyOf": [{"field": PNA, "exists": False}, {"field": PNA, "equals": "Enabled"}]})),
        ),
        (good(about(CR, {"field": PNA, "greater": 5})), good(about(CR, {"not": {"field": PNA, "equals": "Disabled"}}))),
    ],
    "alias-unknown": [
        (good(about(CR, {"field": f"{CR}/publicNetworkAcces", "notEquals": "Disabled"})), good(about(CR, DISABLED))),
        (
            good(about(CR, {"field": "colour", "notEquals": "red"})),
            good(about(CR, {"field": "kind", "notEquals": "red"})),
        ),
        (
            good(about(CR, {"value": f"[field('{CR}/none')]", "notEquals": "red"})),
            good(about(CR, {"value": f"[field('{PNA}')]", "notEquals": "red"})),
        ),
        (
            good(about(STORE, {"count": {"field": f"{STORE}/none[*]"}, "greater": 0})),
            good(about(STORE, {"count": {"field": RULES_OF_IP}, "greater": 0})),
        ),
    ],
    "alias-unverified": [
        (good(about(CR, {"field": f"{CR}/dataEndpointEnabled", "notEquals": True})), good(about(CR, DISABLED)))
    ],
    "alias-of-other-type": [(good(about(STORE, DISABLED)), good(about(CR, DISABLED)))],
    "mode-passes-over": [
        (
            good(about(DEPLOYMENT, {"field": f"{DEPLOYMENT}/model.name", "notEquals": "x"}), mode="Indexed"),
            good(about(DEPLOYMENT, {"field": f"{DEPLOYMENT}/model.name", "notEquals": "x"})),
        )
    ],
    "mode-all-for-tags": [
        (
            good({"field": "tags['owner']", "exists": False}),
            good({"field": "tags['owner']", "exists": False}, mode="Indexed"),
        )
    ],
    "mode-not-custom": [
        (good(about(CR, DISABLED), mode="Microsoft.KeyVault.Data"), good(about(CR, DISABLED), mode="indexed"))
    ],
    "not-modifiable": [(modify(f"{CR}/sku.name"), modify(PNA)), (modify(f"{CR}/none"), modify("tags['owner']"))],
    "no-roles": [
        (
            policy(about(CR, DISABLED), "modify", details={"operations": []}),
            policy(about(CR, DISABLED), "modify", details=ROLES),
        )
    ],
    "contains-on-array": [
        (
            good(about(STORE, {"field": VALUE, "contains": "10."})),
            good(about(STORE, counted({"field": VALUE, "equals": "10."}, greater=0))),
        )
    ],
    "substring": [
        (
            good(about(CR, {"field": PNA, "notContains": "[parameters('p')]"}), p="String"),
            good(about(CR, {"field": PNA, "notLike": "[concat(parameters('p'), '*')]"}), p="String"),
        )
    ],
    "wildcards": [
        (good(about(CR, {"field": PNA, "notLike": "*abl*"})), good(about(CR, {"field": PNA, "notLike": "abl*"}))),
        (good(about(CR, {"field": PNA, "notContains": "abl*"})), good(about(CR, {"field": PNA, "notContains": "abl"}))),
    ],
    "never-matches": [
        (
            good({"allOf": [{"field": "type", "equals": CR}, {"field": "type", "equals": STORE}]}),
            good({"anyOf": [{"field": "type", "equals": CR}, {"field": "type", "equals": STORE}]}),
        ),
        (good(about(CR, {"field": "kind", "in": []})), good(about(CR, {"field": "kind", "in": ["x"]}))),
        (good({"anyOf": []}), good({"allOf": []})),
        (
            good(about(STORE, counted({"field": VALUE, "equals": "x"}, less=0))),
            good(about(STORE, counted({"field": VALUE, "equals": "x"}, less=1))),
        ),
        (
            good(about(CR, {"field": PNA, "exists": False}, {"field": PNA, "equals": "x"})),
            good(about(CR, {"anyOf": [{"field": PNA, "exists": False}, {"field": PNA, "equals": "x"}]})),
        ),
        (
            good(about(CR, {"field": PNA, "equals": "a"}, {"field": PNA, "like": "b*"})),
            good(about(CR, {"field": PNA, "equals": "a"}, {"field": PNA, "like": "a*"})),
        ),
        (
            good(about(CR, {"value": "a", "equals": "b"})),
            good(about(CR, {"value": "[parameters('a')]", "equals": "b"}), a="String"),
        ),
        (
            good(about(ONLINE, {"field": f"{ONLINE}/model", "notLike": "prod.azurecr.io/*"})),
            good(about(ONLINE, {"field": f"{ONLINE}/model", "notLike": "azureml://registries/prod/*"})),
        ),
        (
            good(
                about(ONLINE, {"field": f"{ONLINE}/model", "notIn": "[parameters('r')]"}),
                r={"type": "Array", "defaultValue": ["prod.azurecr.io"]},
            ),
            good(about(ONLINE, {"field": f"{ONLINE}/model", "notIn": "[parameters('r')]"}), r="Array"),
        ),
    ],
    "always-matches": [(good(DISABLED), good(about(CR, DISABLED)))],
    "unguarded-identity": [
        (
            good(about(CR, {"value": "[requestContext().identity.appid]", "notIn": ["a"]})),
            good(about(CR, {"value": "[tryGet(requestContext().identity, 'appid')]", "notIn": ["a"]})),
        )
    ],
    "fragile-function": [
        (
            good(about(CR, {"value": "[substring(field('name'), 0, 3)]", "notEquals": "abc"})),
            good(
                about(
                    CR,
                    {
                        "value": "[if(greaterOrEquals(length(field('name')), 3), substring(field('name'), 0, 3), '')]",
                        "notEquals": "abc",
                    },
                )
            ),
        )
    ],
    "array-needs-in": [
        (
            good(about(CR, {"field": PNA, "notEquals": "[parameters('p')]"}), p="Array"),
            good(about(CR, {"field": PNA, "notIn": "[parameters('p')]"}), p="Array"),
        ),
        (good(about(CR, {"field": PNA, "notEquals": ["a"]})), good(about(CR, {"field": PNA, "notIn": ["a"]}))),
    ],
    "open-default": [
        (
            good(
                about(CR, {"field": PNA, "notEquals": "[parameters('m')]"}),
                m={"type": "String", "defaultValue": "AllowInternetOutbound"},
            ),
            good(about(CR, {"field": PNA, "notEquals": "[parameters('m')]"}), m="String"),
        ),
        (
            good(about(CR, {"field": PNA, "notIn": "[parameters('m')]"}), m={"type": "Array", "defaultValue": [""]}),
            good(about(CR, {"field": PNA, "notIn": "[parameters('m')]"}), m={"type": "Array", "defaultValue": []}),
        ),
    ],
    "unpinned-model": [
        (
            good(about(ONLINE, {"field": f"{ONLINE}/model", "notLike": "azureml://registries/wb/*"})),
            good(
                about(
                    ONLINE,
                    {
                        "anyOf": [
                            {"field": f"{ONLINE}/model", "notLike": "azureml://registries/wb/*"},
                            {"field": f"{ONLINE}/model", "notContains": "/versions/"},
                        ]
                    },
                )
            ),
        )
    ],
    "local-models": [
        (
            good(
                about(
                    DATA,
                    {"field": f"{DATA}/model.registryName", "exists": True},
                    {"field": f"{DATA}/model.assetId", "notIn": ["x"]},
                )
            ),
            good(about(DATA, {"field": f"{DATA}/model.assetId", "notIn": ["x"]})),
        )
    ],
}


def rules(document: Any) -> set[str]:
    return {finding.rule.partition("/")[2] for finding in lint_document(document, knowledge())}


@pytest.mark.parametrize(("name", "number"), [(name, at) for name, cases in CASES.items() for at in range(len(cases))])
def test_the_lint_finds_the_fault_and_not_its_mended_twin(name: str, number: int) -> None:
    faulty, mended = CASES[name][number]
    assert name in rules(faulty)
    assert name not in rules(mended)


def test_every_rule_has_a_case_and_says_what_to_do() -> None:
    assert set(CASES) == set(LINT_RULES)
    for name, rule in LINT_RULES.items():
        assert rule.id == f"azure-policy/{name}"
        assert all((rule.title, rule.why, rule.mend))


def test_a_policy_that_believes_a_tag() -> None:
    """Scanning writes a tag, and the policy denies what lacks it: so does whoever writes the tag by hand."""
    believed = policy(about(ONLINE, {"field": "tags['security.scan.result']", "notEquals": "clean"}), "deny")
    assert {"forgeable-tag", "effect-not-a-parameter", "one-path"} <= rules(believed)
    worst = lint_document(believed, knowledge())[0]
    assert (worst.rule, worst.severity, worst.location) == ("azure-policy/forgeable-tag", Severity.HIGH, "if.allOf[1]")
    assert "security.scan.result" in worst.evidence


def test_findings_come_the_worst_first_and_once() -> None:
    found = lint_document(policy(about(CR, {"not": DISABLED}), "deny", unused="String"), knowledge())
    assert [finding.severity.rank for finding in found] == sorted(
        (finding.severity.rank for finding in found), reverse=True
    )
    assert len(found) == len(set(found))
    assert all(isinstance(finding, PolicyFinding) for finding in found)


def test_the_list_of_a_tenant_decides() -> None:
    definition = good(about(CR, {"field": f"{CR}/dataEndpointEnabled", "notEquals": True}))
    listed = {
        "namespace": "x",
        "resourceTypes": [
            {
                "resourceType": "registries",
                "aliases": [
                    {
                        "name": f"{CR}/dataEndpointEnabled",
                        "defaultPath": "properties.dataEndpointEnabled",
                        "defaultMetadata": {"attributes": "Modifiable"},
                    }
                ],
            }
        ],
    }
    snapshot = snapshot_of(listed, "2026-11-29")
    assert snapshot[f"{CR}/dataEndpointEnabled".lower()].modifiable is True
    assert lint_document(definition, knowledge(), snapshot) == []
    assert {finding.rule for finding in lint_document(good(about(CR, DISABLED)), knowledge(), snapshot)} == {
        "azure-policy/alias-unknown"
    }
    assert snapshot_of([PNA], "2026-11-29").keys() == {PNA.lower()}
    assert snapshot_of({PNA: {"path": "properties.publicNetworkAccess"}}, "2026-11-29")[PNA.lower()].path
    for nothing in ([], {}, "x", {"resourceTypes": []}):
        with pytest.raises(UsageError):
            snapshot_of(nothing, "2026-11-29")


def test_knowledge_has_a_source_and_a_date() -> None:
    known = knowledge()
    for entry in (*known.aliases.values(), *known.types.values(), *known.built_ins):
        assert entry.source
        assert entry.date.startswith("20")
    assert {entry.certainty for entry in known.aliases.values()} == {"alias", "property"}
    assert len({built_in.reference for built_in in known.built_ins}) == len(known.built_ins)
    assert THING.lower() not in known.types
