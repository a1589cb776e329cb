"""fickling: decompiles pickles and judges the program that comes out.

    {"severity": "LIKELY_SAFE" | … | "OVERTLY_MALICIOUS", "analysis": TEXT, "detailed_results": {…}}    one file each
    status 0 (safe), 1 (unsafe), 2 (cannot be parsed)

Format of fickling 0.1.12, recorded from runs. It takes one file and writes its answer to a file, so a small loop inside
the sandbox calls it for each pickle and prints what it wrote between two lines with our mark. Of several pickles in
one file it writes only the last: then its status counts.
"""

from __future__ import annotations

from weighbridge.core.findings import Finding, Severity
from weighbridge.engines.answers import document, finding, text
from weighbridge.engines.base import Answer, Engine, Job
from weighbridge.engines.find import roots
from weighbridge.sandbox.records import Bounds, Outcome, Program

FORMATS = frozenset(("pickle", "torch-zip", "torch-legacy", "joblib"))
MOST_FILES = 200
"""Each is a process of its own."""
_SAFE = "LIKELY_SAFE"
_SEVERITIES = {
    "POSSIBLY_UNSAFE": Severity.MEDIUM,
    "SUSPICIOUS": Severity.HIGH,
    "LIKELY_UNSAFE": Severity.HIGH,
    "LIKELY_OVERTLY_MALICIOUS": Severity.CRITICAL,
    "OVERTLY_MALICIOUS": Severity.CRITICAL,
}
_LOOP = """
mark=$1; program=$2; top=$3; shift 3
for name do
  rm -f "$TMPDIR/said.json"
  "$program" --check-safety --json-output "$TMPDIR/said.json" "$top$name" >&2
  status=$?
  echo "$mark $status"
  if [ -f "$TMPDIR/said.json" ]; then cat "$TMPDIR/said.json"; fi
  echo
done
echo "$mark end"
"""


def _chosen(job: Job) -> list[str]:
    return [file.relative for file in job.files if file.format in FORMATS]


def _prepare(job: Job) -> Program | None:
    chosen = _chosen(job)[:MOST_FILES]
    if not chosen:
        return None
    import os

    names = [f"/{name}" for name in chosen] if os.path.isdir(job.top) else [""]
    words = ("/bin/sh", "-c", _LOOP, "sh", job.mark, job.program, "{model}", *names)
    return Program(words, inputs={"model": job.top}, needs=roots(job.program))


def _read(outcome: Outcome, job: Job) -> Answer:
    chosen = _chosen(job)
    taken = chosen[:MOST_FILES]
    parts = outcome.out.decode(errors="replace").split(f"{job.mark} ")
    if len(parts) != len(taken) + 2 or parts[-1].strip() != "end":
        raise ValueError(f"it answered for {max(0, len(parts) - 2)} of {len(taken)} files; it {outcome.text}")
    found: list[Finding] = []
    unread = [f"{len(chosen) - MOST_FILES} more pickles: at most {MOST_FILES} are asked about"] * (
        len(chosen) > MOST_FILES
    )
    for relative, part in zip(taken, parts[1:-1], strict=True):
        status, _, said = part.partition("\n")
        path = next(file.path for file in job.files if file.relative == relative)
        if status not in ("0", "1"):
            unread.append(f"{path}: it could not be parsed (status {status})")
            continue
        found += _findings(path, status, said)
    return Answer(tuple(found), tuple(unread), len(taken))


def _findings(path: str, status: str, said: str) -> list[Finding]:
    if not said.strip():
        raise ValueError(f"it says nothing of {path}")
    answer = document(said.encode())
    severity = text(answer, "severity")
    if severity == _SAFE and status == "0":
        return []
    if severity not in (_SAFE, *_SEVERITIES):
        raise ValueError(f"it says of {path} what is not known: {severity[:40]!r}")
    title = "unsafe" if severity == _SAFE else severity.replace("_", " ").lower()
    level = _SEVERITIES.get(severity, Severity.HIGH)
    return [finding("fickling", level, title, path, text(answer, "analysis"))]


FICKLING = Engine(
    name="fickling",
    about="decompiled pickles: unsafe imports, calls and unused results",
    distribution="fickling",
    program="fickling",
    install="pip install fickling typing_extensions",
    bounds=Bounds(),
    prepare=_prepare,
    read=_read,
)
