"""What is known of operators of TensorFlow: its own, those of libraries that go with it, and what some of them reach.

`tensorflow_ops.json` is read at the first look-up, so that a scan without a graph does not pay for it. `index.json`
names it with its SHA-256: the version of the knowledge covers it.
"""

from __future__ import annotations

from weighbridge.core.knowledge_files import read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NAME = "tensorflow_ops"


class TensorflowOperator(NamedTuple):
    """What is known of an operator.

    `trust`: `standard` is of TensorFlow. The others are special: `python` calls back into Python, `network` connects,
    `native` runs code that the graph only names or carries, `configures` changes the process, `program` carries a
    program for another compiler, `review` one that nobody can look into, `cluster` needs other machines; `reads`,
    `writes` and `checkpoint` reach files, whose names decide; `library` needs one that is known.
    """

    name: str
    trust: str
    why: str


class TensorflowOperators:
    """Known operators of TensorFlow by name."""

    __slots__ = ("_folder", "_index", "_rows")

    def __init__(self, folder: str, index: bytes) -> None:
        self._folder = folder
        self._index = index
        self._rows: dict[str, TensorflowOperator] = {}

    def find(self, name: str) -> TensorflowOperator | None:
        """The entry of an operator; None if nobody knows it by this name.

        Raises UsageError if the knowledge file is missing, broken, or not the one that the index names.
        """
        if not self._rows:
            self._read()
        return self._rows.get(name)

    def _read(self) -> None:
        self._rows = read_table(self._folder, NAME, "operators", _known, self._index)


def _known(table: dict[str, Any]) -> dict[str, TensorflowOperator]:
    return {row["name"]: _entry(row) for row in (*table["operators"], *table["special"])}


def _entry(row: dict[str, Any]) -> TensorflowOperator:
    return TensorflowOperator(row["name"], row["trust"], row.get("why", ""))
