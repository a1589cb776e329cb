"""Messages of Protocol Buffers as a stream of events, for formats that say in shapes what they hold.

Every field that a shape has is walked: messages open and close, texts are searched, long bytes are data. A field that
no shape has stays opaque (see `protobuf`). A shape may leave the inside of a message out by calling it bytes: numbers
of a layer, which then count as data and are searched for texts.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.protobuf import BYTES, FIXED32, NESTING, RANGES, VARINT, Shape, Wire
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.grammars.protobuf import Field

LARGE = 64
"""Bytes from which on bytes are data and not read."""
LONGEST = 1000
"""Characters of a text that an event carries."""


class Begin(NamedTuple):
    """A message of this shape begins."""

    shape: str
    offset: int


class End(NamedTuple):
    """A message of this shape ends."""

    shape: str


class Value(NamedTuple):
    """A field of the message that is open: a text, shortened, or a number, or neither."""

    shape: str
    field: str
    text: str
    number: int
    offset: int
    size: int


Event = Begin | End | Value


class Messages:
    """The messages of one blob."""

    __slots__ = ("_budget", "_data", "wire")

    def __init__(self, data: Reader, budget: Budget) -> None:
        self.wire = Wire(data)
        self._budget = budget
        self._data: list[tuple[int, int]] = []

    def events(self, shape: Shape, start: int = 0, end: int = -1) -> Iterator[Event | Fact | Child]:
        """Everything in the message from `start` to `end`, in the order of its bytes. Raises FormatError."""
        wire = self.wire
        end = wire.reader.size if end < 0 else end
        stack: list[tuple[Shape, Iterator[Field]]] = [(shape, wire.fields(start, end, shape))]
        yield Begin(shape.name, start)
        while stack:
            shape, fields = stack[-1]
            field = next(fields, None)
            if field is None:
                stack.pop()
                yield End(shape.name)
                continue
            inner = shape.messages.get(field.number) if field.kind == BYTES else None
            if inner is not None:
                if len(stack) >= NESTING:
                    raise FormatError("messages are nested too deeply", field.offset)
                stack.append((inner, wire.fields(field.offset, field.offset + field.size, inner)))
                yield Begin(inner.name, field.offset)
                continue
            text = ""
            if field.number in shape.texts and field.kind == BYTES:
                text = yield from self._text(field, shape)
            elif field.kind == BYTES and field.size >= LARGE:
                yield from search_strings(wire.reader, field.offset, field.size, shape.name, self._budget)
                self._mark(field)
            yield Value(shape.name, shape.names[field.number], text, field.value, field.offset, field.size)

    def spans(self, end: int) -> Iterator[Span]:
        """What was read before `end`."""
        yield from self.wire.accounted(self._data, end)

    def _text(self, field: Field, shape: Shape) -> Generator[Fact | Child, None, str]:
        if field.size > self._budget.limits.embedded * 2:
            yield Limit("embedded", self._budget.limits.embedded, field.offset)
            return ""
        text = self.wire.payload(field.offset, field.size).decode("utf-8", "replace")
        if len(text) >= SHORTEST:
            yield from embedded_in_text(text, shape.names[field.number], field.offset, self._budget)
        return text[:LONGEST]

    def _mark(self, field: Field) -> None:
        if len(self._data) < RANGES:
            self._data.append((field.offset, field.offset + field.size))


def with_numbers(shape: Shape, numbers: Iterable[int], name: str) -> Shape:
    """The shape with further fields of any kind, whose inside is not told."""
    tags, names = dict(shape.tags), dict(shape.names)
    for number in numbers:
        names[number] = f"{name}{number}"
        for kind in (VARINT, BYTES, FIXED32):
            tags[number << 3 | kind] = 0
    return shape._replace(tags=tags, names=names)
