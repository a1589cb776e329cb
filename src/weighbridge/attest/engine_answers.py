"""What other scanners said of the files that are stored, as evidence of its own beside our report.

    predicateType   core.evidence.ENGINES_PREDICATE
    predicate       {"engines": [{"name", "version", "verdict", "status", "why", "files", "walls", "findings": […]}, …],
                     "envelope": {"finished": "2026-11-30T12:00:00Z"}}

The report of Weighbridge stays the same bytes whatever is installed; a stage that wants others heard asks for this.
"""

from __future__ import annotations

from weighbridge.core.evidence import ENGINES_PREDICATE
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.digests import Digest
    from weighbridge.engines.base import EngineReport


class EngineAnswers(NamedTuple):
    """The answers of every engine that was asked about one model. `finished` is RFC 3339."""

    subject: Digest
    answers: tuple[EngineReport, ...]
    finished: str

    @property
    def kind(self) -> str:
        return "engines"

    @property
    def predicate_type(self) -> str:
        return ENGINES_PREDICATE

    def predicate(self) -> dict[str, Any]:
        """The predicate."""
        return {"engines": [answer_document(one) for one in self.answers], "envelope": {"finished": self.finished}}


def answer_document(said: EngineReport) -> dict[str, Any]:
    """One engine's answer as JSON, in the shape that `schemas/scan.json` fixes."""
    return {
        **said._asdict(),
        "findings": [
            {
                **finding._asdict(),
                "severity": finding.severity.value,
                "evidence": finding.evidence._asdict(),
                "references": list(finding.references),
            }
            for finding in said.findings
        ],
    }
