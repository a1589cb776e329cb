"""Models of fastText, `.bin` and quantized `.ftz`.

    offset 0    i32 793712314, i32 version (11, 12)
    arguments   12 times i32: dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate; f64 t
    dictionary  i32 size, nwords, nlabels; i64 ntokens, pruneidx_size; for each entry: word NUL, i64 count, i8 type;
                pruneidx_size times (i32, i32)
    u8          whether the input is quantized; then a matrix
    u8          whether the output is quantized; then a matrix
    matrix      dense: i64 rows, i64 columns, f32 each
                quantized: u8 qnorm, i64 rows, i64 columns, i32 size, that many codes, quantizer;
                with qnorm as many codes as rows, quantizer
    quantizer   i32 dim, nsubq, dsub, lastdsub; dim times 256 f32

Everything is read to the last byte. The format can name no code. Words are a vocabulary and hold anything; long ones
are looked into all the same. Source: fastText 0.9.2, `fasttext.cc`, `args.cc`, `dictionary.cc`, `densematrix.cc`,
`quantmatrix.cc`, `productquantizer.cc`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Metadata, Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code
from weighbridge.formats.texts.embedded import embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MAGIC = (793712314).to_bytes(4, "little")
ARGUMENTS = ("dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model", "bucket", "minn", "maxn", "lrRate")
CENTROIDS = 256
LONGEST_WORD = 64 * 1024
LONG_WORD = 256
"""Bytes from which on a word is looked into: no word is that long."""


class FastText:
    """A model of fastText."""

    name = "fasttext"
    version = 1
    extensions = frozenset((".ftz",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the magic and the version."""
        del data
        if info.head.startswith(MAGIC) and info.head[4:8] in (b"\x0b\0\0\0", b"\x0c\0\0\0"):
            return Match.YES
        return Match.MAYBE if info.extension == ".ftz" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Arguments as metadata, matrices as tensors, every word of the dictionary gone over."""
        del info
        cursor = Cursor(data)
        if cursor.take(4) != MAGIC:
            raise FormatError("the mark of fastText is missing", 0)
        version = cursor.unsigned(4)
        if version not in (11, 12):
            raise FormatError(f"version {version} of the format does not exist", 4)
        for name in ARGUMENTS:
            value = str(cursor.signed(4))
            yield Metadata(name, value, len(value), cursor.place - 4)
        cursor.skip(8)
        yield from _dictionary(cursor, budget)
        yield Span(0, cursor.place, "parsed")
        for name in ("input", "output"):
            start = cursor.place
            flag = cursor.byte()
            if flag > 1:
                raise FormatError("a flag is neither 0 nor 1", start)
            yield Span(start, 1, "parsed")
            yield from _quantized(cursor, name, budget) if flag else _dense(cursor, name)
        if cursor.left:
            yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the model", cursor.place)


def _dictionary(cursor: Cursor, budget: Budget) -> Iterator[Fact | Child]:
    start = cursor.place
    size, words, labels = (cursor.signed(4) for _ in range(3))
    cursor.skip(8)
    pruned = cursor.signed(8)
    # The smallest entry is a NUL, a count and a type.
    if min(size, words, labels) < 0 or words + labels != size or size * 10 > cursor.left:
        raise FormatError("the dictionary has other sizes than there is room for", start)
    for _ in range(size):
        place = cursor.place
        word = cursor.until(b"\0", LONGEST_WORD)
        if len(word) >= LONG_WORD:
            yield from embedded_in_text(word.decode("utf-8", "replace"), "word", place, budget)
            if budget.facts <= 0:
                yield Limit("facts", budget.limits.facts, place)
                return
        cursor.skip(8)
        if cursor.byte() > 1:
            raise FormatError("an entry of the dictionary is neither a word nor a label", cursor.place - 1)
    if pruned > 0:
        cursor.skip(8 * pruned)


def _dense(cursor: Cursor, name: str) -> Iterator[Fact | Span]:
    start = cursor.place
    rows, columns = _shape(cursor)
    place = cursor.skip(rows * columns * 4)
    yield Span(start, place - start, "parsed")
    yield from _data(cursor, name, "F32", (rows, columns), place)


def _quantized(cursor: Cursor, name: str, budget: Budget) -> Iterator[Fact | Span]:
    del budget
    start = cursor.place
    norms = cursor.byte()
    rows, columns = _shape(cursor)
    size = cursor.signed(4)
    if norms > 1 or size < 0:
        raise FormatError("a quantized matrix has no such codes", start)
    place = cursor.skip(size)
    yield Span(start, place - start, "parsed")
    yield from _data(cursor, f"{name}.codes", "U8", (size,), place)
    yield from _quantizer(cursor, f"{name}.centroids", columns)
    if norms:
        place = cursor.skip(rows)
        yield from _data(cursor, f"{name}.norm_codes", "U8", (rows,), place)
        yield from _quantizer(cursor, f"{name}.norms", 1)


def _quantizer(cursor: Cursor, name: str, columns: int) -> Iterator[Fact | Span]:
    start = cursor.place
    dim, parts, width, last = (cursor.signed(4) for _ in range(4))
    if dim != columns or min(parts, width, last) < 0:
        raise FormatError("a quantizer is not that of its matrix", start)
    place = cursor.skip(dim * CENTROIDS * 4)
    yield Span(start, place - start, "parsed")
    yield from _data(cursor, name, "F32", (dim, CENTROIDS), place)


def _shape(cursor: Cursor) -> tuple[int, int]:
    rows, columns = cursor.signed(8), cursor.signed(8)
    if min(rows, columns) < 0:
        raise FormatError("a matrix has less than no rows", cursor.place - 16)
    return rows, columns


def _data(cursor: Cursor, name: str, kind: str, shape: tuple[int, ...], place: int) -> Iterator[Fact | Span]:
    """The bytes from `place` to where the cursor is now, as a tensor."""
    size = cursor.place - place
    program = machine_code(cursor.reader.peek(place, min(PROGRAM_HEAD, size)))
    if program:
        yield Native(program, place)
    yield Tensor(name, kind, shape, place, size)
    yield Span(place, size, "data")
