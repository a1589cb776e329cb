"""Publishing: a model and its evidence enter a repository, and become visible under a tag last of all.

The manifest is a ModelPack artifact that ModelPack clients, ORAS and Docker Model Runner read alike: one raw file per
layer, so a layer's digest is that of its file, with the file's path in both annotations in use. The same files and
annotations give the same manifest digest. Docker Model Runner knows the artifact by `paramSize` or `createdAt`.

Evidence is attached as cosign does: one referrer manifest per bundle, with the bundle as its only layer.

Order: blobs, config, manifest (by digest), referrers, all of it read back and verified, tag.
Sources: github.com/modelpack/model-spec, spec.md and config.md; github.com/sigstore/cosign, 3.1 bundle referrers.
"""

from __future__ import annotations

import io
from contextlib import suppress
from functools import partial
from types import MappingProxyType

from weighbridge.core.digests import Digest, canonical_json, digest_bytes
from weighbridge.core.errors import NotFound, RegistryError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.base import Descriptor, check_free, check_tag
from weighbridge.registry.manifests import (
    EMPTY_CONFIG,
    EMPTY_CONFIG_TYPE,
    IMAGE_MANIFEST,
    Manifest,
    read_manifest,
    write_manifest,
)
from weighbridge.registry.streams import drain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, BinaryIO

    from weighbridge.registry.base import Store

MODEL_TYPE = "application/vnd.cncf.model.manifest.v1+json"
MODEL_CONFIG_TYPE = "application/vnd.cncf.model.config.v1+json"
WEIGHT_TYPE = "application/vnd.cncf.model.weight.v1.raw"
WEIGHT_CONFIG_TYPE = "application/vnd.cncf.model.weight.config.v1.raw"
DOC_TYPE = "application/vnd.cncf.model.doc.v1.raw"
CODE_TYPE = "application/vnd.cncf.model.code.v1.raw"
DATASET_TYPE = "application/vnd.cncf.model.dataset.v1.raw"
FILE_PATH = "org.cncf.model.filepath"
UNTESTED = "org.cncf.model.file.mediatype.untested"
"""Annotation of a layer whose media type is no more than a guess."""
FILE_TITLE = "org.opencontainers.image.title"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
BUNDLE_CONTENT = "dev.sigstore.bundle.content"
BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
EVIDENCE_KIND = "dev.weighbridge.evidence.kind"
DESCRIPTOR_KEYS = frozenset(
    {"createdAt", "authors", "vendor", "family", "name", "version", "title", "description", "docURL", "sourceURL"}
    | {"datasetsURL", "revision", "licenses"}
)
CONFIG_KEYS = frozenset({"architecture", "format", "paramSize", "precision", "quantization", "capabilities"})


RELIST = 4
"""Times that evidence is entered again which the registry does not list."""


class ModelFile(NamedTuple):
    """A file to publish: `path` is relative, POSIX; `size` in bytes; `open` gives its bytes from the start.

    `untested`: nobody knows whether the media type is right.
    """

    path: str
    size: int
    digest: Digest
    media_type: str
    open: Callable[[], BinaryIO]
    untested: bool = False


class EvidenceBlob(NamedTuple):
    """One signed bundle to attach; `kind` is its short name for people.

    Another form of signature than a bundle has its own `artifact_type`, the type of its one layer, and `annotations`.
    """

    kind: str
    predicate_type: str
    bundle: bytes
    artifact_type: str = BUNDLE_TYPE
    layer_type: str = BUNDLE_TYPE
    annotations: Mapping[str, str] = MappingProxyType({})


class Published(NamedTuple):
    """What is in the registry now: the model's manifest and one referrer manifest per piece of evidence.

    The descriptors of the evidence carry the annotations of their manifests.
    """

    manifest: Descriptor
    evidence: tuple[Descriptor, ...]


