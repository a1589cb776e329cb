"""Segments behind a flatbuffer, as ExecuTorch keeps what is large: named by offset and size, with zeros between them.

    header     "eh00" or "FH01", u32 its own bytes, then u64 each: [offset of the flatbuffer,] its bytes, where segments
               begin, [bytes of all segments]
    segments   offsets count from where segments begin

Who a segment belongs to is told by the tables. One that belongs to nothing becomes a blob of its own, and so does one
whose first bytes are those of a known format. Sources: executorch 1.5.1, `exir/_serialize/_program.py`,
`extension/flat_tensor/serialize/serialize.py`, `schema/extended_header.cpp`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.texts.embedded import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, UnreadSpan
    from weighbridge.core.reader import Reader
    from weighbridge.formats.grammars.flat_walk import Walk
    from weighbridge.formats.grammars.flatbuffer import Table

GLANCE = 64 * 1024
"""Bytes of a segment of data that are looked at for another format."""
STEP = 1024 * 1024
"""Zeros that are read at a time."""


class Header(NamedTuple):
    """Where the flatbuffer ends and segments begin; `size` is that of the header, 0 if there is none."""

    size: int
    program: int
    base: int
    segments: int


def read_header(data: Reader, magic: bytes) -> Header:
    """The header behind the first eight bytes. Raises FormatError if it cannot be true."""
    if data.peek(8, 4) != magic:
        return Header(0, data.size, 0, 0)
    size = int.from_bytes(data.read(12, 4), "little")
    fields = 4 if magic == b"FH01" else 3
    if not 8 + 16 <= size <= 64:
        raise FormatError("the header says that it has an impossible size", 12)
    raw = data.read(16, size - 8)
    numbers = [int.from_bytes(raw[place : place + 8], "little") for place in range(0, 8 * fields, 8)]
    program, base, length = numbers[-3:]
    length = length if size - 8 >= 8 * fields else 0
    # ExecuTorch counts the header as part of the flatbuffer, a file of tensors does not.
    program = program + numbers[0] if magic == b"FH01" else program
    if program > data.size or (base and not program <= base <= data.size) or base + length > data.size:
        raise FormatError("the header names places that the file does not have", 16)
    return Header(size, program, base, length)


class Segments:
    """The segments of one file."""

    __slots__ = ("_data", "_header", "_met", "_ranges", "_taken", "_walk")

    def __init__(self, data: Reader, walk: Walk, header: Header, listed: Iterator[Table]) -> None:
        self._data = data
        self._walk = walk
        self._header = header
        self._ranges: list[tuple[int, int]] = []
        self._taken: dict[int, str] = {}
        self._met: set[int] = set()
        for entry in listed:
            offset, size = header.base + entry.number("offset"), entry.number("size")
            end = header.base + header.segments if header.segments else data.size
            if size and (not header.base or offset + size > min(end, data.size)):
                walk.odd("buffer-range", "a segment reaches beyond the end of the segments", entry.place)
                offset, size = 0, 0
            self._ranges.append((offset, size))

    def get(self, number: int, place: int) -> tuple[int, int]:
        """Where a segment is and how long; what names one that does not exist is told."""
        if not 0 <= number < len(self._ranges):
            self._walk.odd("graph-index", "something has a segment that does not exist", place)
            return 0, 0
        return self._ranges[number]

    def take(self, number: int, place: int, name: str) -> Iterator[Fact | Span | Child]:
        """A segment of numbers: data, unless it begins like something else."""
        offset, size = self.get(number, place)
        if size and self._first(number, "data", place):
            yield from plain(self._walk, self._data, offset, size, name)

    def hand_over(self, number: int, place: int, name: str) -> Iterator[Child | UnreadSpan]:
        """A segment that is a blob of its own."""
        offset, size = self.get(number, place)
        if size and self._first(number, "blob", place):
            yield from self._walk.child(name, offset, size, self._data)

    def _first(self, number: int, kind: str, place: int) -> bool:
        known = self._taken.setdefault(number, kind)
        if known != kind:
            self._walk.odd("flat-overlap", "a segment is the payload of a delegate and data as well", place)
        first = number not in self._met
        self._met.add(number)
        return first

    def rest(self, end: int) -> Iterator[Fact | Span | Child]:
        """Segments that nothing named, and the zeros between; `end` is where the flatbuffer ends."""
        for number, (offset, size) in enumerate(self._ranges):
            if size and number not in self._taken:
                detail = f"segment {number} of {size} bytes belongs to nothing"
                yield from self._walk.keep(Oddity("unused-buffer", detail, offset))
                yield from self._walk.child(f"segment {number}", offset, size, self._data)
        place = end
        for offset, size in sorted(self._ranges):
            if not size:
                continue
            if offset < place:
                self._walk.odd("flat-overlap", "two segments share some of their bytes", offset)
            yield from self._zeros(place, offset)
            place = max(place, offset + size)
        yield from self._zeros(place, max(place, self._header.base + self._header.segments))
        place = max(place, self._header.base + self._header.segments)
        yield from self._walk.tail(place, self._data)

    def _zeros(self, start: int, end: int) -> Iterator[Span]:
        for place in range(start, end, STEP):
            size = min(STEP, end - place)
            if self._data.read(place, size).strip(b"\0"):
                self._walk.odd("flat-unreached", "there are bytes between the segments", place)
            else:
                yield Span(place, size, "parsed")


def plain(walk: Walk, data: Reader, offset: int, size: int, name: str) -> Iterator[Fact | Span | Child]:
    """Numbers: data, unless they begin like a program or another format."""
    yield from walk.program(offset, size)
    if kind_of(data.peek(offset, min(size, GLANCE))):
        yield from walk.child(name, offset, size, data)
    yield Span(offset, size, "data")
