"""Evidence in registered predicates: what they say fits the report, and their shape the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from build import pickles as p
from build.containers import safetensors
from build.inspecting import inspected
from weighbridge.attest.evidence_list import EvidenceList, Reference
from weighbridge.attest.slsa import Byproduct, ImportProvenance
from weighbridge.attest.statement import Subject, read_statement, statement
from weighbridge.attest.test_result import EVERYTHING_READ, ScanResult
from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.origin import Origin
from weighbridge.rules import RULES

if TYPE_CHECKING:
    from pathlib import Path

MODEL = Digest("ab" * 32)


def result(folder: Path, **files: bytes) -> dict[str, Any]:
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    record = ScanResult(inspected(folder).report)
    read = read_statement(statement(record, [Subject("manifest", MODEL)]))
    assert read.predicate_type == "https://in-toto.io/attestation/test-result/v0.1"
    predicate = read.predicate
    names = [name for key in ("passedTests", "warnedTests", "failedTests") for name in predicate[key]]
    assert sorted(names) == sorted({*(rule.id for rule in RULES), EVERYTHING_READ}), "each test once"
    for resource in predicate["configuration"]:
        assert resource.keys() & {"uri", "digest", "content"}, "a resource descriptor says what it is"
    return predicate


def test_a_clean_model_passes_every_test(tmp_path: Path) -> None:
    found = result(tmp_path, model_safetensors=safetensors({"w": b"12345678"}))
    assert (found["result"], found["warnedTests"], found["failedTests"]) == ("PASSED", [], [])


def test_a_trojan_fails_the_test_that_found_it(tmp_path: Path) -> None:
    found = result(tmp_path, model_pkl=p.proto(2) + p.system() + p.STOP)
    assert found["result"] == "FAILED"
    assert "pickle/dangerous-call" in found["failedTests"]


def test_what_was_not_read_fails(tmp_path: Path) -> None:
    found = result(tmp_path, weights_bin=b"\xf1\xf2\xf3")
    assert (found["result"], EVERYTHING_READ in found["failedTests"]) == ("FAILED", True)


def built(**changes: Any) -> dict[str, Any]:
    record = ImportProvenance(
        MODEL,
        Origin("hub", "hf://org/net", "main", "1" * 40),
        (("b.bin", "2" * 64), ("a.bin", "3" * 64)),
        converted=False,
        pickle="convert",
        knowledge="7",
        started="2026-11-24T12:00:00Z",
        finished="2026-11-24T12:00:09Z",
        byproducts=(Byproduct("scan", MODEL),),
    )._replace(**changes)
    read = read_statement(statement(record, [Subject("manifest", MODEL)]))
    assert read.predicate_type == "https://slsa.dev/provenance/v1"
    return read.predicate


def test_slsa_provenance_names_the_source_and_every_file() -> None:
    found = built()
    definition = found["buildDefinition"]
    assert definition["buildType"] == "https://weighbridge.dev/import/v1"
    assert definition["externalParameters"] == {"source": "hf://org/net", "asked": "main"}
    assert definition["resolvedDependencies"] == [
        {"name": "source", "uri": f"hf://org/net@{'1' * 40}", "digest": {"gitCommit": "1" * 40}},
        {"name": "a.bin", "digest": {"sha256": "3" * 64}},
        {"name": "b.bin", "digest": {"sha256": "2" * 64}},
    ]
    run = found["runDetails"]
    assert run["builder"]["id"] == "https://weighbridge.dev/gate/intake"
    assert run["metadata"] == {"startedOn": "2026-11-24T12:00:00Z", "finishedOn": "2026-11-24T12:00:09Z"}
    assert run["byproducts"] == [{"name": "scan", "digest": {"sha256": MODEL.hex}}]
    assert built(converted=True)["buildDefinition"]["buildType"] == "https://weighbridge.dev/convert/v1"


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        (Origin("path", "net"), {"uri": "net"}),
        (Origin("https", "https://x.example/m", "", "etag"), {"uri": "https://x.example/m@etag"}),
        (Origin("git", "git+https://x.example/m", "", "v1"), {"uri": "git+https://x.example/m@v1"}),
        (
            Origin("oci", "x.example/m", "v1", f"sha256:{'4' * 64}"),
            {"uri": f"x.example/m@sha256:{'4' * 64}", "digest": {"sha256": "4" * 64}},
        ),
    ],
)
def test_only_what_proves_bytes_is_a_digest(origin: Origin, source: dict[str, Any]) -> None:
    assert built(origin=origin)["buildDefinition"]["resolvedDependencies"][0] == {"name": "source", **source}


def test_the_list_names_the_bytes_of_each_piece() -> None:
    record = EvidenceList(MODEL, (Reference("scan", "t", "application/x", b"bundle"),))
    read = read_statement(statement(record, [Subject("manifest", MODEL)]))
    assert read.predicate_type == "https://in-toto.io/attestation/reference/v0.1"
    assert read.predicate["references"] == [
        {
            "name": "scan",
            "mediaType": "application/x",
            "digest": {"sha256": digest_bytes(b"bundle").hex},
            "annotations": {"predicateType": "t"},
        }
    ]
