"""Clearing a layout folder of blobs that nothing names any more: remains of pushes that failed, or of other tools.

Everything that `index.json` lists stays, tagged or not, with all that it names, its subject included. The index is
locked from the first look to the last removal, and a blob that is younger than the grace time stays: a push stores its
blobs before its manifest names them. A push that meets its blobs stored already makes them young again, and a manifest
only enters the index while its blobs are there, under the same lock: so a push and a clearing at the same time end in a
whole model or in a push that says that it failed. If a manifest cannot be read, nothing is removed.
"""

from __future__ import annotations

import os
import re

from weighbridge.core.digests import Digest
from weighbridge.core.errors import NotFound, RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.registry.attached import INDEX
from weighbridge.registry.layout import LayoutStore, on_disk, reading_index
from weighbridge.registry.manifests import IMAGE_MANIFEST, read_descriptor, read_manifest, strict_object

if TYPE_CHECKING:
    from weighbridge.registry.base import Descriptor

_HEX = re.compile(r"[0-9a-f]{64}")


class Garbage(NamedTuple):
    """What was removed, or would be; sizes in bytes. `young` counts what nothing names and stays for its age."""

    removed: tuple[Digest, ...]
    bytes: int
    kept: int
    young: int
    dry_run: bool


def clear_layout(store: LayoutStore, *, older_than: float, dry_run: bool) -> Garbage:
    """Remove the blobs of a layout folder that nothing names and that were last stored before `older_than` (a time
    in seconds of the epoch). Raises RegistryError, and then removes nothing, if the folder cannot be understood.
    """
    folder = os.path.join(store.folder, "blobs", "sha256")
    removed, freed, kept, young = [], 0, 0, 0
    with on_disk(f"clear {plain(store.folder)}"), reading_index(store.folder) as entries:
        named = _named(store, [read_descriptor(entry, "an entry") for entry in entries])
        with os.scandir(folder) as found:
            blobs = sorted(found, key=lambda entry: entry.name)
        for entry in blobs:
            status = entry.stat(follow_symlinks=False)
            if entry.name in named or not _HEX.fullmatch(entry.name):
                kept += 1
            elif max(status.st_mtime, status.st_ctime) >= older_than:
                young += 1
            else:
                removed.append(Digest(entry.name))
                freed += status.st_size
                if not dry_run:
                    os.unlink(entry.path)
    return Garbage(tuple(removed), freed, kept, young, dry_run)


def _named(store: LayoutStore, roots: list[Descriptor]) -> set[str]:
    """The digests of everything that the entries of the index name, directly or not."""
    named: set[str] = set()
    waiting = roots
    while waiting:
        manifest = waiting.pop()
        if manifest.digest.hex in named:
            continue
        named.add(manifest.digest.hex)
        if manifest.media_type == IMAGE_MANIFEST:
            content = read_manifest(store.get_manifest(manifest))
            named |= {blob.digest.hex for blob in (content.config, *content.layers)}
            if content.subject is not None:
                waiting += _if_there(store, content.subject)
        elif manifest.media_type == INDEX:
            entries = strict_object(store.get_manifest(manifest), "an index").get("manifests")
            if not isinstance(entries, list):
                raise RegistryError(f"the index {manifest.digest} lists nothing", "push it again")
            for entry in entries:
                waiting += _if_there(store, read_descriptor(entry, "an entry"))
    return named


def _if_there(store: LayoutStore, manifest: Descriptor) -> list[Descriptor]:
    """A manifest that another names: it may come later, or not at all."""
    try:
        store.get_manifest(manifest)
    except NotFound:
        return []
    return [manifest]
