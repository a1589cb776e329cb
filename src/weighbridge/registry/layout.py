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
from typing import TYPE_CHECKING, Any, BinaryIO

from weighbridge.core.digests import Digest, canonical_json
from weighbridge.core.errors import DigestMismatch, NotFound, RegistryError, UsageError
from weighbridge.core.plain import plain
from weighbridge.registry.base import Descriptor, Reference, check_name, check_tag, is_fallback_tag
from weighbridge.registry.manifests import (
    IMAGE_MANIFEST,
    MAX_MANIFEST,
    check_manifest,
    read_descriptor,
    read_manifest,
    strict_object,
    write_descriptor,
)
from weighbridge.registry.streams import PIECE, drain, verified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REF_NAME = "org.opencontainers.image.ref.name"
SUBJECT = "dev.weighbridge.subject"
"""Annotation in index.json: the digest of the manifest's subject. A shortcut only; the manifest itself is checked."""
LEFTOVER_SECONDS = 24 * 3600
"""Age from which a file in ingest/ is taken for the remains of a crash. A live writer's file is younger."""
MAX_INDEX = 256 * 1024 * 1024
"""Bytes of index.json; a manifest takes about 400."""
_LAYOUT_FILE = b'{"imageLayoutVersion":"1.0.0"}'
_EMPTY_INDEX = b'{"manifests":[],"schemaVersion":2}'


def open_layout(
    folder: str, repository: str, *, create: bool = False, now: Callable[[], float] = time.time
) -> LayoutStore:
    """One repository in a layout folder. With `create`, for writers, the folder is made if it is absent or empty,
    and remains of crashes are removed. Raises NotFound if there is no layout, UsageError for a bad name.
    """
    store = LayoutStore(folder, check_name(repository))
    if create:
        with _disk(f"set up the layout folder {plain(folder)}"):
            _create(store)
            _sweep_ingest(store, now() - LEFTOVER_SECONDS)
    if not os.path.isfile(os.path.join(folder, "oci-layout")):
        raise NotFound(f"{plain(folder)} is not an OCI image layout folder", "check the path, or push a model to it")
    return store


def repositories(folder: str) -> tuple[str, ...]:
    """Names of all repositories with a tag in a layout folder, sorted. Tags without a NAME are left out."""
    names = set()
    for entry in _read_index(folder)["manifests"]:
        name, _, tag = _ref_name(entry).rpartition(":")
        with suppress(UsageError):
            check_tag(tag)
            names.add(check_name(name))
    return tuple(sorted(names))


