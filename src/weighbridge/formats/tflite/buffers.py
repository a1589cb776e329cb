"""The bytes of a TFLite model: which buffer belongs to which tensor or metadata, and what stands behind the flatbuffer.

    buffer 0    empty: tensors whose bytes come while running name it
    tensor      takes as many bytes as its shape and type ask for; texts and sparse ones have a form of their own
    metadata    a text, something of a program's own, or one of the flatbuffers of `formats/tflite/metadata.py`
    behind      buffers and options with `offset` and `size` from the start of the file, aligned to 16; at the end a zip
                whose offsets count from the start of the file

Interpreters have read beyond buffers that are smaller than their tensors (CVE-2022-23594 and many before it). A buffer
that nothing names is a hiding place. Source: LiteRT 2.3, `model_builder.cc` and `interpreter_builder.cc`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, ExternalData, FileReference, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.zip import find_end_record, frame, read_directory, read_member
from weighbridge.formats.grammars.flat_walk import LONGEST_PADDING
from weighbridge.formats.grammars.flatbuffer import ENTRIES, most_tables
from weighbridge.formats.texts.embedded import kind_of
from weighbridge.formats.texts.plain import search_strings
from weighbridge.formats.tflite.schema import TYPES as TYPE_NAMES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.grammars.flat_walk import Walk
    from weighbridge.formats.grammars.flatbuffer import Table

TYPES = tuple(TYPE_NAMES.split())
BITS = dict.fromkeys(("UINT8", "INT8", "BOOL", "FLOAT8_E4M3FN", "FLOAT8_E5M2"), 8) | {
    "FLOAT32": 32,
    "FLOAT16": 16,
    "INT32": 32,
    "INT64": 64,
    "INT16": 16,
    "COMPLEX64": 64,
    "FLOAT64": 64,
    "COMPLEX128": 128,
    "UINT64": 64,
    "UINT32": 32,
    "UINT16": 16,
    "BFLOAT16": 16,
    "INT4": 4,
    "UINT4": 4,
    "INT2": 2,
}
"""Type → bits of an element; of texts, resources and variants the shape does not tell the size."""
MOST_DIMS = 64
GLANCE = 64 * 1024
"""Bytes of a tensor of bytes that are looked at for an object of another format."""
KNOWN = frozenset(("TFLITE_METADATA", "CONVERSION_METADATA"))
"""Metadata with a form of its own; other metadata belongs to some program and is text, or small."""
OUTSIDE = 2
"""The lowest offset of a buffer that stands behind the flatbuffer: 1 is what writers put in before they know."""


class Buffers:
    """All buffers of a model, where they are, and who needs them."""

    __slots__ = ("_behind", "_budget", "_data", "_inside", "_left", "_model", "_users", "_walk")

    def __init__(self, model: Table, walk: Walk, data: Reader, budget: Budget) -> None:
        self._model = model
        self._walk = walk
        self._data = data
        self._budget = budget
        self._inside: list[tuple[int, int]] = []
        self._behind: list[tuple[int, int]] = []
        self._users: dict[int, str] = {}
        self._left = most_tables(data.size)

    def facts(self, end: int) -> Iterator[Fact | Span | Child]:
        """Every tensor and metadata with its bytes; `end` is where the flatbuffer ends."""
        for buffer in self._model.tables("buffers"):
            self._inside.append(self._placed(buffer, end))
        yield from self._tensors()
        yield from self._metadata()
        for number, (offset, size) in enumerate(self._inside):
            if size and number not in self._users:
                detail = f"buffer {number} of {size} bytes belongs to no tensor and to no metadata"
                yield from self._walk.keep(Oddity("unused-buffer", detail, offset))
                yield from self._walk.child(f"buffer {number}", offset, size, self._data)
        yield from self._options(end)
        yield from self._tail(end)

    def _placed(self, buffer: Table, end: int) -> tuple[int, int]:
        """Where the bytes of a buffer are."""
        start, size = buffer.vector("data")
        offset = buffer.number("offset")
        if offset < OUTSIDE:
            return start, size
        if size:
            self._walk.odd("buffer-twice", "a buffer has its bytes inside and behind the flatbuffer", buffer.place)
        return self._outside(offset, buffer.number("size"), end, buffer.place)

    def _outside(self, offset: int, size: int, end: int, place: int) -> tuple[int, int]:
        if offset + size > self._data.size:
            self._walk.odd("buffer-range", "bytes of the model should be behind the end of the file", place)
            return 0, 0
        if offset < end and size:
            self._walk.odd("flat-overlap", "bytes behind the flatbuffer should be inside of it", place)
        elif size:
            self._behind.append((offset, offset + size))
        return offset, size

    # Tensors

    def _tensors(self) -> Iterator[Fact | Span | Child]:
        external = {entry.number("id"): entry for entry in self._model.tables("external_buffers")}
        groups = [group.text("name", 1000) for group in self._model.tables("external_buffer_groups")]
        for graph in self._model.tables("subgraphs"):
            for tensor in graph.tables("tensors"):
                self._left -= 1
                if self._left < 0:
                    raise FormatError(
                        "there are more tensors than bytes for them: some stand in several graphs", tensor.place
                    )
                number = tensor.number("external_buffer")
                if number:
                    yield from self._elsewhere(tensor, external.get(number), groups)
                yield from self._tensor(tensor)

    def _tensor(self, tensor: Table) -> Iterator[Fact | Span | Child]:
        number = tensor.number("buffer")
        if number >= len(self._inside):
            self._walk.odd("graph-index", "a tensor has a buffer that does not exist", tensor.place)
            return
        offset, size = self._inside[number]
        name, dtype, shape, wanted = described(tensor)
        if wanted == -1:
            detail = f"tensor {name!r} has impossible dimensions or a type that does not exist"
            yield from self._walk.keep(Oddity("buffer-size", detail, tensor.place))
        if not size:
            return
        if wanted >= 0 and wanted != size:
            detail = f"tensor {name!r} of type {dtype} and shape {list(shape)} has {size} bytes instead of {wanted}"
            yield from self._walk.keep(Oddity("buffer-size", detail, tensor.place))
        yield from self._walk.keep(Tensor(name, dtype, shape, offset, size))
        known = self._users.setdefault(number, "tensor")
        if known != "tensor" or not number:
            yield from self._walk.keep(
                Oddity("unused-buffer", f"tensor {name!r} takes the bytes of another use", offset)
            )
        yield from self._walk.program(offset, size)
        if dtype == "STRING":
            yield from search_strings(self._data, offset, size, f"tensor {name}"[:200], self._budget)
        elif dtype in ("INT8", "UINT8") and kind_of(self._data.peek(offset, min(size, GLANCE))):
            yield from self._walk.child(f"tensor {name}", offset, size, self._data)
        yield Span(offset, size, "data")

    def _elsewhere(self, tensor: Table, entry: Table | None, groups: list[str]) -> Iterator[Fact]:
        name, _, _, wanted = described(tensor)
        if entry is None or entry.number("group") >= len(groups):
            self._walk.odd("graph-index", "a tensor has an external buffer that does not exist", tensor.place)
            return
        location, length = groups[entry.number("group")], entry.number("length")
        start = entry.number("offset")
        if wanted >= 0 and length != wanted and not entry.text("packing"):
            detail = f"tensor {name!r} takes {length} bytes of its file instead of {wanted}"
            yield from self._walk.keep(Oddity("buffer-size", detail, tensor.place))
        yield from self._walk.keep(ExternalData(name, location, start, length, wanted, "", tensor.place))

    # Metadata

    def _metadata(self) -> Iterator[Fact | Span | Child]:
        for entry in self._model.tables("metadata"):
            yield from self._told(entry.text("name"), entry.number("buffer"), entry.place)
        for number in self._model.numbers("metadata_buffer", ENTRIES):
            yield from self._told("metadata_buffer", number, self._model.place)

    def _told(self, name: str, number: int, place: int) -> Iterator[Fact | Span | Child]:
        """What one buffer of metadata holds. No interpreter looks into those that no format is known of."""
        if not 0 <= number < len(self._inside):
            self._walk.odd("graph-index", "metadata has a buffer that does not exist", place)
            return
        offset, size = self._inside[number]
        if not size or self._users.get(number) == "metadata":
            return
        if number in self._users:
            yield from self._walk.keep(Oddity("unused-buffer", f"{name!r} takes the bytes of a tensor", offset))
        self._users[number] = "metadata"
        head = self._data.peek(offset, min(size, GLANCE))
        if name in KNOWN or size > GLANCE or kind_of(head):
            yield from self._walk.child(name, offset, size, self._data)
            return
        yield from self._walk.program(offset, size)
        yield from search_strings(self._data, offset, size, name, self._budget)
        yield Span(offset, size, "data")

    # Behind the flatbuffer

    def _options(self, end: int) -> Iterator[Fact | Span | Child]:
        for graph in self._model.tables("subgraphs"):
            for operator in graph.tables("operators"):
                offset = operator.number("large_custom_options_offset")
                if offset >= OUTSIDE:
                    offset, size = self._outside(
                        offset, operator.number("large_custom_options_size"), end, operator.place
                    )
                    if size:
                        yield from self._walk.child("large_custom_options", offset, size, self._data)

    def _tail(self, end: int) -> Iterator[Fact | Span | Child]:
        place = end
        for start, behind in sorted(self._behind):
            if start > place:
                yield from self._gap(place, start)
            place = max(place, behind)
        if find_end_record(self._data) >= 0:
            behind = yield from self._files(place)
            place = max(place, behind)
        yield from self._walk.tail(place)

    def _gap(self, start: int, end: int) -> Iterator[Fact | Span]:
        if end - start < LONGEST_PADDING and not self._data.read(start, end - start).strip(b"\0"):
            yield Span(start, end - start, "parsed")
        else:
            self._walk.odd("flat-unreached", "there are bytes that nothing in the file refers to", start)

    def _files(self, end: int) -> Generator[Fact | Span | Child, None, int]:
        """The zip of associated files; gives where it ends."""
        directory = read_directory(self._data, self._budget)
        first = min((member.local for member in directory.members), default=directory.start)
        if first < end:
            self._walk.odd("flat-overlap", "the zip behind the model has members inside of it", first)
        elif first > end:
            yield from self._gap(end, first)
        for found in frame(directory, self._data, self._budget):
            if not isinstance(found, Oddity) or found.kind != "prefix" or directory.shift:
                yield found
        for member in directory.members:
            yield FileReference("tflite-file", member.name, "associated files", member.local)
            yield from read_member(member, self._data, self._budget)
        return directory.end


def described(tensor: Table) -> tuple[str, str, tuple[int, ...], int]:
    """Name, type and shape of a tensor, and the bytes that they ask for: -1 if they are impossible, -2 if unknown."""
    number = tensor.number("type")
    dtype = TYPES[number] if 0 <= number < len(TYPES) else f"type {number}"
    shape = tensor.numbers("shape", MOST_DIMS + 1)
    name = tensor.text("name")
    if number >= len(TYPES) or number < 0 or len(shape) > MOST_DIMS:
        return name, dtype, shape[:8], -1
    product = 1
    for length in shape:
        product *= length
        if length < 0 or product >> 63:
            return name, dtype, shape, -1
    bits = BITS.get(dtype)
    unknown = bits is None or tensor.has("sparsity")
    return name, dtype, shape, -2 if unknown else (product * (bits or 0) + 7) // 8
