"""Texts that are nearly the same: MinHash over shingles of words, bands, and the exact likeness of what they propose.

Source: A. Z. Broder, "On the resemblance and containment of documents" (1997).
"""

from __future__ import annotations

import re
import unicodedata
import zlib

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.database import module

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

BANDS, ROWS = 16, 4
WORDS, FEW_WORDS, SHORT = 5, 2, 50
"""Words of a shingle, and those of texts below `SHORT` words, where one changed word would change most of fives."""
LIKE, LIKE_SHORT = 0.7, 0.6
"""Share of common shingles from which on two texts are nearly the same."""
SHORTEST = 8
"""Words below which only equal texts are the same: short ones are alike by chance."""
FLOOD = 10
_PRIME = (1 << 61) - 1
_WORD = re.compile(r"\w+")


def flood_size(total: int, text: str = "") -> int:
    """How many texts that are nearly one are a flood, of so many; a few words come again more often than a text."""
    few = text and len(_WORD.findall(text[:200])) < SHORTEST
    return max(FLOOD, total // (500 if few else 5000))


def folded(text: str) -> str:
    """A text without what copies differ in: case, spaces, forms of the same letter."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def clusters(texts: Sequence[str]) -> list[list[int]]:
    """Groups of at least two texts that are nearly the same, as indexes."""
    parent = list(range(len(texts)))

    def top(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    buckets: dict[tuple[int, bytes], int] = {}
    shingles: dict[int, frozenset[int]] = {}
    np = module("numpy")
    drawn = np.random.default_rng(7)
    factors = drawn.integers(1, 2**31, BANDS * ROWS, dtype=np.uint64)[:, None]
    shifts = drawn.integers(0, 2**31, BANDS * ROWS, dtype=np.uint64)[:, None]
    for index, text in enumerate(texts):
        found = _shingles(text)
        shingles[index] = found
        for band, key in enumerate(_bands(found, factors, shifts, np)):
            first = buckets.setdefault((band, key), index)
            if top(first) != top(index) and _alike(shingles[first], found):
                parent[top(index)] = top(first)
    groups: dict[int, list[int]] = {}
    for index in range(len(texts)):
        groups.setdefault(top(index), []).append(index)
    return [group for group in groups.values() if len(group) > 1]


def _shingles(text: str) -> frozenset[int]:
    words = _WORD.findall(folded(text))
    if len(words) < SHORTEST:
        return frozenset((zlib.crc32(folded(text).encode("utf-8", "surrogatepass")),))
    size = WORDS if len(words) >= SHORT else FEW_WORDS
    return frozenset(
        zlib.crc32(" ".join(words[place : place + size]).encode("utf-8", "surrogatepass"))
        for place in range(len(words) - size + 1)
    )


def _bands(found: frozenset[int], factors: Any, shifts: Any, np: Any) -> list[bytes]:
    values = np.fromiter(found, dtype=np.uint64, count=len(found))
    least = ((factors * values[None, :] + shifts) % np.uint64(_PRIME)).min(axis=1)
    return [least[band * ROWS : (band + 1) * ROWS].tobytes() for band in range(BANDS)]


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    common = len(one & other)
    like = LIKE if len(one) > SHORT - WORDS else LIKE_SHORT
    return common >= like * (len(one) + len(other) - common)
