"""What is known of operators: those of ONNX itself, those that runtimes bring, and whose a domain of operators is.

`onnx_domains.json` is read at the first look-up, so that a scan without an operator does not pay for it; `tflite.json`
says the same of TensorFlow Lite. `index.json` names them with their SHA-256: the version of the knowledge covers them.
"""

from __future__ import annotations

from weighbridge.core.knowledge_files import read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NAME = "onnx_domains"


class OperatorEntry(NamedTuple):
    """What is known of an operator, or of the domain that it belongs to.

    `trust`: `standard`, `deprecated`, `experimental` and `removed` are the format's own; `builtin` is part of a
    runtime; `library` needs one that is known; `review` and `python` name something that runs outside of the graph.
    """

    domain: str
    name: str
    trust: str
    why: str


class Operators:
    """Known operators by domain and name, and known domains: those of ONNX, or what another file of this form says."""

    __slots__ = ("_domains", "_folder", "_index", "_name", "_rows")

    def __init__(self, folder: str, index: bytes, name: str = NAME) -> None:
        self._folder = folder
        self._index = index
        self._name = name
        self._rows: dict[tuple[str, str], OperatorEntry] = {}
        self._domains: dict[str, OperatorEntry] = {}

    def find(self, domain: str, name: str) -> OperatorEntry | None:
        """The entry of one operator; None if nobody knows it by this name in this domain.

        Raises UsageError if the knowledge file is missing, broken, or not the one that the index names.
        """
        if not self._rows:
            self._read()
        return self._rows.get((domain, name)) or self._rows.get(("*", name))

    def domain(self, name: str) -> OperatorEntry | None:
        """The entry of a domain; None if nobody knows it. Raises UsageError like `find`."""
        if not self._rows:
            self._read()
        return self._domains.get(name)

    def _read(self) -> None:
        self._rows, self._domains = read_table(self._folder, self._name, "operators", _known, self._index)


def _known(table: dict[str, Any]) -> tuple[dict[tuple[str, str], OperatorEntry], dict[str, OperatorEntry]]:
    rows = {(row["domain"], row["name"]): _entry(row) for row in (*table["operators"], *table["special"])}
    return rows, {row["domain"]: _entry(row) for row in table["domains"]}


def _entry(row: dict[str, Any]) -> OperatorEntry:
    return OperatorEntry(row["domain"], row.get("name", ""), row["trust"], row.get("why", ""))
