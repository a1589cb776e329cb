"""Seam 1: a format sees bytes and yields facts. It judges nothing, opens nothing and recurses nowhere."""

from __future__ import annotations

from enum import IntEnum

from weighbridge.core.facts import Limit, Span
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from typing import TypeVar

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

    _Seen = TypeVar("_Seen", bound=Fact | Child)


class Match(IntEnum):
    """How sure a format is that a blob is its own. The content decides; a name can only make a MAYBE of a NO."""

    NO = 0
    MAYBE = 1
    YES = 2


HEAD = 1024
"""Bytes of a blob that every format may look at for nothing."""


class BlobInfo(NamedTuple):
    """What is known of a blob before it is read.

    `name` is the last part of its path, `extension` the end of it with its dot and in lower case (empty if there is
    none), `head` the first `HEAD` bytes, `depth` how many blobs it lies in.
    """

    name: str
    extension: str
    head: bytes
    depth: int = 0


def blob_info(path: str, data: Reader, depth: int = 0) -> BlobInfo:
    """Look at a blob for the first time."""
    name = path.rpartition("/")[2]
    _, dot, extension = name.rpartition(".")
    return BlobInfo(name, dot + extension.lower() if dot else "", data.peek(0, HEAD), depth)


def within_budget(facts: Iterable[_Seen], budget: Budget, offset: int = 0) -> Generator[_Seen | Limit, None, bool]:
    """The facts that there is room for, then a Limit at `offset`. Gives back whether there was room for all of them."""
    for fact in facts:
        if budget.facts <= 0:
            yield Limit("facts", budget.limits.facts, offset)
            return False
        budget.facts -= 1
        yield fact
    return True


class Room:
    """Room for facts, as the budget has it. What comes when there is none left is dropped, and that is said once."""

    __slots__ = ("_budget", "_said")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._said = False

    def keep(self, fact: Fact) -> Iterator[Fact]:
        """The fact, if there is room for it."""
        if self._budget.facts > 0:
            self._budget.facts -= 1
            yield fact
        else:
            yield from self.full(getattr(fact, "offset", 0))

    def full(self, offset: int) -> Iterator[Fact]:
        """That there is no room, the first time."""
        if not self._said:
            self._said = True
            yield Limit("facts", self._budget.limits.facts, offset)


def spans_of(data: Iterable[tuple[int, int]], end: int) -> Iterator[Span]:
    """All bytes before `end`: these ranges (offset, size), in order, as data; the rest as parsed."""
    place = 0
    for start, size in data:
        if start + size > end:
            break
        yield Span(place, start - place, "parsed")
        yield Span(start, size, "data")
        place = start + size
    if end > place:
        yield Span(place, end - place, "parsed")


PICKLES = frozenset(("pickle", "torch-zip", "torch-legacy"))
"""Formats whose loading runs a pickle, wherever in the artifact they lie."""


class Format(Protocol):
    """One file format. `version` goes up whenever the same bytes give other facts than before."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def extensions(self) -> frozenset[str]:
        """Extensions that promise this format: another content behind them is a fact of its own."""

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """Whether `data` is of this format: from `info.head`, or from a few more bytes."""

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read `data`. Bytes that no span covers are opaque. Raises FormatError where the bytes break the format."""
