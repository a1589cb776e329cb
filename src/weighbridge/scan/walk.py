"""Which files an artifact has. Nothing is followed out of it, and nothing that is no regular file is opened."""

from __future__ import annotations

import os
import stat

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LEFT_OUT = ".git"
"""The folder of a checkout's own: not part of the artifact, so it is in no digest and no signature either."""


class Entry(NamedTuple):
    """One entry of the artifact: `path` is relative, with `/`; `kind` is file, link, other or left-out."""

    path: str
    full: str
    kind: str
    target: str = ""
    inside: bool = False

    @property
    def is_read(self) -> bool:
        """Whether its bytes are those of a file of the artifact: it is one, or a link to one."""
        return self.kind == "file" or (self.kind == "link" and self.inside)


def walk(root: str, most: int) -> list[Entry]:
    """All entries below `root` (or `root` itself if it is a file), sorted by path.

    Raises SourceError if `root` does not exist, cannot be read, is empty, or holds more than `most` entries.
    """
    try:
        top = os.stat(root)
    except OSError as error:
        raise SourceError(f"{root!r} cannot be inspected: {error.strerror}", "check the path and its rights") from error
    if not stat.S_ISDIR(top.st_mode):
        if not stat.S_ISREG(top.st_mode):
            raise SourceError(f"{root!r} is neither a file nor a folder", "name a file or a folder")
        return [Entry(os.path.basename(os.path.abspath(root)), root, "file")]
    entries: list[Entry] = []
    for entry in _below(root):
        entries.append(entry)
        if len(entries) > most:
            raise SourceError(f"{root!r} has more than {most} files", "inspect its folders one by one")
    if not any(entry.kind != "left-out" for entry in entries):
        raise SourceError(f"nothing to inspect: the folder {root!r} is empty", "name a folder with a model in it")
    entries.sort()
    return entries


def _below(root: str) -> Iterator[Entry]:
    """Folder after folder, however deep: one that no path reaches cannot be read, which is an error."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        folder = os.path.join(root, prefix) if prefix else root
        try:
            with os.scandir(folder) as found:
                listed = list(found)
        except OSError as error:
            cause = f"{folder[:200]!r} cannot be read: {error.strerror}"
            raise SourceError(cause, "check the rights of the folder") from error
        for item in listed:
            path = f"{prefix}/{item.name}" if prefix else item.name
            if item.is_symlink():
                yield _link(root, path, item.path)
            elif item.is_dir(follow_symlinks=False):
                if path == LEFT_OUT:
                    yield Entry(path, item.path, "left-out")
                else:
                    waiting.append(path)
            elif item.is_file(follow_symlinks=False):
                yield Entry(path, item.path, "file")
            else:
                yield Entry(path, item.path, "other")


def _link(root: str, path: str, full: str) -> Entry:
    """A link is followed in mind only: to a regular file of the same artifact it counts as inside."""
    target = os.readlink(full)
    real_root = os.path.realpath(root)
    real = os.path.realpath(full)
    inside = os.path.commonpath([real_root, real]) == real_root and os.path.isfile(real)
    return Entry(path, real if inside else full, "link", target, inside)
