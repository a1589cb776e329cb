"""A cable between a client and a server on this machine, which breaks after so many bytes.

    with cable("127.0.0.1", 5000) as line:
        line.cut(after=1000)             # both ways are counted together; the next connection works again
        line.cut(after=1000, times=99)   # this connection and the ones after it

What was on its way when it breaks is lost, in both directions, as when a plug is pulled.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Cable:
    """Where to connect, what went through, and how often it broke."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._lock = threading.Lock()
        self._left = -1
        self._times = 0
        self.carried = 0
        self.broken = 0
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"

    def cut(self, *, after: int, times: int = 1) -> None:
        """Break after so many more bytes, and then each connection at once until it broke so often."""
        with self._lock:
            self._left, self._times = after, times

    def mend(self) -> None:
        """Break no more; count from nothing."""
        with self._lock:
            self._left, self._times, self.carried, self.broken = -1, 0, 0, 0

    def serve(self) -> None:
        """Take connections until the cable is closed."""
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _passes(self, size: int) -> int:
        """How many of so many bytes go through before it breaks."""
        with self._lock:
            if self._times:
                size = min(size, self._left)
                self._left -= size
            self.carried += size
            return size

    def _breaks(self) -> bool:
        with self._lock:
            if not self._times or self._left > 0:
                return False
            self._times -= 1
            self._left = 0 if self._times else -1
            self.broken += 1
            return True

    def _carry(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(self._target) as far, _selector() as waiting:
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            waiting.register(near, selectors.EVENT_READ, far)
            waiting.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _ in waiting.select():
                    piece = key.fileobj.recv(65536)  # type: ignore[union-attr]
                    if not piece:
                        return
                    key.data.sendall(piece[: self._passes(len(piece))])
                    if self._breaks():
                        return


@contextlib.contextmanager
def _selector() -> Iterator[selectors.BaseSelector]:
    waiting = selectors.DefaultSelector()
    try:
        yield waiting
    finally:
        waiting.close()


@contextlib.contextmanager
def cable(host: str) -> Iterator[Cable]:
    """A cable to `HOST:PORT`."""
    name, _, port = host.rpartition(":")
    line = Cable(name, int(port))
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join()
