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


class Globals(NamedTuple):
    """Known globals: exact names, and prefixes that end in a dot and hold for everything below them."""

    exact: dict[str, GlobalEntry]
    prefixes: dict[str, GlobalEntry]
    renamed: dict[str, str]
    """Python 2 names and platform aliases → the name that the entries use."""

    def find(self, name: str) -> GlobalEntry | None:
        """The entry for a dotted name: exact first, then the longest prefix; None if it is not known."""
        name = self.renamed.get(name, name)
        entry = self.exact.get(name)
        if entry is not None:
            return entry
        end = name.rfind(".")
        while end > 0:
            parent = name[:end]
            renamed = self.renamed.get(parent + ".")
            if renamed is not None:
                return self.find(renamed + name[end + 1 :])
            entry = self.prefixes.get(parent + ".")
            if entry is not None:
                return entry
            end = name.rfind(".", 0, end)
        return None


class Knowledge(NamedTuple):
    """All knowledge that one run uses, and the version that names it."""

    version: str
    globals: Globals


def load_knowledge(folder: str = FOLDER) -> Knowledge:
    """Read the knowledge files. Raises UsageError if one is missing or malformed: without it nothing is judged."""
    import json

    path = os.path.join(folder, "globals.json")
    try:
        with open(path, "rb") as file:
            raw = file.read()
        table: dict[str, Any] = json.loads(raw)
        exact: dict[str, GlobalEntry] = {}
        prefixes: dict[str, GlobalEntry] = {}
        for row in table["entries"]:
            entry = GlobalEntry(row["name"], row["trust"], row["why"], tuple(row.get("arguments", ())))
            (prefixes if entry.name.endswith(".") else exact)[entry.name] = entry
        known = Globals(exact, prefixes, table["renamed"])
    except (OSError, ValueError, KeyError) as error:
        raise UsageError(f"the knowledge file {path} cannot be used: {error}", "reinstall weighbridge") from error
    return Knowledge(f"{table['version']}+{digest_bytes(raw).hex[:12]}", known)
