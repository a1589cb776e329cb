"""Source → quarantine → digests → provenance report: what gate one collects, without the inspection."""

from __future__ import annotations

import os

from weighbridge.core.artifact import escape_name
from weighbridge.core.digests import Digest, model_digest
from weighbridge.core.errors import SourceError
from weighbridge.core.plain import plain
from weighbridge.core.reader import FileSource, hash_file
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import DEFAULT_QUARANTINE, QuarantineSettings
from weighbridge.provenance.report import ProvenanceReport, provenance_report
from weighbridge.scan.report import Envelope
from weighbridge.scan.walk import Entry, walk
from weighbridge.sources.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.settings import StagePolicy
    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.base import Source


def weigh_provenance(
    source: Source,
    *,
    trust: TrustPolicy,
    policy: StagePolicy,
    most: int,
    watcher: Watcher,
    now: datetime,
    attestations: Sequence[tuple[str, bytes]] = (),
    settings: QuarantineSettings = DEFAULT_QUARANTINE,
) -> tuple[str, ProvenanceReport]:
    """The name of a model and its provenance report; at most `most` files. Raises SourceError."""
    with quarantine(settings) as place:
        fetched = place.take(source, watcher)
        entries = walk(fetched.folder, most)
        digests = [(entry.path, *digest_of(entry, watcher)) for entry in entries if entry.is_read]
        report = provenance_report(
            fetched,
            model_digest(digests),
            {escape_name(path): digest.hex for path, _, digest in digests},
            no_files(entries),
            trust=trust,
            policy=policy,
            now=now,
            envelope=at(now),
            attestations=attestations,
        )
        return fetched.name, report


def at(now: datetime) -> Envelope:
    """The envelope of evidence that is made at once."""
    return Envelope(f"{now:%Y-%m-%dT%H:%M:%SZ}", f"{now:%Y-%m-%dT%H:%M:%SZ}", "")


def no_files(entries: Sequence[Entry]) -> list[str]:
    """Escaped paths of links and of what is no file at all."""
    return [escape_name(entry.path) for entry in entries if entry.kind in ("link", "other")]


def digest_of(entry: Entry, watcher: Watcher) -> tuple[int, Digest]:
    """Size and digest of one file. Raises SourceError if it cannot be read whole."""
    watcher.note(entry.path)
    try:
        fd = os.open(entry.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            size = os.fstat(fd).st_size
            digest, whole = hash_file(FileSource(fd, size), watcher.advance)
        finally:
            os.close(fd)
    except OSError as error:
        raise SourceError(f"{plain(entry.path)} cannot be read: {error.strerror}", "check its rights") from error
    if not whole:
        raise SourceError(f"{plain(entry.path)} changed while it was hashed", "try again when nothing writes to it")
    return size, digest
