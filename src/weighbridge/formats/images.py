"""Images as data: PNG, JPEG, GIF, checked only so far that nothing can hang on behind their end.

    PNG    8-byte signature, then chunks: u32 length, 4-byte type, data, u32 CRC; ends with IEND
    JPEG   FF D8, segments FF xx u16 length …, entropy-coded data, FF D9
    GIF    header, blocks, trailer 3B

Sources: W3C PNG specification section 5; ITU T.81 annex B; GIF89a specification.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.magic import IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo


class Image:
    """A PNG, JPEG or GIF picture."""

    name = "image"
    version = 1
    extensions = frozenset((".png", ".jpg", ".jpeg", ".gif"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by signature."""
        del data
        return Match.YES if info.head.startswith(IMAGES) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk to the end of the picture; what comes behind it is no picture and stays opaque."""
        del info, budget
        head = data.peek(0, 8)
        end = _png_end(data) if head.startswith(b"\x89PNG") else _marker_end(data, head)
        yield Span(0, end, "data")
        if end < data.size:
            yield Oddity("trailing-bytes", f"{data.size - end} bytes behind the end of the picture", end)


def _png_end(data: Reader) -> int:
    offset = 8
    while True:
        head = data.read(offset, 8)
        offset += 12 + int.from_bytes(head[:4], "big")
        if offset > data.size:
            raise FormatError("a chunk reaches beyond the end of the picture", offset - 12)
        if head[4:8] == b"IEND":
            return offset


def _marker_end(data: Reader, head: bytes) -> int:
    """JPEG and GIF are read as ending with their last byte only if it is their end marker."""
    marker = b"\xff\xd9" if head.startswith(b"\xff\xd8") else b"\x3b"
    tail = data.peek(max(0, data.size - 2), 2)
    if not tail.endswith(marker):
        raise FormatError("the picture does not end with its end marker", max(0, data.size - 2))
    return data.size
