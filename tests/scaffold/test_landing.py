"""The landing that `init azure` writes: it parses, uses what the provider knows, and is as closed as its pages say.

Bicep's own compiler and the provider are not at hand here: Bicep is read by an independent parser, Terraform by
another, and its arguments are held against what the provider of that version knows (azurerm.json, tools/azurerm.py).
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import hcl2
import pytest
from pycep import BicepParser

from build.running import command
from weighbridge.scaffold.files import BICEP, TERRAFORM

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HERE = os.path.dirname(os.path.abspath(__file__))
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
    assert command("init", "azure", "--folder", folder).status == 0
    return folder


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
    assert written == {*(f"bicep/{name}" for name in BICEP), *(f"terraform/{name}" for name in TERRAFORM)}
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
