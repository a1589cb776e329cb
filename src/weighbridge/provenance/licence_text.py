"""Which licence a text is: compared with samples of the well-known ones, so that no licence has to be copied here.

    text → words in lower case, without lines of copyright → runs of five words → a number of 32 bits each
    of a licence those numbers are kept that are small enough, about `KEPT` of them        `scale`, `prints`

A text is a licence if it has nearly all of its samples. What it has beside them is a change: three more sentences make
another licence of it, and that is said. Nothing here says what a licence means.
Source: Brown and Irber, "sourmash" (scaled MinHash), JOSS 2016.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weighbridge.provenance.knowledge import Licence

RUN = 5
KEPT = 128
"""Samples of one licence, at most twice as many."""
MOST = 60_000
"""Words of a text that are read; the longest licences have 12,000."""
SAME = 0.85
"""Share of its samples that a text needs to be a licence: texts leave out how to apply it."""
LIKE = 0.5
"""Share from which on a text resembles a licence."""
MORE = 0.1
"""Share of a text that may be no part of the licence: names, dates, a title."""
_WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]")
_OWNER = re.compile(r"^\W*(?:copyright\b|\(c\)|©|all rights reserved).*$", re.IGNORECASE | re.MULTILINE)


class Recognised(NamedTuple):
    """A licence that a text is, or resembles: `share` of its samples are there, `more` words of the text are not."""

    licence: str
    share: float
    more: int

    @property
    def exact(self) -> bool:
        """Whether the text is this licence, and nothing else."""
        return self.share >= SAME and self.more == 0


def words_of(text: str) -> list[str]:
    """The words that count, in order."""
    return _WORD.findall(_OWNER.sub(" ", text).lower())[:MOST]


def prints_of(words: list[str]) -> set[int]:
    """The numbers of all runs of words."""
    size = min(RUN, len(words))
    return {
        int.from_bytes(blake2b(" ".join(words[place : place + size]).encode(), digest_size=4).digest(), "big")
        for place in range(len(words) - size + 1)
        if size
    }


def scale_of(count: int) -> int:
    """How many of the numbers are left out for each that is kept, for a text of so many words: a power of two."""
    scale = 1
    while count > 2 * KEPT * scale:
        scale *= 2
    return scale


def sampled(prints: Iterable[int], scale: int) -> frozenset[int]:
    """Those that are kept."""
    bound = (1 << 32) // scale
    return frozenset(number for number in prints if number < bound)


def recognise(text: str, licences: Iterable[Licence]) -> tuple[Recognised, ...]:
    """The licences that a text is made of, the one that accounts for most of it first; else one that it resembles."""
    words = words_of(text)
    if not words:
        return ()
    prints = prints_of(words)
    by_scale: dict[int, frozenset[int]] = {}
    ranked: list[tuple[float, float, int, Licence]] = []
    for licence in licences:
        if not licence.prints:
            continue
        if licence.scale not in by_scale:
            by_scale[licence.scale] = sampled(prints, licence.scale)
        mine = by_scale[licence.scale]
        both = len(licence.prints & mine)
        share = both / len(licence.prints)
        if share >= LIKE:
            other = 1 - both / len(mine) if mine else 0.0
            ranked.append((both / len(licence.prints | mine), share, round(other * len(words)), licence))
    ranked.sort(key=lambda one: (-one[0], one[3].name))
    return tuple(_parts(ranked, len(words)))


def _parts(ranked: list[tuple[float, float, int, Licence]], count: int) -> list[Recognised]:
    """The best, and every other one whose samples are there without counting those of the ones before."""
    found: list[Recognised] = []
    taken: list[Licence] = []
    accounted = 0
    for _, share, more, licence in ranked:
        if taken and (share < SAME or not _new(licence, taken)):
            continue
        taken.append(licence)
        accounted += count - more
        found.append(Recognised(licence.name, share, more))
        if share < SAME:
            break
    rest = max(0, count - accounted)
    return [one._replace(more=0 if rest <= max(12, MORE * count) else rest) for one in found]


def _new(licence: Licence, taken: list[Licence]) -> bool:
    for other in taken:
        bound = (1 << 32) // max(licence.scale, other.scale)
        mine = {number for number in licence.prints if number < bound}
        if len(mine & other.prints) > len(mine) // 2:
            return False
    return True
