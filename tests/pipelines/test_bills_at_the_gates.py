"""Both bills at the gates: they refer to the other evidence by its digest, and are about the files that are stored."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from build.bill_models import write_full_model
from build.running import command
from build.spdx_documents import check_spdx
from weighbridge.core.digests import digest_bytes
from weighbridge.core.settings import DEFAULT_STAGES
from weighbridge.gate.case import Case, Proof
from weighbridge.gate.contents import sbom_complete
from weighbridge.registry.base import parse_reference
from weighbridge.registry.layout import open_layout
from weighbridge.registry.read import load_model
from weighbridge.sbom.read import read_bill

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.registry.read import StoredModel

REFERENCE = "oci:registry:tiny:v1"


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredModel:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    model = write_full_model(tmp_path / "tiny")
    for name in ("training_args.bin", "modeling.py", "README.md"):
        (model / name).unlink()
    (model / "config.json").write_text('{"architectures": ["Net"], "model_type": "net"}')
    outcome = command("intake", "tiny", "--to", REFERENCE, "--stage", "production")
    assert outcome.status == 0, outcome
    return load_model(open_layout("registry", "tiny"), parse_reference(REFERENCE, ""))


def predicate(stored: StoredModel, kind: str) -> dict[str, Any]:
    (bundle,) = (piece.bundle for piece in stored.evidence if piece.kind == kind)
    return json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))["predicate"]


def test_both_bills_are_valid_and_about_the_stored_files(stored: StoredModel) -> None:
    cyclonedx, spdx = predicate(stored, "sbom"), predicate(stored, "sbom-spdx")
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(json.dumps(cyclonedx)) is None
    check_spdx(spdx)
    files = {(file.path, file.digest.hex) for file in stored.files}
    for document in (cyclonedx, spdx):
        bill = read_bill(json.dumps(document).encode())
        assert {(one.path, one.sha256) for one in bill.files} == files
        assert ("training", "adapter.r", "8") in bill.statements


def test_the_bills_refer_to_all_other_evidence(stored: StoredModel) -> None:
    others = {
        piece.kind: digest_bytes(piece.bundle).hex
        for piece in stored.evidence
        if not piece.kind.startswith(("sbom", "evidence-list"))
    }
    assert set(others) == {"scan", "facts", "provenance", "model-signature", "test-result", "slsa-provenance"}
    references = [
        one
        for one in predicate(stored, "sbom")["metadata"]["component"]["externalReferences"]
        if one["type"] == "attestation"
    ]
    assert {one["comment"].split(":")[0]: one["hashes"][0]["content"] for one in references} == others
    graph = predicate(stored, "sbom-spdx")["@graph"]
    named = {row["name"]: row for row in graph if row.get("software_primaryPurpose") == "evidence"}
    assert {name.split()[0]: row["verifiedUsing"][0]["hashValue"] for name, row in named.items()} == others


def test_gate_two_goes_by_the_cyclonedx_bill(stored: StoredModel) -> None:
    outcome = command("admit", REFERENCE, "--stage", "production", "--format", "json")
    assert outcome.json()["decision"] == "allow"
    told = {one["requirement"]: one["why"] for one in outcome.json()["reasons"]}
    assert told["sbom-present"].endswith(f"names {len(stored.files)} of {len(stored.files)} files")


def test_a_stage_can_ask_for_a_bill_that_tells_enough(stored: StoredModel) -> None:
    bill = Proof("builder", stored.manifest.digest, predicate(stored, "sbom"))
    case = Case(stored.manifest.digest, frozenset(), {}, None, bill, None, ())
    policy = DEFAULT_STAGES["production"]
    now = datetime(2026, 3, 1, tzinfo=UTC)
    asked = {
        share: sbom_complete(case, policy._replace(sbom_completeness=share), now).result.value for share in (1, 100)
    }
    assert asked == {1: "met", 100: "unmet"}
