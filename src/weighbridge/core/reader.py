"""Bounded random access to untrusted bytes, and the proof that the bytes parsed are the bytes hashed.

A `Reader` is a range of a source. The source of a file keeps a crc32 of every block that it handed to a parser;
`hash_file` goes over the whole file once and compares each such block on its way, so that a writer who changes
the file between inspection and hashing is noticed (time of check is time of use).
"""

from __future__ import annotations

import os
import zlib

from weighbridge.core.digests import Digest
from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 256 * 1024
"""Bytes per cached block: large enough for sequential parsing, small enough to probe a big file in many places."""
HASH_WINDOW = 4 * BLOCK
"""Bytes hashed at a time: stays in the processor's cache, so copying costs little beside SHA-256."""


class ByteSource(Protocol):
    """Where a reader's bytes come from. `read` returns exactly the bytes asked for; the range must lie inside."""

    size: int

    def read(self, offset: int, size: int) -> bytes: ...


class MemorySource:
    """Bytes in memory: small files, decoded text, decompressed members."""

    __slots__ = ("data", "size")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def read(self, offset: int, size: int) -> bytes:
        return self.data[offset : offset + size]


class FileSource:
    """An open file descriptor of known size. A short read means that the file shrank: `changed` becomes true."""

    __slots__ = ("_blocks", "changed", "checks", "fd", "size")

    def __init__(self, fd: int, size: int) -> None:
        self.fd = fd
        self.size = size
        self.changed = False
        self.checks: dict[int, int] = {}
        self._blocks: dict[int, bytes] = {}

    def read(self, offset: int, size: int) -> bytes:
        first, last = offset // BLOCK, (offset + size - 1) // BLOCK
        if first == last:
            start = offset - first * BLOCK
            return self._block(first)[start : start + size]
        joined = b"".join(self._block(index) for index in range(first, last + 1))
        start = offset - first * BLOCK
        return joined[start : start + size]

    def _block(self, index: int) -> bytes:
        block = self._blocks.get(index)
        if block is None:
            expected = min(BLOCK, self.size - index * BLOCK)
            block = os.pread(self.fd, expected, index * BLOCK)
            if len(block) != expected:
                self.changed = True
                block = block.ljust(expected, b"\0")
            check = zlib.crc32(block)
            if self.checks.setdefault(index, check) != check:
                self.changed = True
            if len(self._blocks) >= 8:
                self._blocks.pop(next(iter(self._blocks)))
            self._blocks[index] = block
        return block


class Reader:
    """A range of a source. Offsets are relative to its start; reading outside raises FormatError."""

    __slots__ = ("size", "source", "start")

    def __init__(self, source: ByteSource, start: int = 0, size: int | None = None) -> None:
        self.source = source
        self.start = start
        self.size = source.size - start if size is None else size

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes at `offset`."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise FormatError(f"{size} bytes wanted where only {max(0, self.size - offset)} are left", max(0, offset))
        return self.source.read(self.start + offset, size) if size else b""

    def peek(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`: fewer at the end, none beyond it."""
        size = min(size, self.size - offset)
        return self.source.read(self.start + offset, size) if size > 0 and offset >= 0 else b""

    def part(self, offset: int, size: int) -> Reader:
        """A reader of a range inside this one."""
        if offset < 0 or size < 0 or offset + size > self.size:
            raise FormatError(f"a part of {size} bytes at {offset} leaves the {self.size} bytes there are", 0)
        return Reader(self.source, self.start + offset, size)


def hash_file(source: FileSource, advance: Callable[[int], None] | None = None) -> tuple[Digest, bool]:
    """Hash a whole file in one pass. Returns its digest and whether the bytes are still those that were parsed.

    `advance` is told the number of bytes after each window.
    """
    import hashlib

    state = hashlib.sha256()
    buffer = bytearray(HASH_WINDOW)
    view = memoryview(buffer)
    same = not source.changed
    offset = 0
    while offset < source.size:
        got = os.preadv(source.fd, [view], offset)
        if got == 0:
            return Digest(state.hexdigest()), False
        wanted = min(HASH_WINDOW, source.size - offset)
        got = min(got, wanted)
        state.update(view[:got])
        if got == wanted:
            for index in range(offset // BLOCK, (offset + got - 1) // BLOCK + 1):
                check = source.checks.get(index)
                if check is not None:
                    start = index * BLOCK - offset
                    same = same and zlib.crc32(view[start : min(start + BLOCK, got)]) == check
        else:
            same = False
        offset += got
        if advance is not None:
            advance(got)
    return Digest(state.hexdigest()), same
