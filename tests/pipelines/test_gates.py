"""Both gates from end to end: what gets in, what is refused, and what tampering with the registry changes."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.containers import safetensors
from build.running import Outcome, command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    good = tmp_path / "good"
    good.mkdir()
    (good / "model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (good / "config.json").write_text('{"architectures": ["Net"], "model_type": "net"}')
    (good / "README.md").write_text("# A model\n")
    bad = tmp_path / "bad"
    shutil.copytree(good, bad)
    (bad / "extra.pkl").write_bytes(p.proto(2) + p.system() + p.STOP)
    return tmp_path


def take_in(model: str = "good", reference: str = "oci:registry:good:v1") -> Outcome:
    return command("intake", model, "--to", reference, "--stage", "production", "--format", "json")


def admitted(reference: str = "good:v1", stage: str = "production") -> Outcome:
    return command("admit", reference, "--stage", stage, "--format", "json")


def unmet(outcome: Outcome) -> set[str]:
    return {reason["requirement"] for reason in outcome.json()["reasons"] if reason["result"] != "met"}


def test_a_good_model_passes_both_gates(project: Path) -> None:
    outcome = take_in()
    assert outcome.status == 0, outcome
    document = outcome.json()
    assert document["decision"] == "admitted"
    assert document["reference"] == "oci:registry:good:v1" or document["reference"].endswith("registry:good:v1")
    types = {item["type"] for item in document["evidence"]}
    assert types == {
        "https://weighbridge.dev/predicate/scan/v1",
        "https://weighbridge.dev/predicate/facts/v1",
        "https://weighbridge.dev/predicate/provenance/v1",
        "https://cyclonedx.org/bom",
        "https://spdx.dev/Document/v3",
        "https://model_signing/signature/v1.0",
        "https://in-toto.io/attestation/test-result/v0.1",
        "https://slsa.dev/provenance/v1",
        "https://in-toto.io/attestation/reference/v0.1",
    }
    decision = admitted()
    assert decision.status == 0, decision
    assert decision.json()["decision"] == "allow"
    assert decision.json()["digest"] == document["digest"]
    assert command("admit", f"oci:registry:good@{document['digest']}", "--stage", "production").status == 0


def test_a_bad_model_is_refused_and_leaves_nothing(project: Path) -> None:
    assert take_in().status == 0
    before = (
        sorted(path for path, _, _ in os.walk(project / "registry")),
        (project / "registry/index.json").read_bytes(),
    )
    outcome = take_in("bad", "oci:registry:bad:v1")
    assert outcome.status == 1
    assert outcome.json()["decision"] == "refused"
    assert outcome.json()["digest"] == ""
    assert outcome.json()["report"]["findings"][0]["location"].startswith("extra.pkl@")
    assert before == (
        sorted(path for path, _, _ in os.walk(project / "registry")),
        (project / "registry/index.json").read_bytes(),
    )
    assert admitted("bad:v1").status == 2


@pytest.mark.parametrize("name", [b"bad\xff.txt", b"a\nb.txt", b"\x1b[2J.txt"])
def test_a_name_that_cannot_be_signed_is_refused(project: Path, name: bytes) -> None:
    (project / "good" / os.fsdecode(name)).write_bytes(b"hello\n")
    outcome = take_in()
    assert outcome.status == 1
    assert "cannot be signed" in outcome.json()["refusal"]
    assert command("admit", "good:v1", "--stage", "production").status == 2


def test_names_with_the_signs_of_a_location_come_through_whole(project: Path) -> None:
    (project / "good" / "a!b@c%d.txt").write_bytes(b"hello\n")
    assert take_in().status == 0
    assert admitted().status == 0


def test_taking_in_the_same_again_changes_nothing_that_matters(project: Path) -> None:
    first, second = take_in().json(), take_in(reference="oci:registry:good:v2").json()
    assert first["report"]["artifact"] == second["report"]["artifact"]
    assert admitted("good:v1").status == admitted("good:v2").status == 0


def test_the_default_tag_is_of_the_digest(project: Path) -> None:
    document = command("intake", "good", "--format", "json").json()
    tag = document["report"]["artifact"]["digest"].removeprefix("sha256:")[:12]
    assert document["reference"].endswith(f":good:{tag}")


def test_a_stranger_is_not_trusted(project: Path) -> None:
    assert take_in().status == 0
    os.rename(project / ".weighbridge", project / "old")
    os.rename(project / "weighbridge.toml", project / "old.toml")
    os.rename(project / "trust.toml", project / "old-trust.toml")
    assert command("init").status == 0
    outcome = admitted()
    assert outcome.status == 1
    assert {"scan-present", "sbom-present", "model-signed"} <= unmet(outcome)
    assert "signer-unknown" in json.dumps(outcome.json())


def blobs(project: Path) -> list[Path]:
    return sorted((project / "registry" / "blobs" / "sha256").iterdir())


def test_every_flipped_blob_is_noticed(project: Path) -> None:
    """Weights are proved when they are pulled; everything that the decision rests on is proved by admission."""
    assert take_in().status == 0
    for blob in blobs(project):
        original = blob.read_bytes()
        if original.startswith((b"{}", b"# A model", b'{"architectures')) or b'"w"' in original[:200]:
            continue
        blob.chmod(0o644)
        place = len(original) // 2
        blob.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1 :])
        outcome = command("admit", "good:v1", "--stage", "production")
        config = b"modelfs" in original
        assert outcome.status in ((0, 1, 2) if config else (1, 2)), original[:80]
        blob.write_bytes(original)
    assert admitted().status == 0


def test_evidence_of_another_model_does_not_count(project: Path) -> None:
    assert take_in().status == 0
    (project / "good" / "README.md").write_text("# Another model\n")
    assert take_in(reference="oci:registry:good:v2").status == 0
    index = json.loads((project / "registry" / "index.json").read_text())
    first = command("admit", "good:v1", "--stage", "production", "--format", "json").json()["digest"]
    second = command("admit", "good:v2", "--stage", "production", "--format", "json").json()["digest"]
    assert first != second
    assert len(index["manifests"]) == 20


def test_an_incomplete_model_enters_the_sandbox_only(project: Path) -> None:
    (project / "good" / "weights.bin").write_bytes(b"\xf1\xf2\xf3")
    assert take_in().status == 1
    outcome = command("intake", "good", "--to", "oci:registry:good:v1", "--stage", "sandbox", "--format", "json")
    assert outcome.status == 0
    assert admitted(stage="sandbox").status == 0
    refused = admitted(stage="production")
    assert refused.status == 1
    assert unmet(refused) == {"scan-verdict"}


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["admit", "good:v1", "--stage", "production"], "not"),
        (["admit", "oci:registry:missing:v1", "--stage", "production"], "not"),
        (["admit", "good:v1"], "required"),
        (["intake", "missing"], "cannot be inspected"),
        (["intake", "good", "--to", "oci:registry:good@sha256:" + "0" * 64], "a digest"),
        (["intake", "good", "--to", "oci:registry:BAD:v1"], "lower"),
        (["init"], "there already"),
        (["verify", "good"], "cannot be read"),
    ],
)
def test_what_cannot_work_is_status_2_with_a_mend(project: Path, words: list[str], cause: str) -> None:
    outcome = command(*words)
    assert outcome.status == 2
    assert cause in outcome.err
    assert outcome.out == ""


def test_without_a_key_nothing_is_taken_in(project: Path) -> None:
    shutil.rmtree(project / ".weighbridge")
    outcome = take_in()
    assert outcome.status == 2
    assert "key" in outcome.err
    assert not (project / "registry").exists()


def test_the_quarantine_is_gone_afterwards(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = project / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert take_in().status == 0
    assert take_in("bad", "oci:registry:bad:v1").status == 1
    left = {path.relative_to(place).as_posix() for path in place.rglob("*")}
    ours = f"weighbridge-quarantine-{os.getuid()}"
    assert left == {ours, f"{ours}/lock", f"{ours}/unfinished"}


def test_sign_and_verify_a_folder(project: Path) -> None:
    assert command("sign", "good").status == 0
    verified = command("verify", "good", "--format", "json")
    assert verified.status == 0
    assert len(verified.json()["files"]) == 3
    (project / "good" / "README.md").write_text("# Changed\n")
    refused = command("verify", "good")
    assert refused.status == 1
    assert refused.out.startswith("NOT VERIFIED")
    assert "README.md" in refused.out


def test_the_bill_of_materials_of_a_folder(project: Path) -> None:
    bill = command("sbom", "good").json()
    assert bill["bomFormat"] == "CycloneDX"
    short = command("sbom", "good", "--format", "weighbridge", "--source", "hf://a/b", "--revision", "abc").json()
    assert {item["filename"] for item in short["artifacts"]} == {"model.safetensors", "config.json", "README.md"}
    assert short["provenance"]["commitHash"] == "abc"


def test_doctor_says_what_is_missing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("doctor").status == 0
    shutil.rmtree(project / ".weighbridge")
    outcome = command("doctor")
    assert outcome.status == 1
    assert "MISS  signing key" in outcome.out
