"""Many short texts looked for at once in a large one, at the speed of a search for a single character.

Each text is found by its rarest character (`_` in `hf_`, `K` in `AKIA`): one pass for each joint, which C code
does, and a comparison where it stands. Texts without one, and all of them in a short text, are looked for one by one:
that is slower for each character and needs no pattern to be compiled.
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_JOINTS = "~\\%=:_-/.ZJKWICTx"
"""From rare to frequent in texts of models."""
SHORT = 32 * 1024
"""Characters of a text in which each anchor is looked for by itself."""


class Anchors:
    """A set of texts to look for."""

    __slots__ = ("_joints", "_plain")

    def __init__(self, texts: Iterable[str]) -> None:
        joints: dict[str, list[tuple[str, int]]] = {}
        plain: list[str] = []
        for text in sorted(set(texts)):
            joint = next((joint for joint in _JOINTS if joint in text), "")
            if joint:
                joints.setdefault(joint, []).append((text, text.index(joint)))
            else:
                plain.append(text)
        self._plain = tuple(plain)
        self._joints = tuple((joint, tuple(found)) for joint, found in joints.items())

    def found(self, text: str) -> Iterator[tuple[str, int]]:
        """Each text of the set that stands in `text`, with its place, by kind and then from front to back."""
        for joint, candidates in self._joints:
            if joint not in text:
                continue
            if len(text) < SHORT:
                for anchor in [anchor for anchor, _ in candidates if anchor in text]:
                    yield from _each(text, anchor)
                continue
            for match in _pattern(joint, candidates).finditer(text):
                for anchor, before in candidates:
                    start = match.start() - before
                    if start >= 0 and text.startswith(anchor, start):
                        yield anchor, start
        for anchor in [anchor for anchor in self._plain if anchor in text]:
            yield from _each(text, anchor)


def _each(text: str, anchor: str) -> Iterator[tuple[str, int]]:
    place = text.find(anchor)
    while place >= 0:
        yield anchor, place
        place = text.find(anchor, place + 1)


@cache
def _pattern(joint: str, candidates: tuple[tuple[str, int], ...]) -> re.Pattern[str]:
    ways = []
    for text, before in candidates:
        head, tail = text[:before], text[before + 1 :]
        ways.append((f"(?<={re.escape(head + joint)})" if head else "") + (f"(?={re.escape(tail)})" if tail else ""))
    return re.compile(re.escape(joint) + "(?:" + "|".join(ways) + ")")
