"""Running the hostile program behind chosen walls, as who we are or as a user without rights.

`attempted` does it in this process, or in a child that has become nobody first. Run as a program, this file is that child.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any, NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.join(os.path.dirname(os.path.dirname(HERE)), "src")
NOBODY = 65534


class Result(NamedTuple):
    """An outcome, or why the walls could not be built."""

    ending: str
    status: int
    out: str
    err: str
    refused: str = ""

    def json(self) -> Any:
        assert (self.ending, self.status) == ("exit", 0), self
        return json.loads(self.out)


def order(program: dict[str, Any], bounds: dict[str, Any], walls: tuple[str, int, bool]) -> str:
    return json.dumps({"program": program, "bounds": bounds, "walls": walls})


def attempted(said: str) -> Result:
    """Do what `order` says in this process."""
    from weighbridge.sandbox.records import Bounds, Outcome, Program, Walls
    from weighbridge.sandbox.run import attempt

    wanted = json.loads(said)
    outcome = attempt(Program(**wanted["program"]), Bounds(**wanted["bounds"]), Walls(*wanted["walls"]))
    if not isinstance(outcome, Outcome):
        return Result("", 0, "", "", outcome.why)
    out, err = (text.decode(errors="replace") for text in (outcome.out, outcome.err))
    return Result(outcome.ending, outcome.status, out[:100_000], err[:100_000])


def python_for_everybody() -> str | None:
    """An interpreter that a user without rights can start."""
    for path in (sys.executable, "/usr/bin/python3"):
        code = "import sys; sys.exit(sys.version_info < (3, 11))"
        try:
            done = subprocess.run([path, "-I", "-c", code], user=NOBODY, group=NOBODY, extra_groups=[], check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return path
    return None


def copy_for_everybody(folder: str) -> None:
    """What the child needs of us, where it can read it."""
    for name in ("core", "sandbox"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(os.path.join(SRC, "weighbridge", name), f"{folder}/weighbridge/{name}", ignore=ignored)
    shutil.copy(os.path.join(SRC, "weighbridge", "__init__.py"), f"{folder}/weighbridge")
    shutil.copy(__file__, folder)
    for place, _, names in os.walk(folder):
        os.chmod(place, 0o755)
        for name in names:
            os.chmod(os.path.join(place, name), 0o644)


def started(said: str, python: str, folder: str, *, nobody: bool) -> subprocess.Popen[str]:
    """A child that does what `order` says."""
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if nobody else {}
    return subprocess.Popen(
        [python, "-B", os.path.join(folder, os.path.basename(__file__)), said],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": folder, "SECRET": "in the environment of the parent"},
        cwd="/",
        **who,
    )


def finished(child: subprocess.Popen[str]) -> Result:
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    return Result(*json.loads(out))


if __name__ == "__main__":
    print(json.dumps(attempted(sys.argv[1])))
