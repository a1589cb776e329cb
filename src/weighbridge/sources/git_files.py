"""The files of a commit, written by us from its trees: no working tree, no filters, nothing that git would run.

Each file is hashed while it is written, for its blob id and for its sha256 at once. Links are made last, so that
nothing is ever written through one. Submodules are told and stay out.
"""

from __future__ import annotations

import os
import unicodedata
from contextlib import contextmanager
from hashlib import sha256

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.origin import FileOrigin, Told
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sources.git_objects import MAX_OBJECT, algorithm_of, parse_tree
from weighbridge.sources.git_program import GIB, PIECE
from weighbridge.sources.lfs import MAX_POINTER, Pointer, read_pointer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.git_objects import ObjectFolder, TreeEntry
    from weighbridge.sources.git_program import GitBounds, Objects
    from weighbridge.sources.lfs import Lfs, Readable

MAX_PATH = 3500
"""Bytes of a path in the tree: with the quarantine in front, the system takes 4096."""
_IGNORED_BY_HFS = dict.fromkeys((*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF))


class Leaf(NamedTuple):
    """Something in the tree that is no folder: `path` as the file system takes it, `kind` file, link or submodule."""

    path: str
    kind: str
    id: str


def leaves(objects: Objects, root: str, kept: ObjectFolder, most: int, bounds: GitBounds) -> list[Leaf]:
    """Everything in a tree; the trees go into `kept`.

    Raises SourceError for names that leave the folder, that git keeps for itself, or that are one on some machines,
    and for more than `most` files or more folders than the bounds allow.
    """
    algorithm = algorithm_of(root)
    found: list[Leaf] = []
    pending, folders = [("", root)], 0
    while pending:
        prefix, identity = pending.pop()
        folders += 1
        if folders > bounds.folders:
            raise SourceError(f"the tree has more than {bounds.folders} folders", "do not use this repository")
        raw = objects.read(identity, "tree", MAX_OBJECT)
        kept.put("tree", raw, algorithm)
        alike: dict[str, str] = {}
        for entry in _entries(raw, algorithm, prefix):
            name = os.fsdecode(entry.name)
            path = f"{prefix}/{name}" if prefix else name
            _check_name(name, path, alike)
            if entry.kind == "tree":
                pending.append((path, entry.id))
            else:
                found.append(Leaf(path, entry.kind, entry.id))
            if len(found) > most:
                raise SourceError(f"the tree has more than {most} files", "name a smaller repository")
            if len(pending) + folders > bounds.folders:
                raise SourceError(f"the tree has more than {bounds.folders} folders", "do not use this repository")
    return sorted(found)


def _entries(raw: bytes, algorithm: str, prefix: str) -> Iterator[TreeEntry]:
    try:
        yield from parse_tree(raw, algorithm)
    except FormatError as error:
        raise SourceError(f"in the folder {plain(prefix or '.', 80)!r}: {error.cause}", MEND) from error


MEND = "do not use this repository, or have its owner mend it"


def _check_name(name: str, path: str, alike: dict[str, str]) -> None:
    shown = plain(path, 120)
    if "/" in name or name in (".", ".."):
        raise SourceError(f"the tree has the name {shown!r}, which leads out of it", MEND)
    bare = name.translate(_IGNORED_BY_HFS).casefold().partition(":")[0].rstrip(". ")
    if bare in (".git", "git~1"):
        raise SourceError(f"the tree has the name {shown!r}, which git keeps for itself", MEND)
    if len(os.fsencode(path)) > MAX_PATH or len(os.fsencode(name)) > 255:
        raise SourceError(f"the tree has the name {shown!r}, which is too long for a file", MEND)
    key = unicodedata.normalize("NFC", name).casefold()
    if key in alike:
        cause = f"the tree has {plain(alike[key], 80)!r} and {plain(name, 80)!r} in one folder"
        raise SourceError(f"{cause}, which are one name on some machines", "have its owner rename one")
    alike[key] = name


class Writing(NamedTuple):
    """What `write_files` needs besides the list of leaves."""

    objects: Objects
    lfs: Lfs
    kept: ObjectFolder
    into: str
    watcher: Watcher
    bounds: GitBounds
    packed: int
    """Bytes of the pack that the files are in."""


