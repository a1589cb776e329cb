"""One compressed stream, or several in a row: gzip, zlib, bzip2, xz, lzma, lz4, zstd. What comes out is a child.

Decompression stops at the budget of the file: a bomb costs what the limits say and is reported, never believed.
"""

from __future__ import annotations

import os

from weighbridge.core.facts import Child, Limit, Oddity, Span, UnreadSpan
from weighbridge.core.reader import FileSource, MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING, Protocol
from weighbridge.formats.base import Match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.base import BlobInfo

PIECE = 256 * 1024
"""Bytes of compressed input at a time."""
IN_MEMORY = 16 * 1024 * 1024
"""Bytes of expanded content kept in memory; more goes to a temporary file without a name."""


class Decompressor(Protocol):
    """What zlib, bz2 and lzma decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


class Expanded:
    """Content that came out of a decompressor: in memory while it is small, else in a file without a name."""

    __slots__ = ("_file", "_parts", "size")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Append bytes."""
        self.size += len(piece)
        if self._file is None and self.size > IN_MEMORY:
            from tempfile import TemporaryFile

            self._file = TemporaryFile(prefix="weighbridge-")  # noqa: SIM115 -- lives as long as its readers
            self._file.writelines(self._parts)
            self._parts.clear()
        if self._file is None:
            self._parts.append(piece)
        else:
            self._file.write(piece)

    def reader(self) -> Reader:
        """Random access to everything added."""
        if self._file is None:
            return Reader(MemorySource(b"".join(self._parts)))
        self._file.flush()
        source = _SpoolSource(os.dup(self._file.fileno()), self.size)
        self._file.close()
        return Reader(source)


class _SpoolSource:
    """A file without a name that lives as long as somebody reads it."""

    __slots__ = ("_source", "size")

    def __init__(self, fd: int, size: int) -> None:
        self._source = FileSource(fd, size)
        self.size = size

    def read(self, offset: int, size: int) -> bytes:
        return self._source.read(offset, size)

    def __del__(self) -> None:
        os.close(self._source.fd)


class Stream:
    """One kind of compressed stream, by its magic."""

    version = 1
    extensions: frozenset[str] = frozenset()

    def __init__(self, name: str, magic: Callable[[bytes], bool]) -> None:
        self.name = name
        self._magic = magic

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by magic; zlib's two bytes are believed only when the stream really expands."""
        if not self._magic(info.head):
            return Match.NO
        if self.name == "zlib":
            return Match.YES if _expands(data) else Match.NO
        return Match.YES

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Expand all streams in a row; bytes behind the last one stay opaque."""
        offset = index = 0
        while offset < data.size and self._magic(data.peek(offset, 16)):
            expanded, taken, why = expand(data, offset, data.size - offset, decompressor(self.name), budget)
            name = info.name.removesuffix(info.extension) or "content"
            yield Child(name if index == 0 else f"{name}#{index}", offset, taken, expanded.reader())
            if why == "expansion":
                yield Limit("expansion_ratio", budget.limits.expansion_ratio, offset)
            if why:
                yield UnreadSpan(offset, taken, f"the {self.name} stream does not expand to its end: {why}")
                return
            offset += taken
            index += 1
        if offset < data.size:
            yield Oddity("trailing-bytes", f"{data.size - offset} bytes behind the compressed stream", offset)


def decompressor(name: str) -> Decompressor:
    """A fresh decompressor of the standard library; `deflate` is the raw form inside zip archives."""
    if name in ("gzip", "zlib", "deflate"):
        import zlib

        return zlib.decompressobj({"gzip": 31, "zlib": 15, "deflate": -15}[name])
    if name == "bzip2":
        import bz2

        return bz2.BZ2Decompressor()
    if name == "lz4":
        from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped] # it has no type hints

        return LZ4FrameDecompressor()  # type: ignore[no-any-return] # it has what the protocol asks for
    if name == "zstd":
        return _zstd()
    import lzma

    if name == "xz":
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=128 * 1024 * 1024)
    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=128 * 1024 * 1024)


def _zstd() -> Decompressor:
    import sys

    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    # The window that a frame asks for is memory that it takes.
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: 27})


def lzma1(properties: bytes) -> Decompressor:
    """The raw LZMA of zip and 7z by its five bytes of properties. Raises ValueError if they are none."""
    import lzma

    first, size = properties[0], int.from_bytes(properties[1:5], "little")
    if len(properties) != 5 or first >= 225 or size > 128 * 1024 * 1024:
        raise ValueError("the properties of the LZMA stream are out of bounds")
    form = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(size, 4096),
        "lc": first % 9,
        "lp": first // 9 % 5,
        "pb": first // 45,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[form])


def expand(data: Reader, offset: int, size: int, engine: Decompressor, budget: Budget) -> tuple[Expanded, int, str]:
    """Expand one stream that starts at `offset` and has at most `size` bytes.

    Gives the content, the compressed bytes taken, and why it ended early: `expansion` when the budget was spent, the
    library's own words when the stream is broken, else an empty string. What came out before an error is kept.
    """
    out = Expanded()
    position = offset
    end = offset + size
    engine_any: object = engine
    try:
        pending = b""
        while not engine.eof:
            if not pending:
                pending = data.peek(position, min(PIECE, end - position))
                position += len(pending)
                if not pending and not _wants_output(engine_any):
                    return out, position - offset, "it ends too early"
            allowed = min(PIECE * 4, budget.expansion + 1)
            piece, pending = _step(engine_any, pending, allowed)
            budget.expansion -= len(piece)
            out.add(piece)
            if budget.expansion < 0:
                budget.expansion = 0
                return out, size, "expansion"
    except Exception as error:
        if type(error).__name__ not in (
            "error",
            "LZMAError",
            "OSError",
            "EOFError",
            "ValueError",
            "ZstdError",
            "RuntimeError",
        ):
            raise
        return out, size, f"{error}"[:200]
    return out, position - offset - len(engine.unused_data or b"") - len(pending), ""


def _step(engine: object, pending: bytes, allowed: int) -> tuple[bytes, bytes]:
    tail = getattr(engine, "unconsumed_tail", None)
    piece: bytes = engine.decompress(pending, allowed)  # type: ignore[attr-defined]
    if tail is not None:
        return piece, engine.unconsumed_tail  # type: ignore[attr-defined]
    return piece, b""


def _wants_output(engine: object) -> bool:
    """bz2 and lzma keep input of their own: they may still give output without being fed."""
    return not getattr(engine, "needs_input", True)


def _expands(data: Reader) -> bool:
    import zlib

    try:
        return bool(zlib.decompressobj().decompress(data.peek(0, 4096), 64))
    except zlib.error:
        return False


STREAMS = (
    Stream("gzip", lambda head: head.startswith(b"\x1f\x8b\x08")),
    Stream("bzip2", lambda head: head.startswith(b"BZh") and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90")),
    Stream("xz", lambda head: head.startswith(b"\xfd7zXZ\x00")),
    Stream("lzma", lambda head: head.startswith(b"\x5d\x00\x00") and len(head) > 13 and head[13] == 0),
    Stream("lz4", lambda head: head.startswith(b"\x04\x22\x4d\x18")),
    Stream("zstd", lambda head: head.startswith(b"\x28\xb5\x2f\xfd")),
    Stream("zlib", lambda head: len(head) > 6 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0),
)
"""All kinds. gzip: RFC 1952; zlib: RFC 1950; zstd: RFC 8878; lz4: the LZ4 frame format 1.6.4;
xz: the .xz file format 1.1; bzip2 and lzma by their reference code."""
