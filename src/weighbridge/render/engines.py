"""What other engines say, beside the verdict of Weighbridge: who agrees, who does not, and about which files."""

from __future__ import annotations

from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.terminal import COLOURS, VERDICT_COLOURS, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from weighbridge.core.findings import Finding
    from weighbridge.engines.base import EngineReport
    from weighbridge.render.terminal import Style
    from weighbridge.scan.report import ScanReport

SHOWN_FINDINGS = 5
"""Findings of one engine that are shown; the JSON report has all of them."""
SHOWN_FILES = 20


def engine_lines(report: ScanReport, opinions: Sequence[EngineReport]) -> list[str]:
    """What engines say, one harmless line for each engine and each of its first findings."""
    lines = []
    for said in opinions:
        why = f": {plain(said.why, 400)}" if said.why else ""
        lines.append(f"{head(said)}, {relation(said, report)}{why}")
        for finding in said.findings[:SHOWN_FINDINGS]:
            place = f" at {plain(finding.location)}" if finding.location else ""
            lines.append(
                f"{said.name}: {finding.severity.value} {plain(finding.rule)}{place}: {plain(finding.title, 200)}"
                f" {plain(finding.evidence.text, 300)}".rstrip()
            )
        if len(said.findings) > SHOWN_FINDINGS:
            lines.append(f"{said.name}: and {len(said.findings) - SHOWN_FINDINGS:,} more")
    return lines


def head(said: EngineReport) -> str:
    """Who says what."""
    return f"{said.name} {plain(said.version, 80) or '?'}: {said.verdict}"


def relation(said: EngineReport, report: ScanReport) -> str:
    """How an engine's verdict stands to ours."""
    return _relation(said.verdict, report.verdict.value)


def engines_text(report: ScanReport, opinions: Sequence[EngineReport], *, style: Style) -> str:
    """The section on engines; ends with a line feed."""
    lines = ["engines:", *_table(report, opinions, style)]
    lines += ["", *_by_file(report, opinions)]
    for said in opinions:
        lines += _findings(said, style)
    return "\n".join(lines).rstrip() + "\n"


def _table(report: ScanReport, opinions: Sequence[EngineReport], style: Style) -> list[str]:
    rows = [("weighbridge", report.tool.version, report.verdict.value, _relation("", report.verdict.value), "")]
    for said in opinions:
        relation = _relation(said.verdict, report.verdict.value)
        rows.append((said.name, said.version or "?", said.verdict, relation, said.why))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for name, version, verdict, relation, why in rows:
        word = verdict.ljust(widths[2])
        if verdict != "not-applicable":
            word = style.paint(word, VERDICT_COLOURS[Verdict(verdict)])
        head = f"  {name.ljust(widths[0])}  {plain(version).ljust(widths[1])}  {word}  {relation}"
        lines.append(head.rstrip())
        if why:
            lines += wrapped(" " * (widths[0] + 4), plain(why, 400), style.width)
    return lines


def _relation(verdict: str, ours: str) -> str:
    if not verdict:
        return ""
    if verdict == "not-applicable":
        return "reads none of these files"
    if verdict == ours:
        return "agrees"
    bad = ("malicious", "suspicious")
    if verdict in bad and ours in bad:
        return "agrees that it is not clean"
    return "differs"


def _by_file(report: ScanReport, opinions: Sequence[EngineReport]) -> list[str]:
    """One row for each file that anybody found something in: the worst of each."""
    told: dict[str, dict[str, Severity]] = {}
    everybody = (("weighbridge", report.findings), *((said.name, said.findings) for said in opinions))
    for name, findings in everybody:
        for finding in findings:
            if not finding.location:
                continue
            worst = told.setdefault(finding.location.partition("!")[0].partition("@")[0], {})
            worst[name] = max(worst.get(name, Severity.INFO), finding.severity, key=lambda level: level.rank)
    if not told:
        return []
    names = [name for name, _ in everybody]
    width = min(60, max(len(path) for path in (*told, "WORST IN FILE")))
    lines = ["  " + "  ".join(["WORST IN FILE".ljust(width), *(name.ljust(11) for name in names)]).rstrip()]
    for path in sorted(told)[:SHOWN_FILES]:
        cells = [told[path][name].value if name in told[path] else "-" for name in names]
        row = [plain(path, width).ljust(width), *(c.ljust(max(11, len(n))) for c, n in zip(cells, names, strict=True))]
        lines.append("  " + "  ".join(row).rstrip())
    if len(told) > SHOWN_FILES:
        lines.append(f"  and {len(told) - SHOWN_FILES:,} more files")
    return [*lines, ""]


def _findings(said: EngineReport, style: Style) -> Iterable[str]:
    for finding in said.findings[:SHOWN_FINDINGS]:
        yield from _finding(finding, style)
    if len(said.findings) > SHOWN_FINDINGS:
        yield f"{said.name}: and {len(said.findings) - SHOWN_FINDINGS:,} more"
        yield ""


def _finding(finding: Finding, style: Style) -> list[str]:
    level = style.paint(finding.severity.value, COLOURS[finding.severity.value])
    lines = [f"{level}[{finding.rule}]: {plain(finding.title, 200)}"]
    lines += [f"  --> {plain(finding.location)}"] * bool(finding.location)
    said = " ".join(finding.evidence.text.split())
    lines += wrapped("   |  ", plain(said, 400), style.width, again="   |  ") if said else []
    return [*lines, ""]
