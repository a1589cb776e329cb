"""What a pickle leaves, walked as the dictionaries, lists and constants that it is, and described as JSON."""

from __future__ import annotations

import math

from weighbridge.core.errors import NotConvertible
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.values import Bulk, Container, Global, Persistent, Result, callee_name, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from weighbridge.core.reader import Reader
    from weighbridge.pickle.keeper import Keeper

MAPPINGS = frozenset(("collections.OrderedDict", "collections.defaultdict", "collections.Counter", "builtins.dict"))
"""Classes that are dictionaries however they are made."""
LONGEST = 64 * 1024
"""Bytes of the longest text that is taken out of a pickle."""
DEEPEST = 64
MOST_JSON = 200_000
"""Values that the description of one file has at most: shared ones could be told without end."""


class Contents(NamedTuple):
    """What one pickle leaves. `data` is the stream that it was read from."""

    value: object
    keeper: Keeper
    data: Reader


def pairs_of(value: object, contents: Contents) -> dict[object, object] | None:
    """The entries of a dictionary, the last one of equal keys; None if the value is none."""
    entries: dict[object, object] = {}
    if isinstance(value, Result) and isinstance(value.callee, Global) and value.callee.name in MAPPINGS:
        first = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else None
        # Python 2 wrote the entries of an OrderedDict as its argument; a defaultdict has its factory there.
        for pair in items_of(first, contents) or ():
            parts = items_of(pair, contents)
            if parts is None or len(parts) != 2:
                return None
            entries[key_of(parts[0], contents)] = parts[1]
    elif not (isinstance(value, Container) and value.kind == "dict"):
        return None
    for mode, values in contents.keeper.of(value):
        if mode == "setitem":
            for key, item in zip(values[::2], values[1::2], strict=True):
                entries[key_of(key, contents)] = item
    return entries


def items_of(value: object, contents: Contents) -> list[object] | None:
    """The items of a tuple, list or set; None if the value is none."""
    if isinstance(value, tuple):
        return list(value)
    if not isinstance(value, Container) or value.kind == "dict":
        return None
    return [item for _, values in contents.keeper.of(value) for item in values]


def attributes_of(value: object, contents: Contents) -> list[str]:
    """Names of the attributes that a dictionary was given beside its entries (`_metadata` of a state dict)."""
    names: list[str] = []
    for mode, values in contents.keeper.of(value):
        if mode == "build":
            state = pairs_of(values[0], contents)
            names += [str(name) for name in state] if state is not None else ["its state"]
    return names


def key_of(value: object, contents: Contents) -> object:
    """A key of a dictionary as something that can be compared: text wherever it is text."""
    text = text_of(value, contents)
    if text is not None:
        return text
    return value if value is None or isinstance(value, bool | int | float) else describe(value)


def text_of(value: object, contents: Contents) -> str | None:
    """A text, that of Python 2 too; None if the value is none. Raises NotConvertible if it is absurdly long."""
    if isinstance(value, Bulk) and value.kind in ("str", "bytes"):
        if value.size > LONGEST:
            raise NotConvertible(f"a name has {value.size} bytes", "give the tensors names that can be read")
        value = contents.data.read(value.offset, value.size)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None


class Telling:
    """Describes values as JSON. `full` becomes true when there was more than it tells."""

    def __init__(self, contents: Contents, tensor: Callable[[object], dict[str, Any] | None]) -> None:
        self._contents = contents
        self._tensor = tensor
        self._left = MOST_JSON
        self.full = False

    def of(self, value: object, depth: int = 0) -> Any:
        """JSON for people and for whoever goes on training: classes by name, tensors by dtype and shape."""
        self._left -= 1
        if self._left < 0 or depth > DEEPEST:
            self.full = True
            return "…"
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return (
                value if -(1 << 63) <= value < 1 << 64 else hex(value) if value.bit_length() < 4096 else "a large int"
            )
        if isinstance(value, float):
            return value if math.isfinite(value) else str(value)
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        if isinstance(value, Bulk | bytes):
            return self._long(value)
        return self._composite(value, depth + 1)

    def _long(self, value: Bulk | bytes) -> Any:
        if isinstance(value, bytes):
            return {"bytes": len(value), "hex": value[:64].hex()} if not _is_text(value) else value.decode()
        if value.kind == "str" and value.size <= LONGEST:
            return self._contents.data.read(value.offset, value.size).decode("utf-8", "replace")
        return {value.kind: value.size}

    def _composite(self, value: object, depth: int) -> Any:
        tensor = self._tensor(value)
        if tensor is not None:
            return {"tensor": tensor}
        if isinstance(value, Global):
            return {"name": value.name}
        if isinstance(value, Persistent):
            return {"storage": describe(value.pid)[:200]}
        entries = pairs_of(value, self._contents)
        if entries is not None:
            return {_written(key): self.of(item, depth) for key, item in entries.items()}
        items = items_of(value, self._contents)
        if items is not None:
            return [self.of(item, depth) for item in items]
        if isinstance(value, Result):
            return self._object(value, depth)
        return describe(value)[:200]

    def _object(self, value: Result, depth: int) -> dict[str, Any]:
        told: dict[str, Any] = {"object": callee_name(value.callee)[:200], "arguments": self.of(value.arguments, depth)}
        for mode, values in self._contents.keeper.of(value):
            told.setdefault("state" if mode == "build" else "items", []).extend(self._each(values, depth))
        return told

    def _each(self, values: Iterable[object], depth: int) -> list[Any]:
        return [self.of(item, depth) for item in values]


def _written(key: object) -> str:
    return key if isinstance(key, str) else str(key)


def _is_text(value: bytes) -> bool:
    try:
        return value.decode().isprintable()
    except UnicodeDecodeError:
        return False
