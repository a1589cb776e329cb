"""A production line for large files: one thread reads and hashes, one hashes the whole, one writes.

    free buffers → read, hash of the tensor → hash of the file → write → free buffers

Hashing costs more than copying, and hashes of OpenSSL and system calls let other threads run: on two processors the
three take about as long as two of them.
"""

from __future__ import annotations

import errno
import os
import threading
from queue import SimpleQueue

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 512 * 1024
"""Bytes that are read, hashed and written at a time: a few of them stay in a processor's cache."""
BUFFERS = 6
WAITING = 4
"""Pieces that may be on their way: what is put together elsewhere must not pile up before a slow disk."""
ALONE = 16 * 1024 * 1024
"""Bytes of the smallest file that is worth two threads."""


def room_for(fd: int, size: int) -> None:
    """Have the disk keep `size` bytes for a new file, where it can. Raises UsageError if it has not so many."""
    try:
        if size:
            os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _unwritten(error) from error


def _unwritten(error: OSError) -> UsageError:
    return UsageError(f"the file cannot be written: {error.strerror}", "make room, or name another folder")


class Sink:
    """Takes the pieces of one new file in order. `digest` and `close` end it; errors are raised there at the latest."""

    def __init__(self, fd: int, size: int) -> None:
        import hashlib

        self._fd = fd
        self._state = hashlib.sha256()
        self._error: OSError | None = None
        self._free: SimpleQueue[memoryview] = SimpleQueue()
        self._hashing: SimpleQueue[memoryview | None] = SimpleQueue()
        self._writing: SimpleQueue[memoryview | None] = SimpleQueue()
        self._room = threading.Semaphore(WAITING)
        self._threads: list[threading.Thread] = []
        self._own: dict[int, memoryview] = {}
        for _ in range(BUFFERS if size >= ALONE else 1):
            self._free.put(memoryview(bytearray(PIECE)))
        if size >= ALONE:
            self._threads = [threading.Thread(target=work, daemon=True) for work in (self._hash, self._write)]
            for thread in self._threads:
                thread.start()

    def buffer(self) -> memoryview:
        """A buffer that nobody reads any more; its first bytes go to `put` next."""
        return self._free.get()

    def put(self, piece: memoryview, buffer: memoryview | None = None) -> None:
        """The next bytes of the file; `buffer` is the one that they lie in, if it came from here."""
        if buffer is not None:
            self._own[id(piece)] = buffer
        if self._threads:
            self._room.acquire()
            self._hashing.put(piece)
        else:
            self._state.update(piece)
            self._out(piece)

    def digest(self) -> str:
        """Wait until everything is written. Raises UsageError if it could not be."""
        self.close()
        if self._error is not None:
            raise _unwritten(self._error)
        return self._state.hexdigest()

    def close(self) -> None:
        """End the threads."""
        if self._threads:
            self._hashing.put(None)
            for thread in self._threads:
                thread.join()
            self._threads = []

    def _hash(self) -> None:
        self._each(self._hashing, self._hashed)
        self._writing.put(None)

    def _hashed(self, piece: memoryview) -> None:
        self._state.update(piece)
        self._writing.put(piece)

    def _write(self) -> None:
        self._each(self._writing, self._written)

    def _written(self, piece: memoryview) -> None:
        self._out(piece)
        self._room.release()

    @staticmethod
    def _each(queue: SimpleQueue[memoryview | None], work: Callable[[memoryview], None]) -> None:
        while (piece := queue.get()) is not None:
            work(piece)

    def _out(self, piece: memoryview) -> None:
        view = piece
        try:
            while view and self._error is None:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            self._error = error
        buffer = self._own.pop(id(piece), None)
        if buffer is not None:
            self._free.put(buffer)
