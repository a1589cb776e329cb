"""Seam 1: a format sees bytes and yields facts. It judges nothing, opens nothing and recurses nowhere."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader


class Match(IntEnum):
    """How sure a format is that a blob is its own. The content decides; a name can only make a MAYBE of a NO."""

    NO = 0
    MAYBE = 1
    YES = 2


class BlobInfo(NamedTuple):
    """What is known of a blob before it is read: its last name, lower case extension included, and its depth."""

    name: str
    depth: int = 0

    @property
    def extension(self) -> str:
        """The last extension with its dot, in lower case; empty if there is none."""
        _, dot, extension = self.name.rpartition(".")
        return dot + extension.lower()


class Format(Protocol):
    """One file format. `version` goes up whenever the same bytes give other facts than before."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def extensions(self) -> frozenset[str]:
        """Extensions that promise this format: another content behind them is a fact of its own."""
        ...

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """Whether `data` is of this format, from a few bytes."""
        ...

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Read `data`. Bytes that no span covers are opaque. Raises FormatError where the bytes break the format."""
        ...
