"""A scan report for people: the verdict first, every finding with its bytes and reason, what was read and what not."""

from __future__ import annotations

from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import TextIO

    from weighbridge.core.artifact import InspectedFile
    from weighbridge.core.findings import Finding
    from weighbridge.scan.report import ScanReport

SHOWN_ALIKE = 3
"""Findings of one rule that are shown in full; the others are counted."""
SHOWN_EVIDENCE = 400
"""Characters of evidence; the JSON report has all of it."""
SHOWN_UNREAD = 10
SHOWN_FILES = 20
"""Rows of the file table; files with findings or unread bytes come first."""
COLOURS = {"critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2"}
VERDICT_COLOURS = {
    Verdict.CLEAN: "1;32",
    Verdict.SUSPICIOUS: "1;33",
    Verdict.MALICIOUS: "1;31",
    Verdict.INCOMPLETE: "1;35",
}


class Style(NamedTuple):
    """How to write for this reader: with colours or not, at most so many columns, with more than ASCII or not."""

    colour: bool
    width: int
    unicode: bool

    def paint(self, text: str, code: str) -> str:
        """`text` in a colour, if there are colours."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text


def style_for(stream: TextIO, environ: Mapping[str, str]) -> Style:
    """NO_COLOR wins, then FORCE_COLOR, then whether the stream is a terminal."""
    if environ.get("NO_COLOR"):
        colour = False
    else:
        colour = bool(environ.get("FORCE_COLOR")) or (stream.isatty() and environ.get("TERM") != "dumb")
    columns = environ.get("COLUMNS", "")
    width = int(columns) if columns.isdigit() and len(columns) < 5 else 100
    encoding = (getattr(stream, "encoding", None) or "").lower().replace("-", "")
    return Style(colour, max(60, width), encoding == "utf8")


def scan_text(report: ScanReport, *, style: Style) -> str:
    """The whole report; ends with a line feed."""
    files = report.artifact.files
    word = style.paint(report.verdict.value.upper(), VERDICT_COLOURS[report.verdict])
    count = "1 file" if len(files) == 1 else f"{len(files):,} files"
    digest = report.artifact.digest.short
    if not style.unicode:
        digest = digest.replace("…", "...")
    lines = [f"{word}  {plain(report.artifact.name)}  {count}, {size_text(report.artifact.size)}  {digest}", ""]
    if report.verdict is Verdict.INCOMPLETE:
        places = len({_file_of(unread.location) for unread in report.unread})
        lines[1:1] = [f"  {places:,} of {count} could not be inspected as a whole"]
    lines += _findings(report.findings, style)
    lines += _unread(report, style)
    lines += _table(report, style)
    lines += ["", _summary(report), ""]
    return "\n".join(lines)


def size_text(size: int) -> str:
    """Bytes for people: 1,024 B is 1.0 kB here, as everywhere in this program powers of ten."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def _findings(findings: Sequence[Finding], style: Style) -> list[str]:
    lines: list[str] = []
    shown: dict[str, int] = {}
    rest: dict[str, int] = {}
    for finding in findings:
        if finding.rule in ("file/unread", "file/limit-reached"):
            # The section on what was not read says the same with more detail.
            continue
        key = f"{finding.severity.value}[{finding.rule}]"
        shown[key] = shown.get(key, 0) + 1
        if shown[key] > SHOWN_ALIKE:
            rest[key] = rest.get(key, 0) + 1
            continue
        lines += _finding(finding, style, first=shown[key] == 1)
    lines.extend(f"{key}: and {number:,} more like it" for key, number in rest.items())
    if rest:
        lines.append("")
    return lines


