"""Audits for people and programs: text, JSON, Markdown, HTML. Everything that was exported is hostile text."""

from __future__ import annotations

from html import escape

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.documents import document_json
from weighbridge.render.markdown import span
from weighbridge.render.page import page_head, page_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from weighbridge.controls.base import Judged
    from weighbridge.controls.checklist import Audited
    from weighbridge.render.terminal import Style

SCHEMA = "weighbridge.audit/1"
MARKS = {"pass": "✓", "fail": "✗", "unknown": "?", "not-applicable": "·", "remark": "!"}
ASCII = {"pass": "+", "fail": "x", "unknown": "?", "not-applicable": "-", "remark": "!"}
_COLOURS = {"pass": 32, "fail": 31, "unknown": 33, "not-applicable": 90}
SHOWN = 20
"""Resources and remarks of one control that are shown to people; the JSON has all."""


def audit_document(audited: Audited) -> dict[str, Any]:
    """The audit as JSON (schema `weighbridge.audit/1`)."""
    return {
        "schema": SCHEMA,
        "holds": audited.holds,
        "controls": [
            {
                **judged_document(one),
                "mappings": [mapping._asdict() for mapping in audited.mappings.get(one.id, ())],
            }
            for one in audited.controls
        ],
        "defender": [row._asdict() for row in audited.defender],
        "drift": [change._asdict() for change in audited.drift],
        "problems": list(audited.problems),
        "madeAt": audited.made_at,
    }


def judged_document(one: Judged) -> dict[str, Any]:
    """One control or rule with all its checks."""
    return {
        "id": one.id,
        "title": one.title,
        "result": one.result.value,
        "why": one.why,
        "resources": list(one.resources),
        "mend": one.mend,
        "checks": [{**check._asdict(), "result": check.result.value} for check in one.checks],
    }


def audit_json(audited: Audited) -> str:
    """The audit as a file of JSON."""
    return document_json(audit_document(audited))


def audit_text(audited: Audited, style: Style) -> str:
    """The audit for a terminal: a line for each control, and what to do about those that do not hold."""
    lines = [f"{'HOLDS' if audited.holds else 'DOES NOT HOLD'}  {counted(audited.controls)}"]
    for one in audited.controls:
        lines += judged_lines(one, style)
    lines.append("Defender for Cloud:")
    lines += [f"  {row.name:<34} {row.on:<11} {plain(row.about, 100)}" for row in audited.defender]
    if audited.drift:
        lines.append("since last time:")
        lines += [f"  {change.id} was {change.before}, is {change.now}" for change in audited.drift]
    lines += [f"not read: {plain(problem, 200)}" for problem in audited.problems[:SHOWN]]
    return "\n".join(lines)


def judged_lines(one: Judged, style: Style) -> list[str]:
    """The lines of one control or rule for a terminal."""
    mark = (MARKS if style.unicode else ASCII)[one.result.value]
    if style.colour:
        mark = f"\x1b[1;{_COLOURS[one.result.value]}m{mark}\x1b[0m"
    lines = [f"  {mark} {one.id:<6} {one.title}"]
    if one.result.value in ("fail", "unknown"):
        lines.append(f"           {one.result.value}: {plain(one.why, 300)}")
        lines += [f"           on {plain(resource, 200)}" for resource in one.resources[:3]]
        if len(one.resources) > 3:
            lines.append(f"           and {len(one.resources) - 3} more")
        if one.mend:
            lines.append(f"           mend: {plain(one.mend, 400)}")
    return lines


def counted(controls: Iterable[Judged]) -> str:
    """How many controls came to what."""
    results = [one.result.value for one in controls]
    return ", ".join(f"{results.count(name)} {name}" for name in MARKS if name in results)


def audit_markdown(audited: Audited) -> str:
    """The audit for a pull request or a summary."""
    lines = [f"## {'Holds' if audited.holds else 'Does not hold'}: {counted(audited.controls)}", ""]
    lines += ["| control | result | why | mend |", "|---|---|---|---|"]
    for one in audited.controls:
        bad = one.result.value in ("fail", "unknown")
        mend = span(plain(one.mend, 300)) if bad and one.mend else ""
        why = span(plain(one.why, 300))
        lines.append(f"| {one.id} {one.title} | {MARKS[one.result.value]} {one.result.value} | {why} | {mend} |")
    lines += ["", "| Defender for Cloud | on | what it does |", "|---|---|---|"]
    lines += [f"| {row.name} | {row.on} | {row.about} |" for row in audited.defender]
    if audited.drift:
        lines += ["", "| changed | before | now |", "|---|---|---|"]
        lines += [f"| {change.id} | {span(change.before)} | {change.now} |" for change in audited.drift]
    if audited.problems:
        lines += ["", "**Not read:**", "", *(f"- {span(plain(one, 200))}" for one in audited.problems[:SHOWN])]
    return "\n".join([*lines, ""])


_STYLES = """.pass { color: #1a7f37; } .fail { color: #cf222e; } .unknown { color: #9a6700; }
"""


def audit_html(audited: Audited) -> str:
    """The audit as one page: no script, nothing loaded from anywhere."""
    parts = [
        page_head("Weighbridge audit", _STYLES),
        f"<p><strong>{'Holds' if audited.holds else 'Does not hold'}</strong>: ",
    ]
    parts.append(f"{_text(counted(audited.controls))}. Judged {_text(audited.made_at)}.</p>\n")
    rows = [
        (
            f"<strong>{one.id}</strong> {_text(one.title)}",
            f'<span class="{one.result.value}">{MARKS[one.result.value]} {one.result.value}</span>',
            _details(one),
            "<br>".join(_text(m.shown) for m in audited.mappings.get(one.id, ())),
        )
        for one in audited.controls
    ]
    parts.append(page_table("Controls", ("Control", "Result", "Why, and what mends it", "Answers to"), rows))
    matrix = [(_text(row.name), _text(row.on), _text(row.about), _text(row.evidence)) for row in audited.defender]
    parts.append(page_table("Defender for Cloud", ("What", "On", "What it does", "Evidence"), matrix))
    if audited.drift:
        drift = [(change.id, _text(change.before), change.now) for change in audited.drift]
        parts.append(page_table("Since last time", ("Control", "Before", "Now"), drift))
    if audited.problems:
        parts.append(page_table("Not read", ("What",), [(_text(one),) for one in audited.problems]))
    sources = sorted(
        {(m.framework, m.source, m.date, m.checked or "no: unverified") for ms in audited.mappings.values() for m in ms}
    )
    parts.append(
        page_table(
            "Sources",
            ("Framework", "Source", "Published", "Clauses compared with"),
            [tuple(map(_text, row)) for row in sources],
        )
    )
    return "".join([*parts, "</main>\n</body>\n</html>\n"])


def _details(one: Judged) -> str:
    lines = [_text(one.why)]
    if one.mend:
        lines.append(f"<code>{_text(one.mend)}</code>")
    bad = [check for check in one.checks if check.result.value in ("fail", "unknown", "remark")]
    lines += [
        f"{MARKS[check.result.value]} <code>{_text(check.resource)}</code> {_text(check.path)}: "
        f"{_text(check.observed)}; expected {_text(check.expected)} <small>{_text(check.source)}</small>"
        for check in bad[:SHOWN]
    ]
    if len(bad) > SHOWN:
        lines.append(f"and {len(bad) - SHOWN} more in the JSON report")
    return "<br>".join(lines)


def _text(text: str) -> str:
    return escape(plain(text, 2000), quote=True)
