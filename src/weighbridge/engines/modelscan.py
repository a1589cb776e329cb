"""modelscan: unsafe operators in pickles, torch and NumPy files, Keras and SavedModel.

    {"summary": {"modelscan_version", "scanned": {"total_scanned", "scanned_files", …}, "skipped": …},
     "issues": [{"description", "operator", "module", "source", "scanner", "severity"}],
     "errors": [{"category", "description", "source"}]}          status 0, 1 (issues), 2 (errors), 3 (read nothing), 4

Format of modelscan 0.8.8, recorded from runs. It reads `modelscan-settings.toml` from its working folder, which is an
empty one here: nothing in a model configures it.
"""

from __future__ import annotations

import os

from weighbridge.core.findings import Finding, Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.answers import document, finding, location, number, rows, text
from weighbridge.engines.base import Answer, Engine, Job
from weighbridge.engines.find import roots
from weighbridge.sandbox.records import Bounds, Outcome, Program

if TYPE_CHECKING:
    from typing import Any

_SEVERITIES = {severity.name: severity for severity in Severity}
_WRITE = """
program=$1; shift
"$program" "$@" --output-file "$TMPDIR/said.json" >&2
status=$?
cat "$TMPDIR/said.json"
exit $status
"""
"""Its console wraps long lines, inside JSON too; the file is whole."""


def _prepare(job: Job) -> Program:
    words = ("/bin/sh", "-c", _WRITE, "sh", job.program, "scan", "--path", "{model}", "--reporting-format", "json")
    return Program(words, inputs={"model": job.top}, needs=roots(job.program))


def _read(outcome: Outcome, job: Job) -> Answer:
    said = document(outcome.out)
    summary = said.get("summary")
    scanned = summary.get("scanned") if isinstance(summary, dict) else None
    if outcome.status not in (0, 1, 2, 3) or not isinstance(summary, dict) or not isinstance(scanned, dict):
        raise ValueError(f"its answer has no summary; it {outcome.text}")
    found = tuple(_finding(issue, outcome, job) for issue in rows(said, "issues"))
    unread = tuple(f"{text(row, 'source')}: {text(row, 'description')}" for row in rows(said, "errors"))
    if outcome.status == 1 and not found:
        raise ValueError("it ended as if it had found something, and names nothing")
    return Answer(found, unread, number(scanned.get("total_scanned")), "", text(summary, "modelscan_version"))


def _finding(issue: dict[str, Any], outcome: Outcome, job: Job) -> Finding:
    source = text(issue, "source")
    # Sources are relative to a folder, and begin with the name of a file: both are made absolute as seen from inside.
    top = outcome.places["model"]
    above = top if os.path.isdir(job.top) else os.path.dirname(top)
    place = location(f"{above}/{source}", outcome, job, ":")
    severity = _SEVERITIES.get(text(issue, "severity"), Severity.HIGH)
    return finding("modelscan", severity, text(issue, "description") or "an issue", place, text(issue, "scanner"))


MODELSCAN = Engine(
    name="modelscan",
    about="unsafe operators in pickles, torch and NumPy files, Keras and SavedModel",
    distribution="modelscan",
    program="modelscan",
    install="pip install modelscan",
    bounds=Bounds(),
    prepare=_prepare,
    read=_read,
)
