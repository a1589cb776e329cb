"""The thin client: tokens, pages, long operations, refusals, and links that lead elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build import estates as e
from build.arm_server import Azure, azure
from build.running import command
from weighbridge.azure import clients
from weighbridge.azure.collect import collect, collect_applications
from weighbridge.core.errors import AzureError, RegistryError, UsageError
from weighbridge.pipelines.audit import audit_export

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = e.NOW
DENIED = {
    "code": "RequestDisallowedByPolicy",
    "message": "Resource was disallowed by policy.",
    "additionalInfo": [{"type": "PolicyViolation", "info": {"policyDefinitionDisplayName": "Weighbridge W-01"}}],
}


@pytest.fixture
def there() -> Iterator[Azure]:
    with azure() as found:
        yield found


def test_pages_are_read_to_the_end(there: Azure) -> None:
    there.lists["/things"] = [{"n": n} for n in range(5)]
    there.busy = 2
    assert [one["n"] for one in there.service().pages("/things", "2025-01-01")] == list(range(5))


def test_a_token_that_ended_is_asked_for_once_more(there: Azure) -> None:
    there.objects["/thing"] = {"a": 1}
    there.expired = 1
    service = there.service()
    assert service.get("/thing", "1") == {"a": 1}
    there.expired = 2
    with pytest.raises(AzureError, match="401 InvalidAuthenticationToken"):
        service.get("/thing", "1")


def test_a_link_to_another_host_is_not_followed(there: Azure) -> None:
    there.lists["/things"] = [{}, {}, {}]
    there.next_link = "https://evil.example/things?at=2"
    with pytest.raises(RegistryError, match="sends us to"):
        list(there.service().pages("/things", "1"))


def test_long_operations_are_waited_for(there: Azure) -> None:
    assert there.service().put("/thing", "1", {"properties": {"a": 1}})["properties"]["a"] == 1
    assert there.seen.count(("GET", "/operations/1")) == 2
    there.operation = ["Failed"]
    with pytest.raises(AzureError, match="no room"):
        there.service().put("/thing", "1", {"properties": {}})


def test_what_a_policy_denies_is_told_with_its_name(there: Azure) -> None:
    there.errors["/thing"] = (403, DENIED)
    with pytest.raises(AzureError, match="by Weighbridge W-01") as refused:
        there.service().put("/thing", "1", {"properties": {}})
    assert refused.value.code == "RequestDisallowedByPolicy"
    assert "11112222" in refused.value.cause
    assert "Bearer" not in refused.value.cause


def fill(there: Azure) -> None:
    """The compliant estate, as Azure would give it."""
    export = e.compliant()
    there.tables["resources"] = e.rows(export, "resources.json")
    workspace = {"id": e.LOGS, "type": "microsoft.operationalinsights/workspaces", "properties": {}}
    there.tables["resources"].append(workspace)
    for name, table in (
        ("policyAssignments", "policyassignments"),
        ("policyExemptions", "policyexemptions"),
        ("roleAssignments", "roleassignments"),
    ):
        there.tables[f"microsoft.authorization/{table}"] = e.rows(export, f"{name}.json")
    base = f"/subscriptions/{e.SUBSCRIPTION}"
    there.lists[f"{base}/providers/microsoft.authorization/locks"] = e.rows(export, "locks.json")
    there.lists[f"{base}/providers/microsoft.security/pricings"] = e.rows(export, "pricings.json")
    for file in ("diagnosticSettings", "managedNetworks", "deployments", "alertRules"):
        for row in e.rows(export, f"{file}.json"):
            there.lists.setdefault(row["id"].lower().rpartition("/")[0], []).append(row)
    for row in e.rows(export, "blobServices.json"):
        there.objects[row["id"].lower()] = row


def test_a_live_export_is_judged_as_one_from_files(there: Azure, tmp_path: Path) -> None:
    fill(there)
    problems = collect(there.service(), [e.SUBSCRIPTION], str(tmp_path / "export"))
    assert problems == []
    live = {one.id: one.result.value for one in audit_export(str(tmp_path / "export"), NOW).controls}
    files = {
        one.id: one.result.value for one in audit_export(str(e.write(e.compliant(), tmp_path / "b")), NOW).controls
    }
    assert {name for name in live if live[name] != files[name]} == {"C07", "C10"}  # Entra ID and Purview were not asked
    assert live["C07"] == live["C10"] == "unknown"


def test_what_may_not_be_read_is_told_and_unknown(there: Azure, tmp_path: Path) -> None:
    fill(there)
    there.errors[f"/subscriptions/{e.SUBSCRIPTION}/providers/Microsoft.Security"] = (
        403,
        {"code": "AuthorizationFailed"},
    )
    problems = collect(there.service(), [e.SUBSCRIPTION], str(tmp_path / "export"))
    assert len(problems) == 1
    assert problems[0].startswith("pricings:")
    live = {one.id: one.result.value for one in audit_export(str(tmp_path / "export"), NOW).controls}
    assert live["C12"] == "unknown"
    with pytest.raises(UsageError, match="not empty"):
        collect(there.service(), [e.SUBSCRIPTION], str(tmp_path / "export"))


def test_applications_are_asked_of_graph(there: Azure, tmp_path: Path) -> None:
    export = e.compliant()
    there.lists["/v1.0/applications"] = e.rows(export, "applications.json")
    there.lists["/beta/applications/app-1/federatedidentitycredentials"] = e.rows(export, "federatedCredentials.json")
    there.lists["/v1.0/applications/app-1/owners"] = []
    there.lists["/v1.0/serviceprincipals"] = e.rows(export, "servicePrincipals.json")
    for who in (e.PUSHER, e.DEPLOYER):
        there.lists[f"/v1.0/serviceprincipals/{who}/approleassignments"] = []
    assert collect_applications(there.service(), [e.APP], str(tmp_path / "x")) == []
    (tmp_path / "x" / "roleAssignments.json").write_text('{"value": []}')
    assert (
        next(one for one in audit_export(str(tmp_path / "x"), NOW).controls if one.id == "C07").result.value == "pass"
    )
    with pytest.raises(UsageError):
        collect_applications(there.service(), ["x' or 1 eq 1"], str(tmp_path / "y"))


def test_the_command_exports_and_audits(there: Azure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(there)
    monkeypatch.setattr(clients, "connect", lambda *_: there.service())
    folder = tmp_path / "export"
    outcome = command("azure", "audit", folder, "--live", "--subscription", e.SUBSCRIPTION, "--format", "json")
    assert outcome.status == 1, outcome
    assert (folder / "resources.json").exists()
    assert command("azure", "audit", folder, "--live").status == 2
    assert command("azure", "audit", folder, "--live", "--subscription", "../x").status == 2
