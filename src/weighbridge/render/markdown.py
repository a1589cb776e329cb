"""Scan reports as Markdown for pull requests and job summaries. Text of a model stands in code spans only."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.terminal import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.scan.report import ScanReport

SHOWN = 100
"""Findings and unread places shown for each report."""


def scan_markdown(reports: Sequence[ScanReport]) -> str:
    """All reports, one section each."""
    return "\n".join(_report(report) for report in reports)


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
