"""Logs where Azure puts them: `az://ACCOUNT/CONTAINER/PREFIX`, each blob as a file that is fetched when it is its turn.

A blob that has not changed since the last run, by its ETag, is not fetched at all. Export blobs grow while they are
read: one that changed after it was listed is left to the next run, which lists it again.
"""

from __future__ import annotations

import hashlib
from functools import partial

from weighbridge.core.artifact import escape_name
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.monitor.files import BEGINNING, LogFile
from weighbridge.sources.azure_blob import open_blob

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from azure.storage.blob import ContainerClient

    from weighbridge.core.settings import Settings
    from weighbridge.sources.azure_blob import AzureBlobs, Listed


def blob_files(place: str, settings: Settings, stack: ExitStack) -> Iterator[LogFile]:
    """Every blob at or below `place`; the connection is open until `stack` closes it.

    Raises UsageError for a place that is none or a library that is missing, SourceError if nothing can be listed.
    """
    source = open_blob(place, settings)
    container = stack.enter_context(source.opened())
    for blob in source.listed(container):
        known = f"{BEGINNING}{source.account}/{source.container}/{escape_name(blob.blob)}"
        changed = int.from_bytes(hashlib.sha256(blob.etag.encode()).digest()[:7], "big")
        yield LogFile(known, blob.size, changed, partial(_fetched, source, container, blob))


def _fetched(source: AzureBlobs, container: ContainerClient, blob: Listed, path: str) -> bool:
    with open(path, "wb") as file:
        return source.read(container, blob, file)
