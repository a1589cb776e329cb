"""Reading on and on from one place of a blob: binary formats without an index, value behind value."""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.core.reader import Reader

WINDOW = 64 * 1024
"""Bytes read ahead: many small values, and little of a long one that is skipped."""


class Cursor:
    """A place in a blob. Everything raises FormatError at the place where bytes are missing."""

    __slots__ = ("_base", "_raw", "place", "reader")

    def __init__(self, reader: Reader, place: int = 0) -> None:
        self.reader = reader
        self.place = place
        self._raw = b""
        self._base = 0

    @property
    def left(self) -> int:
        """Bytes behind the place."""
        return self.reader.size - self.place

    def take(self, size: int) -> bytes:
        """The next `size` bytes; the caller has made sure that they are few enough to be held."""
        index = self.place - self._base
        if index + size > len(self._raw) or index < 0:
            if size > WINDOW:
                raw = self.reader.read(self.place, size)
                self.place += size
                return raw
            self._raw = self.reader.peek(self.place, WINDOW)
            self._base = self.place
            index = 0
            if size > len(self._raw):
                raise FormatError(f"{size} bytes wanted where only {len(self._raw)} are left", self.place)
        self.place += size
        return self._raw[index : index + size]

    def byte(self) -> int:
        """The next byte."""
        index = self.place - self._base
        if 0 <= index < len(self._raw):
            self.place += 1
            return self._raw[index]
        return self.take(1)[0]

    def until(self, end: bytes, most: int) -> bytes:
        """The bytes up to the next `end`, which is gone over. Not to be found within about `most`, it is an error."""
        start, piece = self.place, 64
        while True:
            raw = self.take(min(piece, self.left))
            found = raw.find(end)
            if found >= 0:
                self.place = start + found + 1
                return raw[:found]
            if not self.left or piece >= most:
                raise FormatError(f"a text does not end with {end!r}", start)
            piece *= 4
            self.place = start

    def skip(self, size: int) -> int:
        """Go over `size` bytes without reading them; gives the place where they begin."""
        if not 0 <= size <= self.left:
            raise FormatError(f"{size} bytes wanted where only {self.left} are left", self.place)
        start = self.place
        self.place += size
        return start

    def unsigned(self, size: int, order: str = "little") -> int:
        """A number of `size` bytes that has no sign."""
        return int.from_bytes(self.take(size), "big" if order == "big" else "little")

    def signed(self, size: int, order: str = "little") -> int:
        """A number of `size` bytes with a sign."""
        return int.from_bytes(self.take(size), "big" if order == "big" else "little", signed=True)
