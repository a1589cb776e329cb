"""The payload of ExecuTorch's XNNPACK back end: a graph of operators from a fixed list, and its constants.

    offset 4    "XH00", u16 bytes of the header (30), u32 and u32 where the flatbuffer is and its bytes, u32 and u64
                where the constants are and their bytes; zeros to a multiple of 16
    then        a flatbuffer "XN00" or "XN01": XNNGraph ── xnodes, xvalues, constant_data
    then        the constants

It is a graph as any other: no operator can be anything but one of the list, and nothing in it is machine code. Older
files are the flatbuffer alone, with the constants inside. Source: executorch 1.5.1, `xnnpack_graph_serialize.py`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Graph, Metadata, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.executorch.schema import XNNPACK
from weighbridge.formats.executorch.segments import plain
from weighbridge.formats.grammars.flat_walk import Blob, Walk
from weighbridge.formats.grammars.flatbuffer import Flat, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

HEADER = 30
MARKS = (b"XN00", b"XN01")


class Xnnpack:
    """A graph for XNNPACK."""

    name = "xnnpack"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark."""
        del data
        return Match.YES if info.head[4:8] in (b"XH00", *MARKS) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the graph, or the header around one: then the graph is a blob of its own, and the constants are data."""
        del info
        mark = data.read(4, 4)
        if mark in MARKS:
            yield from _graph(data, budget)
            return
        raw = data.read(0, HEADER)
        start, size = int.from_bytes(raw[10:14], "little"), int.from_bytes(raw[14:18], "little")
        constants, length = int.from_bytes(raw[18:22], "little"), int.from_bytes(raw[22:30], "little")
        if mark != b"XH00" or int.from_bytes(raw[8:10], "little") != HEADER or raw[:4].strip(b"\0"):
            raise FormatError("the header is none of XNNPACK", 0)
        if start < HEADER or constants < start + size or constants + length > data.size:
            raise FormatError("the header names places that the payload does not have", 8)
        yield Span(0, HEADER, "parsed")
        yield from _zeros(data, HEADER, start)
        yield Child("graph", start, size, data.part(start, size))
        yield from _zeros(data, start + size, constants)
        flat = Flat(data.part(start, size))
        walk = Walk(flat, XNNPACK, budget)
        for entry in Table(flat, XNNPACK, "XNNGraph", flat.root()).tables("constant_data"):
            if not entry.has("named_key") and entry.number("offset") + entry.number("size") > length:
                walk.odd("buffer-range", "a constant reaches beyond the end of the constants", start)
        if length:
            yield from plain(walk, data, constants, length, "constants")
        yield from walk.oddities()
        yield from _zeros(data, constants + length, data.size)


def _graph(data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    flat = Flat(data)
    walk = Walk(flat, XNNPACK, budget)
    root = flat.root()
    for event in walk.events("XNNGraph", root):
        if isinstance(event, Blob):
            yield from plain(walk, data, event.offset, event.size, event.field)
        else:
            yield event
    top = Table(flat, XNNPACK, "XNNGraph", root)
    version = top.text("version")
    yield from walk.keep(Metadata("version", version, len(version), top.place))
    yield from walk.keep(Graph("main", "", "", top.vector("xnodes")[1], top.place))
    yield Span(0, 8, "parsed")
    spans, end = walk.owned(8)
    yield from spans
    yield from walk.tail(end)
    yield from walk.oddities()


def _zeros(data: Reader, start: int, end: int) -> Iterator[Span]:
    if start < end and end - start < 4096 and not data.read(start, end - start).strip(b"\0"):
        yield Span(start, end - start, "parsed")
