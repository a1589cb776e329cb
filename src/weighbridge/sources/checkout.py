"""A folder of a git checkout as a source: the bytes that lie there, and the commit that they should be those of.

The files are copied as those of any folder. Where one is a Git LFS pointer and the checkout has its object, the object
is taken, checked against the pointer. Beside the files lie the commit, its trees and its pointers, as from
`sources.git`: whether the files are those of the commit, and who signed it, is for `provenance.commits` to say.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import FormatError, SourceError, UsageError
from weighbridge.core.limits import Limits
from weighbridge.core.origin import FileOrigin, Origin, Told
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.scan.walk import walk
from weighbridge.sources.base import Fetched
from weighbridge.sources.git import (
    FILES,
    OBJECTS,
    history,
    local_folder,
    people,
    places,
    read_commit,
    resolve,
    transfer,
)
from weighbridge.sources.git_address import parse_address
from weighbridge.sources.git_objects import ObjectFolder, algorithm_of, blob_of_file
from weighbridge.sources.git_program import GitBounds, git, opened
from weighbridge.sources.lfs import MAX_POINTER, LocalLfs, read_pointer
from weighbridge.sources.local import LocalFolder

if TYPE_CHECKING:
    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.git_program import Objects
    from weighbridge.sources.lfs import Pointer

BELOW = "below"
"""What an origin tells of which folder or file of the repository it is."""
PIECE = 1024 * 1024


class Checkout(NamedTuple):
    """What lies at `path`, which is `below` the top folder `root` of a checkout (empty: the whole of it)."""

    path: str
    root: str
    below: str
    limits: Limits = Limits()
    most_bytes: int = 0
    bounds: GitBounds = GitBounds()

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Copy the files below `into`/files, and what tells of them below `into`/objects.git."""
        with places(into) as (home, files):
            plainly = LocalFolder(self.path, self.limits.files, self.most_bytes).fetch(files, watcher)
            origin = self._origin(home, into, watcher)
            return plainly._replace(origin=origin) if origin else plainly

    def _origin(self, home: str, into: str, watcher: Watcher) -> Origin | None:
        """The commit that is checked out and the files against it; None if it has none of them, or there is none."""
        head = _head(self.root)
        if not head:
            return None
        watcher.note("reading the commit that is checked out")
        address = parse_address(f"git+file://{self.root}")._replace(revision=head)
        folder = local_folder(address)
        tool = git(home, "file", self.bounds, os.environ)
        asked = resolve(tool, address)
        bare = transfer(tool, address, asked, "--depth=1", f"--filter=blob:limit={MAX_POINTER}")
        kept = ObjectFolder(os.path.join(into, OBJECTS))
        kept.create(algorithm_of(asked.id))
        with opened(tool, bare) as objects:
            read = read_commit(objects, asked.id, kept, self.limits.files, self.bounds)
            tracked = {path: leaf.id for leaf in read.leaves if leaf.kind == "file" and (path := self.inner(leaf.path))}
            if not tracked:
                return None
            comparing = _Comparing(os.path.join(into, FILES), tracked, objects, kept, LocalLfs(folder))
            entries = walk(comparing.folder, self.limits.files)
            files = tuple(comparing.file(entry.path) for entry in entries if entry.kind == "file")
        told = (
            *people(read.commit),
            Told(BELOW, escape_name(self.below)),
            history(tool, address, read.id, kept),
        )
        return Origin("git", address.place, "", read.id, files, told, kept.folder)

    def inner(self, path: str) -> str:
        """The path of a file of the commit within what is read here; empty if it is no part of it."""
        return inner_path(path, self.below)


def checkout_of(path: str, limits: Limits, most_bytes: int) -> Checkout | None:
    """The checkout that a path lies in, if it lies in one that can be named."""
    full = os.path.realpath(path)
    root = full if os.path.isdir(full) else os.path.dirname(full)
    while not os.path.lexists(os.path.join(root, ".git")):
        parent = os.path.dirname(root)
        if parent == root:
            return None
        root = parent
    try:
        parse_address(f"git+file://{root}")
    except UsageError:
        return None
    below = "" if full == root else os.path.relpath(full, root)
    return Checkout(path, root, below, limits, most_bytes)


def inner_path(path: str, below: str) -> str:
    """A path of a repository as it is called within a folder of it, or alone; empty if it lies elsewhere."""
    if not below:
        return path
    if path == below:
        return path.rpartition("/")[2]
    return path[len(below) + 1 :] if path.startswith(f"{below}/") else ""


def _head(root: str) -> str:
    """What HEAD of a checkout names: a branch in full, or a commit; empty if it has no commit yet."""
    folder = os.path.join(root, ".git")
    try:
        if os.path.isfile(folder):
            with open(folder, "rb") as file:
                named = os.fsdecode(file.read(4096)).removeprefix("gitdir: ").rstrip("\n")
            folder = os.path.join(root, named)
        with open(os.path.join(folder, "HEAD"), encoding="utf-8") as file:
            head = file.read(4096).strip().removeprefix("ref: ")
        common = local_folder(parse_address(f"git+file://{root}"))
        packed = os.path.join(common, "packed-refs")
        loose = os.path.isfile(os.path.join(common, head)) or not head.startswith("refs/")
        if not loose and os.path.isfile(packed):
            with open(packed, encoding="utf-8", errors="replace") as file:
                loose = any(line.rstrip("\n").endswith(f" {head}") for line in file)
    except (OSError, ValueError) as error:
        raise SourceError(f"the checkout {plain(root, 200)!r} cannot be read: {error}", "check its rights") from error
    return head if loose else ""


class _Comparing(NamedTuple):
    """The files below `folder` and what the commit has in their places (path → blob)."""

    folder: str
    tracked: dict[str, str]
    objects: Objects
    kept: ObjectFolder
    lfs: LocalLfs

    def file(self, path: str) -> FileOrigin:
        """A file as it lies here. One that the commit has as a pointer is held against that."""
        full = os.path.join(self.folder, path)
        wanted = self.tracked.get(path, "")
        here = FileOrigin(escape_name(path), os.stat(full).st_size, _sha256(full))
        if not wanted:
            return here
        identity = blob_of_file(full, wanted)
        pointer = self._pointer(wanted)
        if pointer is None:
            return here._replace(git_blob=identity)
        if identity == wanted:
            with suppress(SourceError):
                self._take(full, pointer)
            return here._replace(
                size=os.stat(full).st_size, sha256=_sha256(full), git_blob=wanted, lfs_sha256=pointer.sha256
            )
        # The bytes in the place of a pointer: which ones they should be, the pointer says.
        return here._replace(git_blob=wanted, lfs_sha256=pointer.sha256)

    def _pointer(self, identity: str) -> Pointer | None:
        """What the commit has in this place, if it is a pointer; large files were not fetched at all."""
        try:
            raw = self.objects.read(identity, "blob", MAX_POINTER)
            pointer = read_pointer(raw)
        except (FormatError, SourceError):
            return None
        if pointer is not None:
            self.kept.put("blob", raw, algorithm_of(identity))
        return pointer

    def _take(self, full: str, pointer: Pointer) -> None:
        """Put the object in the place of its pointer; whether it is the right one is seen by whoever hashes it."""
        for _, opener in self.lfs.opened([pointer]):
            with opener() as stream, open(f"{full}.lfs", "xb") as file:
                left = pointer.size
                while left > 0 and (piece := stream.read(min(PIECE, left))):
                    file.write(piece)
                    left -= len(piece)
            os.replace(f"{full}.lfs", full)
            os.chmod(full, 0o400)


def _sha256(full: str) -> str:
    with open(full, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
