"""Compressed pickles of joblib before 0.10.

    offset 0    "ZF"
    offset 2    the size of the content, as Python's hex(), filled up with spaces to 19 characters (20 under Python 2)
    offset 21   a zlib stream

Source: joblib 1.6, `joblib/numpy_pickle_compat.py`, read_zfile.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.compressed import decompressor, expand
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

FIELD = 19


class JoblibFile:
    """The old container of joblib around a zlib stream."""

    name = "joblib-zlib"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the two letters and the number behind them."""
        del data
        return Match.YES if info.head.startswith(b"ZF0x") else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Expand the stream; the size that was announced must be the one that comes out."""
        del info
        head = data.read(0, 2 + FIELD + 1)
        start = 2 + FIELD + (head[-1:] == b" ")
        try:
            size = int(head[2 : 2 + FIELD].decode("ascii").strip().removesuffix("L"), 16)
        except ValueError:
            raise FormatError("the size is no number", 2) from None
        yield Span(0, start, "parsed")
        content, taken, why = expand(data, start, data.size - start, decompressor("zlib"), budget)
        yield Child("content", start, taken, content.reader())
        if why == "expansion":
            yield Limit("expansion_ratio", budget.limits.expansion_ratio, start)
        if why:
            yield UnreadSpan(start, taken, f"the zlib stream does not expand to its end: {why}")
        elif content.size != size:
            yield Oddity("size-mismatch", f"{content.size} bytes came out, {size} were announced", start)
        if start + taken < data.size:
            yield Oddity("trailing-bytes", f"{data.size - start - taken} bytes behind the stream", start + taken)
