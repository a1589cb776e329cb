"""modelaudit: many formats, and issues from informational to critical.

    {"files_scanned", "has_errors", "success", "issues": [{"message", "severity": "debug" | "info" | "warning" |
     "critical", "location": "FILE[:MEMBER][ (pos N)]", "details": {"analysis_incomplete": bool, …}, "why",
     "rule_code"}], …}
    status 0, 1 (issues), 2 (errors)

Format of modelaudit 0.2.54, recorded from runs. Without being told not to, it sends usage data to its maker: it is told
not to, and has no network. It also lowers the severity of files that it knows from a hub; that is switched off.
"""

from __future__ import annotations

import re

from weighbridge.core.findings import Finding, Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.answers import document, finding, location, number, rows, text
from weighbridge.engines.base import Answer, Engine, Job
from weighbridge.engines.find import roots
from weighbridge.sandbox.records import MIB, Bounds, Outcome, Program

if TYPE_CHECKING:
    from typing import Any

_SEVERITIES = {"critical": Severity.CRITICAL, "warning": Severity.MEDIUM, "info": Severity.INFO, "debug": Severity.INFO}
_POSITION = re.compile(r"(?P<place>.*?)(?: \(pos (?P<offset>\d{1,18})\))?", re.DOTALL)
_OPTIONS = ("scan", "--format", "json", "--no-cache", "--no-whitelist")


def _prepare(job: Job) -> Program:
    environ = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "NO_ANALYTICS": "1", "NO_COLOR": "1"}
    words = (job.program, *_OPTIONS, "{model}")
    return Program(words, inputs={"model": job.top}, needs=roots(job.program), environ=environ)


def _read(outcome: Outcome, job: Job) -> Answer:
    said = document(outcome.out)
    if outcome.status not in (0, 1, 2) or "files_scanned" not in said:
        raise ValueError(f"its answer has no summary; it {outcome.text}")
    issues = list(rows(said, "issues"))
    found = tuple(_finding(issue, outcome, job) for issue in issues)
    unread = [text(issue, "message") for issue in issues if _incomplete(issue)]
    if (outcome.status == 2 or said.get("has_errors") is not False) and not unread:
        unread.append("it ended with errors")
    if outcome.status == 1 and not found:
        raise ValueError("it ended as if it had found something, and names nothing")
    return Answer(found, tuple(unread), number(said.get("files_scanned")))


def _incomplete(issue: dict[str, Any]) -> bool:
    details = issue.get("details")
    return isinstance(details, dict) and details.get("analysis_incomplete") is True


def _finding(issue: dict[str, Any], outcome: Outcome, job: Job) -> Finding:
    match = _POSITION.fullmatch(text(issue, "location"))
    place = location(match["place"], outcome, job, ":") if match else ""
    if match and match["offset"]:
        place += f"@{match['offset']}"
    severity = _SEVERITIES.get(text(issue, "severity"), Severity.HIGH)
    code = text(issue, "rule_code")
    return finding(
        "modelaudit", severity, text(issue, "message") or "an issue", place, text(issue, "why"), *([code] * bool(code))
    )


MODELAUDIT = Engine(
    name="modelaudit",
    about="many formats; issues from informational to critical",
    distribution="modelaudit",
    program="modelaudit",
    install="pip install modelaudit",
    bounds=Bounds(memory=4096 * MIB, address_space=32768 * MIB),
    prepare=_prepare,
    read=_read,
)
