"""Claims of a format with a great many small parts: neighbours become one, so that the account stays small."""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Span
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact

SMALL = 1024
"""Bytes of data between two parsed parts that count as parsed with them: a claim costs about a hundred."""


def joined(seen: Iterator[Fact | Span | Child]) -> Iterator[Fact | Span | Child]:
    """The same facts, with spans that follow upon each other as one; everything else keeps its order."""
    held: Span | None = None
    try:
        for item in seen:
            if not isinstance(item, Span):
                yield item
            elif item.kind == "data" and item.size >= SMALL:
                if held is not None:
                    yield held
                held = None
                yield item
            elif held is not None and held.offset <= item.offset <= held.offset + held.size:
                end = max(held.offset + held.size, item.offset + item.size)
                held = held._replace(size=end - held.offset)
            else:
                if held is not None:
                    yield held
                held = item._replace(kind="parsed")
    except FormatError:
        if held is not None:
            yield held
        raise
    if held is not None:
        yield held
