"""Sorted tables of keys and values, as LevelDB and TensorFlow write them: blocks, an index of them, a footer.

    data block*  meta block*  metaindex block  index block  footer (48 bytes)

    block      entry*, restart offset (u32)*, number of restarts (u32), then kind (0 plain, 1 Snappy) and a masked
               CRC-32C of content and kind (u32)
    entry      shared, unshared, value length (varints), the unshared rest of the key, the value
    footer     metaindex and index: offset and size (varints), padded with zeros to 40 bytes;
               then 57 FB 80 8B 24 75 47 DB

An index entry's value is the place of a block; its key is not below the keys in it. Integers are little endian.
Source: LevelDB `doc/table_format.md`, TensorFlow 2.21 `core/lib/io/format.cc`.
"""

from __future__ import annotations

from functools import cache

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Span
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
FOOTER = 48
TRAILER = 5
"""Bytes behind a block: its kind and its checksum."""
LARGEST = 8 * 1024 * 1024
"""Bytes of the largest block that is read; TensorFlow closes one after 256 KiB."""
_MASK = 0xA282EAD8


class Place(NamedTuple):
    """Where a block is; its trailer comes behind `size`."""

    offset: int
    size: int


class Row(NamedTuple):
    """A key and its value; `offset` is that of the block in the file."""

    key: bytes
    value: bytes
    offset: int


def is_table(data: Reader) -> bool:
    """Whether the blob ends like a table."""
    return data.size > FOOTER and data.peek(data.size - 8, 8) == MAGIC


def rows(data: Reader, budget: Budget) -> Iterator[Row | Span]:
    """All entries in the order of the file, and the spans that they take. Raises FormatError where it is no table."""
    footer = data.size - FOOTER
    if footer < 0 or not is_table(data):
        raise FormatError("there is no footer of a table", max(0, footer))
    raw = data.read(footer, FOOTER)
    metaindex, place = _handle(raw, 0, footer)
    index, place = _handle(raw, place, footer)
    if raw[place:40].strip(b"\0"):
        raise FormatError("the footer holds something else", footer)
    end = 0
    before: bytes | None = None
    for last, value in _entries(_block(data, index, budget), index.offset):
        block, after = _handle(value, 0, index.offset)
        if after != len(value):
            raise FormatError("the place of a block is followed by something", index.offset)
        if block.offset != end:
            raise FormatError("blocks do not follow each other", min(end, data.size))
        for key, held in _entries(_block(data, block, budget), block.offset):
            if before is not None and key <= before:
                raise FormatError("keys are not in order", block.offset)
            if key > last:
                raise FormatError("a key is not in the block where readers look for it", block.offset)
            before = key
            yield Row(key, held, block.offset)
        end = block.offset + block.size + TRAILER
        yield Span(block.offset, block.size + TRAILER, "parsed")
    for block, what in ((metaindex, "list of filters"), (index, "index")):
        if block.offset != end:
            raise FormatError(f"the {what} does not follow", min(end, data.size))
        end = block.offset + block.size + TRAILER
    if next(_entries(_block(data, metaindex, budget), metaindex.offset), None) is not None:
        raise FormatError("the table has filters, which no checkpoint has", metaindex.offset)
    if end != footer:
        raise FormatError("there is something before the footer", min(end, data.size))
    yield Span(metaindex.offset, data.size - metaindex.offset, "parsed")


def _block(data: Reader, place: Place, budget: Budget) -> bytes:
    if place.size > LARGEST:
        raise FormatError(f"a block of {place.size} bytes is larger than {LARGEST}", min(place.offset, data.size))
    raw = data.read(place.offset, place.size + TRAILER)
    kind = raw[place.size]
    if masked(crc32c(raw[: place.size + 1])) != int.from_bytes(raw[place.size + 1 :], "little"):
        raise FormatError("the checksum of a block is wrong", place.offset)
    if kind == 0:
        return raw[: place.size]
    if kind != 1:
        raise FormatError(f"a block is compressed in a way {kind} that does not exist", place.offset)
    return unsnapped(raw[: place.size], place.offset, budget)


def _entries(block: bytes, offset: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block."""
    count = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * count
    if len(block) < 4 or end < 0 or not count:
        raise FormatError("a block has no list of restarts", offset)
    place, restart = 0, end
    key = b""
    while place < end:
        begins = restart < len(block) - 4 and block[restart : restart + 4] == place.to_bytes(4, "little")
        restart += 4 * begins
        shared, place = _varint(block, place, end, offset)
        unshared, place = _varint(block, place, end, offset)
        size, place = _varint(block, place, end, offset)
        if shared > len(key) or place + unshared + size > end or (begins and shared):
            raise FormatError("an entry leaves its block, or shares a key where readers begin", offset)
        key = key[:shared] + block[place : place + unshared]
        place += unshared
        yield key, block[place : place + size]
        place += size
    if end and restart != len(block) - 4:
        raise FormatError("a restart lies where no entry begins", offset)


def _handle(raw: bytes, place: int, offset: int) -> tuple[Place, int]:
    first, place = _varint(raw, place, len(raw), offset)
    size, place = _varint(raw, place, len(raw), offset)
    return Place(first, size), place


def _varint(raw: bytes, place: int, end: int, offset: int) -> tuple[int, int]:
    value = shift = 0
    while place < end and shift < 64:
        byte = raw[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise FormatError("a number is cut off", offset)


def unsnapped(raw: bytes, offset: int, budget: Budget) -> bytes:
    """Snappy: the length, then literals and copies of what came before. Raises FormatError.

    Tag, lowest two bits: 0 literal, 1 to 3 copy with an offset of 11, 16 or 32 bits.
    Source: google/snappy, `format_description.txt`.
    """
    length, place = _varint(raw, 0, min(5, len(raw)), offset)
    if length > LARGEST or length > budget.expansion:
        raise FormatError(f"a compressed block of {length} bytes is larger than can be read", offset)
    budget.expansion -= length
    out = bytearray()
    while place < len(raw):
        tag = raw[place]
        place += 1
        kind = tag & 3
        if kind == 0:
            size = tag >> 2
            if size >= 60:
                more = size - 59
                size = int.from_bytes(raw[place : place + more], "little")
                place += more
            size += 1
            if place + size > len(raw):
                raise FormatError("a literal is cut off", offset)
            out += raw[place : place + size]
            place += size
        else:
            width = (0, 1, 2, 4)[kind]
            if place + width > len(raw):
                raise FormatError("a copy is cut off", offset)
            back = int.from_bytes(raw[place : place + width], "little")
            place += width
            size = (tag >> 2) + 1
            if kind == 1:
                size = ((tag >> 2) & 7) + 4
                back |= (tag >> 5) << 8
            if not 0 < back <= len(out):
                raise FormatError("a copy comes from before the block", offset)
            start = len(out) - back
            if back >= size:
                out += out[start : start + size]
            else:
                out += (out[start:] * (size // back + 1))[:size]
        if len(out) > length:
            raise FormatError("a compressed block is longer than it says", offset)
    if len(out) != length:
        raise FormatError("a compressed block is shorter than it says", offset)
    return bytes(out)


@cache
def _table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)  # noqa: PLW2901 -- a remainder, step by step
        table.append(value)
    return tuple(table)


def crc32c(raw: bytes) -> int:
    """The CRC-32 of Castagnoli."""
    table = _table()
    value = 0xFFFFFFFF
    for byte in raw:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def masked(checksum: int) -> int:
    """A checksum as it is stored: turned, so that one of data with checksums in it is no special case."""
    return ((checksum >> 15 | checksum << 17) + _MASK) & 0xFFFFFFFF
