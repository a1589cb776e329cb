"""Bytes where they lie in the source: a range of an open file, or of something small in memory."""

from __future__ import annotations

import os

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.core.reader import ByteSource, Reader


class Region(NamedTuple):
    """A range of a source. `swap` is the size of the units whose bytes stand in reverse order; 1: none are."""

    source: ByteSource
    start: int
    size: int
    swap: int = 1

    def into(self, view: memoryview, offset: int) -> None:
        """Fill `view` with the bytes at `offset`, as they stand. Raises SourceError if the file became shorter."""
        fd = getattr(self.source, "fd", -1)
        if fd < 0:
            view[:] = self.source.read(self.start + offset, len(view))
            return
        place = self.start + offset
        while view:
            got = os.preadv(fd, [view], place)
            if got == 0:
                raise SourceError(
                    "the file became shorter while it was converted", "try again when nothing writes to it"
                )
            view, place = view[got:], place + got


def region_of(data: Reader, offset: int, size: int) -> Region:
    """The region of a reader's bytes. Raises FormatError if they are not there."""
    part = data.part(offset, size)
    return Region(part.source, part.start, part.size)


def pieces(
    region: Region, offset: int, size: int, buffer: Callable[[], memoryview]
) -> Iterator[tuple[memoryview, memoryview]]:
    """`size` bytes of a region from `offset` on, in the order of this machine's numbers: each piece and its buffer.

    A unit never straddles two pieces: buffers are multiples of every unit, and so are `offset` and `size`.
    """
    end = offset + size
    while offset < end:
        room = buffer()
        piece = room[: min(len(room), end - offset)]
        region.into(piece, offset)
        offset += len(piece)
        yield swapped(piece, region.swap), room


def swapped(piece: memoryview, unit: int) -> memoryview:
    """Whole units with their bytes turned round; the piece itself where a unit is one byte."""
    if unit == 1:
        return piece
    turned = bytearray(len(piece))
    for byte in range(unit):
        turned[byte::unit] = piece[unit - 1 - byte :: unit]
    return memoryview(turned)
