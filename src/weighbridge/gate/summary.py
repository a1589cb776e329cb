"""The decision of a gate as evidence of its own: a SLSA Verification Summary (VSA), written and read.

    predicateType   https://slsa.dev/verification_summary/v1
    predicate       {"verifier": {"id": https://weighbridge.dev/gate/<stage>, "version": {…}},
                     "timeVerified", "resourceUri", "policy": {"uri", "digest", "content"},
                     "inputAttestations": [{"uri", "digest"}, …],        every one that the decision rests on
                     "verificationResult": "PASSED" | "FAILED",
                     "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED", "WEIGHBRIDGE_CLEAN"] or ["FAILED"],
                     "slsaVersion": "1.0",
                     "https://weighbridge.dev/vsa/expires": <RFC 3339>,
                     "https://weighbridge.dev/vsa/exemptions": [<id>, …],
                     "https://weighbridge.dev/vsa/reasons": [{"requirement", "result", "why"}, …]}

A summary has no end of its own in SLSA; ours ends when the scan that it rests on becomes too old for the stage. The
policy's digest is of its canonical JSON, which is its content, so that it can be compared with what holds today: a
summary made under another policy says nothing. No level of a SLSA track is claimed: none was evaluated.
Source: slsa.dev/spec/v1.0/verification_summary.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from weighbridge.core.digests import Digest, canonical_json, digest_bytes
from weighbridge.core.errors import Rejected
from weighbridge.core.evidence import VSA_PREDICATE, Tool
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.requirements import CLOCK_SKEW

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case
    from weighbridge.gate.decision import Decision

GATE = "https://weighbridge.dev/gate/"
POLICY = "https://weighbridge.dev/policy/stage/"
EXPIRES = "https://weighbridge.dev/vsa/expires"
EXEMPTIONS = "https://weighbridge.dev/vsa/exemptions"
REASONS = "https://weighbridge.dev/vsa/reasons"
UNEVALUATED = "SLSA_BUILD_LEVEL_UNEVALUATED"


class VerificationSummary(NamedTuple):
    """A decision about one manifest, ready to be signed. `subject` is the manifest's digest; `resource` where it is.

    `inputs` are the referrer manifests that hold the evidence; `expires` is None for a denial.
    """

    decision: Decision
    resource: str
    policy: bytes
    inputs: tuple[Digest, ...]
    levels: tuple[str, ...]
    expires: datetime | None
    exemptions: tuple[str, ...] = ()
    tool: Tool = Tool()

    @property
    def kind(self) -> str:
        return "decision"

    @property
    def predicate_type(self) -> str:
        return VSA_PREDICATE

    @property
    def subject(self) -> Digest:
        return self.decision.digest

    def predicate(self) -> dict[str, Any]:
        """The predicate as SLSA has it, with our three fields."""
        decision = self.decision
        place = self.resource.partition("@")[0]
        return {
            "verifier": {"id": f"{GATE}{decision.stage}", "version": {self.tool.name: self.tool.version}},
            "timeVerified": decision.made_at,
            "resourceUri": self.resource,
            "policy": {
                "uri": f"{POLICY}{decision.stage}",
                "digest": {"sha256": digest_bytes(self.policy).hex},
                "content": base64.b64encode(self.policy).decode(),
            },
            "inputAttestations": [
                {"uri": f"{place}@{digest}", "digest": {"sha256": digest.hex}} for digest in self.inputs
            ],
            "verificationResult": "PASSED" if decision.allowed else "FAILED",
            "verifiedLevels": list(self.levels),
            "slsaVersion": "1.0",
            **({EXPIRES: f"{self.expires:%Y-%m-%dT%H:%M:%SZ}"} if self.expires else {}),
            EXEMPTIONS: list(self.exemptions),
            REASONS: [
                {"requirement": reason.requirement, "result": reason.result.value, "why": reason.why}
                for reason in decision.reasons
            ],
        }


class ReadSummary(NamedTuple):
    """What a summary says, read back. Its signature and its subject were verified by whoever gives it."""

    stage: str
    passed: bool
    verified_at: datetime
    expires: datetime | None
    policy: Digest
    inputs: frozenset[Digest]
    levels: tuple[str, ...]
    exemptions: tuple[str, ...]


def policy_document(stage: str, policy: StagePolicy) -> bytes:
    """What a stage demands, as the canonical JSON that a summary names by its digest."""
    return canonical_json({"stage": stage, **policy._asdict()})


def summary_of(
    decision: Decision, case: Case, policy: StagePolicy, resource: str, exemptions: Sequence[str] = ()
) -> VerificationSummary:
    """The summary of a decision on this case. `resource` is the URI of the manifest, by its digest."""
    proofs = [proof for _, proof in case.proofs()]
    verdict = str(case.scan.predicate.get("verdict")) if case.scan else ""
    levels = (UNEVALUATED, f"WEIGHBRIDGE_{verdict.upper()}") if decision.allowed else ("FAILED",)
    return VerificationSummary(
        decision,
        resource,
        policy_document(decision.stage, policy),
        tuple(sorted({proof.digest for proof in proofs})),
        levels,
        _expiry(case, policy, decision) if decision.allowed else None,
        tuple(exemptions),
    )


def read_summary(predicate: Mapping[str, Any]) -> ReadSummary:
    """Read a summary of one of our gates. Raises Rejected (evidence-malformed) for one that lacks what it must have."""
    verifier, policy = predicate.get("verifier"), predicate.get("policy")
    identity = verifier.get("id") if isinstance(verifier, dict) else None
    if not isinstance(identity, str) or not identity.startswith(GATE):
        raise _malformed(f"a summary by {plain(str(identity), 120)}", f"one by {GATE}STAGE")
    result = predicate.get("verificationResult")
    if result not in ("PASSED", "FAILED"):
        raise _malformed("a summary without its result", "PASSED or FAILED")
    levels = _texts(predicate.get("verifiedLevels"), "levels")
    exemptions = _texts(predicate.get(EXEMPTIONS), "exemptions")
    passed = result == "PASSED"
    if not levels or passed == ("FAILED" in levels):
        raise _malformed(f"the result {result} with the levels {plain(str(levels), 120)}", "levels that fit the result")
    expires = _time(predicate.get(EXPIRES), "end") if passed or EXPIRES in predicate else None
    return ReadSummary(
        identity.removeprefix(GATE),
        passed,
        _time(predicate.get("timeVerified"), "time"),
        expires,
        _sha256(policy, "policy"),
        frozenset(_sha256(item, "input") for item in _list(predicate.get("inputAttestations"))),
        levels,
        exemptions,
    )


def says_the_same(summary: ReadSummary, ours: VerificationSummary, now: datetime) -> bool:
    """Whether a stored summary makes a new one needless: it says the same, and has at least half of its time left."""
    if (
        summary.stage != ours.decision.stage
        or summary.passed != ours.decision.allowed
        or summary.policy != digest_bytes(ours.policy)
        or summary.inputs != frozenset(ours.inputs)
        or summary.exemptions != ours.exemptions
        or summary.verified_at > now + CLOCK_SKEW
    ):
        return False
    if summary.expires is None:
        return True
    return now < summary.verified_at + (summary.expires - summary.verified_at) / 2


def _expiry(case: Case, policy: StagePolicy, decision: Decision) -> datetime:
    made = datetime.fromisoformat(decision.made_at)
    envelope = case.scan.predicate.get("envelope") if case.scan else None
    text = envelope.get("finished") if isinstance(envelope, dict) else None
    try:
        scanned = datetime.fromisoformat(text) if isinstance(text, str) else made
    except ValueError:
        scanned = made
    scanned = scanned if scanned.tzinfo else scanned.replace(tzinfo=UTC)
    return min(scanned, made).astimezone(UTC) + timedelta(days=policy.max_scan_age_days)


def _time(value: object, what: str) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _malformed(f"a summary without its {what}", "RFC 3339 with a zone")
    return found.astimezone(UTC)


def _sha256(value: object, what: str) -> Digest:
    digests = value.get("digest") if isinstance(value, dict) else None
    found = digests.get("sha256") if isinstance(digests, dict) else None
    if not isinstance(found, str) or len(found) != 64 or not set(found) <= set("0123456789abcdef"):
        raise _malformed(f"a summary whose {what} has no sha256", "a digest for each")
    return Digest(found)


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _malformed("a summary that does not list its inputs", "every attestation that it rests on")
    return value


def _texts(value: object, what: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _malformed(f"a summary without its {what}", "a list of texts")
    return tuple(value)


def _malformed(got: str, expected: str) -> Rejected:
    return Rejected("evidence-malformed", got, expected)
