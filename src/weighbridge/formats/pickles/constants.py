"""Addresses and secrets in the constants of a pickle: its bytes are searched, in windows, as they stand.

Text constants of protocols 1 to 5 stand in a pickle as they are; a number between them cannot look like an address. The
first `WHOLE` bytes of a file are searched for everything. A pickle of ten million opcodes is not: from there on a
window is searched only if it holds one of a few marks, which costs a tenth.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.texts.searched import searched, searched_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

WHOLE = 2 * 1024 * 1024
WINDOW = 1024 * 1024
OVERLAP = 8192
"""Bytes searched twice, so that nothing hides across the border of two windows."""
_MARKS = (b"://", b"hf_", b"PRIVATE KEY", b"169.254.")


def searched_pickle(data: Reader, start: int, end: int, budget: Budget) -> Iterator[Fact]:
    """Look for addresses and secrets in the opcodes from `start` to `end`."""
    place = start
    while place < end:
        raw = bytes(data.peek(place, min(WINDOW + OVERLAP, end - place)))
        if place < WHOLE or any(mark in raw for mark in _MARKS):
            yield from searched(raw.decode("latin-1"), "", place, budget, latin=True)
        if place < WHOLE:
            for address in searched_bytes(raw, "", budget):
                yield address._replace(offset=place)
        place += WINDOW
