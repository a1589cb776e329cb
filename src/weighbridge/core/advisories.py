"""Frameworks with known vulnerabilities in loading models, and which versions have them.

    {"schema": "weighbridge.knowledge.loader-advisories/1", "version": "2026.11.29",
     "same": {"tensorflow-cpu": "tensorflow"},
     "advisories": [{"package", "id", "affected": ">=3.0.0,<3.9.0", "fixed", "formats", "what", "source", "date"}, …]}

`affected` are versions as PEP 440 writes them, ranges joined by ` || `. `formats` are those that the vulnerability is
about; empty: any. A newer file of the same form can be named in the settings (`advisories`).
"""

from __future__ import annotations

import os
from functools import cache

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from typing import Any

FILE = os.path.join(os.path.dirname(os.path.dirname(__file__)), "knowledge", "loader_advisories.json")
SCHEMA = "weighbridge.knowledge.loader-advisories/1"
MOST = 64 * 1024 * 1024


class Advisory(NamedTuple):
    """A vulnerability that loading a model of some formats meets in some versions of a package."""

    package: str
    id: str
    affected: str
    fixed: str
    formats: frozenset[str]
    what: str
    source: str
    date: str

    def concerns(self, formats: frozenset[str]) -> bool:
        """Whether it is about a model that has these formats."""
        return not self.formats or bool(self.formats & formats)

    def hits(self, version: str) -> bool:
        """Whether a version has it. Raises ValueError for what is no version."""
        from packaging.specifiers import SpecifierSet
        from packaging.version import Version

        exact = Version(version)
        return any(SpecifierSet(span).contains(exact, prereleases=True) for span in self.affected.split(" || "))


class Advisories(NamedTuple):
    """All that are known; `same` maps names of packages to the one that their advisories go by."""

    version: str
    entries: tuple[Advisory, ...]
    same: Mapping[str, str]

    @property
    def date(self) -> date:
        """When they were last looked at."""
        from datetime import date

        return date.fromisoformat(self.version.replace(".", "-"))

    def of(self, package: str) -> tuple[Advisory, ...]:
        """What is known of a package."""
        name = normal_name(package)
        name = self.same.get(name, name)
        return tuple(entry for entry in self.entries if entry.package == name)


def normal_name(package: str) -> str:
    """The one way to write a package's name (PEP 503)."""
    import re

    return re.sub(r"[-_.]+", "-", package).lower()


@cache
def packaged() -> Advisories:
    """Those that come with Weighbridge."""
    return read_advisories(FILE)


def with_newer(path: str) -> Advisories:
    """Those that come with Weighbridge and those of a file: an entry of the file stands for ours of the same id."""
    own = packaged()
    if not path:
        return own
    other = read_advisories(path)
    ids = {(entry.package, entry.id) for entry in other.entries}
    kept = tuple(entry for entry in own.entries if (entry.package, entry.id) not in ids)
    return Advisories(max(own.version, other.version), (*kept, *other.entries), {**own.same, **other.same})


def read_advisories(path: str) -> Advisories:
    """Read a file of advisories. Raises UsageError if it cannot be read or an entry is not whole."""
    import json

    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        with open(path, "rb") as file:
            table: dict[str, Any] = json.loads(file.read(MOST))
        entries = tuple(
            Advisory(**{**row, "formats": frozenset(map(str, row["formats"]))}) for row in table["advisories"]
        )
        for entry in entries:
            for span in entry.affected.split(" || "):
                SpecifierSet(span)
        found = Advisories(str(table["version"]), entries, dict(table["same"]))
        _ = found.date
    except (OSError, ValueError, KeyError, TypeError, AttributeError, InvalidSpecifier) as error:
        cause = f"the loader advisories {plain(path, 200)} cannot be read: {plain(str(error), 120)}"
        raise UsageError(cause, "mend the file, or take it out of the settings") from error
    if table.get("schema") != SCHEMA:
        raise UsageError(f"the loader advisories {plain(path, 200)} are of another schema", f"write {SCHEMA}")
    return found
