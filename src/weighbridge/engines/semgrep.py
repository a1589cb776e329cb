"""semgrep with the rules of Weighbridge for Python in model repositories (`packs/semgrep`).

    {"version", "results": [{"check_id", "path", "start": {"line", "offset", …}, "extra": {"message", "severity":
     "ERROR" | "WARNING" | "INFO", "metadata": {…}}}], "errors": [{"path", "type", "message", …}],
     "paths": {"scanned": […]}}
    status 0; 2 and above for errors

Format of semgrep 1.185, recorded from runs. Every file is named one by one: in a folder, ignore files of the model
and a list of semgrep's own, which leaves out tests, would decide. Comments that switch rules off are not obeyed.
"""

from __future__ import annotations

import os
from glob import escape, glob

from weighbridge.core.findings import Finding, Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.engines.answers import document, finding, location, rows, text
from weighbridge.engines.base import Answer, Engine, File, Job
from weighbridge.engines.find import roots
from weighbridge.sandbox.records import MIB, Bounds, Outcome, Program

if TYPE_CHECKING:
    from typing import Any

MOST_FILES = 2_000
MOST_BYTES = 4 * MIB
"""Bytes of the longest source: beyond it semgrep takes minutes."""
_SEVERITIES = {"ERROR": Severity.HIGH, "WARNING": Severity.MEDIUM, "INFO": Severity.INFO}
_OPTIONS = (
    "scan --json --quiet --metrics off --disable-version-check --disable-nosem --no-git-ignore --jobs 1 "
    f"--timeout 30 --timeout-threshold 0 --max-target-bytes {MOST_BYTES} --config {{rules}}"
)


def _chosen(job: Job) -> list[File]:
    return [file for file in job.files if file.format == "python" or file.relative.endswith((".py", ".pyi"))]


def _prepare(job: Job) -> Program | None:
    chosen = _chosen(job)[:MOST_FILES]
    if not chosen:
        return None
    folder = os.path.isdir(job.top)
    names = [f"{{model}}/{file.relative}" if folder else "{model}" for file in chosen]
    return Program(
        (job.program, *_OPTIONS.split(), "--", *names),
        inputs={"model": job.top, "rules": job.rules},
        needs=roots(job.program),
        environ={"SEMGREP_SEND_METRICS": "off", "NO_COLOR": "1", **_certificates(job.program)},
    )


def _certificates(program: str) -> dict[str, str]:
    """Certificates that came with semgrep: it does not start without any, though it needs none."""
    for root in roots(program):
        for path in glob(f"{escape(root)}/lib/python3*/site-packages/certifi/cacert.pem"):
            return {"SSL_CERT_FILE": path}
    return {}


def _read(outcome: Outcome, job: Job) -> Answer:
    said = document(outcome.out)
    paths = said.get("paths")
    scanned = paths.get("scanned") if isinstance(paths, dict) else None
    if outcome.status not in (0, 1) or not isinstance(scanned, list):
        raise ValueError(f"its answer names no files; it {outcome.text}")
    found = tuple(_finding(row, outcome, job) for row in rows(said, "results"))
    unread = [f"{location(text(row, 'path'), outcome, job)}: {text(row, 'message')}" for row in rows(said, "errors")]
    chosen = _chosen(job)
    read = {location(path, outcome, job) for path in scanned if isinstance(path, str)}
    unread += [f"{file.path}: it was left out" for file in chosen[:MOST_FILES] if file.path not in read]
    if len(chosen) > MOST_FILES:
        unread.append(f"{len(chosen) - MOST_FILES} more sources: at most {MOST_FILES} are asked about")
    return Answer(found, tuple(unread), len(read), "", text(said, "version"))


def _finding(row: dict[str, Any], outcome: Outcome, job: Job) -> Finding:
    start, extra = row.get("start"), row.get("extra")
    start, extra = start if isinstance(start, dict) else {}, extra if isinstance(extra, dict) else {}
    metadata = extra.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    severity = _SEVERITIES.get(text(extra, "severity"), Severity.HIGH)
    if text(metadata, "weighbridge-severity") == "critical":
        severity = Severity.CRITICAL
    place = location(text(row, "path"), outcome, job)
    offset = start.get("offset")
    if isinstance(offset, int):
        place += f"@{offset}"
    rule = text(row, "check_id").rpartition(".")[2]
    cwe = text(metadata, "cwe").partition(":")[0]
    line = f"line {start.get('line')}" if isinstance(start.get("line"), int) else ""
    said = f"{rule}, {line}: {text(extra, 'message').strip()}"
    return finding("semgrep", severity, rule.replace("-", " "), place, said, *([cwe] * bool(cwe)))


SEMGREP = Engine(
    name="semgrep",
    about="Python source, with the rules in packs/semgrep",
    distribution="semgrep",
    program="semgrep",
    install="pip install semgrep in an environment of its own",
    bounds=Bounds(memory=4096 * MIB, address_space=65536 * MIB, processes=128),
    prepare=_prepare,
    read=_read,
)
