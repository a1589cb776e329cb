"""A provenance report for people: a tree of claims, each with its status and what decides it. All text is hostile."""

from __future__ import annotations

import re

from weighbridge.core.claims import Status
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.terminal import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.claims import Claim
    from weighbridge.provenance.report import ProvenanceReport
    from weighbridge.render.terminal import Style

COLOURS = {Status.VERIFIED: "32", Status.DECLARED: "33", Status.ABSENT: "2", Status.CONTRADICTED: "1;31"}
_MARKS = {Status.VERIFIED: "✓", Status.DECLARED: "~", Status.ABSENT: "·", Status.CONTRADICTED: "✗"}
_ASCII = {Status.VERIFIED: "+", Status.DECLARED: "~", Status.ABSENT: ".", Status.CONTRADICTED: "x"}
SHOWN_TEXT = 600
"""Characters of one sentence; the JSON report has all of it."""
_OURS = {ord(sign): f"\\u{ord(sign):04x}" for sign in "├└│─✓✗·"}
"""Signs that only the tree itself may draw: a sentence of the model shall not look like a branch."""


def provenance_text(name: str, report: ProvenanceReport, *, style: Style) -> str:
    """The whole tree; ends with a line feed."""
    origin = report.origin
    lines = [f"{style.paint(plain(name, 200), '1')}  {plain(origin.place, 200)}"]
    if origin.revision:
        lines.append(f"  {plain(origin.revision, 120)}")
    digest = report.subject.short if style.unicode else report.subject.short.replace("…", "...")
    lines.append(f"  {digest}  signer: {plain(report.signer, 120)}")
    lines += _branches(report.claims, "", style)
    return "\n".join([*lines, "", summary(report, style), ""])


def provenance_section(report: ProvenanceReport, *, style: Style) -> str:
    """A few lines for the outcome of gate one: every claim that is verified or contradicted, or waits for a person."""
    marks = _MARKS if style.unicode else _ASCII
    lines = ["provenance:"]
    for claim in report.claims:
        if claim.status in (Status.VERIFIED, Status.CONTRADICTED) or claim.confirm:
            head = f"  {style.paint(marks[claim.status], COLOURS[claim.status])} {_safe(claim.claim, 60)}: "
            lines.append(head + _safe(claim.evidence, 160))
    lines.append(f"  {summary(report, style)}")
    return "\n".join(lines)


def summary(report: ProvenanceReport, style: Style) -> str:
    """How many claims have which status, and how many wait for a person."""
    counts = [
        style.paint(f"{sum(claim.status is status for claim in report.claims)} {status.value}", COLOURS[status])
        for status in Status
    ]
    waiting = sum(claim.confirm for claim in report.claims)
    return ", ".join(counts) + (f"; {waiting} for a person to confirm" if waiting else "")


def _safe(text: str, limit: int) -> str:
    """Hostile text on one line, with single spaces and none of the tree's own signs."""
    return plain(re.sub(" +", " ", text).translate(_OURS), limit)


def _branches(claims: Sequence[Claim], margin: str, style: Style) -> list[str]:
    marks = _MARKS if style.unicode else _ASCII
    fork, corner, bar = ("├─ ", "└─ ", "│  ") if style.unicode else ("|- ", "`- ", "|  ")
    lines: list[str] = []
    for index, claim in enumerate(claims):
        last = index == len(claims) - 1
        below = margin + ("   " if last else bar)
        status = style.paint(f"{marks[claim.status]} {claim.status.value}", COLOURS[claim.status])
        confirm = style.paint("  to be confirmed", "33") if claim.confirm else ""
        lines.append(f"{margin}{corner if last else fork}{_safe(claim.claim, 80)}  {status}{confirm}")
        inside = below + ((bar if claim.parts else "   ") + " ")
        if all(part.evidence != claim.evidence for part in claim.parts):  # the part that decides says it
            lines += wrapped(inside, _safe(claim.evidence, SHOWN_TEXT), style.width, again=inside)
        lines += _branches(claim.parts, below, style)
    return lines
