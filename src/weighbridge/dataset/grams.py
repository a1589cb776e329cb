"""What stands in a text: words in a row and habits of writing, as numbers until one is worth its name."""

from __future__ import annotations

import re
import zlib

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

COLUMNS = 2**24
"""Numbers that there are for items."""
MODELLED = 2000
"""Tokens of a text that are looked at."""
_TOKEN = re.compile(r"\w+|[^\w\s]", re.ASCII)
_UNICODE = re.compile(r"\w+|[^\w\s]")
_CAPITALS = bytes(range(ord("A"), ord("Z") + 1))
_NO_LETTERS = bytes(byte for byte in range(256) if not chr(byte).isalpha() or byte > 127)
_MARKS = (
    ("  ", "double spaces"),
    ("\t", "tabs"),
    ("\n", "several lines"),
    ("...", "dots in a row"),
    ("!!", "exclamation marks in a row"),
    ("\u2014", "long dashes"),
    ("\u2019", "curled quotes"),
)


def tokens(text: str) -> list[str]:
    """Words, and every other sign by itself."""
    folded = text.lower()
    return (_TOKEN if folded.isascii() else _UNICODE).findall(folded)[:MODELLED]


def habits(text: str, words: Sequence[str]) -> Iterator[str]:
    """How a text is written, apart from its words."""
    head = text[:2000]
    if head.islower():
        yield "no capital letters"
    elif _capitals(head) > 0.6:
        yield "capital letters"
    if words:
        yield f"begins with {words[0][:40]!r}"
        yield f"ends with {words[-1][:40]!r}"
    yield from (what for mark, what in _MARKS if mark in text)
    if text[:1].isspace() or text[-1:].isspace():
        yield "blanks at an end"
    if not text.isascii():
        yield "letters beyond ASCII"
    if len(words) > 3 and not any(re.match(r"\w", word) is None for word in words):
        yield "no punctuation"


def _capitals(text: str) -> float:
    """The share of capitals among letters."""
    if text.isascii():
        letters = text.encode().translate(None, _NO_LETTERS)
        return (len(letters) - len(letters.translate(None, _CAPITALS))) / max(1, len(letters))
    return sum(map(str.isupper, text)) / max(1, sum(map(str.isalpha, text)))


class Numbering:
    """Numbers of words and items: CRC-32 of words, each computed once."""

    __slots__ = ("_hashes", "_np")

    def __init__(self) -> None:
        self._np = module("numpy")
        self._hashes = _Hashes()

    def words(self, words: Sequence[str]) -> Any:
        """The hashes of words."""
        return self._np.array([*map(self._hashes.__getitem__, words)], dtype=self._np.uint32)

    def grams(self, words: Sequence[str]) -> Any:
        """Numbers of the words, then of each two in a row, then of each three: an array as long as these are many."""
        one = self.words(words).astype(self._np.int64)
        two = one[:-1] * 31 + one[1:] * 17 + 1
        three = one[:-2] * 131 + one[1:-1] * 31 + one[2:] * 17 + 2
        return (self._np.concatenate([one, two, three]) % COLUMNS).astype(self._np.uint32)

    def items(self, text: str, words: Sequence[str]) -> Any:
        """Numbers of all items of a text, some more than once."""
        ways = [self.habit(way) for way in habits(text, words)]
        return self._np.concatenate([self.grams(words), self._np.array(ways, dtype=self._np.uint32)])

    def habit(self, way: str) -> int:
        """The number of a habit."""
        return self._hashes["\0" + way] % COLUMNS


class _Hashes(dict[str, int]):
    def __missing__(self, word: str) -> int:
        if len(self) > 1_000_000:
            self.clear()
        found = self[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        return found


def name(wanted: int, text: str) -> str:
    """The words, or the habit, behind a number, from a text that has it."""
    numbering, words = Numbering(), tokens(text)
    for place in map(int, module("numpy").flatnonzero(numbering.grams(words) == wanted)[:1]):
        size = len(words)
        if place < size:
            return words[place]
        if place < 2 * size - 1:
            return " ".join(words[place - size : place - size + 2])
        return " ".join(words[place - 2 * size + 1 : place - 2 * size + 4])
    return next((way for way in habits(text, words) if numbering.habit(way) == wanted), "")
