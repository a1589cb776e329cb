"""A folder or a file on this machine as a source."""

from __future__ import annotations

import os
import stat

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import SourceError
from weighbridge.core.origin import Origin
from weighbridge.core.records import NamedTuple
from weighbridge.scan.engine import Watcher
from weighbridge.scan.walk import Entry, walk
from weighbridge.sources.base import Fetched

PIECE = 1024 * 1024
"""Bytes copied at a time."""


class LocalFolder(NamedTuple):
    """A path on this machine; at most `most` files."""

    path: str
    most: int

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Copy every entry as it is: links stay links, and what is no file stays none, so that the scan sees it."""
        name = escape_name(os.path.basename(os.path.abspath(self.path)))
        for entry in walk(self.path, self.most):
            if entry.kind == "left-out":
                continue
            watcher.note(entry.path)
            target = os.path.join(into, entry.path)
            try:
                os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
                _copy(entry, target, watcher)
            except OSError as error:
                cause = f"{entry.full!r} cannot be copied into quarantine: {error.strerror}"
                raise SourceError(cause, "check the rights of the file and the space in TMPDIR") from error
        return Fetched(into, name, Origin("path", f"file:{name}"))


def _copy(entry: Entry, target: str, watcher: Watcher) -> None:
    if entry.kind == "link":
        os.symlink(entry.target, target)
        return
    if entry.kind == "other":
        os.mkfifo(target, 0o400)
        return
    source = os.open(entry.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise SourceError(f"{entry.full!r} is no regular file any more", "try again when nothing writes to it")
        copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        try:
            while piece := os.read(source, PIECE):
                view = memoryview(piece)
                while view:
                    view = view[os.write(copy, view) :]
                watcher.advance(len(piece))
        finally:
            os.close(copy)
    finally:
        os.close(source)