class LayoutStore:
    """One repository of a layout folder; blobs and untagged manifests are shared by all of them. See `Store`."""

    __slots__ = ("folder", "repository")

    def __init__(self, folder: str, repository: str) -> None:
        self.folder = folder
        self.repository = repository

    def reference(self, *, tag: str | None = None, digest: Digest | None = None) -> Reference:
        return Reference("layout", self.folder, self.repository, tag, digest)

    def put_blob(self, data: BinaryIO, *, expect: Digest, size: int) -> Descriptor:
        blob = Descriptor("application/octet-stream", expect, size)
        with suppress(NotFound, DigestMismatch):
            with self.open_blob(blob) as stored:
                drain(stored)
            return blob
        path = self._blob_path(expect)
        with _disk(f"store {expect}"), self._ingest(path, 0o444) as file:
            state, count = hashlib.sha256(), 0
            while piece := data.read(PIECE):
                count += len(piece)
                if count > size:
                    break
                state.update(piece)
                file.write(piece)
            if count != size or state.hexdigest() != expect.hex:
                raise DigestMismatch(
                    f"the bytes to store are not those of {expect} ({size} bytes)",
                    "the file changed after it was inspected: start again",
                )
        return blob

    @contextmanager
    def open_blob(self, blob: Descriptor) -> Iterator[BinaryIO]:
        path = self._blob_path(blob.digest)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise NotFound(f"{blob.digest} is not in {plain(self.folder)}", "push the model again") from error
        except OSError as error:
            raise RegistryError(f"{path} cannot be read: {error.strerror}", "check its permissions") from error
        with verified(os.fdopen(fd, "rb", buffering=0), blob, plain(path)) as stream:
            yield stream

    def put_manifest(self, raw: bytes, media_type: str, tag: str | None = None) -> Descriptor:
        ref_name = None if tag is None else f"{self.repository}:{check_tag(tag)}"
        manifest = check_manifest(raw, media_type)
        subject = None
        if media_type == IMAGE_MANIFEST:
            content = read_manifest(raw)
            manifest = manifest._replace(artifact_type=content.artifact_type)
            subject = content.subject
            for blob in (content.config, *content.layers):
                self._require(blob)
        self.put_blob(io.BytesIO(raw), expect=manifest.digest, size=manifest.size)
        with self._changing_index() as entries:
            _enter(entries, manifest, ref_name, subject)
        return manifest

    def resolve(self, reference: Reference) -> Descriptor:
        if reference.name != self.repository:
            raise UsageError(f"{reference} is not in the repository {self.repository}", "open the repository it names")
        found = [entry for entry in self._entries() if _is_meant(entry, reference)]
        if not found:
            raise NotFound(f"there is no {plain(str(reference))}", "list the tags with `weighbridge registry list`")
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
        for entry in self._entries():
            hint = entry.get("annotations", {}).get(SUBJECT, str(subject.digest))
            if entry["mediaType"] != IMAGE_MANIFEST or hint != str(subject.digest) or entry["digest"] in seen:
                continue
            seen.add(entry["digest"])
            found = read_descriptor(entry, "a manifest")
            content = read_manifest(self.get_manifest(found))
            if content.subject is None or content.subject.digest != subject.digest:
                continue
            if kind is None or content.artifact_type == kind:
                yield found._replace(annotations=content.annotations, artifact_type=content.artifact_type)

    def tags(self) -> tuple[str, ...]:
        names = (_ref_name(entry).rpartition(":") for entry in self._entries())
        return tuple(sorted({tag for name, _, tag in names if name == self.repository and not is_fallback_tag(tag)}))

    def tag(self, manifest: Descriptor, name: str) -> None:
        self.put_manifest(self.get_manifest(manifest), manifest.media_type, name)

    def remove(self, manifest: Descriptor) -> None:
        with self._changing_index() as entries:
            entries[:] = [entry for entry in entries if entry["digest"] != str(manifest.digest) or _ref_name(entry)]

    def _blob_path(self, digest: Digest) -> str:
        return os.path.join(self.folder, "blobs", "sha256", digest.hex)

    def _require(self, blob: Descriptor) -> None:
        """A manifest may only name blobs that are there, so that a visible model is a whole model."""
        try:
            size = os.stat(self._blob_path(blob.digest), follow_symlinks=False).st_size
        except FileNotFoundError as error:
            raise NotFound(f"the manifest names {blob.digest}, which is not stored", "store its blobs first") from error
        if size != blob.size:
            raise DigestMismatch(f"{blob.digest} has {size} bytes, not {blob.size}", "store its blobs again")

    def _entries(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = _read_index(self.folder)["manifests"]
        return entries

    @contextmanager
    def _changing_index(self) -> Iterator[list[dict[str, Any]]]:
        """The index entries, to be changed in place; written if the block ends well and something changed."""
        with _disk(f"write {plain(self.folder)}/index.json"), _locked(self.folder):
            index = _read_index(self.folder)
            before = canonical_json(index)
            yield index["manifests"]
            after = canonical_json(index)
            if after != before:
                with self._ingest(os.path.join(self.folder, "index.json"), 0o644) as file:
                    file.write(after)

    @contextmanager
    def _ingest(self, target: str, mode: int) -> Iterator[BinaryIO]:
        """A new file that takes the place of `target` once its block ended well and its bytes are on disk."""
        ingest = os.path.join(self.folder, "ingest")
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
        _sync_folder(os.path.dirname(target))


def _create(store: LayoutStore) -> None:
    folder = store.folder
    if os.path.isfile(os.path.join(folder, "oci-layout")):
        return
    if os.path.isdir(folder) and not set(os.listdir(folder)) <= {".weighbridge.lock", "blobs", "ingest", "index.json"}:
        raise RegistryError(
            f"{plain(folder)} holds something else than an OCI image layout", "name an empty or a new folder"
        )
    os.makedirs(os.path.join(folder, "blobs", "sha256"), exist_ok=True)
    with _locked(folder):
        # oci-layout comes last: a folder that has it is complete, so a missing index.json there means damage.
        for name, content in (("index.json", _EMPTY_INDEX), ("oci-layout", _LAYOUT_FILE)):
            path = os.path.join(folder, name)
            if not os.path.exists(path):
                with store._ingest(path, 0o644) as file:  # noqa: SLF001  # same module
                    file.write(content)
        _sync_folder(os.path.join(folder, "blobs"))


def _sweep_ingest(store: LayoutStore, before: float) -> None:
    with suppress(FileNotFoundError), os.scandir(os.path.join(store.folder, "ingest")) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < before:
                    os.unlink(entry.path)


def _read_index(folder: str) -> dict[str, Any]:
    """index.json with every entry checked. Raises RegistryError: a damaged index is neither guessed nor replaced."""
    path = os.path.join(folder, "index.json")
    mend = "restore it from a backup, or push the models to a new folder; the blobs are untouched"
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_INDEX + 1)
        if len(raw) > MAX_INDEX:
            raise RegistryError(f"it has more than {MAX_INDEX} bytes")
        index = strict_object(raw, "it")
        if index.get("schemaVersion") != 2 or not isinstance(index.get("manifests"), list):
            raise RegistryError("it is not an OCI image index")
        for entry in index["manifests"]:
            read_descriptor(entry, "an entry")
    except OSError as error:
        raise RegistryError(f"{plain(path)} cannot be read: {error.strerror}", mend) from error
    except RegistryError as error:
        raise RegistryError(f"{plain(path)} is damaged: {error.cause}", mend) from error
    return index


