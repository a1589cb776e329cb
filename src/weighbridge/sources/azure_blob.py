"""Blobs of an Azure storage account as a source: `az://ACCOUNT/CONTAINER/PATH`, with `?versionid=…` for one version.

ACCOUNT is the account's name, or its host where that does not end in `.blob.core.windows.net`. PATH is one blob, or
the folder of all blobs below it; without a PATH the whole container. The account is part of the name because the name
is evidence: a container alone would be another one for everybody who reads it.

We go by the identity of Azure (`DefaultAzureCredential`: managed identity, workload identity, az login), or by the
connection string in AZURE_STORAGE_CONNECTION_STRING if it is for this account. Nothing of either is ever shown.

Everything is listed first, and each blob then read on the condition that its ETag is the listed one (`If-Match`): a
blob that changes meanwhile ends it all, so that the files belong together. What breaks off goes on where it broke. A
blob's Content-MD5, if it has one, must be that of its bytes; it is a check of the transfer, no proof of origin.
Source: learn.microsoft.com/rest/api/storageservices, "Get Blob", "Specifying conditional headers".
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from urllib.parse import unquote

from weighbridge.core.artifact import escape_name
from weighbridge.core.azure_identity import azure_identity
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.origin import FileOrigin, Origin, Told
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import Settings
from weighbridge.sources.arrivals import Arrivals, Arriving, Expected, checked_name
from weighbridge.sources.base import Fetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

    from azure.storage.blob import BlobProperties, BlobServiceClient, ContainerClient

    from weighbridge.scan.engine import Watcher

CONNECTION = "AZURE_STORAGE_CONNECTION_STRING"
HOST_END = ".blob.core.windows.net"
CHUNK = 4 * 1024 * 1024
"""Bytes of one request: what is held in memory at a time."""
SNAPSHOTS = 100
"""Snapshots of each blob that are listed, on the average."""
SOFT_DELETE = "soft-delete"
"""What an origin tells of the account's retention of deleted blobs."""
TRIES = 6
"""Times in a row that a download may break off without a byte having come."""
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}|[a-z0-9]{3,24}(?:\.[a-z0-9-]+)+")
_CONTAINER = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,62}|\$root|\$web")
_VERSION = re.compile(r"[0-9A-Za-z:.+-]{1,64}")
_MEND = "run az login, or give this machine's identity the role Storage Blob Data Reader"


class Listed(NamedTuple):
    """One blob as it was listed. `md5` is empty if the service has none; `snapshot` is one with the same bytes."""

    blob: str
    path: str
    size: int
    etag: str
    version: str
    md5: bytes
    modified: str
    snapshot: str = ""


