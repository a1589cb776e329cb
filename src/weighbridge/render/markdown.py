"""Scan reports as Markdown for pull requests and job summaries. Text of a model stands in code spans only."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.terminal import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.engines.base import EngineReport
    from weighbridge.scan.report import ScanReport

SHOWN_OPINIONS = 20
"""Findings of one engine that are shown."""
SHOWN = 100
"""Findings and unread places shown for each report."""


def scan_markdown(reports: Sequence[ScanReport], opinions: Sequence[Sequence[EngineReport]] = ()) -> str:
    """All reports, one section each, with what engines say of each if any were asked."""
    answers = opinions or [()] * len(reports)
    return "\n".join(_report(report) + _engines(report, said) for report, said in zip(reports, answers, strict=True))


def _report(report: ScanReport) -> str:
    artifact = report.artifact
    lines = [
        f"## {report.verdict.value.upper()}: {span(artifact.name)}",
        "",
        f"{len(artifact.files):,} files, {size_text(artifact.size)}, {span(str(artifact.digest))}",
        "",
    ]
    if report.findings:
        lines += ["| severity | rule | where | evidence |", "|---|---|---|---|"]
        lines += [
            f"| {finding.severity.value} | {span(finding.rule)} | {span(finding.location)} "
            f"| {span(plain(finding.evidence.text, 300))} |"
            for finding in report.findings[:SHOWN]
        ]
        if len(report.findings) > SHOWN:
            lines.append(f"\n{len(report.findings) - SHOWN:,} more findings are in the JSON report.")
        lines.append("")
    if report.unread:
        lines += [f"**Not inspected ({len(report.unread):,}):**", ""]
        lines += [
            f"- {span(unread.location)}: {size_text(unread.size)}, {span(unread.why)}"
            for unread in report.unread[:SHOWN]
        ]
        lines.append("")
    parsed, data, opaque = (sum(column) for column in zip(*(file.coverage for file in artifact.files), strict=True))
    lines.append(f"parsed {size_text(parsed)} · data {size_text(data)} · opaque {size_text(opaque)}\n")
    return "\n".join(lines)


def _engines(report: ScanReport, opinions: Sequence[EngineReport]) -> str:
    """What engines say, beside our verdict; empty if none was asked."""
    if not opinions:
        return ""
    from weighbridge.render.engines import relation

    lines = ["", "| engine | version | verdict | beside ours | why |", "|---|---|---|---|---|"]
    lines += [
        f"| {said.name} | {span(plain(said.version, 80) or '?')} | {said.verdict} | {relation(said, report)} "
        f"| {span(plain(said.why, 400)) if said.why else ''} |"
        for said in opinions
    ]
    lines.append("")
    for said in opinions:
        lines += [
            f"- {said.name}: {finding.severity.value} {span(finding.rule)} {span(finding.location or 'the artifact')} "
            f"{span(plain(f'{finding.title} {finding.evidence.text}', 300))}"
            for finding in said.findings[:SHOWN_OPINIONS]
        ]
        if len(said.findings) > SHOWN_OPINIONS:
            lines.append(f"- {said.name}: {len(said.findings) - SHOWN_OPINIONS:,} more are in the JSON report")
    return "\n".join(lines).rstrip() + "\n"


def span(text: str) -> str:
    """`text` as a code span that it cannot leave: a fence longer than any run of backticks in it, no table borders."""
    safe = plain(text).replace("|", "¦")
    run = longest = 0
    for character in safe:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    fence = "`" * (longest + 1)
    pad = " " if safe.startswith("`") or safe.endswith("`") or not safe.strip() else ""
    return f"{fence}{pad}{safe}{pad}{fence}"
