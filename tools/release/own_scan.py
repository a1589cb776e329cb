"""The wheel under our own rules. A scanner is full of what it looks for, so its verdict on itself is no surprise:
each finding that would shut a gate is explained in explained.toml, by rule and file, and one that is not stops the
release. So does an explanation that explains nothing any more.
"""

from __future__ import annotations

import os
import re
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from weighbridge.cli.progress import silent
from weighbridge.core.findings import Severity
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.limits import Limits
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    from weighbridge.scan.report import ScanReport

EXPLAINED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "explained.toml")
UNREAD = "file/unread"
"""The rule of what could not be inspected."""


class Explanation(NamedTuple):
    """Why a rule finds something in these files (patterns) and nothing is wrong with that."""

    rule: str
    files: tuple[str, ...]
    why: str

    def covers(self, rule: str, file: str) -> bool:
        """Whether a finding of this rule in this file is meant."""
        return rule == self.rule and any(fnmatchcase(file, pattern) for pattern in self.files)


class Weighed(NamedTuple):
    """What became of a scan: findings without an explanation, explanations without a finding, how many had one."""

    open: tuple[str, ...]
    stale: tuple[str, ...]
    explained: int
    report: ScanReport


def explanations(path: str = EXPLAINED) -> tuple[Explanation, ...]:
    """The explanations of a file. Raises KeyError for one that lacks a part."""
    with open(path, "rb") as file:
        rows = tomllib.load(file)["explained"]
    return tuple(Explanation(row["rule"], tuple(row["files"]), row["why"]) for row in rows)


def weigh(wheel: str, known: tuple[Explanation, ...]) -> Weighed:
    """Scan the wheel at `wheel` and hold what is found against what is explained."""
    report = inspect(wheel, knowledge=load_knowledge(), limits=Limits(), watcher=silent()).report
    found = [
        (one.rule, file_of(one.location)) for one in report.findings if one.severity.rank >= Severity.HIGH.rank
    ] + [(UNREAD, file_of(one.location)) for one in report.unread]
    used = {one for one in known for rule, file in found if one.covers(rule, file)}
    without = {f"{rule} in {file}" for rule, file in found if not any(one.covers(rule, file) for one in known)}
    stale = tuple(f"{one.rule} in {', '.join(one.files)}" for one in known if one not in used)
    return Weighed(tuple(sorted(without)), stale, len(found) - len(without), report)


def file_of(location: str) -> str:
    """The member of the wheel that a location is in; empty for the wheel itself."""
    inside = location.partition("!")[2].partition("!")[0]
    return re.sub(r"@(?:0x)?[0-9a-f]+$", "", inside)
