r"""Parquet: tables in columns, in groups of rows, page by page.

    "PAR1"
    column chunks   pages one behind the other: page header (Thrift), content (compressed)
    indexes         of columns and offsets (Thrift), Bloom filters: header (Thrift), bits
    footer          FileMetaData: schema, row groups, their column chunks, keys and values    (Thrift compact protocol)
    end             u32 size of the footer, "PAR1" ("PARE": the footer is encrypted)

Every chunk is walked from page header to page header; contents are values of columns and count as data (pages of less
than a kilobyte as parsed), indexes as parsed. Contents that are not compressed are searched for serialized objects;
compressed ones are not expanded and not searched, and neither are values of single columns told apart. `ARROW:schema`
among the keys is looked into as a stream of Arrow, where extension types may hold a pickle. Encrypted columns stay
unread. Zeros between chunks are padding.
Source: Apache Parquet format 2.11, `parquet.thrift`, `Encryption.md`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, FileReference, Limit, Metadata, Oddity, Span, UnreadSpan
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.grammars.spans import joined
from weighbridge.formats.grammars.thrift import BINARY, LIST, STRUCT, Thrift
from weighbridge.formats.texts.embedded import embedded_in_text
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.base import BlobInfo

MARK, SEALED = b"PAR1", b"PARE"
FOOTER = 128 * 1024 * 1024
"""Bytes of the largest footer that is read; it is walked, not kept."""
RANGES = 400_000
"""Chunks and indexes of one file that are remembered."""
UNCOMPRESSED = 0
PAGES = frozenset(range(4))
"""Data, index, dictionary, data of version 2."""
_PADDING = 1024 * 1024

Range = tuple[int, int]


class Parquet:
    """A Parquet file."""

    name = "parquet"
    version = 1
    extensions = frozenset((".parquet",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the mark stands at both ends; MAYBE at the beginning or by the name."""
        if info.head.startswith((MARK, SEALED)):
            both = data.size > 11 and data.peek(data.size - 4, 4) in (MARK, SEALED)
            return Match.YES if both else Match.MAYBE
        return Match.MAYBE if info.extension == ".parquet" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read the footer, then walk every chunk that it names."""
        del info
        mark, end = data.read(0, 4), data.read(max(0, data.size - 8), 8)
        if SEALED in (mark, end[4:]):
            yield Oddity("encrypted", "the footer says that it is encrypted", 0)
            yield UnreadSpan(0, data.size, "the footer is encrypted")
            return
        if mark != MARK or end[4:] != MARK:
            raise FormatError("the file does not end with the mark that it begins with", max(0, data.size - 4))
        size = int.from_bytes(end[:4], "little")
        start = data.size - 8 - size
        if start < 4:
            raise FormatError("the footer is longer than the file", data.size - 8)
        if size > FOOTER:
            yield Limit("header", FOOTER, start)
            return
        yield Span(0, 4, "parsed")
        yield Span(start, data.size - start, "parsed")
        footer = Footer(data.part(start, size), budget, start)
        yield from footer.facts()
        yield from joined(footer.walk(data))


class Footer:
    """The metadata of a file: first its facts, then the chunks that it names."""

    __slots__ = ("_budget", "_chunks", "_ranges", "_start", "_thrift")

    def __init__(self, reader: Reader, budget: Budget, start: int) -> None:
        self._thrift = Thrift(Cursor(reader))
        self._budget = budget
        self._start = start
        self._chunks: list[tuple[int, int, int]] = []
        self._ranges: list[tuple[int, int, str]] = []

    def facts(self) -> Iterator[Fact | Span | Child]:
        """Read the whole structure. Raises FormatError, with the place in the file, if it is not what it must be."""
        thrift = self._thrift
        try:
            for number, kind in thrift.fields():
                if number == 2 and kind == LIST:
                    self._schema(kind)
                elif number == 4 and kind == LIST:
                    yield from self._groups(kind)
                elif number == 5 and kind == LIST:
                    yield from self._keys(kind)
                elif number == 6 and kind == BINARY:
                    yield from self._keep("created_by", thrift.value(kind), self._start)
                elif number == 8:
                    thrift.value(kind)
                    yield Oddity("encrypted", "columns say that they are encrypted", self._start)
                else:
                    thrift.value(kind)
        except FormatError as error:
            raise FormatError(error.cause, self._start + error.offset) from error
        if thrift.cursor.left:
            yield Oddity("trailing-bytes", f"{thrift.cursor.left} bytes behind the metadata", self._start)
            yield UnreadSpan(self._start + thrift.cursor.place, thrift.cursor.left, "behind the metadata of the footer")

    def walk(self, data: Reader) -> Iterator[Fact | Span | Child]:
        """Chunks page by page, indexes, and zeros between them."""
        taken = [(start, start + size) for start, size, _ in (*self._chunks, *self._ranges)]
        for start, size, codec in self._chunks:
            self._inside(start, size)
            yield from self._pages(data, start, size, codec)
        for start, size, what in self._ranges:
            self._inside(start, size)
            if what == "bloom":
                yield from _bloom(data, start, size)
            elif what == "index":
                cursor = Cursor(data.part(start, size))
                Thrift(cursor).structure()
                yield Span(start, cursor.place, "parsed")
        yield from self._gaps(data, sorted(taken))

    def _schema(self, kind: int) -> None:
        count, inner = self._thrift.entries(kind)
        for _ in range(count):
            if inner != STRUCT:
                raise FormatError("the schema is no list of structures", self._thrift.cursor.place)
            self._thrift.structure()

    def _groups(self, kind: int) -> Iterator[Fact | Span | Child]:
        thrift = self._thrift
        count, inner = thrift.entries(kind)
        for _ in range(count):
            if inner != STRUCT:
                raise FormatError("the row groups are no list of structures", thrift.cursor.place)
            for number, field in thrift.fields():
                if number == 1 and field == LIST:
                    columns, column = thrift.entries(field)
                    for _ in range(columns):
                        if column != STRUCT:
                            raise FormatError("the columns are no list of structures", thrift.cursor.place)
                        yield from self._chunk(thrift.structure())
                else:
                    thrift.value(field)

    def _chunk(self, chunk: dict[int, Any]) -> Iterator[Fact | Span | Child]:
        place = self._start + self._thrift.cursor.place
        path = chunk.get(1)
        if path is not None:
            yield FileReference("item", _text(path)[:500], "file_path", place)
            return
        about = chunk.get(3)
        if 8 in chunk or 9 in chunk:
            yield Oddity("encrypted", "a column says that it is encrypted", place)
        if not isinstance(about, dict):
            if 8 not in chunk and 9 not in chunk:
                raise FormatError("a column chunk has no metadata", self._thrift.cursor.place)
            return
        places = [about[key] for key in (9, 10, 11) if isinstance(about.get(key), int) and about[key] > 0]
        size, codec = about.get(7), about.get(4)
        if not isinstance(size, int) or not isinstance(codec, int) or not (places or size == 0):
            raise FormatError("a column chunk does not say where it is", self._thrift.cursor.place)
        if size == 0:
            return  # a table without rows
        first = min(places)
        if len(self._chunks) + len(self._ranges) > RANGES:
            raise FormatError(f"more than {RANGES} column chunks are not walked", self._thrift.cursor.place)
        if 8 in chunk:
            self._ranges.append((first, size, "sealed"))
            yield UnreadSpan(first, max(0, size), "the column is encrypted")
        else:
            self._chunks.append((first, size, codec))
        for start, length in ((4, 5), (6, 7)):
            if isinstance(chunk.get(start), int) and isinstance(chunk.get(length), int):
                kind = "sealed" if 8 in chunk else "index"
                self._ranges.append((chunk[start], chunk[length], kind))
        if isinstance(about.get(14), int):
            self._ranges.append((about[14], about[15] if isinstance(about.get(15), int) else 0, "bloom"))

    def _keys(self, kind: int) -> Iterator[Fact | Span | Child]:
        thrift = self._thrift
        count, inner = thrift.entries(kind)
        for _ in range(count):
            place = self._start + thrift.cursor.place
            pair = thrift.structure() if inner == STRUCT else {}
            key, value = pair.get(1), pair.get(2, b"")
            if not isinstance(key, bytes) or not isinstance(value, bytes):
                raise FormatError("a key or a value of the metadata is no text", thrift.cursor.place)
            yield from self._keep(_text(key), value, place)

    def _keep(self, key: str, value: bytes, place: int) -> Iterator[Fact | Span | Child]:
        text = _text(value)
        if self._budget.facts > 0:
            self._budget.facts -= 1
            yield Metadata(key[:200], text[:200], len(value), place)
        yield from embedded_in_text(text, key[:200], place, self._budget)
        if key == "ARROW:schema":
            yield from _arrow(value, place, self._budget)

    def _inside(self, start: int, size: int) -> None:
        if not 4 <= start <= start + size <= self._start:
            raise FormatError("a column or an index is not between the marks", self._start)

    def _pages(self, data: Reader, start: int, size: int, codec: int) -> Iterator[Fact | Span | Child]:
        cursor = Cursor(data.part(start, size))
        thrift = Thrift(cursor)
        while cursor.left:
            place = cursor.place
            head = thrift.structure()
            length = head.get(3)
            if head.get(1) not in PAGES or not isinstance(length, int):
                raise FormatError("a page has no type or no size", start + place)
            begin = start + cursor.place
            yield Span(start + place, cursor.place - place, "parsed")
            if not 0 <= length <= cursor.left:
                raise FormatError("a page is longer than its column chunk", start + place)
            cursor.skip(length)
            plain = codec == UNCOMPRESSED or (isinstance(head.get(8), dict) and head[8].get(7) is False)
            if plain:
                yield from search_strings(data, begin, length, "column", self._budget)
            yield Span(begin, length, "data")

    def _gaps(self, data: Reader, taken: list[Range]) -> Iterator[Fact | Span | Child]:
        """What no chunk claims must be zeros."""
        place = 4
        for start, end in taken:
            if start < place and end > start and place > 4:
                yield Oddity("overlap", "column chunks share bytes", start)
            yield from _zeros(data, place, start)
            place = max(place, end)
        yield from _zeros(data, place, self._start)


def _text(raw: object) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else ""


def _zeros(data: Reader, place: int, end: int) -> Iterator[Span]:
    while place < end:
        size = min(_PADDING, end - place)
        if data.read(place, size).strip(b"\0"):
            return
        yield Span(place, size, "parsed")
        place += size


def _bloom(data: Reader, start: int, size: int) -> Iterator[Span]:
    """A Bloom filter: its header, then bits. Older writers do not say how long both are."""
    cursor = Cursor(data.part(start, size or data.size - start))
    head = Thrift(cursor).structure()
    length = head.get(1)
    if not isinstance(length, int) or not 0 <= length <= cursor.left or (size and cursor.place + length != size):
        raise FormatError("a Bloom filter does not have the size that it says", start)
    yield Span(start, cursor.place, "parsed")
    yield Span(start + cursor.place, length, "data")


def _arrow(value: bytes, place: int, budget: Budget) -> Iterator[Fact | Child]:
    """The schema of Arrow that writers keep as base64.

    Its facts come from the child. That it can be read to its end is seen here: what is no part of the file's own bytes
    cannot leave any of them unread.
    """
    import binascii

    from weighbridge.formats.tables.arrow import Messages

    try:
        content = binascii.a2b_base64(value, strict_mode=True)
        messages = Messages(Reader(MemorySource(content)), budget)
        for _ in messages.walk(0, len(content)):
            pass
        why = "" if messages.end == len(content) else "there is more behind it"
    except ValueError:
        content, why = b"", "it is not in base64"
    except FormatError as error:
        why = error.cause
    if why:
        yield UnreadSpan(place, len(value), f"the schema of Arrow: {why}")
    yield Child("schema.arrows", -1, len(content), Reader(MemorySource(content)))
