"""Scan reports as JUnit XML for pipelines: one suite for each artifact, one case for each file.

A finding at high or above is a failure, something unread an error: neither ever passes for a success.
What other engines say is no case of ours: it is the output of the suite.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from weighbridge.core.findings import Severity
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.artifact import InspectedFile
    from weighbridge.engines.base import EngineReport
    from weighbridge.scan.report import ScanReport


def scan_junit(reports: Sequence[ScanReport], opinions: Sequence[Sequence[EngineReport]] = ()) -> str:
    """All reports as one document; `plain` leaves no character in it that XML 1.0 forbids."""
    answers = opinions or [()] * len(reports)
    suites = "".join(_suite(report, said) for report, said in zip(reports, answers, strict=True))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n{suites}</testsuites>\n'


def _suite(report: ScanReport, opinions: Sequence[EngineReport]) -> str:
    cases = [_case(report, file) for file in report.artifact.files]
    paths = {file.path for file in report.artifact.files}
    others = [unread for unread in report.unread if _file_of(unread.location) not in paths]
    for unread in others:
        name, why = quoteattr(plain(unread.location)), quoteattr(plain(unread.why))
        cases.append(f'<testcase classname="unread" name={name}>\n<error message={why}/>\n</testcase>\n')
    failures = sum("<failure" in case for case in cases)
    errors = sum("<error" in case for case in cases)
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{errors}"'
    name = quoteattr(f"weighbridge {plain(report.artifact.name)}: {report.verdict.value}")
    said = ""
    if opinions:
        from weighbridge.render.engines import engine_lines

        said = f"<system-out>{escape(chr(10).join(engine_lines(report, opinions)))}</system-out>\n"
    return f"<testsuite name={name} {counts}>\n{''.join(cases)}{said}</testsuite>\n"


def _case(report: ScanReport, file: InspectedFile) -> str:
    bad = [
        finding
        for finding in report.findings
        if finding.severity.rank >= Severity.HIGH.rank and _file_of(finding.location) == file.path
    ]
    unread = [item for item in report.unread if _file_of(item.location) == file.path]
    inner = ""
    if bad:
        text = "\n".join(f"{item.rule} at {plain(item.location)}: {plain(item.evidence.text, 500)}" for item in bad)
        inner += f"<failure type={quoteattr(bad[0].rule)} message={quoteattr(bad[0].title)}>{escape(text)}</failure>\n"
    if unread:
        text = "\n".join(f"{plain(item.location)}: {plain(item.why, 300)}" for item in unread)
        inner += f'<error type="unread" message="not inspected">{escape(text)}</error>\n'
    return f"<testcase classname={quoteattr(file.format)} name={quoteattr(plain(file.path))}>\n{inner}</testcase>\n"


def _file_of(location: str) -> str:
    return location.partition("!")[0].partition("@")[0]
