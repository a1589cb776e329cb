"""The embedded registry: an OCI image layout folder that many processes may use and any may be killed in.

    oci-layout              {"imageLayoutVersion":"1.0.0"}
    index.json              descriptors of all manifests; tags are `org.opencontainers.image.ref.name` = NAME:TAG
    blobs/sha256/<hex>      blobs and manifests, read-only
    ingest/                 files that are being written
    .weighbridge.lock       held while index.json is read, changed and replaced; never replaced itself

A file is written in ingest/, hashed on its way, synced, renamed to its place, and the folder synced: at any moment it
is wholly there or not at all. A crash leaves at most a file in ingest/, which is removed a day later. `index.json` is
written the same way under the lock, and is left alone if it cannot be understood. Other tools do not know the lock:
while one of them writes, nothing else should. flock is not reliable on some network file systems.
The whole index is read and written at each change: about half a second at 60,000 manifests (10,000 models). For reading
it is parsed once as long as the file stays the same.
Referrers are manifests with a `subject`; an annotation in the index says of which, so that only those are read.
Source: github.com/opencontainers/image-spec, image-layout.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import tempfile
import time
from contextlib import contextmanager, suppress

from weighbridge.core.digests import Digest, canonical_json, parse_digest
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.whole_files import sync_folder
from weighbridge.registry.base import Descriptor, Reference, check_name, check_tag, is_fallback_tag, taken
from weighbridge.registry.layout_index import Catalog, Entry, enter, read_index, ref_name_of, seen_index
from weighbridge.registry.manifests import (
    IMAGE_MANIFEST,
    MAX_MANIFEST,
    check_manifest,
    read_descriptor,
    read_manifest,
    strict_object,
)
from weighbridge.registry.streams import PIECE, drain, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

LEFTOVER_SECONDS = 24 * 3600
"""Age from which a file in ingest/ is taken for the remains of a crash. A live writer's file is younger."""
MAX_LAYOUT_FILE = 4096
"""Bytes read of the file oci-layout; it has 30."""
FLUSH = 16 * 1024 * 1024
"""Bytes after which the disk is told to begin: the sync at the end then waits for the last of them only."""
LAYOUT_VERSION = "1.0.0"
_LAYOUT_FILE = b'{"imageLayoutVersion":"1.0.0"}'
_EMPTY_INDEX = b'{"manifests":[],"schemaVersion":2}'


def open_layout(
    folder: str, repository: str, *, create: bool = False, now: Callable[[], float] = time.time
) -> LayoutStore:
    """One repository in a layout folder. With `create`, for writers, the folder is made if it is absent or empty,
    and remains of crashes are removed. Raises NotFound if there is no layout, UsageError for a bad name.
    """
    store = LayoutStore(folder, check_name(repository))
    with on_disk(f"open the layout folder {plain(folder)}"):
        if create:
            _create(folder)
            _sweep_ingest(folder, now() - LEFTOVER_SECONDS)
        try:
            with open(os.path.join(folder, "oci-layout"), "rb") as file:
                version = strict_object(file.read(MAX_LAYOUT_FILE), "oci-layout").get("imageLayoutVersion")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotFound(
                f"{plain(folder)} is not an OCI image layout folder", "check the path, or push a model to it"
            ) from error
    if version != LAYOUT_VERSION:
        raise RegistryError(f"{plain(folder)} has the layout version {plain(str(version), 40)}", "use version 1.0.0")
    return store


def repositories(folder: str) -> tuple[str, ...]:
    """Names of all repositories with a tag in a layout folder, sorted. Tags without a NAME are left out.

    Raises NotFound if there is no such folder.
    """
    if not any(os.path.exists(os.path.join(folder, name)) for name in ("oci-layout", "index.json")):
        raise NotFound(f"{plain(folder)} is not an OCI image layout folder", "check the path, or push a model to it")
    names = set()
    for entry in seen_index(folder).entries:
        name, _, tag = ref_name_of(entry).rpartition(":")
        with suppress(UsageError):
            check_tag(tag)
            names.add(check_name(name))
    return tuple(sorted(names))


