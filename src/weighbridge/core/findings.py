"""What rules say about facts, and the verdict that follows from it."""

from __future__ import annotations

from enum import Enum

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(Enum):
    """How bad a finding is. Ordered by `rank`: critical is 4, info is 0."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        return _RANK[self.value]


_RANK = {"critical": 4, "high": 3, "medium": 2, "low": 1, "info": 0}


class Verdict(Enum):
    """What is said of the whole artifact."""

    CLEAN = "clean"
    SUSPICIOUS = "suspicious"
    MALICIOUS = "malicious"
    INCOMPLETE = "incomplete"


class Evidence(NamedTuple):
    """What a finding rests on: text for people, the bytes as hexadecimal, how often the same was seen.

    `opcodes` are those of a pickle that lead to it.
    """

    text: str
    bytes: str = ""
    times: int = 1
    opcodes: str = ""


class Finding(NamedTuple):
    """One rule hit at one location. `references` are identifiers such as `CWE-502` or `ATLAS AML.T0011.000`."""

    rule: str
    severity: Severity
    title: str
    location: str
    evidence: Evidence
    why: str
    remediation: str
    references: tuple[str, ...]


def judge(findings: Iterable[Finding], *, unread: bool) -> Verdict:
    """The verdict: any critical is malicious, else any high is suspicious, else anything unread is incomplete."""
    worst = max((finding.severity.rank for finding in findings), default=-1)
    if worst >= Severity.CRITICAL.rank:
        return Verdict.MALICIOUS
    if worst >= Severity.HIGH.rank:
        return Verdict.SUSPICIOUS
    return Verdict.INCOMPLETE if unread else Verdict.CLEAN
