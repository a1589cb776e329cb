"""Models as the frameworks themselves write them: a script of tests/writers, run in the environment of `make writers`.

The frameworks are large and heavy to import, so they never come into the process of the tests. Without them a test is
skipped on a laptop and fails in continuous integration.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from build.missing import missing

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-writers" / "bin" / "python"
SCRIPTS = ROOT / "tests" / "writers"
TIME = 240
"""Seconds that a script may take; it takes about ten."""


def written(script: str, folder: Path) -> Path:
    """Run `tests/writers/SCRIPT.py` for `folder`; the folder comes back with what was written into it."""
    if not PYTHON.exists():
        missing(f"real models need {PYTHON.parent.parent.name}: run make writers")
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV"))}
    done = subprocess.run(
        [str(PYTHON), str(SCRIPTS / f"{script}.py"), str(folder)],
        cwd=folder,
        env=environ | {"HOME": str(folder.parent)},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIME,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def truth(folder: Path) -> dict[str, Any]:
    """What the framework itself reads in the models of a folder."""
    found: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return found
