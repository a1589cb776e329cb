"""The one search that every text of a model goes through: addresses, secrets, and data about people.

Whatever is found is told once for each file, at the first place where it stands. Secrets go to `Budget.hidden`, so that
no other fact of the file repeats them.
"""

from __future__ import annotations

from weighbridge.core.facts import Address, PersonalData, Secret
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.texts.outbound import addresses, under_xor
from weighbridge.formats.texts.secrets import digest, leaks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.texts.outbound import Found

LEAST = 10
"""Characters of the shortest text that can hold an address."""
MOST = 64
"""Addresses or secrets of one kind that are told for one file."""


def searched(text: str, key: str, offset: int, budget: Budget, *, latin: bool = False) -> Iterator[Fact]:
    """Look for addresses and secrets in a text that begins at `offset` of its blob; `key` says where it stands.

    `latin`: each character is one byte, whatever it is.
    """
    if len(text) < LEAST:
        return
    at = _Bytes(text, offset, latin=latin)
    for leak in leaks(text):
        budget.hidden.add(leak.value)
        if _new(budget, leak.kind, leak.value):
            yield Secret(leak.kind, key[:200], len(leak.value), digest(leak.value), leak.checked, at.of(leak.place))
    yield from _told(addresses(text), at, key, budget)


def searched_bytes(content: bytes, key: str, budget: Budget, encoding: str = "") -> Iterator[Address]:
    """Look for addresses in bytes that are no text: each byte may be changed by the same one."""
    yield from _told(under_xor(content, encoding), _Bytes("", 0), key, budget)


def searched_people(text: str, key: str, budget: Budget) -> Iterator[Fact]:
    """Count data about people at the beginning of a text."""
    from weighbridge.formats.texts.personal import personal

    for kind, count, place in personal(text):
        if _new(budget, kind, key):
            yield PersonalData(kind, count, key[:200], len(text[:place].encode("utf-8", "surrogatepass")))


def _told(found: Iterable[Found], at: _Bytes, key: str, budget: Budget) -> Iterator[Address]:
    for one in found:
        if _new(budget, f"{one.kind} {one.encoding}", one.target):
            yield Address(one.kind, one.target, key[:200], one.encoding, at.of(one.place))


def _new(budget: Budget, kind: str, value: str) -> bool:
    """Whether something was not told yet; of each kind `MOST` are, because more would say the same."""
    if (kind, value) in budget.told or ("", f"{kind} {MOST}") in budget.told:
        return False
    count = sum(1 for told, _ in budget.told if told == kind)
    budget.told.add((kind, value) if count < MOST else ("", f"{kind} {MOST}"))
    return count < MOST


class _Bytes:
    """Places in a text as bytes of its UTF-8."""

    __slots__ = ("_ascii", "_offset", "_text")

    def __init__(self, text: str, offset: int, *, latin: bool = False) -> None:
        self._text = text
        self._offset = offset
        self._ascii = latin or text.isascii()

    def of(self, place: int) -> int:
        return self._offset + (place if self._ascii else len(self._text[:place].encode("utf-8", "surrogatepass")))
