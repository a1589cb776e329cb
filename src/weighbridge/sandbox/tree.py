"""Folders that a program may fill as it likes: what they hold, giving them back, and taking them away.

A path grows longer than the kernel takes and deeper than a function may call itself, so everything here goes from one
open folder to the next. An entry costs a block whatever it holds: a disk runs out of names too.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 64
"""Folders in folders that are followed; a program that makes more of them does so in order not to be followed."""
ENTRY = 4096
"""Bytes that a name counts for at least."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def taken(folder: str, most: int) -> int:
    """Bytes on disk below `folder`, no further than just above `most`; deeper than can be followed is above it."""
    total = 0
    for parent, entry, depth in _entries(folder):
        if depth > DEEPEST:
            return most + 1
        with suppress(OSError):
            total += max(os.stat(entry, dir_fd=parent, follow_symlinks=False).st_blocks * 512, ENTRY)
        if total > most:
            break
    return total


def give(folder: str, user: int, group: int) -> None:
    """Make everything below `folder`, and the folder, somebody's own. What lies deeper than is followed is removed."""
    deep = False
    os.lchown(folder, user, group)
    for parent, entry, depth in _entries(folder):
        deep = deep or depth > DEEPEST
        os.chown(entry, user, group, dir_fd=parent, follow_symlinks=False)
    if deep:
        for entry in os.listdir(folder):
            remove(os.path.join(folder, entry))


def remove(folder: str) -> None:
    """Remove `folder` and what is in it, however deep; nobody may be changing it. What cannot be removed stays."""
    with suppress(OSError):
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            os.unlink(folder)
            return
        _empty(folder)
        os.rmdir(folder)


def _entries(folder: str) -> Iterator[tuple[int, str, int]]:
    """Every entry below: the open folder that it is in, its name, and how deep it lies. Links are not followed."""
    try:
        stack = [_opened(folder)]
    except OSError:
        return
    try:
        while stack:
            here, names = stack[-1]
            if not names:
                os.close(here)
                stack.pop()
                continue
            entry = names.pop()
            depth = len(stack)
            yield here, entry, depth
            if depth <= DEEPEST:
                with suppress(OSError):
                    stack.append(_opened(entry, here))
    finally:
        for here, _ in stack:
            os.close(here)


def _opened(folder: str, inside: int | None = None) -> tuple[int, list[str]]:
    here = os.open(folder, _FOLDER, dir_fd=inside)
    try:
        return here, os.listdir(here)
    except OSError:
        os.close(here)
        raise


def _empty(folder: str) -> None:
    """Bring every folder up to the top before what is in it is removed: so two open folders are enough."""
    os.chmod(folder, 0o700)
    top = os.open(folder, _FOLDER)
    number = 0
    try:
        while entries := os.listdir(top):
            for entry in entries:
                if not stat.S_ISDIR(os.stat(entry, dir_fd=top, follow_symlinks=False).st_mode):
                    os.unlink(entry, dir_fd=top)
                    continue
                os.chmod(entry, 0o700, dir_fd=top)
                number = _raise(top, entry, number)
                os.rmdir(entry, dir_fd=top)
    finally:
        os.close(top)


def _raise(top: int, entry: str, number: int) -> int:
    """Remove the files of the folder `entry` and move its folders to `top`, under names that nothing there has."""
    here = os.open(entry, _FOLDER, dir_fd=top)
    try:
        for inner in os.listdir(here):
            if not stat.S_ISDIR(os.stat(inner, dir_fd=here, follow_symlinks=False).st_mode):
                os.unlink(inner, dir_fd=here)
                continue
            os.chmod(inner, 0o700, dir_fd=here)
            while True:
                number += 1
                name = f"{number}-{os.getpid()}"
                try:
                    os.stat(name, dir_fd=top, follow_symlinks=False)
                except FileNotFoundError:
                    break
            os.rename(inner, name, src_dir_fd=here, dst_dir_fd=top)
    finally:
        os.close(here)
    return number
