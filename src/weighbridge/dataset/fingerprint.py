"""The fingerprint of a data set: which bytes, which records, and what the place that they come from says of them.

    {"schema": "weighbridge.dataset-fingerprint/1", "rootDigest", "files": [{"path", "size", "sha256"}],
     "records": {"number", "root", "form"}, "source": {"kind", "place", "asked", "revision"}, "claims": […],
     "complete", "incomplete": ["why", …], "tool", "envelope": {…}, "check": {…} if it was checked}

`rootDigest` is the root of a model signature (OpenSSF Model Signing) over the same files: a data set can be signed and
verified with `weighbridge sign` and `verify`, and all three name the same digest. The source, the tool and the time are
not in it. `records.root` is that of `canonical`: it tells the same records in other files from other records.
"""

from __future__ import annotations

import os

from weighbridge.attest.model_signing import SIGNATURE_FILE, root_digest
from weighbridge.core.artifact import escape_name
from weighbridge.core.claims import Claim, Status
from weighbridge.core.digests import Digest
from weighbridge.core.errors import SourceError
from weighbridge.core.evidence import DATASET_PREDICATE, Tool
from weighbridge.core.reader import FileSource, hash_file
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.canonical import FORM, Leaves
from weighbridge.dataset.database import guarded, opened
from weighbridge.dataset.files import data_files
from weighbridge.dataset.lines import Troubles
from weighbridge.dataset.places import storage_claims, storage_lacks
from weighbridge.dataset.reading import text_records
from weighbridge.provenance.commits import claims as commit_claims
from weighbridge.provenance.of_source import files_claim, source_claim
from weighbridge.scan.report import Envelope
from weighbridge.sources.quarantine import quarantine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.origin import Origin
    from weighbridge.core.settings import QuarantineSettings
    from weighbridge.dataset.database import Database
    from weighbridge.dataset.files import DataFile
    from weighbridge.dataset.report import CheckReport
    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.base import Fetched, Source

SCHEMA = "weighbridge.dataset-fingerprint/1"
KEYS = ("id", "_id", "uuid", "guid", "key")
"""Columns that say which record is meant, if nobody says which does."""


class FingerprintedFile(NamedTuple):
    """One file; `path` escaped as in every report, `size` in bytes.

    `version` names its bytes at the place that it comes from for good, if that has such a thing.
    """

    path: str
    size: int
    sha256: str
    version: str = ""


class RecordCount(NamedTuple):
    """The records of all files: how many, the root of their tree, and the form that they were hashed in."""

    number: int
    root: Digest
    form: str = FORM


class DatasetFingerprint(NamedTuple):
    """Exactly one version of a data set."""

    subject: Digest
    files: tuple[FingerprintedFile, ...]
    records: RecordCount
    origin: Origin
    claims: tuple[Claim, ...]
    incomplete: tuple[str, ...]
    tool: Tool
    envelope: Envelope
    check: CheckReport | None = None

    @property
    def kind(self) -> str:
        return "dataset"

    @property
    def predicate_type(self) -> str:
        return DATASET_PREDICATE

    @property
    def contradicted(self) -> tuple[Claim, ...]:
        """Claims that the evidence speaks against: other bytes than those of the commit, a signature that is none."""
        return tuple(claim for claim in self.claims if claim.status is Status.CONTRADICTED)

    def predicate(self) -> dict[str, Any]:
        """The fingerprint as JSON."""
        return {
            "schema": SCHEMA,
            "rootDigest": str(self.subject),
            "files": [file._asdict() for file in self.files],
            "records": {**self.records._asdict(), "root": str(self.records.root)},
            "source": {
                "kind": self.origin.kind,
                "place": self.origin.place,
                "asked": self.origin.asked,
                "revision": self.origin.revision,
            },
            "claims": [
                {"claim": claim.claim, "status": claim.status.value, "evidence": claim.evidence}
                for claim in self.claims
            ],
            "complete": not self.incomplete,
            "incomplete": list(self.incomplete),
            "tool": self.tool._asdict(),
            "envelope": self.envelope._asdict(),
            **({"check": self.check.document()} if self.check else {}),
        }


def fingerprint(
    source: Source,
    *,
    trust: TrustPolicy,
    most: int,
    watcher: Watcher,
    now: datetime,
    settings: QuarantineSettings,
    look: Callable[[str], CheckReport] | None = None,
) -> tuple[str, DatasetFingerprint]:
    """The name of a data set, and its fingerprint: from a copy in quarantine, so that what is read is what is hashed.

    What the commit says about the files, and who signed it, is checked as it is for models. `look` checks the very
    files that are fingerprinted. Raises SourceError.
    """
    with quarantine(settings) as place:
        fetched = place.take(source, watcher)
        found = content(fetched.folder, most)
        try:
            storage = storage_claims(fetched.origin)
            claims = (*_of_place(fetched, found, trust, now), *storage, *_said(found.data))
            versions = {file.path: file.version for file in fetched.origin.files}
            stamp = f"{now:%Y-%m-%dT%H:%M:%SZ}"
            return fetched.name, DatasetFingerprint(
                found.root,
                tuple(file._replace(version=versions.get(file.path, "")) for file in found.files),
                RecordCount(found.leaves.count, found.leaves.root()),
                fetched.origin,
                claims,
                (*found.incomplete, *storage_lacks(storage)),
                Tool(),
                Envelope(stamp, stamp, ""),
                look(fetched.folder) if look else None,
            )
        finally:
            found.leaves.close()


