"""The landing that `init azure` writes: it parses, uses what the provider knows, and is as closed as its pages say.

Bicep's own compiler and the provider are not at hand here: Bicep is read by an independent parser, Terraform by
another, and its arguments are held against what the provider of that version knows (azurerm.json, tools/azurerm.py).
"""

from __future__ import annotations

import copy
import json
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import hcl2
import pytest
from pycep import BicepParser

from build import estates
from build.running import command
from weighbridge.azure.policy.bundle import bundle_of
from weighbridge.azure.policy.effects import SHUT, Surroundings
from weighbridge.azure.policy.knowledge import load_azure_knowledge
from weighbridge.azure.policy.lint import lint_document
from weighbridge.azure.policy.request import Request
from weighbridge.azure.policy.resource import resource_of
from weighbridge.azure.policy.stage import judge_stage
from weighbridge.core.findings import Severity
from weighbridge.core.settings import AzureSettings
from weighbridge.pipelines.audit import audit_export
from weighbridge.scaffold.files import BICEP, TERRAFORM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
PIPELINE = "11111111-2222-3333-4444-555555555555"
SETTINGS = f"""
[azure]
registries = ["wb-prod"]
staging_registries = ["wb-staging"]
deployers = ["{PIPELINE}"]
"""
AZURE = AzureSettings(registries=("wb-prod",), staging_registries=("wb-staging",), deployers=(PIPELINE,))
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LIKE_AML = (
    "onlineEndpoints",
    "batchEndpoints",
    "serverlessEndpoints",
    "accounts/deployments",
    "managedComputeDeployments",
)
ISOLATION = {
    "sandbox": "AllowInternetOutbound",
    "staging": "AllowOnlyApprovedOutbound",
    "production": "AllowOnlyApprovedOutbound",
}


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("landing")
    (folder / "weighbridge.toml").write_text(SETTINGS)
    settings = ("--config", folder / "weighbridge.toml")
    assert command("init", "azure", "--folder", folder / "written", *settings).status == 0
    return folder / "written"


