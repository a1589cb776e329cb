"""Promotion: a model and all that refers to it, from one repository to another, byte for byte and without rebuilding.

Blobs, then the manifest by its digest, then every referrer, and those of the referrers, then a look at whether the
target lists them; the tag comes last. Every byte is proved when it is read, and the target proves it again. Within one
registry over HTTP blobs are mounted, not moved.
"""

from __future__ import annotations

import io
from contextlib import ExitStack, suppress
from functools import partial

from weighbridge.core.errors import NotFound, RegistryError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.base import Descriptor, check_free, check_tag
from weighbridge.registry.manifests import IMAGE_MANIFEST, read_manifest
from weighbridge.registry.publish import in_lanes, take_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from weighbridge.core.digests import Digest
    from weighbridge.registry.base import Reference, Store

DEPTH = 4
"""How deep referrers of referrers are followed: a signature of a bill of materials is at 2."""
RELIST = 4
"""Times that a referrer is entered again which the target does not list."""


class Copied(NamedTuple):
    """What the target holds now. `blobs` counts those of the model and its evidence, `bytes` all their bytes."""

    reference: str
    digest: Digest
    evidence: tuple[Digest, ...]
    blobs: int
    bytes: int


def copy_model(source: Store, reference: Reference, target: Store, tag: str, *, replace: bool = False) -> Copied:
    """Copy the manifest that `reference` names, with all its referrers, and let `tag` name it.

    If it fails, the tag is as it was. Raises UsageError if the tag names another manifest and `replace` is not given.
    """
    check_tag(tag)
    manifest = source.resolve(reference)
    if not replace:
        check_free(target, manifest.digest, tag)
    move = _Move(source, target)
    try:
        move.manifest(manifest)
        referrers = move.referrers(manifest, DEPTH)
        target.tag(manifest, tag, replace=replace)
    except BaseException:
        take_back(target, tag, manifest, move.added)
        raise
    where = str(target.reference(tag=tag))
    return Copied(where, manifest.digest, tuple(referrers), len(move.moved), sum(move.moved.values()))


class Reopened(io.RawIOBase):
    """A blob of a store as a stream that can go back. It proves nothing: `put_blob` of the target does."""

    def __init__(self, store: Store, blob: Descriptor, offset: int = 0) -> None:
        self._opened = ExitStack()
        self._store = store
        self._blob = blob
        self._at = offset
        self._stream: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise ValueError("only places from the start are known")
        if offset != self._at:
            self._opened.close()
            self._stream, self._at = None, offset
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        if self._stream is None:
            self._stream = self._opened.enter_context(self._store.open_part(self._blob, self._at))
        piece = self._read(self._stream, len(view))
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        self._opened.close()
        super().close()

    @staticmethod
    def _read(stream: BinaryIO, most: int) -> bytes:
        try:
            return stream.read(most)
        except OSError as error:
            raise RegistryError(f"the source cannot be read: {error.strerror}", "check the disk, repeat") from error


class _Move:
    def __init__(self, source: Store, target: Store) -> None:
        self._source = source
        self._target = target
        self._mount = _mounting(source, target)
        self.added: list[Descriptor] = []
        self.moved: dict[Digest, int] = {}

    def manifest(self, manifest: Descriptor) -> None:
        """One manifest with its blobs, by digest."""
        raw = self._source.get_manifest(manifest)
        if manifest.media_type != IMAGE_MANIFEST:
            raise RegistryError(f"{manifest.digest} is a {manifest.media_type}", "name the manifest of one model")
        content = read_manifest(raw)
        blobs = {blob.digest: blob for blob in (content.config, *content.layers)}
        in_lanes(max(self._source.lanes, self._target.lanes), [partial(self._blob, blob) for blob in blobs.values()])
        self.moved |= {blob.digest: blob.size for blob in blobs.values()}
        try:
            self._target.resolve(self._target.reference(digest=manifest.digest))
        except NotFound:
            self.added.append(manifest)
        self._target.put_manifest(raw, IMAGE_MANIFEST)

    def referrers(self, subject: Descriptor, depth: int) -> list[Digest]:
        """Everything that refers to a manifest, and to that. Raises RegistryError if the target does not list it."""
        found = list(self._source.referrers(subject))
        for referrer in found:
            self.manifest(referrer)
        self._check_listed(subject, found)
        digests = [referrer.digest for referrer in found]
        if depth > 1:
            for referrer in found:
                digests += self.referrers(referrer, depth - 1)
        return digests

    def _check_listed(self, subject: Descriptor, wanted: list[Descriptor]) -> None:
        for _ in range(RELIST):
            listed = {found.digest for found in self._target.referrers(subject)}
            missing = [referrer for referrer in wanted if referrer.digest not in listed]
            if not missing:
                return
            for referrer in missing:
                self._target.put_manifest(self._source.get_manifest(referrer), IMAGE_MANIFEST)
        raise RegistryError(f"the target does not list what refers to {subject.digest}", "copy again")

    def _blob(self, blob: Descriptor) -> None:
        if self._mount is not None:
            with suppress(RegistryError):
                if self._mount(blob):
                    return
        with Reopened(self._source, blob) as stream:
            self._target.put_blob(stream, expect=blob.digest, size=blob.size)  # type: ignore[arg-type]


def _mounting(source: Store, target: Store) -> Callable[[Descriptor], bool] | None:
    """How to let the target have a blob of the source without moving it; None if they are not in one registry."""
    there, here = source.reference(tag="x"), target.reference(tag="x")
    if there.kind != "remote" or there.place != here.place or here.kind != "remote" or there.name == here.name:
        return None
    from weighbridge.registry.remote import RemoteStore

    return (lambda blob: target.mount(blob, there.name)) if isinstance(target, RemoteStore) else None
