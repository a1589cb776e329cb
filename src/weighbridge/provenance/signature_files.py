"""The files of a model that are signatures and attestations, found by their names and read whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from weighbridge.attest.bundles import MAX_SIGNATURE_FILE, Bundle, read_bundles
from weighbridge.attest.statement import Statement, read_statement
from weighbridge.core.artifact import unescape_name
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import Rejected, SourceError
from weighbridge.core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SUFFIXES = (".sig", ".sigstore", ".sigstore.json", ".intoto.jsonl", ".intoto.json", ".attestation.json")
MOST_FILES = 200
"""Signature files that are read; one for each file of a large model."""


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
    named = [path for path in sorted(files) if path.lower().endswith(SUFFIXES)]
    contents = [(path, _content(folder, path, files[path]), False) for path in named[:MOST_FILES]]
    signed: list[Signed] = []
    unusable = [Unusable(path, "it is one signature file too many") for path in named[MOST_FILES:]]
    for path, raw, was_given in (*contents, *((name, raw, True) for name, raw in given)):
        try:
            signed += _signed(path, raw, given=was_given)
        except Rejected as error:
            unusable.append(Unusable(path, error.cause))
    return Found(tuple(signed), tuple(unusable))


def _signed(path: str, raw: bytes, *, given: bool) -> Iterable[Signed]:
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
