"""Which byte was parsed, which is data, which is opaque. The three always add up to the size of the blob."""

from __future__ import annotations

from weighbridge.core.artifact import CoverageBytes
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

Range = tuple[int, int]
"""Offsets of the first byte and behind the last one."""


class Claim(NamedTuple):
    """What somebody says about a range of bytes. `unread` outranks `parsed`, and that outranks `data`."""

    start: int
    end: int
    kind: Literal["parsed", "data", "unread"]


class Ledger(NamedTuple):
    """The ranges of one blob, sorted and apart from each other."""

    parsed: tuple[Range, ...]
    data: tuple[Range, ...]
    opaque: tuple[Range, ...]

    @property
    def coverage(self) -> CoverageBytes:
        """The bytes of each kind."""
        return CoverageBytes(_length(self.parsed), _length(self.data), _length(self.opaque))

    def claims(self, shift: int) -> list[Claim]:
        """The same as claims on a blob in which this one begins at `shift`."""
        found = [Claim(start + shift, end + shift, "parsed") for start, end in self.parsed]
        found.extend(Claim(start + shift, end + shift, "data") for start, end in self.data)
        found.extend(Claim(start + shift, end + shift, "unread") for start, end in self.opaque)
        return found


def settle(claims: Iterable[Claim], size: int) -> Ledger:
    """Turn claims, which may overlap and reach outside, into a ledger of a blob of `size` bytes."""
    claims = list(claims)
    if len(claims) == 1 and claims[0].start == 0 and claims[0].end == size > 0 and claims[0].kind != "unread":
        whole = ((0, size),)
        return Ledger(whole, (), ()) if claims[0].kind == "parsed" else Ledger((), whole, ())
    by_kind: dict[str, list[Range]] = {"parsed": [], "data": [], "unread": []}
    for claim in claims:
        start, end = max(0, claim.start), min(size, claim.end)
        if start < end:
            by_kind[claim.kind].append((start, end))
    unread = _union(by_kind["unread"])
    parsed = _without(_union(by_kind["parsed"]), unread)
    data = _without(_without(_union(by_kind["data"]), unread), parsed)
    opaque = _without([(0, size)] if size else [], _union([*parsed, *data]))
    return Ledger(tuple(parsed), tuple(data), tuple(opaque))


def apart(ranges: Sequence[Range], taken: Iterable[Range]) -> list[Range]:
    """The parts of `ranges` that are in none of `taken`."""
    return _without(ranges, _union(list(taken)))


def _length(ranges: Iterable[Range]) -> int:
    return sum(end - start for start, end in ranges)


def _union(ranges: list[Range]) -> list[Range]:
    ranges.sort()
    joined: list[Range] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            if end > joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _without(ranges: Sequence[Range], taken: Sequence[Range]) -> list[Range]:
    """`ranges` less `taken`; both sorted and apart."""
    left: list[Range] = []
    index = 0
    for start, end in ranges:
        place = start
        while index < len(taken) and taken[index][1] <= place:
            index += 1
        step = index
        while step < len(taken) and taken[step][0] < end:
            if taken[step][0] > place:
                left.append((place, taken[step][0]))
            place = max(place, taken[step][1])
            step += 1
        if place < end:
            left.append((place, end))
    return left
