"""Digests and the one canonical JSON form that digests are taken of."""

from __future__ import annotations

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from hashlib import sha256 as _sha256
    from typing import Any
else:
    # Loading OpenSSL costs a small scan a tenth of its time; the interpreter's own implementation gives the same.
    try:
        from _sha256 import sha256 as _sha256  # Python 3.11
    except ImportError:
        try:
            from _sha2 import sha256 as _sha256  # Python 3.12 and later
        except ImportError:
            from hashlib import sha256 as _sha256

LARGE = 256 * 1024
"""Bytes from which on OpenSSL is so much faster that loading it pays."""


class Digest(NamedTuple):
    """A sha256 digest; `hex` is 64 lower-case hexadecimal digits."""

    hex: str

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @property
    def short(self) -> str:
        """First and last four digits, for people; never for a decision."""
        return f"sha256:{self.hex[:4]}…{self.hex[-4:]}"

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the digest."""
        return bytes.fromhex(self.hex)


def parse_digest(text: str) -> Digest:
    """Read `sha256:<64 lower-case hex digits>`; raises UsageError for anything else, other algorithms included."""
    algorithm, _, value = text.partition(":")
    if algorithm != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise UsageError(f"{text[:100]!r} is not a digest", "write sha256: and 64 lower-case hexadecimal digits")
    return Digest(value)


def digest_bytes(data: bytes) -> Digest:
    """The sha256 digest of bytes that are already in memory."""
    if len(data) >= LARGE:
        import hashlib

        return Digest(hashlib.sha256(data).hexdigest())
    return Digest(_sha256(data).hexdigest())


def model_digest(files: Iterable[tuple[str, int, Digest]]) -> Digest:
    """One digest for a set of files, given as (path, size in bytes, sha256); the order does not matter.

    It covers names, sizes and contents: sha256 over the line `weighbridge.model/1` and then one line
    `<sha256 hex> <size> <path>` per file, sorted by path, each line ended by LF. Line feeds and percent
    signs in a path are percent-encoded, so two different sets never give the same text.
    """
    state = _sha256(b"weighbridge.model/1\n")
    for path, size, digest in sorted(files):
        safe = path.replace("%", "%25").replace("\n", "%0A")
        state.update(f"{digest.hex} {size} {safe}\n".encode("utf-8", "surrogateescape"))
    return Digest(state.hexdigest())


def canonical_json(value: Any) -> bytes:
    """Compact JSON with sorted keys and no NaN: the same value always gives the same bytes."""
    import json

    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
