"""The audit: a compliant estate passes, one thing spoilt turns exactly its control, what is removed is unknown."""

from __future__ import annotations

import copy
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from build import estates as e
from build.containers import safetensors
from build.running import command
from tools import schemas
from weighbridge.controls.base import Result
from weighbridge.controls.checklist import controls
from weighbridge.controls.knowledge import mappings
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.pipelines.audit import audit_export
from weighbridge.render.audit import audit_html, audit_markdown, audit_text
from weighbridge.render.terminal import style_for

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
REQUIRED = tuple(f"C{number:02}" for number in range(1, 13))
"""The twelve of the checklist; the others are worth having."""
PROVED = {"C03", "C04", "C05", "C11"}
SUBSCRIPTION_SCOPE = f"/subscriptions/{e.SUBSCRIPTION}"
VAULT = e.arm("rg-production", "Microsoft.KeyVault/vaults", "kv-production")
MODEL = "azureml://registries/azure-huggingface/models/m/versions/1"
ASSIGNED = "properties/parameters"
RULE = "properties/managedNetwork/outboundRules/own/destination"


def results(export: e.Export, folder: Path, **options: Any) -> dict[str, str]:
    audited = audit_export(str(e.write(export, folder)), NOW, **options)
    return {one.id: one.result.value for one in audited.controls}


