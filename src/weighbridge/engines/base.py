"""What an engine is, and what it may answer.

An engine looks at the copy that Weighbridge itself inspected. What it says is kept beside the report and never in it:
the verdict of Weighbridge depends on no engine, and the same bytes give the same report whether one is there or not.
"""

from __future__ import annotations

from typing import Literal

from weighbridge.core.findings import Finding
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from weighbridge.sandbox.records import Bounds, Outcome, Program

EngineVerdict = Literal["clean", "suspicious", "malicious", "incomplete", "not-applicable"]
"""In the words of Weighbridge; `not-applicable` where the engine read no file, which is no statement about any."""
EngineStatus = Literal["ran", "partly", "failed"]
"""It read everything that it reads, or not all of it, or gave no answer that could be understood."""
MOST_FINDINGS = 2_000
"""Findings kept of one engine; more of them is said, and is not clean."""
MOST_TEXT = 2_000
"""Characters kept of any text that an engine says."""


class File(NamedTuple):
    """One regular file of the copy: where it lies below the top, how its place is written, and what format it has."""

    relative: str
    path: str
    format: str


class Job(NamedTuple):
    """One engine on one artifact. `top` is the copy, a file or a folder; `program` is the engine's executable."""

    program: str
    top: str
    files: Sequence[File]
    rules: str
    """A file or folder with rules of the user or of ours; empty if the engine brings its own."""
    mark: str
    """A random word: lines that begin with it were written by us and not by a model."""


class Answer(NamedTuple):
    """What an engine said, read. `unread` has one text for each thing that it could not look into."""

    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    files: int = 0
    """Files or members that it looked at."""
    failed: str = ""
    """Why there is no answer; empty if there is one."""
    version: str = ""


class Engine(NamedTuple):
    """An adapter: how to call an engine, and how to read what it says."""

    name: str
    about: str
    distribution: str
    """The name of its package, whose version is written beside its answer."""
    program: str
    """The executable to look for."""
    install: str
    """What a person types to have it."""
    bounds: Bounds
    prepare: Callable[[Job], Program | None]
    """The program to run; None if there is no file that this engine reads."""
    read: Callable[[Outcome, Job], Answer]


class EngineReport(NamedTuple):
    """What one engine says of one artifact, beside the report of Weighbridge."""

    name: str
    version: str
    verdict: EngineVerdict
    findings: tuple[Finding, ...]
    status: EngineStatus
    why: str
    """What was not read, or why there is no answer; empty if there is nothing to say."""
    files: int
    walls: str
    """The walls that it ran behind."""


def refuses(said: EngineReport) -> bool:
    """Whether an answer shuts a gate: anything bad, anything unread, no answer. One who reads none of the files
    says nothing.
    """
    return said.status != "ran" or said.verdict not in ("clean", "not-applicable")


class Wanted(NamedTuple):
    """Which engines were asked for, and what the settings say of them."""

    names: tuple[str, ...]
    paths: Mapping[str, str]
    yara_rules: str
    seconds: int
    unsafe: bool
