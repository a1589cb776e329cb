"""The files of a model that are signatures and attestations, found by their names and read whole."""

from __future__ import annotations

import os

from weighbridge.attest.bundles import MAX_SIGNATURE_FILE, Bundle, read_bundles
from weighbridge.attest.statement import Statement, malformed, read_statement
from weighbridge.core.artifact import unescape_name
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import Rejected, SourceError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SUFFIXES = (".sig", ".sigstore", ".sigstore.json", ".intoto.jsonl", ".intoto.json", ".attestation.json")
MOST_BUNDLES = 500
"""Bundles that are weighed; one for each file of a large model. Checking one may take milliseconds."""
MOST_BYTES = 6 * 1024 * 1024
"""Bytes of all signature files that are read."""


class Signed(NamedTuple):
    """One bundle of a signature file. `statement` is what it says; None if it is a signature over a file."""

    path: str
    bundle: Bundle
    statement: Statement | None
    given: bool = False


class Unusable(NamedTuple):
    """A signature file that is no bundle, and why."""

    path: str
    why: str


class Found(NamedTuple):
    """All signature files: what they hold, and those that hold nothing that can be judged."""

    signed: tuple[Signed, ...]
    unusable: tuple[Unusable, ...]

    @property
    def evidence(self) -> frozenset[str]:
        """Paths of files that hold bundles and nothing else. No signature can be over itself."""
        return frozenset(entry.path for entry in self.signed if not entry.given)


def find_signatures(folder: str, files: Mapping[str, str], given: Sequence[tuple[str, bytes]] = ()) -> Found:
    """The signature files among `files` (escaped path → sha256 in hex), and attestations that were given beside them.

    Raises SourceError if a file is not what was inspected.
    """
    signed: list[Signed] = []
    unusable: list[Unusable] = []
    left = MOST_BYTES
    for path, raw in _contents(folder, files, given):
        left -= len(raw)
        try:
            if left < 0 or len(signed) >= MOST_BUNDLES:
                raise malformed("more signatures than are weighed", f"{MOST_BUNDLES} in {MOST_BYTES} bytes")
            signed += _signed(path, raw, given=path not in files)
        except Rejected as error:
            unusable.append(Unusable(path, error.cause))
    return Found(tuple(signed), tuple(unusable))


def _contents(folder: str, files: Mapping[str, str], given: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """Given attestations come first: whoever names one wants it weighed. Their names are not those of files."""
    for name, raw in given:
        yield (f"{name} (given)" if name in files else name), raw
    for path in sorted(files):
        if _is_named_so(path.rpartition("/")[2].lower()):
            yield path, _content(folder, path, files[path])


def _is_named_so(name: str) -> bool:
    downloaded = name.startswith(("sha256:", "sha256-")) and name.endswith(".jsonl")
    return name.endswith(SUFFIXES) or downloaded


def _signed(path: str, raw: bytes, *, given: bool) -> list[Signed]:
    return [
        Signed(path, bundle, None if bundle.message_digest else read_statement(bundle.payload), given)
        for bundle in read_bundles(raw)
    ]


def _content(folder: str, path: str, sha256: str) -> bytes:
    """At most one byte more than a signature file may have: then it is refused for its size, unread."""
    try:
        fd = os.open(os.path.join(folder, unescape_name(path)), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as file:
            raw = file.read(MAX_SIGNATURE_FILE + 1)
    except OSError as error:
        raise SourceError(f"{plain(path, 200)} cannot be read: {error.strerror}", "check its rights") from error
    if len(raw) <= MAX_SIGNATURE_FILE and digest_bytes(raw).hex != sha256:
        raise SourceError(f"{plain(path, 200)} is not what was inspected", "try again when nothing writes to it")
    return raw
