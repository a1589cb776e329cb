"""Compressed files of a data set as streams: gzip and Zstandard, unpacked piece by piece and never on disk."""

from __future__ import annotations

import gzip
import io
import zlib
from contextlib import contextmanager

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from weighbridge.dataset.files import DataFile

PACKED = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
"""Ends of names, and how such files begin."""
GIB = 1024**3
EXPANSION = 1000
"""Bytes that may come out of one byte beyond the first GIB: real texts give 3 to 30."""


class BrokenStreamError(Exception):
    """What is compressed cannot be unpacked whole; the text says why."""


@contextmanager
def stream_of(file: DataFile) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is packed. Raises OSError; reading raises BrokenStreamError."""
    with open(file.full, "rb") as raw:
        if not file.packed:
            yield raw
            return
        with _Unpacked(raw, file.packed, max(GIB, file.size * EXPANSION)) as unpacked:
            yield io.BufferedReader(unpacked)


class _Unpacked(io.RawIOBase):
    def __init__(self, raw: BinaryIO, packed: str, most: int) -> None:
        self._stream = _opened(raw, packed)
        self._left = most

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = 0) -> int:
        """Only to the beginning: whoever looked at the first bytes reads them again."""
        if place or whence:
            raise BrokenStreamError("a packed file is read from its beginning")
        return int(self._stream.seek(0))

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            piece = self._stream.read(len(buffer))
        except (EOFError, OSError, zlib.error, ValueError) as error:
            raise BrokenStreamError(f"what is compressed breaks off or is damaged ({type(error).__name__})") from error
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            raise BrokenStreamError("what is compressed breaks off or is damaged (ZstdError)") from error
        self._left -= len(piece)
        if self._left < 0:
            raise BrokenStreamError(f"one byte unpacks to more than {EXPANSION}: that is a bomb")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _opened(raw: BinaryIO, packed: str) -> BinaryIO:
    if packed == ".gz":
        return gzip.GzipFile(fileobj=raw, mode="rb")  # type: ignore[return-value]
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from backports import zstd
    limit = {zstd.DecompressionParameter.window_log_max: 27}
    return zstd.ZstdFile(raw, mode="rb", options=limit)  # type: ignore[no-any-return, return-value, unused-ignore]
