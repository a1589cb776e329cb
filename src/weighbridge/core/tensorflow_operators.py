"""What is known of operators of TensorFlow: its own, those of libraries that go with it, and what some of them reach.

`tensorflow_ops.json` is read at the first look-up, so that a scan without a graph does not pay for it. `index.json`
names it with its SHA-256: the version of the knowledge covers it.
"""

from __future__ import annotations

import os

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
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
        import json

        path = os.path.join(self._folder, f"{NAME}.json")
        try:
            with open(path, "rb") as file:
                raw = file.read()
            expected = json.loads(self._index)["tables"][f"{NAME}.json"]
            table: dict[str, Any] = json.loads(raw)
            rows = {row["name"]: _entry(row) for row in (*table["operators"], *table["special"])}
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", "reinstall weighbridge") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"the knowledge of operators is broken: {error}", "reinstall weighbridge") from error
        if digest_bytes(raw).hex != expected:
            raise UsageError(f"{path} is not the file that its index names", "reinstall weighbridge")
        self._rows = rows


def _entry(row: dict[str, Any]) -> TensorflowOperator:
    return TensorflowOperator(row["name"], row["trust"], row.get("why", ""))