def publish_model(
    store: Store,
    *,
    tag: str,
    files: Sequence[ModelFile],
    config: Mapping[str, Any],
    annotations: Mapping[str, str],
    evidence: Callable[[Descriptor], Sequence[EvidenceBlob]],
    replace: bool = False,
) -> Published:
    """Publish a model with its evidence. `config` has ModelPack's descriptor and config fields in one flat mapping.

    `evidence` is called with the manifest's descriptor, so that statements can name its digest. If anything fails
    before the tag is set, the tag is as it was, what this call made visible is removed again (where the store can do
    so without harming others; elsewhere it stays, without a tag), and the error goes on.
    Raises UsageError for a bad tag, path or field, or without `replace` if the tag names another model;
    RegistryError (DigestMismatch if a file is not what its digest says); whatever `evidence` raises.
    """
    check_tag(tag)
    config_raw = model_config(files, config)
    raw = model_manifest(files, config_raw, annotations)
    if not replace:
        check_free(store, digest_bytes(raw), tag)
    added: list[Descriptor] = []
    tagging = False
    try:
        _put_files(store, files)
        _put(store, config_raw)
        manifest = _put_manifest(store, raw, added)
        attached = tuple(_attach(store, manifest, blob, added) for blob in evidence(manifest))
        _read_back(store, manifest, attached)
        tagging = True
        store.tag(manifest, tag, replace=replace)
    except BaseException:
        take_back(store, tag, manifest if tagging else None, added)
        raise
    return Published(manifest, attached)


def attach_evidence(store: Store, manifest: Descriptor, blob: EvidenceBlob) -> Descriptor:
    """Attach one more piece of evidence to a published model, read it back and see that the store lists it.

    Raises RegistryError; then nothing is visible, or (where a store cannot take back safely) all of it.
    """
    added: list[Descriptor] = []
    try:
        attached = _attach(store, manifest, blob, added)
        _read_back(store, manifest, (attached,))
    except BaseException:
        if store.removes_safely:
            for descriptor in added:
                with suppress(RegistryError):
                    store.remove(descriptor)
        raise
    return attached


def model_config(files: Sequence[ModelFile], parts: Mapping[str, Any]) -> bytes:
    """The ModelPack config of these files as canonical JSON. Raises UsageError for a field that it does not have."""
    if unknown := set(parts) - DESCRIPTOR_KEYS - CONFIG_KEYS:
        raise UsageError(
            f"ModelPack has no field {plain(', '.join(sorted(unknown)), 200)}",
            f"use {', '.join(sorted(DESCRIPTOR_KEYS | CONFIG_KEYS))}",
        )
    try:
        return canonical_json(
            {
                "descriptor": {key: value for key, value in parts.items() if key in DESCRIPTOR_KEYS},
                "config": {key: value for key, value in parts.items() if key in CONFIG_KEYS},
                "modelfs": {"type": "layers", "diffIds": [str(file.digest) for file in _ordered(files)]},
            }
        )
    except (TypeError, ValueError) as error:
        raise UsageError(f"a ModelPack field cannot be written as JSON: {plain(str(error), 120)}", "fix it") from error


def model_manifest(files: Sequence[ModelFile], config: bytes, annotations: Mapping[str, str]) -> bytes:
    """The manifest of these files, in the order of their paths. Raises UsageError for paths that no folder can hold."""
    seen: set[str] = set()
    for file in files:
        if file.path in seen or not is_safe_path(file.path):
            raise UsageError(
                f"the path {plain(file.path, 200)} cannot be published", "give plain relative paths, each once"
            )
        seen.add(file.path)
    if not files:
        raise UsageError("there are no files to publish", "name a folder with a model in it")
    layers = tuple(_layer(file) for file in _ordered(files))
    return write_manifest(Manifest(MODEL_TYPE, _config(config), layers, None, dict(annotations)))


def is_safe_path(path: str) -> bool:
    """Whether a path stays inside the folder that it is unpacked into, and means the same to every reader."""
    return "\0" not in path and "\\" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def _ordered(files: Sequence[ModelFile]) -> list[ModelFile]:
    return sorted(files, key=lambda file: file.path)


def _layer(file: ModelFile) -> Descriptor:
    annotations = {FILE_PATH: file.path, FILE_TITLE: file.path}
    if file.untested:
        annotations[UNTESTED] = "true"
    return Descriptor(file.media_type, file.digest, file.size, annotations)


