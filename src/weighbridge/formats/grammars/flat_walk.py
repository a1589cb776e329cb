"""Every byte of a flatbuffer has an owner: a walk over all tables, vectors and texts that a schema knows.

    owned      what a reference leads to: lists of fields, tables, vectors, texts; once, however many references
    padding    zeros between two of them, fewer than any alignment asks for
    unknown    fields that the schema does not have, and what lies between and is no padding: stays opaque

A reader sees only what it follows, so that whatever nothing refers to is a hiding place, and two things that share some
of their bytes are read differently by different programs. The walk costs time and memory by the number of things, not
of references: what was walked is not walked again. What it cannot see: numbers that are changed for other numbers, or a
reference to another thing of the same kind. Source: as for `flatbuffer`; alignment as its reference verifier asks for.
"""

from __future__ import annotations

from itertools import chain

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Embedded, Limit, Native, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Room
from weighbridge.formats.grammars.flatbuffer import LEVELS
from weighbridge.formats.magic import machine_code
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import WINDOW, search_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.grammars.flatbuffer import Field, Flat, List, Schema, Shape

THINGS = 250_000
"""Tables, vectors and texts of one flatbuffer that are walked: large models have some ten thousand."""
LONGEST_PADDING = 64
"""Zeros that no alignment asks for; the largest that the schemas force is 32."""
BINARY = 256
"""Bytes from which on something that is no text becomes a blob of its own."""
REPEATED, SEEN = 512, 20_000
"""Bytes of texts that are remembered, and how many of them are."""
BLOBS = 1000
"""Blobs of their own that are looked into."""
KINDS = 200
"""Different oddities of one flatbuffer that are kept."""
RANGES = 20_000
"""Ranges of unknown bytes that are told apart."""
PROGRAM = 64
"""Bytes of the shortest vector that could be a program, and of one that is worth telling apart from structure."""
_LIST, _TEXT, _VECTOR, _TABLE = range(4)


class Blob(NamedTuple):
    """A vector of bytes that the walk leaves to the format: whose field it is, and where the bytes are."""

    table: str
    field: str
    offset: int
    size: int


