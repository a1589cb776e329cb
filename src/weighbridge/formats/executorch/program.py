"""Programs of ExecuTorch (.pte), files of their tensors (.ptd), and programs with test cases (.bpte).

    offset 4   "ET12" and a header "eh00"       Program: execution_plan ── values, operators, chains of instructions,
               (or none: then no segments)                 delegates ── the name of a back end, its payload
                                                           segments, constant_segment, named_data
    offset 4   "FT01" and a header "FH01"       FlatTensor: segments, names and shapes of the tensors in them
    offset 4   "BP08"                           BundledProgram: a program as bytes, inputs and outputs to test it with

A delegate runs its payload in a back end: a graph, or machine code for a processor of its own. Payloads are blobs of
their own (that of XNNPACK is read, see `xnnpack`), and each is a reference of the road `executorch-delegate`, so that
nobody takes the graph for all that is run. Operators: `aten::add` with the overload `out` is of the domain `aten`,
named `add.out`; whoever loads the program must have a kernel for each. Tensors with their bytes in a file beside are
references of the road `executorch-data`. Sources: as in `formats/executorch/schema.py` and `segments`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, FileReference, Graph, Metadata, Oddity, Operator, Reference, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.executorch.schema import BUNDLED, FLAT_TENSOR, PROGRAM, SCALARS
from weighbridge.formats.executorch.segments import Header, Segments, plain, read_header
from weighbridge.formats.grammars.flat_walk import Blob, Walk
from weighbridge.formats.grammars.flatbuffer import ENTRIES, Flat, Table, most_tables
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MOST_DIMS = 64
EXTERNAL = 1
"""TensorDataLocation of a tensor with its bytes in another file."""
_MARKS = {b"ET12": b"eh00", b"FT01": b"FH01", b"BP08": b"\0none"}


class Executorch:
    """A program, a file of tensors, or a program with test cases."""

    name = "executorch"
    version = 1
    extensions = frozenset((".pte", ".ptd", ".bpte"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark; MAYBE by the name."""
        if info.head[4:8] in _MARKS and 8 <= int.from_bytes(info.head[:4], "little") < data.size:
            return Match.YES
        return Match.MAYBE if info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the flatbuffer, then say what runs and which bytes it needs."""
        del info
        mark = data.read(4, 4)
        if mark not in _MARKS:
            raise FormatError("the mark of ExecuTorch is missing", 4)
        header = read_header(data, _MARKS[mark])
        flat = Flat(data.part(0, header.program))
        if mark == b"ET12":
            yield from _program(data, flat, header, budget)
        elif mark == b"FT01":
            yield from _tensors(data, flat, header, budget)
        else:
            yield from _bundled(data, flat, budget)


def _program(data: Reader, flat: Flat, header: Header, budget: Budget) -> Iterator[Fact | Span | Child]:
    walk = Walk(flat, PROGRAM, budget)
    root = flat.root()
    for event in walk.events("Program", root):
        if not isinstance(event, Blob):
            yield event
        elif event.table in ("Tensor", "CompileSpec"):
            yield from walk.program(event.offset, event.size)
            yield from search_strings(data, event.offset, event.size, event.field, budget)
            yield Span(event.offset, event.size, "data")
    start = 8 + header.size
    spans, end = walk.owned(start)
    yield Span(0, start, "parsed")
    yield from spans
    program = Program(data, walk, header, Table(flat, PROGRAM, "Program", root))
    yield from program.facts()
    yield from program.segments.rest(end)
    yield from walk.oddities()


def _tensors(data: Reader, flat: Flat, header: Header, budget: Budget) -> Iterator[Fact | Span | Child]:
    walk = Walk(flat, FLAT_TENSOR, budget)
    root = flat.root()
    for event in walk.events("FlatTensor", root):
        if isinstance(event, Blob):
            yield Span(event.offset, event.size, "parsed")
        else:
            yield event
    start = 8 + header.size
    spans, end = walk.owned(start)
    yield Span(0, start, "parsed")
    yield from spans
    top = Table(flat, FLAT_TENSOR, "FlatTensor", root)
    segments = Segments(data, walk, header, top.tables("segments"))
    for entry in top.tables("named_data"):
        layout, number, key = entry.table("tensor_layout"), entry.number("segment_index"), entry.text("key")
        offset, size = segments.get(number, entry.place)
        if layout is not None:
            dtype, shape, wanted = described(layout)
            if wanted != size:
                detail = f"tensor {key!r} of type {dtype} and shape {list(shape)} has {size} bytes instead of {wanted}"
                yield from walk.keep(Oddity("buffer-size", detail, entry.place))
            yield from walk.keep(Tensor(key, dtype, shape, offset, size))
        yield from segments.take(number, entry.place, key)
    yield from segments.rest(end)
    yield from walk.oddities()


def _bundled(data: Reader, flat: Flat, budget: Budget) -> Iterator[Fact | Span | Child]:
    walk = Walk(flat, BUNDLED, budget)
    for event in walk.events("BundledProgram", flat.root()):
        if not isinstance(event, Blob):
            yield event
        elif event.field == "program":
            yield Child("program.pte", event.offset, event.size, data.part(event.offset, event.size))
        else:
            yield from plain(walk, data, event.offset, event.size, event.field)
    spans, end = walk.owned(8)
    yield Span(0, 8, "parsed")
    yield from spans
    yield from walk.tail(end)
    yield from walk.oddities()


class Program:
    """What a program runs, and the bytes that it needs."""

    __slots__ = ("_buffers", "_data", "_inline", "_left", "_top", "_walk", "segments")

    def __init__(self, data: Reader, walk: Walk, header: Header, top: Table) -> None:
        self._data = data
        self._walk = walk
        self._top = top
        self._left = most_tables(data.size)
        self._buffers = [buffer.vector("storage") for buffer in top.tables("constant_buffer")]
        self._inline = [payload.vector("data") for payload in top.tables("backend_delegate_data")]
        self.segments = Segments(data, walk, header, top.tables("segments"))

    def facts(self) -> Iterator[Fact | Span | Child]:
        """Version, plans, operators, delegates, tensors; every segment that they name."""
        top = self._top
        yield from self._walk.keep(Metadata("version", str(top.number("version")), 4, top.place))
        offsets = self._constants()
        used: set[int] = set()
        for plan in top.tables("execution_plan"):
            yield from self._plan(plan, used)
            for value in plan.tables("values"):
                self._step(value)
                tensor = value.union("val")
                if tensor is not None and tensor.shape.name == "Tensor":
                    yield from self._tensor(tensor, offsets)
        for start, size in self._buffers:
            if size:
                yield from plain(self._walk, self._data, start, size, "constant_buffer")
        for number, (start, size) in enumerate(self._inline):
            if size and number not in used:
                detail = f"payload {number} of {size} bytes belongs to no delegate"
                yield from self._walk.keep(Oddity("unused-buffer", detail, start))
                yield from self._walk.child(f"payload {number}", start, size, self._data)
        yield from self._named()

    def _constants(self) -> tuple[int, ...]:
        constants = self._top.table("constant_segment")
        return constants.numbers("offsets", ENTRIES) if constants is not None else ()

    def _named(self) -> Iterator[Fact | Span | Child]:
        top = self._top
        constants = top.table("constant_segment")
        # A program without constants names the first segment all the same.
        if constants is not None and len(constants.numbers("offsets", 2)) > 1:
            yield from self.segments.take(constants.number("segment_index"), constants.place, "constant_segment")
        for entry in top.tables("mutable_data_segments"):
            self._step(entry)
            yield from self.segments.take(entry.number("segment_index"), entry.place, "mutable_data_segments")
        for entry in top.tables("named_data"):
            self._step(entry)
            yield from self.segments.take(entry.number("segment_index"), entry.place, entry.text("key"))

    def _plan(self, plan: Table, used: set[int]) -> Iterator[Fact | Span | Child]:
        name = plan.text("name")
        operators = [(operator, [0]) for operator in plan.tables("operators")]
        delegates = list(plan.tables("delegates"))
        values = plan.vector("values")[1]
        nodes = 0
        for chain in plan.tables("chains"):
            self._step(chain)
            for instruction in chain.tables("instructions"):
                self._step(instruction)
                nodes += 1
                call = instruction.union("instr_args")
                if call is None:
                    continue
                if call.shape.name == "KernelCall":
                    self._count(operators, call)
                elif call.shape.name == "DelegateCall" and not 0 <= call.number("delegate_index") < len(delegates):
                    self._walk.odd("graph-index", "an instruction calls a delegate that does not exist", call.place)
                if "args" in call.shape.order:
                    arguments = call.numbers("args", 4096)
                    if arguments and not 0 <= min(arguments) <= max(arguments) < values:
                        self._walk.odd("graph-index", "an instruction names a value that does not exist", call.place)
        yield from self._walk.keep(Graph("main", "", name, nodes, plan.place))
        for operator, (times,) in operators:
            self._step(operator)
            domain, colons, rest = operator.text("name").rpartition("::")
            overload = operator.text("overload")
            full = rest + (f".{overload}" if overload else "")
            yield from self._walk.keep(Operator(domain if colons else "", full, times, operator.place))
        for delegate in delegates:
            yield from self._delegate(delegate, name, used)

    def _count(self, operators: list[tuple[Table, list[int]]], call: Table) -> None:
        number = call.number("op_index")
        if 0 <= number < len(operators):
            operators[number][1][0] += 1
        else:
            self._walk.odd("graph-index", "an instruction calls an operator that does not exist", call.place)

    def _delegate(self, delegate: Table, plan: str, used: set[int]) -> Iterator[Fact | Span | Child]:
        self._step(delegate)
        name = delegate.text("id")
        processed = delegate.table("processed")
        number = processed.number("index") if processed is not None else 0
        inline = processed is None or processed.number("location") == 0
        where = f"payload {number}" if inline else f"segment {number}"
        if inline:
            exists = number < len(self._inline)
            start, size = self._inline[number] if exists else (0, 0)
            if not exists:
                self._walk.odd("graph-index", "a delegate has a payload that does not exist", delegate.place)
        else:
            start, size = self.segments.get(number, delegate.place)
        specs: list[str] = []
        for spec in delegate.tables("compile_specs"):
            self._step(spec)
            if len(specs) < 8:
                specs.append(spec.text("key", 50))
        more = f"; options {', '.join(specs)}" if specs else ""
        arguments = f"{where}, {size} bytes{more}"
        yield from self._walk.keep(Reference("executorch-delegate", name, plan, arguments, delegate.place))
        if not inline:
            yield from self.segments.hand_over(number, delegate.place, f"{name} {where}")
        elif size and number not in used:
            used.add(number)
            yield from self._walk.child(f"{name} {where}", start, size, self._data)

    def _tensor(self, tensor: Table, offsets: tuple[int, ...]) -> Iterator[Fact]:
        more = tensor.table("extra_tensor_info")
        name = more.text("fully_qualified_name") if more is not None else ""
        if more is not None and more.number("location") == EXTERNAL:
            yield from self._walk.keep(FileReference("executorch-data", name, "extra_tensor_info", tensor.place))
            return
        number = tensor.number("data_buffer_idx")
        if not number or tensor.has("allocation_info"):
            return
        dtype, shape, wanted = described(tensor)
        if offsets:
            constants = self._top.table("constant_segment")
            start, length = self.segments.get(constants.number("segment_index") if constants else 0, tensor.place)
            known = number < len(offsets)
            place = start + offsets[number] if known else 0
            size = max(0, start + length - place) if known else -1
            fits = wanted <= size
        else:
            known = number < len(self._buffers)
            place, size = self._buffers[number] if known else (0, -1)
            fits = wanted == size
        if not known:
            self._walk.odd("graph-index", "a tensor has a buffer that does not exist", tensor.place)
        elif wanted < 0 or not fits:
            detail = f"tensor {name or number!r} of type {dtype} and shape {list(shape)} has {size} bytes"
            yield from self._walk.keep(Oddity("buffer-size", f"{detail} instead of {wanted}", tensor.place))
        yield from self._walk.keep(Tensor(name or f"constant {number}", dtype, shape, place, max(wanted, 0)))

    def _step(self, table: Table) -> None:
        self._left -= 1
        if self._left < 0:
            raise FormatError(
                "there are more instructions and values than bytes for them: some stand in several plans", table.place
            )


def described(tensor: Table) -> tuple[str, tuple[int, ...], int]:
    """Type and shape of a tensor, and the bytes that they ask for: -1 if they are impossible."""
    number = tensor.number("scalar_type")
    dtype, bits = SCALARS.get(number, (f"type {number}", 0))
    shape = tensor.numbers("sizes", MOST_DIMS + 1)
    product = 1
    for length in shape:
        product *= length
        if length < 0 or product >> 63:
            return dtype, shape[:8], -1
    return dtype, shape[:MOST_DIMS], -1 if not bits or len(shape) > MOST_DIMS else (product * bits + 7) // 8
