"""What a program takes of the disks, wherever it puts it.

    files with a name         below the folders that it may write: `tree.taken`
    files without one         removed while they are open: they hang on the descriptors of its processes
    files that nobody shows   removed and only mapped, or on the way between two sockets: in the room that is left
    names in its own view     a file of nothing takes a kilobyte of the kernel's memory

Of the third kind only the file system knows, and somebody else may fill it: it counts if the program wrote as much.
Whom the kernel does not let us look at (root in a container has no right to trace) is taken to have written it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sandbox.tree import ENTRY, taken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weighbridge.sandbox.order import Order

_OWN = ("/tmp", "/dev/shm")  # noqa: S108 -- in the program's own view


class Disks:
    """The folders that the program may fill, and how much room there was before it did."""

    __slots__ = ("_before", "_folders", "_most", "_own", "_seen")

    def __init__(self, order: Order) -> None:
        self._most = order.bounds.scratch
        self._folders = [place.host for place in order.places if place.kind == "write"]
        self._own = order.outer in ("bubblewrap", "namespaces")
        if not self._own:
            self._folders.append(order.scratch)
        self._before = {folder: _free(folder) for folder in self._folders}
        self._seen: dict[int, int] = {}

    def full(self, processes: Iterable[int]) -> bool:
        """Whether the program, that is these processes, took more than its bound."""
        everybody = list(processes)
        left = self._most
        for folder in self._folders:
            left -= taken(folder, left)
            if left < 0:
                return True
        if sum(_nameless(everybody).values()) > left or (self._own and _names(everybody) * ENTRY > self._most):
            return True
        lost = max((before - _free(folder) for folder, before in self._before.items()), default=0)
        return self._written(everybody) > self._most and lost > self._most

    def _written(self, processes: Iterable[int]) -> int:
        """Bytes that went to disks, by everybody that was ever seen and by those who ended below the warden."""
        for number in (os.getpid(), *processes):
            try:
                with open(f"/proc/{number}/io", encoding="ascii") as file:
                    counts = dict(line.split(": ") for line in file.read().splitlines())
                self._seen[number] = int(counts["write_bytes"])
            except (FileNotFoundError, ProcessLookupError):
                continue
            except (OSError, KeyError, ValueError):
                self._seen[number] = self._most + 1
        return sum(self._seen.values())


def _nameless(processes: Iterable[int]) -> dict[tuple[int, int], int]:
    """Bytes of each open file that no folder holds."""
    found = {}
    for number in processes:
        with suppress(OSError):
            for name in os.listdir(f"/proc/{number}/fd"):
                with suppress(OSError):
                    state = os.stat(f"/proc/{number}/fd/{name}")
                    if stat.S_ISREG(state.st_mode) and not state.st_nlink:
                        found[state.st_dev, state.st_ino] = state.st_blocks * 512
    return found


def _names(processes: Iterable[int]) -> int:
    """Names in the temporary folders of the program's own view; they are asked for through one who sees it."""
    most = 0
    for number in processes:
        for folder in _OWN:
            with suppress(OSError):
                inside = f"/proc/{number}/root{folder}"
                if os.stat(inside).st_dev != os.stat(folder).st_dev:
                    state = os.statvfs(inside)
                    most = max(most, state.f_files - state.f_ffree)
    return most


def _free(folder: str) -> int:
    try:
        state = os.statvfs(folder)
    except OSError:
        return 0
    return state.f_bfree * state.f_frsize