def _finding(finding: Finding, style: Style, *, first: bool) -> list[str]:
    level = style.paint(finding.severity.value, COLOURS[finding.severity.value])
    path, at, offset = finding.location.rpartition("@")
    place = f"{path} @ {int(offset):#x}" if at and offset.isdigit() else finding.location
    times = f"  ({finding.evidence.times:,} times)" if finding.evidence.times > 1 else ""
    lines = [f"{level}[{finding.rule}]: {finding.title}", f"  --> {plain(place)}{times}"]
    lines += wrapped("   |  ", plain(finding.evidence.text, SHOWN_EVIDENCE), style.width, again="   |  ")
    if finding.evidence.opcodes:
        lines += wrapped(
            "   |  ", "opcodes " + plain(finding.evidence.opcodes, SHOWN_EVIDENCE), style.width, again="   |  "
        )
    elif finding.evidence.bytes:
        lines.append(f"   |  bytes {plain(finding.evidence.bytes, 64)}")
    if first:
        lines += wrapped("   = why:  ", finding.why, style.width)
        lines += wrapped("   = do:   ", finding.remediation, style.width)
        more = f"weighbridge explain {finding.rule}"
        references = ", ".join(finding.references)
        lines.append(f"   = refs: {references}{'  ' if references else ''}{more}")
    lines.append("")
    return lines


def wrapped(head: str, text: str, width: int, again: str = "") -> list[str]:
    """`text` behind `head`, broken between words or, if a word is too long, inside it; `again` begins further lines."""
    again = again or " " * len(head)
    room = width - len(head)
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) > room:
            lines.append("")
        while len(word) > room:
            lines[-1], word = word[:room], word[room:]  # noqa: PLW2901 -- the rest of it
            lines.append("")
        lines[-1] += word + " "
    return [(again if index else head) + line.rstrip() for index, line in enumerate(lines)]


def _unread(report: ScanReport, style: Style) -> list[str]:
    if not report.unread:
        return []
    title = f"not inspected ({len(report.unread):,}):"
    lines = [style.paint(title, VERDICT_COLOURS[Verdict.INCOMPLETE])]
    for unread in report.unread[:SHOWN_UNREAD]:
        size = f"{size_text(unread.size)}, " if unread.size else ""
        lines.append(f"  {plain(unread.location)}: {size}{plain(unread.why, 160)}")
    if len(report.unread) > SHOWN_UNREAD:
        lines.append(f"  and {len(report.unread) - SHOWN_UNREAD:,} more")
    lines += ["  A verdict needs every byte: remove these, or bring them in a format that can be inspected.", ""]
    return lines


def _table(report: ScanReport, style: Style) -> list[str]:
    hits: dict[str, list[Finding]] = {}
    for finding in report.findings:
        hits.setdefault(_file_of(finding.location), []).append(finding)
    worst = {path: max(finding.severity.rank for finding in found) for path, found in hits.items()}
    files = sorted(
        report.artifact.files, key=lambda file: (-worst.get(file.path, -1), -file.coverage.opaque, file.path)
    )
    rows = [("FILE", "FORMAT", "PARSED", "DATA", "OPAQUE", "FINDINGS")]
    rows += [_row(file, hits.get(file.path, ())) for file in files[:SHOWN_FILES]]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    widths[0] = min(widths[0], max(20, style.width - sum(widths[1:]) - 14))
    lines = [
        "  " + "  ".join(plain(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(files) > SHOWN_FILES:
        left = files[SHOWN_FILES:]
        opaque = sum(file.coverage.opaque for file in left)
        read = f"{size_text(opaque)} of them opaque" if opaque else "every byte read"
        lines.append(f"  and {len(left):,} more files, {read}")
    return lines


def _row(file: InspectedFile, findings: Iterable[Finding]) -> tuple[str, str, str, str, str, str]:
    coverage = file.coverage
    sizes = [size_text(size) if size else "-" for size in (coverage.parsed, coverage.data)]
    return (plain(file.path), file.format, sizes[0], sizes[1], size_text(coverage.opaque), _counts(findings) or "-")


def _counts(findings: Iterable[Finding]) -> str:
    numbers: dict[str, int] = {}
    for finding in findings:
        numbers[finding.severity.value] = numbers.get(finding.severity.value, 0) + 1
    return ", ".join(f"{numbers[level.value]:,} {level.value}" for level in Severity if level.value in numbers)


def _summary(report: ScanReport) -> str:
    numbers = dict.fromkeys(Severity, 0)
    for finding in report.findings:
        numbers[finding.severity] += 1
    counts = ", ".join(f"{number:,} {level.value}" for level, number in numbers.items())
    limits = f"; limits reached: {', '.join(report.limits_reached)}" if report.limits_reached else ""
    return f"{report.verdict.value}: {counts}; knowledge {report.knowledge}{limits}"


def _file_of(location: str) -> str:
    return location.partition("!")[0].partition("@")[0]
