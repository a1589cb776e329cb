"""What a scanner said about one file, in one of four words, from its exit status and its own output.

    stops    it says that the file is dangerous
    warns    it says that somebody must look, or that it could not read all of it
    silent   it says that nothing is wrong, or nothing
    fails    it crashed, or was stopped after its time

Said of an honest file, `stops` is called `alarm`. What counts for each tool, and why, stands beside it below.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = ("stops", "warns", "fails", "silent")
"""From the most to the least that can be said of an attack."""
OURS = "weighbridge"
STRICT = "picklescan --strict"
TRACEBACK = "Traceback (most recent call last)"


class Said(NamedTuple):
    """One of WORDS, and what it was derived from."""

    word: str
    why: str


class Tool(NamedTuple):
    """How one scanner is run and understood.

    In `command`: {bin} its programs, {path} the file. `package`: its name in `peers.PEERS`, empty for ours. `folders`:
    whether it takes a folder; else each file of it is given in turn. `stops`, `warns`, `silent`: the reading in words.
    """

    name: str
    package: str
    command: tuple[str, ...]
    read: Callable[[int, str, str], Said]
    stops: str
    warns: str
    silent: str
    folders: bool = True


def weighbridge(status: int, out: str, err: str) -> Said:
    """The verdict of the JSON report."""
    try:
        verdict = str(json.loads(out)["verdict"])
    except (ValueError, KeyError, TypeError):
        return Said("fails", _first(err) or f"status {status}")
    return Said({"malicious": "stops", "clean": "silent"}.get(verdict, "warns"), verdict)


def picklescan(status: int, out: str, err: str) -> Said:
    """It logs to standard output and ends with a summary; without one it crashed."""
    infected = re.search(r"^Infected files: ([1-9]\d*)", out, re.MULTILINE)
    if infected:
        return Said("stops", _line(out, " import ") or "infected")
    if TRACEBACK in out + err or "SCAN SUMMARY" not in out:
        return Said("fails", _last(out + err) or f"status {status}")
    if status == 2 or "WARNING: " in out or "Invalid file " in out:
        return Said("warns", _line(out, "ERROR", "WARNING", "Invalid file") or "status 2")
    suspicious = re.search(r"^Suspicious globals: [1-9]\d*", out, re.MULTILINE)
    return Said("warns", suspicious[0].lower()) if suspicious else Said("silent", _line(out, "Scanned files"))


def modelscan(status: int, out: str, err: str) -> Said:
    """Issues, errors and skipped files stand in sections of the summary."""
    if "Total Issues: " in out:
        return Said("stops", _line(out, "- Description:") or "issues")
    if status == 0:
        odd = _line(out, "due to error")
        return Said("warns", odd) if odd else Said("silent", "no issues found")
    if TRACEBACK in out + err or "--- Summary ---" not in out:
        return Said("fails", _line(out, "Exception:") or _last(out + err) or f"status {status}")
    return Said("warns", "nothing was scanned" if status == 3 and "--- Errors" not in out else "errors while scanning")


def fickling(status: int, out: str, err: str) -> Said:
    """Status 1 is its word for unsafe, but also Python's for a crash."""
    if TRACEBACK in err:
        return Said("fails", _last(err))
    if status == 1:
        return Said("stops", _first(out) or "unsafe")
    if status == 2:
        return Said("warns", _line(err, "failed to parse") or "could not parse")
    if status == 0:
        odd = _line(err, "Warning:")
        return Said("warns", odd) if odd else Said("silent", "no issue")
    return Said("fails", f"status {status}")


def modelaudit(status: int, out: str, err: str) -> Said:
    """The highest severity of the issues in its JSON report; notices of the severity `info` are none."""
    try:
        report = json.loads(out)
        issues = {str(issue["severity"]): _short(str(issue["message"])) for issue in reversed(report["issues"])}
        outcomes = {str(data.get("scan_outcome")) for data in report.get("file_metadata", {}).values()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return Said("fails", _last(err) or f"status {status}")
    if "critical" in issues:
        return Said("stops", issues["critical"])
    if "warning" in issues:
        return Said("warns", issues["warning"])
    if status != 0 or "inconclusive" in outcomes:
        return Said("warns", "inconclusive" if "inconclusive" in outcomes else f"status {status}")
    return Said("silent", issues.get("info", "no issue"))


TOOLS = (
    Tool(
        OURS,
        "",
        ("{bin}/weighbridge", "scan", "{path}", "--format", "json"),
        weighbridge,
        "verdict `malicious`",
        "verdict `suspicious` or `incomplete`",
        "verdict `clean`",
    ),
    Tool(
        "picklescan",
        "picklescan",
        ("{bin}/picklescan", "-p", "{path}"),
        picklescan,
        "an infected file (status 1, or 2 with a parse error)",
        "suspicious globals, a file or member that could not be parsed (status 0 or 2)",
        "a summary without either, even of 0 scanned files",
    ),
    Tool(
        STRICT,
        "picklescan",
        ("{bin}/picklescan", "--strict", "-p", "{path}"),
        picklescan,
        "the same; every global that it does not know counts as dangerous",
        "a file or member that could not be parsed",
        "the same",
    ),
    Tool(
        "modelscan",
        "modelscan",
        ("{bin}/modelscan", "scan", "--show-skipped", "-p", "{path}"),
        modelscan,
        "any issue (status 1, or 2 with an error)",
        "status 2 or 3: errors, or nothing scanned; an archive skipped for an error",
        "status 0: skipped members are listed for every checkpoint and say nothing",
    ),
    Tool(
        "fickling",
        "fickling",
        ("{bin}/fickling", "--check-safety", "--print-results", "{path}"),
        fickling,
        "status 1: its only word for unsafe",
        "status 2: could not parse; a warning with status 0",
        "status 0",
        folders=False,
    ),
    Tool(
        "modelaudit",
        "modelaudit",
        ("{bin}/modelaudit", "scan", "--no-cache", "--format", "json", "{path}"),
        modelaudit,
        "an issue of severity `critical`",
        "one of severity `warning`; an inconclusive scan; any other status but 0",
        "none above `info`",
    ),
)
EXCERPT = 160
"""Characters of an excerpt that is kept."""


def _first(text: str) -> str:
    return _short(next((line for line in text.splitlines() if line.strip()), ""))


def _last(text: str) -> str:
    return _short(next((line for line in reversed(text.splitlines()) if line.strip()), ""))


def _line(text: str, *marks: str) -> str:
    return _short(next((line for line in text.splitlines() if any(mark in line for mark in marks)), ""))


def _short(line: str) -> str:
    """One line that is safe to keep: no path or address of the machine, nothing but printable ASCII."""
    line = re.sub(r"(?:/[\w.~-]+)+/|0x[0-9a-f]{8,}", "", line.strip())
    return "".join(character if " " <= character <= "~" else "?" for character in line)[:EXCERPT]
