"""The answer of a gate: allow or deny, on a digest, with every reason."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.gate.requirements import REQUIREMENTS, Reason, Result

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.core.settings import StagePolicy
    from weighbridge.gate.case import Case


class Decision(NamedTuple):
    """A decision about one manifest digest for one stage."""

    allowed: bool
    digest: Digest
    stage: str
    reasons: tuple[Reason, ...]
    made_at: str

    def document(self) -> dict[str, Any]:
        """The decision as JSON (schema `weighbridge.decision/1`)."""
        return {
            "schema": "weighbridge.decision/1",
            "decision": "allow" if self.allowed else "deny",
            "digest": str(self.digest),
            "stage": self.stage,
            "madeAt": self.made_at,
            "reasons": [
                {
                    "requirement": reason.requirement,
                    "result": reason.result.value,
                    "why": reason.why,
                    "needs": reason.needs,
                }
                for reason in self.reasons
            ],
        }


def decide(case: Case, stage: str, policy: StagePolicy, now: datetime) -> Decision:
    """Ask every requirement; allow only if every single one is met."""
    reasons = tuple(requirement(case, policy, now) for requirement in REQUIREMENTS)
    allowed = bool(reasons) and all(reason.result is Result.MET for reason in reasons)
    return Decision(allowed, case.manifest, stage, reasons, f"{now:%Y-%m-%dT%H:%M:%SZ}")