def _config(raw: bytes) -> Descriptor:
    return Descriptor(MODEL_CONFIG_TYPE, digest_bytes(raw), len(raw))


def _put_files(store: Store, files: Sequence[ModelFile]) -> None:
    """Store all files, as many at a time as the store has lanes; the first error ends it."""

    def put(file: ModelFile) -> None:
        with file.open() as data:
            store.put_blob(data, expect=file.digest, size=file.size)

    in_lanes(store.lanes, [partial(put, file) for file in files])


def take_back(store: Store, tag: str, manifest: Descriptor | None, added: Sequence[Descriptor]) -> None:
    """After a failure: make invisible what was added, if the store can do so without harming others.

    `manifest` is the one that the tag may name already; then nothing is taken back.
    """
    if not store.removes_safely or (manifest is not None and _may_be_tagged(store, tag, manifest)):
        return
    for descriptor in reversed(added):
        with suppress(RegistryError):
            store.remove(descriptor)


def in_lanes(lanes: int, work: Sequence[Callable[[], object]]) -> None:
    """Do every piece of work, `lanes` of them at a time; after the first error, which is raised, none begins."""
    if lanes == 1:
        for piece in work:
            piece()
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(lanes) as pool:
        futures = [pool.submit(piece) for piece in work]
        try:
            for future in futures:
                future.result()
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _put(store: Store, raw: bytes) -> Descriptor:
    return store.put_blob(io.BytesIO(raw), expect=digest_bytes(raw), size=len(raw))


def _put_manifest(store: Store, raw: bytes, added: list[Descriptor]) -> Descriptor:
    """Store an untagged manifest and note it in `added`, unless it was there before this call."""
    try:
        store.resolve(store.reference(digest=digest_bytes(raw)))
    except NotFound:
        added.append(Descriptor(IMAGE_MANIFEST, digest_bytes(raw), len(raw)))
    return store.put_manifest(raw, IMAGE_MANIFEST)


def _attach(store: Store, subject: Descriptor, blob: EvidenceBlob, added: list[Descriptor]) -> Descriptor:
    kind = blob.artifact_type
    layer = _put(store, blob.bundle)._replace(media_type=blob.layer_type)
    config = _put(store, EMPTY_CONFIG)._replace(media_type=EMPTY_CONFIG_TYPE, artifact_type=kind)
    bundled = {BUNDLE_CONTENT: "dsse-envelope", BUNDLE_PREDICATE: blob.predicate_type} if kind == BUNDLE_TYPE else {}
    annotations = {**bundled, EVIDENCE_KIND: blob.kind, **blob.annotations}
    raw = write_manifest(Manifest(kind, config, (layer,), subject, annotations))
    return _put_manifest(store, raw, added)._replace(annotations=annotations, artifact_type=kind)


def _read_back(store: Store, manifest: Descriptor, attached: Sequence[Descriptor]) -> None:
    """Read everything that the tag will make visible; each read proves its digest."""
    for descriptor in (manifest, *attached):
        content = read_manifest(store.get_manifest(descriptor))
        for blob in (content.config, *content.layers):
            with store.open_blob(blob) as stream:
                drain(stream)
    for _ in range(RELIST):
        found = {referrer.digest for referrer in store.referrers(manifest)}
        missing = [descriptor for descriptor in attached if descriptor.digest not in found]
        if not missing:
            return
        for descriptor in missing:  # others who attach to the same model at this moment may have overwritten the list
            store.put_manifest(store.get_manifest(descriptor), descriptor.media_type)
    raise RegistryError(
        f"the registry does not list the evidence of {manifest.digest}", "repeat; if it stays, use another registry"
    )


def _may_be_tagged(store: Store, tag: str, manifest: Descriptor) -> bool:
    """After a failed attempt to set the tag: whether it might be visible, so that nothing may be taken from it."""
    try:
        return store.resolve(store.reference(tag=tag)).digest == manifest.digest
    except NotFound:
        return False
    except RegistryError:
        return True
