"""What is known of the names of R's functions: which run code or programs, which cannot, and what comes with R.

`r_functions.json` is read at the first look-up, so that a scan without a value of R does not pay for it. `index.json`
names it with its SHA-256: the version of the knowledge covers it.
"""

from __future__ import annotations

import os

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NAME = "r_functions.json"


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
            self._table = _load(self._folder, self._index)
        return self._table.get(name) or self._table.get(name.rpartition("::")[2])


def _load(folder: str, index: bytes) -> dict[str, RFunction]:
    import json

    path = os.path.join(folder, NAME)
    try:
        with open(path, "rb") as file:
            raw = file.read()
        expected = json.loads(index)["tables"][NAME]
        rows: list[dict[str, Any]] = json.loads(raw)["functions"]
        found = {name: RFunction(row["trust"], row["why"]) for row in rows for name in row["names"].split()}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "reinstall weighbridge") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the knowledge of R is broken: {error}", "reinstall weighbridge") from error
    if digest_bytes(raw).hex != expected:
        raise UsageError(f"{path} is not the file that its index names", "reinstall weighbridge")
    return found
