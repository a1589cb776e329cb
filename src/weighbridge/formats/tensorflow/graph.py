"""What a graph of TensorFlow consists of: nodes, functions, constants, texts. One pass in the order of the bytes.

    GraphDef ─ node ─ attr ─ value ─ s, list.s             text, bytes
        │        │              ├ tensor                   constants: tensor_content, …_val
        │        │              └ func                     a function of the library that the node calls
        └ library ─ function ─ signature, node_def         operators again; functions do not nest, they are called

Every message is walked, because a field that nobody defined could be in it; small ones that were seen before are not
walked twice. Bytes in a constant that are a format of their own are looked into like a file.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, FileReference, Graph, Native, Operator, Tensor, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Room
from weighbridge.formats.grammars.protobuf import BYTES, RANGES, Field, Shape, Wire, check_depth, decoded, signed
from weighbridge.formats.keras.config import config_in_text
from weighbridge.formats.magic import machine_code
from weighbridge.formats.onnx.tensors import MOST_DIMS, elements
from weighbridge.formats.tensorflow import schema
from weighbridge.formats.tensorflow.attributes import NAME, Attribute, called, strings, texts
from weighbridge.formats.tensorflow.paths import ATTRIBUTES, PATHS, Names, Node, Scope, Use, names_file
from weighbridge.formats.tensorflow.types import NAMES, WIDTHS
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

LONG = 100
"""Bytes of a name that is long enough to be searched like text."""
SMALL, SEEN = 160, 20_000
"""Bytes of messages that are remembered, and how many of them are."""
LARGE = 1024
"""Bytes of a constant that is worth listing."""
MOST_INPUTS, MOST_ATTRIBUTES = 20_000, 2_000
"""Inputs of one node that are followed, and attributes of one node that can name something."""
PROGRAMS = {b"XlaCallModule": "module", b"TRTEngineOp": "serialized_segment"}
"""Operators that carry a program of another kind in an attribute."""
_TELLING = ATTRIBUTES | {"value"}
"""Attributes that can name a file."""
_NUMBERS = frozenset((5, 6, 7, 9, 10, 11, 12, 13, 16, 17, 18))
"""Fields of a tensor with its elements as numbers."""


class Walk:
    """The graphs of one blob. `data` are the ranges of tensor bytes that were found."""

    __slots__ = ("_budget", "_operators", "_room", "_searched", "_seen", "data", "functions", "keep", "names", "wire")

    def __init__(self, reader: Reader, budget: Budget) -> None:
        self.wire = Wire(reader)
        self.data: list[tuple[int, int]] = []
        self.names = Names()
        self.functions: set[bytes] = set()
        self._budget = budget
        self._operators: dict[bytes, list[int]] = {}
        self._seen: set[tuple[str, bytes]] = set()
        self._searched: set[bytes] = set()
        self._room = Room(budget)
        self.keep = self._room.keep

    def graph(self, start: int, end: int, title: str, depth: int) -> Iterator[Fact | Child]:
        """A GraphDef."""
        scope = Scope(b"")
        nodes = 0
        for field in self.wire.fields(start, end, schema.GRAPH_DEF):
            number, _, offset, length, _, _ = field
            if number == 1:
                nodes += 1
                yield from self._node(offset, offset + length, scope, depth + 1)
            elif number == 2:
                yield from self._library(offset, offset + length, depth + 1)
            elif field.kind == BYTES:
                yield from self.plain(field, schema.GRAPH_DEF.messages[number], depth + 1)
        yield from self.keep(Graph("main", "", title, nodes, start))

    def finish(self) -> Iterator[Fact | Child]:
        """What can only be said at the end: operators, each once, and the names of files."""
        for name, (count, start, end) in self._operators.items():
            text = "" if name in (b"Const", b"NoOp") else strings(self.wire, start, end)
            yield from self.keep(Operator("", decoded(name), count, start, name in self.functions, text))
        yield from self.follow()

    def follow(self) -> Iterator[Fact]:
        """The names of files and addresses; then the model is done with."""
        told: set[tuple[str, str, bytes]] = set()
        for use in self.names.uses:
            for road, target in self.names.targets(use):
                if (road, target, use.op) not in told:
                    told.add((road, target, use.op))
                    key = f"{decoded(use.op)} {decoded(use.node)[:150]!r}"
                    yield from self.keep(FileReference(road, target[:1000], key, use.offset))
        if self.names.over:
            yield from self._room.full(0)
        self.names = Names()

    # Nodes

    def _library(self, start: int, end: int, depth: int) -> Iterator[Fact | Child]:
        for field in self.wire.fields(start, end, schema.FUNCTION_DEF_LIBRARY):
            if field.number == 1:
                yield from self._function(field, depth + 1)
            else:
                yield from self.plain(field, schema.FUNCTION_DEF_LIBRARY.messages[field.number], depth + 1)

    def _function(self, field: Field, depth: int) -> Iterator[Fact | Child]:
        wire = self.wire
        start, end = field.offset, field.offset + field.size
        scope = Scope(b"?")
        nodes = 0
        for part in wire.fields(start, end):
            if part.number == 1 and part.kind == BYTES:
                self._signature(part, scope)
        for part in wire.fields(start, end, schema.FUNCTION_DEF):
            if part.number == 3:
                nodes += 1
                yield from self._node(part.offset, part.offset + part.size, scope, depth + 1)
            else:
                yield from self.plain(part, schema.FUNCTION_DEF.messages[part.number], depth + 1)
        if self._budget.facts > len(self.functions):
            self.functions.add(scope.function)
        yield from self.keep(Graph("function", "", decoded(scope.function)[:200], nodes, field.start))

    def _signature(self, field: Field, scope: Scope) -> None:
        for part in self.wire.fields(field.offset, field.offset + field.size):
            if part.kind == BYTES and part.number == 1 and part.size:
                scope.function = self.wire.payload(part.offset, min(part.size, NAME))
            elif part.kind == BYTES and part.number == 2:
                for inner in self.wire.fields(part.offset, part.offset + part.size):
                    if inner.kind == BYTES and inner.number == 1:
                        self.names.argument(scope, self.wire.payload(inner.offset, min(inner.size, NAME)))

    def _node(self, start: int, end: int, scope: Scope, depth: int) -> Iterator[Fact | Child]:
        wire = self.wire
        name = op = b""
        inputs: list[bytes] = []
        for field in wire.fields(start, end, schema.NODE_DEF):
            number, _, offset, length, _, _ = field
            if number == 5:
                continue  # what an attribute means depends on the operator, which may come later
            if number in (6, 7):
                yield from self.plain(field, schema.NODE_DEF.messages[number], depth + 1)
                continue
            if number == 3:
                if len(inputs) < MOST_INPUTS:
                    inputs.append(wire.payload(offset, min(length, NAME)))
            elif number == 2:
                op = wire.payload(offset, min(length, NAME))
            elif number == 1:
                name = wire.payload(offset, min(length, NAME))
            if length >= LONG:
                yield from self.text(schema.NODE_DEF.names[number], offset, length)
        told: list[Attribute] = []
        for field in wire.fields(start, end):
            if field.number == 5 and field.kind == BYTES:
                yield from self._attribute(field, decoded(name), op, told, depth + 1)
                if len(told) > MOST_ATTRIBUTES:
                    raise FormatError(f"a node has more than {MOST_ATTRIBUTES} attributes", start)
        found = self._operators.get(op)
        if found is not None:
            found[0] += 1
        elif self._budget.facts > len(self._operators):
            self._operators[op] = [1, start, end]
        else:
            yield from self._room.full(start)
        yield from self._reach(scope, name, op, inputs, told, start)

    def _reach(
        self, scope: Scope, name: bytes, op: bytes, inputs: list[bytes], told: list[Attribute], offset: int
    ) -> Iterator[Fact]:
        """What the node has to do with names of files, and which functions it calls."""
        names = self.names
        for attribute in told:
            for function in called(self.wire, attribute):
                names.call(scope, op, function, tuple(inputs))
        if not names.wanted(op):
            # A function can be called like an operator, and the library may come later.
            names.call(scope, op, op, tuple(inputs))
            return
        held: tuple[str, ...] | None = None
        if op == b"Const":
            values = [attribute for attribute in told if attribute.name == "value"]
            held = tuple(text for value in values for text in texts(self.wire, value))
        names.add(scope, name, Node(op, tuple(inputs), held))
        for road, source in PATHS.get(op, ()):
            if isinstance(source, int):
                if source < len(inputs):
                    names.use(Use(scope, op, name, road, inputs[source], offset))
                continue
            for attribute in told:
                for text in texts(self.wire, attribute) if attribute.name == source else ():
                    if names_file(op, text):
                        key = f"{decoded(op)} {decoded(name)[:150]!r}"
                        yield from self.keep(FileReference(road, text[:1000], key, offset))

    def _attribute(
        self, field: Field, node: str, op: bytes, told: list[Attribute], depth: int
    ) -> Iterator[Fact | Child]:
        """An entry of the map of attributes. What can name something is put into `told`."""
        wire = self.wire
        _, _, start, size, _, _ = field
        small = size <= SMALL
        raw = wire.payload(start, size) if small else b""
        if small and ("a", raw) in self._seen:
            return
        notes = wire.notes
        name = ""
        for part in wire.fields(start, start + size, schema.ATTR_ENTRY):
            if part.number == 1:
                name = decoded(wire.payload(part.offset, min(part.size, NAME)))
                if part.size >= LONG:
                    yield from self.text("attr", part.offset, part.size)
        plain = True
        for value in wire.fields(start, start + size):
            if value.number != 2 or value.kind != BYTES:
                continue
            telling = name in _TELLING
            for part in wire.fields(value.offset, value.offset + value.size, schema.ATTR_VALUE):
                number, kind, offset, length, _, _ = part
                telling = telling or number == 10
                if number == 8:
                    yield from self._tensor(offset, offset + length, node or name, depth + 2)
                elif number == 1:
                    calls = yield from self._list(offset, offset + length, node or name, depth + 2)
                    telling = telling or calls
                elif number == 2:
                    if PROGRAMS.get(op) == name and length:
                        yield from self._program(op, offset, length)
                    yield from self.text(name, offset, length)
                elif kind == BYTES and number in schema.ATTR_VALUE.messages:
                    yield from self.plain(part, schema.ATTR_VALUE.messages[number], depth + 2)
                elif kind == BYTES:
                    yield from self.text(name, offset, length)
            if telling:
                plain = False
                told.append(Attribute(name, value.offset, value.offset + value.size))
        if plain and small and notes == wire.notes and len(self._seen) < SEEN:
            self._seen.add(("a", raw))

    def _list(self, start: int, end: int, where: str, depth: int) -> Generator[Fact | Child, None, bool]:
        """The values of a list; whether there are functions among them."""
        calls = False
        for part in self.wire.fields(start, end, schema.ATTR_VALUE_LIST_VALUE):
            if part.number == 8:
                yield from self._tensor(part.offset, part.offset + part.size, where, depth + 1)
            elif part.number == 2:
                yield from self.text(where, part.offset, part.size)
            elif part.kind == BYTES and part.number in schema.ATTR_VALUE_LIST_VALUE.messages:
                calls = calls or part.number == 9
                yield from self.plain(part, schema.ATTR_VALUE_LIST_VALUE.messages[part.number], depth + 1)
        return calls

    # Tensors

    def _tensor(self, start: int, end: int, where: str, depth: int) -> Iterator[Fact | Child]:
        wire = self.wire
        check_depth(depth, start)
        dims: tuple[int, ...] = ()
        dtype = stored = 0
        place, content = start, -1
        for field in wire.fields(start, end, schema.TENSOR):
            number, kind, offset, length, value, _ = field
            if number == 1:
                dtype = signed(value) % 100
            elif number == 2:
                dims = self.dims(offset, offset + length)
                yield from self.plain(field, schema.TENSOR_SHAPE, depth + 1)
            elif number == 4:
                place, content, stored = offset, length, stored + length
                self.take(offset, length)
                yield from self._machine_code(offset, length)
            elif number == 8:
                place, stored = place if stored else offset, stored + length
                yield from self.text(where, offset, length)
            elif number in _NUMBERS:
                stored += length
                if kind == BYTES:
                    self.take(offset, length)
            elif kind == BYTES and number in schema.TENSOR.messages:
                yield from self.plain(field, schema.TENSOR.messages[number], depth + 1)
        width, count = WIDTHS.get(dtype, 0), elements(dims)
        if count < 0 or (content >= 0 and width and content != count * width):
            wire.note(
                "tensor-size",
                f"the constant {where[:100]!r} of type {NAMES.get(dtype, dtype)} and shape {list(dims[:8])} has "
                f"{max(content, 0)} bytes",
                start,
            )
        if stored >= LARGE:
            yield from self.keep(Tensor(where[:NAME], NAMES.get(dtype, str(dtype)), dims, place, stored))

    def dims(self, start: int, end: int) -> tuple[int, ...]:
        """The lengths that a TensorShapeProto names; -1 is one that is not known, which a constant cannot have."""
        found: list[int] = []
        for part in self.wire.fields(start, end):
            if part.number == 2 and part.kind == BYTES and len(found) <= MOST_DIMS:
                length = 0
                for inner in self.wire.fields(part.offset, part.offset + part.size):
                    length = signed(inner.value) if inner.number == 1 else length
                found.append(length)
        return tuple(found)

    def take(self, offset: int, size: int) -> None:
        """Bytes of a tensor. Beyond the limit of ranges they simply count as parsed."""
        if size and len(self.data) < RANGES:
            self.data.append((offset, offset + size))

    def _machine_code(self, offset: int, size: int) -> Iterator[Fact]:
        if size >= LONG:
            kind = machine_code(self.wire.reader.peek(offset, 512)[:size])
            if kind:
                yield from self.keep(Native(kind, offset))

    def _program(self, op: bytes, offset: int, size: int) -> Iterator[Fact]:
        yield UnreadSpan(offset, size, f"the program in an operator {decoded(op)} is not read")

    # Everything else

    def plain(self, field: Field, shape: Shape, depth: int) -> Iterator[Fact | Child]:
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
            if part.kind != BYTES:
                continue
            inner = shape.messages.get(part.number)
            if inner is schema.TENSOR:
                yield from self._tensor(part.offset, part.offset + part.size, shape.name, depth + 1)
            elif inner is not None:
                yield from self.plain(part, inner, depth + 1)
            elif part.size >= SHORTEST and (part.size >= LONG or part.number not in shape.texts):
                yield from self.text(shape.names[part.number], part.offset, part.size)
        if small and notes == wire.notes and len(self._seen) < SEEN:
            self._seen.add(key)

    def text(self, key: str, offset: int, size: int) -> Iterator[Fact | Child]:
        """Search text or bytes for serialized objects; bytes that are a format of their own are looked into."""
        if size < SHORTEST:
            return
        budget = self._budget
        if size > budget.limits.embedded * 2:
            self.take(offset, size)
            yield from search_strings(self.wire.reader, offset, size, key, budget)
            yield Child(key[:200], -1, size, self.wire.reader.part(offset, size))
            return
        raw = self.wire.payload(offset, size)
        if size <= SMALL:
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
            text = ""
            yield from search_strings(self.wire.reader, offset, size, key, budget)
        if size >= LONG:
            self.take(offset, size)
        if not text.isprintable() or not text:
            yield Child(key[:200], -1, size, self.wire.reader.part(offset, size))
        for found in embedded_in_text(text, key, offset, budget):
            if isinstance(found, Child):
                yield found
            else:
                yield from self.keep(found)
        if "class_name" in text and text.lstrip()[:1] == "{":
            yield from config_in_text(text, key, offset, budget, certain=True)
