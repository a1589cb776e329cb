"""Progress for people: one line on a terminal, nothing for short work, and an object that does nothing elsewhere."""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

QUIET_SECONDS = 1.0
"""Work shorter than this shows nothing."""
INTERVAL = 0.2
"""Seconds between two updates of the line."""


class Progress(Protocol):
    """What long work tells about itself."""

    def note(self, text: str) -> None:
        """What is being worked on now."""

    def advance(self, size: int, /) -> None:
        """So many more bytes are done."""

    def finish(self) -> None:
        """The work is over; whatever was shown is wiped."""


class _Silent:
    def note(self, text: str) -> None:
        pass

    def advance(self, size: int, /) -> None:
        pass

    def finish(self) -> None:
        pass


class _Line:
    """One line that is written again and again, and wiped at the end."""

    def __init__(self, stream: TextIO, clock: Callable[[], float], width: int) -> None:
        self._stream = stream
        self._clock = clock
        self._width = width
        self._start = clock()
        self._next = self._start + QUIET_SECONDS
        self._text = ""
        self._bytes = 0
        self._shown = False

    def note(self, text: str) -> None:
        self._text = text
        self._update()

    def advance(self, size: int, /) -> None:
        self._bytes += size
        self._update()

    def finish(self) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False

    def _update(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + INTERVAL
        self._shown = True
        seconds = max(now - self._start, 0.001)
        done = f"{self._bytes / 1e6:.0f} MB, {self._bytes / 1e6 / seconds:.0f} MB/s  "
        self._stream.write("\r\x1b[K" + done + plain(self._text, max(10, self._width - len(done) - 1)))
        self._stream.flush()


def silent() -> Progress:
    """Says nothing."""
    return _Silent()


def tty(stream: TextIO, clock: Callable[[], float], width: int = 80) -> Progress:
    """One line on a terminal, with the bytes done, the rate, and the name of what is being worked on."""
    return _Line(stream, clock, width)
