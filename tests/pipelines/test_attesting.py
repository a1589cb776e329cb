"""Signers and decisions from end to end: keys that change, certificates, clocks, and the decision as evidence."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from build.authorities import authority, clock, holder
from build.containers import safetensors
from build.keys import private_pem
from build.running import Outcome, command
from build.stand_in_services import stamping
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from build.stand_in_services import Service
    from weighbridge.registry.read import StoredEvidence

VSA = "https://slsa.dev/verification_summary/v1"
YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
CLOCK_ROOT = authority(30, "Clock root")
CLOCK = clock(CLOCK_ROOT, 31)
ROOT = authority()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    model = tmp_path / "net"
    model.mkdir()
    (model / "model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    (model / "README.md").write_text("# Net\n")
    return tmp_path


@pytest.fixture
def timestamps(project: Path) -> Iterator[Service]:
    with stamping(CLOCK, YESTERDAY) as service:
        set_signer(f'timestamp = "{service.url}"')
        yield service


def set_signer(*lines: str) -> None:
    file = Path("weighbridge.toml")
    text = file.read_text().partition("[signer]")[0]
    file.write_text(text + "[signer]\n" + "\n".join(lines) + "\n")


def take_in(tag: str = "v1") -> Outcome:
    return command("intake", "net", "--to", f"oci:registry:net:{tag}", "--stage", "production")


def admitted(*more: str) -> Outcome:
    return command("admit", "net:v1", "--stage", "production", "--format", "json", *more)


def reasons(outcome: Outcome) -> dict[str, str]:
    return {item["requirement"]: item["why"] for item in outcome.json()["reasons"] if item["result"] != "met"}


def stored(kind: str) -> list[StoredEvidence]:
    store = open_layout("registry", "net")
    return [item for item in load_model(store, store.reference(tag="v1")).evidence if item.kind == kind]


def rotate(reason: str) -> None:
    """A new key signs from now on; the old one is revoked."""
    os.rename(".weighbridge/signing.pem", ".weighbridge/old.pem")
    os.rename(".weighbridge/signing.pem.pub", ".weighbridge/old.pem.pub")
    from weighbridge.attest.signers import create_key

    create_key(".weighbridge/signing.pem", None)
    added = command(
        "trust", "add", "--key", ".weighbridge/signing.pem.pub", "--owner", "New key", "--may-sign", "*"
    )  # fmt: skip
    assert added.status == 0, added
    assert command("trust", "revoke", "this-machine", "--reason", reason).status == 0


def trust_the_clock() -> None:
    Path("clock.pem").write_bytes(CLOCK.pem + CLOCK_ROOT.pem)
    added = command("trust", "add", "--key", "clock.pem", "--owner", "Clock", "--may-sign", "timestamps")
    assert added.status == 0, added


# Keys that change


def test_a_key_changes_and_old_evidence_stays_good_with_a_trusted_timestamp(project: Path, timestamps: Service) -> None:
    assert take_in().status == 0
    assert len(timestamps.seen) == 9, "each piece of evidence is dated"
    trust_the_clock()
    assert admitted().status == 0
    rotate("superseded")
    assert admitted().status == 0
    assert command("registry", "tree", "net:v1").status == 0
    assert command("registry", "verify").status == 0
    assert take_in("v2").status == 0
    assert command("admit", "net:v2", "--stage", "production").status == 0


def test_a_key_changes_and_old_evidence_without_a_timestamp_is_signed_anew(project: Path) -> None:
    assert take_in().status == 0
    trust_the_clock()
    rotate("superseded")
    refused = admitted()
    assert refused.status == 1
    assert "no trusted timestamp says that it signed before" in reasons(refused)["scan-present"]
    assert command("registry", "verify").status == 1
    assert take_in().status == 0, "the same model again, by the new key"
    assert admitted().status == 0


def test_a_timestamp_by_nobody_who_is_trusted_does_not_help(project: Path, timestamps: Service) -> None:
    assert take_in().status == 0
    rotate("superseded")
    assert "scan-present" in reasons(admitted())


def test_no_timestamp_helps_a_key_that_was_stolen(project: Path, timestamps: Service) -> None:
    assert take_in().status == 0
    trust_the_clock()
    rotate("compromised")
    assert "which no time heals" in reasons(admitted())["scan-present"]


def test_without_its_clock_an_intake_stores_nothing(project: Path, timestamps: Service) -> None:
    timestamps.wrong = "status"
    outcome = take_in()
    assert outcome.status == 2
    assert "timestamp authority" in outcome.err
    assert "net" not in command("registry", "list").out


# Certificates


def certificates() -> None:
    Path(".weighbridge/signing.pem").write_bytes(private_pem(1))
    Path("chain.pem").write_bytes(holder(ROOT, 1).pem + ROOT.pem)
    Path("root.pem").write_bytes(ROOT.pem)
    set_signer('certificate = "chain.pem"')


def test_a_gate_by_certificate_needs_no_list_of_keys(project: Path) -> None:
    certificates()
    assert take_in().status == 0
    assert "signer-unknown" in reasons(admitted())["scan-present"]
    everyone = ("trust", "add", "--key", "root.pem", "--owner", "House", "--may-sign", "*")
    refused = command(*everyone, "--source", "evidence")
    assert refused.status == 2
    assert "whoever holds a certificate" in refused.err
    assert command(*everyone, "--id", "models").status == 0
    assert "signer-unknown" in reasons(admitted())["scan-present"], "who vouches for models is no gate"
    named = (*everyone, "--source", "evidence", "--identity", "ada@example.org")
    assert command(*named).status == 0
    assert admitted().status == 0, admitted()
    tree = command("registry", "tree", "net:v1", "--format", "json").json()
    notary = [link for link in tree["evidence"] if link["kind"] == "notary-signature"]
    assert [(link["result"], link["signer"]) for link in notary] == [("verified", "House")]
    assert "notary-signature" in json.dumps(json.loads(_payload(stored("evidence-list")[0])))


def test_no_notary_signature_is_made_where_none_is_wanted(project: Path) -> None:
    certificates()
    set_signer('certificate = "chain.pem"', "notation = false")
    assert take_in().status == 0
    assert "notary-signature" not in command("registry", "tree", "net:v1").out


def test_a_folder_is_signed_by_certificate(project: Path) -> None:
    certificates()
    assert command("sign", "net").status == 0
    assert command("verify", "net").status == 1
    assert command("trust", "add", "--key", "root.pem", "--owner", "House", "--may-sign", "*").status == 0
    verified = command("verify", "net", "--format", "json")
    assert (verified.status, verified.json()["keyId"]) == (0, "ada@example.org")


def _payload(item: StoredEvidence) -> bytes:
    import base64

    return base64.b64decode(json.loads(item.bundle)["dsseEnvelope"]["payload"])


# The decision


def test_a_decision_is_attached_once(project: Path) -> None:
    assert take_in().status == 0
    assert stored("decision") == []
    first = admitted("--attest")
    assert first.status == 0
    assert "the decision is attached as" in first.err
    (item,) = stored("decision")
    assert item.predicate_type == VSA
    summary = json.loads(_payload(item))
    assert summary["subject"] == [{"digest": {"sha256": first.json()["digest"][7:]}, "name": "manifest"}]
    assert summary["predicate"]["resourceUri"] == f"oci-layout:net@{first.json()['digest']}"
    used = {item["digest"]["sha256"] for item in summary["predicate"]["inputAttestations"]}
    store = open_layout("registry", "net")
    there = load_model(store, store.reference(tag="v1")).evidence
    assert used == {item.descriptor.digest.hex for item in there if item.kind not in ("decision", "sbom-spdx")}
    again = admitted("--attest")
    assert "says the same is attached already" in again.err
    assert len(stored("decision")) == 1
    tree = command("registry", "tree", "net:v1", "--format", "json").json()
    assert {link["result"] for link in tree["evidence"]} == {"verified"}


def test_a_denial_is_attached_too(project: Path) -> None:
    assert take_in().status == 0
    file = Path("weighbridge.toml")
    file.write_text(
        file.read_text().replace("[stage.production]", '[stage.production]\nprovenance = ["commit-signature"]')
    )
    denied = admitted("--attest")
    assert denied.status == 1
    (item,) = stored("decision")
    predicate = json.loads(_payload(item))["predicate"]
    assert (predicate["verificationResult"], predicate["verifiedLevels"]) == ("FAILED", ["FAILED"])


def test_without_a_key_no_decision_is_attached(project: Path) -> None:
    assert take_in().status == 0
    os.rename(".weighbridge/signing.pem", ".weighbridge/away.pem")
    assert admitted().status == 0
    outcome = admitted("--attest")
    assert outcome.status == 2
    assert "there is no key" in outcome.err


# Bytes


def test_bytes_in_a_folder_are_read_unless_that_is_left_to_others(project: Path) -> None:
    assert take_in().status == 0
    store = open_layout("registry", "net")
    weights = next(item for item in load_model(store, store.reference(tag="v1")).files if "safetensors" in item.path)
    blob = project / "registry" / "blobs" / "sha256" / weights.digest.hex
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"9")
    refused = admitted()
    assert refused.status == 1
    assert reasons(refused).keys() == {"bytes-intact"}
    assert "model.safetensors" in reasons(refused)["bytes-intact"]
    assert admitted("--no-read-bytes").status == 0
