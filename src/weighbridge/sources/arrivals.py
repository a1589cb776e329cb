"""Bytes that arrive from elsewhere: hashed and counted on their way, kept by digest, shown only when they are right.

A file that is expected with a digest can be finished by another process: what arrived of it is hashed again first.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sources.quarantine import FINISHED, OBJECTS, PARTS, UNFINISHED

if TYPE_CHECKING:
    from weighbridge.scan.engine import Watcher

_PIECE = 1024 * 1024
SPARE_BYTES = 512 * 1024 * 1024
"""Bytes of the disk that an intake leaves free."""


class Expected(NamedTuple):
    """What a file has to be. `size` is -1 if nobody said it; a digest is empty if there is none.

    `git_blob` is the SHA-1 (or SHA-256) of git over the bytes themselves: it names them, sha256 beside it proves them.
    """

    name: str
    size: int = -1
    sha256: str = ""
    git_blob: str = ""

    @property
    def identity(self) -> str:
        """The name under which an unfinished part of it is kept; empty if its bytes could not be told from others."""
        if self.sha256:
            return f"sha256-{self.sha256}"
        return f"git-{self.git_blob}-{self.size}" if self.git_blob and self.size >= 0 else ""


class Arrived(NamedTuple):
    """A file that is whole and right: where its bytes are, and what they are."""

    path: str
    size: int
    sha256: str


class Arrivals:
    """The store of one intake, beside the folder `into` that its model is laid out in; at most `most` bytes."""

    def __init__(self, into: str, most: int, watcher: Watcher) -> None:
        self._intake = os.path.dirname(os.path.abspath(into))
        self._into = into
        self._left = most
        self._watcher = watcher
        self._count = 0
        for name in (PARTS, OBJECTS, FINISHED):
            os.makedirs(os.path.join(self._intake, name), mode=0o700, exist_ok=True)

    def make_room(self, size: int) -> None:
        """Raise SourceError unless so many more bytes may come and fit on the disk."""
        if size > self._left:
            cause = f"{size} bytes are more than the {self._left} that are left in quarantine for this intake"
            raise SourceError(cause, "raise [quarantine] most_bytes if this is right")
        disk = os.statvfs(self._intake)
        if size + SPARE_BYTES > disk.f_bavail * disk.f_frsize:
            cause = f"{size} bytes do not fit on the disk of the quarantine"
            raise SourceError(cause, "set [quarantine] folder to a larger disk")

    def begin(self, expected: Expected) -> Arriving:
        """A file that is to come; with what arrived of it before, if that can be told."""
        self.make_room(max(0, expected.size))
        self._count += 1
        path = os.path.join(self._intake, PARTS, expected.identity or str(self._count))
        waiting = os.path.join(os.path.dirname(self._intake), UNFINISHED, expected.identity)
        if expected.identity and not os.path.exists(path):
            with suppress(OSError):
                os.rename(waiting, path)
        with suppress(OSError):
            os.chmod(path, 0o600)
        return Arriving(path, expected, self)

    def have(self, expected: Expected) -> Arrived | None:
        """The file, if the same bytes came already under another name."""
        path = os.path.join(self._intake, OBJECTS, expected.sha256)
        if not expected.sha256 or not os.path.isfile(path) or os.stat(path).st_size != expected.size:
            return None
        return Arrived(path, expected.size, expected.sha256)

    def spend(self, size: int) -> None:
        """Count bytes that arrived. Raises SourceError if they are too many."""
        if size > self._left:
            raise SourceError(
                "the model has more bytes than one intake may take in quarantine",
                "raise [quarantine] most_bytes if this is right",
            )
        self._left -= size
        self._watcher.advance(size)

    def give_back(self, size: int) -> None:
        """Bytes that were thrown away again."""
        self._left += size

    def keep(self, part: str, size: int, sha256: str) -> Arrived:
        """Name a finished file by its digest, and by what it was expected to be."""
        path = os.path.join(self._intake, OBJECTS, sha256)
        os.chmod(part, 0o400)
        with suppress(FileExistsError):
            os.link(part, path, follow_symlinks=False)
        os.rename(part, os.path.join(self._intake, FINISHED, os.path.basename(part)))
        return Arrived(path, size, sha256)

    def lay_out(self, arrived: Arrived, name: str) -> None:
        """Show a file under its name in the model. The name was checked by `checked_name`."""
        target = os.path.join(self._into, name)
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            os.link(arrived.path, target, follow_symlinks=False)
        except OSError as error:
            cause = f"the file {name!r} cannot be laid out in quarantine: {error.strerror}"
            raise SourceError(cause, "a name may be too long, or two names may exclude each other") from error


class Arriving:
    """A file that arrives, written to in order like any other: `write`, `tell`, and `seek` with `truncate` to go back.

    Everything that is written is hashed. A byte too many raises SourceError, a wrong digest at the end as well.
    """

    def __init__(self, path: str, expected: Expected, arrivals: Arrivals) -> None:
        self._path = path
        self._expected = expected
        self._arrivals = arrivals
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._size = 0
        self._start()
        self._take_up()

    def _start(self) -> None:
        self._sha256 = hashlib.sha256()
        blob = self._expected.git_blob
        self._git = None
        if blob:
            self._git = hashlib.sha1() if len(blob) == 40 else hashlib.sha256()
            self._git.update(f"blob {self._expected.size}\0".encode())

    def _take_up(self) -> None:
        """Hash what is there already; more than there may be is thrown away."""
        there = os.fstat(self._file).st_size
        if 0 <= self._expected.size < there:
            os.ftruncate(self._file, 0)
            return
        while piece := os.read(self._file, _PIECE):
            self._arrivals.spend(len(piece))
            self._hash(piece)

    def _hash(self, piece: bytes) -> None:
        self._size += len(piece)
        self._sha256.update(piece)
        if self._git is not None:
            self._git.update(piece)

    def write(self, piece: bytes, /) -> int:
        """Take the next bytes."""
        if 0 <= self._expected.size < self._size + len(piece):
            cause = f"more bytes came for {self._expected.name!r} than the {self._expected.size} it has"
            raise SourceError(cause, "the source is wrong about its own files: nothing of it was taken in")
        self._arrivals.spend(len(piece))
        view = memoryview(piece)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            cause = f"{self._expected.name!r} cannot be written into quarantine: {error.strerror}"
            raise SourceError(cause, "set [quarantine] folder to a larger disk") from error
        self._hash(piece)
        return len(piece)

    def tell(self) -> int:
        """Bytes that are there."""
        return self._size

    def seek(self, place: int, /) -> int:
        """Go back to the beginning, the only place that can be gone back to, or stay where it is."""
        if place not in (0, self._size):
            raise SourceError(f"{self._expected.name!r} is not written in order", "report this")
        if place == 0 and self._size:
            self.truncate()
        return place

    def truncate(self) -> int:
        """Throw everything away that came so far."""
        os.ftruncate(self._file, 0)
        os.lseek(self._file, 0, os.SEEK_SET)
        self._arrivals.give_back(self._size)
        self._size = 0
        self._start()
        return 0

    def flush(self) -> None:
        """Nothing waits to be written."""

    @property
    def whole(self) -> bool:
        """Whether all bytes are there, if it is known how many they are."""
        return self._size == self._expected.size

    def finish(self) -> Arrived:
        """The file, if it is what was expected; else it is thrown away and SourceError says what differs."""
        got = self._sha256.hexdigest()
        git = self._git.hexdigest() if self._git is not None else ""
        expected = self._expected
        wrong = ""
        if expected.size >= 0 and self._size != expected.size:
            wrong = f"has {self._size} bytes instead of {expected.size}"
        elif expected.sha256 and got != expected.sha256:
            wrong = f"has the sha256 {got}, expected {expected.sha256}"
        elif git != expected.git_blob:
            wrong = f"has the git blob id {git}, expected {expected.git_blob}"
        if wrong:
            self.discard()
            cause = f"what arrived as {expected.name!r} {wrong}"
            raise SourceError(cause, "try again; if it stays so, the source does not serve what it lists")
        self.close()
        return self._arrivals.keep(self._path, self._size, got)

    def discard(self) -> None:
        """Throw the bytes away."""
        self.close()
        os.unlink(self._path)

    def close(self) -> None:
        """Stop writing. What is there stays, for whoever takes it up."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def checked_name(name: object) -> str:
    """A path in a model, as a source lists it. Raises SourceError for one that leads anywhere else."""
    problem = ""
    if not isinstance(name, str) or not name:
        problem = "is no path"
    elif "\0" in name or any("\ud800" <= char <= "\udfff" for char in name):
        problem = "is not text"
    elif name.startswith("/") or "\\" in name or any(part in ("", ".", "..") for part in name.split("/")):
        problem = "leads out of the model"
    elif any(part.lower() == ".git" for part in name.split("/")):
        problem = "is a folder of git's own"
    elif len(name.encode()) > 4000 or any(len(part.encode()) > 255 for part in name.split("/")):
        problem = "is too long"
    if problem or not isinstance(name, str):
        raise SourceError(f"the source lists the file {str(name)[:200]!r}, which {problem}", "take in nothing of it")
    return name
