"""Reading a published model back: its files by path and digest, and the evidence attached to it.

Everything here is what the registry says. The digests are proved; paths, annotations and predicate types are claims
of whoever pushed, and bundles are not verified: that is the work of `attest.trust`.
"""

from __future__ import annotations

from weighbridge.core.errors import DigestMismatch, RegistryError, Rejected
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.base import Descriptor
from weighbridge.registry.manifests import read_manifest
from weighbridge.registry.publish import (
    BUNDLE_PREDICATE,
    BUNDLE_TYPE,
    EVIDENCE_KIND,
    FILE_PATH,
    FILE_TITLE,
    MODEL_TYPE,
    is_safe_path,
)
from weighbridge.registry.streams import drain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.digests import Digest
    from weighbridge.registry.base import Reference, Store
    from weighbridge.registry.manifests import Manifest

MAX_BUNDLE = 64 * 1024 * 1024
"""Bytes of one bundle."""
MAX_ALL_BUNDLES = 512 * 1024 * 1024
"""Bytes of all bundles of one model, which are held in memory together."""
MAX_EVIDENCE = 1000
"""Pieces of evidence of one model; ten are usual, more with every sweep."""


class StoredFile(NamedTuple):
    """A file of a published model. `size` in bytes."""

    path: str
    size: int
    digest: Digest
    media_type: str


class StoredEvidence(NamedTuple):
    """A bundle that refers to the model. `kind` and `predicate_type` are claims beside it, not signed."""

    descriptor: Descriptor
    kind: str
    predicate_type: str
    bundle: bytes


class StoredModel(NamedTuple):
    """A published model; `annotations` are those of its manifest."""

    manifest: Descriptor
    files: tuple[StoredFile, ...]
    annotations: dict[str, str]
    evidence: tuple[StoredEvidence, ...]
    config: Descriptor | None = None


def load_model(store: Store, reference: Reference, also: str = "") -> StoredModel:
    """Read the manifest that a reference names, and all bundles attached to it. File contents are not read.

    `also`: an artifact type whose referrers count as evidence too, with this type in place of a predicate type.
    Raises NotFound, DigestMismatch; RegistryError for a manifest that is not a model or has unsafe paths; Rejected
    (evidence-malformed) for a referrer that should be a bundle and is not, or for too much evidence.
    """
    manifest = store.resolve(reference)
    content = read_manifest(store.get_manifest(manifest))
    if content.artifact_type != MODEL_TYPE:
        raise RegistryError(
            f"{plain(str(reference))} is not a model: its artifact type is {plain(content.artifact_type, 80)}",
            "name a model that was published with `weighbridge intake`",
        )
    evidence = _evidence(store, manifest, BUNDLE_TYPE)
    if also:
        evidence += _evidence(store, manifest, also)
    return StoredModel(manifest, stored_files(content), content.annotations, evidence, content.config)


def damaged_blobs(store: Store, model: StoredModel) -> Iterator[str]:
    """Read the config and every file of a model; a sentence for each one whose bytes are not those of its digest."""
    blobs = [] if model.config is None else [("its config", model.config)]
    blobs += [(plain(file.path, 200), Descriptor(file.media_type, file.digest, file.size)) for file in model.files]
    for name, blob in blobs:
        try:
            with store.open_blob(blob) as stream:
                drain(stream)
        except RegistryError as error:
            yield f"{name}: {error.cause}"


def stored_files(content: Manifest) -> tuple[StoredFile, ...]:
    """The files that a manifest names. Raises RegistryError for paths that are unsafe, stand twice, or are missing."""
    files: dict[str, StoredFile] = {}
    for layer in content.layers:
        path = layer.annotations.get(FILE_PATH, layer.annotations.get(FILE_TITLE, ""))
        if layer.annotations.get(FILE_TITLE, path) != path:
            raise RegistryError(
                f"the layer {layer.digest} has two names, so that readers would unpack different models",
                "push the model again from its source",
            )
        if not is_safe_path(path) or path in files:
            raise RegistryError(
                f"the layer {layer.digest} has the path {plain(path, 200)!r}, which is unsafe or stands twice",
                "push the model again from its source",
            )
        files[path] = StoredFile(path, layer.size, layer.digest, layer.media_type)
    if not files:
        raise RegistryError("the model has no files", "push the model again from its source")
    return tuple(files.values())


def _evidence(store: Store, manifest: Descriptor, wanted: str) -> tuple[StoredEvidence, ...]:
    found: list[StoredEvidence] = []
    configs: set[Digest] = set()
    left = MAX_ALL_BUNDLES
    for referrer in store.referrers(manifest, wanted):
        content = read_manifest(store.get_manifest(referrer))
        if len(content.layers) != 1 or (wanted == BUNDLE_TYPE != content.layers[0].media_type):
            raise Rejected(
                "evidence-malformed",
                f"the referrer {referrer.digest} without a bundle in it",
                "one bundle as its layer",
            )
        layer = content.layers[0]
        left -= layer.size
        if layer.size > MAX_BUNDLE or left < 0 or len(found) == MAX_EVIDENCE:
            raise Rejected(
                "evidence-malformed",
                f"evidence of {layer.size} bytes after {len(found)} other pieces",
                f"at most {MAX_BUNDLE} bytes each, {MAX_ALL_BUNDLES} bytes and {MAX_EVIDENCE} pieces together",
            )
        kind = content.annotations.get(EVIDENCE_KIND, "")
        try:
            if content.config.digest not in configs and content.config.size <= MAX_BUNDLE:
                with store.open_blob(content.config) as stream:  # not used, but part of what is pulled
                    drain(stream)
                configs.add(content.config.digest)
            with store.open_blob(layer) as stream:
                bundle = stream.read()
        except DigestMismatch as error:
            raise DigestMismatch(
                f"the evidence {plain(kind, 80) or 'of no kind'}: {error.cause}", error.mend
            ) from error
        said = content.annotations.get(BUNDLE_PREDICATE, "") if wanted == BUNDLE_TYPE else wanted
        found.append(StoredEvidence(referrer, kind, said, bundle))
    return tuple(found)
