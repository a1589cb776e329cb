"""What a check of a data set says: findings with the rows that they are about, and what the check could see at all."""

from __future__ import annotations

from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

SCHEMA = "weighbridge.dataset-check/1"
RANK = "label-rank"
"""What lines of rows call a doubtful label: an order to look at them in, and no finding."""
SHOWN, LISTED = 50, 100_000
"""Rows of a finding that the answer names, and that are known at all."""


class Row(NamedTuple):
    """A record: its file, and its row or line in it, from 1."""

    file: str
    row: int


class DataFinding(NamedTuple):
    """Something that is wrong, or may be. `rows` are the records (`LISTED` at most), `estimate` their number."""

    rule: str
    severity: Severity
    rows: tuple[Row, ...]
    estimate: int
    why: str


class Doubt(NamedTuple):
    """A label that may be wrong, and how probable the rest of its record makes it."""

    row: Row
    probability: float


class Sight(NamedTuple):
    """What a check can see: whether it ran, on how many rows, and from how many planted rows on it sees something."""

    check: str
    ran: bool
    looked_at: int
    least_rows: int
    why: str


class CheckReport(NamedTuple):
    """The answer of `dataset check`."""

    findings: tuple[DataFinding, ...]
    sight: tuple[Sight, ...]
    rows: int
    unread: tuple[str, ...]
    doubts: tuple[Doubt, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """As that of a scan: critical is malicious, high suspicious, else what is unread makes it incomplete."""
        worst = max((finding.severity.rank for finding in self.findings), default=-1)
        if worst >= Severity.CRITICAL.rank:
            return Verdict.MALICIOUS
        if worst >= Severity.HIGH.rank:
            return Verdict.SUSPICIOUS
        return Verdict.INCOMPLETE if self.unread else Verdict.CLEAN

    def shuts(self, level: Severity) -> bool:
        """Whether the gate is shut: a finding at or above `level`, or something unread."""
        return bool(self.unread) or any(finding.severity.rank >= level.rank for finding in self.findings)

    def document(self) -> dict[str, Any]:
        """The answer as JSON."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "findings": [
                {
                    "rule": finding.rule,
                    "severity": finding.severity.value,
                    "rows": [row._asdict() for row in finding.rows[:SHOWN]],
                    "estimate": finding.estimate,
                    "why": finding.why,
                }
                for finding in self.findings
            ],
            "sight": [sight._asdict() for sight in self.sight],
            "records": self.rows,
            "unread": list(self.unread),
        }

    def lines(self) -> Iterator[dict[str, Any]]:
        """Every row that a finding is about, and then the doubtful labels, the worst first."""
        for found in self.findings:
            for row in found.rows:
                yield {"rule": found.rule, "severity": found.severity.value, **row._asdict(), "why": found.why}
        for doubt in self.doubts:
            yield {"rule": RANK, "probability": doubt.probability, **doubt.row._asdict()}


def finding(
    rule: str, severity: Severity, rows: Iterable[Row], why: str, *, estimate: int | None = None
) -> DataFinding:
    """A finding with its first rows; `estimate` is their number if nothing else is said."""
    found = sorted(set(rows))
    return DataFinding(
        f"dataset/{rule}", severity, tuple(found[:LISTED]), len(found) if estimate is None else estimate, why
    )
