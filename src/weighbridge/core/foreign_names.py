"""What is known of names that are not Python's: classes of Java, of Lua's Torch, of Spark.

`foreign_names.json` is read at the first look-up. `index.json` names it with its SHA-256: the version of the knowledge
covers it. A name that ends in a dot stands for everything below it.
"""

from __future__ import annotations

import os

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
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
        import json

        path = os.path.join(self._folder, f"{NAME}.json")
        try:
            with open(path, "rb") as file:
                raw = file.read()
            expected = json.loads(self._index)["tables"][f"{NAME}.json"]
            table: dict[str, Any] = json.loads(raw)
            rows = {(row["language"], row["name"]): ForeignName(row["trust"], row["why"]) for row in table["names"]}
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", "reinstall weighbridge") from error
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"the knowledge of foreign names is broken: {error}", "reinstall weighbridge") from error
        if digest_bytes(raw).hex != expected:
            raise UsageError(f"{path} is not the file that its index names", "reinstall weighbridge")
        self._rows = rows
