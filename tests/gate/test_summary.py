"""Verification summaries: what a gate decided, read back, and what keeps one from counting."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import Rejected
from weighbridge.core.settings import DEFAULT_STAGES
from weighbridge.gate.case import Case, Proof
from weighbridge.gate.decision import Decision
from weighbridge.gate.requirements import Reason, Result
from weighbridge.gate.summary import (
    EXEMPTIONS,
    EXPIRES,
    policy_document,
    read_summary,
    says_the_same,
    summary_of,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MANIFEST, SCAN, SBOM = Digest("1" * 64), Digest("2" * 64), Digest("3" * 64)
POLICY = DEFAULT_STAGES["production"]
RESOURCE = f"oci://registry.example/net@{MANIFEST}"
CASE = Case(
    MANIFEST,
    frozenset(),
    {},
    scan=Proof("ci", SCAN, {"verdict": "clean", "envelope": {"finished": "2026-11-22T12:00:00Z"}}),
    sbom=Proof("ci", SBOM, {}),
    signature=None,
    problems=(),
)


def decision(result: Result = Result.MET, at: datetime = NOW) -> Decision:
    reasons = (Reason("scan-present", result, "why", "needs"),)
    return Decision(result is Result.MET, MANIFEST, "production", reasons, f"{at:%Y-%m-%dT%H:%M:%SZ}")


ALLOWED = summary_of(decision(), CASE, POLICY, RESOURCE)
DENIED = summary_of(decision(Result.UNKNOWN), CASE, POLICY, RESOURCE)


def test_a_summary_has_what_slsa_asks_for() -> None:
    found = ALLOWED.predicate()
    assert found["verifier"]["id"] == "https://weighbridge.dev/gate/production"
    assert (found["timeVerified"], found["resourceUri"]) == ("2026-11-24T12:00:00Z", RESOURCE)
    assert found["verificationResult"] == "PASSED"
    assert found["verifiedLevels"] == ["SLSA_BUILD_LEVEL_UNEVALUATED", "WEIGHBRIDGE_CLEAN"]
    assert found["inputAttestations"] == [
        {"uri": f"oci://registry.example/net@{digest}", "digest": {"sha256": digest.hex}} for digest in (SCAN, SBOM)
    ]
    content = base64.b64decode(found["policy"]["content"])
    assert found["policy"]["digest"] == {"sha256": digest_bytes(content).hex}
    assert json.loads(content)["verdicts"] == ["clean"]
    assert found[EXPIRES] == "2026-11-29T12:00:00Z", "seven days after the scan"
    assert found[EXEMPTIONS] == []
    extensions = [key for key in found if key.startswith("https://")]
    slsa = {"verifier", "timeVerified", "resourceUri", "policy", "inputAttestations", "verificationResult"}
    assert set(found) == slsa | {"verifiedLevels", "slsaVersion", *extensions}


def test_a_denial_is_a_summary_too() -> None:
    found = DENIED.predicate()
    assert (found["verificationResult"], found["verifiedLevels"]) == ("FAILED", ["FAILED"])
    assert EXPIRES not in found
    assert not read_summary(found).passed


def test_a_summary_is_read_back() -> None:
    read = read_summary(ALLOWED.predicate())
    assert (read.stage, read.passed, read.verified_at) == ("production", True, NOW)
    assert read.inputs == {SCAN, SBOM}
    assert read.policy == digest_bytes(policy_document("production", POLICY))
    assert read.expires == NOW + timedelta(days=5)


@pytest.mark.parametrize(
    "changes",
    [
        {"verifier": {"id": "https://else.example"}},
        {"verifier": 5},
        {"verificationResult": "MAYBE"},
        {"verifiedLevels": []},
        {"verifiedLevels": ["FAILED"]},
        {"verifiedLevels": [5]},
        {"verificationResult": "FAILED"},
        {"timeVerified": "yesterday"},
        {"timeVerified": "2026-11-24T12:00:00"},
        {EXPIRES: None},
        {EXPIRES: "2026-11-24T12:00:00"},
        {EXEMPTIONS: None},
        {"policy": {"uri": "x"}},
        {"inputAttestations": None},
        {"inputAttestations": [{"uri": "x"}]},
        {"inputAttestations": [{"digest": {"sha256": "AB" * 32}}]},
    ],
)
def test_a_summary_that_lacks_something_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        read_summary({**ALLOWED.predicate(), **changes})
    assert caught.value.code == "evidence-malformed"


def test_a_summary_is_used_again_for_half_of_its_time() -> None:
    read = read_summary(ALLOWED.predicate())
    assert says_the_same(read, ALLOWED, NOW + timedelta(days=2))
    assert not says_the_same(read, ALLOWED, NOW + timedelta(days=3))
    assert not says_the_same(read, DENIED, NOW)
    assert not says_the_same(read, ALLOWED._replace(inputs=(SCAN,)), NOW)
    assert not says_the_same(read, ALLOWED._replace(policy=b"{}"), NOW)
    assert not says_the_same(read, ALLOWED._replace(exemptions=("e1",)), NOW)
    assert not says_the_same(read, ALLOWED, NOW - timedelta(days=1))
    assert says_the_same(read_summary(DENIED.predicate()), DENIED, NOW + timedelta(days=99))
