"""The libraries that are installed beside the package, in the image and in pipelines: the files of a folder must be
those that the lock names, and there must be one for each. They are weighed too. They are programs, so most rules have
something to say and none of that stops a release; what hides in an archive or runs by being loaded does.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from tools.release.own_scan import file_of

from weighbridge.cli.progress import silent
from weighbridge.core.digests import digest_bytes
from weighbridge.core.findings import Severity
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.limits import Limits
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.release.bill import Locked

STOPS = ("archive/", "pickle/", "file/")
"""Families of rules on what no honest package has: members that lead out or hide, objects that run when loaded."""


class Library(NamedTuple):
    """One file of a library: its verdict, and what stops a release."""

    name: str
    verdict: str
    stops: tuple[str, ...]


def wrong(folder: str, lock: Sequence[Locked]) -> list[str]:
    """Files that the lock does not name, and libraries without a file. Those for other Pythons may be missing."""
    known = {digest: library.name for library in lock for digest in library.hashes}
    found, problems = set(), []
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            digest = digest_bytes(file.read()).hex
        if digest in known:
            found.add(known[digest])
        else:
            problems.append(f"{name} is no file that the lock names")
    problems += [f"there is no file of {one.name}" for one in lock if one.name not in found and not one.marker]
    return problems


def weigh(folder: str) -> list[Library]:
    """What our own rules say of each file in a folder."""
    knowledge = load_knowledge()
    weighed = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        report = inspect(path, knowledge=knowledge, limits=Limits(), watcher=silent()).report
        stops = {
            f"{one.rule} in {file_of(one.location)}"
            for one in report.findings
            if one.severity.rank >= Severity.HIGH.rank and one.rule.startswith(STOPS)
        }
        weighed.append(Library(name, report.verdict.value, tuple(sorted(stops))))
    return weighed
