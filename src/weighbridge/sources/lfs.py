"""Git LFS: what a pointer in the tree stands for, and where a checkout has it.

    version https://git-lfs.github.com/spec/v1
    oid sha256:<64 hex digits>
    size <bytes>

Where the objects are follows from the address of the repository alone: here for one on this machine, in `lfs_remote`
for others. The bytes are checked against the pointer by whoever copies them.
Source: github.com/git-lfs/git-lfs, docs/spec.md.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager
from functools import partial

from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from typing import BinaryIO, TypeAlias


MAX_POINTER = 1024
"""Bytes; the specification demands fewer."""
_FIRST = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (0|[1-9]\d{0,17})\n?"
)


class Pointer(NamedTuple):
    """The object that a pointer stands for."""

    sha256: str
    size: int


def read_pointer(blob: bytes) -> Pointer | None:
    """The pointer that a blob is, or None if it is none.

    Raises FormatError for one that is not written as the specification demands: others might read it as a pointer to
    something else than we do.
    """
    if not blob.startswith(_FIRST) or len(blob) >= MAX_POINTER:
        return None
    found = _POINTER.fullmatch(blob)
    if not found:
        raise FormatError("a Git LFS pointer that is not written as its specification demands", 0)
    return Pointer(found[1].decode(), int(found[2]))


class Readable(Protocol):
    """Bytes, one piece after another."""

    def read(self, size: int, /) -> bytes: ...


Opener: TypeAlias = "Callable[[], AbstractContextManager[Readable]]"


class Lfs(Protocol):
    """A place with objects."""

    def opened(self, pointers: Sequence[Pointer]) -> Iterator[tuple[Pointer, Opener]]:
        """For each pointer what opens its object for reading. Raises SourceError, which names a missing one."""


class LocalLfs(NamedTuple):
    """The objects that a repository on this machine has: `lfs/objects/ab/cd/abcd…` in its git folder."""

    folder: str

    def opened(self, pointers: Sequence[Pointer]) -> Iterator[tuple[Pointer, Opener]]:
        for pointer in pointers:
            yield pointer, partial(self._open, pointer)

    @contextmanager
    def _open(self, pointer: Pointer) -> Iterator[BinaryIO]:
        name = pointer.sha256
        path = os.path.join(self.folder, "lfs", "objects", name[:2], name[2:4], name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise missing(pointer, "the checkout does not have it") from error
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise missing(pointer, "what has its name in the checkout is no file")
            yield file


def missing(pointer: Pointer, why: str) -> SourceError:
    """The refusal that names the object."""
    return SourceError(
        f"the LFS object sha256:{pointer.sha256} ({pointer.size} bytes) is missing: {why}",
        "fetch it with git lfs fetch, or ask the owner to push it",
    )
