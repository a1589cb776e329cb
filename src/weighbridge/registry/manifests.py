"""The JSON documents of OCI: descriptors and image manifests, written canonically and read strictly.

    {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": <kind>,
     "config": <descriptor>, "layers": [<descriptor>, …], "subject": <descriptor>, "annotations": {…}}

    descriptor = {"mediaType", "digest": "sha256:…", "size": <bytes>, "annotations": {…}, "artifactType"}

A manifest is serialised once: its digest is that of these bytes, and a manifest that was read is never written again.
Source: github.com/opencontainers/image-spec, manifest.md and descriptor.md (1.1).
"""

from __future__ import annotations

from weighbridge.core.digests import Digest, canonical_json, digest_bytes, parse_digest
from weighbridge.core.errors import RegistryError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.strict_json import read_strict
from weighbridge.registry.base import Descriptor

if TYPE_CHECKING:
    from typing import Any

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
EMPTY_CONFIG_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY_CONFIG = b"{}"
MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes of a manifest; common registries refuse more (distribution 2.8 by default)."""
MAX_SIZE = 2**63 - 1
_MEND = "the registry holds something that is not an OCI artifact, or it was damaged: push it again"


class Manifest(NamedTuple):
    """An image manifest. `artifact_type` is that of the config if the manifest itself gives none."""

    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: dict[str, str]


def write_manifest(manifest: Manifest) -> bytes:
    """Canonical JSON of a manifest. Raises RegistryError above MAX_MANIFEST."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": manifest.artifact_type,
        "config": write_descriptor(manifest.config),
        "layers": [write_descriptor(layer) for layer in manifest.layers],
    }
    if manifest.subject is not None:
        subject = manifest.subject
        document["subject"] = {"mediaType": subject.media_type, "digest": str(subject.digest), "size": subject.size}
    if manifest.annotations:
        document["annotations"] = manifest.annotations
    try:
        raw = canonical_json(document)
    except ValueError as error:
        raise UsageError("a name or an annotation is not valid UTF-8", "rename the file, or fix the text") from error
    _check_size(len(raw))
    return raw


def read_manifest(raw: bytes) -> Manifest:
    """Read an image manifest. Raises RegistryError for anything that readers could understand differently."""
    document = strict_object(raw, "the manifest")
    if document.get("schemaVersion") != 2 or document.get("mediaType", IMAGE_MANIFEST) != IMAGE_MANIFEST:
        raise RegistryError("the manifest is not an OCI image manifest", _MEND)
    layers = document.get("layers")
    if not isinstance(layers, list):
        raise RegistryError("the manifest has no list of layers", _MEND)
    config = read_descriptor(document.get("config"), "the config")
    subject = document.get("subject")
    return Manifest(
        _text(document.get("artifactType", ""), "the artifact type") or config.media_type,
        config,
        tuple(read_descriptor(layer, "a layer") for layer in layers),
        None if subject is None else read_descriptor(subject, "the subject"),
        _read_annotations(document.get("annotations", {}), "the manifest"),
    )


def check_manifest(raw: bytes, media_type: str) -> Descriptor:
    """The descriptor of manifest bytes whose own `mediaType`, if any, must be the given one. Raises RegistryError."""
    _check_size(len(raw))
    found = strict_object(raw, "the manifest").get("mediaType", media_type)
    if found != media_type:
        raise RegistryError(f"a manifest of type {plain(str(found), 80)} came as {plain(media_type, 80)}", _MEND)
    return Descriptor(media_type, digest_bytes(raw), len(raw))


def write_descriptor(descriptor: Descriptor) -> dict[str, Any]:
    """A descriptor as JSON; empty annotations and artifact type are left out."""
    document: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if descriptor.annotations:
        document["annotations"] = dict(descriptor.annotations)
    if descriptor.artifact_type:
        document["artifactType"] = descriptor.artifact_type
    return document


def read_descriptor(value: object, what: str) -> Descriptor:
    """Read a descriptor. Raises RegistryError; digests other than sha256 are refused."""
    if not isinstance(value, dict):
        raise RegistryError(f"{what} is not a descriptor", _MEND)
    size = value.get("size")
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        raise RegistryError(f"{what} has no size", _MEND)
    try:
        digest: Digest = parse_digest(_text(value.get("digest"), f"the digest of {what}"))
    except UsageError as error:
        raise RegistryError(f"{what}: {error.cause}", _MEND) from error
    return Descriptor(
        _text(value.get("mediaType"), f"the type of {what}"),
        digest,
        size,
        _read_annotations(value.get("annotations", {}), what),
        _text(value.get("artifactType", ""), f"the artifact type of {what}"),
    )


def strict_object(raw: bytes, what: str) -> dict[str, Any]:
    """Read bytes as one JSON object without duplicate keys, fractions or NaN. Raises RegistryError."""
    try:
        value = read_strict(raw, _no_number)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{what} is not strict JSON: {plain(str(error), 120)}", _MEND) from error
    if not isinstance(value, dict):
        raise RegistryError(f"{what} is not a JSON object", _MEND)
    return value


def _check_size(size: int) -> None:
    if size > MAX_MANIFEST:
        raise RegistryError(
            f"the manifest has {size} bytes and registries take {MAX_MANIFEST}",
            "publish fewer files: about 10,000 fit into one manifest",
        )


def _read_annotations(value: object, what: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise RegistryError(f"{what} has annotations that are not strings", _MEND)
    return value


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise RegistryError(f"{what} is not a string", _MEND)
    return value


def _no_number(text: str) -> Any:
    raise ValueError(f"the number {text[:40]} is none that OCI documents have")
