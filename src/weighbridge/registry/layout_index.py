"""index.json of a layout folder: the list of all manifests, and what its entries say.

    {"schemaVersion": 2, "manifests": [{"mediaType", "digest", "size", "annotations": {…}}, …]}

An entry is kept as the JSON object that it is, so that what other tools wrote there is not lost. An entry's annotation
`org.opencontainers.image.ref.name` is its tag; an entry without one is visible by digest only.
Source: github.com/opencontainers/image-spec, image-layout.md and annotations.md.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from functools import lru_cache
from typing import Any

from weighbridge.core.errors import RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.manifests import read_descriptor, strict_object, write_descriptor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weighbridge.registry.base import Descriptor, Reference

Entry = dict[str, Any]

REF_NAME = "org.opencontainers.image.ref.name"
SUBJECT = "dev.weighbridge.subject"
"""Annotation in index.json: the digest of the manifest's subject. A shortcut only; the manifest itself is checked."""
SETTLED = 2.0
"""Seconds after which a file that was written is taken to stay as it is until its times change."""
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


class Catalog(NamedTuple):
    """The entries of an index in their order, and the places of those with a digest, a tag or a subject in it.

    `unhinted` are places of entries that do not say of what they are referrers, if they are. Nothing here is changed.
    """

    entries: tuple[Entry, ...]
    by_digest: Mapping[str, tuple[int, ...]]
    by_name: Mapping[str, tuple[int, ...]]
    by_subject: Mapping[str, tuple[int, ...]]
    unhinted: tuple[int, ...]

    def meant(self, reference: Reference) -> list[Entry]:
        """The entries that a reference names."""
        if reference.digest is not None:
            places = self.by_digest.get(str(reference.digest), ())
        else:
            places = self.by_name.get(f"{reference.name}:{reference.tag}", ())
        return [self.entries[place] for place in places]

    def candidates(self, subject: str) -> list[Entry]:
        """The entries that may be referrers of a digest."""
        return [self.entries[place] for place in sorted((*self.by_subject.get(subject, ()), *self.unhinted))]


def seen_index(folder: str) -> Catalog:
    """index.json for reading, parsed once as long as it is the same file. Raises RegistryError.

    A file that was written a moment ago is parsed each time: somebody may write it again within one tick of its clock.
    """
    path = os.path.join(folder, "index.json")
    try:
        there = os.stat(path)
    except OSError:
        return _catalog(folder)  # and says what is wrong
    if time.time() - there.st_mtime < SETTLED:
        return _catalog(folder)
    return _known(folder, (there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns))


@lru_cache(maxsize=2)
def _known(folder: str, identity: tuple[int, ...]) -> Catalog:
    del identity  # what is cached is cached for it: it changes with the file
    return _catalog(folder)


def _catalog(folder: str) -> Catalog:
    entries = tuple(read_index(folder)["manifests"])
    digests, names, subjects = (defaultdict[str, list[int]](list) for _ in range(3))
    unhinted = []
    for place, entry in enumerate(entries):
        digests[entry["digest"]].append(place)
        names[ref_name_of(entry)].append(place)
        subject = entry.get("annotations", {}).get(SUBJECT)
        if subject is None:
            unhinted.append(place)
        else:
            subjects[subject].append(place)
    return Catalog(entries, _fixed(digests), _fixed(names), _fixed(subjects), tuple(unhinted))


def _fixed(places: Mapping[str, list[int]]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(found) for key, found in places.items()}


def ref_name_of(entry: Entry) -> str:
    """The tag of an entry of the index; empty if it has none."""
    name: str = entry.get("annotations", {}).get(REF_NAME, "")
    return name


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
