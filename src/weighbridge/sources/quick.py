"""A look at a model where it lies: headers and pickles are fetched, tensors are not.

Small files and texts come whole, checked as always. Of large files comes what their parsers ask for, but for regions
that hold nothing but the numbers of tensors. Nothing proves that such parts are of the file that the source names: the
whole file was not hashed, and the report says so.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress

from weighbridge.core.digests import Digest
from weighbridge.core.errors import FormatError, SourceError, UsageError
from weighbridge.core.facts import Span
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import Reader
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol
from weighbridge.scan.partly import UNKNOWN, PartlyFetched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from weighbridge.scan.engine import Watcher
    from weighbridge.scan.ledger import Range
    from weighbridge.sources.base import Fetched, Source
    from weighbridge.sources.quarantine import Quarantine

WHOLE = 1024 * 1024
"""Bytes up to which any file comes whole."""
WHOLE_TEXT = 64 * 1024 * 1024
"""Bytes up to which a text comes whole."""
TEXTS = frozenset(
    (
        *("json", "jsonl", "md", "txt", "py", "yaml", "yml", "toml", "cfg", "ini", "ipynb", "jinja", "jinja2", "j2"),
        *("xml", "html", "css", "js", "csv", "tsv", "sh", "lua", "rst", "proto", "prototxt", "pbtxt"),
    )
)
"""Extensions of files that are texts: tokenizers, configurations, cards, code."""
_LEAST = 4096
"""Bytes of a tensor that is worth leaving out."""


class Part(Protocol):
    """Fetches the bytes at an offset: exactly so many. Raises SourceError if they cannot be had."""

    def __call__(self, offset: int, size: int, /) -> bytes: ...


class Shown(NamedTuple):
    """A model of which some files are not all here."""

    fetched: Fetched
    partly: Mapping[str, PartlyFetched]


class Shelf:
    """Where a source puts what it shows: whole files as always, others as files that are fetched in parts."""

    def __init__(self, into: str, limits: Limits) -> None:
        self.partly: dict[str, PartlyFetched] = {}
        self._into = into
        self._limits = limits

    def put(self, name: str, size: int, fetch: Part, sha256: str) -> None:
        """Lay out a file that is fetched in parts. The name was checked."""
        target = os.path.join(self._into, name)
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            partly = PartlyFetched(target, size, fetch, Digest(sha256) if sha256 else UNKNOWN)
        except OSError as error:
            cause = f"the file {name!r} cannot be laid out in quarantine: {error.strerror}"
            raise SourceError(cause, "a name may be too long, or two names may exclude each other") from error
        self.partly[name] = partly
        # A header of GGUF does not say where it ends, and is read piece by piece.
        with suppress(FormatError):  # the inspection runs into the same, and reports it
            partly.ahead = partly.read(0, min(size, 4)) == b"GGUF"
            partly.leave_out(tensor_regions(Reader(partly), self._limits))
        partly.ahead = True


def comes_whole(name: str, size: int) -> bool:
    """Whether a quick look fetches the whole file."""
    _, _, extension = name.rpartition("/")[2].rpartition(".")
    return size <= WHOLE or (extension.lower() in TEXTS and size <= WHOLE_TEXT)


@contextmanager
def shown(source: Source, place: Quarantine, limits: Limits, watcher: Watcher) -> Iterator[Shown]:
    """Lay out what a quick look needs; more is fetched while the block runs. Raises UsageError if the source cannot.

    Raises SourceError at the end if something that a parser asked for could not be had.
    """
    show: Callable[..., Shows] | None = getattr(source, "show", None)
    if show is None:
        raise UsageError("--quick looks at hf://… and https://… only", "leave it out: what is here is inspected whole")
    shows = show(limits)
    with shows.open():
        fetched = place.take(shows, watcher)
        try:
            yield Shown(fetched, shows.partly)
        finally:
            for partly in shows.partly.values():
                partly.close()
        for partly in shows.partly.values():
            if partly.failure is not None:
                raise partly.failure


class Shows(Protocol):
    """A source that lays out what a quick look needs, while it is open."""

    partly: dict[str, PartlyFetched]

    def open(self) -> _Open: ...

    def fetch(self, into: str, watcher: Watcher) -> Fetched: ...


class _Open(Protocol):
    def __enter__(self) -> object: ...

    def __exit__(self, *error: object) -> bool | None: ...


def tensor_regions(data: Reader, limits: Limits) -> list[Range]:
    """The regions of a file that hold nothing but the numbers of tensors. Raises FormatError if it is broken."""
    head = data.peek(0, 9)
    if head[8:] == b"{" and int.from_bytes(head[:8], "little") <= min(limits.header, data.size - 8):
        return [(8 + int.from_bytes(head[:8], "little"), data.size)]
    if head.startswith(b"GGUF"):
        return _behind_the_header(data, limits)
    if head.startswith(b"PK\x03\x04"):
        return _storages(data, limits)
    return []


def _behind_the_header(data: Reader, limits: Limits) -> list[Range]:
    from weighbridge.formats.base import blob_info
    from weighbridge.formats.gguf import ALIGNMENT, Gguf

    for seen in Gguf().parse(data, blob_info("model.gguf", data), Budget(limits, data.size)):
        if isinstance(seen, Span) and seen.offset == 0:
            start = (seen.size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
            return [(start, data.size)] if start < data.size else []
    return []


def _storages(data: Reader, limits: Limits) -> list[Range]:
    """The members of a PyTorch archive that the storages of tensors lie in."""
    from weighbridge.formats.archives.zip import read_directory

    members = read_directory(data, Budget(limits, data.size)).members
    tops = {member.name.rpartition("/")[0] for member in members if member.name.endswith("/data.pkl")}
    return [
        (member.data, member.data + member.compressed)
        for member in members
        for top, _, kind in [member.name.rpartition("/")[0].rpartition("/")]
        if kind in ("data", "constants") and top in tops and member.method == 0 and member.compressed >= _LEAST
    ]
