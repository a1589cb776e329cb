"""Scan reports as one HTML page: no script, nothing loaded from anywhere, readable in light and dark and on paper."""

from __future__ import annotations

from html import escape

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.terminal import size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from weighbridge.scan.report import ScanReport

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weighbridge report</title>
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
caption { text-align: left; font-weight: bold; padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #8888; }
code { overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>Weighbridge report</h1>
"""


def scan_html(reports: Sequence[ScanReport]) -> str:
    """All reports on one page."""
    return _HEAD + "".join(_report(report) for report in reports) + "</main>\n</body>\n</html>\n"


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
        parts.append(_table("Findings", ("Severity", "Rule", "Where", "Evidence, and what to do"), rows))
    if report.unread:
        unread = [
            (f"<code>{_text(item.location)}</code>", size_text(item.size), _text(item.why)) for item in report.unread
        ]
        parts.append(_table("Not inspected", ("Where", "Bytes", "Why"), unread))
    files = [
        (f"<code>{_text(file.path)}</code>", _text(file.format), *(size_text(size) for size in file.coverage))
        for file in artifact.files
    ]
    parts.append(_table("Files", ("File", "Format", "Parsed", "Data", "Opaque"), files))
    return "".join([*parts, "</section>\n"])


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are HTML already."""
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>\n" for row in rows)
    return f"<table>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _text(text: str) -> str:
    return escape(plain(text), quote=True)
