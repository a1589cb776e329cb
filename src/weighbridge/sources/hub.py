"""A model of the Hugging Face Hub: `hf://org/name@revision`; a data set of it: `hf://datasets/org/name@revision`.

The revision is resolved to a commit before anything else is asked for, and only that commit is asked for afterwards.
Every file is held against what the tree of the commit says while it arrives: the id of its git blob, or, for a file
that Git LFS stores, size and sha256 of the object that its pointer names. What the Hub says beside that is told, not
believed.

A git blob id is a SHA-1: it ties a file to the commit, and the sha256 that is taken beside it is what counts here.
"""

from __future__ import annotations

import hashlib
import re
from functools import partial
from itertools import islice

from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.origin import FileOrigin, Origin, Told
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.settings import Settings
from weighbridge.sources.arrivals import Arrivals, Arrived, Expected, checked_name
from weighbridge.sources.base import Fetched
from weighbridge.sources.hub_client import Client, asked, guarded, load_client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from weighbridge.core.limits import Limits
    from weighbridge.scan.engine import Watcher
    from weighbridge.sources.hub_quick import HubLook

MODEL, DATASET = "model", "dataset"
_KINDS = ("datasets", "spaces", "kernels", "buckets")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ATTEMPTS = 3
"""Times that a file is downloaded which is not what it should be in size."""


class Listed(NamedTuple):
    """One file as the tree of the commit has it. `git_blob` is the pointer's if `sha256` names an object of Git LFS."""

    path: str
    size: int
    git_blob: str
    sha256: str
    scan: str

    @property
    def expected(self) -> Expected:
        """What has to arrive."""
        return Expected(self.path, self.size, self.sha256, "" if self.sha256 else self.git_blob)


class Resolved(NamedTuple):
    """What a revision turned out to be: a commit, its files, and what the Hub tells about the model."""

    commit: str
    files: tuple[Listed, ...]
    told: tuple[Told, ...]


class HubModel(NamedTuple):
    """One model of the Hub; `revision` is a branch, a tag or a commit (empty: the Hub's default branch).

    `kind` is `model` or `dataset`.
    """

    name: str
    revision: str
    settings: Settings
    kind: str = MODEL

    @property
    def path(self) -> str:
        """What follows the Hub's address: data sets have a folder of their own."""
        return f"datasets/{self.name}" if self.kind == DATASET else self.name

    def fetch(self, into: str, watcher: Watcher) -> Fetched:
        """Download every file into quarantine. Raises SourceError if one cannot be had, or is not what is listed."""
        client = load_client()
        with guarded(client, self.settings.https):
            resolved = resolve(client, self.name, self.revision, self.settings.limits.files, self.kind)
            arrivals = Arrivals(into, self.settings.quarantine.most_bytes, watcher)
            arrivals.make_room(sum(file.size for file in resolved.files))
            files = []
            for file in resolved.files:
                watcher.note(file.path)
                arrived = download(client, self.path, resolved.commit, file, arrivals)
                arrivals.lay_out(arrived, file.path)
                files.append(_file_origin(file, arrived.sha256))
            return Fetched(into, escape_name(self.name), self.origin(client, resolved, files))

    def origin(self, client: Client, resolved: Resolved, files: Iterable[FileOrigin]) -> Origin:
        """Where the model came from."""
        place = f"{str(client.endpoint).rstrip('/')}/{self.path}"
        mutable = "no" if self.revision == resolved.commit else "yes"
        told = (*resolved.told, Told("mutable", mutable))
        return Origin("hub", place, self.revision, resolved.commit, tuple(files), told)

    def show(self, limits: Limits) -> HubLook:
        """The same model for a quick look."""
        from weighbridge.sources.hub_quick import HubLook

        return HubLook(self, limits)


def open_data(text: str, settings: Settings) -> HubModel:
    """Read `hf://datasets/org/name@revision`. Raises UsageError if it is not the name of a data set."""
    rest = text.removeprefix("hf://")
    if not rest.startswith("datasets/"):
        raise UsageError(f"{text[:200]!r} is a model, not data", "write hf://datasets/ORGANISATION/NAME@REVISION")
    return open_hub(f"hf://{rest.removeprefix('datasets/')}", settings)._replace(kind=DATASET)


def open_hub(text: str, settings: Settings) -> HubModel:
    """Read `hf://org/name@revision`. Raises UsageError if it is not the name of a model."""
    rest = text.removeprefix("hf://")
    name, _, revision = rest.partition("@")
    first = name.partition("/")[0]
    if first in _KINDS:
        raise UsageError(f"hf://{first}/… is not a model", "name a model: hf://ORGANISATION/NAME@REVISION")
    name = name.removeprefix("models/").rstrip("/")
    if not re.fullmatch(r"[\w.-]{1,96}(/[\w.-]{1,96})?", name, re.ASCII):
        raise UsageError(f"{text[:200]!r} is no model of the Hub", "write hf://ORGANISATION/NAME@REVISION")
    if "@" in rest and not re.fullmatch(r"[!-~]{1,255}", revision):
        raise UsageError(f"{revision[:200]!r} is no revision", "name a branch, a tag or a commit behind the @")
    if revision.startswith("refs/"):
        raise UsageError(
            f"{revision[:200]!r} is made by a robot or by whoever opened a pull request",
            "name a branch, a tag or a commit; a commit of the pull request works if this is what you want",
        )
    return HubModel(name, revision, settings)


