"""A quick look at a file on the web: it comes in parts, all of the same version if the server says which it serves."""

from __future__ import annotations

import re
from contextlib import nullcontext

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import SourceError
from weighbridge.core.origin import FileOrigin, Origin, Told
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.scan.partly import UNKNOWN
from weighbridge.sources.base import Fetched
from weighbridge.sources.https import WebFile, check_encoding, content_range, refused
from weighbridge.sources.quick import Shelf, comes_whole
from weighbridge.sources.web import TRIES, Busy, ask, pause

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from weighbridge.core.limits import Limits
    from weighbridge.scan.engine import Watcher
    from weighbridge.scan.partly import PartlyFetched


class WebLook:
    """A source that lays out one file on the web in part."""

    def __init__(self, file: WebFile, limits: Limits) -> None:
        self.partly: dict[str, PartlyFetched] = {}
        self._file = file
        self._limits = limits
        self._size = -1
        self._etag = ""

    def open(self) -> AbstractContextManager[None]:
        """There is nothing to open."""
        return nullcontext()

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Lay out the file. Raises SourceError if the server serves no parts."""
        watcher.note(self._file.name)
        self._part(0, 1)
        if comes_whole(self._file.name, self._size):
            return self._file.fetch(into, watcher)
        shelf = Shelf(into, self._limits)
        self.partly = shelf.partly
        shelf.put(self._file.name, self._size, self._part, self._file.sha256)
        name = escape_name(self._file.name)
        file = FileOrigin(name, self._size, self._file.sha256 or UNKNOWN.hex)
        revision = f"sha256:{self._file.sha256}" if self._file.sha256 else ""
        told = (Told("etag", self._etag),) if self._etag else ()
        return Fetched(into, name, Origin("https", str(self._file.address), "", revision, (file,), told))

    def _part(self, offset: int, size: int) -> bytes:
        tries = 0
        while True:
            try:
                return self._once(offset, size)
            except Busy as busy:
                tries += 1
                try:
                    if tries >= TRIES:
                        raise
                    pause(tries, busy.wait, self._file.sleep)
                except Busy as longer:
                    cause = f"a part of {self._file.address} cannot be had: {longer.why}"
                    raise SourceError(cause, "try again later") from longer

    def _once(self, offset: int, size: int) -> bytes:
        headers = {"Range": f"bytes={offset}-{offset + size - 1}", **({"If-Range": self._etag} if self._etag else {})}
        answer = ask(self._file.address, headers, self._file.settings.https)
        try:
            if answer.status == 200:
                what = "has changed meanwhile" if self._etag else "is not served in parts"
                raise SourceError(f"{self._file.address} {what}", "leave out --quick")
            if answer.status != 206:
                raise refused(answer)
            check_encoding(answer)
            start, total = content_range(answer)
            if start != offset or total != self._size >= 0:
                raise SourceError(
                    f"{self._file.address} sends another part than the one asked for", "leave out --quick"
                )
            self._size = total
            etag = answer.headers.get("ETag", "")
            self._etag = self._etag or (etag if re.fullmatch(r'"[!#-~]*"', etag) else "")
            content = bytearray()
            while len(content) < size and (piece := answer.read(size - len(content), len(content))):
                content += piece
            if len(content) != min(size, total - offset):
                raise Busy("a part came short")
            return bytes(content)
        finally:
            answer.close()
