"""Small models: folders of files, and the same as files to publish."""

from __future__ import annotations

import io
import os

from weighbridge.core.digests import Digest, digest_bytes
from weighbridge.core.errors import NotFound
from weighbridge.registry.base import Descriptor, Store
from weighbridge.registry.manifests import EMPTY_CONFIG, EMPTY_CONFIG_TYPE, IMAGE_MANIFEST, Manifest, write_manifest
from weighbridge.registry.publish import (
    CODE_TYPE,
    DOC_TYPE,
    WEIGHT_TYPE,
    EvidenceBlob,
    ModelFile,
    Published,
    publish_model,
)
from weighbridge.registry.read import load_model
from weighbridge.registry.streams import drain

NOTE = "application/x-note"
"""The artifact type of what is attached and is no evidence."""
TINY = {
    "model.safetensors": b"\x02\0\0\0\0\0\0\0{}",
    "README.md": b"# tiny\n",
    "a/b.py": b"print('b')\n",
    "a-b.py": b"",
}
"""A model whose names tell path order (a/b before a-b) from text order, with an empty file."""


def write_model(folder: str, files: dict[str, bytes] = TINY) -> list[tuple[str, Digest]]:
    """Write the files into a folder; gives back what is to be signed."""
    for path, content in files.items():
        whole = os.path.join(folder, path)
        os.makedirs(os.path.dirname(whole), exist_ok=True)
        with open(whole, "wb") as file:
            file.write(content)
    return [(path, digest_bytes(content)) for path, content in files.items()]


def contents(folder: str) -> dict[str, bytes]:
    """Every file below a folder by its path; links are none."""
    found = {}
    for place, _, names in os.walk(folder):
        for path in (os.path.join(place, name) for name in names):
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, folder)] = file.read()
    return found


def model_files(files: dict[str, bytes] = TINY) -> list[ModelFile]:
    """The files as they are handed to `publish_model`."""
    kinds = {".py": CODE_TYPE, ".md": DOC_TYPE}
    return [
        ModelFile(
            path,
            len(content),
            digest_bytes(content),
            kinds.get(os.path.splitext(path)[1], WEIGHT_TYPE),
            lambda content=content: io.BytesIO(content),
        )
        for path, content in files.items()
    ]


def attach_note(store: Store, subject: Descriptor, text: str) -> Descriptor:
    """Attach something that is no bundle; gives its manifest once the store says that it has it."""
    blobs = [
        store.put_blob(io.BytesIO(content), expect=digest_bytes(content), size=len(content))
        for content in (EMPTY_CONFIG, text.encode())
    ]
    config, layer = blobs[0]._replace(media_type=EMPTY_CONFIG_TYPE), blobs[1]
    raw = write_manifest(Manifest(NOTE, config, (layer,), subject, {"text": text}))
    return store.put_manifest(raw, IMAGE_MANIFEST)


def publish_tiny(store: Store, tag: str = "1.0", files: dict[str, bytes] = TINY) -> Published:
    """Publish a model with two pieces of evidence that name the manifest's digest."""
    return publish_model(
        store,
        tag=tag,
        files=model_files(files),
        config={"name": "tiny", "format": "safetensors", "paramSize": "1m", "createdAt": "2026-01-02T03:04:05Z"},
        annotations={"security.scan.result": "clean", "org.opencontainers.image.title": "tiny ✓"},
        evidence=lambda manifest: [
            EvidenceBlob("scan", "https://example.test/scan", b'{"about":"%s"}' % str(manifest.digest).encode()),
            EvidenceBlob("sbom", "https://example.test/sbom", b'{"sbom":"%s"}' % str(manifest.digest).encode()),
        ],
        replace=True,
    )


def whole(store: Store, tag: str) -> bool:
    """Whether the tag names a tiny model all of whose bytes and evidence are there; False if there is no such tag."""
    try:
        model = load_model(store, store.reference(tag=tag))
    except NotFound:
        return False
    assert len(model.evidence) == 2
    for file in model.files:
        with store.open_blob(Descriptor("", file.digest, file.size)) as stream:
            drain(stream)
    return True
