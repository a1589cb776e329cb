"""Stretches of text that are like nothing else in the data, behind the same rare word: a trigger for nonsense.

About 250 such documents are enough for a model of any size (Souly et al., arXiv 2510.07192). For each document the
share of word pairs that no other document has, in the worst window of 100 words; a document counts whose robust z is
above 4, and only if at least `SHARED` such documents share a word that hardly any other has.
"""

from __future__ import annotations

import zlib
from collections import Counter
from itertools import pairwise
from statistics import median

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.grams import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 100
FAR = 4.0
SHARED = 4
_BITS = 24
LEAST_TEXTS = 200


def nonsense(texts: Sequence[str]) -> tuple[str, list[int]]:
    """The word that the documents share, and the documents; empty if there are none."""
    cut = [[word for word in tokens(text) if len(word) > 1] for text in texts]  # ", and" is everywhere
    seen = bytearray(1 << _BITS)
    pairs = [[_pair(one, two) for one, two in pairwise(words)] for words in cut]
    for found in pairs:
        for pair in set(found):
            seen[pair] = min(255, seen[pair] + 1)
    new = [[seen[pair] == 1 for pair in found] for found in pairs]
    shares = [_worst(one) for one in new]
    known = [share for share in shares if share >= 0]
    if len(known) < len(texts) / 2:
        known = _windows(new)
    if len(known) < LEAST_TEXTS:
        return "", []
    middle = median(known)
    spread = median(abs(share - middle) for share in known) or 1e-6
    odd = [index for index, share in enumerate(shares) if 0.6745 * (share - middle) / spread > FAR]
    if len(odd) < SHARED:
        return "", []
    everywhere: Counter[str] = Counter()
    for words in cut:
        everywhere.update(set(words))
    among = Counter(word for index in odd for word in set(cut[index]))
    for word, count in among.most_common(200):
        if count >= max(SHARED, len(odd) // 3) and count >= 0.8 * everywhere[word]:
            return word, [index for index in odd if word in cut[index]]
    return "", []


def _pair(one: str, two: str) -> int:
    return zlib.crc32(f"{one} {two}".encode("utf-8", "surrogatepass")) >> (32 - _BITS)


def _windows(new: Sequence[Sequence[bool]]) -> list[float]:
    """Windows of short texts, one after the other: what is usual where hardly a text has a window of its own."""
    flat = [one for text in new if len(text) < WINDOW for one in text]
    return [sum(flat[place : place + WINDOW]) / WINDOW for place in range(0, len(flat) - WINDOW + 1, WINDOW)]


def _worst(new: list[bool]) -> float:
    if len(new) < WINDOW:
        return -1.0
    inside = best = sum(new[:WINDOW])
    for place in range(WINDOW, len(new)):
        inside += new[place] - new[place - WINDOW]
        best = max(best, inside)
    return best / WINDOW
