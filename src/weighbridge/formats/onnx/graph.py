"""What an ONNX model consists of: graphs in graphs, operators, tensors, text. One pass in the order of the bytes.

    ModelProto ─ graph ─ node ─ attribute ─ t, tensors           tensors
        │          │               ├ g, graphs                   graphs again: If, Loop, Scan
        │          │               └ s, strings                  text or bytes
        │          ├ initializer, sparse_initializer             tensors
        │          └ input, output, value_info                   types
        ├ functions ─ node …                                     operators that the model defines itself
        └ training_info ─ initialization, algorithm              graphs

Messages that hold nothing of interest are still walked, because a field that nobody defined could be in them; small
ones that were seen before are not walked twice.
"""

from __future__ import annotations

from weighbridge.core.facts import (
    Child,
    Embedded,
    Graph,
    Limit,
    Metadata,
    Native,
    Operator,
    OperatorSet,
    Span,
    Tensor,
    UnreadSpan,
)
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Room
from weighbridge.formats.grammars.protobuf import (
    BYTES,
    RANGES,
    VARINT,
    Field,
    Shape,
    Wire,
    check_depth,
    decoded,
    signed,
)
from weighbridge.formats.magic import machine_code
from weighbridge.formats.onnx import schema
from weighbridge.formats.onnx.tensors import MOST_DIMS, Stored, check, count_entries, entry, packed_numbers
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import WINDOW, search_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

LONG = 100
"""Bytes of a name that is long enough to be searched like text."""
BINARY = 256
"""Bytes from which on something that is no text becomes a blob of its own."""
SMALL, SEEN = 128, 20_000
"""Bytes of messages that are remembered, and how many of them are."""
REPEATED = 512
"""Bytes of texts that are remembered in the same way."""
BODIES = 256
"""Bodies of control-flow operators that are listed; the operators of all of them are counted."""
LARGE = 1024
"""Bytes of a tensor in an attribute that is worth listing like an initializer."""
STRINGS = 200
"""Characters of an operator's string attributes that are kept."""
_WIDTHS = {4: 4, 5: 0, 7: 0, 10: 8, 11: 0}
_STANDARD = (b"", b"ai.onnx", b"ai.onnx.ml")

Key = tuple[bytes, bytes, bytes]
"""Domain, name and overload of an operator."""


