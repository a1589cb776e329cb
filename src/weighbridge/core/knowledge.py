"""What the world is known to contain: data files with a source and a date on each entry, never code.

Files are JSON with one entry per line, so that a change reads well in review and loading costs a millisecond.
The knowledge version in every report is a digest over all files: same bytes and same knowledge give the same report.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "knowledge")


class GlobalEntry(NamedTuple):
    """What is known about one dotted name that a pickle may import.

    `trust`: `dangerous` runs code, reaches files or the network, or leads to something that does; `callable` may be
    called with any constant arguments; `inert` may be referenced, created and given a state, but not called.
    `arguments`: for `callable`, the argument shapes that are harmless (empty: any constants).
    """

    name: str
    trust: str
    why: str
    arguments: tuple[str, ...]


class Globals:
    """Known globals: exact names, and prefixes that end in a dot and hold for everything below them.

    The file is read when the first name is looked up: most models name none.
    """

    __slots__ = ("_lookalikes", "_packages", "_raw", "_renamed", "_rows", "_segments")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._rows: dict[str, dict[str, Any]] = {}
        self._renamed: dict[str, str] = {}
        self._segments: frozenset[str] = frozenset()
        self._packages: tuple[str, ...] = ()
        self._lookalikes: dict[str, str] = {}

    def find(self, name: str) -> GlobalEntry | None:
        """The entry for a dotted name: exact first, then the longest prefix; None if it is not known.

        An attribute path through another module (`collections._sys.modules`) or into the object model
        (`x.__class__`) is dangerous wherever it starts.

        Raises UsageError if the knowledge file is broken: without knowledge nothing is judged.
        """
        if not self._rows:
            self._read()
        name = self._renamed.get(name, name)
        row = self._rows.get(name)
        if row is not None:
            return _entry(row)
        end = name.rfind(".")
        while end > 0:
            parent = name[: end + 1]
            renamed = self._renamed.get(parent)
            if renamed is not None:
                return self.find(renamed + name[end + 1 :])
            row = self._rows.get(parent)
            if row is not None:
                return _entry(row)
            end = name.rfind(".", 0, end)
        through = self._segments.intersection(name.split(".")[1:])
        if through:
            return GlobalEntry(name, "dangerous", f"reaches {min(through)} through another module", ())
        return None

    def mistaken_for(self, name: str) -> str:
        """The well-known package that the top package of a dotted name could be taken for, or an empty string.

        Two names are alike if they differ in one letter or in the order of two, or in letters of another script.
        """
        if not self._rows:
            self._read()
        top = name.partition(".")[0]
        if top in self._packages:
            return ""
        if top in self._lookalikes:
            return self._lookalikes[top]
        return next((package for package in self._packages if _alike(top, package)), "")

    def _read(self) -> None:
        import json

        try:
            table: dict[str, Any] = json.loads(self._raw)
            self._rows = {row["name"]: row for row in table["entries"]}
            self._renamed = table["renamed"]
            self._segments = frozenset(table["segments"])
            self._packages = tuple(table["packages"])
            self._lookalikes = table["lookalikes"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"the knowledge of globals is broken: {error}", "reinstall weighbridge") from error


class Knowledge(NamedTuple):
    """All knowledge that one run uses, and the version that names it."""

    version: str
    globals: Globals


def load_knowledge(folder: str = FOLDER) -> Knowledge:
    """Open the knowledge files. Raises UsageError if one is missing: without it nothing is judged."""
    path = os.path.join(folder, "globals.json")
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise UsageError(
            f"the knowledge file {path} cannot be read: {error.strerror}", "reinstall weighbridge"
        ) from error
    _, _, version = raw[:400].partition(b'"version": "')
    name = version.partition(b'"')[0].decode("ascii", "replace")
    return Knowledge(f"{name}+{digest_bytes(raw).hex[:12]}", Globals(raw))


def _alike(name: str, package: str) -> bool:
    if len(name) != len(package) or len(name) < 5:
        return False
    differ = [place for place in range(len(name)) if name[place] != package[place]]
    if len(differ) == 2:
        first, second = differ
        swapped = name[first] == package[second] and name[second] == package[first]
        return swapped and second == first + 1
    return len(differ) == 1 or all(not name[place].isascii() for place in differ)


def _entry(row: dict[str, Any]) -> GlobalEntry:
    return GlobalEntry(row["name"], row["trust"], row["why"], tuple(row.get("arguments", ())))
