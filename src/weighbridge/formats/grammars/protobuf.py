"""Protocol Buffers on the wire: fields of messages, read in place and without generated code.

    message = field*                              field = tag payload
    tag     = varint: field number << 3 | wire type
    0       varint: 1 to 10 bytes of 7 bits, lowest first, the top bit set on all but the last
    1, 5    8 or 4 bytes, little endian
    2       varint length, then that many bytes: text, bytes, a message, or packed numbers
    3, 4    begin and end of a group; the fields between them belong to it

The wire says neither names nor types: a `Shape` does, which a format writes down from its .proto file. A field that
the shape does not have, or has with another wire type, is skipped by every loader and so is a hiding place; it ends
up in `Wire.unknown` and stays opaque. Of a singular field that stands twice, loaders take the last one, and merge
messages. Source: protobuf.dev, "Encoding"; limits as in the reference implementation (100 levels, tags of 32 bits).
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Oddity, Span
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weighbridge.core.reader import Reader

VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 = range(6)
"""Wire types."""
NESTING = 100
"""Levels that messages may be nested: what the reference implementation reads."""
WINDOW = 64 * 1024
"""Bytes read ahead: many small messages, and little of a large payload that is skipped."""
RANGES = 20_000
"""Ranges of unknown fields, or of data, of one blob that are told apart."""
KINDS = 1000
"""Different oddities of one blob that are kept."""
_LONGEST = 20
"""Bytes of the longest tag and the longest varint behind it."""
_KINDS = {"int": VARINT, "fixed64": FIXED64, "bytes": BYTES, "text": BYTES, "message": BYTES, "fixed32": FIXED32}
_new = tuple.__new__  # a named tuple's own constructor costs more than finding a field


class Field(NamedTuple):
    """One field as the wire has it: `kind` is the wire type, `offset` and `size` its payload, `start` its tag.

    `value` is the number that the payload is, if it is one.
    """

    number: int
    kind: int
    offset: int
    size: int
    value: int
    start: int


class Shape(NamedTuple):
    """What a message may hold: tag → 0 for a repeated field, a bit of its own for a singular one. Names are for people.

    `messages` and `texts` tell the fields of wire type 2 apart; `messages` is filled by whoever knows the shapes.
    """

    name: str
    tags: Mapping[int, int]
    names: Mapping[int, str]
    texts: frozenset[int]
    messages: dict[int, Shape]


def shape(name: str, fields: str, /, **messages: Shape) -> Shape:
    """Make a shape of lines `number name kind`, a `*` behind the kind meaning repeated; kinds are those of `_KINDS`.

    Repeated numbers may be packed, as every parser accepts. `messages` gives shapes to fields by name.
    """
    tags: dict[int, int] = {}
    names: dict[int, str] = {}
    texts = set()
    inner: dict[int, Shape] = {}
    for line in fields.strip().splitlines():
        number_text, field, kind = line.split()
        number, wire = int(number_text), _KINDS[kind.rstrip("*")]
        names[number] = field
        tags[number << 3 | wire] = 0 if kind.endswith("*") else 1 << len(names)
        if kind.endswith("*") and wire != BYTES:
            tags[number << 3 | BYTES] = 0
        if kind.startswith("text"):
            texts.add(number)
        if field in messages:
            inner[number] = messages[field]
    return Shape(name, tags, names, frozenset(texts), inner)


class Wire:
    """The messages of one blob. One window moves over it, shared by all levels of nesting."""

    __slots__ = ("_base", "_raw", "notes", "odd", "reader", "unknown")

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.odd: dict[tuple[str, str], tuple[int, int]] = {}
        """(kind, what) → offset of the first one, how often."""
        self.notes = 0
        """How often anything was odd."""
        self.unknown: list[tuple[int, int]] = []
        """Where fields are that no shape has: first byte, first byte behind."""
        self._raw = b""
        self._base = 0

    def fields(self, start: int, end: int, shape: Shape | None = None) -> Iterator[Field]:
        """The fields of the message from `start` to `end`; with a shape, only those that it has.

        Nothing of a long payload is read. Raises FormatError where the bytes are no message.
        """
        if not 0 <= start <= end <= self.reader.size:
            raise FormatError("a message leaves the bytes that there are", max(0, min(start, self.reader.size)))
        tags = shape.tags if shape is not None else {}
        seen = 0
        place = start
        raw, base = self._raw, self._base
        ahead = base + len(raw) - _LONGEST
        while place < end:
            if place > ahead or place < base:
                raw, base = self._move(place, end)
                ahead = base + len(raw) - _LONGEST
            index = place - base
            try:
                tag = raw[index]
                index += 1
                if tag > 0x7F:
                    tag, index = self._long(raw, index - 1, base, 5)
                kind = tag & 7
                value = 0
                if kind == 2:
                    size = raw[index]
                    index += 1
                    if size > 0x7F:
                        size, index = self._long(raw, index - 1, base, 10)
                    offset = base + index
                elif kind == 0:
                    offset = base + index
                    value = raw[index]
                    index += 1
                    if value > 0x7F:
                        value, index = self._long(raw, index - 1, base, 10)
                    size = base + index - offset
                elif kind in (1, 5):
                    offset = base + index
                    size = 8 if kind == 1 else 4
                    value = int.from_bytes(raw[index : index + size], "little")
                elif kind == GROUP:
                    offset = base + index
                    size = 0
                else:
                    raise FormatError(f"there is no wire type {kind} here", place)
            except IndexError:
                raise FormatError("a field is cut off", place) from None
            if tag < 8 or tag > 0xFFFFFFFF:
                raise FormatError("a field number does not exist", place)
            after = offset + size
            if after > end:
                raise FormatError(f"a field of {size} bytes where only {max(0, end - offset)} are left", place)
            if kind == GROUP:
                after = self._group(tag >> 3, offset, end, place)
                size = after - offset
            if shape is None:
                yield _new(Field, (tag >> 3, kind, offset, size, value, place))
            else:
                once = tags.get(tag)
                if once is None:
                    self._unknown(shape.name, tag, place, after)
                else:
                    if once & seen:
                        self.note("duplicate-field", f"{shape.name}.{shape.names[tag >> 3]} stands twice", place)
                    seen |= once
                    yield _new(Field, (tag >> 3, kind, offset, size, value, place))
            place = after
            if self._base != base:
                raw, base = self._raw, self._base
                ahead = base + len(raw) - _LONGEST

    def payload(self, offset: int, size: int) -> bytes:
        """A short payload, from the window if it lies there."""
        index = offset - self._base
        if index >= 0 and index + size <= len(self._raw):
            return self._raw[index : index + size]
        return self.reader.read(offset, size)

    def note(self, kind: str, what: str, offset: int) -> None:
        """Count something odd; it is kept once with the place where it was seen first."""
        self.notes += 1
        first, times = self.odd.get((kind, what), (offset, 0))
        if times or len(self.odd) < KINDS:
            self.odd[kind, what] = (first, times + 1)

    def oddities(self) -> Iterator[Oddity]:
        """What was odd, each kind of thing once."""
        for (kind, what), (offset, times) in self.odd.items():
            yield Oddity(kind, what if times == 1 else f"{what} ({times} times)", offset)

    def accounted(self, data: list[tuple[int, int]], end: int) -> Iterator[Span]:
        """Spans for everything before `end`: `data` as data, unknown fields not at all, the rest as parsed."""
        place = 0
        kept = [(first, behind, True) for first, behind in data]
        kept += [(first, behind, False) for first, behind in self.unknown]
        for first, behind, known in sorted(kept):
            if place < min(first, end):
                yield Span(place, min(first, end) - place, "parsed")
            if known and first < end:
                yield Span(first, min(behind, end) - first, "data")
            place = max(place, behind)
        if place < end:
            yield Span(place, end - place, "parsed")

    def _move(self, place: int, end: int) -> tuple[bytes, int]:
        if not (self._base <= place and end <= self._base + len(self._raw)):
            self._raw = self.reader.peek(place, WINDOW)
            self._base = place
        return self._raw, self._base

    def _long(self, raw: bytes, index: int, base: int, most: int) -> tuple[int, int]:
        """A varint of several bytes: its value, and the index behind it."""
        first = index
        value = raw[index] & 0x7F
        shift = 7
        while True:
            index += 1
            byte = raw[index]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if index - first >= most - 1:
                raise FormatError(f"a number takes more than {most} bytes", base + first)
        if not byte or value >> 64:
            self.note("overlong-varint", "a number is written with more bytes than it needs or has", base + first)
        return value & 0xFFFFFFFFFFFFFFFF, index + 1

    def _unknown(self, name: str, tag: int, start: int, end: int) -> None:
        if tag & 7 == GROUP:
            self.note("group", f"{name} has a group {tag >> 3}, which it does not define", start)
        else:
            self.note("unknown-field", f"{name} does not define a field {tag >> 3} of wire type {tag & 7}", start)
        ranges = self.unknown
        if ranges and (ranges[-1][1] == start or len(ranges) >= RANGES):
            # One range that is too long keeps too much opaque, never too little.
            ranges[-1] = (min(start, ranges[-1][0]), max(end, ranges[-1][1]))
        else:
            ranges.append((start, end))

    def _group(self, number: int, start: int, end: int, tag_at: int) -> int:
        """The offset behind the end of a group. Groups in it are followed with a stack of their numbers."""
        place = start
        open_groups = [number]
        raw, base = self._raw, self._base
        while open_groups:
            if place >= end:
                raise FormatError("a group does not end", tag_at)
            if place < base or place + _LONGEST > base + len(raw):
                raw, base = self._move(place, end)
            index = place - base
            try:
                tag, index = self._number(raw, index, base, 5)
                kind = tag & 7
                if kind == 0:
                    _, index = self._number(raw, index, base, 10)
                    size = 0
                elif kind == 2:
                    size, index = self._number(raw, index, base, 10)
                else:
                    size = {1: 8, 5: 4}.get(kind, 0)
            except IndexError:
                raise FormatError("a field is cut off", place) from None
            if kind == GROUP:
                open_groups.append(tag >> 3)
            elif kind == GROUP_END:
                if open_groups.pop() != tag >> 3:
                    raise FormatError("a group ends that did not begin", place)
            elif kind > FIXED32:
                raise FormatError(f"there is no wire type {kind}", place)
            if tag < 8 or len(open_groups) > NESTING or base + index + size > end:
                raise FormatError("a group is nested too deeply or does not fit", place)
            place = base + index + size
        return place

    def _number(self, raw: bytes, index: int, base: int, most: int) -> tuple[int, int]:
        return (raw[index], index + 1) if raw[index] < 0x80 else self._long(raw, index, base, most)


def signed(value: int) -> int:
    """A varint as the signed number that int32 and int64 fields mean."""
    return value - (1 << 64) if value >> 63 else value


def decoded(raw: bytes) -> str:
    """A text field as text; what is no UTF-8 in it is replaced, because it is only shown or compared."""
    return raw.decode("utf-8", "replace")


def check_depth(depth: int, offset: int) -> None:
    """Raise FormatError for a message that lies too deep: those who walk messages do it by recursion."""
    if depth > NESTING:
        raise FormatError(f"messages are nested deeper than {NESTING} levels", offset)
