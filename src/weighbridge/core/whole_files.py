"""Small files that are replaced whole or not at all, and that outlive a power failure once this says so."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress


def write_whole(path: str, content: bytes, mode: int = 0o644, *, beginning: str = ".writing-") -> None:
    """Make `path` hold `content`. Beside it, a file whose name begins with `beginning` is there meanwhile.

    Raises OSError; then `path` is as it was.
    """
    folder = os.path.dirname(path) or "."
    fd, beside = tempfile.mkstemp(prefix=beginning, dir=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
    sync_folder(folder)


def sync_folder(path: str) -> None:
    """Wait until the names in a folder are on the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