def _ref_name(entry: dict[str, Any]) -> str:
    name: str = entry.get("annotations", {}).get(REF_NAME, "")
    return name


def _is_meant(entry: dict[str, Any], reference: Reference) -> bool:
    if reference.digest is not None:
        return bool(entry["digest"] == str(reference.digest))
    return _ref_name(entry) == f"{reference.name}:{reference.tag}"


def _enter(
    entries: list[dict[str, Any]], manifest: Descriptor, ref_name: str | None, subject: Descriptor | None
) -> None:
    """Add a manifest to the index entries, or move a tag to it. What loses its tag stays, untagged."""
    digest = str(manifest.digest)
    if any(entry["digest"] == digest and ref_name in (None, _ref_name(entry)) for entry in entries):
        return
    annotations = {} if subject is None else {SUBJECT: str(subject.digest)}
    if ref_name is not None:
        annotations[REF_NAME] = ref_name
    kept = []
    for entry in entries:
        if ref_name is not None and _ref_name(entry) == ref_name:
            del entry["annotations"][REF_NAME]
            if sum(other["digest"] == entry["digest"] for other in entries) > 1:
                continue
        if entry["digest"] != digest or _ref_name(entry):
            kept.append(entry)
    entries[:] = [*kept, write_descriptor(manifest._replace(annotations=annotations))]


@contextmanager
def _locked(folder: str) -> Iterator[None]:
    fd = os.open(os.path.join(folder, ".weighbridge.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def _disk(action: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RegistryError(
            f"cannot {action}: {error.strerror or plain(str(error))}", "check free space and permissions, then repeat"
        ) from error


def _sync_folder(path: str) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
