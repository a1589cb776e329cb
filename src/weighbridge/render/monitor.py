"""What a run over logs found, and the detections, for people and for programs. All text of logs is hostile."""

from __future__ import annotations

import json
from textwrap import fill

from weighbridge.core.digests import digest_bytes
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.monitor.local import identity
from weighbridge.render.documents import document_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from weighbridge.core.evidence import Tool
    from weighbridge.monitor.base import Alert, Detection, MonitorReport, Value
    from weighbridge.monitor.probe import ProbeReport
    from weighbridge.render.terminal import Style

COLOURS = {"critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2"}
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
SHOWN_ALIKE = 5
SHOWN_TEXT = 240
MOST_RESULTS = 5000


def alert_object(alert: Alert) -> dict[str, Any]:
    """One alert as in the JSON."""
    return {
        **{name: value for name, value in alert._asdict().items() if name not in ("severity", "references", "times")},
        "count": alert.times,
        "severity": alert.severity.value,
        "references": list(alert.references),
    }


def monitor_object(report: MonitorReport) -> dict[str, Any]:
    """The document `weighbridge.monitor/1`."""
    return {
        "schema": "weighbridge.monitor/1",
        "alerts": [alert_object(alert) for alert in report.alerts],
        "read": report.read._asdict(),
        "tables": [table._asdict() for table in report.tables],
        "unread": [unread._asdict() for unread in report.unread],
        "blind": list(report.blind),
    }


def monitor_json(report: MonitorReport) -> str:
    """The document as text; everything in it is ASCII."""
    return document_json(monitor_object(report))


def monitor_text(report: MonitorReport, style: Style) -> str:
    """Alerts first, the worst on top; then what was read and what was not."""
    if report.alerts:
        word = "1 alert" if len(report.alerts) == 1 else f"{len(report.alerts):,} alerts"
        lines = [f"{style.paint('ALERT', '1;31')}  {word}"]
    elif report.unread or report.blind:
        lines = [f"{style.paint('NO ALERT', '1;33')}  but not everything could be judged"]
    else:
        lines = [f"{style.paint('NO ALERT', '1;32')}"]
    for name in dict.fromkeys(alert.detection for alert in report.alerts):
        alike = [alert for alert in report.alerts if alert.detection == name]
        severity = alike[0].severity.value
        lines += ["", f"{style.paint(f'{severity:<8}', COLOURS[severity])} {name}: {alike[0].title}"]
        for alert in alike[:SHOWN_ALIKE]:
            said = f"{alert.first[:16].replace('T', ' ')}  {plain(alert.why, SHOWN_TEXT)}"
            lines.append(fill(said, style.width, initial_indent="  ", subsequent_indent=" " * 20, **_WHOLE))
        if len(alike) > SHOWN_ALIKE:
            lines.append(f"  and {len(alike) - SHOWN_ALIKE:,} more; the JSON has them all")
        lines.append(fill(alike[0].to_do, style.width - 4, initial_indent="  -> ", subsequent_indent="     "))
    lines += ["", _counts(report)]
    for table in report.tables:
        if table.records:
            span = f"{table.first[:16].replace('T', ' ')} to {table.last[:16].replace('T', ' ')}"
            lines.append(f"  {table.table:<34} {table.records:>12,}  {span}")
    for unread in report.unread[:10]:
        lines.append(f"  {style.paint('not read', '33')}  {plain(unread.place, SHOWN_TEXT)}: {plain(unread.why)}")
    if len(report.unread) > 10:
        lines.append(f"  and {len(report.unread) - 10:,} more files that were not read")
    if report.blind:
        blind = f"without logs to judge: {', '.join(report.blind)}"
        lines.append(fill(blind, style.width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))
    return "\n".join(lines)


_WHOLE: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}
"""Names are copied from the text: none is broken."""


def _counts(report: MonitorReport) -> str:
    read = report.read
    files = "1 file" if read.files == 1 else f"{read.files:,} files"
    parts = [f"{read.records:,} records of {files}"]
    named = (
        (read.duplicates, "seen before"),
        (read.late, "late"),
        (read.malformed, "malformed"),
        (read.other, "of other tables"),
        (read.known, "files unchanged"),
    )
    return ", ".join([*parts, *(f"{count:,} {word}" for count, word in named if count)])


