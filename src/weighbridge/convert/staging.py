"""A folder that appears whole or not at all.

It is filled under a hidden name beside its place and renamed at the end. Who fills it holds a lock on it, which ends
with the process: what a killed one left behind is removed by the next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = ".weighbridge-convert-"


@contextmanager
def staged(output: str) -> Iterator[str]:
    """A folder to fill that becomes `output` if nothing is raised. Raises UsageError if there is something already."""
    output = os.path.abspath(output)
    parent = os.path.dirname(output)
    if os.path.lexists(output) and (os.path.islink(output) or not os.path.isdir(output) or os.listdir(output)):
        raise UsageError(f"{output!r} is there already", "name a folder that is not there, or is empty")
    try:
        os.makedirs(parent, exist_ok=True)
        folder, lock = _begun(parent)
    except OSError as error:
        raise UsageError(f"nothing can be written in {parent!r}: {error.strerror}", "name another folder") from error
    try:
        yield folder
        os.chmod(folder, 0o755)  # noqa: S103 -- a model is there to be read
        try:
            os.rename(folder, output)
        except OSError as error:
            raise UsageError(f"{output!r} cannot be made: {error.strerror}", "name another folder") from error
    except OSError as error:
        raise UsageError(
            f"{output!r} cannot be written: {error.strerror}", "make room, or name another folder"
        ) from error
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)


def _begun(parent: str) -> tuple[str, int]:
    """A new hidden folder and the lock on it. Nobody clears up between the two."""
    gate = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(gate, fcntl.LOCK_EX)
        _clear(parent)
        folder = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(gate)
    return folder, lock


def _clear(parent: str) -> None:
    """Remove what killed conversions left in this folder. A lock that can be had has no process any more."""
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if not name.startswith(PREFIX) or os.path.islink(path) or not os.path.isdir(path):
            continue
        with suppress(OSError):
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.stat(path).st_uid == os.geteuid():
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(lock)
