"""Scan reports as one HTML page: no script, nothing loaded from anywhere, readable in light and dark and on paper."""

from __future__ import annotations

from html import escape

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.charts import strip
from weighbridge.render.page import page_head, page_table
from weighbridge.render.terminal import size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.artifact import InspectedFile
    from weighbridge.scan.report import ScanReport


STYLES = """svg.strip { border: 1px solid #8888; }
.parsed { fill: #2f6fb2; } .data { fill: #9db8d2; } .opaque { fill: #c02030; }
"""


def scan_html(reports: Sequence[ScanReport]) -> str:
    """All reports on one page."""
    return (
        page_head("Weighbridge report", STYLES)
        + "".join(_report(report) for report in reports)
        + "</main>\n</body>\n</html>\n"
    )


def _report(report: ScanReport) -> str:
    artifact = report.artifact
    parts = [
        f"<section>\n<h2>{report.verdict.value.upper()}: {_text(artifact.name)}</h2>\n",
        f"<p>{len(artifact.files):,} files, {size_text(artifact.size)}, <code>{artifact.digest}</code></p>\n",
        f"<p>Inspected {_text(report.envelope.finished)} with knowledge {_text(report.knowledge)}.</p>\n",
    ]
    if report.findings:
        rows = [
            (
                finding.severity.value,
                f"<code>{_text(finding.rule)}</code><br>{_text(finding.title)}",
                f"<code>{_text(finding.location)}</code>",
                f"<code>{_text(finding.evidence.text)}</code><br>{_text(finding.remediation)}",
            )
            for finding in report.findings
        ]
        parts.append(page_table("Findings", ("Severity", "Rule", "Where", "Evidence, and what to do"), rows))
    if report.unread:
        unread = [
            (f"<code>{_text(item.location)}</code>", size_text(item.size), _text(item.why)) for item in report.unread
        ]
        parts.append(page_table("Not inspected", ("Where", "Bytes", "Why"), unread))
    files = [
        (
            f"<code>{_text(file.path)}</code>",
            _text(file.format),
            _coverage(file),
            *(size_text(size) for size in file.coverage),
        )
        for file in artifact.files
    ]
    heads = ("File", "Format", "Read", "Parsed", "Data", "Opaque")
    parts.append(page_table("Files, and how far each was read (drawn to scale)", heads, files))
    return "".join([*parts, "</section>\n"])


def _coverage(file: InspectedFile) -> str:
    """The same bar as on the dashboard's page of a model."""
    parsed, data, opaque = file.coverage
    title = f"{file.path}: {parsed} bytes parsed, {data} data, {opaque} opaque"
    return strip({"parsed": parsed, "data": data, "opaque": opaque}, title, 160).text


def _text(text: str) -> str:
    return escape(plain(text), quote=True)
