"""Decisions and intakes for people: what was asked, the answer to each requirement, and what would have met it."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.gate.decision import Decision, ShownExemption
    from weighbridge.render.terminal import Style

_MARKS = {"met": "✓", "unmet": "✗", "unknown": "?"}
_ASCII = {"met": "+", "unmet": "x", "unknown": "?"}


def decision_text(decision: Decision, style: Style) -> str:
    """One decision: its reasons, the exemptions for the model, what a stricter stage would say, the evidence."""
    marks = _MARKS if style.unicode else _ASCII
    word = "ALLOWED" if decision.allowed else "DENIED"
    lines = [f"{_coloured(word, decision.allowed, style)}  {plain(decision.reference)}  for {decision.stage}"]
    lines.append(f"  {decision.digest}")
    for reason in decision.reasons:
        line = f"  {marks[reason.result.value]} {reason.requirement:<19} {plain(reason.why, 200)}"
        if reason.result.value != "met":
            line += f"\n      needs: {plain(reason.needs, 200)}"
        if reason.result.value == "unknown":
            line += " (unknown counts as no)"
        lines.append(line)
    lines += _section("exemptions:", [_exemption(one) for one in decision.exemptions])
    lines += _section("warnings, for a stricter stage would deny:", [plain(text, 200) for text in decision.warnings])
    shown = [f"{one.kind:<16} {one.digest}  signed by {plain(one.signer, 60)}" for one in decision.evidence]
    lines += _section("evidence:", shown)
    if decision.recorded is not None:
        lines.append(f"  recorded as {decision.recorded.sequence} of log {decision.recorded.log[:12]}")
    return "\n".join(lines)


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"  {title}", *(f"    {line}" for line in lines)] if lines else []


def _exemption(one: ShownExemption) -> str:
    state = f"DOES NOT COUNT: {plain(one.refused, 120)}" if one.refused else f"until {one.expires}"
    who = f"approved by {plain(one.approver, 60)}, signed by {plain(one.signer, 60)}"
    return f"{one.id}  {plain(one.rule, 60)}  {state}; {who}: {plain(one.reason, 120)}"


def _coloured(word: str, good: bool, style: Style) -> str:
    if not style.colour:
        return word
    return f"\x1b[1;{32 if good else 31}m{word}\x1b[0m"