class LayoutStore:
    """One repository of a layout folder; blobs and untagged manifests are shared by all of them. See `Store`."""

    __slots__ = ("folder", "repository")
    lanes = 1
    removes_safely = True

    def __init__(self, folder: str, repository: str) -> None:
        self.folder = folder
        self.repository = repository

    def reference(self, *, tag: str | None = None, digest: Digest | None = None) -> Reference:
        return Reference("layout", self.folder, self.repository, tag, digest)

    def put_blob(self, data: BinaryIO, *, expect: Digest, size: int) -> Descriptor:
        blob = Descriptor("application/octet-stream", expect, size)
        path = self._blob_path(expect)
        with suppress(NotFound, DigestMismatch), on_disk(f"store {expect}"):
            with self.open_blob(blob) as stored:
                drain(stored)
            with suppress(OSError):
                os.utime(path)  # young again, so that nobody clears it away before a manifest names it
            sync_folder(os.path.dirname(path))  # whoever stored it may have been killed before doing so
            return blob
        with on_disk(f"store {expect}"), _ingest(self.folder, path, 0o444) as file:
            state, count = hashlib.sha256(), 0
            while piece := data.read(PIECE):
                count += len(piece)
                if count > size:
                    break
                state.update(piece)
                file.write(piece)
                if count % FLUSH < len(piece):
                    _begin_writing(file, count)
            if count != size or state.hexdigest() != expect.hex:
                raise DigestMismatch(
                    f"the bytes to store are not those of {expect} ({size} bytes)",
                    "the file changed after it was inspected: start again",
                )
        return blob

    @contextmanager
    def open_blob(self, blob: Descriptor) -> Iterator[BinaryIO]:
        with verified(self.open_part(blob, 0), blob, plain(self._blob_path(blob.digest))) as stream:
            yield stream

    def open_part(self, blob: Descriptor, offset: int) -> BinaryIO:
        path = self._blob_path(blob.digest)
        try:
            file = open(path, "rb", buffering=0, opener=_without_links)  # noqa: SIM115  # whoever asked closes it
        except FileNotFoundError as error:
            raise NotFound(f"{blob.digest} is not in {plain(self.folder)}", "push the model again") from error
        except OSError as error:
            raise RegistryError(f"{plain(path)} cannot be read: {error.strerror}", "check its permissions") from error
        if offset:
            with _closed_on_error(file), on_disk(f"read {plain(path)}"):
                file.seek(offset)
        return file

    def put_manifest(self, raw: bytes, media_type: str, tag: str | None = None) -> Descriptor:
        return self._put_manifest(raw, media_type, tag, replace=True)

    def _put_manifest(self, raw: bytes, media_type: str, tag: str | None, *, replace: bool) -> Descriptor:
        ref_name = None if tag is None else f"{self.repository}:{check_tag(tag)}"
        manifest = check_manifest(raw, media_type)
        subject = None
        needed: tuple[Descriptor, ...] = (manifest,)
        if media_type == IMAGE_MANIFEST:
            content = read_manifest(raw)
            manifest = manifest._replace(artifact_type=content.artifact_type)
            subject = content.subject
            needed = (content.config, *content.layers, manifest)
            self._require(*needed[:-1])
        self.put_blob(io.BytesIO(raw), expect=manifest.digest, size=manifest.size)
        with self._changing_index() as entries:
            self._require(*needed)  # again, under the lock: somebody may clear the folder at this moment
            for entry in () if replace else entries:
                if ref_name_of(entry) == ref_name and entry["digest"] != str(manifest.digest):
                    raise taken(self.reference(tag=tag), parse_digest(entry["digest"]))
            enter(entries, manifest, ref_name, subject)
        return manifest

    def resolve(self, reference: Reference) -> Descriptor:
        if reference.name != self.repository:
            raise UsageError(f"{reference} is not in the repository {self.repository}", "open the repository it names")
        found = self._seen().meant(reference)
        if not found:
            raise NotFound(f"there is no {plain(str(reference))}", "check the name and the tag")
        if len({entry["digest"] for entry in found}) > 1:
            raise RegistryError(
                f"{plain(str(reference))} names more than one manifest", "remove all but one from index.json"
            )
        return read_descriptor(found[0], "a manifest")._replace(annotations={})

    def get_manifest(self, manifest: Descriptor) -> bytes:
        if manifest.size > MAX_MANIFEST:
            raise RegistryError(f"the manifest {manifest.digest} has {manifest.size} bytes", "at most 4 MiB are read")
        with self.open_blob(manifest) as stream:
            return stream.read()

    def referrers(self, subject: Descriptor, kind: str | None = None) -> Iterator[Descriptor]:
        seen = set()
        for entry in self._seen().candidates(str(subject.digest)):
            if entry["mediaType"] != IMAGE_MANIFEST or entry["digest"] in seen:
                continue
            seen.add(entry["digest"])
            found = read_descriptor(entry, "a manifest")
            content = read_manifest(self.get_manifest(found))
            if content.subject is None or content.subject.digest != subject.digest:
                continue
            if kind is None or content.artifact_type == kind:
                yield found._replace(annotations=content.annotations, artifact_type=content.artifact_type)

    def tags(self) -> tuple[str, ...]:
        names = (ref_name_of(entry).rpartition(":") for entry in self._seen().entries)
        return tuple(sorted({tag for name, _, tag in names if name == self.repository and not is_fallback_tag(tag)}))

    def tag(self, manifest: Descriptor, name: str, *, replace: bool = True) -> None:
        self._put_manifest(self.get_manifest(manifest), manifest.media_type, name, replace=replace)

    def remove(self, manifest: Descriptor) -> None:
        with self._changing_index() as entries:
            entries[:] = [entry for entry in entries if entry["digest"] != str(manifest.digest) or ref_name_of(entry)]

    def _blob_path(self, digest: Digest) -> str:
        return os.path.join(self.folder, "blobs", "sha256", digest.hex)

    def _require(self, *blobs: Descriptor) -> None:
        """A manifest may only name blobs that are there, so that a visible model is a whole model."""
        for blob in blobs:
            with on_disk("look up the blobs of a manifest"):
                try:
                    size = os.stat(self._blob_path(blob.digest), follow_symlinks=False).st_size
                except FileNotFoundError as error:
                    raise NotFound(
                        f"the manifest names {blob.digest}, which is not stored", "store its blobs first"
                    ) from error
            if size != blob.size:
                raise DigestMismatch(f"{blob.digest} has {size} bytes, not {blob.size}", "store its blobs again")

    def _seen(self) -> Catalog:
        return seen_index(self.folder)

    @contextmanager
    def _changing_index(self) -> Iterator[list[Entry]]:
        """The index entries, to be changed in place; written if the block ends well and something changed."""
        with on_disk(f"write {plain(self.folder)}/index.json"), _locked(self.folder):
            index = read_index(self.folder)
            before = canonical_json(index)
            yield index["manifests"]
            after = canonical_json(index)
            if after != before:
                with _ingest(self.folder, os.path.join(self.folder, "index.json"), 0o644) as file:
                    file.write(after)


