"""The workers of one server: processes that are started with it, started again when they die, and end with it.

A worker's standard input is a pipe from here that nobody writes to: its end tells the worker that the server is gone,
however it went.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

AGAIN = 1.0
"""Seconds before a worker that died is started again."""
PATIENCE = 15.0
"""Seconds that workers have for giving back what they do."""


@contextmanager
def workers(count: int, config: str, log: Callable[[Mapping[str, Any]], None]) -> Iterator[None]:
    """Keep so many workers running. `config` is the settings file; empty: the one that they find."""
    words = [sys.executable, "-P", "-m", "weighbridge", "work", "--with-parent", "--quiet"]
    words += ["--config", config] if config else []
    over = threading.Event()
    crew = [threading.Thread(target=_keep, args=(words, over, log), daemon=True) for _ in range(count)]
    for one in crew:
        one.start()
    try:
        yield
    finally:
        over.set()
        end = time.monotonic() + PATIENCE
        for one in crew:
            one.join(max(0.0, end - time.monotonic()))


def _keep(words: list[str], over: threading.Event, log: Callable[[Mapping[str, Any]], None]) -> None:
    while not over.is_set():
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as one:  # noqa: S603 -- ours
            while not over.wait(0.2) and one.poll() is None:
                pass
            if one.poll() is None:
                one.terminate()
                try:
                    one.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    one.kill()
        if not over.is_set():
            log({"worker": one.pid, "error": f"a worker ended with status {one.returncode}, and is started again"})
            over.wait(AGAIN)
