"""What single texts hold that should not be in training data: hidden characters, injections, secrets, people's data.

One hit is a finding with its row; only counts and places are told, never a secret.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.report import finding
from weighbridge.formats.texts.hidden import instruction, shapeless
from weighbridge.formats.texts.personal import personal
from weighbridge.formats.texts.secrets import leaks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.dataset.report import DataFinding, Row

_KEPT = 1000
"""Rows of one kind that are kept by name; all are counted."""
_TITLES = {
    "hidden-characters": (Severity.HIGH, "texts hold characters that nobody sees and a tokenizer does"),
    "look-alikes": (Severity.MEDIUM, "words mix letters of two scripts that look alike"),
    "injection": (Severity.LOW, "texts tell a language model what to do"),
    "secret": (Severity.HIGH, "texts hold keys, tokens or passwords"),
    "personal-data": (Severity.MEDIUM, "texts hold data about people"),
    "formula": (Severity.LOW, "cells begin like formulas that a spreadsheet runs"),
}


class _Hits(NamedTuple):
    rows: dict[str, list[Row]]
    counts: dict[str, int]
    examples: dict[str, str]

    def note(self, kind: str, row: Row, example: str) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.examples.setdefault(kind, example)
        rows = self.rows.setdefault(kind, [])
        if len(rows) < _KEPT:
            rows.append(row)


class Search:
    """Looks at texts one after another, and says in the end what it found."""

    __slots__ = ("_found", "texts")

    def __init__(self) -> None:
        self._found = _Hits({}, {}, {})
        self.texts = 0

    def look(self, row: Row, text: str) -> None:
        """Look at one text."""
        self.texts += 1
        for kind, example in dict(_seen(text)).items():
            self._found.note(kind, row, example)

    def findings(self) -> list[DataFinding]:
        """One finding for each kind."""
        return [
            finding(
                kind,
                _TITLES[kind][0],
                self._found.rows[kind],
                f"{self._found.counts[kind]} {_TITLES[kind][1]}; the first: {self._found.examples[kind]}",
                estimate=self._found.counts[kind],
            )
            for kind in sorted(self._found.counts)
        ]


def _seen(text: str) -> Iterator[tuple[str, str]]:
    if not text.isascii():
        for what, spelt, _ in shapeless(text):
            yield "hidden-characters", f"{what}: {ascii(spelt)[:80]}"
        for match in _between().finditer(text):
            yield "hidden-characters", f"characters of no width within a word: {ascii(match[0])[:80]}"
        for word in _words().findall(text):
            if not word.isascii() and _mixed(word):
                yield "look-alikes", ascii(word)[:80]
    told = instruction(text[:20_000])
    if told:
        yield "injection", ascii(told)[:120]
    for leak in leaks(text):
        if leak.kind != "assigned-secret":
            yield "secret", f"{leak.kind}, {len(leak.value)} characters"
    for kind, _, _ in personal(text):
        yield "personal-data", kind


@cache
def _between() -> re.Pattern[str]:
    """Between Latin letters a joiner or a space of no width has no meaning, as it has in Persian or in emoji."""
    return re.compile("[A-Za-z]{1,20}[\u200b-\u200d\u2060-\u2064\ufeff]+[A-Za-z]{1,20}")


@cache
def _words() -> re.Pattern[str]:
    return re.compile(r"[^\W\d_]{3,40}")


_ALIKE = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u0261\u0251\u03bf\u03b1\u03c1"
    "\u03bd\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u0410\u0412\u0415"
    "\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408"
)
"""Letters of Cyrillic, Greek and phonetic script that look like Latin ones."""


def _mixed(word: str) -> bool:
    """Latin letters and letters of another script that look like Latin ones."""
    latin = any(char.isascii() for char in word)
    return latin and any(char in _ALIKE for char in word) and not unicodedata.normalize("NFKC", word).isascii()