def plain(value: Any) -> Any:
    """What the reader of Terraform gives, without its marks: quotes around texts, and which tables are blocks."""
    if isinstance(value, dict):
        return {plain(key): plain(inner) for key, inner in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return value[1:-1] if isinstance(value, str) and re.fullmatch(r'"[^"]*"', value) else value


def terraform(landing: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in TERRAFORM:
        with open(landing / "terraform" / name, encoding="utf-8") as file:
            for entry in plain(hcl2.load(file)).get("resource", []):
                for kind, named in entry.items():
                    for label, body in named.items():
                        yield kind, label, body


def bicep(landing: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in BICEP:
        if name.endswith(".bicep"):
            text = (landing / "bicep" / name).read_text()
            for label, resource in BicepParser().parse(text=text)["resources"].items():
                inner = resource["config"].get("config", resource["config"])  # of one with a condition
                yield f"{name}:{label}", {**resource, "config": inner}


def only(landing: Path, kind: str) -> dict[str, Any]:
    (found,) = (body for there, _, body in terraform(landing) if there == kind)
    return found


def properties(landing: Path, label: str) -> dict[str, Any]:
    return dict(bicep(landing))[label]["config"]["properties"]


def test_everything_is_written_and_nothing_else(landing: Path) -> None:
    written = {str(path.relative_to(landing)) for path in landing.rglob("*") if path.is_file()}
    ours = {*(f"bicep/{name}" for name in BICEP), *(f"terraform/{name}" for name in TERRAFORM)}
    assert written == ours | {f"policy/{path}" for path in bundle_of(AZURE, load_azure_knowledge())}
    assert command("init", "azure", "--folder", landing).status == 2


def unknown_arguments(body: dict[str, Any], known: dict[str, Any], where: str) -> Iterator[str]:
    for name, value in body.items():
        if name in ("for_each", "count", "depends_on", "lifecycle"):
            continue
        if name not in known:
            yield f"{where}.{name} is not known"
        elif "block" in known[name]:
            blocks = value if isinstance(value, list) else [value]
            for block in blocks:
                yield from unknown_arguments(block, known[name]["block"], f"{where}.{name}")
    for name, entry in known.items():
        if entry["required"] and name not in body:
            yield f"{where}.{name} is missing"


def test_terraform_uses_what_the_provider_knows(landing: Path) -> None:
    with open(os.path.join(HERE, "azurerm.json"), encoding="utf-8") as file:
        known = json.load(file)["resources"]
    found = [(kind, label, body) for kind, label, body in terraform(landing)]
    assert {kind for kind, _, _ in found} == set(known)
    wrong = [text for kind, label, body in found for text in unknown_arguments(body, known[kind], f"{kind}.{label}")]
    assert wrong == []
    bad = {"name": "x", "sku": "Premium", "admin": False}
    assert set(unknown_arguments(bad, known["azurerm_container_registry"], "r")) == {
        "r.admin is not known",
        "r.location is missing",
        "r.resource_group_name is missing",
    }


def test_references_in_terraform_lead_somewhere(landing: Path) -> None:
    texts = {name: (landing / "terraform" / name).read_text() for name in TERRAFORM}
    whole = "\n".join(texts.values())
    made = {f"{kind}.{label}" for kind, label, _ in terraform(landing)}
    assert set(re.findall(r"(?<![\w.])(azurerm_\w+\.\w+)(?=[.\[])", whole)) - {"azurerm_client_config.current"} <= made
    assert set(re.findall(r"\bvar\.(\w+)", whole)) == set(re.findall(r'^variable "(\w+)"', whole, flags=re.MULTILINE))


@pytest.mark.parametrize("name", [name for name in BICEP if name.endswith(".bicep")])
def test_bicep_parses_and_uses_its_parameters(landing: Path, name: str) -> None:
    text = (landing / "bicep" / name).read_text()
    read = BicepParser().parse(text=text)
    assert read["resources"]
    code = re.sub(r"(?m)^\s*//.*$|^param .*$", "", text)
    for parameter in read["parameters"]:
        assert re.search(rf"\b{parameter}\b", code), f"{parameter} is not used"
    for resource in read["resources"].values():
        assert re.fullmatch(r"20\d\d-\d\d-\d\d(-preview)?", resource["api_version"])


RENAMED = {"networkAcls": "networkRuleSet", "supportsHttpsTrafficOnly": "enableHttpsTrafficOnly", "type": "roleType"}
"""What Azure's specifications call otherwise for programs than on the wire."""


def flat(table: dict[str, Any]) -> dict[str, Any]:
    """Without the table `properties`, whose entries programs see beside the others."""
    inner = table.get("properties")
    rest = {key: value for key, value in table.items() if key != "properties"}
    return {**rest, **inner} if isinstance(inner, dict) else rest


def unknown_properties(body: dict[str, Any], known: dict[str, Any], where: str) -> Iterator[str]:
    there = flat(known)
    for written, value in flat(body).items():
        name = written if written in there else RENAMED.get(written, written)
        if name not in there:
            yield f"{where}.{written} is not known"
            continue
        for item in value if isinstance(value, list) else [value]:
            # An operator or a call is a table to the reader too; what it gives is not known here.
            if isinstance(item, dict) and there[name] and not {"operator", "function"} & set(item):
                yield from unknown_properties(item, there[name], f"{where}.{written}")


def test_bicep_uses_what_resource_manager_knows(landing: Path) -> None:
    with open(os.path.join(HERE, "arm.json"), encoding="utf-8") as file:
        types = json.load(file)["types"]
    assert {resource["type"] for _, resource in bicep(landing)} == set(types)
    wrong = []
    for label, resource in bicep(landing):
        known = types[resource["type"]]
        if resource["api_version"] not in known["versions"]:
            wrong.append(f"{label}: {resource['api_version']} is no version of {resource['type']}")
        body = {key: value for key, value in resource["config"].items() if key not in ("name", "parent", "scope")}
        wrong += unknown_properties(body, known["properties"], label)
    assert wrong == []
    registry = types["Microsoft.ContainerRegistry/registries"]["properties"]
    bad = {"adminUser": False, "policies": {"export": {}}}
    assert list(unknown_properties(bad, registry, "r")) == [
        "r.adminUser is not known",
        "r.policies.export is not known",
    ]


def test_modules_are_given_every_parameter(landing: Path) -> None:
    main = (landing / "bicep/main.bicep").read_text()
    for name, given in re.findall(r"module \w+ '([\w.]+)' = .*?params: \{(.*?)\n  \}", main, flags=re.DOTALL):
        wanted = set(BicepParser().parse(text=(landing / "bicep" / name).read_text())["parameters"])
        assert set(re.findall(r"^ +(\w+):", given, flags=re.MULTILINE)) == wanted, name
    for module, output in re.findall(r"\b(\w+)\.outputs\.(\w+)", main):
        assert f"output {output} " in (landing / "bicep" / f"{module}.bicep").read_text()
    given = set(re.findall(r"^param (\w+)", (landing / "bicep/main.bicepparam").read_text(), flags=re.MULTILINE))
    assert given == set(BicepParser().parse(text=main)["parameters"])


# What a reviewer would look for, in both languages


def test_the_registry_is_closed(landing: Path) -> None:
    registry = properties(landing, "registry.bicep:registry")
    assert dict(bicep(landing))["registry.bicep:registry"]["config"]["sku"] == {"name": "Premium"}
    assert registry["adminUserEnabled"] is False
    assert registry["anonymousPullEnabled"] is False
    assert registry["publicNetworkAccess"] == "Disabled"
    assert registry["networkRuleBypassOptions"] == "None"
    assert registry["policies"]["exportPolicy"] == {"status": "disabled"}
    same = only(landing, "azurerm_container_registry")
    assert same["sku"] == "Premium"
    closed = ("admin_enabled", "anonymous_pull_enabled", "public_network_access_enabled", "export_policy_enabled")
    assert not any(same[name] for name in closed)
    assert same["network_rule_bypass_option"] == "None"
    (connection,) = only(landing, "azurerm_private_endpoint")["private_service_connection"]
    assert connection["subresource_names"] == ["registry"]
    connection = properties(landing, "registry.bicep:endpoint")["privateLinkServiceConnections"][0]
    assert connection["properties"]["groupIds"] == ["registry"]


def test_each_stage_has_its_network_and_shares_nothing(landing: Path) -> None:
    main = (landing / "bicep/main.bicep").read_text()
    assert dict(re.findall(r"name: '(\w+)', isolation: '(\w+)'", main)) == ISOLATION
    hub = properties(landing, "hub.bicep:hub")
    assert hub["managedNetwork"] == {"isolationMode": "isolation"}
    assert hub["publicNetworkAccess"] == "Disabled"
    with open(landing / "terraform/main.tf", encoding="utf-8") as file:
        (entry,) = plain(hcl2.load(file))["locals"]
    assert entry["isolation"] == ISOLATION
    stages = only(landing, "azurerm_ai_foundry")
    assert stages["managed_network"] == [{"isolation_mode": "${each.value}"}]
    assert stages["public_network_access"] == "Disabled"
    for kind in ("azurerm_ai_foundry", "azurerm_storage_account", "azurerm_key_vault"):
        assert only(landing, kind)["for_each"] == "${local.isolation}"
    for name in ("storage_account_id", "key_vault_id"):
        assert "[each.key]" in stages[name]
    assert "container_registry_id" not in stages


def test_stores_of_a_stage_are_closed_and_keep_versions(landing: Path) -> None:
    storage, vault = only(landing, "azurerm_storage_account"), only(landing, "azurerm_key_vault")
    assert storage["shared_access_key_enabled"] is False
    assert storage["allow_nested_items_to_be_public"] is False
    assert storage["public_network_access_enabled"] is vault["public_network_access_enabled"] is False
    assert storage["blob_properties"][0]["versioning_enabled"] is True
    assert vault["purge_protection_enabled"] is vault["rbac_authorization_enabled"] is True
    same = properties(landing, "hub.bicep:storage")
    assert same["allowSharedKeyAccess"] is same["allowBlobPublicAccess"] is False
    assert properties(landing, "hub.bicep:blobs")["isVersioningEnabled"] is True
    kept = properties(landing, "hub.bicep:vault")
    assert kept["enablePurgeProtection"] is kept["enableRbacAuthorization"] is True
    assert same["publicNetworkAccess"] == kept["publicNetworkAccess"] == "Disabled"


def test_identities_have_no_secret_and_are_pinned(landing: Path) -> None:
    subjects = []
    for kind, _, body in terraform(landing):
        if kind == "azurerm_federated_identity_credential":
            assert body["issuer"] == "https://token.actions.githubusercontent.com"
            assert body["audience"] == ["api://AzureADTokenExchange"]
            subjects.append(body["subject"])
    assert sorted(subjects) == [f"repo:${{var.repository}}:environment:{name}" for name in ("intake", "production")]
    for label in ("identities.bicep:intakeCredential", "identities.bicep:deployCredential"):
        credential = properties(landing, label)
        assert credential["issuer"] == "https://token.actions.githubusercontent.com"
        assert credential["audiences"] == ["api://AzureADTokenExchange"]
        assert re.fullmatch(r"repo:\$\{repository\}:environment:(intake|production)", credential["subject"])
    whole = "".join((landing / "terraform" / name).read_text() for name in TERRAFORM)
    pattern = re.search(r'regex\("(\^\[\^/[^"]+)", var.repository', whole)
    assert pattern
    assert re.match(pattern[1], "owner@1/repository@2")
    for wrong in ("owner/repository", "owner@1/*@2", "owner@1/repository@2:ref", "owner@x/repository@2"):
        assert not re.match(pattern[1], wrong)


def test_nobody_may_both_push_and_deploy(landing: Path) -> None:
    rights: dict[str, set[str]] = {}
    for kind, _, body in terraform(landing):
        if kind == "azurerm_role_assignment":
            who = re.search(r"identity\.(\w+)\.principal_id", body["principal_id"])
            assert who
            rights.setdefault(who[1], set()).add(str(body.get("role_definition_name", "deployer")))
            assert "subscription" not in body["scope"]
    assert rights == {"intake": {"AcrPush"}, "deploy": {"AcrPull", "deployer"}}
    (permissions,) = only(landing, "azurerm_role_definition")["permissions"]
    same = properties(landing, "hub.bicep:deployer")["permissions"][0]["actions"]
    assert permissions["actions"] == same
    assert not any("*" in action or action.endswith(("delete", "action")) for action in same)
    assert [action for action in same if action.endswith("write")] == [
        "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments/write"
    ]
    text = (landing / "bicep/registry.bicep").read_text()
    assert (
        "principalId: intakePrincipalId\n    principalType: 'ServicePrincipal'\n    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', push)"
        in text
    )
    assert (
        "principalId: deployPrincipalId\n    principalType: 'ServicePrincipal'\n    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', pull)"
        in text
    )


def queries(landing: Path) -> dict[str, str]:
    text = (landing / "bicep/monitoring.bicep").read_text()
    return dict(re.findall(r"var (\w+)Query = '''\n(.*?)\n'''", text, flags=re.DOTALL))


def test_alerts_are_the_same_in_both_languages_and_allowed_there(landing: Path) -> None:
    found = queries(landing)
    assert set(found) == {"push", "deployment", "blindness"}
    for kind, label, body in terraform(landing):
        if kind != "azurerm_monitor_scheduled_query_rules_alert_v2":
            continue
        query = body["criteria"][0]["query"]
        for mark, identity in (("INTAKE", "intake"), ("DEPLOY", "deploy")):
            query = query.replace(f"${{azurerm_user_assigned_identity.{identity}.principal_id}}", f"@{mark}@")
        lines = [line.strip() for line in query.splitlines() if line.strip(' "') and "KQL" not in line]
        assert lines == [line.strip() for line in found.pop(label).splitlines()]
        # What Azure Monitor refuses in such a rule, and windows longer than two days.
        assert not re.search(r"\b(bag_unpack|pivot|narrow|search|union|take|limit)\b", query)
        assert re.fullmatch(r"PT\d+M", body["window_duration"])
        assert body["auto_mitigation_enabled"] is False
    assert found == {}


def test_every_way_to_deploy_is_watched(landing: Path) -> None:
    assert all(way in queries(landing)["deployment"] for way in LIKE_AML)


def test_logs_are_kept_of_everything_that_has_any(landing: Path) -> None:
    scopes = {
        str(resource["config"].get("scope"))
        for _, resource in bicep(landing)
        if resource["type"] == "Microsoft.Insights/diagnosticSettings"
    }
    assert scopes == {"registry", "hub", "vault", "None"}, "None is the subscription"
    targets = {
        body["target_resource_id"].strip("${}").partition(".")[0]
        for kind, _, body in terraform(landing)
        if kind == "azurerm_monitor_diagnostic_setting"
    }
    assert targets == {"azurerm_ai_foundry", "azurerm_container_registry", "azurerm_key_vault", "/subscriptions/${var"}


# Judged by what we ship ourselves


def estate(landing: Path) -> dict[str, Any]:
    """What would be exported of the landing once it stands, as far as it decides that.

    Approving an endpoint and preparing a network are Azure's part, and taken as done.
    """
    made = {label: copy.deepcopy(resource["config"]) for label, resource in bicep(landing)}

    def logs(of: dict[str, Any], label: str) -> dict[str, Any]:
        kind = "Microsoft.Insights/diagnosticSettings"
        properties = {**made[label]["properties"], "workspaceId": estates.LOGS}
        return {"id": f"{of['id']}/providers/{kind}/logs", "type": kind, "name": "logs", "properties": properties}

    def lock(of: dict[str, Any], label: str) -> dict[str, Any]:
        kind, properties = "Microsoft.Authorization/locks", made[label]["properties"]
        return {"id": f"{of['id']}/providers/{kind}/keep", "type": kind, "name": "keep", "properties": properties}

    text = (landing / "bicep/registry.bicep").read_text()
    own = made["registry.bicep:registry"]
    assert made["registry.bicep:endpoint"]["properties"]["privateLinkServiceConnections"]
    reached = {**own["properties"], "privateEndpointConnections": [estates.APPROVED]}
    tags = {plain(key).strip("'"): value for key, value in own["tags"].items()}
    registry = estates.resource("models-models", estates.CR, "models1", reached, sku=own["sku"], tags=tags)
    resources, blobs, assignments = [registry], [], []
    settings, locks = [logs(registry, "registry.bicep:logs")], [lock(registry, "registry.bicep:keep")]
    for stage, isolation in ISOLATION.items():
        group, tagged = f"models-{stage}", {"weighbridge.stage": stage}
        store, vault, hub = (made[f"hub.bicep:{name}"]["properties"] for name in ("storage", "vault", "hub"))
        storage = estates.resource(group, "Microsoft.Storage/storageAccounts", f"st{stage}", store)
        kept = estates.resource(group, "Microsoft.KeyVault/vaults", f"kv-{stage}", vault, tags=tagged)
        network = {"isolationMode": isolation, "status": {"status": "Active"}}
        hub = {**hub, "storageAccount": storage["id"], "keyVault": kept["id"], "managedNetwork": network}
        who = {"type": "SystemAssigned", "principalId": f"{stage}-identity"}
        kind = f"{estates.ML}/workspaces"
        workspace = estates.resource(group, kind, f"models-{stage}", hub, kind="Hub", identity=who, tags=tagged)
        resources += [storage, kept, workspace]
        of = made["hub.bicep:blobs"]["properties"]
        blobs.append(
            estates.resource(group, "Microsoft.Storage/storageAccounts/blobServices", f"st{stage}/default", of)
        )
        settings += [logs(workspace, "hub.bicep:logs"), logs(kept, "hub.bicep:vaultLogs")]
        locks += [lock(kept, "hub.bicep:keep")] if stage == "production" else []
        given = json.loads((landing / f"policy/assignments/{stage}.json").read_text())
        assigned = estates.assignment(f"models-{stage}", "x")
        body = made["policies.bicep:assignment"]["properties"]
        scope = f"/subscriptions/{estates.SUBSCRIPTION}/resourceGroups/{group}"
        assigned["id"] = assigned["id"].replace(assigned["properties"]["scope"], scope)
        assigned["properties"] |= {"scope": scope, "enforcementMode": body["enforcementMode"], "parameters": given}
        assigned["properties"]["policyDefinitionId"] = (
            "/providers/Microsoft.Management/managementGroups/g/providers"
            "/Microsoft.Authorization/policySetDefinitions/wb-models"
        )
        assignments.append(assigned)
    return {
        "resources.json": resources,
        "blobServices.json": blobs,
        "diagnosticSettings.json": settings,
        "policyAssignments.json": assignments,
        "policyExemptions.json": [],
        "deployments.json": [],
        "locks.json": locks,
        "roleAssignments.json": [
            estates.role(name, who, code, registry["id"])
            for name, who, code in (
                ("push", estates.PUSHER, re.findall("var push = '(.*)'", text)[0]),
                ("pull", estates.DEPLOYER, re.findall("var pull = '(.*)'", text)[0]),
            )
        ],
    }


DECIDED = {"C01", "C02", "C06", "C08", "C14", "C18"}
"""Controls that the landing alone decides. The others ask for evidence, sign-ins, the subscription's plans, detections."""


def test_the_landing_is_clean_by_our_own_audit(landing: Path, tmp_path: Path) -> None:
    export = estate(landing)
    found = {one.id: one for one in audit_export(str(estates.write(export, tmp_path)), NOW).controls}
    assert {name: found[name].result.value for name in DECIDED} == dict.fromkeys(DECIDED, "pass")
    assert [one.id for one in found.values() if one.result.value == "fail"] == []


@pytest.mark.parametrize(
    ("file", "control"),
    [("locks.json", "C18"), ("policyAssignments.json", "C02")],
)
def test_the_audit_misses_what_the_landing_would_lack(landing: Path, tmp_path: Path, file: str, control: str) -> None:
    export = {**estate(landing), file: []}
    found = {one.id: one.result.value for one in audit_export(str(estates.write(export, tmp_path)), NOW).controls}
    assert found[control] == "fail"


def test_the_landing_passes_its_own_policies(landing: Path) -> None:
    """What it makes is let through by what it assigns there, and a hub that is opened is not."""
    known = load_azure_knowledge()
    around = Surroundings(Request(), NOW, known, known.aliases)

    def stopped(resource: dict[str, Any], stage: str) -> list[str]:
        said = judge_stage(AZURE, stage, resource_of({**resource, "id": resource["id"]}), around)
        return [one.id for one in said if one.judgement.outcome in SHUT]

    export = estate(landing)
    seen = 0
    for resource in export["resources.json"]:
        stage = resource["resourceGroup"].removeprefix("models-")
        assert stopped(resource, "production" if stage == "models" else stage) == [], resource["id"]
        seen += 1
    assert seen == 10
    hub = next(one for one in export["resources.json"] if one["name"] == "models-production")
    open_hub = {**hub, "properties": {**hub["properties"], "managedNetwork": {"isolationMode": "Disabled"}}}
    assert stopped(open_hub, "production") == ["W-05"]


def test_what_the_landing_assigns_is_clean_by_our_own_lint(landing: Path) -> None:
    known = load_azure_knowledge()
    documents = [json.loads(path.read_text()) for path in sorted((landing / "policy/definitions").iterdir())]
    assert len(documents) >= 16
    found = [finding for document in documents for finding in lint_document(document, known)]
    # An alias that no page of Microsoft shows is a remark until a tenant was asked once.
    assert {finding.rule for finding in found if finding.severity is not Severity.LOW} == set()


def test_every_stage_and_the_registry_have_their_policies(landing: Path) -> None:
    main = (landing / "bicep/main.bicep").read_text()
    modules = re.findall(r"module (\w+) 'policies.bicep' = (.*?)\n\}\]?\n", main, flags=re.DOTALL)
    assert [name for name, _ in modules] == ["policies", "policiesOfRegistry"]
    assert "[for (stage, place) in stages: {" in modules[0][1]
    assert "scope: groups[place]" in modules[0][1]
    assert "scope: shared" in modules[1][1]
    assert "stage: 'production'" in modules[1][1]
    body = properties(landing, "policies.bicep:assignment")
    assert body["enforcementMode"] == "Default"
    text = (landing / "bicep/policies.bicep").read_text()
    for stage in ISOLATION:
        assert f"{stage}: loadJsonContent('../policy/assignments/{stage}.json')" in text
    same = {
        label: found for kind, label, found in terraform(landing) if kind == "azurerm_resource_group_policy_assignment"
    }
    assert set(same) == {"stage", "shared"}
    assert same["stage"]["for_each"] == "${local.isolation}"
    assert all(found["enforce"] is True for found in same.values())
    assert all(found["policy_definition_id"] == "${var.initiative_id}" for found in same.values())


def test_without_registries_the_policies_let_nothing_pass_and_it_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = command("init", "azure", "--folder", tmp_path / "landing")
    assert outcome.status == 0
    assert "names no registries" in outcome.err
    given = json.loads((tmp_path / "landing/policy/assignments/production.json").read_text())
    assert given["allowedRegistryPrefixes"]["value"] == []
