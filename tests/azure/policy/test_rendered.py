"""The policies that are written, against deployments of every kind: exactly the compliant ones pass."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from build.azure_requests import GROUP, NOW, knowledge, outcome
from weighbridge.azure.policy.bundle import bundle_of, escaped
from weighbridge.azure.policy.catalogue import CATALOGUE
from weighbridge.azure.policy.catalogue_models import AGENT, BATCH, DEPLOYMENT, MANAGED, ONLINE, PATHS, SERVERLESS
from weighbridge.azure.policy.definition import definition_of, definitions_in
from weighbridge.azure.policy.effects import Surroundings
from weighbridge.azure.policy.lint import lint_document
from weighbridge.azure.policy.request import Request
from weighbridge.azure.policy.resource import resource_of
from weighbridge.azure.policy.stage import judge_stage
from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity
from weighbridge.core.settings import STAGES, AzureSettings

PIPELINE = "11111111-2222-3333-4444-555555555555"
MODEL = "azureml://registries/wb-prod/models/net/versions/7"
STAGED = "azureml://registries/wb-staging/models/net/versions/7"
DIGEST = "sha256:" + "ab" * 32
OTHER = "sha256:" + "cd" * 32
SETTINGS = AzureSettings(
    registries=("wb-prod",),
    staging_registries=("wb-staging",),
    deployers=(PIPELINE,),
    models=("OpenAI/gpt/2026-01-01",),
    required_tags=("owner",),
    admitted={MODEL: DIGEST, STAGED: DIGEST},
)
FILES = bundle_of(SETTINGS, knowledge())
DEFINITIONS = {custom.id: json.loads(FILES[f"definitions/{custom.id}.json"]) for custom in CATALOGUE}
BY_PIPELINE = {"idtyp": "app", "appid": PIPELINE}
EVIDENCE = {"weighbridge.digest": DIGEST, "weighbridge.decision": "d-1"}
PASSES = {"compliant", "not-applicable", "disabled"}


def request(kind: str, **properties: Any) -> dict[str, Any]:
    return {
        "id": f"{GROUP}{kind}/x",
        "type": kind,
        "name": "x",
        "location": "westeurope",
        "tags": {"owner": "us"},
        "properties": properties,
    }


def online(model: Any = MODEL, **more: Any) -> dict[str, Any]:
    return request(ONLINE, model=model, properties=dict(EVIDENCE), egressPublicNetworkAccess="Disabled", **more)


def batch(model: str = MODEL) -> dict[str, Any]:
    return request(BATCH, model={"referenceType": "Id", "assetId": model}, properties=dict(EVIDENCE))


def serverless(model: str = MODEL) -> dict[str, Any]:
    return request(SERVERLESS, modelSettings={"modelId": model})


def foundry(version: str | None = "2026-01-01", **more: Any) -> dict[str, Any]:
    model = {"format": "OpenAI", "name": "gpt"} | ({"version": version} if version else {})
    return {
        **request(DEPLOYMENT, model=model, **({"versionUpgradeOption": "NoAutoUpgrade"} | more)),
        "sku": {"name": "Standard"},
    }


def managed(model: str = STAGED, **more: Any) -> dict[str, Any]:
    good = {
        "deploymentTemplate": "azureml://registries/wb-staging/deploymenttemplates/t/versions/1",
        "versionUpgradeOption": "NoAutoUpgrade",
    }
    return request(MANAGED, model=model, **(good | more))


def without(resource: dict[str, Any], *path: str) -> dict[str, Any]:
    found = deepcopy(resource)
    at = found
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return found


def with_value(resource: dict[str, Any], value: Any, *path: str) -> dict[str, Any]:
    found = deepcopy(resource)
    at = found
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return found


def stopped_by(resource: dict[str, Any], stage: str = "production", **more: Any) -> set[str]:
    """The definitions of a stage that do not let a request pass."""
    known = knowledge()
    around = Surroundings(Request(**({"identity": BY_PIPELINE} | more)), NOW, known, known.aliases)
    found = judge_stage(SETTINGS, stage, resource_of(resource), around)
    assert {said.judgement.outcome for said in found} <= PASSES | {"deny", "audit"}
    return {said.id for said in found if said.judgement.outcome == "deny"}


COMPLIANT = {
    "online": online(),
    "batch": batch(),
    "serverless": serverless(),
    "foundry": foundry(),
    "agent": request(AGENT, agents=[]),
}


@pytest.mark.parametrize("name", COMPLIANT)
def test_compliant_deployments_pass(name: str) -> None:
    assert stopped_by(COMPLIANT[name]) == set()


def test_compliant_deployments_pass_in_staging_too() -> None:
    for resource in (online(STAGED), batch(STAGED), serverless(STAGED), foundry(), managed()):
        assert stopped_by(resource, "staging") == set()


HOSTILE: dict[str, tuple[dict[str, Any], str]] = {
    "untagged": (without(online(), "tags"), "W-17"),
    "untagged batch": (with_value(batch(), {}, "tags"), "W-17"),
    "untagged Foundry": (with_value(foundry(), {"team": "x"}, "tags"), "W-17"),
    "forged tag, no evidence": (
        with_value(
            without(online(), "properties", "properties"), {"owner": "us", "security.scan.result": "clean"}, "tags"
        ),
        "W-04-online",
    ),
    "forged tag, catalogue": (
        with_value(
            online("azureml://registries/azureml/models/m/versions/1"),
            {"owner": "us", "security.scan.result": "clean"},
            "tags",
        ),
        "W-01-online",
    ),
    "external registry": (online("azureml://registries/azure-huggingface/models/m/versions/1"), "W-01-online"),
    "external registry, batch": (batch("azureml://registries/azure-huggingface/models/m/versions/1"), "W-01-batch"),
    "external registry, serverless": (serverless("azureml://registries/azureml-meta/models/llama"), "W-01-serverless"),
    "look-alike registry": (online("azureml://registries/wb-prod2/models/net/versions/7"), "W-01-online"),
    "registry inside of a name": (
        online("azureml://registries/evil/models/azureml://registries/wb-prod/models/net/versions/7"),
        "W-01-online",
    ),
    "label": (online("azureml://registries/wb-prod/models/net/labels/latest"), "W-01-online"),
    "label of a model called versions": (
        online("azureml://registries/wb-prod/models/versions/labels/latest"),
        "W-01-online",
    ),
    "no version": (online("azureml://registries/wb-prod/models/net/versions/"), "W-01-online"),
    "model of a workspace": (online("azureml:net:7"), "W-01-online"),
    "model of a workspace by its id": (
        online(f"{GROUP}Microsoft.MachineLearningServices/workspaces/w/models/net/versions/7"),
        "W-01-online",
    ),
    "wrong stage": (online(STAGED), "W-01-online"),
    "wrong stage, batch": (batch(STAGED), "W-01-batch"),
    "digest of another model": (
        with_value(online(), OTHER, "properties", "properties", "weighbridge.digest"),
        "W-04-online",
    ),
    "digest of another model, batch": (
        with_value(batch(), OTHER, "properties", "properties", "weighbridge.digest"),
        "W-04-batch",
    ),
    "digest cut": (with_value(online(), DIGEST[:-1], "properties", "properties", "weighbridge.digest"), "W-04-online"),
    "digest empty": (with_value(online(), "", "properties", "properties", "weighbridge.digest"), "W-04-online"),
    "digest null": (with_value(online(), None, "properties", "properties", "weighbridge.digest"), "W-04-online"),
    "no decision": (without(online(), "properties", "properties", "weighbridge.decision"), "W-04-online"),
    "no evidence": (without(online(), "properties", "properties"), "W-04-online"),
    "evidence empty": (with_value(online(), {}, "properties", "properties"), "W-04-online"),
    "not admitted": (online("azureml://registries/wb-prod/models/net/versions/8"), "W-04-online"),
    "no model": (without(online(), "properties", "model"), "W-01-online"),
    "model null": (online(None), "W-01-online"),
    "model empty": (online(""), "W-01-online"),
    "no model, batch": (without(batch(), "properties", "model"), "W-01-batch"),
    "no model, serverless": (without(serverless(), "properties", "modelSettings"), "W-01-serverless"),
    "no properties": (without(online(), "properties"), "W-01-online"),
    "unlisted Foundry model": (foundry("2025-01-01"), "W-07"),
    "Foundry model without version": (foundry(None), "W-07"),
    "Foundry upgrades": (foundry(versionUpgradeOption="OnceNewDefaultVersionAvailable"), "W-08"),
    "Foundry upgrades by default": (without(foundry(), "properties", "versionUpgradeOption"), "W-08"),
    "managed compute": (managed(MODEL), "W-16"),
    "model of a workspace's own": (request("Microsoft.MachineLearningServices/workspaces/models/versions"), "W-03"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_everything_else_is_denied(name: str) -> None:
    resource, by = HOSTILE[name]
    assert by in stopped_by(resource)


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize(
    "identity",
    [
        {"idtyp": "user", "appid": PIPELINE},
        {"idtyp": "app", "appid": "0"},
        {"idtyp": "app"},
        {"appid": PIPELINE, "idtyp": "device"},
    ],
    ids=["person", "other application", "no application", "neither"],
)
def test_only_pipelines_deploy(kind: str, identity: dict[str, Any]) -> None:
    assert "W-02" in stopped_by(request(kind), identity=identity)


def test_a_compliance_scan_has_no_caller_and_is_judged_by_the_rest() -> None:
    assert stopped_by(online(), identity=None) == set()
    assert stopped_by(online("azureml:net:7"), identity=None) == {"W-01-online", "W-04-online"}


@pytest.mark.parametrize("case", ["MODEL", "model"])
def test_the_case_of_names_changes_nothing(case: str) -> None:
    change = str.upper if case == "MODEL" else str.lower
    assert stopped_by(with_value(online(), change(MODEL), "properties", "model")) == set()
    assert "W-01-online" in stopped_by(online(change("azureml://registries/evil/models/net/versions/7")))
    assert "W-01-online" in stopped_by({**online("azureml:net:7"), "type": change(ONLINE)})


@pytest.mark.parametrize(
    ("change", "stopped"),
    [
        ({}, set()),
        ({"model": "azureml://registries/azure-huggingface/models/m/versions/1"}, {"W-16"}),
        ({"deploymentTemplate": "azureml://registries/r/deploymenttemplates/t/labels/latest"}, {"W-16"}),
        ({"deploymentTemplate": None}, {"W-16"}),
        ({"versionUpgradeOption": "OnceNewDefaultVersionAvailable"}, {"W-16"}),
    ],
)
def test_managed_compute_in_staging(change: dict[str, Any], stopped: set[str]) -> None:
    assert stopped_by(managed(**change), "staging") == stopped


WORKSPACE = "Microsoft.MachineLearningServices/workspaces"
ESTATE = [
    (request(WORKSPACE, managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"}), set()),
    (request(WORKSPACE, managedNetwork={"isolationMode": "AllowInternetOutbound"}), {"W-05"}),
    (request(WORKSPACE, managedNetwork={}), {"W-05"}),
    (request(WORKSPACE), {"W-05"}),
    ({**request(WORKSPACE), "kind": "Project"}, set()),
    ({**request(WORKSPACE), "kind": "hub"}, {"W-05"}),
    (
        request(
            "Microsoft.CognitiveServices/accounts/managedNetworks",
            managedNetwork={"isolationMode": "AllowOnlyApprovedOutbound"},
        ),
        set(),
    ),
    (request("Microsoft.CognitiveServices/accounts/managedNetworks"), {"W-06"}),
    (request(f"{WORKSPACE}/onlineEndpoints", authMode="aadtoken"), set()),
    (request(f"{WORKSPACE}/onlineEndpoints", authMode="Key"), {"W-11"}),
    (request(f"{WORKSPACE}/onlineEndpoints"), {"W-11"}),
    (request("Microsoft.MachineLearningServices/registries", publicNetworkAccess="Disabled"), set()),
    (request("Microsoft.MachineLearningServices/registries"), {"W-12"}),
    (
        request("Microsoft.ContainerRegistry/registries", networkRuleBypassOptions="None", dataEndpointEnabled=True),
        set(),
    ),
    (
        request(
            "Microsoft.ContainerRegistry/registries", networkRuleBypassOptions="AzureServices", dataEndpointEnabled=True
        ),
        {"W-13"},
    ),
    (request("Microsoft.ContainerRegistry/registries", networkRuleBypassOptions="None"), {"W-13"}),
]


@pytest.mark.parametrize(("resource", "stopped"), ESTATE)
def test_what_surrounds_deployments(resource: dict[str, Any], stopped: set[str]) -> None:
    assert stopped_by(resource) == stopped


def test_exemptions_end_and_are_not_from_these_policies() -> None:
    def exemption(**properties: Any) -> dict[str, Any]:
        return request("Microsoft.Authorization/policyExemptions", **properties)

    foreign = "/subscriptions/s/providers/Microsoft.Authorization/policyAssignments/tags"
    ours = "/subscriptions/s/providers/Microsoft.Authorization/policyAssignments/wb-production"
    assert NOW.isoformat().startswith("2026-11-29")
    assert stopped_by(exemption(expiresOn="2026-12-20T00:00:00Z", policyAssignmentId=foreign)) == set()
    assert stopped_by(exemption(expiresOn="2026-12-30T00:00:00Z", policyAssignmentId=foreign)) == {"W-15"}
    assert stopped_by(exemption(policyAssignmentId=foreign)) == {"W-15"}
    assert stopped_by(exemption(expiresOn="2026-12-20T00:00:00Z", policyAssignmentId=ours)) == {"W-15"}
    assert stopped_by(exemption(expiresOn="2026-12-20T00:00:00Z", policyAssignmentId=ours.upper())) == {"W-15"}


def test_registries_are_not_deleted() -> None:
    registry = request("Microsoft.ContainerRegistry/registries")
    assert stopped_by(registry, action="delete") == {"W-14"}
    assert stopped_by(request("Microsoft.Test/things"), action="delete") == set()


def test_settings_that_say_nothing_allow_nothing() -> None:
    files = bundle_of(AzureSettings(), knowledge())
    values = {name: value["value"] for name, value in json.loads(files["assignments/production.json"]).items()}
    source = json.loads(files["definitions/W-01-online.json"])
    assert (
        outcome(source, online(), {"effect": "Deny", "allowedRegistryPrefixes": values["allowedRegistryPrefixes"]})
        == "deny"
    )
    for open_entry in ("", "azureml://registries/", "azureml://registries/wb-prod", "*", "azureml:"):
        assert outcome(source, online(), {"effect": "Deny", "allowedRegistryPrefixes": [open_entry]}) == "deny"
    caller = json.loads(files["definitions/W-02.json"])
    given = {"effect": "Deny", "allowedPipelineAppIds": values["allowedPipelineAppIds"]}
    assert outcome(caller, online(), given, identity=BY_PIPELINE) == "deny"


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_definition_passes_the_lint(name: str) -> None:
    findings = lint_document(DEFINITIONS[name], knowledge())
    assert {finding.rule for finding in findings} <= {"azure-policy/alias-unverified"}


@pytest.mark.parametrize("name", DEFINITIONS)
def test_every_effect_is_a_parameter_that_can_be_switched_off(name: str) -> None:
    properties = DEFINITIONS[name]["properties"]
    assert properties["policyRule"]["then"]["effect"] == "[parameters('effect')]"
    assert "Disabled" in properties["parameters"]["effect"]["allowedValues"]
    assert len(properties["displayName"]) <= 128
    assert len(properties["description"]) <= 512


def test_the_initiative_hands_on_what_definitions_take() -> None:
    initiative = json.loads(FILES["initiative.json"])["properties"]
    members = {member["policyDefinitionReferenceId"]: member for member in initiative["policyDefinitions"]}
    for name, definition in DEFINITIONS.items():
        assert members[name]["parameters"].keys() == definition["properties"]["parameters"].keys()
        assert members[name]["definitionName"] == definition["name"]
    used = set()
    for member in members.values():
        for value in member["parameters"].values():
            if isinstance(value["value"], str) and value["value"].startswith("["):
                used.add(value["value"].removeprefix("[parameters('").removesuffix("')]"))
    assert used == set(initiative["parameters"])
    for stage in STAGES:
        values = json.loads(FILES[f"assignments/{stage}.json"])
        required = {name for name, declared in initiative["parameters"].items() if "defaultValue" not in declared}
        assert required <= values.keys() <= initiative["parameters"].keys()
        for name, value in values.items():
            allowed = initiative["parameters"][name].get("allowedValues")
            assert allowed is None or value["value"] in allowed, (stage, name)


def test_production_is_the_strictest_stage() -> None:
    order = ("Disabled", "Audit", "AuditIfNotExists", "Deny", "DenyAction")
    at = [json.loads(FILES[f"assignments/{stage}.json"]) for stage in STAGES]
    for name in at[0]:
        if name.startswith("effect"):
            ranks = [order.index(values[name]["value"]) for values in at]
            assert ranks == sorted(ranks), name


def test_built_in_definitions_are_assigned_with_their_traps_closed() -> None:
    members = {
        member["builtInId"]: member
        for member in json.loads(FILES["initiative.json"])["properties"]["policyDefinitions"]
    }
    approved = members["12e5dd16-d201-47ff-849b-8454061c293d"]["parameters"]
    assert approved["allowedPublishers"] == {"value": []}
    assert approved["allowedAssetIds"] == {"value": "[parameters('allowedRegistryPrefixes')]"}
    isolated = members["6ddb1705-c8cf-450e-aa4b-19ad6703c440"]["parameters"]
    assert isolated["isolationMode"] == {"value": "[parameters('isolationMode')]"}
    for stage in STAGES:
        values = json.loads(FILES[f"assignments/{stage}.json"])
        assert all(entry.endswith("/") for entry in values["allowedRegistryPrefixes"]["value"])
    assert values["isolationMode"]["value"] == "AllowOnlyApprovedOutbound"


def test_the_template_holds_the_same_definitions_behind_escapes() -> None:
    template = json.loads(FILES["initiative.template.json"])
    found = definitions_in(template)
    assert [definition["name"] for definition in found] == [definition["name"] for definition in DEFINITIONS.values()]
    for definition, own in zip(found, DEFINITIONS.values(), strict=True):
        assert definition["properties"] == own["properties"]
        assert definition_of(definition).rule == own["properties"]["policyRule"]["if"]
    raw = template["resources"][0]["properties"]["policyRule"]["then"]["effect"]
    assert raw == "[[parameters('effect')]"
    assert escaped({"a": ["[x]", "y", 1]}) == {"a": ["[[x]", "y", 1]}
    (initiative,) = [item for item in template["resources"] if item["type"].endswith("policySetDefinitions")]
    for member in initiative["properties"]["policyDefinitions"]:
        assert member["policyDefinitionId"].startswith(("[extensionResourceId(", "[tenantResourceId("))
        assert all(str(value["value"])[:2] in ("[[", "[]") for value in member["parameters"].values())
    assert lint_document(template, knowledge()) != []
    assert not any(finding.severity.rank >= Severity.MEDIUM.rank for finding in lint_document(template, knowledge()))


def test_wrappers_read_the_same_files() -> None:
    for custom in CATALOGUE:
        assert f"loadJsonContent('definitions/{custom.id}.json')" in FILES["main.bicep"]
    for stage in STAGES:
        assert f"loadJsonContent('assignments/{stage}.json')" in FILES["assignment.bicep"]
    assert 'fileset("${path.module}/definitions", "*.json")' in FILES["main.tf"]
    for name in ("main.bicep", "assignment.bicep", "main.tf"):
        assert "@" + "DEFINITIONS@" not in FILES[name]
        assert "@" + "PREFIX@" not in FILES[name]
        assert FILES[name].count("{") == FILES[name].count("}")
        assert FILES[name].count("(") == FILES[name].count(")")


@pytest.mark.parametrize(
    "wrong",
    [
        {"registries": ("azureml://registries/x",)},
        {"registries": ("*",)},
        {"staging_registries": ("a/b",)},
        {"deployers": ("me",)},
        {"models": ("gpt",)},
        {"models": ("OpenAI/gpt/",)},
        {"prefix": "[x]"},
        {"admitted": {"azureml:net:7": DIGEST}},
        {"admitted": {MODEL: "sha256:ab"}},
        {"admitted": {f"{MODEL}{number}": DIGEST for number in range(101)}},
    ],
)
def test_settings_that_no_policy_is_written_with(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        bundle_of(AzureSettings(**wrong), knowledge())


def test_the_same_settings_give_the_same_bytes() -> None:
    assert bundle_of(SETTINGS, knowledge()) == FILES
