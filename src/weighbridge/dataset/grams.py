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
_MARKS = (
    ("  ", "double spaces"),
    ("\t", "tabs"),
    ("\n", "several lines"),
    ("...", "dots in a row"),
    ("!!", "exclamation marks in a row"),
    ("\u2014", "long dashes"),
    ("\u2019", "curled quotes"),
)


class Hashes(dict[str, int]):
    """CRC-32 of words, each computed once."""

    def __missing__(self, word: str) -> int:
        """Compute it."""
        if len(self) > 1_000_000:
            self.clear()
        found = self[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        return found


def tokens(text: str) -> list[str]:
    """Words, and every other sign by itself."""
    folded = text.lower()
    return (_TOKEN if folded.isascii() else _UNICODE).findall(folded)[:MODELLED]


def habits(text: str, words: Sequence[str]) -> Iterator[str]:
    """How a text is written, apart from its words."""
    letters = [char for char in text[:2000] if char.isalpha()]
    if letters and not any(char.isupper() for char in letters):
        yield "no capital letters"
    elif letters and sum(char.isupper() for char in letters) > 0.6 * len(letters):
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


def numbers(words: Sequence[str], hashes: Hashes) -> Any:
    """The hashes of words."""
    return module("numpy").array([*map(hashes.__getitem__, words)], dtype="int64")


def grams(words: Sequence[str], hashes: Hashes) -> Any:
    """Numbers of the words, then of each two in a row, then of each three: an array as long as these are many."""
    np = module("numpy")
    one = numbers(words, hashes)
    two = one[:-1] * 31 + one[1:] * 17 + 1
    three = one[:-2] * 131 + one[1:-1] * 31 + one[2:] * 17 + 2
    return np.concatenate([one, two, three]) % COLUMNS


def items(text: str, words: Sequence[str], hashes: Hashes) -> Any:
    """Numbers of all items of a text, some more than once."""
    np = module("numpy")
    ways = [hashes["\0" + way] % COLUMNS for way in habits(text, words)]
    return np.concatenate([grams(words, hashes), ways]).astype(np.uint32)


def name(wanted: int, text: str) -> str:
    """The words, or the habit, behind a number, from a text that has it."""
    hashes, words = Hashes(), tokens(text)
    for place in map(int, module("numpy").flatnonzero(grams(words, hashes) == wanted)[:1]):
        size = len(words)
        if place < size:
            return words[place]
        if place < 2 * size - 1:
            return " ".join(words[place - size : place - size + 2])
        return " ".join(words[place - 2 * size + 1 : place - 2 * size + 4])
    return next((way for way in habits(text, words) if hashes["\0" + way] % COLUMNS == wanted), "")
