"""An HDF5 file as its structures see it: addresses, lengths, checksums, and who owns which byte.

Addresses count from the superblock. Every structure that is read is taken from the file once; together they can never
take more than the file has, so that reading is linear in its size however the structures point to each other.
Source: HDF5 File Format Specification 3.0, and HDF5 2.0 `src/H5checksum.c` (lookup3 by Bob Jenkins).
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Literal

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.hdf5.objects import Message
    from weighbridge.formats.hdf5.types import Datatype
    from weighbridge.formats.hdf5.values import About

UNDEFINED = -1
"""An address that leads nowhere; all its bits are set in the file."""
STRUCTURES = 500_000
"""Structures, and names that wait to be followed, of one file; each takes some hundred bytes of memory."""
_STEP = 1 << 20
_OVERLAPS = 100
"""Overlaps that are reported."""


class Owned(NamedTuple):
    """Bytes that a structure takes, from the start of the blob."""

    start: int
    end: int
    kind: Literal["parsed", "data"]


class Hdf5File:
    """What all readers of one file share. `offsets` and `lengths` are the widths of addresses and sizes in bytes.

    `left` and `texts` are the bytes that may still be taken, and read as texts that several values can share. `notes`
    collects what is found besides. `followed`: the values in global heaps that were looked into. `cached`: where the
    B-tree and the heap of a group are by the word of whoever names it. `about`: what is known of datatypes.
    """

    __slots__ = (
        "about",
        "base",
        "budget",
        "cached",
        "chunk_k",
        "collections",
        "data",
        "end",
        "followed",
        "group_k",
        "headers",
        "leaf_k",
        "left",
        "lengths",
        "notes",
        "offsets",
        "owned",
        "texts",
        "types",
    )

    def __init__(self, data: Reader, budget: Budget, base: int) -> None:
        self.data = data
        self.budget = budget
        self.base = base
        self.end = data.size - base
        self.left = data.size
        self.texts = 2 * data.size + (1 << 20)
        self.offsets = self.lengths = 8
        self.leaf_k, self.group_k, self.chunk_k = 4, 16, 32
        self.owned: list[Owned] = []
        self.collections: dict[int, dict[int, tuple[int, int]]] = {}
        self.followed: set[tuple[int, int]] = set()
        self.cached: dict[int, tuple[int, int]] = {}
        self.headers: dict[int, list[Message]] = {}
        self.types: dict[int, Datatype] = {}
        self.about: dict[int, About] = {}
        self.notes: list[Fact | Child] = []

    def take(self, address: int, size: int, kind: Literal["parsed", "data"] = "parsed") -> int:
        """Take bytes for a structure; gives the offset in the blob. Raises FormatError if there are not so many."""
        place = self.base + max(address, 0)
        if address < 0 or size < 0 or address + size > self.end:
            raise FormatError(f"{size} bytes at {address} are not inside of the HDF5 file", min(place, self.data.size))
        self.left -= size
        if len(self.owned) >= STRUCTURES:
            raise FormatError(f"more than {STRUCTURES} structures are not looked into", place)
        if self.left < 0:
            raise FormatError("the structures of the HDF5 file share bytes", place)
        if size:
            self.owned.append(Owned(place, place + size, kind))
        return place

    def block(self, address: int, size: int, signature: bytes = b"") -> Cursor:
        """A structure of a known size. Raises FormatError if it does not begin with `signature` or is too large."""
        place = self.take(address, size)
        if size > self.budget.limits.document:
            self.notes.append(Limit("document", self.budget.limits.document, place))
            raise FormatError(f"a structure of {size} bytes is too large", place)
        raw = self.data.read(place, size)
        if not raw.startswith(signature):
            raise FormatError(f"there should be a structure {signature.decode('latin-1')!r}", place)
        return Cursor(self, raw, place, len(signature))

    def checked(self, address: int, size: int, signature: bytes = b"") -> Cursor:
        """The same for one that ends in its checksum, which the cursor leaves out."""
        cursor = self.block(address, size, signature)
        return self.verified(cursor, size)

    def verified(self, cursor: Cursor, size: int) -> Cursor:
        """Cut a cursor at its checksum, which takes the last four of `size` bytes. Raises FormatError if it differs."""
        raw = cursor.raw
        if size < 4 or checksum(raw[: size - 4]) != int.from_bytes(raw[size - 4 : size], "little"):
            raise FormatError("a checksum of the HDF5 file is wrong", cursor.offset)
        return Cursor(self, raw[: size - 4], cursor.offset, cursor.place)

    def unused(self, start: int, end: int, owner: str) -> None:
        """Look at bytes that a structure has and does not use: anything but zeros stays unread."""
        for place in range(start, end, _STEP):
            piece = self.data.peek(place, min(_STEP, end - place))
            if piece.count(0) != len(piece):
                self.notes.append(UnreadSpan(start, end - start, f"unused space of {owner} is not empty"))
                return

    def address(self, raw: bytes, place: int) -> int:
        """The address at `place` of `raw`, or UNDEFINED."""
        value = int.from_bytes(raw[place : place + self.offsets], "little")
        return UNDEFINED if value == (1 << 8 * self.offsets) - 1 else value

    def accounted(self) -> Iterator[Fact | Span]:
        """Every owned range as a span. What nobody owns is parsed if it is zero; else it stays opaque."""
        self.owned.sort()
        end, told = self.base, 0
        for one in self.owned:
            if one.start < end and told < _OVERLAPS:
                told += 1
                yield Oddity("hdf5-overlap", f"{min(end, one.end) - one.start} bytes have two owners", one.start)
            elif one.start > end:
                yield from self._gap(end, one.start)
            yield Span(one.start, one.end - one.start, one.kind)
            end = max(end, one.end)
        yield from self._gap(end, self.base + self.end)

    def _gap(self, start: int, end: int) -> Iterator[Span]:
        for place in range(start, end, _STEP):
            piece = self.data.peek(place, min(_STEP, end - place))
            if piece.count(0) == len(piece):
                yield Span(place, len(piece), "parsed")
            else:
                # Up to the first byte that is something, and from behind the last one.
                left = len(piece) - len(piece.lstrip(b"\0"))
                right = len(piece.rstrip(b"\0"))
                yield Span(place, left, "parsed")
                yield Span(place + right, len(piece) - right, "parsed")


class Cursor:
    """A place in a structure that moves on as fields are read. Reading beyond its end raises FormatError."""

    __slots__ = ("file", "offset", "place", "raw")

    def __init__(self, file: Hdf5File, raw: bytes, offset: int, place: int = 0) -> None:
        self.file = file
        self.raw = raw
        self.offset = offset
        self.place = place

    @property
    def here(self) -> int:
        """The place as an offset in the blob."""
        return self.offset + self.place

    @property
    def rest(self) -> int:
        """Bytes that are left."""
        return len(self.raw) - self.place

    def take(self, size: int) -> bytes:
        """The next bytes."""
        if size < 0 or size > self.rest:
            raise FormatError(f"a field of {size} bytes where only {max(0, self.rest)} are left", self.here)
        self.place += size
        return self.raw[self.place - size : self.place]

    def number(self, size: int) -> int:
        """A natural number of `size` bytes, little endian."""
        return int.from_bytes(self.take(size), "little")

    def address(self) -> int:
        """An address, or UNDEFINED."""
        return self.file.address(self.take(self.file.offsets), 0)

    def length(self) -> int:
        """A size; all bits set means that there is none: UNDEFINED."""
        value = self.number(self.file.lengths)
        return UNDEFINED if value == (1 << 8 * self.file.lengths) - 1 else value

    def text(self) -> bytes:
        """Bytes up to a NUL, which is skipped."""
        end = self.raw.find(b"\0", self.place)
        if end < 0:
            raise FormatError("a text does not end", self.here)
        found = self.raw[self.place : end]
        self.place = end + 1
        return found

    def part(self, size: int) -> Cursor:
        """A cursor of its own over the next bytes."""
        start = self.here
        return Cursor(self.file, self.take(size), start)


def checksum(raw: bytes) -> int:
    """The checksum of HDF5 metadata."""
    from struct import iter_unpack

    mask = 0xFFFFFFFF
    a = b = c = (0xDEADBEEF + len(raw)) & mask
    if not raw:
        return c
    whole = (len(raw) - 1) // 12 * 12
    for x, y, z in iter_unpack("<III", raw[:whole]):
        a, b, c = a + x & mask, b + y & mask, c + z & mask
        a = (a - c & mask) ^ ((c << 4 | c >> 28) & mask)
        c = c + b & mask
        b = (b - a & mask) ^ ((a << 6 | a >> 26) & mask)
        a = a + c & mask
        c = (c - b & mask) ^ ((b << 8 | b >> 24) & mask)
        b = b + a & mask
        a = (a - c & mask) ^ ((c << 16 | c >> 16) & mask)
        c = c + b & mask
        b = (b - a & mask) ^ ((a << 19 | a >> 13) & mask)
        a = a + c & mask
        c = (c - b & mask) ^ ((b << 4 | b >> 28) & mask)
        b = b + a & mask
    ((x, y, z),) = iter_unpack("<III", raw[whole:].ljust(12, b"\0"))
    a, b, c = a + x & mask, b + y & mask, c + z & mask
    c = ((c ^ b) - ((b << 14 | b >> 18) & mask)) & mask
    a = ((a ^ c) - ((c << 11 | c >> 21) & mask)) & mask
    b = ((b ^ a) - ((a << 25 | a >> 7) & mask)) & mask
    c = ((c ^ b) - ((b << 16 | b >> 16) & mask)) & mask
    a = ((a ^ c) - ((c << 4 | c >> 28) & mask)) & mask
    b = ((b ^ a) - ((a << 14 | a >> 18) & mask)) & mask
    last: int = ((c ^ b) - ((b << 24 | b >> 8) & mask)) & mask
    return last


def encoded_size(limit: int) -> int:
    """Bytes that a number up to `limit` takes in structures that save space."""
    return max(limit.bit_length() - 1, 0) // 8 + 1
