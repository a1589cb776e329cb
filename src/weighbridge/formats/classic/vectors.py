"""Word vectors as word2vec, fastText, GloVe with a header, and floret write them.

    first line   words SP dimensions                    floret: 6 further values (minn, maxn, hashes, seed, two marks)
    binary       each: word SP, f32 for each dimension, perhaps a line feed
    text         each: word SP numbers, in a line

The word may hold spaces in the text form; the numbers are counted from the end. Nothing of it can name code; long words
are looked into. Sources: word2vec `word2vec.c`; gensim 4.4 `models/keyedvectors.py`; fastText 0.9.2; floret 0.10.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.classic.boosters import text_lines
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.magic import machine_code
from weighbridge.formats.texts.embedded import embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

HEADER = re.compile(rb"([0-9]{1,10}) ([0-9]{1,5})((?: [0-9]{1,12}){4} [^\s]{1,20} [^\s]{1,20})?\r?\n")
_NUMBERS = re.compile(rb"[-+0-9.eEnaif ]+")
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e]*")
_LETTERS = b"-+0123456789.eEnaif "
"""What numbers are written with."""
_RECORD = re.compile(rb"[^\n]{1,300}? [-+0-9.eEnaif ]{1,}")
LONGEST_WORD = 4096
LONG_WORD = 256
"""Bytes from which on a word is looked into: no word is that long."""


class Vectors:
    """A table of words and their vectors."""

    name = "word-vectors"
    version = 1
    extensions = frozenset((".vec", ".w2v", ".floret"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the first line says how many and how long, and there is room for as many; MAYBE by the name."""
        header = HEADER.match(info.head)
        if header is not None and int(header[2]):
            count, width = int(header[1]), int(header[2])
            if data.size >= header.end() + count * (2 * width + 1) and (count or info.extension in self.extensions):
                return Match.YES if _record(info.head[header.end() :], width) else Match.NO
        return Match.MAYBE if info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Go over every word; the numbers are one tensor."""
        header = HEADER.match(info.head)
        if header is None:
            raise FormatError("the first line does not say how many words there are", 0)
        count, width = int(header[1]), int(header[2])
        if _in_text(info.head[header.end() :], width) or not count:
            yield from _text(data, header.end(), count, width, budget)
        else:
            yield from _binary(data, header.end(), count, width, budget)


def _record(rest: bytes, width: int) -> bool:
    """Whether a word follows: a text with a space behind it, and numbers in one of both forms.

    Numbers of the binary form are no text: a matrix or a note begins like that too.
    """
    word, space, numbers = rest.partition(b" ")
    binary = bool(space) and len(word) < 300 and b"\0" not in word
    return _in_text(rest, width) or (binary and _TEXT.fullmatch(numbers[: 4 * width]) is None)


def _in_text(rest: bytes, width: int) -> bool:
    line, end, _ = rest.partition(b"\n")
    if not end:
        return _RECORD.fullmatch(line) is not None
    words = line.rstrip(b" \r").rsplit(b" ", width)
    return len(words) == width + 1 and all(_NUMBERS.fullmatch(word) for word in words[1:])


def _text(data: Reader, start: int, count: int, width: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    found = 0
    first = True
    for offset, line in text_lines(data):
        if first:
            first = False
            continue
        word, numbers = _parted(line.rstrip(b" \r"), width)
        if not numbers or numbers.translate(None, _LETTERS):
            yield Span(0, offset, "parsed")
            raise FormatError("a line is no word with its numbers", offset)
        yield from _word(word, offset, budget)
        found += 1
    if found != count:
        raise FormatError(f"{found} words, not {count}", start)
    yield Tensor("vectors", "text", (count, width), start, data.size - start)
    yield Span(0, data.size, "parsed")


def _parted(line: bytes, width: int) -> tuple[bytes, bytes]:
    """The word of a line and its numbers; no numbers if there are too few."""
    if line.count(b" ") == width:
        word, _, numbers = line.partition(b" ")
        return word, numbers
    words = line.rsplit(b" ", width)
    return (words[0], line[len(words[0]) :]) if len(words) == width + 1 else (line, b"")


def _binary(data: Reader, start: int, count: int, width: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    cursor = Cursor(data, start)
    for index in range(count):
        place = cursor.place
        word = cursor.until(b" ", LONGEST_WORD)
        yield from _word(word, place, budget)
        if not index and machine_code(data.peek(cursor.place, 4 * width)):
            yield Native(machine_code(data.peek(cursor.place, 4 * width)), cursor.place)
        cursor.skip(4 * width)
        if cursor.left and data.peek(cursor.place, 1) == b"\n":
            cursor.skip(1)
    yield Tensor("vectors", "F32", (count, width), start, cursor.place - start)
    yield Span(0, start, "parsed")
    yield Span(start, cursor.place - start, "data")
    if cursor.left:
        yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the last vector", cursor.place)


def _word(word: bytes, offset: int, budget: Budget) -> Iterator[Fact | Child]:
    if len(word) >= LONG_WORD:
        yield from embedded_in_text(word.decode("utf-8", "replace"), "word", offset, budget)
