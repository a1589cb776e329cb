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

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Metadata, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.grammars.flatbuffer import Flat
from weighbridge.formats.grammars.json_tree import parse_json
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

PIECE = 1024 * 1024
"""Bytes of text read at a time; also the longest line that is not of numbers alone."""
LONGEST_LINE = 64 * 1024 * 1024
"""Bytes of the longest line: numbers of one tree, or one for each feature."""
_NUMBERS = re.compile(rb"[\w.]+=[-+0-9.eE naif]*")
_PAIR = re.compile(rb"[^\s=\[\]:]{1,200}=.*|\[[^\s:\]]{1,200}: ?.*\]|pandas_categorical:.*")
_WORDS = frozenset(
    (b"", b"tree", b"end of trees", b"feature_importances:", b"parameters:", b"end of parameters", b"average_output")
)
_OPENS = frozenset((b"tree", b"end of trees", b"parameters:", b"end of parameters"))
"""Lines between which the file is not whole: the first and third open what the others close."""


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
        trees = 0
        header, whole = True, True
        for offset, line in text_lines(data):
            if line in _OPENS:
                whole = line not in (b"tree", b"parameters:")
            if line.startswith(b"Tree="):
                header = False
                trees += 1
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
            if line.startswith(b"pandas_categorical:"):
                parse_json(line.partition(b":")[2], offset)
            yield from _line(line, offset, budget, header=header)
        if not whole or trees < len(sizes):
            raise FormatError("the file ends before its model does", data.size)
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
        version = _text(core, root, 0)
        if not version:
            raise FormatError("the core of the model has no version", start)
        yield Metadata("FormatVersion", version[:200], len(version), start)
        yield Span(0, 8, "parsed")
        for table in _entries(core, root, 2):
            key, value = _text(core, table, 0), _text(core, table, 1)
            if budget.facts > 0:
                budget.facts -= 1
                yield Metadata(key[:200], value[:200], len(value), start + table)
        yield from search_strings(data, start, size, "core", budget)
        yield Span(start, size, "data")
        parts = [core.text_at(place) for place in _entries(core, root, 3)]
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


def _text(flat: Flat, table: int, field: int) -> str:
    """The text in a field of a table; empty if there is none."""
    place = flat.where(table, field)
    return flat.text_at(flat.follow(place)) if place else ""


def _entries(flat: Flat, table: int, field: int) -> list[int]:
    """Where the tables or texts of a vector are."""
    place = flat.where(table, field)
    if not place:
        return []
    return list(flat.references(flat.follow(place)))


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
