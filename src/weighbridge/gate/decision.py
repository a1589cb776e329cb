"""The answer of a gate: allow or deny, on a digest, with every reason, every exemption and every warning."""

from __future__ import annotations

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.exemption import stamp
from weighbridge.gate.reason import Reason, Result
from weighbridge.gate.requirements import REQUIREMENTS

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case

SCHEMA = "weighbridge.decision/1"


class ShownExemption(NamedTuple):
    """An exemption for the model that was judged. `refused` says why it does not count; empty: it does."""

    id: str
    rule: str
    digest: Digest
    reason: str
    approver: str
    signer: str
    expires: str
    refused: str


class UsedEvidence(NamedTuple):
    """A piece of evidence that was verified: its referrer in the registry, and who signed it."""

    kind: str
    digest: Digest
    signer: str


class Recorded(NamedTuple):
    """Where a decision stands in the log: whoever keeps this can tell whether the log was cut short since."""

    log: str
    sequence: int
    hash: str


class Decision(NamedTuple):
    """A decision about one manifest digest for one stage.

    `warnings` are what a stricter stage would not have let pass, `policy` the digest of the stage's demands,
    `knowledge` the version of what was known. `recorded` is None until it stands in the log.
    """

    allowed: bool
    digest: Digest
    stage: str
    reasons: tuple[Reason, ...]
    made_at: str
    reference: str = ""
    warnings: tuple[str, ...] = ()
    exemptions: tuple[ShownExemption, ...] = ()
    evidence: tuple[UsedEvidence, ...] = ()
    policy: str = ""
    knowledge: str = ""
    recorded: Recorded | None = None

    def document(self) -> dict[str, Any]:
        """The decision as JSON (schema `weighbridge.decision/1`)."""
        said: dict[str, Any] = {
            "schema": SCHEMA,
            "decision": "allow" if self.allowed else "deny",
            "digest": str(self.digest),
            "stage": self.stage,
            "madeAt": self.made_at,
            "reference": self.reference,
            "reasons": [
                {
                    "requirement": reason.requirement,
                    "result": reason.result.value,
                    "why": reason.why,
                    "needs": reason.needs,
                }
                for reason in self.reasons
            ],
            "warnings": list(self.warnings),
            "exemptions": [{**one._asdict(), "digest": str(one.digest)} for one in self.exemptions],
            "evidence": [{**one._asdict(), "digest": str(one.digest)} for one in self.evidence],
            "policy": self.policy,
            "knowledge": self.knowledge,
        }
        if self.recorded is not None:
            said["recorded"] = self.recorded._asdict()
        return said


def decide(
    case: Case,
    stage: str,
    policy: StagePolicy,
    now: datetime,
    *,
    stricter: StagePolicy | None = None,
    more: tuple[Reason, ...] = (),
) -> Decision:
    """Ask every requirement; allow only if every single one is met. `more` are reasons found elsewhere.

    `stricter` are the demands that are told as warnings where they are not met.
    """
    reasons = (*(requirement(case, policy, now) for requirement in REQUIREMENTS), *more)
    allowed = bool(reasons) and all(reason.result is Result.MET for reason in reasons)
    refused = {reason.requirement for reason in reasons if reason.result is not Result.MET}
    warnings: tuple[str, ...] = ()
    if stricter is not None:
        asked = (requirement(case, stricter, now) for requirement in REQUIREMENTS)
        warnings = tuple(
            f"{reason.requirement}: {reason.why}"
            for reason in asked
            if reason.result is not Result.MET and reason.requirement not in refused
        )
    return Decision(
        allowed,
        case.manifest,
        stage,
        reasons,
        stamp(now),
        warnings=warnings,
        exemptions=tuple(
            ShownExemption(
                one.id,
                one.rule,
                one.digest,
                one.reason,
                one.approver,
                one.signer,
                stamp(one.expires),
                one.refusal(policy, now),
            )
            for one in case.exemptions
        ),
        evidence=tuple(UsedEvidence(kind, proof.digest, proof.signer) for kind, proof in case.proofs()),
        policy=policy_digest(policy),
    )


def policy_digest(policy: StagePolicy) -> str:
    """The digest of a stage's demands, so that a decision says by which it was made."""
    return str(digest_bytes(canonical_json(policy._asdict())))