class Walk:
    """The walk over one flatbuffer; `unknown` are bytes that stay opaque, each from the first to behind the last."""

    __slots__ = (
        "_blobs",
        "_budget",
        "_children",
        "_flat",
        "_odd",
        "_schema",
        "_searched",
        "_things",
        "keep",
        "unknown",
    )

    def __init__(self, flat: Flat, schema: Schema, budget: Budget) -> None:
        self.unknown: list[tuple[int, int]] = []
        self._flat = flat
        self._schema = schema
        self._budget = budget
        self._things: dict[int, int] = {}
        self._blobs: list[tuple[int, int]] = []
        self._odd: dict[tuple[str, str], tuple[int, int]] = {}
        self._searched: set[bytes] = set()
        self.keep = Room(budget).keep
        self._children = 0

    def events(self, root: str, place: int) -> Iterator[Blob | Fact | Child]:
        """Walk from the root table. What is in the vectors of bytes the caller accounts for.

        Raises FormatError where the bytes are no flatbuffer, or too large a one.
        """
        levels: list[Iterator[tuple[Shape, int]]] = [iter(((self._schema.tables[root], place),))]
        while levels:
            found = next(levels[-1], None)
            if found is None:
                levels.pop()
                continue
            inside: list[Iterator[tuple[Shape, int]]] = []
            yield from self._table(*found, inside)
            if inside:
                if len(levels) >= LEVELS:
                    raise FormatError(f"tables are nested deeper than {LEVELS} levels", found[1])
                levels.append(chain.from_iterable(inside))

    def odd(self, kind: str, what: str, offset: int) -> None:
        """Take down something odd; the same thing once, with how often it was."""
        known = self._odd.get((kind, what))
        if known is not None or len(self._odd) < KINDS:
            first, times = known or (offset, 0)
            self._odd[kind, what] = (first, times + 1)

    def child(self, name: str, offset: int, size: int, data: Reader) -> Iterator[Child | UnreadSpan]:
        """Bytes as a blob of their own; if there are absurdly many of those, nothing counts as read any more."""
        self._children += 1
        if self._children <= BLOBS:
            yield Child(name[:200], offset, size, data.part(offset, size))
        elif self._children == BLOBS + 1:
            yield UnreadSpan(0, data.size, f"it has more than {BLOBS} blobs inside of it")

    def oddities(self) -> Iterator[Oddity]:
        """What was odd, at its first place; to be asked for last."""
        for (kind, what), (offset, times) in self._odd.items():
            yield Oddity(kind, what + (f", and {times - 1} more" if times > 1 else ""), offset)

    def owned(self, end: int) -> tuple[list[Span], int]:
        """The spans of everything that was walked and of the padding between, and where it ends.

        `end` is where the bytes before the first thing end. Vectors of bytes are left out.
        """
        begin = end
        for place in sorted(self._things):
            behind = place + (self._things[place] >> 16)
            if place < end:
                self.odd("flat-overlap", "two things of the file share some of their bytes", place)
            elif place > end:
                self._between(end, place)
            end = max(end, behind)
        spans = []
        place = begin
        for start, behind in sorted([*self._blobs, *self.unknown]):
            if place < start:
                spans.append(Span(place, start - place, "parsed"))
            place = max(place, behind)
        if place < end:
            spans.append(Span(place, end - place, "parsed"))
        return spans, end

    def tail(self, end: int, data: Reader | None = None) -> Iterator[Span | Oddity]:
        """What is behind the last thing: padding, or something that no reader of the format looks at.

        `data` is the blob, if the flatbuffer is only a part of it.
        """
        reader = data or self._flat.reader
        rest = reader.size - end
        if 0 < rest < LONGEST_PADDING and not reader.read(end, rest).strip(b"\0"):
            yield Span(end, rest, "parsed")
        elif rest > 0:
            yield Oddity("trailing-bytes", f"{rest} bytes behind the last thing that anything refers to", end)

    def leave(self, start: int, end: int) -> None:
        """Bytes that nobody understands. When there are too many ranges, they grow together."""
        if len(self.unknown) < RANGES:
            self.unknown.append((start, end))
        else:
            first, behind = self.unknown[-1]
            self.unknown[-1] = (min(first, start), max(behind, end))

    def _between(self, start: int, end: int) -> None:
        if end - start < LONGEST_PADDING and not self._flat.reader.read(start, end - start).strip(b"\0"):
            return
        self.odd("flat-unreached", "there are bytes that nothing in the file refers to", start)
        self.leave(start, end)

    def _own(self, place: int, size: int, kind: int) -> bool:
        """Whether this is the first time that the thing at `place` is met."""
        value = size << 16 | kind
        known = self._things.get(place)
        if known is None:
            if len(self._things) >= THINGS:
                raise FormatError(f"more than {THINGS} tables, vectors and texts are not walked", place)
            self._things[place] = value
            return True
        if known != value:
            self.odd("flat-overlap", "two things of the file share some of their bytes", place)
        return False

    def _align(self, place: int, align: int) -> None:
        if place % align:
            self.odd("flat-alignment", "something is not aligned as its kind asks for", place)

    def _table(
        self, shape: Shape, place: int, inside: list[Iterator[tuple[Shape, int]]]
    ) -> Iterator[Blob | Fact | Child]:
        listed = self._flat.fields(place)
        known = self._known(shape, place, listed)
        # Not what the list says: writers count up to three bytes of what is behind the table, and readers never look.
        end = max(slot + width for slot, width in known)
        if not self._own(place, end, _TABLE + shape.number):
            return
        self._own(listed.place, listed.size, _LIST)
        self._inside(place, end, known)
        self._align(place, 4)
        self._align(listed.place, 2)
        for index, slot in enumerate(listed.slots[: len(shape.fields)]):
            field = shape.fields[index]
            if not slot or field.kind in ("number", "type", "gone"):
                continue
            target = self._flat.follow(place + slot)
            if field.kind == "text":
                yield from self._text(field.name, target)
            elif field.kind == "table":
                inside.append(iter(((self._schema.tables[field.inner], target),)))
            elif field.kind == "numbers":
                yield from self._numbers(shape, field, target)
            elif field.kind == "union":
                inside.append(self._union(shape, field, place, listed, index, target))
            elif field.kind == "texts":
                if self._vector(target, 4):
                    for text in self._flat.references(target):
                        yield from self._text(field.name, text)
            elif self._vector(target, 4):
                inside.append(self._entries(self._schema.tables[field.inner], target))

    def _known(self, shape: Shape, place: int, listed: List) -> list[tuple[int, int]]:
        """Where fields of a table are in it, and how long; the first is the way to the list."""
        known = [(0, 4)]
        for index, slot in enumerate(listed.slots):
            if not slot:
                continue
            field = shape.fields[index] if index < len(shape.fields) else None
            if field is None or field.kind == "gone":
                self.odd("unknown-field", f"{shape.name} does not define a field {index}", place + slot)
                continue
            width = field.width if field.kind in ("number", "type") else 4
            known.append((slot, width))
            self._align(place + slot, width)
        return known

    def _inside(self, place: int, size: int, known: list[tuple[int, int]]) -> None:
        """What is in a table between its fields: zeros, or somebody's own."""
        if len(known) == 1:
            return
        raw = self._flat.reader.read(place, size)
        end = 0
        for slot, width in sorted(known):
            if slot < end:
                self.odd("flat-overlap", "two fields of a table share some of their bytes", place)
            elif raw[end:slot].strip(b"\0"):
                self.odd("flat-unreached", "there are bytes in a table that belong to no field", place + end)
                self.leave(place + end, place + slot)
            end = max(end, slot + width)

    def _entries(self, shape: Shape, vector: int) -> Iterator[tuple[Shape, int]]:
        for target in self._flat.references(vector):
            yield shape, target

    def _union(
        self, shape: Shape, field: Field, place: int, listed: List, index: int, target: int
    ) -> Iterator[tuple[Shape, int]]:
        slot = listed.slots[index - 1]
        chosen = self._flat.number(place + slot, 1) if slot else 0
        choices = self._schema.unions[field.inner]
        if 0 < chosen <= len(choices):
            yield self._schema.tables[choices[chosen - 1]], target
        else:
            self.odd("unknown-field", f"{shape.name}.{field.name} is of the unknown kind {chosen}", place)

    def _vector(self, place: int, width: int, align: int = 4) -> bool:
        start, count = self._flat.vector_at(place, width)
        self._align(place, 4)
        if count:
            self._align(start, align)
        return self._own(place, 4 + count * width, _VECTOR)

    def _numbers(self, shape: Shape, field: Field, place: int) -> Iterator[Blob | Fact | Child]:
        if not self._vector(place, field.width, field.align):
            return
        start, count = self._flat.vector_at(place, field.width)
        size = count * field.width
        if field.width == 1 and not field.signed and count:
            self._blobs.append((start, start + size))
            yield Blob(shape.name, field.name, start, size)
        elif size >= PROGRAM:
            yield from self.program(start, size)

    def program(self, offset: int, size: int) -> Iterator[Fact]:
        """Machine code, if there is any at the beginning of some bytes."""
        kind = machine_code(self._flat.reader.peek(offset, min(size, 512))) if size >= PROGRAM else ""
        if kind:
            yield from self.keep(Native(kind, offset))

    def _text(self, key: str, place: int) -> Iterator[Fact | Child]:
        start, size = self._flat.vector_at(place, 1)
        self._align(place, 4)
        if not self._own(place, 5 + size, _TEXT):
            return
        if self._flat.reader.peek(start + size, 1) != b"\0":
            raise FormatError("a text does not end in a zero", start)
        yield from self.search(key, start, size)

    def search(self, key: str, offset: int, size: int) -> Iterator[Fact | Child]:
        """Search a text for serialized objects; something long that is no text becomes a blob of its own."""
        if size < SHORTEST:
            return
        reader = self._flat.reader
        if size > WINDOW:
            yield from self._search_long(key, offset, size)
            return
        raw = reader.read(offset, size)
        if size <= REPEATED:
            if raw in self._searched:
                return
            if len(self._searched) < SEEN:
                self._searched.add(raw)
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            if size >= BINARY:
                self._blobs.append((offset, offset + size))
                yield from self.child(key, offset, size, reader)
                return
            text = raw.decode("latin-1")
        for found in embedded_in_text(text, key, offset, self._budget):
            if isinstance(found, Child):
                yield found
            else:
                yield from self.keep(found)

    def _search_long(self, key: str, offset: int, size: int) -> Iterator[Fact | Child]:
        place = offset
        for found in search_text(self._flat.reader.part(offset, size), self._budget):
            if isinstance(found, Span):
                if place < offset + found.offset:
                    self.leave(place, offset + found.offset)
                place = offset + found.offset + found.size
            elif isinstance(found, Child):
                yield found
            elif isinstance(found, Embedded):
                yield from self.keep(found._replace(key=key[:200], offset=offset + found.offset))
            elif isinstance(found, Limit):
                yield found._replace(offset=offset + found.offset)
        if place < offset + size:
            self.leave(place, offset + size)
