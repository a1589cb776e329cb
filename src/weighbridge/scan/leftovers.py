"""What a format leaves over is looked into: a program, an archive or a pickle behind the end of a picture.

Such bytes stay unread whatever is found, since nobody knows why they are there. The first `REGIONS` regions of a blob
are looked at, each where it begins and behind the zeros that it begins with; what begins later in one is not found.
A region has regions of its own again: all of one file are paid from the same budget.
"""

from __future__ import annotations

from weighbridge.core.facts import Child
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from weighbridge.core.facts import UnreadSpan
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.scan.ledger import Range

REGIONS = 32
SMALLEST = 8
"""Bytes of a region that can hold something."""
PADDING = 64 * 1024
"""Zeros at the beginning of a region that are gone over."""


def left_over(data: Reader, opaque: Sequence[Range], broken: Iterable[UnreadSpan], budget: Budget) -> Iterator[Child]:
    """The regions as blobs of their own, which account for none of the bytes that they lie in.

    Regions are the `opaque` ranges, and what begins where a format says that it is `broken`.
    """
    seen: set[int] = set()
    told = [(span.offset, span.offset + span.size) for span in broken]
    for start, end in sorted({*opaque[:REGIONS], *told[:REGIONS]})[:REGIONS]:
        head = data.peek(start, min(PADDING, end - start))
        zeros = len(head) - len(head.lstrip(b"\0"))
        # WebAssembly begins with a zero itself.
        for begin in sorted({start, start + max(0, zeros - 1), start + zeros} - seen):
            seen.add(begin)
            # The beginning of the blob itself was asked for its format already.
            if begin and SMALLEST <= end - begin <= data.size - begin and budget.leftovers > 0:
                budget.leftovers -= 1
                yield Child(f"unread@{begin}", -1, end - begin, data.part(begin, end - begin))
