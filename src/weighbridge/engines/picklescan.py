"""picklescan: a list of dangerous imports, for pickles, torch archives, NumPy and 7z files.

    FILE[:MEMBER]: dangerous import 'MODULE NAME' FOUND
    WARNING: could not parse FILE as pickle: REASON                       on standard error; its status stays 0
    Scanned files: N                                                      status 0, 1 (found), 2 (error)

Format of picklescan 1.0.5, recorded from runs. What it could not parse counts as unread here.
"""

from __future__ import annotations

import re

from weighbridge.core.findings import Finding, Severity
from weighbridge.engines.answers import finding, location
from weighbridge.engines.base import Answer, Engine, Job
from weighbridge.engines.find import roots
from weighbridge.sandbox.records import Bounds, Outcome, Program

_FOUND = re.compile(r"(?P<place>.*): (?P<kind>dangerous|suspicious) import '(?P<name>.*)' FOUND")
_COUNT = re.compile(r"Scanned files: (\d{1,9})")
_TROUBLE = re.compile(r"(?:WARNING|ERROR|CRITICAL): .*")
_SEVERITIES = {"dangerous": Severity.CRITICAL, "suspicious": Severity.MEDIUM}


def _prepare(job: Job) -> Program:
    return Program((job.program, "--path", "{model}"), inputs={"model": job.top}, needs=roots(job.program))


def _read(outcome: Outcome, job: Job) -> Answer:
    lines = outcome.out.decode(errors="replace").splitlines()
    counts = [match for line in lines if (match := _COUNT.fullmatch(line))]
    if outcome.status not in (0, 1, 2) or len(counts) != 1:
        raise ValueError(f"its answer has no summary; it {outcome.text}")
    said = [*lines, *outcome.err.decode(errors="replace").splitlines()]
    found = tuple(_finding(match, outcome, job) for line in said if (match := _FOUND.fullmatch(line)))
    unread = [line for line in said if _TROUBLE.match(line)]
    if outcome.status == 2 and not unread:
        unread = ["it ended with an error that it does not name"]
    if outcome.status == 1 and not found:
        raise ValueError("it ended as if it had found something, and names nothing")
    return Answer(found, tuple(unread), int(counts[0].group(1)))


def _finding(match: re.Match[str], outcome: Outcome, job: Job) -> Finding:
    place = location(match["place"], outcome, job, ":")
    return finding("picklescan", _SEVERITIES[match["kind"]], f"{match['kind']} import", place, match["name"])


PICKLESCAN = Engine(
    name="picklescan",
    about="dangerous imports in pickles, torch archives, NumPy and 7z files",
    distribution="picklescan",
    program="picklescan",
    install="pip install picklescan",
    bounds=Bounds(),
    prepare=_prepare,
    read=_read,
)
