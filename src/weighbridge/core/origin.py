"""Where a model came from, as its source found it: facts that the provenance report judges."""

from __future__ import annotations

from typing import Literal

from weighbridge.core.records import NamedTuple

SourceKind = Literal["path", "git", "hub", "https", "azure-blob", "oci"]


class FileOrigin(NamedTuple):
    """One file as the source named it, and what its bytes were checked against while they arrived.

    `path` is escaped as in the report; `size` in bytes; `sha256` is the hex digest of the bytes in quarantine.
    `version` names these bytes at the place for good (a version id, a snapshot).
    `git_blob` is the id of the blob in the tree of the commit (of the pointer, if the file is stored by Git LFS),
    `lfs_sha256` the object that the pointer names. Empty: the source has no such thing, or did not say.
    """

    path: str
    size: int
    sha256: str
    git_blob: str = ""
    lfs_sha256: str = ""
    version: str = ""


class Told(NamedTuple):
    """Something that the place says about the model and nothing proves: `created`, `last-modified`, `gated`, …"""

    key: str
    value: str


class Origin(NamedTuple):
    """Where a model came from.

    `place` names the repository, container or address without any secret; `asked` is the branch, tag or version that
    was asked for (empty: the place's default), `revision` the immutable one that it resolved to (a commit, a digest, a
    version id; empty: the place has none). `objects` is a folder in the quarantine with the git objects that the commit
    hangs on, a bare repository beside the files and never among them; empty if there is none.
    """

    kind: SourceKind
    place: str
    asked: str = ""
    revision: str = ""
    files: tuple[FileOrigin, ...] = ()
    told: tuple[Told, ...] = ()
    objects: str = ""
