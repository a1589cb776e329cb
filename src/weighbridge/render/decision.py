"""Decisions and intakes for people: what was asked, the answer to each requirement, and what would have met it."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.gate.decision import Decision
    from weighbridge.render.terminal import Style

_MARKS = {"met": "✓", "unmet": "✗", "unknown": "?"}
_ASCII = {"met": "+", "unmet": "x", "unknown": "?"}


def decision_text(decision: Decision, reference: str, evidence: list[tuple[str, str, str]], style: Style) -> str:
    """One decision. `evidence` lists kind, digest and signer of everything that was verified."""
    marks = _MARKS if style.unicode else _ASCII
    word = "ALLOWED" if decision.allowed else "DENIED"
    lines = [f"{_coloured(word, decision.allowed, style)}  {plain(reference)}  for {decision.stage}"]
    lines.append(f"  {decision.digest}")
    for reason in decision.reasons:
        line = f"  {marks[reason.result.value]} {reason.requirement:<18} {plain(reason.why, 120)}"
        if reason.result.value != "met":
            line += f"\n      needs: {plain(reason.needs, 120)}"
        if reason.result.value == "unknown":
            line += " (unknown counts as no)"
        lines.append(line)
    if evidence:
        lines.append("  evidence:")
        for kind, digest, signer in evidence:
            lines.append(f"    {kind:<16} {digest}  signed by {plain(signer, 60)}")
    return "\n".join(lines)


def _coloured(word: str, good: bool, style: Style) -> str:
    if not style.colour:
        return word
    return f"\x1b[1;{32 if good else 31}m{word}\x1b[0m"