def monitor_sarif(report: MonitorReport, known: Sequence[Detection], tool: Tool) -> str:
    """The alerts as one SARIF run. A log has no line to point at: the table stands for the file."""
    index = {found.id: number for number, found in enumerate(known)}
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": f"{tool.name} monitor",
                        "semanticVersion": tool.version,
                        "rules": [_rule(found) for found in known],
                    }
                },
                "automationDetails": {"id": "weighbridge/monitor/"},
                "invocations": [
                    {
                        "executionSuccessful": not report.unread,
                        "toolExecutionNotifications": [
                            {"level": "warning", "message": {"text": plain(f"{item.place}: {item.why}", 1000)}}
                            for item in report.unread[:1000]
                        ],
                    }
                ],
                "results": [
                    _result(alert, known[index[alert.detection]], index) for alert in report.alerts[:MOST_RESULTS]
                ],
            }
        ],
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _rule(found: Detection) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.id,
        "shortDescription": {"text": found.title},
        "fullDescription": {"text": found.matters},
        "help": {"text": f"{found.matters}\n\n{found.to_do}"},
        "defaultConfiguration": {"level": LEVELS[found.severity.value]},
        "properties": {"tags": ["security", *found.references]},
    }


def _result(alert: Alert, found: Detection, index: Mapping[str, int]) -> dict[str, Any]:
    print_of = digest_bytes(identity(alert).encode()).hex
    return {
        "ruleId": alert.detection,
        "ruleIndex": index[alert.detection],
        "level": LEVELS[alert.severity.value],
        "message": {"text": plain(alert.why, 1000)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": f"logs/{found.reads[0].table}"},
                    "region": {"startLine": 1},
                }
            }
        ],
        "partialFingerprints": {"weighbridge/v1": print_of},
        "properties": {
            "first": alert.first,
            "last": alert.last,
            "count": alert.times,
            "entities": {name: plain(value, 1000) for name, value in alert.entities.items()},
        },
    }


def list_text(known: Sequence[Detection], style: Style) -> str:
    """The detections, one line each."""
    wide = max(len(found.id) for found in known)
    lines = []
    for found in known:
        severity = style.paint(f"{found.severity.value:<8}", COLOURS[found.severity.value])
        lines.append(f"{found.number:<5} {found.id:<{wide}}  {severity} {found.title}")
    return "\n".join(lines)


def list_object(known: Sequence[Detection]) -> dict[str, Any]:
    """The document `weighbridge.monitor-list/1`."""
    rows = [
        {
            "id": found.id,
            "number": found.number,
            "title": found.title,
            "severity": found.severity.value,
            "references": list(found.references),
            "tables": [reads.table for reads in found.reads],
            "parameters": [parameter.name for parameter in found.parameters],
        }
        for found in known
    ]
    return {"schema": "weighbridge.monitor-list/1", "detections": rows}


def detection_page(found: Detection, values: Mapping[str, Value]) -> str:
    """One detection as Markdown, which also reads well as it is."""
    lines = [f"# {found.number} {found.id}", "", f"{found.title}. Severity: {found.severity.value}.", ""]
    for title, text in (
        ("Why it matters", found.matters),
        ("What to do", found.to_do),
        ("False positives", found.false_positives),
    ):
        lines += [f"## {title}", "", fill(text, 100), ""]
    lines += ["## Reads", ""]
    lines += [f"- `{reads.table}`: {', '.join(reads.columns)}" for reads in found.reads]
    if found.parameters:
        lines += ["", "## Parameters", ""]
    for parameter in found.parameters:
        value = values[parameter.name]
        shown = json.dumps(list(value) if isinstance(value, tuple) else value)
        lines.append(f"- `{parameter.name}` = `{shown if len(shown) <= 200 else shown[:199] + '…'}`: {parameter.about}")
    hosted = "Sentinel only: it looks back further than the two days of alert rules"
    lines += [
        *("", "## Rule", ""),
        f"Looks back {_span(found.period)}, runs every {_span(found.every)}"
        + (f" ({hosted})." if found.period > 2880 else "."),
        *("", "```kusto", found.kql.strip(), "```", "", "```sql", found.sql.strip(), "```", ""),
        f"References: {', '.join(found.references)}",
    ]
    return "\n".join(lines)


def _span(minutes: int) -> str:
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes % size == 0:
            count = minutes // size
            return f"{count} {word}" if count == 1 else f"{count} {word}s"
    return f"{minutes} minutes"


def probe_text(report: ProbeReport, style: Style) -> str:
    """What a probe found."""
    if report.result == "same":
        lines = [f"{style.paint('SAME', '1;32')}  {plain(report.endpoint, SHOWN_TEXT)}"]
    else:
        colour = "1;31" if report.result == "changed" else "1;33"
        lines = [f"{style.paint(report.result.upper(), colour)}  {plain(report.endpoint, SHOWN_TEXT)}"]
    lines.append(f"  {plain(report.why, 400)}")
    for item in report.differences[:SHOWN_ALIKE]:
        lines.append(
            f"  {plain(item.input, 60)}: {plain(item.expected, 80)} -> {plain(item.got, 80)} (request {item.request})"
        )
    return "\n".join(lines)
