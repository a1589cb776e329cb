"""TensorFlow Lite (LiteRT) models: a flatbuffer, and what may stand behind it.

    offset 4   "TFL3"
    Model      operator_codes ── code, or the name of one that is not built in
               subgraphs ─────── tensors ── shape, type, number of a buffer
                                 operators ── number of the operator code, numbers of tensors, options
               buffers ───────── the bytes; or where they are in the file, for models that are larger than 2 GB
               metadata ──────── a name and the number of a buffer
               external_buffers  where bytes are in another file
    behind it  buffers and options of operators that were too large
    at the end a zip of the files that the metadata describes: labels, vocabularies

Names of operators: those of TFLite have an empty domain, of `custom` ones the program that loads the model must have
the code, `flex` are operators of TensorFlow, `stablehlo` calls something by name. An interpreter asks for every
operator code, used or not. Source: LiteRT 2.3, `schema_py_generated.py`; TensorFlow Lite metadata documentation.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Graph, Metadata, Operator, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.flat_walk import Blob, Walk
from weighbridge.formats.grammars.flatbuffer import Flat, Table, most_tables, schema
from weighbridge.formats.tflite.schema import OPERATORS, TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

SCHEMA = schema(TABLES)
NAMES = tuple(OPERATORS.split())
CUSTOM, PLACEHOLDER = 32, 127
"""The code of operators that are not built in; in the older field, what stands for all higher codes."""
OPTIONS = 400
"""Bytes of the options of an operator whose texts are shown."""
NUMBERS = 4096
"""Numbers of tensors that are read at a time."""
_TEXTS = re.compile(rb"[\x20-\x7e]{3,}")
_BODIES = (
    "then_subgraph_index",
    "else_subgraph_index",
    "cond_subgraph_index",
    "body_subgraph_index",
    "init_subgraph_index",
    "decomposition_subgraph_index",
    "comparator_subgraph_index",
    "update_computation_subgraph_index",
)
"""Fields of options that name a subgraph."""


class Tflite:
    """A model of TensorFlow Lite."""

    name = "tflite"
    version = 1
    extensions = frozenset((".tflite", ".lite"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark; MAYBE by the name."""
        if info.head[4:8] == b"TFL3" and 8 <= int.from_bytes(info.head[:4], "little") < data.size:
            return Match.YES
        return Match.MAYBE if info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the flatbuffer, then read graphs, tensors, metadata, and what stands behind it."""
        from weighbridge.formats.tflite.buffers import Buffers

        del info
        if data.read(4, 4) != b"TFL3":
            raise FormatError("the mark TFL3 is missing", 4)
        flat = Flat(data)
        walk = Walk(flat, SCHEMA, budget)
        root = flat.root()
        for event in walk.events("Model", root):
            if not isinstance(event, Blob):
                yield event
            elif event.table != "Buffer":
                yield from opaque_options(walk, data, event, budget)
        spans, end = walk.owned(8)
        yield Span(0, 8, "parsed")
        yield from spans
        model = Table(flat, SCHEMA, "Model", root)
        graphs = Graphs(model, walk)
        yield from graphs.facts()
        buffers = Buffers(model, walk, data, budget)
        yield from buffers.facts(end)
        yield from walk.oddities()


def opaque_options(walk: Walk, data: Reader, blob: Blob, budget: Budget) -> Iterator[Fact | Span | Child]:
    """Bytes that only their operator understands, which is judged by its name: their texts are searched."""
    from weighbridge.formats.texts.plain import search_strings

    yield from walk.program(blob.offset, blob.size)
    yield from search_strings(data, blob.offset, blob.size, blob.field, budget)
    yield Span(blob.offset, blob.size, "data")


class Graphs:
    """Subgraphs and operators of a model."""

    __slots__ = ("_codes", "_first", "_left", "_model", "_texts", "_times", "_walk")

    def __init__(self, model: Table, walk: Walk) -> None:
        self._model = model
        self._walk = walk
        self._codes: list[tuple[str, str, int]] = []
        self._times: list[int] = []
        self._first: list[int] = []
        self._texts: dict[int, str] = {}
        self._left = most_tables(model.flat.reader.size)

    def facts(self) -> Iterator[Fact]:
        """Version and description, every subgraph, every operator code, every signature."""
        model, keep = self._model, self._walk.keep
        yield from keep(Metadata("version", str(model.number("version")), 4, model.place))
        description = model.text("description")
        if description:
            yield from keep(Metadata("description", description, model.flat.vector_at(0, 0)[0], model.place))
        for code in model.tables("operator_codes"):
            self._codes.append((*_name(code), code.place))
            self._times.append(0)
            self._first.append(code.place)
        graphs = list(model.tables("subgraphs"))
        for number, graph in enumerate(graphs):
            yield from self._graph(graph, number, len(graphs))
        for number, (domain, name, _) in enumerate(self._codes):
            text = self._texts.get(number, "")
            yield from keep(Operator(domain, name, self._times[number], self._first[number], text=text))
        for signature in model.tables("signature_defs"):
            yield from self._signature(signature, graphs)

    def _graph(self, graph: Table, number: int, graphs: int) -> Iterator[Fact]:
        tensors = graph.vector("tensors")[1]
        nodes = 0
        for name in ("inputs", "outputs"):
            self._indexes(graph, name, tensors, 0)
        for operator in graph.tables("operators"):
            self._left -= 1
            if self._left < 0:
                raise FormatError(
                    "there are more operators than bytes for them: some stand in several graphs", operator.place
                )
            nodes += 1
            code = operator.number("opcode_index")
            if code >= len(self._codes):
                self._walk.odd("graph-index", "an operator has a code that does not exist", operator.place)
                continue
            self._times[code] += 1
            if self._times[code] == 1:
                self._first[code] = operator.place
            self._indexes(operator, "inputs", tensors, -1)
            self._indexes(operator, "outputs", tensors, -1)
            self._indexes(operator, "intermediates", tensors, -1)
            yield from self._options(operator, code, graphs)
        role = "main" if number == 0 else "body"
        yield from self._walk.keep(Graph(role, "", graph.text("name"), nodes, graph.place))

    def _indexes(self, table: Table, name: str, tensors: int, least: int) -> None:
        """Whether all numbers of tensors are numbers of tensors; -1 stands for an input that is left out."""
        numbers = table.numbers(name, NUMBERS)
        if numbers and not least <= min(numbers) <= max(numbers) < tensors:
            self._walk.odd(
                "graph-index", f"{name} of a {table.shape.name} name a tensor that does not exist", table.place
            )
        if len(numbers) == NUMBERS:
            self._walk.odd("graph-index", f"a {table.shape.name} has absurdly many {name}", table.place)

    def _options(self, operator: Table, code: int, graphs: int) -> Iterator[Fact]:
        for field in ("builtin_options", "builtin_options2"):
            options = operator.union(field)
            if options is None:
                continue
            for name in _BODIES:
                if name in options.shape.order and not -1 <= options.number(name) < graphs:
                    self._walk.odd("graph-index", "an operator names a subgraph that does not exist", operator.place)
            if options.shape.name == "StablehloCustomCallOptions":
                name = options.text("call_target_name")
                yield from self._walk.keep(
                    Operator("stablehlo", name, 1, operator.place, text=options.text("backend_config"))
                )
            elif options.shape.name == "StableHLOCompositeOptions" and code not in self._texts:
                self._texts[code] = options.text("name")
        if self._codes[code][0] and code not in self._texts:
            start, size = operator.vector("custom_options")
            raw = operator.flat.reader.read(start, min(size, OPTIONS)) if size else b""
            self._texts[code] = " ".join(text.decode("ascii") for text in _TEXTS.findall(raw))[:200]

    def _signature(self, signature: Table, graphs: list[Table]) -> Iterator[Fact]:
        number = signature.number("subgraph_index")
        names = []
        tensors = graphs[number].vector("tensors")[1] if number < len(graphs) else 0
        for side in ("inputs", "outputs"):
            listed: list[str] = []
            for entry in signature.tables(side):
                self._left -= 1
                if self._left < 0:
                    raise FormatError(
                        "there are more entries of signatures than bytes for them: some stand in several graphs",
                        entry.place,
                    )
                if len(listed) < 50:
                    listed.append(entry.text("name", 50))
                if entry.number("tensor_index") >= tensors:
                    self._walk.odd("graph-index", "a signature names a tensor that does not exist", entry.place)
            names.append(", ".join(listed))
        text = f"subgraph {number}: {names[0]} -> {names[1]}"
        yield from self._walk.keep(
            Metadata(f"signature {signature.text('signature_key')}"[:200], text[:200], len(text), signature.place)
        )


def _name(code: Table) -> tuple[str, str]:
    """Domain and name of an operator code. Interpreters take the higher of its two numbers."""
    number = max(code.number("deprecated_builtin_code"), code.number("builtin_code"))
    if number != CUSTOM:
        known = 0 <= number < len(NAMES) and number != PLACEHOLDER
        return "", NAMES[number] if known else f"operator {number}"
    name = code.text("custom_code")
    return ("flex", name[4:]) if name.startswith("Flex") else ("custom", name)
