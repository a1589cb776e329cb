"""One form for a record, whatever file it came from, and one digest for all records of a data set.

    record   canonical JSON (keys sorted, no spaces, UTF-8) of {column: value}; values that JSON has not:
             {"$float": "nan" | "inf" | "-inf"}, {"$bytes": hex}, {"$decimal": "1.20"}, {"$time": ISO 8601},
             {"$text": hex of UTF-16 little-endian} for half surrogates, {"$other": text} for the rest; keys within
             values that begin with $ get another $;
             files of text: {"text", "folder"}; images: {"path", "sha256"}; cells of CSV are strings
    leaf     sha256(00 record)
    root     Merkle tree hash of RFC 6962 over the leaves sorted by their bytes: node = sha256(01 left right),
             the left side being the largest power of two below the number of leaves; no records: sha256 of nothing

The order of the records and of the files does not count, how often a record stands there does.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import math
import tempfile

from weighbridge.core.digests import Digest, canonical_json
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO, Any

FORM = "weighbridge.record/1"
_ENTRY = 60
_FLUSH = 600 * _ENTRY


def record_bytes(record: dict[str, Any]) -> bytes:
    """The canonical form of a record."""
    return canonical_json({_text(name): _value(value) for name, value in record.items()})


def leaf(record: dict[str, Any]) -> bytes:
    """The 32 bytes that stand for a record in the tree."""
    return hashlib.sha256(b"\0" + record_bytes(record)).digest()


class Entry(NamedTuple):
    """A record of a data set: its leaf, half a digest of its key (zeros: it has none), and where it stands."""

    leaf: bytes
    key: bytes
    file: int
    row: int


class Leaves:
    """All leaves of a data set, on disk: each of 256 heaps is small enough to be sorted in memory."""

    __slots__ = ("_files", "_waiting", "count")

    def __init__(self) -> None:
        self._files: dict[int, IO[bytes]] = {}
        self._waiting: dict[int, bytearray] = {}
        self.count = 0

    def add(self, record: dict[str, Any], file: int, row: int, key: str = "") -> None:
        """Take one record in."""
        digest = leaf(record)
        known = hashlib.sha256(canonical_json(_value(record[key]))).digest()[:16] if key in record else bytes(16)
        heap = self._waiting.setdefault(digest[0], bytearray())
        heap += digest + known + file.to_bytes(4, "big") + row.to_bytes(8, "big")
        self.count += 1
        if len(heap) >= _FLUSH:
            self._flush(digest[0])

    def entries(self) -> Iterator[Entry]:
        """Every record, in the order of the leaves."""
        for first in range(256):
            file = self._files.get(first)
            raw = bytes(self._waiting.get(first, b""))
            if file:
                file.seek(0)
                raw = file.read() + raw
                file.seek(0, 2)
            for one in sorted(raw[place : place + _ENTRY] for place in range(0, len(raw), _ENTRY)):
                yield Entry(one[:32], one[32:48], int.from_bytes(one[48:52], "big"), int.from_bytes(one[52:], "big"))

    def root(self) -> Digest:
        """The root of the tree."""
        return merkle_root(entry.leaf for entry in self.entries())

    def close(self) -> None:
        """Let go of what is on disk."""
        for file in self._files.values():
            file.close()

    def _flush(self, first: int) -> None:
        if first not in self._files:
            self._files[first] = tempfile.TemporaryFile(prefix="weighbridge-leaves-")  # noqa: SIM115 -- `close` does
        self._files[first].write(self._waiting[first])
        self._waiting[first] = bytearray()


def merkle_root(leaves: Iterator[bytes]) -> Digest:
    """The RFC 6962 root of leaves in their order, with one digest in memory for each level."""
    stack: list[tuple[int, bytes]] = []
    for one in leaves:
        stack.append((1, one))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            size, right = stack.pop()
            _, left = stack.pop()
            stack.append((2 * size, _node(left, right)))
    if not stack:
        return Digest(hashlib.sha256(b"").hexdigest())
    root = stack.pop()[1]
    while stack:
        root = _node(stack.pop()[1], root)
    return Digest(root.hex())


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def _value(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value if _encodable(value) else {"$text": value.encode("utf-16-le", "surrogatepass").hex()}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$bytes": bytes(value).hex()}
    if isinstance(value, decimal.Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, dt.date | dt.time):
        return {"$time": value.isoformat()}
    if isinstance(value, dict):
        return {_key(str(name)): _value(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_value(inner) for inner in value]
    return {"$other": str(value)}


def _key(name: str) -> str:
    return "$" + _text(name) if name.startswith("$") else _text(name)


def _text(name: str) -> str:
    return name if _encodable(name) else name.encode("utf-8", "backslashreplace").decode()


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
