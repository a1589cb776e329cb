"""Streams that prove their digest before they end."""

from __future__ import annotations

import hashlib
import io

from weighbridge.core.errors import DigestMismatch, RegistryError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from weighbridge.registry.base import Descriptor

PIECE = 1024 * 1024
"""Bytes moved at a time: memory does not grow with the blob."""


def verified(source: BinaryIO, blob: Descriptor, where: str) -> io.BufferedReader:
    """A stream of `source` that raises DigestMismatch instead of giving the last bytes if they are not the blob's.

    Bytes before the last piece are unproved when they are given: whoever acts on them must first read to the end.
    `where` is for the error. Closing it closes `source`.
    """
    return io.BufferedReader(_Proof(source, blob, where), PIECE)


def drain(stream: BinaryIO) -> None:
    """Read a stream to its end, for the proof alone."""
    while stream.read(PIECE):
        pass


class _Proof(io.RawIOBase):
    def __init__(self, source: BinaryIO, blob: Descriptor, where: str) -> None:
        self._source = source
        self._blob = blob
        self._where = where
        self._state = hashlib.sha256()
        self._left = blob.size
        self._proved = False
        self._broken = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")[: self._left]
        try:
            piece = b"" if self._proved or self._broken else self._source.read(len(view))
        except OSError as error:
            raise RegistryError(f"{self._where} cannot be read: {error.strerror}", "check the disk, repeat") from error
        self._state.update(piece)
        self._left -= len(piece)
        if self._left == 0 and not (self._proved or self._broken):
            self._proved = self._state.hexdigest() == self._blob.digest.hex and not self._source.read(1)
            self._broken = not self._proved
        elif self._left and not piece:
            self._broken = True
        if self._broken:
            raise DigestMismatch(
                f"{self._where} does not hold the {self._blob.size} bytes that {self._blob.digest} names",
                "the stored bytes were damaged or changed: push the model again from its source",
            )
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._source.close()
        super().close()
