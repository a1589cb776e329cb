"""Files of the knowledge: each is the one that the index names with its SHA-256, or nothing is judged by it."""

from __future__ import annotations

import os

from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    _Shaped = TypeVar("_Shaped")

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "knowledge")
_MEND = "reinstall weighbridge"


def read_bytes(path: str) -> bytes:
    """A file of the knowledge. Raises UsageError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", _MEND) from error


def read_table(
    folder: str,
    name: str,
    what: str,
    shaped: Callable[[dict[str, Any]], _Shaped],
    index: bytes | None = None,
) -> _Shaped:
    """What `shaped` makes of the file `name`.json, which is the knowledge of `what`.

    `index` is the one that names it; without one it is that of the folder. Raises UsageError if the file is missing, is
    not the one that the index names, or has not what `shaped` looks for.
    """
    import json

    path = os.path.join(folder, f"{name}.json")
    raw = read_bytes(path)
    if index is None:
        index = read_bytes(os.path.join(folder, "index.json"))
    try:
        expected = json.loads(index)["tables"][f"{name}.json"]
        found = shaped(json.loads(raw))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"the knowledge of {what} is broken: {error}", _MEND) from error
    if digest_bytes(raw).hex != expected:
        raise UsageError(f"{path} is not the file that its index names", _MEND)
    return found
