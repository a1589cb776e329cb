"""Provenance in both gates: what contradicts is refused, what a stage wants is demanded, what is removed helps nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from tools.schemas import schemas

from build.containers import safetensors
from build.running import Outcome, command
from weighbridge.registry.base import parse_reference
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from weighbridge.registry.read import StoredModel


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (folder / "README.md").write_text("# A model\n")
    return folder


def setting(text: str) -> None:
    """One more line in the policy of production."""
    place = Path("weighbridge.toml")
    assert "[stage.production]\n" in place.read_text()
    place.write_text(place.read_text().replace("[stage.production]\n", f"[stage.production]\n{text}\n"))


def take_in(*more: str, stage: str = "production") -> Outcome:
    return command(
        "intake", "net", "--replace", "--to", "oci:registry:net:v1", "--stage", stage, "--format", "json", *more
    )


def admitted(stage: str = "production") -> Outcome:
    return command("admit", "oci:registry:net:v1", "--stage", stage, "--format", "json")


def unmet(outcome: Outcome) -> dict[str, str]:
    return {
        reason["requirement"]: reason["result"] for reason in outcome.json()["reasons"] if reason["result"] != "met"
    }


def stored() -> StoredModel:
    reference = parse_reference("oci:registry:net:v1", "")
    return load_model(open_layout("registry", "net"), reference)


def test_the_report_is_stored_and_the_manifest_agrees(model: Path) -> None:
    assert command("sign", "net").status == 0
    outcome = take_in()
    assert outcome.status == 0, outcome
    Draft202012Validator(schemas()["intake"]).validate(outcome.json())
    report = outcome.json()["provenance"]
    assert report["digest"] == outcome.json()["report"]["artifact"]["digest"]
    kept = stored()
    assert [item.kind for item in kept.evidence].count("provenance") == 1
    assert kept.annotations["security.provenance.source"] == report["source"]["place"] == "file:net"
    assert kept.annotations["security.provenance.signer"] == report["signer"] == "key:this machine"
    assert admitted().status == 0


def test_the_signature_that_came_with_the_model_stays_a_file_of_it(model: Path) -> None:
    assert command("sign", "net").status == 0
    assert take_in().status == 0
    assert "model.sig" in {file.path for file in stored().files}


@pytest.mark.parametrize("stage", ["production", "staging", "sandbox"])
def test_a_contradicted_claim_is_refused_with_the_link_that_broke(model: Path, stage: str) -> None:
    assert command("sign", "net").status == 0
    (model / "README.md").write_text("# Another model\n")
    outcome = take_in(stage=stage)
    if stage == "sandbox":
        assert outcome.status == 0
        assert unmet(admitted()).keys() >= {"provenance-verified"}
        assert admitted("sandbox").status == 0
        return
    assert outcome.status == 1
    assert "README.md is not what was signed" in outcome.json()["refusal"]
    assert json.loads(Path("registry/index.json").read_text())["manifests"] == []
    text = command("intake", "net", "--replace", "--to", "oci:registry:net:v1", "--stage", stage).out
    assert "REFUSED  model-signature is contradicted: model.sig: README.md is not what was signed" in text


def test_a_stage_can_want_claims_verified(model: Path) -> None:
    assert take_in().status == 0
    setting('provenance = ["model-signature"]')
    assert unmet(admitted()) == {"provenance-verified": "unmet"}
    refused = take_in()
    assert refused.status == 1
    assert "model-signature" in refused.json()["refusal"]
    assert command("sign", "net").status == 0
    assert take_in().status == 0
    assert admitted().status == 0


def test_what_the_report_says_nothing_of_is_unknown(model: Path) -> None:
    assert take_in().status == 0
    setting('provenance = ["moon-phase"]')
    assert unmet(admitted()) == {"provenance-verified": "unknown"}


def test_removing_the_report_helps_nobody(model: Path) -> None:
    assert take_in().status == 0
    place = Path("registry/index.json")
    index = json.loads(place.read_text())
    kept = stored()
    gone = next(item.descriptor.digest for item in kept.evidence if item.kind == "provenance")
    index["manifests"] = [entry for entry in index["manifests"] if entry["digest"] != str(gone)]
    place.write_text(json.dumps(index))
    assert unmet(admitted()) == {
        "provenance-verified": "unmet",
        "confirmations": "unknown",
        "evidence-whole": "unmet",
    }
    assert unmet(admitted("sandbox")) == {"evidence-whole": "unmet"}


def test_a_report_by_a_stranger_does_not_count(model: Path) -> None:
    assert take_in().status == 0
    place = next(path for path in map(Path, ("trust.toml", "weighbridge.toml")) if path.exists())
    text = place.read_text()
    types = ["scan/v1", "facts/v1"]
    allowed = [f"https://weighbridge.dev/predicate/{kind}" for kind in types]
    allowed += ["https://cyclonedx.org/bom", "https://model_signing/signature/v1.0"]
    assert 'may_sign = ["*"]' in text
    place.write_text(text.replace('may_sign = ["*"]', f"may_sign = {json.dumps(allowed)}"))
    outcome = admitted()
    assert unmet(outcome) == {
        "provenance-verified": "unmet",
        "confirmations": "unknown",
        "evidence-whole": "unmet",
    }
    assert "signer-unknown" in outcome.out


def test_flags_wait_for_a_person(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weighbridge.core.claims import Claim, Status
    from weighbridge.provenance import report

    flag = Claim("regulated-data/hipaa", Status.DECLARED, "the card names MIMIC-III", confirm=True)
    monkeypatch.setattr(report, "declared_claims", lambda *_, **__: (flag,))
    outcome = take_in()
    assert outcome.status == 0
    assert (
        "to confirm" in command("intake", "net", "--replace", "--to", "oci:registry:net:v2", "--stage", "sandbox").out
    )
    assert unmet(admitted()) == {"confirmations": "unmet"}
    assert "MIMIC-III" in admitted().out
    setting('acknowledged = ["regulated-data/hipaa"]')
    assert admitted().status == 0


def test_the_decision_names_the_evidence(model: Path) -> None:
    assert take_in().status == 0
    assert "provenance " in command("admit", "oci:registry:net:v1", "--stage", "production").out


def test_the_tree_of_the_registry_has_each_piece_once(model: Path) -> None:
    assert take_in().status == 0
    kinds = sorted(item.kind for item in stored().evidence)
    assert kinds == [
        "evidence-list",
        "facts",
        "model-signature",
        "provenance",
        "sbom",
        "sbom-spdx",
        "scan",
        "slsa-provenance",
        "test-result",
    ]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('provenance = "model-signature"', "no list of claims"),
        ("acknowledged = [5]", "no list of claims"),
        ("contradicted = 1", "neither true nor false"),
        ('provenence = ["x"]', "did you mean 'provenance'"),
    ],
)
def test_settings_are_checked(model: Path, text: str, cause: str) -> None:
    setting(text)
    outcome = take_in()
    assert outcome.status == 2
    assert cause in outcome.err