def _create(folder: str) -> None:
    complete = os.path.join(folder, "oci-layout")
    ours = {".weighbridge.lock", "blobs", "ingest", "index.json"}
    there = set(os.listdir(folder)) if os.path.isdir(folder) else set()
    if "oci-layout" not in there and not there <= ours:  # one look: another one may be making it at this moment
        raise RegistryError(
            f"{plain(folder)} holds something else than an OCI image layout", "name an empty or a new folder"
        )
    os.makedirs(os.path.join(folder, "blobs", "sha256"), exist_ok=True)
    with _locked(folder):
        if os.path.exists(complete):
            return
        # oci-layout comes last: a folder that has it is complete, so a missing index.json there means damage.
        for name, content in (("index.json", _EMPTY_INDEX), ("oci-layout", _LAYOUT_FILE)):
            if not os.path.exists(os.path.join(folder, name)):
                with _ingest(folder, os.path.join(folder, name), 0o644) as file:
                    file.write(content)
        sync_folder(os.path.join(folder, "blobs"))


def _sweep_ingest(folder: str, before: float) -> None:
    with suppress(FileNotFoundError), os.scandir(os.path.join(folder, "ingest")) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)


@contextmanager
def _ingest(folder: str, target: str, mode: int) -> Iterator[BinaryIO]:
    """A new file that takes the place of `target` once its block ended well and its bytes are on disk."""
    ingest = os.path.join(folder, "ingest")
    os.makedirs(ingest, exist_ok=True)
    fd, path = tempfile.mkstemp(dir=ingest)
    try:
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.replace(path, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(path)
        raise
    sync_folder(os.path.dirname(target))


@contextmanager
def reading_index(folder: str) -> Iterator[list[Entry]]:
    """The entries of the index, while nobody of ours can change it."""
    with _locked(folder):
        yield read_index(folder)["manifests"]


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    fd = os.open(os.path.join(folder, ".weighbridge.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def on_disk(action: str) -> Iterator[None]:
    """Errors of the disk as RegistryError: that `action` could not be done."""
    try:
        yield
    except OSError as error:
        raise RegistryError(
            f"cannot {action}: {error.strerror or plain(str(error))}", "check free space and permissions, then repeat"
        ) from error


@contextmanager
def _closed_on_error(file: BinaryIO) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.close()
        raise


def _begin_writing(file: BinaryIO, count: int) -> None:
    """Linux begins to write what it is told will not be needed again; nothing waits for that here."""
    file.flush()
    with suppress(OSError):
        os.posix_fadvise(file.fileno(), max(0, count - 2 * FLUSH), 2 * FLUSH, os.POSIX_FADV_DONTNEED)


def _without_links(path: str, flags: int) -> int:
    # O_NONBLOCK: a named pipe under a blob's name must not be waited for.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