@pytest.fixture(scope="module")
def compliant(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return results(e.compliant(), tmp_path_factory.mktemp("estate"))


def exemption(**more: Any) -> dict[str, Any]:
    kind = "Microsoft.Authorization/policyExemptions"
    scope = f"{SUBSCRIPTION_SCOPE}/resourceGroups/rg-lab"
    properties = {"policyAssignmentId": f"{scope}/x", "exemptionCategory": "Waiver", **more}
    return {"id": f"{scope}/providers/{kind}/e", "type": kind, "name": "e", "properties": properties}


def exempted() -> dict[str, Any]:
    """An exemption that takes production out of the assignment on models."""
    one = exemption(expiresOn="2027-01-01T00:00:00Z")
    about = e.rows(e.compliant(), "policyAssignments.json")[0]["id"]
    one["properties"]["policyAssignmentId"] = about
    one["id"] = one["id"].replace("rg-lab", "rg-production")
    return one


def application_role() -> dict[str, Any]:
    code = "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9"
    return {"id": "x", "appRoleId": code, "principalId": e.PUSHER, "resourceDisplayName": "Microsoft Graph"}


SPOILT: list[tuple[str, e.Export]] = [
    ("C01", e.spoilt("resources.json", "/wbmodels", "sku/name", "Standard")),
    ("C01", e.spoilt("resources.json", "/wbmodels", "properties/adminUserEnabled", True)),
    ("C01", e.spoilt("resources.json", "/wbmodels", "properties/publicNetworkAccess", "Enabled")),
    ("C01", e.spoilt("resources.json", "/wbmodels", "properties/publicNetworkAccess", ...)),
    ("C01", e.spoilt("resources.json", "/wbmodels", "properties/anonymousPullEnabled", True)),
    ("C01", e.spoilt("resources.json", "/wbmodels", "properties/privateEndpointConnections", [])),
    (
        "C01",
        e.spoilt(
            "resources.json",
            "/wbmodels",
            "properties/privateEndpointConnections/0/properties/privateLinkServiceConnectionState/status",
            "Pending",
        ),
    ),
    ("C02", e.spoilt("policyAssignments.json", "/wb-models", f"{ASSIGNED}/effect/value", "Audit")),
    ("C02", e.spoilt("policyAssignments.json", "/wb-models", f"{ASSIGNED}/effect", ...)),
    ("C02", e.spoilt("policyAssignments.json", "/wb-models", "properties/enforcementMode", "DoNotEnforce")),
    ("C02", e.spoilt("policyAssignments.json", "/wb-models", "properties/notScopes", [SUBSCRIPTION_SCOPE])),
    ("C02", e.spoilt("policyAssignments.json", "/wb-models", f"{ASSIGNED}/allowedPublishers/value", ["Meta"])),
    ("C02", e.spoilt("policyAssignments.json", "/wb-models", f"{ASSIGNED}/allowedAssetIds/value", [""])),
    (
        "C02",
        e.spoilt("policyAssignments.json", "/wb-models", f"{ASSIGNED}/allowedAssetIds/value/0", "azureml://registries/wb-prod"),
    ),
    ("C02", e.spoilt("policyAssignments.json", "/wb-foundry", "properties/policyDefinitionId", "/providers/x/y")),
    ("C02", e.spoilt("policyAssignments.json", "/wb-models", "properties/scope", f"{SUBSCRIPTION_SCOPE}/resourceGroups/rg-prod")),
    ("C02", e.spoilt("deployments.json", "/blue", "properties/model", MODEL)),
    ("C02", e.spoilt("deployments.json", "/blue", "properties/model", "azureml://registries/wb-prod2/models/d/versions/3")),
    ("C02", e.spoilt("deployments.json", "/blue", "properties/model", "azureml://registries/wb-prod/models/d/labels/latest")),
    (
        "C02",
        e.with_one_more(
            "deployments.json",
            e.resource(
                "rg-production",
                "Microsoft.CognitiveServices/accounts/managedComputeDeployments",
                "foundry/hf",
                {"model": MODEL},
            ),
        ),
    ),
    (
        "C02",
        e.spoilt("policyAssignments.json", "/wb-models", f"{ASSIGNED}/allowedAssetIds/value", ["azureml://registries/azure-huggingface/models/"]),
    ),
    (
        "C02",
        e.with_one_more(
            "deployments.json",
            e.resource("rg-other", f"{e.ML}/workspaces/onlineEndpoints/deployments", "unknown/e/green", {"model": MODEL}),
        ),
    ),
    (
        "C02",
        e.with_one_more(
            "deployments.json",
            e.resource(
                "rg-production",
                "Microsoft.CognitiveServices/accounts/deployments",
                "foundry/gpt",
                {"model": {"format": "OpenAI", "name": "gpt-4o", "version": "1"}},
            ),
        ),
    ),
    (
        "C08",
        e.spoilt("resources.json", "/hub-production", RULE.rpartition("/")[0], {"type": "ServiceTag", "destination": {"serviceTag": "Internet"}}),
    ),
    ("C06", e.spoilt("resources.json", "/hub-staging", "properties/keyVault", VAULT)),
    (
        "C06",
        e.spoilt(
            "resources.json",
            "/hub-sandbox",
            "properties/storageAccount",
            e.arm("rg-production", "Microsoft.Storage/storageAccounts", "stproduction"),
        ),
    ),
    ("C06", e.spoilt("resources.json", "/hub-staging", "properties/containerRegistry", e.arm("rg-sandbox", e.CR, "imgsandbox"))),
    ("C06", e.spoilt("resources.json", "/hub-staging", "identity/principalId", "production-identity")),
    (
        "C06",
        e.with_one_more(
            "roleAssignments.json",
            e.role("bad", e.SANDBOX_ID, "acdd72a7-3385-48ef-bd42-f606fba81ae7", f"{SUBSCRIPTION_SCOPE}/resourceGroups/rg-production"),
        ),
    ),
    ("C07", e.spoilt("federatedCredentials.json", "1", "subject", "repo:contoso/models:ref:refs/heads/main")),
    ("C07", e.spoilt("federatedCredentials.json", "1", "subject", "repo:contoso@4242/models@777:pull_request")),
    ("C07", e.spoilt("federatedCredentials.json", "1", "subject", "repo:contoso@4242/*:environment:production")),
    ("C07", e.spoilt("federatedCredentials.json", "1", "audiences", ["api://other"])),
    ("C07", e.spoilt("federatedCredentials.json", "1", "audiences", ["api://AzureADTokenExchange", "x"])),
    ("C07", e.spoilt("federatedCredentials.json", "1", "issuer", "https://token.actions.githubusercontent.com/")),
    ("C07", e.spoilt("federatedCredentials.json", "2", "issuer", "http://token.actions.githubusercontent.com")),
    ("C07", e.spoilt("applications.json", "app-1", "passwordCredentials", [{"keyId": "k", "endDateTime": "2030-01-01T00:00:00Z"}])),
    ("C07", e.spoilt("applications.json", "app-1", "keyCredentials", [{"keyId": "k"}])),
    ("C07", e.spoilt("servicePrincipals.json", e.PUSHER, "passwordCredentials", [{"keyId": "k"}])),
    ("C07", e.with_one_more("appRoleAssignments.json", application_role())),
    (
        "C07",
        e.with_one_more("roleAssignments.json", e.role("bad", e.DEPLOYER, "b24988ac-6180-42a0-ab88-20f7382dd24c", SUBSCRIPTION_SCOPE)),
    ),
    ("C08", e.spoilt("resources.json", "/hub-production", "properties/managedNetwork/isolationMode", "AllowInternetOutbound")),
    ("C08", e.spoilt("resources.json", "/hub-staging", "properties/managedNetwork/isolationMode", "Disabled")),
    ("C08", e.spoilt("resources.json", "/hub-staging", "properties/managedNetwork", ...)),
    ("C08", e.spoilt("resources.json", "/hub-production", "properties/managedNetwork/status/status", "Inactive")),
    ("C08", e.spoilt("resources.json", "/hub-production", RULE, "*")),
    ("C08", e.spoilt("resources.json", "/hub-production", RULE, "*.huggingface.co")),
    ("C08", e.spoilt("resources.json", "/hub-production", RULE, "files.pythonhosted.org")),
    ("C08", e.spoilt("resources.json", "/foundry", "properties/publicNetworkAccess", "Enabled")),
    ("C08", e.spoilt("managedNetworks.json", "/default", "properties/managedNetwork/isolationMode", "AllowInternetOutbound")),
    ("C09", e.spoilt("resources.json", "/wb-d04", "properties/enabled", False)),
    ("C09", e.spoilt("resources.json", "/wb-d09", "properties/actions/actionGroups", [])),
    ("C09", e.spoilt("resources.json", "/wb-d12", "properties/criteria/allOf/0/query", "// weighbridge:D12 v1\nT")),
    ("C09", e.spoilt("resources.json", "/wb-d17", "properties/criteria/allOf", [])),
    ("C09", e.spoilt("alertRules.json", "/d05", "properties/enabled", False)),
    ("C09", e.spoilt("diagnosticSettings.json", "score/providers/Microsoft.Insights/diagnosticSettings/to-logs", "properties/logs/0/enabled", False)),
    ("C09", e.spoilt("diagnosticSettings.json", "wbmodels/providers/Microsoft.Insights/diagnosticSettings/to-logs", "properties/workspaceId", ...)),
    ("C10", e.spoilt("blobServices.json", "/default", "properties/isVersioningEnabled", False)),
    ("C10", e.spoilt("blobServices.json", "/default", "properties/deleteRetentionPolicy/enabled", False)),
    ("C10", e.spoilt("blobServices.json", "/default", "properties/containerDeleteRetentionPolicy", ...)),
    ("C10", e.spoilt("resources.json", "/trainingdata01", "properties/allowSharedKeyAccess", True)),
    ("C10", e.spoilt("resources.json", "/trainingdata01", "properties/allowBlobPublicAccess", ...)),
    ("C12", e.spoilt("pricings.json", "/AI", "properties/pricingTier", "Free")),
    ("C13", e.spoilt("resources.json", "/foundry", "properties/disableLocalAuth", False)),
    ("C13", e.spoilt("resources.json", "/score", "properties/authMode", "Key")),
    ("C14", e.spoilt("resources.json", "/kv-production", "properties/enableRbacAuthorization", False)),
    ("C14", e.spoilt("resources.json", "/kv-staging", "properties/enablePurgeProtection", ...)),
    ("C14", e.spoilt("resources.json", "/kv-production", "properties/publicNetworkAccess", "Enabled")),
    (
        "C14",
        e.with_one_more("roleAssignments.json", e.role("bad", e.ENDPOINT_ID, "4633458b-17de-408a-b874-0445c86b69e6", VAULT)),
    ),
    ("C15", e.spoilt("resources.json", "/score", "identity/type", "SystemAssigned, UserAssigned")),
    (
        "C15",
        e.with_one_more(
            "roleAssignments.json",
            e.role("bad", e.ENDPOINT_ID, "b24988ac-6180-42a0-ab88-20f7382dd24c", e.arm("rg-production", f"{e.ML}/workspaces", "hub-production")),
        ),
    ),
    ("C16", e.with_one_more("policyExemptions.json", exemption())),
    ("C17", e.spoilt("resources.json", "/wbmodels", "properties/policies/softDeletePolicy/status", "disabled")),
    ("C18", e.spoilt("locks.json", "wbmodels/providers/Microsoft.Authorization/locks/keep", "properties/level", "NotSpecified")),
]  # fmt: skip


def test_a_compliant_estate_passes(compliant: dict[str, str]) -> None:
    assert {name for name, result in compliant.items() if result == "unknown"} == PROVED
    assert {name for name, result in compliant.items() if result == "not-applicable"} == {"C16"}
    assert {result for name, result in compliant.items() if name not in PROVED | {"C16"}} == {"pass"}


def test_there_are_sixty_ways_to_spoil_it_and_all_differ() -> None:
    assert len(SPOILT) >= 60
    assert len({json.dumps(export, sort_keys=True) for _, export in SPOILT}) == len(SPOILT)
    assert {name for name, _ in SPOILT} >= set(REQUIRED) - PROVED


@pytest.mark.parametrize(("control", "export"), SPOILT, ids=[f"{name}-{at}" for at, (name, _) in enumerate(SPOILT)])
def test_one_thing_spoilt_turns_exactly_its_control(
    control: str, export: e.Export, compliant: dict[str, str], tmp_path: Path
) -> None:
    turned = results(export, tmp_path)
    assert turned[control] == "fail"
    assert {name for name in turned if turned[name] != compliant[name]} == {control}


def test_an_exemption_that_holds_turns_the_policy_and_one_that_ended_does_not(tmp_path: Path) -> None:
    export = e.with_one_more("policyExemptions.json", exempted())
    assert results(export, tmp_path / "a")["C02"] == "fail"
    e.rows(export, "policyExemptions.json")[0]["properties"]["expiresOn"] = "2026-01-01T00:00:00Z"
    assert results(export, tmp_path / "b")["C02"] == "pass"


REMOVED = {
    "resources.json": {"C01", "C08", "C10", "C13", "C14", "C15", "C17", "C18", "C09", "C06", "C02"},
    "deployments.json": {"C02"},
    "policyAssignments.json": {"C02"},
    "policyExemptions.json": {"C02", "C16"},
    "roleAssignments.json": {"C06", "C07", "C14", "C15"},
    "managedNetworks.json": {"C08"},
    "blobServices.json": {"C10"},
    "datasetLabels.json": {"C10"},
    "diagnosticSettings.json": {"C09"},
    "alertRules.json": {"C09"},
    "pricings.json": {"C12"},
    "locks.json": {"C18"},
    "federatedCredentials.json": {"C07"},
    "applications.json": {"C07"},
    "servicePrincipals.json": {"C07"},
    "appRoleAssignments.json": {"C07"},
}


@pytest.mark.parametrize("name", REMOVED)
@pytest.mark.parametrize("how", ["removed", "broken", "cut", "more"])
def test_what_is_not_there_is_unknown(name: str, how: str, tmp_path: Path) -> None:
    export = e.compliant()
    if how == "more":
        export[name] = {"value": e.rows(export, name), "nextLink": "https://management.azure.com/next"}
    folder = e.write(export, tmp_path)
    if how == "removed":
        (folder / name).unlink()
    elif how == "broken":
        (folder / name).write_text("{")
    elif how == "cut":
        (folder / name).write_bytes((folder / name).read_bytes()[:-20])
    audited = audit_export(str(folder), NOW)
    unknown = {one.id for one in audited.controls if one.result is Result.UNKNOWN}
    assert unknown >= REMOVED[name]
    assert not {one.id for one in audited.controls if one.result is Result.FAIL}
    if how != "removed":
        assert audited.problems


def test_a_list_without_properties_makes_nothing_pass(tmp_path: Path) -> None:
    export = e.compliant()
    for row in e.rows(export, "resources.json"):
        row["properties"] = None
    turned = results(export, tmp_path)
    assert {turned[name] for name in ("C01", "C06", "C08", "C09", "C10", "C13", "C14")} <= {"unknown", "fail"}


def test_az_shows_the_same_without_properties_and_with_underscores(compliant: dict[str, str], tmp_path: Path) -> None:
    export = e.compliant()
    flat = []
    for row in e.rows(export, "resources.json"):
        inner = row.pop("properties")
        if row["id"].endswith("hub-production"):
            network = inner.pop("managedNetwork")
            rules = [{"name": name, **rule} for name, rule in network["outboundRules"].items()]
            inner["managed_network"] = {
                "isolation_mode": "allow_only_approved_outbound",
                "status": network["status"],
                "outbound_rules": rules,
            }
        flat.append({**inner, **row})
    export["resources.json"] = flat
    assert results(export, tmp_path) == compliant


def test_single_files_of_az_show_are_judged_and_nothing_is_said_of_the_rest(tmp_path: Path) -> None:
    (tmp_path / "my registry.json").write_text(json.dumps(e.registry()))
    turned = results({}, tmp_path)
    assert turned["C01"] == "pass"
    assert turned["C02"] == turned["C06"] == turned["C12"] == "unknown"


def test_two_rows_that_differ_are_both_judged(tmp_path: Path) -> None:
    bad = copy.deepcopy(e.registry())
    bad["properties"]["adminUserEnabled"] = True
    assert results(e.with_one_more("resources.json", bad), tmp_path)["C01"] == "fail"


def test_what_owners_say_counts_before_tags(tmp_path: Path) -> None:
    export = e.spoilt("resources.json", "/hub-production", "tags/weighbridge.stage", "sandbox")
    e.rows(export, "resources.json")[0]["properties"]["managedNetwork"]["isolationMode"] = "AllowInternetOutbound"
    hub = e.arm("rg-production", f"{e.ML}/workspaces", "hub-production")
    export["estate.json"] = {"schema": "weighbridge.estate/1", "stages": {hub: "production"}}
    spoilt = next(row for row in e.rows(export, "resources.json") if row["id"] == hub)
    spoilt["properties"]["managedNetwork"]["isolationMode"] = "AllowInternetOutbound"
    assert results(export, tmp_path)["C08"] == "fail"


@pytest.mark.parametrize(
    "said", [[], {"schema": "x"}, {"schema": "weighbridge.estate/1", "stage": {}}, {"schema": "weighbridge.estate/1", "stages": {"/a": "prod"}}]
)  # fmt: skip
def test_a_word_of_the_owners_that_is_wrong_is_refused(said: Any, tmp_path: Path) -> None:
    export = e.compliant()
    export["estate.json"] = said
    with pytest.raises(UsageError):
        results(export, tmp_path)


def test_no_export_is_no_audit(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        audit_export(str(tmp_path), NOW)
    with pytest.raises(SourceError):
        audit_export(str(tmp_path / "nowhere"), NOW)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a": 1, "a": 2}', "\xff", "7", '[7, null, "x"]', "{}", "[]"])
def test_odd_files_are_problems_and_never_a_pass(content: str, tmp_path: Path) -> None:
    (tmp_path / "resources.json").write_text(content, encoding="latin-1")
    turned = results({}, tmp_path)
    assert set(turned.values()) <= {"unknown", "not-applicable"}
    assert turned["C12"] == "unknown"


def test_every_control_is_mapped_to_something_published_with_a_source() -> None:
    known = {control.id for control in controls(None)}
    assert set(mappings()) <= known
    assert set(mappings()) >= set(REQUIRED)
    assert all(one.source.startswith("https://") and one.date for every in mappings().values() for one in every)


HOSTILE = "x<script>alert(1)</script>\x1b[2J\u202e`|\n# y"


def test_what_nobody_compared_is_said_to_be_unverified(tmp_path: Path) -> None:
    every = [one for found in mappings().values() for one in found]
    assert any(one.checked for one in every)
    assert {one.framework[:3] for one in every if not one.checked} >= {"ISO", "CIS", "NIS"}
    for one in every:
        assert one.shown.endswith(" (unverified)") == (not one.checked)
    page = command("azure", "audit", e.write(e.compliant(), tmp_path), "--format", "html").out
    assert "ISO/IEC 42001:2023 Annex A A.7.4 (unverified)" in page
    assert "MITRE ATLAS mitigations AML.M0013<" in page


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    export = e.spoilt("resources.json", "/wbmodels", "properties/publicNetworkAccess", HOSTILE)
    bad = next(row for row in e.rows(export, "resources.json") if row["id"].endswith("/wbmodels"))
    bad["id"] = bad["id"].replace("wbmodels", f"{HOSTILE}'; rm -rf ~; '")
    audited = audit_export(str(e.write(export, tmp_path)), NOW)
    page = audit_html(audited)
    assert "<script>" not in page
    assert "\x1b" not in page + audit_markdown(audited) + audit_text(audited, style_for(io.StringIO(), {}))
    table = [line for line in audit_markdown(audited).splitlines() if line.startswith("| C")]
    assert all(line.count("|") == 5 for line in table)
    mend = next(one.mend for one in audited.controls if one.id == "C01")
    assert "'\"'\"'; rm" in mend


def test_drift_is_what_changed_since_last_time(tmp_path: Path) -> None:
    folder = e.write(e.compliant(), tmp_path / "export")
    first = command("azure", "audit", folder, "--format", "json", "--now", "2026-11-29T12:00:00Z")
    assert first.status == 1
    (tmp_path / "last.json").write_text(first.out)
    e.write(e.spoilt("pricings.json", "/AI", "properties/pricingTier", "Free"), folder)
    second = command("azure", "audit", folder, "--format", "json", "--baseline", tmp_path / "last.json")
    assert second.json()["drift"] == [{"id": "C12", "before": "pass", "now": "fail"}]
    assert command("azure", "audit", folder, "--baseline", folder / "pricings.json").status == 2


def test_with_the_registry_all_twelve_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("WEIGHBRIDGE_REGISTRY", "WEIGHBRIDGE_KEY", "WEIGHBRIDGE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert command("init").status == 0
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (model / "README.md").write_text("# A model\n")
    assert command("sign", "model").status == 0
    taken = command("intake", "model", "--to", "oci:registry:good:v1", "--stage", "production")
    assert taken.status == 0, taken
    e.write(e.compliant(), tmp_path / "export")
    outcome = command("azure", "audit", "export", "--registry", "oci:registry", "--format", "json")
    found = {one["id"]: one["result"] for one in outcome.json()["controls"]}
    assert {found[name] for name in REQUIRED} == {"pass"}, outcome.out[:2000]
    assert outcome.status == 0
    for form, begins in (("html", "<!doctype html>"), ("markdown", "## Holds"), ("text", "HOLDS")):
        said = command("azure", "audit", "export", "--registry", "oci:registry", "--format", form)
        assert said.status == 0
        assert said.out.startswith(begins)
    # A year later nothing of it is fresh.
    later = command(
        "azure", "audit", "export", "--registry", "oci:registry", "--format", "json", "--now", "2027-12-01T00:00:00Z"
    )
    assert next(one["result"] for one in later.json()["controls"] if one["id"] == "C03") == "fail"


def test_the_sample_estate_is_as_it_is_built_and_shows_four_faults(tmp_path: Path) -> None:
    folder = Path(__file__).parents[2] / "examples" / "estate"
    assert {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")} == e.sample()
    found = results(e.sample(), tmp_path)
    assert {name for name, result in found.items() if result == "fail"} == {"C01", "C07", "C08", "C13"}


@pytest.mark.parametrize("export", [e.compliant(), e.sample()], ids=["compliant", "sample"])
def test_the_documents_follow_their_schemas(export: e.Export, tmp_path: Path) -> None:
    folder = e.write(export, tmp_path)
    audited = command("azure", "audit", folder, "--format", "json").json()
    jsonschema.validate(audited, schemas.schemas()["audit"])
    checked = command("azure", "identity", "check", folder, "--format", "json").json()
    jsonschema.validate(checked, schemas.schemas()["identity"])


def test_a_project_has_the_stage_of_its_hub_and_what_runs_in_it_is_judged(tmp_path: Path) -> None:
    hub = e.arm("rg-production", f"{e.ML}/workspaces", "hub-production")
    project = e.resource("rg-production", f"{e.ML}/workspaces", "project", {"hubResourceId": hub}, kind="Project")
    running = e.resource(
        "rg-production", f"{e.ML}/workspaces/onlineEndpoints/deployments", "project/e/blue", {"model": MODEL}
    )
    export = e.with_one_more("resources.json", project)
    e.rows(export, "diagnosticSettings.json").append(e.diagnostics(project["id"]))
    found = results(export, tmp_path / "a")
    assert {found[name] for name in ("C02", "C06", "C08", "C09")} == {"pass"}
    e.rows(export, "deployments.json").append(running)
    assert results(export, tmp_path / "b")["C02"] == "fail"


def test_our_initiative_guards_too(tmp_path: Path) -> None:
    export = e.compliant()
    ours = e.assignment(
        "wb-production",
        "x",
        allowedRegistryPrefixes=["azureml://registries/wb-prod/models/"],
        allowedModels=["OpenAI/gpt-4o/1"],
    )
    ours["properties"]["policyDefinitionId"] = "/providers/Microsoft.Authorization/policySetDefinitions/wb-models"
    ours["properties"]["parameters"] |= {"effectW01Online": {"value": "Deny"}, "effectW07": {"value": "Deny"}}
    export["policyAssignments.json"] = [ours]
    assert results(export, tmp_path / "a")["C02"] == "pass"
    ours["properties"]["parameters"]["effectW01Online"] = {"value": "Audit"}
    assert results(export, tmp_path / "b")["C02"] == "fail"


def test_another_provider_that_the_owners_believe(tmp_path: Path) -> None:
    aks = "https://oidc.prod-aks.azure.com/x"
    export = e.spoilt("federatedCredentials.json", "1", "issuer", aks)
    e.rows(export, "federatedCredentials.json")[0]["subject"] = "system:serviceaccount:models:serve"
    assert results(export, tmp_path / "a")["C07"] == "fail"
    export["estate.json"] = {
        "schema": "weighbridge.estate/1",
        "issuers": ["https://token.actions.githubusercontent.com", aks],
    }
    assert results(export, tmp_path / "b")["C07"] == "pass"


def test_no_command_lets_a_name_out_of_its_word(tmp_path: Path) -> None:
    text = json.dumps(e.sample()).replace("rg-production", "rg-$(echo x)").replace("contoso", "$(echo y)")
    folder = e.write(json.loads(text), tmp_path)
    audited = command("azure", "audit", folder, "--format", "json").json()
    checked = command("azure", "identity", "check", folder, "--format", "json").json()
    lines = [one["mend"] for one in audited["controls"]] + checked["commands"]
    assert any("$(echo x)" in line for line in lines)
    assert any("$(echo y)" in line for line in lines)
    bare = [word for line in lines for part in line.split("\n") for word in re.sub(r"'[^']*'", "", part).split()]
    assert not [word for word in bare if "$(" in word]
