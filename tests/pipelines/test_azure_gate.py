"""Publishing to Azure and the gate before a deployment, from end to end against an Azure of our own."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from build.arm_server import Azure, azure
from build.containers import safetensors
from build.running import Outcome, command
from tools import schemas
from weighbridge.azure import clients

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
PLACE = ("--subscription", SUBSCRIPTION, "--resource-group", "rg-models")
ASSET_PATH = (
    f"/subscriptions/{SUBSCRIPTION}/resourcegroups/rg-models/providers/microsoft.machinelearningservices"
    "/registries/wb-prod/models/good/versions/1"
)
DEPLOYMENT = "name: blue\nendpoint_name: score\nmodel: azureml://registries/wb-prod/models/good/versions/1\n"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    model = tmp_path / "model"
    (model / "sub").mkdir(parents=True)
    (model / "model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (model / "sub" / "config.json").write_text('{"model_type": "net"}')
    assert command("intake", "model", "--to", "oci:registry:good:v1", "--stage", "production").status == 0
    (tmp_path / "deployment.yml").write_text(DEPLOYMENT)
    with azure() as found:
        monkeypatch.setattr(clients, "connect", lambda *_: found.service())
        yield found


def publish(*words: str) -> Outcome:
    return command(
        "azure", "publish", "good:v1", "--ml-registry", "wb-prod", "--version", "1", *words, "--format", "json"
    )


def gate(*words: str | Path, stage: str = "production") -> Outcome:
    head = ("azure", "gate", "deployment.yml", "--stage", stage, "--ml-registry", "wb-prod", "--format", "json")
    return command(*head, *words)


def unmet(outcome: Outcome) -> dict[str, str]:
    return {one["requirement"]: one["result"] for one in outcome.json()["reasons"] if one["result"] != "met"}


def test_a_dry_run_asks_nothing_of_azure(there: Azure) -> None:
    outcome = publish("--dry-run")
    assert outcome.status == 0, outcome
    document = outcome.json()
    assert document["published"] is False
    assert {file["path"] for file in document["files"]} == {"model.safetensors", "sub/config.json"}
    assert document["body"]["properties"]["properties"]["weighbridge.digest"] == document["digest"]
    assert there.seen == []


def test_what_is_published_is_what_was_admitted_and_passes_the_gate(there: Azure, tmp_path: Path) -> None:
    outcome = publish(*PLACE)
    assert outcome.status == 0, outcome
    assert outcome.json()["published"] is True
    assert "SECRETSIG" not in outcome.out + outcome.err
    assert there.blobs == {
        "/storage/container/model.safetensors": (tmp_path / "model/model.safetensors").read_bytes(),
        "/storage/container/sub/config.json": (tmp_path / "model/sub/config.json").read_bytes(),
    }
    assert there.objects[ASSET_PATH]["properties"]["properties"]["weighbridge.digest"] == outcome.json()["digest"]
    decision = gate(*PLACE, "--bytes", "model")
    assert decision.status == 0, decision
    document = decision.json()
    jsonschema.validate(document, schemas.schemas()["azure-gate"])
    jsonschema.validate(outcome.json(), schemas.schemas()["azure-publish"])
    assert document["decision"] == "allow"
    assert document["digest"] == outcome.json()["digest"]
    assert document["properties"]["weighbridge.digest"] == document["digest"]
    assert document["properties"]["weighbridge.decision"] == document["id"]
    # As text, and with the asset in a file and no Azure at all.
    (tmp_path / "asset.json").write_text(json.dumps(there.objects[ASSET_PATH]))
    there.seen.clear()
    assert gate("--asset", "asset.json", stage="staging").status == 0
    said = command(
        "azure", "gate", "deployment.yml", "--stage", "staging", "--ml-registry", "wb-prod", "--asset", "asset.json"
    )
    assert said.out.startswith("ALLOWED")
    assert there.seen == []


def test_a_version_is_never_published_twice(there: Azure) -> None:
    assert publish(*PLACE).status == 0
    assert publish(*PLACE).status == 2


def test_what_gate_two_denies_is_not_published(there: Azure) -> None:
    outcome = publish(*PLACE, "--now", "2028-01-01T00:00:00Z")
    assert outcome.status == 1
    assert outcome.json()["published"] is False
    assert there.seen == []


def test_an_upload_goes_to_storage_of_azure_alone(there: Azure) -> None:
    there.storage = "https://evil.example/container"
    outcome = publish(*PLACE)
    assert outcome.status == 2
    assert "no storage of Azure" in outcome.err
    assert not there.blobs


def test_an_asset_that_is_not_as_it_was_written_is_told(there: Azure) -> None:
    there.spoils = True
    outcome = publish(*PLACE)
    assert outcome.status == 2
    assert "not there as it was written" in outcome.err


@pytest.fixture
def published(there: Azure) -> Azure:
    assert publish(*PLACE).status == 0
    return there


def inner(there: Azure) -> dict[str, Any]:
    found: dict[str, Any] = there.objects[ASSET_PATH]["properties"]
    return found


@pytest.mark.parametrize(
    ("spoil", "requirement", "result"),
    [
        (lambda a: inner(a).update(isArchived=True), "asset-resolved", "unmet"),
        (lambda a: inner(a).update(provisioningState="Creating"), "asset-resolved", "unmet"),
        (lambda a: a.objects[ASSET_PATH].update(id="/x/models/other/versions/1"), "asset-resolved", "unmet"),
        (lambda a: a.objects.clear(), "asset-resolved", "unknown"),
        (lambda a: a.errors.update({"/subscriptions": (403, {"code": "AuthorizationFailed"})}), "asset-resolved", "unknown"),
        (lambda a: inner(a)["properties"].pop("weighbridge.digest"), "digest-bound", "unmet"),
        (lambda a: inner(a)["properties"].update({"weighbridge.digest": "sha256:x"}), "digest-bound", "unmet"),
        (lambda a: inner(a)["properties"].update({"weighbridge.digest": f"sha256:{'0' * 64}"}), "evidence", "unknown"),
        (lambda a: inner(a)["properties"].update({"weighbridge.reference": "oci:elsewhere:good:v1"}), "evidence", "unknown"),
        (lambda a: inner(a)["properties"].update({"weighbridge.reference": "evil.example/good:v1"}), "evidence", "unknown"),
        (lambda a: inner(a)["properties"].pop("weighbridge.reference"), "evidence", "unknown"),
    ],
)  # fmt: skip
def test_each_thing_that_does_not_hold_denies(spoil: Any, requirement: str, result: str, published: Azure) -> None:
    spoil(published)
    outcome = gate(*PLACE, "--bytes", "model")
    assert outcome.status == 1
    assert unmet(outcome)[requirement] == result
    assert outcome.json()["properties"] == {}


def test_other_bytes_and_no_bytes_deny_at_production(published: Azure, tmp_path: Path) -> None:
    assert unmet(gate(*PLACE)) == {"bytes-match": "unknown"}
    assert gate(*PLACE, stage="staging").status == 0
    shutil.copytree("model", "other")
    (tmp_path / "other/model.safetensors").write_bytes(safetensors({"w": b"12345679"}))
    assert unmet(gate(*PLACE, "--bytes", "other")) == {"bytes-match": "unmet"}
    (tmp_path / "other/model.safetensors").unlink()
    (tmp_path / "other/model.safetensors").symlink_to(tmp_path / "model/model.safetensors")
    assert unmet(gate(*PLACE, "--bytes", "other")) == {"bytes-match": "unmet"}
    (tmp_path / "model/extra.pkl").write_bytes(b"")
    assert unmet(gate(*PLACE, "--bytes", "model")) == {"bytes-match": "unmet"}
    assert unmet(gate(*PLACE, "--bytes", "nowhere")) == {"bytes-match": "unknown"}


def test_stale_evidence_and_a_stranger_deny(published: Azure) -> None:
    late = gate(*PLACE, "--bytes", "model", "--now", "2027-06-01T00:00:00Z")
    assert unmet(late) == {"scan-fresh": "unmet"}
    shutil.rmtree(".weighbridge")
    for name in ("weighbridge.toml", "trust.toml"):
        os.remove(name)
    assert command("init").status == 0
    stranger = gate(*PLACE, "--bytes", "model")
    assert stranger.status == 1
    assert unmet(stranger)["scan-present"] == "unmet"


@pytest.mark.parametrize(
    "text",
    [
        DEPLOYMENT.replace("wb-prod", "wb-prod2"),
        DEPLOYMENT.replace("versions/1", "labels/latest"),
        DEPLOYMENT.replace("azureml://registries/wb-prod/models/good/versions/1", "azureml:good:1"),
        DEPLOYMENT + "environment: azureml:e@latest\n",
        "name: blue\nendpoint_name: score\n",
    ],
)
def test_a_deployment_of_something_else_is_denied(text: str, published: Azure, tmp_path: Path) -> None:
    (tmp_path / "deployment.yml").write_text(text)
    outcome = gate(*PLACE, "--bytes", "model")
    assert outcome.status == 1
    assert unmet(outcome)["deployment-form"] == "unmet"


def test_the_asset_as_az_ml_shows_it(published: Azure, tmp_path: Path) -> None:
    flat = {
        "name": "good",
        "version": "1",
        "path": "azureml://x",
        "properties": inner(published)["properties"],
        "type": "custom_model",
    }
    (tmp_path / "asset.json").write_text(json.dumps(flat))
    assert gate("--asset", "asset.json", "--bytes", "model").status == 0
    (tmp_path / "asset.json").write_text(json.dumps({**flat, "version": "2"}))
    assert unmet(gate("--asset", "asset.json", "--bytes", "model")) == {"asset-resolved": "unmet"}
    (tmp_path / "asset.json").write_text("[]")
    assert gate("--asset", "asset.json").status == 2


def test_a_digest_in_the_deployment_has_to_be_the_same(published: Azure, tmp_path: Path) -> None:
    said = f"{DEPLOYMENT}properties:\n  weighbridge.digest: sha256:{'0' * 64}\n"
    (tmp_path / "deployment.yml").write_text(said)
    assert unmet(gate(*PLACE, "--bytes", "model")) == {"digest-bound": "unmet"}


def test_without_a_registry_that_counts_nothing_passes(published: Azure) -> None:
    outcome = command(
        "azure", "gate", "deployment.yml", "--stage", "production", *PLACE, "--bytes", "model", "--format", "json"
    )
    assert unmet(outcome) == {"deployment-form": "unknown"}


@pytest.mark.parametrize(
    ("wanted", "status"), [("azureml://registries/wb-prod/*", 0), ("azureml://registries/other/*", 1)]
)
def test_a_policy_has_to_let_it_pass(wanted: str, status: int, published: Azure, tmp_path: Path) -> None:
    kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    rule = {
        "if": {"allOf": [{"field": "type", "equals": kind}, {"field": f"{kind}/model", "notLike": wanted}]},
        "then": {"effect": "deny"},
    }
    (tmp_path / "policy.json").write_text(json.dumps({"properties": {"mode": "All", "policyRule": rule}}))
    outcome = gate(*PLACE, "--bytes", "model", "--policy", "policy.json")
    assert outcome.status == status, outcome
    assert unmet(outcome) == ({"policy policy.json": "unmet"} if status else {})
    (tmp_path / "policy.json").write_text("{}")
    assert gate(*PLACE, "--bytes", "model", "--policy", "policy.json").status == 2


PIPELINE = "22222222-2222-4222-8222-222222222222"
OWN = f"""
[azure]
registries = ["wb-prod"]
deployers = ["{PIPELINE}"]
required_tags = ["owner"]
"""


@pytest.mark.parametrize(
    ("tags", "caller", "result", "why"),
    [
        ("{owner: us}", {"idtyp": "app", "appid": PIPELINE}, "met", "let it pass"),
        ("{owner: us}", None, "met", "who deploys was not said"),
        ("{owner: us}", {"idtyp": "app", "appid": PIPELINE.replace("2", "3")}, "unmet", "W-02"),
        ("{owner: us}", {"idtyp": "user", "appid": PIPELINE}, "unmet", "W-02"),
        ("{}", None, "unmet", "W-17"),
    ],
)
def test_the_policies_of_the_stage_are_asked(
    tags: str, caller: Any, result: str, why: str, published: Azure, tmp_path: Path
) -> None:
    """The deployment is judged as it will be sent: with the digest and the decision that the gate puts in."""
    with open(tmp_path / "weighbridge.toml", "a", encoding="utf-8") as file:
        file.write(OWN)
    (tmp_path / "deployment.yml").write_text(f"{DEPLOYMENT}tags: {tags}\negress_public_network_access: disabled\n")
    (tmp_path / "caller.json").write_text(json.dumps(caller))
    words = ("--identity", "caller.json") if caller else ()
    outcome = gate(*PLACE, "--bytes", "model", *words)
    (reason,) = [one for one in outcome.json()["reasons"] if one["requirement"] == "policy"]
    assert (reason["result"], why in reason["why"]) == (result, True), reason
    assert unmet(outcome) == ({} if result == "met" else {"policy": "unmet"})


def test_the_policies_of_the_stage_judge_the_body_of_resource_manager_too(published: Azure, tmp_path: Path) -> None:
    with open(tmp_path / "weighbridge.toml", "a", encoding="utf-8") as file:
        file.write(OWN)
    kind = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
    model = "azureml://registries/wb-prod/models/good/versions/1"
    body = {"type": kind, "name": "w/score/blue", "tags": {"owner": "us"}, "properties": {"model": model}}
    (tmp_path / "deployment.yml").write_text(json.dumps(body))
    assert unmet(gate(*PLACE, "--bytes", "model")) == {}
    body["properties"] = {"model": model, "properties": {"weighbridge.digest": "sha256:" + "0" * 64}}
    (tmp_path / "deployment.yml").write_text(json.dumps(body))
    assert unmet(gate(*PLACE, "--bytes", "model")) == {"digest-bound": "unmet"}
