"""index.json of a layout folder: the list of all manifests, and what its entries say.

    {"schemaVersion": 2, "manifests": [{"mediaType", "digest", "size", "annotations": {…}}, …]}

An entry is kept as the JSON object that it is, so that what other tools wrote there is not lost. An entry's annotation
`org.opencontainers.image.ref.name` is its tag; an entry without one is visible by digest only.
Source: github.com/opencontainers/image-spec, image-layout.md and annotations.md.
"""

from __future__ import annotations

import os
from typing import Any

from weighbridge.core.errors import RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.registry.manifests import read_descriptor, strict_object, write_descriptor

if TYPE_CHECKING:
    from weighbridge.registry.base import Descriptor, Reference

Entry = dict[str, Any]

REF_NAME = "org.opencontainers.image.ref.name"
SUBJECT = "dev.weighbridge.subject"
"""Annotation in index.json: the digest of the manifest's subject. A shortcut only; the manifest itself is checked."""
MAX_INDEX = 256 * 1024 * 1024
"""Bytes of index.json; a manifest takes about 400."""


def read_index(folder: str) -> dict[str, Any]:
    """index.json with every entry checked. Raises RegistryError: a damaged index is neither guessed nor replaced."""
    path = os.path.join(folder, "index.json")
    mend = "restore it from a backup, or push the models to a new folder; the blobs are untouched"
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_INDEX + 1)
        index = strict_object(raw, "it") if len(raw) <= MAX_INDEX else {}
        entries = index.get("manifests")
        sound = index.get("schemaVersion") == 2 and isinstance(entries, list)
        for entry in entries if isinstance(entries, list) else ():
            read_descriptor(entry, "an entry")
    except OSError as error:
        raise RegistryError(f"{plain(path)} cannot be read: {error.strerror}", mend) from error
    except RegistryError as error:
        raise RegistryError(f"{plain(path)} is damaged: {error.cause}", mend) from error
    if not sound:
        raise RegistryError(f"{plain(path)} is damaged: it is not an OCI image index", mend)
    return index


def ref_name_of(entry: Entry) -> str:
    name: str = entry.get("annotations", {}).get(REF_NAME, "")
    return name


def is_meant(entry: Entry, reference: Reference) -> bool:
    if reference.digest is not None:
        return bool(entry["digest"] == str(reference.digest))
    return ref_name_of(entry) == f"{reference.name}:{reference.tag}"


def enter(entries: list[Entry], manifest: Descriptor, ref_name: str | None, subject: Descriptor | None) -> None:
    """Add a manifest to the index entries, or move a tag to it. What loses its tag stays, untagged."""
    digest = str(manifest.digest)
    if any(entry["digest"] == digest and ref_name in (None, ref_name_of(entry)) for entry in entries):
        return
    annotations = {} if subject is None else {SUBJECT: str(subject.digest)}
    if ref_name is not None:
        annotations[REF_NAME] = ref_name
    kept = []
    for entry in entries:
        if ref_name is not None and ref_name_of(entry) == ref_name:
            del entry["annotations"][REF_NAME]
            if sum(other["digest"] == entry["digest"] for other in entries) > 1:
                continue
        if entry["digest"] != digest or ref_name_of(entry):
            kept.append(entry)
    entries[:] = [*kept, write_descriptor(manifest._replace(annotations=annotations))]