class AzureBlobs(NamedTuple):
    """A blob or a folder of blobs. `connect` makes the client (tests have their own account).

    `kept`: find out under which version or snapshot the service keeps each blob, read that, and ask how long the
    deleted is kept.
    """

    account: str
    container: str
    path: str
    version: str
    settings: Settings
    connect: Callable[[str], BlobServiceClient] | None = None
    sleep: Callable[[float], None] = time.sleep
    kept: bool = False

    @property
    def place(self) -> str:
        """The blobs as they are named."""
        return f"az://{self.account}/{self.container}/{escape_name(self.path)}".rstrip("/")

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Download all blobs into quarantine. Raises SourceError if they cannot be had whole and unchanged."""
        arrivals = Arrivals(into, self.settings.quarantine.most_bytes, watcher)
        with (self.connect or _client)(self.account) as client:
            container = client.get_container_client(self.container)
            blobs = self.listed(container)
            told: tuple[Told, ...] = ()
            if self.kept:
                blobs = self._pinned(container, blobs)
                told = (Told(SOFT_DELETE, soft_delete(client)),)
            arrivals.make_room(sum(blob.size for blob in blobs))
            files = []
            for blob in blobs:
                watcher.note(escape_name(blob.path))
                files.append(self._take(container, blob, arrivals))
        name = escape_name(self.path.rstrip("/").rpartition("/")[2] or self.container)
        return Fetched(into, name, self._origin(blobs, files, told))

    def _pinned(self, container: ContainerClient, blobs: list[Listed]) -> list[Listed]:
        """The same blobs, each with the snapshot that has its bytes where the account keeps no versions."""
        from azure.core.exceptions import AzureError

        if all(blob.version for blob in blobs):
            return blobs
        snapshots: dict[tuple[str, str], str] = {}
        prefix = self.path if len(blobs) == 1 else f"{self.path.rstrip('/')}/" if self.path else ""
        try:
            for number, found in enumerate(container.list_blobs(name_starts_with=prefix, include=["snapshots"])):
                if number > SNAPSHOTS * self.settings.limits.files:
                    raise SourceError(f"{plain(self.place)} has too many snapshots", "name a folder of it")
                if found.snapshot:
                    snapshots[found.name, str(found.etag)] = str(found.snapshot)
        except AzureError as error:
            raise _refusal(self.place, error) from error
        return [
            blob if blob.version else blob._replace(snapshot=snapshots.get((blob.blob, blob.etag), ""))
            for blob in blobs
        ]

    @contextlib.contextmanager
    def opened(self) -> Iterator[ContainerClient]:
        """The container, until the block ends."""
        with (self.connect or _client)(self.account) as client:
            yield client.get_container_client(self.container)

    def read(self, container: ContainerClient, blob: Listed, file: BinaryIO) -> bool:
        """Write one listed blob into `file`; False if it has changed or gone since. Raises SourceError for all else."""
        try:
            _Transfer(container, blob, file, self.sleep).run(self.place)
        except SourceError as error:
            if _status(error.__cause__) in (404, 412):
                return False
            raise
        return True

    def listed(self, container: ContainerClient) -> list[Listed]:
        """What there is, by name. Raises SourceError if it cannot be listed, if it is nothing, or too much."""
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        try:
            if self.path and not self.path.endswith("/"):
                try:
                    client = container.get_blob_client(self.path, version_id=self.version or None)
                    found = client.get_blob_properties()
                except ResourceNotFoundError:
                    if self.version:
                        raise
                else:
                    if not _is_folder(found):
                        return [_listed(found, self.path, self.path.rpartition("/")[2], self.version)]
            if self.version:
                raise UsageError("a version is one of a blob, and this is a folder", "name the blob")
            return list(self._below(container))
        except AzureError as error:
            raise _refusal(self.place, error) from error

    def _below(self, container: ContainerClient) -> Iterator[Listed]:
        prefix = f"{self.path.rstrip('/')}/" if self.path else ""
        count = 0
        wanted = ["metadata", "versions"] if self.kept else ["metadata"]
        for found in container.list_blobs(name_starts_with=prefix, include=wanted):
            if _is_folder(found) or (found.version_id and self.kept and not found.is_current_version):
                continue
            count += 1
            if count > self.settings.limits.files:
                raise SourceError(
                    f"{plain(self.place)} has more than {self.settings.limits.files} blobs", "raise files in [limits]"
                )
            yield _listed(found, found.name, checked_name(found.name[len(prefix) :]), "")
        if not count:
            raise SourceError(
                f"there is nothing at {plain(self.place)}", "check the account, the container and the path"
            )

    def _take(self, container: ContainerClient, blob: Listed, arrivals: Arrivals) -> FileOrigin:
        arriving = arrivals.begin(Expected(checked_name(blob.path), blob.size))
        try:
            transfer = _Transfer(container, blob, arriving, self.sleep)
            transfer.run(self.place)
            if blob.md5 and transfer.md5 != blob.md5:
                arriving.discard()
                raise SourceError(
                    f"the bytes of {plain(blob.path, 200)!r} are not those of its Content-MD5",
                    "upload the blob again from its source",
                )
            arrived = arriving.finish()
        finally:
            arriving.close()
        arrivals.lay_out(arrived, blob.path)
        version = blob.version or (f"snapshot {blob.snapshot}" if blob.snapshot else "")
        return FileOrigin(escape_name(blob.path), arrived.size, arrived.sha256, version=version)

    def _origin(self, blobs: list[Listed], files: list[FileOrigin], more: tuple[Told, ...] = ()) -> Origin:
        """One blob has a version, if the account keeps them; a folder has none, but for what was listed of it."""
        single = len(blobs) == 1 and blobs[0].blob == self.path
        lines = "".join(f"{blob.etag} {blob.size} {escape_name(blob.path)}\n" for blob in sorted(blobs))
        listing = hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
        told = [Told("last-modified", max(blob.modified for blob in blobs))]
        told.append(Told("etag", blobs[0].etag) if single else Told("listing", f"sha256:{listing}"))
        revision = blobs[0].version or blobs[0].snapshot if single else ""
        if self.kept and not single and all(file.version for file in files):
            named = "".join(f"{file.version} {file.path}\n" for file in sorted(files))
            revision = f"versions:sha256:{hashlib.sha256(named.encode('utf-8', 'surrogatepass')).hexdigest()}"
        return Origin("azure-blob", self.place, self.version, revision, tuple(files), (*told, *more))


def open_blob(text: str, settings: Settings) -> AzureBlobs:
    """Read `az://ACCOUNT/CONTAINER/PATH`. Raises UsageError for anything else, and if the library is not installed."""
    shown = plain(text.partition("?")[0], 200)
    whole, _, query = text.removeprefix("az://").partition("?")
    account, _, rest = whole.partition("/")
    container, _, path = rest.partition("/")
    if not _ACCOUNT.fullmatch(account) or not _CONTAINER.fullmatch(container):
        raise UsageError(f"{shown!r} names no container", "write az://ACCOUNT/CONTAINER/PATH")
    name, _, version = query.partition("=")
    if query and (name.lower() != "versionid" or not _VERSION.fullmatch(unquote(version))):
        # What else stands there may be a signature that grants access: it is neither used nor shown.
        raise UsageError(f"{shown!r} has a query that is not ?versionid=…", f"leave it away; {_MEND}")
    try:
        path = checked_name(unquote(path).rstrip("/")) + ("/" if path.endswith("/") else "") if path else ""
    except SourceError as error:
        raise UsageError(f"{shown!r} is no path of a blob", "write az://ACCOUNT/CONTAINER/PATH") from error
    try:
        import azure.identity
        import azure.storage.blob  # noqa: F401 -- whether both are there
    except ImportError as error:
        raise UsageError(
            "Azure storage needs libraries that are not installed", "pip install 'weighbridge[azure]'"
        ) from error
    return AzureBlobs(account, container, path, unquote(version), settings)


class _Transfer:
    """One blob in as many requests as it takes."""

    def __init__(
        self, container: ContainerClient, blob: Listed, arriving: Arriving | BinaryIO, sleep: Callable[[float], None]
    ) -> None:
        self._client = container.get_blob_client(
            blob.blob, version_id=blob.version or None, snapshot=blob.snapshot or None
        )
        self._blob = blob
        self._arriving = arriving
        self._sleep = sleep
        self._state = hashlib.md5(usedforsecurity=False)

    @property
    def md5(self) -> bytes:
        return self._state.digest()

    def run(self, place: str) -> None:
        """Read to the end, and go on where it breaks off. Raises SourceError."""
        from azure.core.exceptions import AzureError

        failures, best = 0, 0
        while self._arriving.tell() < self._blob.size:
            try:
                self._read()
            except AzureError as error:
                failures = 0 if self._arriving.tell() > best else failures + 1
                best = self._arriving.tell()
                if failures >= TRIES or _status(error) in (400, 401, 403, 404, 409, 412):
                    raise _refusal(f"{place} ({self._blob.path})", error) from error
                self._sleep(min(2.0**failures, 30.0) / 4)

    def _read(self) -> None:
        from azure.core import MatchConditions
        from azure.core.exceptions import ServiceResponseError

        at = self._arriving.tell()
        stream = self._client.download_blob(
            offset=at,
            length=self._blob.size - at,
            etag=self._blob.etag,
            match_condition=MatchConditions.IfNotModified,
            max_concurrency=1,
        )
        if self._blob.version and stream.properties.version_id != self._blob.version:
            # A service that knows no versions answers with the bytes of today.
            raise SourceError(
                f"{plain(self._blob.path, 200)} was asked for in the version {plain(self._blob.version, 80)}, "
                f"and what came is not said to be it",
                "turn versioning of the account on, or leave the version away",
            )
        for piece in stream.chunks():
            self._arriving.write(piece)
            self._state.update(piece)
        if self._arriving.tell() == at:
            raise ServiceResponseError("the blob ended before its size")


def soft_delete(client: BlobServiceClient) -> str:
    """How long the account keeps what is deleted: `on, 30 days`, `off`, or `unknown` and why."""
    from azure.core.exceptions import AzureError

    try:
        found = client.get_service_properties().get("delete_retention_policy")
    except AzureError as error:
        return f"unknown: {plain(str(getattr(error, 'error_code', '') or type(error).__name__), 80)}"
    if found is None or not found.enabled:
        return "off"
    return f"on, {found.days} days"


def _client(account: str) -> BlobServiceClient:
    from azure.storage.blob import BlobServiceClient, ExponentialRetry

    options: dict[str, Any] = {
        "max_single_get_size": CHUNK,
        "max_chunk_get_size": CHUNK,
        "retry_policy": ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=4, random_jitter_range=1),
    }
    connection = os.environ.get(CONNECTION, "")
    if connection:
        try:
            client = BlobServiceClient.from_connection_string(connection, **options)
        except ValueError as error:
            raise UsageError(f"{CONNECTION} is not a connection string", "copy it again from the account") from error
        if client.account_name == account:
            return client
        client.close()
    host = account if "." in account else f"{account}{HOST_END}"
    return BlobServiceClient(f"https://{host}", credential=azure_identity(), **options)


def _listed(found: BlobProperties, blob: str, path: str, version: str) -> Listed:
    md5 = found.content_settings.content_md5
    modified = f"{found.last_modified:%Y-%m-%dT%H:%M:%SZ}" if found.last_modified else ""
    kept = version or found.version_id or ""
    return Listed(blob, path, int(found.size), str(found.etag), kept, bytes(md5 or b""), modified)


def _is_folder(found: BlobProperties) -> bool:
    """Accounts with a hierarchy list their folders as empty blobs with a mark."""
    marked = (found.metadata or {}).get("hdi_isfolder") == "true"
    return int(found.size) == 0 and (marked or str(found.name).endswith("/"))


def _status(error: BaseException | None) -> int:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else 0


def _refusal(place: str, error: BaseException) -> SourceError:
    """What an error of the library means. Its own text may hold requests and tokens, so only its code is shown."""
    code = plain(str(getattr(error, "error_code", "") or type(error).__name__), 80)
    where = plain(place, 300)
    status = _status(error)
    if status == 412:
        return SourceError(f"{where} changed while it was fetched", "fetch it again when nobody writes to it")
    if status in (401, 403) or type(error).__name__ in ("ClientAuthenticationError", "CredentialUnavailableError"):
        return SourceError(f"{where} is closed to us: {code}", _MEND)
    if status == 404:
        return SourceError(f"{where} is not there: {code}", "check the account, the container and the path")
    return SourceError(f"{where} cannot be fetched: {code}", "check the network and the account, then try again")
