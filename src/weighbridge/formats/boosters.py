r"""Models of LightGBM as text, and models of CatBoost.

    LightGBM    "tree" LF "version=v4" LF, lines "key=value", "tree_sizes=" bytes of each tree,
                an empty line, then for each tree "Tree=0" and lines "key=numbers", then "end of trees",
                "feature_importances:" and lines, "parameters:" and lines "[name: value]", "end of parameters",
                "pandas_categorical:" and one line of JSON
    CatBoost    "CBM1", u32 size, a flatbuffer of that size: TModelCore
                  0 FormatVersion  1 ModelTrees  2 InfoMap [key, value]  3 ModelPartIds [text]
                if there is a part "static_provider_v1": u32 number of tables, for each u32 size and a flatbuffer

LightGBM jumps to a tree by the sum of the sizes before it, so that sizes which are wrong make it read other trees than
a person does. Of a flatbuffer the root and the texts are read; the rest are numbers that CatBoost itself verifies, and
count as data. Neither format can name code. Sources: lightgbm 4.7, `src/boosting/gbdt_model_text.cpp`; catboost 1.2,
`catboost/libs/model/model.cpp`, `flatbuffers/model.fbs`, `static_ctr_provider.cpp`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Metadata, Oddity, Span
from weighbridge.formats.base import Match
from weighbridge.formats.cursor import Cursor
from weighbridge.formats.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.text import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

PIECE = 1024 * 1024
"""Bytes of text read at a time; also the longest line that is not of numbers alone."""
TABLES = 100_000
"""Entries of a vector in a CatBoost model that are looked at."""
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of the longest line: numbers of one tree, or one for each feature."""
_NUMBERS = re.compile(rb"[\w.]+=[-+0-9.eE naif]*")
_PAIR = re.compile(rb"[^\s=\[\]:]{1,200}=.*|\[[^\s:\]]{1,200}: ?.*\]|pandas_categorical:.*")
_WORDS = frozenset(
    (b"", b"tree", b"end of trees", b"feature_importances:", b"parameters:", b"end of parameters", b"average_output")
)


class LightGbm:
    """A model of LightGBM as text."""

    name = "lightgbm"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the first two lines are those of a model."""
        del data
        lines = info.head.split(b"\n", 2)
        tree = lines[0].rstrip(b"\r") == b"tree" and len(lines) > 1
        return Match.YES if tree and lines[1].startswith(b"version=v") else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read line by line; lines that are of no known form break the file."""
        del info
        sizes: list[int] = []
        first = last = -1
        header = True
        for offset, line in text_lines(data):
            if line.startswith(b"Tree="):
                header = False
                first = offset if first < 0 else first
            elif line == b"end of trees":
                last = offset
            elif header and line.startswith(b"tree_sizes="):
                sizes = [int(word) for word in line[11:].split() if word.isdigit() and len(word) < 20]
            if _NUMBERS.fullmatch(line) or line in _WORDS:
                continue
            if not _PAIR.fullmatch(line):
                yield Span(0, offset, "parsed")
                raise FormatError("a line is not of a form that LightGBM writes", offset)
            yield from _line(line, offset, budget, header=header)
        if first >= 0 and sizes and sum(sizes) != (last if last >= 0 else data.size) - first:
            yield Oddity("size-mismatch", "the trees do not have the sizes that the header says", first)
        yield Span(0, data.size, "parsed")


