"""What the source itself promised: an immutable revision, and for each file an id that its bytes must have."""

from __future__ import annotations

import hashlib
import os

from weighbridge.core.artifact import unescape_name
from weighbridge.core.claims import Claim, Status
from weighbridge.core.errors import SourceError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.provenance.weighing import named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weighbridge.core.origin import FileOrigin, Origin

SOURCE = "source"
FILES = "files-of-source"
PIECE = 1024 * 1024


def source_claim(origin: Origin) -> Claim:
    """Whether the place names something that cannot change afterwards."""
    value = f"{origin.place}@{origin.revision}" if origin.revision else origin.place
    if origin.kind == "path":
        return Claim(SOURCE, Status.ABSENT, "a path on this machine: nothing says where it was before", value)
    asked = f", which {origin.asked} was at that time" if origin.asked and origin.asked != origin.revision else ""
    if origin.revision:
        return Claim(SOURCE, Status.VERIFIED, f"{origin.place} at {origin.revision}{asked}", value)
    return Claim(SOURCE, Status.DECLARED, f"{origin.place} names no revision: it may give other bytes tomorrow", value)


def files_claim(origin: Origin, folder: str, files: Mapping[str, str]) -> Claim:
    """Whether the files that were inspected are those that the source promised. `files`: escaped path → sha256.

    Raises SourceError if a file cannot be read.
    """
    if not origin.files:
        return Claim(FILES, Status.ABSENT, "the source says nothing about its files")
    promised = {file.path: file for file in origin.files}
    if missing := promised.keys() - files.keys():
        return Claim(FILES, Status.CONTRADICTED, f"{named(missing)} is of the source and was not inspected")
    if added := files.keys() - promised.keys():
        return Claim(FILES, Status.CONTRADICTED, f"{named(added)} was inspected and is not of the source")
    bound = 0
    for path, file in sorted(promised.items()):
        if broken := _broken(file, folder, files[path]):
            return Claim(FILES, Status.CONTRADICTED, f"{path} {broken}")
        bound += bool(file.git_blob or file.lfs_sha256)
    count = f"{len(files)} of {len(files)} files"
    if bound == len(files):
        return Claim(FILES, Status.VERIFIED, f"{count} have the ids that the source gives them", count)
    if origin.kind == "oci" and origin.revision.startswith("sha256:"):
        return Claim(FILES, Status.VERIFIED, f"{count} have the digests of the manifest {origin.revision}", count)
    why = f"{count} are as they arrived; the source gives ids for {bound} of them"
    return Claim(FILES, Status.DECLARED, why, count)


def _broken(file: FileOrigin, folder: str, sha256: str) -> str:
    """Which link between the promise and the bytes broke; empty if none did."""
    if file.sha256 and file.sha256 != sha256:
        return "was changed in quarantine: the bytes that were inspected are not those that arrived"
    if file.lfs_sha256:
        if file.lfs_sha256 != sha256:
            return "is not the object that its Git LFS pointer names"
        return ""
    if file.git_blob and file.git_blob != git_blob(os.path.join(folder, unescape_name(file.path)), file.git_blob):
        return "is not the blob that the tree of the commit names"
    return ""


def git_blob(path: str, like: str) -> str:
    """The id that git gives the bytes of a file: by SHA-1, or by SHA-256 if `like` is that long."""
    try:
        with open(path, "rb") as file:
            state = hashlib.sha256() if len(like) == 64 else hashlib.sha1(usedforsecurity=False)
            state.update(b"blob %d\0" % os.fstat(file.fileno()).st_size)
            while piece := file.read(PIECE):
                state.update(piece)
    except OSError as error:
        raise SourceError(f"{plain(path, 200)} cannot be read: {error.strerror}", "check its rights") from error
    return state.hexdigest()
