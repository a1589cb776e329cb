r"""Arrow: tables in columns as they lie in memory; streams, files, and Feather.

    file       "ARROW1" 00 00, a stream, footer (flatbuffer Footer), i32 its size, "ARROW1"      also Feather 2
    stream     messages, then FF FF FF FF 00 00 00 00
    message    FF FF FF FF, i32 size, flatbuffer Message padded to 8 bytes, body    (before 0.15 without the first four)
    body       buffers of columns, where the message says, zeros between them
    Feather 1  "FEA1", columns, flatbuffer CTable, u32 its size, "FEA1"

Every flatbuffer is walked and owns its bytes; buffers count as data, and are searched for serialized objects unless
they are compressed: these are not expanded. A reader of files goes by the blocks of the footer, one of streams from
message to message, so both must agree. A type `arrow.py_extension_type` keeps a pickle in its metadata, which older
versions of pyarrow unpickle while they read the schema: it is looked into. Types of other names come without code of
their own. Tensors as messages stay unread. Sources: Apache Arrow 25, `format/Message.fbs`, `Schema.fbs`, `File.fbs`;
`cpp/src/arrow/ipc/feather.fbs`; CVE-2023-47248.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Embedded, Limit, Metadata, Native, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.flat_walk import Blob, Walk
from weighbridge.formats.grammars.flatbuffer import Flat, Table
from weighbridge.formats.grammars.spans import joined
from weighbridge.formats.tables.arrow_schema import FEATHER, IPC
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo
    from weighbridge.formats.grammars.flatbuffer import Schema

MARK, FEATHER_MARK, CONTINUED = b"ARROW1", b"FEA1", b"\xff\xff\xff\xff"
METADATA = 64 * 1024 * 1024
"""Bytes of the largest flatbuffer of a message or footer."""
SCHEMA, DICTIONARY, BATCH = 1, 2, 3
STEP = 4096
"""Buffers of a batch, or blocks of a footer, that are read at a time."""
FIELDS = 250_000
_PICKLED = ("arrow.py_extension_type",)
_PADDING = 64


class Arrow:
    """A stream or file of Arrow, or a Feather file."""

    name = "arrow"
    version = 1
    extensions = frozenset((".arrow", ".arrows", ".feather"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by a mark at both ends, or if the first message is a schema; MAYBE by the name."""
        head = info.head
        if head.startswith(MARK + b"\0\0") or (
            head.startswith(FEATHER_MARK) and data.peek(data.size - 4, 4) == FEATHER_MARK
        ):
            return Match.YES
        if head.startswith(CONTINUED) and _begins(data, 4):
            return Match.YES
        named = info.extension in self.extensions
        if named and _begins(data, 0):
            return Match.YES
        return Match.MAYBE if named else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read what the first bytes say it is."""
        del info
        if data.peek(0, 4) == FEATHER_MARK:
            yield from _feather(data, budget)
        elif data.peek(0, 6) == MARK:
            yield from joined(_file(data, budget))
        else:
            messages = Messages(data, budget)
            yield from joined(messages.walk(0, data.size))
            if messages.end < data.size:
                yield Oddity("trailing-bytes", f"{data.size - messages.end} bytes behind the stream", messages.end)


class Messages:
    """The messages of a stream; `blocks` and `end` are known when they were walked."""

    __slots__ = ("_budget", "_data", "blocks", "end")

    def __init__(self, data: Reader, budget: Budget) -> None:
        self._data = data
        self._budget = budget
        self.blocks = Blocks()
        self.end = 0

    def walk(self, place: int, limit: int) -> Iterator[Fact | Span | Child]:
        """Go from message to message, to the end mark or to `limit`."""
        data = self._data
        first = True
        while place < limit:
            head = 8 if data.peek(place, 4) == CONTINUED else 4
            size = int.from_bytes(data.read(place + head - 4, 4), "little", signed=True)
            if size == 0:
                yield Span(place, head, "parsed")
                place += head
                break
            if not 0 < size <= limit - place - head:
                raise FormatError(f"a message of {size} bytes does not fit", place)
            if size > METADATA:
                yield Limit("header", METADATA, place)
                return
            yield Span(place, head, "parsed")
            begin = place + head
            yield from _flatbuffer(data, begin, size, IPC, "Message", self._budget)
            message = _root(data, begin, size, "Message")
            kind, body = message.number("header_type"), message.number("body_length")
            if first != (kind == SCHEMA):
                raise FormatError("the schema is not the first message, and the only one", place)
            if not 0 <= body <= limit - begin - size:
                raise FormatError(f"a body of {body} bytes does not fit", place)
            inner = message.union("header")
            if kind == SCHEMA and inner is not None:
                yield from fields(inner, data, begin, self._budget)
            elif kind in (DICTIONARY, BATCH) and inner is not None:
                batch = inner.table("data") if kind == DICTIONARY else inner
                if batch is None:
                    raise FormatError("a dictionary has no values", place)
                yield from _body(batch, data, begin + size, body, self._budget)
            if kind != SCHEMA:
                self.blocks.add(kind == DICTIONARY, place, head + size, body)
            first = False
            place = begin + size + body
        self.end = place


class Blocks:
    """Where batches are, in the order in which they are told; kept as checksums, for there may be millions."""

    __slots__ = ("_states",)

    def __init__(self) -> None:
        from hashlib import sha256

        self._states = (sha256(), sha256())

    def add(self, dictionary: bool, place: int, head: int, body: int) -> None:
        """One message: where it begins, bytes of its head, bytes of its body."""
        self._states[dictionary].update(b"%d %d %d\n" % (place, head, body))

    def digests(self) -> tuple[bytes, ...]:
        """Equal if and only if the same was told."""
        return tuple(state.digest() for state in self._states)


def fields(schema: Table, data: Reader, shift: int, budget: Budget) -> Iterator[Fact | Child]:
    """Keys of the schema, and extension types of its fields; `shift` is where its flatbuffer begins."""
    for pair in schema.tables("custom_metadata"):
        if budget.facts > 0:
            budget.facts -= 1
            key, value = pair.text("key"), pair.text("value")
            yield Metadata(key, value, len(value), shift + pair.place)
    seen: set[int] = set()
    waiting = list(schema.tables("fields"))
    while waiting:
        field = waiting.pop()
        if field.place in seen:
            continue
        seen.add(field.place)
        if len(seen) > FIELDS:
            raise FormatError(f"more than {FIELDS} fields are not looked into", shift)
        waiting.extend(field.tables("children"))
        yield from _extension(field, data, shift, budget)


def _extension(field: Table, data: Reader, shift: int, budget: Budget) -> Iterator[Fact | Child]:
    """An extension type of a field; one that keeps a pickle is told, and its pickle is a blob of its own."""
    pairs = [(pair.text("key"), pair) for pair in field.tables("custom_metadata")]
    names = [pair.text("value", 500) for key, pair in pairs if key == "ARROW:extension:name"]
    if not names:
        return
    shown = f"the field {field.text('name')[:100]!r} is of the type {', '.join(names)[:200]}"
    if budget.facts > 0:
        budget.facts -= 1
        yield Metadata("ARROW:extension:name", names[0][:200], len(names[0]), shift + field.place)
    if any(name in _PICKLED or "pickle" in name.lower() or "pythonobject" in name.lower() for name in names):
        yield Oddity("pickle-codec", shown, shift + field.place)
        for key, pair in pairs:
            if key == "ARROW:extension:metadata" and any(name in _PICKLED for name in names):
                flat = pair.flat
                start, size = flat.vector_at(flat.follow(flat.where(pair.place, 1)), 1)
                if size:
                    name = f"{field.text('name')[:100] or 'field'}:extension"
                    yield Child(name, shift + start, size, data.part(shift + start, size))


def _root(data: Reader, begin: int, size: int, name: str, schema: Schema = IPC) -> Table:
    flat = Flat(data.part(begin, size))
    return Table(flat, schema, name, flat.root())


def _flatbuffer(
    data: Reader, begin: int, size: int, schema: Schema, name: str, budget: Budget
) -> Iterator[Fact | Span | Child]:
    """Walk one flatbuffer, and tell everything by its place in the file."""
    flat = Flat(data.part(begin, size))
    walk = Walk(flat, schema, budget)
    try:
        for event in walk.events(name, flat.root()):
            if not isinstance(event, Blob):
                yield _moved(event, begin)
        yield Span(begin, 4, "parsed")
        spans, end = walk.owned(4)
    except FormatError as error:
        raise FormatError(error.cause, begin + error.offset) from error
    yield from (_moved(span, begin) for span in spans)
    rest = size - end
    if rest and not flat.reader.read(end, rest).strip(b"\0") and rest < _PADDING:
        yield Span(begin + end, rest, "parsed")
    yield from (_moved(odd, begin) for odd in walk.oddities())


def _moved(seen: Fact | Span | Child, by: int) -> Fact | Span | Child:
    if isinstance(seen, Span | Child | Oddity | Limit | Native | Embedded | Metadata) and seen.offset >= 0:
        return seen._replace(offset=seen.offset + by)
    return seen


def _body(batch: Table, data: Reader, begin: int, size: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    """The buffers of a batch: in order, apart from each other, with nothing but zeros between."""
    start, count = batch.vector("buffers")
    place = 0
    for first in range(0, count, STEP):
        raw = batch.flat.reader.read(start + 16 * first, 16 * min(STEP, count - first))
        for index in range(0, len(raw), 16):
            offset = int.from_bytes(raw[index : index + 8], "little", signed=True)
            length = int.from_bytes(raw[index + 8 : index + 16], "little", signed=True)
            if not 0 <= offset <= offset + length <= size:
                raise FormatError("a buffer leaves the body of its message", begin)
            if not length:
                continue
            if offset < place:
                yield Oddity("overlap", "two buffers share bytes", begin + offset)
            elif not _zeros(data, begin + place, begin + offset):
                yield Span(begin, place, "data")
                raise FormatError("there is something between two buffers", begin + place)
            place = max(place, offset + length)
    if not batch.has("compression"):
        yield from search_strings(data, begin, place, "column", budget)
    yield Span(begin, place, "data")
    if _zeros(data, begin + place, begin + size):
        yield Span(begin + place, size - place, "parsed")


def _zeros(data: Reader, start: int, end: int) -> bool:
    return end - start < _PADDING and not data.read(start, max(0, end - start)).strip(b"\0")


def _file(data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    tail = data.read(max(8, data.size - 10), min(10, max(0, data.size - 8)))
    size = int.from_bytes(tail[:4], "little", signed=True)
    begin = data.size - 10 - size
    if tail[4:] != MARK or size <= 0 or begin < 8:
        raise FormatError("the file does not end with its footer", max(0, data.size - 10))
    if size > METADATA:
        yield Limit("header", METADATA, begin)
        return
    yield Span(0, 8, "parsed")
    yield Span(begin + size, 10, "parsed")
    yield from _flatbuffer(data, begin, size, IPC, "Footer", budget)
    footer = _root(data, begin, size, "Footer")
    schema = footer.table("schema")
    if schema is None:
        raise FormatError("the footer has no schema", begin)
    yield from fields(schema, data, begin, budget)
    messages = Messages(data, budget)
    yield from messages.walk(8, begin)
    if messages.end < begin and _zeros(data, messages.end, begin):
        yield Span(messages.end, begin - messages.end, "parsed")
    elif messages.end < begin:
        yield Oddity("trailing-bytes", f"{begin - messages.end} bytes between the stream and the footer", messages.end)
    if messages.blocks.digests() != _blocks(footer).digests():
        yield Oddity("header-mismatch", "the footer names other batches than the stream has", begin)


def _blocks(footer: Table) -> Blocks:
    found = Blocks()
    for name in ("dictionaries", "record_batches"):
        start, count = footer.vector(name)
        for first in range(0, count, STEP):
            raw = footer.flat.reader.read(start + 24 * first, 24 * min(STEP, count - first))
            for index in range(0, len(raw), 24):
                numbers = (raw[index : index + 8], raw[index + 8 : index + 12], raw[index + 16 : index + 24])
                found.add(name == "dictionaries", *(int.from_bytes(number, "little") for number in numbers))
    return found


def _feather(data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    """Feather 1: columns lie where their descriptions say; what no column claims must be zeros."""
    tail = data.read(max(0, data.size - 8), min(8, data.size))
    size = int.from_bytes(tail[:4], "little")
    begin = data.size - 8 - size
    if tail[4:] != FEATHER_MARK or begin < 4 or not size:
        raise FormatError("the file does not end with its footer", max(0, data.size - 8))
    if size > METADATA:
        yield Limit("header", METADATA, begin)
        return
    yield Span(begin + size, 8, "parsed")
    yield from _flatbuffer(data, begin, size, FEATHER, "CTable", budget)
    table = _root(data, begin, size, "CTable", FEATHER)
    taken: list[tuple[int, int]] = []
    for column in table.tables("columns"):
        arrays = [column.table("values")]
        metadata = column.union("metadata")
        if metadata is not None and metadata.shape.name == "CategoryMetadata":
            arrays.append(metadata.table("levels"))
        for array in arrays:
            if array is not None:
                start, length = array.number("offset"), array.number("total_bytes")
                if not 0 <= start <= start + length <= begin:
                    raise FormatError("a column is not between the marks", begin)
                taken.append((start, start + length))
    place = 4
    yield Span(0, 4, "parsed")
    for start, end in sorted(taken):
        if _zeros(data, place, start):
            yield Span(place, start - place, "parsed")
        yield from search_strings(data, start, end - start, "column", budget)
        yield Span(start, end - start, "data")
        place = max(place, end)
    if _zeros(data, place, begin):
        yield Span(place, begin - place, "parsed")


def _begins(data: Reader, place: int) -> bool:
    """Whether the size of a message stands at `place`, and its message is a schema."""
    size = int.from_bytes(data.peek(place, 4), "little", signed=True)
    if not 16 <= size <= min(METADATA, data.size - place - 4):
        return False
    try:
        message = _root(data, place + 4, size, "Message")
        return message.number("header_type") == SCHEMA and message.union("header") is not None
    except FormatError:
        return False
