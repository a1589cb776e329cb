"""What is known of the classes of published frameworks, derived from their source: one table for each package.

    module TAB trust TAB first version TAB last version TAB names parted by spaces TAB why

A table is searched as it lies in the file, never parsed as a whole: a tiny pickle does not pay for a large framework.
`index.json` names each table with its SHA-256, so that the version of the knowledge covers the tables too.
"""

from __future__ import annotations

import os

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge_files import read_bytes
from weighbridge.core.records import NamedTuple


class KnownClass(NamedTuple):
    """What is said of one class.

    `trust`: `inert` and `container` run no code of their own when a pickle creates and fills them, `inert-dict` only as
    long as their state is a dict, `enum` is an enumeration that is called with a value. `why` names what was read.
    """

    trust: str
    why: str


class Classes:
    """The tables of a folder, each read when a name of its package is looked up for the first time."""

    __slots__ = ("_digests", "_folder", "_index", "_tables")

    def __init__(self, folder: str, index: bytes) -> None:
        self._folder = folder
        self._index = index
        self._digests: dict[str, str] = {}
        self._tables: dict[str, bytes] = {}

    def find(self, name: str) -> KnownClass | None:
        """What is known of the class with this dotted name; None if nothing is.

        Raises UsageError if a table is not the one that the index names: nothing is judged by other knowledge.
        """
        top, dot, _ = name.partition(".")
        if not dot or not name.isprintable() or " " in name:
            return None
        table = self._tables.get(top)
        if table is None:
            table = self._tables[top] = self._read(top)
        module, _, qualified = name.rpartition(".")
        # A class inside a class has its outer one between module and name.
        for _ in range(3):
            found = _row(table, module, qualified)
            if found is not None:
                return found
            module, _, outer = module.rpartition(".")
            qualified = f"{outer}.{qualified}"
        return None

    def package(self, top: str) -> bool:
        """Whether the source of this package was read."""
        if not self._digests:
            self._digests = _digests(self._index)
        return top in self._digests

    def _read(self, top: str) -> bytes:
        if not self._digests:
            self._digests = _digests(self._index)
        if top not in self._digests:
            return b""
        path = os.path.join(self._folder, f"{top}.tsv")
        raw = read_bytes(path)
        if digest_bytes(raw).hex != self._digests[top]:
            raise UsageError(f"{path} is not the table that its index names", "reinstall weighbridge")
        return raw


def _digests(index: bytes) -> dict[str, str]:
    import json

    try:
        tables: dict[str, str] = json.loads(index)["tables"]
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"the index of known classes is broken: {error}", "reinstall weighbridge") from error
    return tables


def _row(table: bytes, module: str, qualified: str) -> KnownClass | None:
    start = f"\n{module}\t".encode("utf-8", "surrogatepass")
    at = table.find(start)
    while at >= 0:
        end = table.find(b"\n", at + 1)
        columns = table[at + 1 : end].split(b"\t")
        if len(columns) == 6 and qualified.encode("utf-8", "surrogatepass") in columns[4].split(b" "):
            _, trust, first, last, _, why = (column.decode() for column in columns)
            package = module.partition(".")[0]
            versions = first if first == last else f"{first} to {last}"
            return KnownClass(trust, f"{why} ({package} {versions})")
        # Lines of one module lie together.
        at = end if table.startswith(start, end) else -1
    return None
