"""nbdefense: secrets in notebooks.

    {"root", "notebooks": [FILE], "root_issues": [], "notebook_issues": [{"path", "issues": [{"code", "severity",
     "cell": {"cell_index", …}, "line_index", "location": "INPUT" | "OUTPUT", "details": {"description", …}}]}],
     "errors": […]}                                                                      status 0, found or not

Format of nbdefense 1.0.5, recorded from runs. It needs Python 3.10 or older and numpy before 2, so it is never beside
Weighbridge. It would take `settings.toml` from the folder that it inspects: it gets ours instead, with secrets alone
(licences, vulnerable packages and personal data need the network or a language model). A notebook that is no JSON is
only logged by it, and counts as unread here.
"""

from __future__ import annotations

import os
import re

from weighbridge.core.findings import Finding, Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.answers import document, finding, location, number, rows, text
from weighbridge.engines.base import Answer, Engine, Job
from weighbridge.engines.find import roots
from weighbridge.sandbox.records import Bounds, Outcome, Program

if TYPE_CHECKING:
    from typing import Any

SETTINGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "nbdefense.toml")
_WRITE = """
exe=$1; model=$2; settings=$3
if [ -d "$model" ]; then deep=--recursive; else deep=; fi
"$exe" scan "$model" $deep --output-format json --output-file "$TMPDIR/said.json" --yes --no-progress-bars \\
  --settings-file "$settings" >&2
status=$?
cat "$TMPDIR/said.json"
exit $status
"""
_SEVERITIES = {"LOW": Severity.LOW, "MEDIUM": Severity.MEDIUM, "HIGH": Severity.HIGH, "CRITICAL": Severity.HIGH}
"""A secret that leaked does nothing while a model is loaded, so it is never critical here."""
_TROUBLE = re.compile(r".*(?:does not appear to be JSON|Traceback|Error|error).*")


def _prepare(job: Job) -> Program | None:
    if not any(file.relative.endswith(".ipynb") for file in job.files):
        return None
    words = ("/bin/sh", "-c", _WRITE, "sh", job.program, "{model}", "{settings}")
    return Program(words, inputs={"model": job.top, "settings": SETTINGS}, needs=roots(job.program))


def _read(outcome: Outcome, job: Job) -> Answer:
    said = document(outcome.out)
    notebooks = said.get("notebooks")
    if outcome.status != 0 or not isinstance(notebooks, list):
        raise ValueError(f"its answer names no notebooks; it {outcome.text}")
    found = []
    for notebook in rows(said, "notebook_issues"):
        place = location(text(notebook, "path"), outcome, job)
        found += [_finding(issue, place) for issue in rows(notebook, "issues")]
    lines = outcome.err.decode(errors="replace").splitlines()
    unread = tuple(line for line in lines if _TROUBLE.fullmatch(line)) + tuple(map(str, said.get("errors") or ()))
    return Answer(tuple(found), unread, len(notebooks))


def _finding(issue: dict[str, Any], place: str) -> Finding:
    cell, details = issue.get("cell"), issue.get("details")
    index = number(cell.get("cell_index")) if isinstance(cell, dict) else 0
    said = text(details, "description") if isinstance(details, dict) else ""
    severity = _SEVERITIES.get(text(issue, "severity"), Severity.HIGH)
    title = text(issue, "code").replace("_", " ").lower() or "an issue"
    where = f"cell {index}, {text(issue, 'location').lower()}, line {number(issue.get('line_index'))}"
    return finding("nbdefense", severity, title, place, f"{said} in {where}")


NBDEFENSE = Engine(
    name="nbdefense",
    about="secrets in notebooks (needs Python 3.10 or older)",
    distribution="nbdefense",
    program="nbdefense",
    install="make an environment with Python 3.10 and pip install nbdefense 'numpy<2' in it",
    bounds=Bounds(),
    prepare=_prepare,
    read=_read,
)
