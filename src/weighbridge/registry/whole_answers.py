"""Answers whose headers are whole. Loaded where connections are made, since it needs urllib3.

    HTTP/1.1 202 Accepted ⏎  Content-Length: 0 ⏎  │ Location: … ⏎  ⏎
                                                  └ a connection that breaks here looks like an answer

The library of Python takes the end of a connection for the end of the headers. What comes after the break is then
missing without a word: where an upload goes on, whether a list has a next page, how long the body is.
"""

from __future__ import annotations

import http.client
from typing import IO, Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

LAST_LINES = (b"\r\n", b"\n")
"""What ends the headers."""


class _Lines:
    """A stream that remembers its last line."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._stream.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class WholeAnswer(http.client.HTTPResponse):
    """An answer; ConnectionResetError if the connection ended before its headers did."""

    fp: Any

    def begin(self) -> None:
        """Read the status and the headers."""
        stream, lines = self.fp, _Lines(self.fp)
        self.fp = lines
        super().begin()
        if self.fp is lines:
            self.fp = stream
        if lines.last not in LAST_LINES:
            raise ConnectionResetError("the connection ended in the middle of the headers")


class _Plain(HTTPConnection):
    response_class = WholeAnswer


class _Secure(HTTPSConnection):
    response_class = WholeAnswer


class PlainPool(HTTPConnectionPool):
    """Connections over HTTP."""

    ConnectionCls = _Plain


class SecurePool(HTTPSConnectionPool):
    """Connections over TLS."""

    ConnectionCls = _Secure


POOLS = {"http": PlainPool, "https": SecurePool}
