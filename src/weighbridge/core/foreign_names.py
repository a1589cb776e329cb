"""What is known of names that are not Python's: classes of Java, of Lua's Torch, of Spark.

`foreign_names.json` is read at the first look-up. `index.json` names it with its SHA-256: the version of the knowledge
covers it. A name that ends in a dot stands for everything below it.
"""

from __future__ import annotations

from weighbridge.core.knowledge_files import read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NAME = "foreign_names"


class ForeignName(NamedTuple):
    """What is known of a name. `trust`: `plain`, `library` (known, but nobody looked at its code), or `gadget`."""

    trust: str
    why: str


class ForeignNames:
    """Known names by their language: `java`, `lua`, `spark`."""

    __slots__ = ("_folder", "_index", "_rows")

    def __init__(self, folder: str, index: bytes) -> None:
        self._folder = folder
        self._index = index
        self._rows: dict[tuple[str, str], ForeignName] = {}

    def find(self, language: str, name: str) -> ForeignName | None:
        """The entry of a name, or of the longest package that it lies in; None if nobody knows it.

        Raises UsageError if the knowledge file is missing, broken, or not the one that the index names.
        """
        if not self._rows:
            self._read()
        found = self._rows.get((language, name))
        end = len(name)
        while found is None and end > 0:
            end = name.rfind(".", 0, end)
            found = self._rows.get((language, name[: end + 1])) if end > 0 else None
        return found

    def _read(self) -> None:
        self._rows = read_table(self._folder, NAME, "foreign names", _rows, self._index)


def _rows(table: dict[str, Any]) -> dict[tuple[str, str], ForeignName]:
    return {(row["language"], row["name"]): ForeignName(row["trust"], row["why"]) for row in table["names"]}