def _of_place(fetched: Fetched, found: Content, trust: TrustPolicy, now: datetime) -> tuple[Claim, ...]:
    """What the place says of the files. Data that only a DVC pointer of a commit names is no file of the commit."""
    origin = fetched.origin
    if origin.kind == "path":
        return ()
    through = {escape_name(path) for file in found.data for path in file.follows}
    apart = {file.path for file in origin.files if not file.git_blob and file.path in through}
    hashes = {
        path: digest for name, digest in (*found.hashes, *found.beside) if (path := escape_name(name)) not in apart
    }
    if origin.kind != "git":
        return (source_claim(origin), files_claim(origin, fetched.folder, hashes))
    files = tuple(file for file in origin.files if file.path not in apart)
    return commit_claims(origin._replace(files=files), hashes, trust, now)


def _said(files: tuple[DataFile, ...]) -> tuple[Claim, ...]:
    """What pointers and logs of tables among the files say: nothing proves it but the bytes that are hashed here."""
    return tuple(Claim(file.said[0], Status.DECLARED, file.said[1]) for file in files if file.said[0])


class Content(NamedTuple):
    """The bytes and the records of a data set. Whoever has it closes `leaves`.

    `beside` is a signature over the files, which is in none of their digests.
    """

    root: Digest
    files: tuple[FingerprintedFile, ...]
    hashes: tuple[tuple[str, str], ...]
    data: tuple[DataFile, ...]
    beside: tuple[tuple[str, str], ...]
    leaves: Leaves
    incomplete: tuple[str, ...]


def content(root: str, most: int, key: str = "") -> Content:
    """Read everything below `root`. Raises SourceError if something cannot be read or changes meanwhile."""
    listed = data_files(root, most)
    files = [file for file in listed if file.path != SIGNATURE_FILE]
    beside = tuple((file.path, _hash(file).hex) for file in listed if file.path == SIGNATURE_FILE and file.size)
    troubles = Troubles()
    hashes: dict[str, Digest] = {}
    for file in files:
        if file.kind in ("pointer", "unknown"):
            troubles.note("dataset/not-read", file, 0, file.note, unread=True)
        if not (file.kind == "pointer" and not file.size):
            hashes[file.path] = _hash(file)
    leaves = Leaves()
    parquet = [file for file in files if file.kind == "parquet"]
    if parquet:
        with opened(files) as database:
            for index, file in enumerate(files):
                _take(leaves, index, file, hashes, key, troubles, database)
    else:
        for index, file in enumerate(files):
            _take(leaves, index, file, hashes, key, troubles, None)
    for file in files:
        if file.path in hashes and _hash(file) != hashes[file.path]:
            raise _changed(file)
    ordered = sorted((file for file in files if file.path in hashes), key=lambda file: file.path.split("/"))
    return Content(
        root_digest(hashes[file.path] for file in ordered),
        tuple(FingerprintedFile(file.shown, file.size, hashes[file.path].hex) for file in ordered),
        tuple((file.path, hashes[file.path].hex) for file in ordered),
        tuple(files),
        beside,
        leaves,
        tuple(f"{found.file}: {found.why} ({found.rows})" for found in troubles.all() if found.unread),
    )


def _take(
    leaves: Leaves,
    index: int,
    file: DataFile,
    hashes: dict[str, Digest],
    key: str,
    troubles: Troubles,
    database: Database | None,
) -> None:
    if file.kind == "image":
        leaves.add({"path": file.path, "sha256": hashes[file.path].hex}, index, 1, key or "path")
    elif file.kind in ("jsonl", "json", "csv", "text"):
        for row, record in text_records(file, troubles):
            leaves.add(record, index, row, _key(record, key))
    elif file.kind == "parquet" and database:

        def read() -> None:
            for row, record in enumerate(_rows(database, file, index), 1):
                leaves.add(record, index, row, _key(record, key))

        guarded(file, troubles, read)


def _rows(database: Database, file: DataFile, index: int) -> Iterator[dict[str, Any]]:
    link = [database.link(file, index)]
    names = [row[0] for row in database.ask("DESCRIBE SELECT * FROM read_parquet(?)", link)]
    for row in database.each("SELECT * FROM read_parquet(?)", link):
        yield {**dict(zip(names, row, strict=True)), **dict(file.parts)}


def _key(record: dict[str, Any], key: str) -> str:
    return key or next((name for name in KEYS if name in record), "")


def _hash(file: DataFile) -> Digest:
    try:
        fd = os.open(file.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            digest, whole = hash_file(FileSource(fd, os.fstat(fd).st_size))
        finally:
            os.close(fd)
    except OSError as error:
        raise SourceError(f"{file.full!r} cannot be read: {error.strerror}", "check its rights") from error
    if not whole:
        raise _changed(file)
    return digest


def _changed(file: DataFile) -> SourceError:
    return SourceError(f"{file.full!r} changed while it was read", "try again when nothing writes to it")