class CatBoost:
    """A model of CatBoost in its own binary form."""

    name = "catboost"
    version = 1
    extensions = frozenset((".cbm",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark; MAYBE by the name."""
        del data
        if info.head.startswith(b"CBM1"):
            return Match.YES
        return Match.MAYBE if info.extension == ".cbm" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read the frame and the texts of the core."""
        del info
        cursor = Cursor(data)
        if cursor.take(4) != b"CBM1":
            raise FormatError("the mark CBM1 is missing", 0)
        size = cursor.unsigned(4)
        start = cursor.skip(size)
        core = Flat(data.part(start, size))
        root = core.root()
        version = core.text(root, 0)
        if not version:
            raise FormatError("the core of the model has no version", start)
        yield Metadata("FormatVersion", version[:200], len(version), start)
        yield Span(0, 8, "parsed")
        for table in core.vector(root, 2):
            key, value = core.text(table, 0), core.text(table, 1)
            if budget.facts > 0:
                budget.facts -= 1
                yield Metadata(key[:200], value[:200], len(value), start + table)
        yield from search_strings(data, start, size, "core", budget)
        yield Span(start, size, "data")
        parts = [core.text_at(place) for place in core.vector(root, 3)]
        for part in parts:
            if part != "static_provider_v1":
                raise FormatError(f"a part of the model is of an unknown kind: {part[:100]!r}", cursor.place)
            count = cursor.unsigned(4)
            yield Span(cursor.place - 4, 4, "parsed")
            for _ in range(count):
                length = cursor.unsigned(4)
                place = cursor.skip(length)
                Flat(data.part(place, length)).root()
                yield Span(place - 4, 4, "parsed")
                yield from search_strings(data, place, length, "table", budget)
                yield Span(place, length, "data")
        if cursor.left:
            yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the model", cursor.place)


class Flat:
    """The tables of one flatbuffer, read in place. Every offset that leaves it raises FormatError."""

    __slots__ = ("_reader",)

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def root(self) -> int:
        """Where the root table stands; its table of fields is checked."""
        place = self._number(0, 4)
        self._fields(place)
        return place

    def text(self, table: int, field: int) -> str:
        """The text in a field of a table; empty if there is none."""
        place = self._field(table, field)
        return self.text_at(place) if place else ""

    def text_at(self, place: int) -> str:
        """The text that a reference leads to."""
        start = place + self._number(place, 4)
        return self._reader.read(start + 4, self._number(start, 4)).decode("utf-8", "replace")

    def vector(self, table: int, field: int) -> list[int]:
        """Where the entries of a vector of references stand: of tables the tables, of texts the references."""
        place = self._field(table, field)
        if not place:
            return []
        start = place + self._number(place, 4)
        count = self._number(start, 4)
        if count > TABLES or start + 4 + 4 * count > self._reader.size:
            raise FormatError("a vector is longer than what there is", start)
        places = [start + 4 + 4 * index for index in range(count)]
        return places if field == 3 else [place + self._number(place, 4) for place in places]

    def _field(self, table: int, field: int) -> int:
        fields = self._fields(table)
        if 2 * field + 2 > len(fields):
            return 0
        offset = int.from_bytes(fields[2 * field : 2 * field + 2], "little")
        return table + offset if offset else 0

    def _fields(self, table: int) -> bytes:
        """The offsets of the fields of a table, two bytes each."""
        back = int.from_bytes(self._reader.read(table, 4), "little", signed=True)
        start = table - back
        size = self._number(start, 2)
        if size < 4 or size % 2:
            raise FormatError("a table of fields is broken", max(0, start))
        return self._reader.read(start + 4, size - 4)

    def _number(self, place: int, size: int) -> int:
        return int.from_bytes(self._reader.read(place, size), "little")


def _line(line: bytes, offset: int, budget: Budget, *, header: bool) -> Iterator[Fact | Child]:
    """What a line of text says: a value of the header, a parameter, the categories of pandas."""
    text = line.decode("utf-8", "replace")
    if "\0" in text or "\ufffd" in text:
        raise FormatError("a line is not UTF-8", offset)
    if len(text) > budget.limits.embedded * 2:
        yield Limit("embedded", budget.limits.embedded, offset)
    elif len(text) >= SHORTEST:
        yield from embedded_in_text(text, "line", offset, budget)
    if header and budget.facts > 0:
        key, _, value = text.partition("=")
        budget.facts -= 1
        yield Metadata(key[:200], value[:200], len(value), offset)


def text_lines(data: Reader) -> Iterator[tuple[int, bytes]]:
    """The lines of a text with their offsets, without their ends; read in pieces."""
    offset = place = 0
    rest: list[bytes] = []
    held = 0
    while place < data.size:
        piece = data.peek(place, PIECE)
        place += len(piece)
        first, *more = piece.split(b"\n")
        rest.append(first)
        held += len(first)
        if held > LONGEST_LINE:
            raise FormatError("a line is absurdly long", offset)
        for follows in more:
            line = b"".join(rest)
            yield offset, line.removesuffix(b"\r")
            offset += len(line) + 1
            rest, held = [follows], len(follows)
    line = b"".join(rest)
    if line:
        yield offset, line
