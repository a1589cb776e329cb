"""Runs the shell commands of generated pipelines as their machines would: one step after the other, in a folder.

Nothing of a pipeline is rebuilt here but what its commands can see: the working folder, the variables, the files that
steps append to, and `weighbridge` on the path. Expressions `${{ … }}` are given by the test, word for word.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_ENV")


class Step(NamedTuple):
    """One step with a script: its name, the script, and its variables as they are written."""

    name: str
    script: str
    variables: Mapping[str, str]


class Ran(NamedTuple):
    """What a step left."""

    name: str
    status: int
    out: str
    err: str


def load(path: str | Path) -> Any:
    # YAML 1.1 reads the key `on` as a truth value; nobody here asks for it.
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def github_steps(workflow: Mapping[str, Any], job: str) -> Iterator[Step]:
    """The steps of a job that run a script."""
    for step in workflow["jobs"][job]["steps"]:
        if "run" in step:
            yield Step(step["name"], step["run"], {**workflow.get("env", {}), **step.get("env", {})})


def action_steps(action: Mapping[str, Any]) -> Iterator[Step]:
    for step in action["runs"]["steps"]:
        assert step["shell"] == "bash"
        yield Step(step["name"], step["run"], step.get("env", {}))


def gitlab_step(pipeline: Mapping[str, Any], job: str) -> Step:
    """A job's script as one program, without what installs."""
    lines = ["set -eu", *pipeline[job]["script"]]
    return Step(job, "\n".join(lines), pipeline["variables"])


def azure_steps(pipeline: Mapping[str, Any], stage: int) -> Iterator[Step]:
    (job,) = pipeline["stages"][stage]["jobs"]
    steps = job["steps"] if "steps" in job else job["strategy"]["runOnce"]["deploy"]["steps"]
    for step in steps:
        script = step.get("bash") or step.get("inputs", {}).get("inlineScript")
        if script:
            yield Step(step["displayName"], script, {**pipeline["variables"], **step.get("env", {})})


def run(step: Step, folder: Path, given: Mapping[str, str], *, shell: tuple[str, ...] = ()) -> Ran:
    """Run one step in `folder`. `given` has variables by name, and expressions by their text between the braces."""
    work = folder.parent / "runner"
    work.mkdir(exist_ok=True)
    environ = {
        "PATH": f"{programs(folder)}:{os.environ['PATH']}",
        "HOME": str(work),
        "RUNNER_TEMP": str(work),
        "AGENT_TEMPDIRECTORY": str(work),
        "GITHUB_WORKSPACE": str(folder),
        "GITHUB_REPOSITORY": "team/models",
        "GITHUB_SHA": "1" * 40,
        "GITHUB_REF": "refs/heads/main",
        "CI_COMMIT_SHA": "1" * 40,
        "CI_JOB_ID": f"{os.getpid()}-{folder.parent.name}",
        "BUILD_SOURCEVERSION": "1" * 40,
    }
    environ |= {name: str(work / name) for name in FILES}
    environ |= {name: value for name, value in given.items() if re.fullmatch(r"[A-Z_]+", name)}
    for name, value in step.variables.items():
        environ[name] = re.sub(r"\$\{\{\s*(.*?)\s*\}\}", lambda found: given[found[1]], value)
    script = work / "script.sh"
    script.write_text(step.script, encoding="utf-8")
    program = shell or ("bash", "--noprofile", "--norc", "-eo", "pipefail")
    done = subprocess.run(
        [*program, str(script)], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=120
    )
    return Ran(step.name, done.returncode, done.stdout, done.stderr)


def programs(folder: Path) -> Path:
    """A folder with `weighbridge`, as installing it would put it on the path."""
    place = folder.parent / "programs"
    place.mkdir(exist_ok=True)
    program = place / "weighbridge"
    if not program.exists():
        source = os.path.join(ROOT, "src")
        program.write_text(f'#!/bin/sh\nPYTHONPATH={source} exec {sys.executable} -P -m weighbridge "$@"\n')
        program.chmod(0o755)
    return place
