"""What is known of the names of R's functions: which run code or programs, which cannot, and what comes with R.

`r_functions.json` is read at the first look-up, so that a scan without a value of R does not pay for it. `index.json`
names it with its SHA-256: the version of the knowledge covers it.
"""

from __future__ import annotations

from weighbridge.core.knowledge_files import read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NAME = "r_functions"


class RFunction(NamedTuple):
    """What is known of a name.

    `trust`: `runs` starts programs or loads code, `dangerous` evaluates, reaches files or leaves code behind,
    `harmless` gives back a value and has no other effect; `compact` is a class of vectors, `package` a package of R.
    """

    trust: str
    why: str


class RNames:
    """Known names of R."""

    __slots__ = ("_folder", "_index", "_table")

    def __init__(self, folder: str, index: bytes) -> None:
        self._folder = folder
        self._index = index
        self._table: dict[str, RFunction] | None = None

    def find(self, name: str) -> RFunction | None:
        """What is known of a name, with or without its package (`stats::sd`); None if nothing is.

        Raises UsageError if the knowledge file is missing, broken, or not the one that the index names.
        """
        if self._table is None:
            self._table = read_table(self._folder, NAME, "R", _known, self._index)
        return self._table.get(name) or self._table.get(name.rpartition("::")[2])


def _known(table: dict[str, Any]) -> dict[str, RFunction]:
    return {name: RFunction(row["trust"], row["why"]) for row in table["functions"] for name in row["names"].split()}