def write_files(found: list[Leaf], at: Writing) -> tuple[tuple[FileOrigin, ...], tuple[Told, ...]]:
    """Write every file and link below `at.into`; give back the files and what is left out."""
    # One blob of zeros under a million names is a small repository.
    left = min(at.bounds.bytes, GIB + at.bounds.expansion * at.packed)
    origins: list[FileOrigin] = []
    pointers: dict[Pointer, list[Leaf]] = {}
    for leaf in found:
        if leaf.kind != "file":
            continue
        at.watcher.note(leaf.path)
        origin, pointer = _plain_file(leaf, at, left)
        if pointer is None:
            origins.append(origin)
            left -= origin.size
        else:
            pointers.setdefault(pointer, []).append(leaf)
    left = at.bounds.bytes - sum(origin.size for origin in origins)
    wanted = sum(pointer.size * len(places) for pointer, places in pointers.items())
    if wanted > left:
        raise SourceError(f"the LFS objects have {wanted} bytes, more than are taken", "name a smaller repository")
    for pointer, opened in at.lfs.opened(list(pointers)):
        for leaf in pointers[pointer]:
            at.watcher.note(leaf.path)
            try:
                with opened() as stream:
                    _lfs_file(leaf, pointer, stream, at)
            except SourceError as error:
                raise SourceError(f"{plain(leaf.path, 120)!r}: {error.cause}", error.mend) from error
            origins.append(FileOrigin(escape_name(leaf.path), pointer.size, pointer.sha256, leaf.id, pointer.sha256))
    for leaf in found:
        if leaf.kind == "link":
            _link(leaf.path, at.into, os.fsdecode(at.objects.read(leaf.id, "blob", 4096)))
    told = tuple(Told("submodule", escape_name(leaf.path)) for leaf in found if leaf.kind == "submodule")
    return tuple(sorted(origins)), told


def _plain_file(leaf: Leaf, at: Writing, left: int) -> tuple[FileOrigin, Pointer | None]:
    """Write a blob, unless it is a pointer: then that is given back and nothing is there."""
    state, head = sha256(), bytearray()
    with _new_file(leaf.path, at.into) as file:

        def take(piece: bytes) -> None:
            state.update(piece)
            if len(head) < MAX_POINTER:
                head.extend(piece[:MAX_POINTER])
            file.write(piece)
            at.watcher.advance(len(piece))

        size = at.objects.copy(leaf.id, "blob", left, take)
    origin = FileOrigin(escape_name(leaf.path), size, state.hexdigest(), leaf.id)
    try:
        pointer = read_pointer(bytes(head)) if size < MAX_POINTER else None
    except FormatError as error:
        raise SourceError(f"{plain(leaf.path, 120)!r} is {error.cause}", MEND) from error
    if pointer is not None:
        os.unlink(os.path.join(at.into, leaf.path))
        at.kept.put("blob", bytes(head), algorithm_of(leaf.id))
    return origin, pointer


def _lfs_file(leaf: Leaf, pointer: Pointer, stream: Readable, at: Writing) -> None:
    state, size = sha256(), 0
    with _new_file(leaf.path, at.into) as file:
        while size <= pointer.size and (piece := stream.read(PIECE)):
            size += len(piece)
            state.update(piece)
            file.write(piece)
            at.watcher.advance(len(piece))
    if size != pointer.size:
        more = "more than" if size > pointer.size else f"{size} of"
        raise SourceError(
            f"the LFS object sha256:{pointer.sha256} has {more} the {pointer.size} bytes of its pointer",
            "do not use this repository, or fetch the object again",
        )
    if state.hexdigest() != pointer.sha256:
        raise SourceError(
            f"the link from pointer to bytes is broken: the pointer names the LFS object sha256:{pointer.sha256}, "
            f"the bytes have sha256:{state.hexdigest()}",
            "do not use this repository, or fetch the object again",
        )


@contextmanager
def _new_file(path: str, into: str) -> Iterator[BinaryIO]:
    full = os.path.join(into, path)
    try:
        os.makedirs(os.path.dirname(full), 0o700, exist_ok=True)
        fd = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o400)
        with os.fdopen(fd, "wb") as file:
            yield file
    except OSError as error:
        raise _unwritten(path, error) from error


def _link(path: str, into: str, target: str) -> None:
    full = os.path.join(into, path)
    try:
        os.makedirs(os.path.dirname(full), 0o700, exist_ok=True)
        os.symlink(target, full)
    except (OSError, ValueError) as error:
        raise _unwritten(path, error) from error


def _unwritten(path: str, error: Exception) -> SourceError:
    why = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SourceError(f"{plain(path, 120)!r} cannot be written into quarantine: {why}", "see the space in TMPDIR")
