"""Each requirement is met, unmet and unknown where it should be, and only a full set of met ones allows."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from weighbridge.core.digests import Digest
from weighbridge.core.settings import DEFAULT_STAGES, StagePolicy
from weighbridge.gate.case import Case, Problem, Proof
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
SIGNATURE = {"resources": [{"name": "m.safetensors", "algorithm": "sha256", "digest": FILE.hex}]}


def case(**changes: Any) -> Case:
    scan = copy.deepcopy(SCAN)
    scan.update(changes.pop("scan_fields", {}))
    whole = Case(
        manifest=MANIFEST,
        files=frozenset({("m.safetensors", 5, FILE.hex)}),
        annotations={"security.scan.result": "clean"},
        scan=Proof("ci", MANIFEST, scan),
        sbom=Proof("ci", MANIFEST, SBOM),
        signature=Proof("ci", MANIFEST, SIGNATURE),
        problems=(),
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
        ({"scan_fields": {"artifact": None}}, {"files-match": "unknown"}),
        ({"annotations": {}}, {"annotations-agree": "unmet"}),
        ({"annotations": {"security.scan.result": "findings"}}, {"annotations-agree": "unmet"}),
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
            },
        ),
    ],
)
def test_anything_less_is_denied_and_says_which(changes: dict[str, Any], denied: dict[str, str]) -> None:
    assert results(case(**changes)) == denied


def test_malicious_never_passes_whatever_the_policy_says() -> None:
    policy = POLICY._replace(verdicts=("clean", "malicious"))
    judged = case(scan_fields={"verdict": "malicious"}, annotations={"security.scan.result": "blocked"})
    assert results(judged, policy) == {"scan-verdict": "unmet"}


def test_a_stage_can_ask_for_less() -> None:
    policy = DEFAULT_STAGES["sandbox"]
    judged = case(
        sbom=None, signature=None, scan_fields={"verdict": "incomplete"}, annotations={"security.scan.result": "error"}
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