def resolve(client: Client, name: str, revision: str, most: int, kind: str = MODEL) -> Resolved:
    """Find out which commit a revision is, and what is in it: `most` files at most."""
    ask = client.api.dataset_info if kind == DATASET else client.api.model_info
    info = asked(client, name, lambda: ask(name, revision=revision or None, timeout=60))
    commit = info.sha
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise SourceError(
            f"the Hub does not say which commit {revision or 'the default branch'} of {name} is",
            "name a commit after an @",
        )
    if _COMMIT.fullmatch(revision) and commit != revision:
        raise SourceError(f"the Hub gives the commit {commit} where {revision} was asked for", "check HF_ENDPOINT")
    if info.id != name:
        other = str(info.id)[:200]
        raise SourceError(f"the Hub has {name} under the name {other!r} now", f"ask for hf://{other} if that is right")
    tree = partial(client.api.list_repo_tree, name, recursive=True, expand=True, revision=commit, repo_type=kind)
    entries = asked(client, name, lambda: list(islice(tree(), 2 * most)))
    files = [_listed(name, entry) for entry in entries if type(entry).__name__ == "RepoFile"]
    if len(files) > most or len(entries) == 2 * most:
        raise SourceError(f"the Hub lists more than {most} files in {name}", "raise [limits] files if this is right")
    paths = {file.path for file in files}
    if len(paths) != len(files) or not files:
        problem = "lists a file twice" if files else "lists no file"
        raise SourceError(f"the Hub {problem} in {name} at {commit}", "there is nothing that could be taken in")
    told = [*_told(info), *(Told(f"hub-scan/{escape_name(file.path)}", file.scan) for file in files if file.scan)]
    told += [
        Told(f"lfs-pointer/{escape_name(file.path)}", "the blob is not the usual pointer to this object")
        for file in files
        if file.sha256 and pointer_blob(file.sha256, file.size) != file.git_blob
    ]
    return Resolved(commit, tuple(sorted(files)), tuple(told))


def pointer_blob(sha256: str, size: int) -> str:
    """The git blob id of the pointer that Git LFS writes for an object: it ties the object to the commit."""
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    return hashlib.sha1(b"blob %d\0" % len(pointer) + pointer).hexdigest()


def _listed(name: str, entry: Any) -> Listed:
    path = checked_name(entry.path)
    size = entry.lfs.size if entry.lfs else entry.size
    sha256 = entry.lfs.sha256 if entry.lfs else ""
    right = type(size) is int and size >= 0 and _COMMIT.fullmatch(str(entry.blob_id))
    if not right or (entry.lfs and not _SHA256.fullmatch(str(sha256))):
        raise SourceError(f"the Hub does not say what {path!r} of {name} is made of", "nothing could be checked")
    return Listed(path, size, entry.blob_id, sha256, str(entry.security.status)[:100] if entry.security else "")


def _told(info: Any) -> list[Told]:
    card = info.card_data
    tags = [str(tag) for tag in info.tags or []]
    licences = [tag.removeprefix("license:") for tag in tags if tag.startswith("license:")]
    values = {
        "created": info.created_at.isoformat() if info.created_at else "",
        "last-modified": info.last_modified.isoformat() if info.last_modified else "",
        "gated": _word(info.gated),
        "private": _word(info.private),
        "disabled": _word(info.disabled),
        "author": info.author,
        "licence": getattr(card, "license", None) or ", ".join(licences),
        "tags": ", ".join(tags),
        "downloads": info.downloads,
        "library": getattr(info, "library_name", None),
        "task": getattr(info, "pipeline_tag", None),
    }
    return [Told(key, str(value)[:1000]) for key, value in values.items() if value not in (None, "")]


def _word(value: Any) -> str | None:
    return None if value is None else {True: "yes", False: "no"}.get(value, str(value))


def _file_origin(file: Listed, sha256: str) -> FileOrigin:
    return FileOrigin(escape_name(file.path), file.size, sha256, file.git_blob, file.sha256)


def address_of(client: Client, name: str, commit: str, path: str) -> str:
    """The address of a file at a commit."""
    folder, _, rest = name.partition("/")
    name, kind = (rest, DATASET) if folder == "datasets" else (name, MODEL)
    endpoint = client.api.endpoint
    return str(client.hub.hf_hub_url(name, path, revision=commit, endpoint=endpoint, repo_type=kind))


def download(client: Client, name: str, commit: str, file: Listed, arrivals: Arrivals) -> Arrived:
    """Download one file, from where it stopped if a part of it is there. Raises SourceError if it is not what it is."""
    already = arrivals.have(file.expected)
    if already is not None:
        return already
    arriving = arrivals.begin(file.expected)
    address = address_of(client, name, commit, file.path)
    most = client.download.constants.MAX_HTTP_DOWNLOAD_SIZE

    def transfer() -> None:
        client.download.http_get(
            address,
            arriving,
            resume_size=arriving.tell(),
            headers=client.headers,
            # The client does not try files that are larger than what the Hub serves by HTTP today; the Hub may.
            expected_size=file.size if file.size <= most else None,
            displayed_filename="",
        )

    try:
        for attempt in range(_ATTEMPTS):
            try:
                asked(client, f"{file.path!r} of {name}", transfer, transfer=True)
                break
            except OSError:
                # Fewer bytes than listed, and the connection says that this was all.
                if attempt == _ATTEMPTS - 1:
                    break
        return arriving.finish()
    finally:
        arriving.close()
