"""Each requirement is met, unmet and unknown where it should be, and only a full set of met ones allows."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from weighbridge.core.digests import Digest
from weighbridge.core.settings import DEFAULT_STAGES, StagePolicy
from weighbridge.gate.case import Case, Problem, Proof, Today
from weighbridge.gate.decision import decide

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MANIFEST, FILE = Digest("1" * 64), Digest("2" * 64)
POLICY = DEFAULT_STAGES["production"]
SCAN: dict[str, Any] = {
    "verdict": "clean",
    "artifact": {"files": [{"path": "m.safetensors", "size": 5, "sha256": FILE.hex}]},
    "envelope": {"finished": "2026-11-23T12:00:00Z"},
}
SBOM = {"components": [{"hashes": [{"alg": "SHA-256", "content": FILE.hex}]}]}
ANNOTATIONS = {
    "security.scan.result": "clean",
    "security.provenance.source": "hf://org/net",
    "security.provenance.signer": "none",
}


def claim(name: str, status: str, *parts: dict[str, Any], confirm: bool = False) -> dict[str, Any]:
    sentence = f"what decides {name}"
    return {"claim": name, "status": status, "evidence": sentence, "confirm": confirm, "parts": list(parts)}


def provenance(*claims: dict[str, Any]) -> Proof:
    predicate = {"source": {"place": "hf://org/net"}, "signer": "none", "claims": list(claims)}
    return Proof("ci", MANIFEST, predicate)


PROVENANCE = provenance(claim("source", "verified"))
SIGNATURE = {"resources": [{"name": "m.safetensors", "algorithm": "sha256", "digest": FILE.hex}]}


def listed(*digests: str) -> Proof:
    references = [{"name": f"piece {number}", "digest": {"sha256": it}} for number, it in enumerate(digests)]
    return Proof("ci", MANIFEST, {"references": references})


def case(**changes: Any) -> Case:
    scan = copy.deepcopy(SCAN)
    scan.update(changes.pop("scan_fields", {}))
    whole = Case(
        manifest=MANIFEST,
        files=frozenset({("m.safetensors", 5, FILE.hex)}),
        annotations={**ANNOTATIONS, **changes.pop("annotated", {})},
        scan=Proof("ci", MANIFEST, scan),
        sbom=Proof("ci", MANIFEST, SBOM),
        signature=Proof("ci", MANIFEST, SIGNATURE),
        problems=(),
        provenance=PROVENANCE,
        facts=Proof("ci", MANIFEST, {}),
        today=Today(formats=frozenset({"safetensors"})),
        place="registry.example/net",
        internal="registry.example",
        knowledge_date=NOW.date(),
        lists=(listed("11" * 32),),
        attached=frozenset({"11" * 32, "22" * 32}),
    )
    return whole._replace(**changes)


def results(judged: Case, policy: StagePolicy = POLICY) -> dict[str, str]:
    decision = decide(judged, "production", policy, NOW)
    found = {reason.requirement: reason.result.value for reason in decision.reasons}
    assert decision.allowed == (set(found.values()) == {"met"})
    return {requirement: result for requirement, result in found.items() if result != "met"}


def test_a_whole_case_is_allowed() -> None:
    assert results(case()) == {}


@pytest.mark.parametrize(
    ("changes", "denied"),
    [
        ({"scan_fields": {"verdict": "suspicious"}}, {"scan-verdict": "unmet", "annotations-agree": "unmet"}),
        ({"scan_fields": {"verdict": "incomplete"}}, {"scan-verdict": "unmet", "annotations-agree": "unmet"}),
        ({"scan_fields": {"envelope": {"finished": "2026-11-01T12:00:00Z"}}}, {"scan-fresh": "unmet"}),
        ({"scan_fields": {"envelope": {"finished": "2026-12-01T12:00:00Z"}}}, {"scan-fresh": "unmet"}),
        ({"scan_fields": {"envelope": {"finished": "yesterday"}}}, {"scan-fresh": "unknown"}),
        ({"scan_fields": {"envelope": 5}}, {"scan-fresh": "unknown"}),
        ({"scan_fields": {"artifact": {"files": []}}}, {"files-match": "unmet"}),
        ({"scan_fields": {"artifact": None}}, {"files-match": "unknown", "formats-allowed": "unknown"}),
        ({"annotations": {}}, {"annotations-agree": "unmet"}),
        ({"annotated": {"security.scan.result": "findings"}}, {"annotations-agree": "unmet"}),
        ({"sbom": None}, {"sbom-present": "unmet"}),
        ({"sbom": Proof("ci", MANIFEST, {"components": []})}, {"sbom-present": "unmet"}),
        ({"signature": None}, {"model-signed": "unmet"}),
        ({"signature": Proof("ci", MANIFEST, {"resources": []})}, {"model-signed": "unmet"}),
        ({"signature": Proof("ci", MANIFEST, {})}, {"model-signed": "unknown"}),
        (
            {"files": frozenset({("m.safetensors", 5, FILE.hex), ("evil.pkl", 1, FILE.hex)})},
            {"files-match": "unmet", "model-signed": "unmet"},
        ),
        (
            {"scan": None},
            {
                "scan-present": "unmet",
                "scan-verdict": "unknown",
                "scan-fresh": "unknown",
                "files-match": "unknown",
                "annotations-agree": "unknown",
                "formats-allowed": "unknown",
            },
        ),
    ],
)
def test_anything_less_is_denied_and_says_which(changes: dict[str, Any], denied: dict[str, str]) -> None:
    assert results(case(**changes)) == denied


def test_malicious_never_passes_whatever_the_policy_says() -> None:
    policy = POLICY._replace(verdicts=("clean", "malicious"))
    judged = case(scan_fields={"verdict": "malicious"}, annotated={"security.scan.result": "blocked"})
    assert results(judged, policy) == {"scan-verdict": "unmet"}


def test_a_stage_can_ask_for_less() -> None:
    policy = DEFAULT_STAGES["sandbox"]
    judged = case(
        sbom=None,
        signature=None,
        provenance=None,
        scan_fields={"verdict": "incomplete"},
        annotated={"security.scan.result": "error"},
    )
    assert results(judged, policy) == {}


def test_refused_evidence_is_named() -> None:
    problem = Problem("https://cyclonedx.org/bom", "signer-unknown", "signed by a stranger; expected a trusted key")
    decision = decide(case(sbom=None, problems=(problem,)), "production", POLICY, NOW)
    reason = next(reason for reason in decision.reasons if reason.requirement == "sbom-present")
    assert "signer-unknown" in reason.why


def test_the_age_counts_to_the_second() -> None:
    at_limit = (NOW - timedelta(days=7)).isoformat()
    over = (NOW - timedelta(days=7, seconds=1)).isoformat()
    assert results(case(scan_fields={"envelope": {"finished": at_limit}})) == {}
    assert results(case(scan_fields={"envelope": {"finished": over}})) == {"scan-fresh": "unmet"}


def named(judged: Case, policy: StagePolicy, requirement: str) -> str:
    decision = decide(judged, "production", policy, NOW)
    return next(reason.why for reason in decision.reasons if reason.requirement == requirement)


SIGNED = POLICY._replace(provenance=("commit-signature",))
FLAGGED = provenance(claim("regulated-data", "declared", claim("regulated-data/hipaa", "declared", confirm=True)))


@pytest.mark.parametrize(
    ("proof", "policy", "denied"),
    [
        (provenance(claim("commit-signature", "verified")), SIGNED, {}),
        (provenance(claim("commit-signature", "declared")), SIGNED, {"provenance-verified": "unmet"}),
        (provenance(claim("commit-signature", "absent")), SIGNED, {"provenance-verified": "unmet"}),
        (provenance(claim("model-signature", "verified")), SIGNED, {"provenance-verified": "unknown"}),
        (
            # What counts is the claim itself, not another signature of the same name that does not count.
            provenance(
                claim("commit-signature", "declared"), claim("x", "verified", claim("commit-signature", "verified"))
            ),
            SIGNED,
            {"provenance-verified": "unmet"},
        ),
        (provenance(claim("a", "declared", claim("a/b", "contradicted"))), POLICY, {"provenance-verified": "unmet"}),
        (provenance(claim("a", "contradicted")), POLICY._replace(contradicted=True), {}),
        (None, POLICY, {"provenance-verified": "unmet", "confirmations": "unknown"}),
        (None, POLICY._replace(contradicted=True), {"confirmations": "unknown"}),
        (None, POLICY._replace(contradicted=True, confirm=()), {}),
        (None, POLICY._replace(contradicted=True, acknowledged=("*",)), {"confirmations": "unknown"}),
        (None, SIGNED._replace(contradicted=True, confirm=()), {"provenance-verified": "unmet"}),
        (FLAGGED, POLICY._replace(confirm=("licence",)), {}),
        (FLAGGED, POLICY._replace(confirm=("*",)), {"confirmations": "unmet"}),
        (FLAGGED, POLICY, {"confirmations": "unmet"}),
        (FLAGGED, POLICY._replace(acknowledged=("regulated-data/hipaa",)), {}),
        (FLAGGED, POLICY._replace(acknowledged=("regulated-data/*",)), {}),
        (FLAGGED, POLICY._replace(acknowledged=("regulated-data/hip",)), {"confirmations": "unmet"}),
        (FLAGGED, POLICY._replace(acknowledged=("regulated-data/pci",)), {"confirmations": "unmet"}),
    ],
)
def test_what_is_said_of_the_origin_is_judged(proof: Proof | None, policy: StagePolicy, denied: dict[str, str]) -> None:
    assert results(case(provenance=proof), policy) == denied


@pytest.mark.parametrize(
    "claims",
    [
        None,
        [],
        [5],
        [{"claim": "a", "status": "verified"}],
        [{**claim("a", "verified"), "confirm": "no"}],
        [{**claim("a", "verified"), "parts": None}],
        [claim("a", "proven")],
        [{**claim("a", "verified"), "evidence": 5}],
    ],
)
def test_a_report_that_is_not_one_is_unknown(claims: Any) -> None:
    predicate = {"source": {"place": "hf://org/net"}, "signer": "none", "claims": claims}
    judged = case(provenance=Proof("ci", MANIFEST, predicate))
    assert results(judged) == {"provenance-verified": "unknown", "confirmations": "unknown"}


def test_claims_nested_without_end_are_unknown() -> None:
    nested = claim("a", "verified")
    for _ in range(50):
        nested = claim("a", "verified", nested)
    assert results(case(provenance=provenance(nested)))["provenance-verified"] == "unknown"


def test_the_reason_names_the_link_that_broke() -> None:
    judged = case(provenance=provenance(claim("model-signature", "contradicted")))
    assert "what decides model-signature" in named(judged, POLICY, "provenance-verified")


@pytest.mark.parametrize("key", ["source", "signer"])
def test_annotations_that_say_another_origin_are_denied(key: str) -> None:
    judged = case(annotated={f"security.provenance.{key}": "somebody else"})
    assert results(judged) == {"annotations-agree": "unmet"}


def test_evidence_that_was_there_must_be_there() -> None:
    gone = {"evidence-whole": "unmet"}
    assert results(case(lists=(listed("11" * 32, "22" * 32),))) == {}
    assert results(case(lists=(listed("11" * 32, "33" * 32),))) == gone
    assert results(case(lists=(listed("11" * 32), listed("33" * 32)))) == gone
    assert results(case(lists=())) == gone
    assert results(case(lists=()), POLICY._replace(evidence_list=False)) == {}
    assert results(case(lists=(listed("33" * 32),)), POLICY._replace(evidence_list=False)) == gone
    for broken in ({}, {"references": []}, {"references": [5]}, {"references": [{"digest": 5}]}):
        assert results(case(lists=(Proof("ci", MANIFEST, broken),))) == {"evidence-whole": "unknown"}


@pytest.mark.parametrize(
    ("verdict", "result", "agrees"),
    [("clean", "PASSED", True), ("clean", "WARNED", True), ("clean", "FAILED", False), ("suspicious", "PASSED", False)],
)
def test_the_test_result_repeats_the_scan(verdict: str, result: str, agrees: bool) -> None:
    judged = case(scan_fields={"verdict": verdict}, result=Proof("ci", MANIFEST, {"result": result}))
    assert ("evidence-agrees" in results(judged)) is not agrees


def test_the_slsa_provenance_names_the_same_source() -> None:
    def built(source: Any) -> Proof:
        return Proof("ci", MANIFEST, {"buildDefinition": {"externalParameters": {"source": source}}})

    assert results(case(slsa=built("hf://org/net"))) == {}
    for other in (built("hf://org/other"), Proof("ci", MANIFEST, {}), Proof("ci", MANIFEST, {"buildDefinition": 1})):
        assert results(case(slsa=other)) == {"evidence-agrees": "unmet"}


def test_what_a_stranger_attached_says_nothing_and_what_is_broken_does() -> None:
    kinds = ("https://slsa.dev/provenance/v1", "application/vnd.cncf.notary.signature")
    for kind in kinds:
        assert results(case(problems=(Problem(kind, "signer-unknown", "x"),))) == {}
        for code in ("signature-invalid", "signer-revoked", "digest-mismatch", "evidence-malformed"):
            assert results(case(problems=(Problem(kind, code, "x"),))) == {"evidence-agrees": "unmet"}


def test_bytes_that_were_read_must_be_the_right_ones() -> None:
    assert results(case(damaged=())) == {}
    assert results(case(damaged=("m.safetensors: other bytes", "its config: others"))) == {"bytes-intact": "unmet"}
