"""One measured run of a command: CPU seconds and peak memory of the whole process, as the kernel counted them."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
from typing import NamedTuple

from corpus import HERE, WORK

SCRATCH = os.path.join(WORK, "scratch")
"""Empty before every run: what a command writes goes there."""


class Run(NamedTuple):
    """What one run cost. `cpu`: user and system seconds with waited-for children; `peak`: MB of the largest process.

    `answered`: it ended in time with status 0 or 1 and without a traceback; anything else says little.
    """

    cpu: float
    peak: float
    wall: float
    status: int
    late: bool
    answered: bool


def environment() -> dict[str, str]:
    """The same few variables for every command: an own home, no colour, no telemetry, byte-code as users have it."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("OPENBLAS_")}
    own = {
        "PATH": "/usr/bin:/bin",
        "HOME": os.path.join(WORK, "home"),
        "TMPDIR": SCRATCH,
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "NO_ANALYTICS": "1",
    }
    return kept | own


def measure(command: list[str], patience: float) -> Run:
    """Run `command` once and wait at most `patience` seconds; after that it is killed, and `late` says so."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    os.makedirs(SCRATCH)
    os.makedirs(os.path.join(WORK, "home"), exist_ok=True)
    launcher = [
        sys.executable,
        "-I",
        "-S",
        os.path.join(HERE, "launch.py"),
        str(patience),
        output("out"),
        output("err"),
    ]
    done = subprocess.run(
        [*launcher, *command], env=environment(), cwd=WORK, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    status, user, system, peak, wall, late = done.stdout.split()
    with open(output("err"), "rb") as file:
        answered = late == b"0" and int(status) in (0, 1) and (status == b"0" or b"Traceback (most" not in file.read())
    return Run(float(user) + float(system), int(peak) * 1024 / 1e6, float(wall), int(status), late == b"1", answered)


def output(which: str) -> str:
    """Where the last run left its standard output (`out`) or its messages (`err`)."""
    return os.path.join(WORK, f"last.{which}")


def middle(runs: list[Run]) -> Run:
    """The median of each figure, each for itself; late if any run was."""
    return Run(
        statistics.median(run.cpu for run in runs),
        statistics.median(run.peak for run in runs),
        statistics.median(run.wall for run in runs),
        runs[-1].status,
        any(run.late for run in runs),
        all(run.answered for run in runs),
    )