class Walk:
    """One model. `data` are the ranges of tensor bytes that were found."""

    __slots__ = (
        "_bodies",
        "_budget",
        "_functions",
        "_keep",
        "_operators",
        "_room",
        "_searched",
        "_seen",
        "data",
        "wire",
    )

    def __init__(self, reader: Reader, budget: Budget) -> None:
        self.wire = Wire(reader)
        self.data: list[tuple[int, int]] = []
        self._budget = budget
        self._operators: dict[Key, list[int]] = {}
        self._functions: set[Key] = set()
        self._seen: set[tuple[str, bytes]] = set()
        self._searched: set[bytes] = set()
        self._bodies = 0
        self._room = Room(budget)
        self._keep = self._room.keep

    def model(self) -> Iterator[Fact | Child]:
        """The whole blob as a ModelProto. Raises FormatError where it is none."""
        size = self.wire.reader.size
        graphs = operator_sets = 0
        for field in self.wire.fields(0, size, schema.MODEL):
            number, _, offset, length, value, _ = field
            if number == 7:
                graphs += 1
                yield from self._graph(offset, offset + length, "main", 1)
            elif number == 8:
                operator_sets += 1
                yield from self._operator_set(field)
            elif number == 14:
                yield from self._property(field)
            elif number == 20:
                yield from self._training(field)
            elif number == 25:
                yield from self._function(field)
            elif number == 26:
                yield from self._plain(field, schema.MODEL.messages[26], 1)
            elif field.kind == VARINT:
                yield from self._keep(Metadata(schema.MODEL.names[number], str(signed(value)), length, offset))
            else:
                yield from self._metadata(schema.MODEL.names[number], offset, length)
        yield from self._inventory()
        if not graphs or not operator_sets:
            missing = "graph" if not graphs else "list of operator sets"
            yield UnreadSpan(size, 0, f"the model has no {missing}: it is cut off, or no model")

    # Graphs

    def _graph(self, start: int, end: int, role: str, depth: int) -> Iterator[Fact | Child]:
        check_depth(depth, start)
        nodes = 0
        name = b""
        messages = schema.GRAPH.messages
        for field in self.wire.fields(start, end, schema.GRAPH):
            number, _, offset, length, _, _ = field
            if number == 1:
                nodes += 1
                yield from self._node(offset, offset + length, depth + 1)
            elif number == 5:
                yield from self._tensor(offset, offset + length, "", depth + 1)
            elif number == 15:
                yield from self._sparse(offset, offset + length, "", depth + 1)
            elif number in messages:
                yield from self._plain(field, messages[number], depth + 1)
            else:
                if number == 2:
                    name = self.wire.payload(offset, min(length, 200))
                yield from self._text(schema.GRAPH.names[number], offset, length)
        if role == "body":
            self._bodies += 1
            if self._bodies > BODIES:
                return
        yield from self._keep(Graph(role, "", decoded(name), nodes, start))

    def _node(self, start: int, end: int, depth: int) -> Iterator[Fact | Child]:
        wire = self.wire
        seen = self._seen
        name = domain = overload = b""
        attributes = False
        for field in wire.fields(start, end, schema.NODE):
            number, _, offset, length, _, _ = field
            if number == 5:
                attributes = True
                if length > SMALL or ("a", wire.payload(offset, length)) not in seen:
                    yield from self._attribute(offset, offset + length, depth + 1)
            elif number == 4:
                name = wire.payload(offset, min(length, 200))
            elif number == 7:
                domain = wire.payload(offset, min(length, 200))
            elif number <= 3:
                if length >= LONG:
                    yield from self._text("name", offset, length)
            elif number == 8:
                overload = wire.payload(offset, min(length, 200))
            elif number == 6:
                yield from self._text("doc_string", offset, length)
            else:
                yield from self._plain(field, schema.NODE.messages[number], depth + 1)
        key = (domain if domain != b"ai.onnx" else b"", name, overload)
        found = self._operators.get(key)
        if found is not None:
            found[0] += 1
        elif self._budget.facts > len(self._operators):
            self._operators[key] = [1, start, end if attributes else start]
        else:
            yield from self._room.full(start)

    def _attribute(self, start: int, end: int, depth: int) -> Iterator[Fact | Child]:
        check_depth(depth, start)
        wire = self.wire
        notes = wire.notes
        plain = True
        name = b""
        for field in wire.fields(start, end, schema.ATTRIBUTE):
            number, _, offset, length, _, _ = field
            if number == 1:
                name = wire.payload(offset, min(length, 200))
            elif number in (4, 9, 13, 21):
                yield from self._text(decoded(name) or "attribute", offset, length)
            elif number in (5, 10):
                plain = False
                yield from self._tensor(offset, offset + length, decoded(name), depth + 1)
            elif number in (6, 11):
                plain = False
                yield from self._graph(offset, offset + length, "body", depth + 1)
            elif number in (22, 23):
                plain = False
                yield from self._sparse(offset, offset + length, decoded(name), depth + 1)
            elif number in (14, 15):
                yield from self._plain(field, schema.TYPE, depth + 1)
            elif field.kind == BYTES and length >= BINARY:
                self._take(offset, length)
        if plain and end - start <= SMALL and notes == wire.notes and len(self._seen) < SEEN:
            self._seen.add(("a", wire.payload(start, end - start)))

    def _function(self, field: Field) -> Iterator[Fact | Child]:
        name = domain = overload = b""
        nodes = 0
        for part in self.wire.fields(field.offset, field.offset + field.size, schema.FUNCTION):
            number, _, offset, length, _, _ = part
            if number == 7:
                nodes += 1
                yield from self._node(offset, offset + length, 2)
            elif number == 11:
                yield from self._attribute(offset, offset + length, 2)
            elif number in schema.FUNCTION.messages:
                yield from self._plain(part, schema.FUNCTION.messages[number], 2)
            else:
                raw = self.wire.payload(offset, min(length, 200))
                name = raw if number == 1 else name
                domain = raw if number == 10 else domain
                overload = raw if number == 13 else overload
                if number == 8 or length >= LONG:
                    yield from self._text(schema.FUNCTION.names[number], offset, length)
        yield from self._keep(Graph("function", decoded(domain), decoded(name), nodes, field.start))
        if self._budget.facts > len(self._functions):
            self._functions.add((domain if domain != b"ai.onnx" else b"", name, overload))

    def _training(self, field: Field) -> Iterator[Fact | Child]:
        for part in self.wire.fields(field.offset, field.offset + field.size, schema.TRAINING):
            if part.number in (1, 2):
                yield from self._graph(part.offset, part.offset + part.size, "training", 2)
            else:
                yield from self._plain(part, schema.ENTRY, 2)

    # Tensors

    def _tensor(self, start: int, end: int, where: str, depth: int) -> Iterator[Fact | Child]:
        wire = self.wire
        dims: list[int] = []
        counts: dict[int, int] = {}
        entries: list[tuple[str, str]] = []
        name = b""
        data_type = location = place = stored = 0
        raw_size = -1
        for field in wire.fields(start, end, schema.TENSOR):
            number, kind, offset, length, value, _ = field
            if number == 1:
                if len(dims) <= MOST_DIMS:
                    packed = kind == BYTES
                    dims += packed_numbers(wire.payload(offset, min(length, 1000))) if packed else [signed(value)]
            elif number == 2:
                data_type = signed(value)
            elif number == 9:
                raw_size, place, stored = length, offset, length
                self._take(offset, length)
                yield from self._program(offset, length)
            elif number in _WIDTHS:
                found = count_entries(wire, field, _WIDTHS[number])
                before = counts.get(number, 0)
                counts[number] = before + found if min(found, before) >= 0 else -1
                place, stored = place or offset, stored + length
                if kind == BYTES:
                    self._take(offset, length)
            elif number == 6:
                counts[6] = counts.get(6, 0) + 1
                place, stored = place or offset, stored + length
                yield from self._text(where or "string_data", offset, length)
            elif number == 13:
                if len(entries) < 100:
                    entries.append(entry(wire, field))
                yield from self._plain(field, schema.ENTRY, depth + 1)
            elif number == 14:
                location = value
            elif number == 3:
                yield from self._plain(field, schema.TENSOR.messages[3], depth + 1)
                wire.note("tensor-segment", "a tensor is only a segment of a larger one", field.start)
            elif number == 16:
                yield from self._plain(field, schema.ENTRY, depth + 1)
            else:
                if number == 8:
                    name = wire.payload(offset, min(length, 200))
                if number == 12 or length >= LONG:
                    yield from self._text(schema.TENSOR.names[number], offset, length)
        title = decoded(name) or where
        shape = tuple(dims[: MOST_DIMS + 1])
        found_tensor = Stored(title, shape, data_type, raw_size, counts, location == 1, tuple(entries), start)
        for odd in check(found_tensor):
            yield from self._keep(odd)
        if not where or stored >= LARGE:
            dtype = schema.BITS.get(data_type, (str(data_type), 0))[0]
            yield from self._keep(Tensor(title, dtype, shape, place or start, stored))

    def _sparse(self, start: int, end: int, where: str, depth: int) -> Iterator[Fact | Child]:
        check_depth(depth, start)
        for field in self.wire.fields(start, end, schema.SPARSE_TENSOR):
            if field.number in (1, 2):
                name = where or ("values" if field.number == 1 else "indices")
                yield from self._tensor(field.offset, field.offset + field.size, name, depth + 1)

    def _program(self, offset: int, size: int) -> Iterator[Fact | Child]:
        if size >= 64:
            kind = machine_code(self.wire.reader.peek(offset, 512)[:size])
            if kind:
                yield from self._keep(Native(kind, offset))

    def _take(self, offset: int, size: int) -> None:
        """Bytes of a tensor. Beyond the limit of ranges they simply count as parsed."""
        if size and len(self.data) < RANGES:
            self.data.append((offset, offset + size))

    # Everything else

    def _operator_set(self, field: Field) -> Iterator[Fact | Child]:
        domain = b""
        version = 0
        for part in self.wire.fields(field.offset, field.offset + field.size, schema.OPERATOR_SET):
            if part.number == 1:
                domain = self.wire.payload(part.offset, min(part.size, 200))
            else:
                version = signed(part.value)
        yield from self._keep(OperatorSet(decoded(domain), version, field.start))

    def _property(self, field: Field) -> Iterator[Fact | Child]:
        key, _ = entry(self.wire, field, 200)
        for part in self.wire.fields(field.offset, field.offset + field.size, schema.ENTRY):
            if part.number == 2:
                yield from self._metadata(f"metadata_props.{key}", part.offset, part.size)
            else:
                yield from self._text("metadata_props", part.offset, part.size)

    def _metadata(self, key: str, offset: int, size: int) -> Iterator[Fact | Child]:
        value = decoded(self.wire.payload(offset, min(size, 800)))[:200]
        yield from self._keep(Metadata(key[:200], value, size, offset))
        yield from self._text(key, offset, size)

    def _plain(self, field: Field, shape: Shape, depth: int) -> Iterator[Fact | Child]:
        """A message of which only structure and text matter."""
        _, _, start, size, _, _ = field
        check_depth(depth, start)
        wire = self.wire
        small = size <= SMALL
        key = (shape.name, wire.payload(start, size)) if small else ("", b"")
        if small and key in self._seen:
            return
        notes = wire.notes
        for part in wire.fields(start, start + size, shape):
            inner = shape.messages.get(part.number)
            if inner is not None and part.kind == BYTES:
                yield from self._plain(part, inner, depth + 1)
            elif part.number in shape.texts:
                name = shape.names[part.number]
                if part.size >= LONG or name in ("value", "doc_string"):
                    yield from self._text(name, part.offset, part.size)
        if small and notes == wire.notes and len(self._seen) < SEEN:
            self._seen.add(key)

    def _text(self, key: str, offset: int, size: int) -> Iterator[Fact | Child]:
        """Search a text for serialized objects; something long that is no text becomes a blob of its own."""
        if size < SHORTEST:
            return
        if size > WINDOW:
            yield from self._long_text(key, offset, size)
            return
        raw = self.wire.payload(offset, size)
        if size <= REPEATED:
            if raw in self._searched:
                return
            if len(self._searched) < SEEN:
                self._searched.add(raw)
        if self._budget.facts <= 0:
            yield from self._room.full(offset)
            return
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            if size >= BINARY:
                yield Child(key[:200], offset, size, self.wire.reader.part(offset, size))
                return
            text = raw.decode("latin-1")
        for found in embedded_in_text(text, key, offset, self._budget):
            if isinstance(found, Child):
                yield found
            else:
                yield from self._keep(found)

    def _long_text(self, key: str, offset: int, size: int) -> Iterator[Fact | Child]:
        part = self.wire.reader.part(offset, size)
        place = offset
        for found in search_text(part, self._budget):
            if isinstance(found, Span):
                if place < offset + found.offset:
                    self.wire.unknown.append((place, offset + found.offset))
                place = offset + found.offset + found.size
            elif isinstance(found, Child):
                yield found
            elif isinstance(found, Embedded):
                yield from self._keep(found._replace(key=key[:200], offset=offset + found.offset))
            elif isinstance(found, Limit):
                yield found._replace(offset=offset + found.offset)
        if place < offset + size:
            self.wire.unknown.append((place, offset + size))

    def _inventory(self) -> Iterator[Fact | Child]:
        """The operators, each once, and whether the model defines them."""
        for key, (count, start, end) in self._operators.items():
            domain, name, _ = key
            text = "" if domain in _STANDARD and not name.startswith(b"Py") else self._strings(start, end)
            fact = Operator(decoded(domain), decoded(name), count, start, key in self._functions, text)
            yield from self._keep(fact)

    def _strings(self, start: int, end: int) -> str:
        """The string attributes of a node, shortened."""
        found: list[str] = []
        for field in self.wire.fields(start, end):
            if field.number != 5 or field.kind != BYTES or len(found) >= 8:
                continue
            name = value = b""
            for part in self.wire.fields(field.offset, field.offset + field.size):
                if part.kind != BYTES:
                    continue
                if part.number == 1:
                    name = self.wire.payload(part.offset, min(part.size, 50))
                elif part.number == 4:
                    value = self.wire.payload(part.offset, min(part.size, 100))
            if value:
                found.append(f"{decoded(name)}={decoded(value)!r}")
        return ", ".join(found)[:STRINGS]
