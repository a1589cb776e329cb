"""The commands of a guide, read from its page and run as a reader would: in order, in one folder.

    ```console            a block of commands, each with what it must print; lines may be left out with a line `…`
    $ weighbridge scan …  `…` inside of a line stands for anything; digests, dates and the path of the folder for any
    CLEAN  model  …       the status must be 0, unless the next command is `echo $?`, which shows another
    ```

    <!-- file: NAME -->   the next block is the content of that file, which is written there

Weighbridge runs in this process; the few other programs that a guide may use are run by a shell.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

from build.running import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHERS = ("cat", "cp", "ls", "mkdir", "mv", "printf", "python3", "rm")
"""Programs beside ours that a guide may use."""
PART = re.compile(
    r"(?:<!-- file: (?P<file>\S+) -->\n+)?^```(?P<kind>[a-z]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)


class Step(NamedTuple):
    """One command, what it must print and the status that it must end with."""

    words: str
    shown: tuple[str, ...]
    status: int


class Written(NamedTuple):
    """A file that the guide tells its reader to write."""

    name: str
    content: str


def steps(page: str) -> Iterator[Step | Written]:
    """What a guide does, in order. Raises ValueError for a block that is no list of commands."""
    for part in PART.finditer(page):
        if part["file"]:
            yield Written(part["file"], part["body"])
        elif part["kind"] == "console":
            yield from _commands(part["body"])


def _commands(body: str) -> Iterator[Step]:
    if not body.startswith("$ "):
        raise ValueError(f"a block of commands begins with one, not with {body[:40]!r}")
    found: list[Step] = []
    for part in re.split(r"^\$ ", body.replace("\\\n", ""), flags=re.MULTILINE)[1:]:
        words, *shown = part.rstrip("\n").split("\n")
        if words == "echo $?":
            found[-1] = found[-1]._replace(status=int(shown[0]))
        else:
            found.append(Step(" ".join(words.split()), tuple(line for line in shown if line.strip()), 0))
    yield from found


def perform(step: Step | Written, folder: Path) -> str:
    """Do one step in `folder`, which is the working directory. Gives what was wrong with it; empty if nothing was."""
    if isinstance(step, Written):
        path = folder / step.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.content, encoding="utf-8")
        return ""
    program, *arguments = shlex.split(step.words)
    if program == "weighbridge":
        outcome = command(*arguments)
        status, text = outcome.status, outcome.out + outcome.err
    elif program in OTHERS:
        done = subprocess.run(
            ["sh", "-c", f'python3() {{ "{sys.executable}" -E "$@"; }}; {step.words}'],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        status, text = done.returncode, done.stdout + done.stderr
    else:
        return f"$ {step.words}\nis no program that a guide may use"
    where = f"$ {step.words}\nended with status {status}"
    if status != step.status:
        return f"{where}, not {step.status}:\n{text[-2000:]}"
    missing = first_missing(step.shown, text, folder)
    return f"{where}, but does not print the line\n{missing}\nin its place among\n{text[-6000:]}" if missing else ""


def first_missing(shown: tuple[str, ...], text: str, folder: Path) -> str:
    """The first line that is shown and was not printed, in this order; empty if all were.

    What stands between two lines of the guide must not have been left out without `…`.
    """
    lines = [line.rstrip() for line in masked(text, folder).splitlines() if line.strip()]
    at, gap = 0, True  # what comes before the first line, the guide may leave out
    for line in shown:
        if line.strip() == "…":
            gap = True
            continue
        pattern = ".*".join(re.escape(part) for part in masked(line.rstrip(), folder).split("…"))
        here = next((number for number in range(at, len(lines)) if re.fullmatch(pattern, lines[number])), None)
        if here is None or (here > at and not gap):
            return line
        at, gap = here + 1, False
    return ""


def masked(text: str, folder: Path) -> str:
    """`text` without what differs from one run to the next. A shortened digest is one that a person cannot compare."""
    text = text.replace(f"{os.path.realpath(folder)}/", "").replace(f"{folder}/", "")
    text = re.sub(r"sha256:[0-9a-f]{4}…[0-9a-f]{4}", "sha256:SHORT", text)
    text = re.sub(r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12,16}(?=…|\b)", "DIGEST", text)
    text = re.sub(r"\d{4}-\d\d-\d\d(?:T[\d:]+Z)?", "DATE", text)
    return re.sub(r"knowledge [\d.]+\+\w+|version [\d.]+\+\w+", "knowledge VERSION", text)
