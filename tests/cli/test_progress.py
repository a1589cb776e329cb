"""Progress: nothing for short work, one harmless line for long work, and no trace of it afterwards."""

from __future__ import annotations

import io

from weighbridge.cli.progress import INTERVAL, QUIET_SECONDS, silent, tty


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_short_work_shows_nothing() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = tty(stream, clock)
    for _ in range(100):
        clock.now += QUIET_SECONDS / 200
        progress.advance(10)
        progress.note("a.bin")
    progress.finish()
    assert stream.getvalue() == ""


def test_long_work_shows_one_line_at_a_time_and_wipes_it() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = tty(stream, clock, width=60)
    clock.now += 2
    progress.advance(30_000_000)
    progress.note("\x1b]0;owned\x07" + "x" * 200)
    clock.now += INTERVAL / 2
    progress.note("too soon")
    clock.now += INTERVAL
    progress.note("\x1b]0;owned\x07" + "x" * 200)
    progress.finish()
    lines = stream.getvalue().split("\r\x1b[K")
    assert lines[0] == ""
    assert "15 MB/s" in lines[1]
    assert "too soon" not in stream.getvalue()
    assert all(len(line) <= 60 and "\x07" not in line and "\x1b" not in line for line in lines)
    assert lines[-1] == ""


def test_the_silent_one_says_nothing() -> None:
    progress = silent()
    progress.note("a")
    progress.advance(1)
    progress.finish()
