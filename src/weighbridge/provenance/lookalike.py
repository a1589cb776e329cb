"""Whether a publisher's name could be taken for that of a well-known one.

    homoglyph    meta-llarna, or letters of another script: the same to the eye, and nobody comes to it by chance
    separators   metallama, meta_llama: the same letters without signs
    affix        meta-llama-official: a known name, and a word that promises
    spelling     meta-lama, mistarlai: a letter more, less, other or swapped

Source: Unicode Technical Standard 39, "Confusable Detection", for letters of other scripts; Taylor et al., "Defending
Against Package Typosquatting", 2020, for the rest.
"""

from __future__ import annotations

import re
import unicodedata

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

SHORTEST = 5
"""Letters of a known name from which on spellings of it are looked for: short names are near too many others."""
PROMISES = frozenset(
    (
        *("official", "hf", "ai", "lab", "labs", "research", "team", "inc", "org", "corp", "real", "the", "true"),
        *("original", "models", "model", "llm", "llms", "hub", "verified", "release", "releases", "public", "group"),
        *("foundation", "company", "opensource", "oss"),
    )
)
"""Words that turn a known name into one that seems to be the same house's."""
_SIGNS = re.compile(r"[\s._\-]+")
_OTHER = str.maketrans(
    {
        other: latin
        for latin, others in {
            "a": "\u0430\u03b1\u0251",
            "b": "\u0432\u03b2",
            "c": "\u0441",
            "d": "\u0501",
            "e": "\u0435\u0451\u03b5",
            "g": "\u0261",
            "h": "\u043d\u04bb",
            "i": "\u0456\u0457\u03b9\u0131",
            "j": "\u0458",
            "k": "\u043a\u03ba",
            "l": "\u04cf\u2113",
            "m": "\u043c",
            "n": "\u03bd",
            "o": "\u043e\u03bf",
            "p": "\u0440\u03c1",
            "q": "\u051b",
            "s": "\u0455",
            "t": "\u0442\u03c4",
            "u": "\u03c5",
            "w": "\u051d",
            "x": "\u0445\u03c7",
            "y": "\u0443",
        }.items()
        for other in others
    }
)
"""Letters of Cyrillic, Greek and other scripts that look like Latin ones."""
_LOOKS = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"), ("i", "l"), ("|", "l"), ("5", "s"), ("3", "e"))
"""What looks alike in common fonts; each stands for the other."""


class Lookalike(NamedTuple):
    """The well-known name that another could be taken for, and by which trick."""

    name: str
    trick: str

    @property
    def certain(self) -> bool:
        """Whether it is the same to the eye."""
        return self.trick == "homoglyph"


def lookalike(name: str, known: Iterable[str]) -> Lookalike | None:
    """The well-known name that `name` could be taken for; None if it is one itself, or far from all."""
    lower = name.lower()
    names = {one.lower(): one for one in known}
    if lower in names or not name:
        return None
    latin = unicodedata.normalize("NFKC", lower).translate(_OTHER)
    bare, seen = _SIGNS.sub("", latin), _looks(latin)
    best: Lookalike | None = None
    for key, one in names.items():
        trick = _trick(lower, latin, bare, seen, key)
        if trick == "homoglyph":
            return Lookalike(one, trick)
        if trick and (best is None or _ORDER[trick] < _ORDER[best.trick]):
            best = Lookalike(one, trick)
    return best


_ORDER = {"separators": 0, "affix": 1, "spelling": 2}


def _trick(lower: str, latin: str, bare: str, seen: str, known: str) -> str:
    if latin == known and lower != known:
        return "homoglyph"
    plain = _SIGNS.sub("", known)
    if bare == plain:
        return "separators" if lower.isascii() else "homoglyph"
    if seen == _looks(known) and len(known) >= 3:
        return "homoglyph"
    words, theirs = [word for word in _SIGNS.split(latin) if word], [word for word in _SIGNS.split(known) if word]
    rest = list(words)
    for word in theirs:
        if word not in rest:
            break
        rest.remove(word)
    else:
        if rest and all(word in PROMISES for word in rest):
            return "affix"
    if len(plain) >= SHORTEST and abs(len(bare) - len(plain)) <= 2:
        most = 2 if len(plain) >= 12 else 1
        if _distance(bare, plain, most) <= most:
            return "spelling"
    return ""


def _looks(name: str) -> str:
    name = _SIGNS.sub("", name)
    for alike, letter in _LOOKS:
        name = name.replace(alike, letter)
    return name


def _distance(one: str, two: str, most: int) -> int:
    """Letters to add, drop, change or swap with their neighbour; `most + 1` if it is more than `most`."""
    one, two = one[:64], two[:64]
    before: list[int] = []
    last = list(range(len(two) + 1))
    for row, letter in enumerate(one, 1):
        current = [row]
        for column, other in enumerate(two, 1):
            cost = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == two[column - 2] and one[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > most:
            return most + 1
        before, last = last, current
    return last[-1]
