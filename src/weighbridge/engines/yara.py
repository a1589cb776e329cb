"""YARA-X with rules of the user: patterns in the bytes of files as they are, archives not unpacked.

    {"files", "matches": [{"path", "rule", "namespace", "tags", "meta": {…}, "pattern", "offset", "length"}],
     "errors": [TEXT]}

That is what `yara_child.py` prints: the package has no program of its own, only a module, so a Python that has it
is the engine. Rules may give `severity = "critical"` and so on, and `description`, in their `meta`; without a severity
a hit is high.
"""

from __future__ import annotations

import os

from weighbridge.core.findings import Finding, Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.answers import document, finding, location, number, rows, text
from weighbridge.engines.base import Answer, Engine, Job
from weighbridge.engines.find import roots
from weighbridge.sandbox.records import MIB, Bounds, Outcome, Program

if TYPE_CHECKING:
    from typing import Any

_CHILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "yara_child.py")
_LEVELS = {severity.value: severity for severity in Severity}


def _prepare(job: Job) -> Program:
    words = (job.program, "-I", "-B", "{child}", "{rules}", "{model}")
    inputs = {"model": job.top, "rules": job.rules, "child": _CHILD}
    return Program(words, inputs=inputs, needs=roots(job.program))


def _read(outcome: Outcome, job: Job) -> Answer:
    if outcome.status != 0:
        raise ValueError(f"it {outcome.text}")
    said = document(outcome.out)
    found = tuple(_finding(row, outcome, job) for row in rows(said, "matches"))
    errors = said.get("errors")
    unread = (
        tuple(error for error in errors if isinstance(error, str))
        if isinstance(errors, list)
        else ("no list of errors",)
    )
    return Answer(found, unread, number(said.get("files")))


def _finding(row: dict[str, Any], outcome: Outcome, job: Job) -> Finding:
    meta = row.get("meta")
    meta = meta if isinstance(meta, dict) else {}
    severity = _LEVELS.get(text(meta, "severity").lower(), Severity.HIGH)
    place = location(text(row, "path"), outcome, job)
    if isinstance(row.get("offset"), int):
        place += f"@{row['offset']}"
    rule = text(row, "rule")
    said = " ".join(filter(None, (rule, text(row, "pattern"), text(meta, "description"))))
    return finding("yara-x", severity, f"rule {rule}", place, said)


YARA = Engine(
    name="yara-x",
    about="rules of your own (--yara-rules FILE) on the bytes of every file",
    distribution="yara-x",
    program="",
    install="pip install 'weighbridge[engines]'",
    bounds=Bounds(address_space=65536 * MIB),
    prepare=_prepare,
    read=_read,
)
