"""Which data a model was trained on: a fingerprint that was signed where the data lies, in the bills and beside them."""

from __future__ import annotations

import base64
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from build.keys import signer, trust
from build.models import TINY, write_model
from build.running import command
from build.spdx_documents import check_spdx
from weighbridge.attest.dsse import seal
from weighbridge.attest.statement import PAYLOAD_TYPE, Subject, write_statement
from weighbridge.attest.training_data import TrainedOn, read_fingerprint
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import Rejected, UsageError
from weighbridge.core.evidence import DATASET_PREDICATE
from weighbridge.registry.base import parse_reference
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model

if TYPE_CHECKING:
    from pathlib import Path

REFERENCE = "oci:registry:tiny:v1"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, the data that it was trained on, and a key that signs both."""
    for name in list(os.environ):
        if name.startswith("WEIGHBRIDGE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    write_model(str(tmp_path / "tiny"), TINY | {"README.md": b"---\ndatasets:\n- org/more\n---\n# tiny\n"})
    (tmp_path / "reviews.jsonl").write_text("".join(f'{{"id": {row}, "text": "good"}}\n' for row in range(20)))
    fingerprinted = command("dataset", "fingerprint", "reviews.jsonl", "--sign", "reviews.sig")
    assert fingerprinted.status == 0, fingerprinted
    return tmp_path


def predicates(folder: Path) -> dict[str, Any]:
    model = load_model(open_layout(str(folder / "registry"), "tiny"), parse_reference(REFERENCE, ""))
    return {
        piece.kind: json.loads(base64.b64decode(json.loads(piece.bundle)["dsseEnvelope"]["payload"]))["predicate"]
        for piece in model.evidence
    }


def test_the_fingerprint_goes_with_the_model(folder: Path) -> None:
    outcome = command("intake", "tiny", "--to", REFERENCE, "--stage", "production", "--dataset", "reviews.sig")
    assert outcome.status == 0, outcome
    said = predicates(folder)
    (data,) = said["training-data"]["datasets"]
    signed = json.loads((folder / "reviews.sig").read_bytes())
    fingerprint = json.loads(base64.b64decode(signed["dsseEnvelope"]["payload"]))["predicate"]
    assert f"sha256:{data['digest']['sha256']}" == fingerprint["rootDigest"]
    assert data["annotations"]["records"] == {key: fingerprint["records"][key] for key in ("number", "root")}
    assert data["annotations"]["fingerprint"]["sha256"] == digest_bytes((folder / "reviews.sig").read_bytes()).hex

    (known, declared) = [one for one in said["sbom"]["components"] if one["type"] == "data"]
    assert known["hashes"] == [{"alg": "SHA-256", "content": data["digest"]["sha256"]}]
    assert (declared["name"], declared.get("hashes")) == ("org/more", None)
    check_spdx(said["sbom-spdx"])
    rows = [row for row in said["sbom-spdx"]["@graph"] if row["type"] == "dataset_DatasetPackage"]
    assert [one["hashValue"] for row in rows for one in row.get("verifiedUsing", ())] == [data["digest"]["sha256"]]
    assert "training-data" in {one["name"] for one in said["evidence-list"]["references"]}

    tree = command("registry", "tree", REFERENCE, "--format", "json")
    assert tree.status == 0
    assert {link["kind"]: link["result"] for link in tree.json()["evidence"]}["training-data"] == "verified"
    admitted = command("admit", REFERENCE, "--stage", "production")
    assert admitted.status == 0, admitted.out


def test_a_bill_alone_takes_the_fingerprint_too(folder: Path) -> None:
    bill = command("sbom", "tiny", "--dataset", "reviews.sig", "--format", "weighbridge").json()
    (known, _) = [one["value"] for one in bill["statements"] if one["subject"] == "dataset"]
    assert known.startswith("reviews.jsonl@")
    assert len(known.rpartition("@")[2]) == 64
    assert "datasets: hash" not in bill["unknown"]
    assert "datasets: hash" in command("sbom", "tiny", "--format", "weighbridge").json()["unknown"]


def test_a_strangers_fingerprint_ends_it_and_nothing_is_stored(folder: Path) -> None:
    for name in (".weighbridge", "weighbridge.toml", "trust.toml"):
        (folder / name).rename(folder / f"old-{name}")
    assert command("init").status == 0
    outcome = command("intake", "tiny", "--to", REFERENCE, "--dataset", "reviews.sig")
    assert outcome.status != 0
    assert "signature" in outcome.err or "key" in outcome.err
    assert command("admit", REFERENCE, "--stage", "staging").status == 2


def test_a_fingerprint_that_is_not_there(folder: Path) -> None:
    outcome = command("intake", "tiny", "--to", REFERENCE, "--dataset", "nothing.sig")
    assert outcome.status == 2
    assert "weighbridge dataset fingerprint" in outcome.err


def fingerprint(**changes: Any) -> dict[str, Any]:
    root = str(digest_bytes(b"root"))
    return {
        "rootDigest": root,
        "complete": True,
        "records": {"number": 3, "root": str(digest_bytes(b"records")), "form": "canonical/1"},
        "source": {"place": "https://example.invalid/data", "revision": "0123"},
        "envelope": {"finished": "2026-10-01T00:00:00Z"},
    } | changes


def sealed(predicate: dict[str, Any], key: int = 1) -> bytes:
    subjects = [Subject("data", digest_bytes(b"root"))]
    return seal(write_statement(subjects, DATASET_PREDICATE, predicate), PAYLOAD_TYPE, signer(key))


def test_a_fingerprint_is_read() -> None:
    bundle = sealed(fingerprint())
    found = read_fingerprint(bundle, trust(1), NOW)
    assert found._replace(signer="") == TrainedOn(
        "data",
        digest_bytes(b"root"),
        "https://example.invalid/data",
        "0123",
        3,
        digest_bytes(b"records"),
        digest_bytes(bundle),
        "",
        "2026-10-01T00:00:00Z",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"rootDigest": str(digest_bytes(b"other"))},
        {"rootDigest": "sha1:0"},
        {"complete": "yes"},
        {"records": {"number": -1, "root": str(digest_bytes(b"records"))}},
        {"records": {"number": True, "root": str(digest_bytes(b"records"))}},
        {"records": []},
        {"source": None},
    ],
)
def test_a_fingerprint_that_breaks_its_form_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        read_fingerprint(sealed(fingerprint(**changes)), trust(1), NOW)


def test_what_was_not_read_whole_is_no_version_of_data() -> None:
    with pytest.raises(UsageError, match="did not read everything"):
        read_fingerprint(sealed(fingerprint(complete=False)), trust(1), NOW)


def test_a_strangers_signature_is_refused() -> None:
    with pytest.raises(Rejected):
        read_fingerprint(sealed(fingerprint(), 3), trust(1), NOW)
