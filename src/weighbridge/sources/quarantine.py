"""The private place that a model lands in before anybody trusts it.

    PARENT/lock                 held while folders are made or cleaned up
    PARENT/unfinished           files of intakes that ended early, by what they are to be: for the next who wants them
    PARENT/intake-…/alive       locked by the process that works here, and by nobody once that is dead
    PARENT/intake-…/parts       bytes that arrive
    PARENT/intake-…/objects     files that arrived whole and were checked, each named by the sha256 of its bytes
    PARENT/intake-…/finished    those of them that somebody else could go on with, by what they were expected to be
    PARENT/intake-…/arriving    the model's files, as they are laid out
    PARENT/intake-…/model       the same folder, renamed once the model is whole: what is inspected

With the setting `keep` the folder is called kept-… and stays. Folders are the owner's alone, files are read-only and
not executable, and the folder of an intake has no name that a module could have. It is removed at the end whatever
happens; what a killed intake left is found by its lock that nobody holds, and is cleaned up by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from contextlib import contextmanager, suppress

from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import DEFAULT_QUARANTINE, QuarantineSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.base import Fetched, Source

ALIVE = "alive"
PARTS = "parts"
OBJECTS = "objects"
FINISHED = "finished"
UNFINISHED = "unfinished"
_ARRIVING = "arriving"
_MODEL = "model"
UNFINISHED_SECONDS = 24 * 3600
"""How long a file that arrived in part waits for somebody who wants the rest of it."""


class Quarantine(NamedTuple):
    """The folder of one intake. `kept` says that it stays behind."""

    folder: str
    kept: bool = False

    def take(self, source: Source, watcher: Watcher) -> Fetched:
        """Let the source lay out its model, and show it only when it is whole. Raises what the source raises."""
        arriving, model = os.path.join(self.folder, _ARRIVING), os.path.join(self.folder, _MODEL)
        os.mkdir(arriving, 0o700)
        fetched = source.fetch(arriving, watcher)
        os.rename(arriving, model)
        return fetched._replace(folder=model)


@contextmanager
def quarantine(settings: QuarantineSettings = DEFAULT_QUARANTINE) -> Iterator[Quarantine]:
    """A quarantine for one intake; gone afterwards, unless the settings keep it.

    What dead intakes left behind is cleaned up before. Raises SourceError if there is no place for it.
    """
    try:
        parent = _parent(settings)
        with _lock(os.path.join(parent, "lock")):
            _clean(parent, settings)
            folder = tempfile.mkdtemp(prefix="kept-" if settings.keep else "intake-", dir=parent)
            alive = _held(os.path.join(folder, ALIVE))
    except OSError as error:
        cause = f"no quarantine can be set up: {error.strerror}"
        raise SourceError(cause, "set TMPDIR, or [quarantine] folder, to a writable folder") from error
    try:
        yield Quarantine(folder, settings.keep)
    except BaseException:
        if not settings.keep:
            _salvage(folder, parent)
        raise
    finally:
        if not settings.keep:
            _remove(folder)
        os.close(alive)


def _default() -> str:
    return os.path.join(tempfile.gettempdir(), f"weighbridge-quarantine-{os.getuid()}")


def _parent(settings: QuarantineSettings) -> str:
    """The folder of all quarantines. In a place that everybody may write to it must be ours, and ours alone."""
    parent = os.path.abspath(settings.folder or _default())
    for place in _loaded_from():
        if parent == place or parent.startswith(place + "/"):
            cause = f"the quarantine {parent!r} would lie in {place!r}, where loaders look for models or code"
            raise UsageError(cause, "set [quarantine] folder to a folder of its own")
    os.makedirs(parent, mode=0o700, exist_ok=True)
    found = os.lstat(parent)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        cause = f"the quarantine {parent!r} is not a folder of this user"
        raise SourceError(cause, "set [quarantine] folder to a folder of your own")
    if stat.S_IMODE(found.st_mode) & 0o077:
        if settings.folder and os.listdir(parent):
            cause = f"the quarantine {parent!r} is open to others"
            raise SourceError(cause, f"close it with chmod 700 {parent}, or set [quarantine] folder to another")
        os.chmod(parent, 0o700)
    os.makedirs(os.path.join(parent, UNFINISHED), mode=0o700, exist_ok=True)
    return parent


def _loaded_from() -> list[str]:
    """Folders that libraries load models or code from without being told to."""
    home = os.path.expanduser("~")
    caches = [os.environ.get("XDG_CACHE_HOME", os.path.join(home, ".cache"))]
    places = [os.environ.get(name, "") for name in ("HF_HOME", "HF_HUB_CACHE", "TORCH_HOME", "KERAS_HOME")]
    places += [os.path.join(cache, name) for cache in caches for name in ("huggingface", "torch")]
    places += [os.path.join(home, name) for name in (".keras", ".ollama")]
    return [os.path.abspath(place) for place in places if place]


@contextmanager
def _lock(path: str) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _held(path: str) -> int:
    """A locked file: the lock is gone as soon as nobody has it open, however its process ends."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _clean(parent: str, settings: QuarantineSettings) -> None:
    """Remove what dead intakes left, but for files that can be finished; of those, remove the old and the many."""
    for name in os.listdir(parent):
        folder = os.path.join(parent, name)
        if name.startswith("gone-"):
            _remove(folder)
        elif name.startswith("intake-") and not _is_alive(folder):
            _salvage(folder, parent)
            _remove(folder)
    place = os.path.join(parent, UNFINISHED)
    oldest = time.time() - UNFINISHED_SECONDS
    room = settings.most_bytes
    waiting = [(os.stat(entry).st_mtime, os.stat(entry).st_size, entry.path) for entry in os.scandir(place)]
    for changed, size, path in sorted(waiting, reverse=True):
        room -= size
        if changed < oldest or room < 0:
            os.unlink(path)


def _is_alive(folder: str) -> bool:
    try:
        file = os.open(os.path.join(folder, ALIVE), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    except OSError:
        return True  # nobody can tell
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _salvage(folder: str, parent: str) -> None:
    """Move what arrived, whole or in part, to where the next intake finds it.

    Nobody trusts these bytes: whoever picks them up hashes them first.
    """
    place = os.path.join(parent, UNFINISHED)
    for inside in (PARTS, FINISHED):
        with suppress(OSError):
            for name in os.listdir(os.path.join(folder, inside)):
                if "-" in name:  # what nobody could tell from another file has a plain number
                    os.rename(os.path.join(folder, inside, name), os.path.join(place, name))


def _remove(folder: str) -> None:
    """Remove a folder: hidden under another name at once, then bit by bit."""
    parent, name = os.path.split(folder)
    gone = os.path.join(parent, f"gone-{name.partition('-')[2]}")
    with suppress(OSError):
        os.rename(folder, gone)
    for place, folders, _ in os.walk(gone):
        for inner in folders:
            path = os.path.join(place, inner)
            if not os.path.islink(path):  # the rights of what a link leads to are not ours to change
                with suppress(OSError):
                    os.chmod(path, 0o700)
    shutil.rmtree(gone, ignore_errors=True)
