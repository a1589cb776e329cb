"""The system's Python, which has torch (`python3-torch`): it is not in the test environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

from build.missing import missing

PYTHON = "/usr/bin/python3"
BUILD = Path(__file__).parent


def need_torch() -> None:
    """Skip on a laptop without it, fail in continuous integration."""
    there = Path(PYTHON).exists()
    if not there or subprocess.run([PYTHON, "-c", "import torch"], capture_output=True, check=False, env={}).returncode:
        missing("the system's Python has no torch: apt-get install python3-torch")


def run_torch(script: str, *words: str | Path) -> str:
    """Run `tests/build/SCRIPT.py` with torch; gives what it printed."""
    command = [PYTHON, str(BUILD / f"{script}.py"), *map(str, words)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"HOME": "/nonexistent"}, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
