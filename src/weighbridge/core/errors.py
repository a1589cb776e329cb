"""The error tree. Every error has a cause and a mend; only `cli/main.py` turns one into text and an exit status.

WeighbridgeError            one sentence of cause, one sentence of mend
├── UsageError              bad arguments or bad settings
├── SourceError             the thing to inspect is missing, empty or unreadable
├── FormatError             untrusted bytes are not what their format demands (never leaves the scan engine)
│   └── NotFetched          bytes that a quick inspection leaves where they are
├── RegistryError           a registry could not be read or written
│   ├── NotFound            a reference or a digest is not there
│   └── DigestMismatch      bytes are not those that their digest names
├── AzureError              Azure could not be asked, or refused
├── IndexFailed             the database of decisions could not be read or written, or was changed
├── NotConvertible          a file cannot be made into safetensors: what is in it, and what to do
├── SandboxError            a program that is not ours cannot be run behind walls
├── KeyMissing              a signing or verification key is absent or unusable
└── Rejected                evidence was read and refused: got one thing, expected another
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class WeighbridgeError(Exception):
    """Something that a person has to know. `cause` and `mend` are sentences without line breaks."""

    def __init__(self, cause: str, mend: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.mend = mend


class UsageError(WeighbridgeError):
    """The command line or the settings ask for something that does not exist."""


class SourceError(WeighbridgeError):
    """The artifact to inspect cannot be opened at all."""


class FormatError(WeighbridgeError):
    """Untrusted bytes break the rules of their format at `offset` (bytes from the start of the blob)."""

    def __init__(self, cause: str, offset: int) -> None:
        super().__init__(cause)
        self.offset = offset


class NotFetched(FormatError):
    """The bytes at `offset` are elsewhere and were not, or could not be, fetched."""


class RegistryError(WeighbridgeError):
    """A registry could not be read or written."""


class NotFound(RegistryError):
    """A tag, a manifest or a blob is not in the registry."""


class DigestMismatch(RegistryError):
    """Stored or received bytes do not have the digest that names them."""


class AzureError(WeighbridgeError):
    """Azure could not be asked, or refused. `code` is its own word for why (`ResourceNotFound`, …), or empty."""

    def __init__(self, cause: str, mend: str, code: str) -> None:
        super().__init__(cause, mend)
        self.code = code


class IndexFailed(WeighbridgeError):
    """The index cannot be used. A decision that cannot be recorded is none."""


class NotConvertible(WeighbridgeError):
    """A file is not, or holds more than, tensors that safetensors can carry. Nothing was written."""


class SandboxError(WeighbridgeError):
    """No sandbox can be built on this machine, or the program cannot be started in it."""


class KeyMissing(WeighbridgeError):
    """A key that is needed to sign or to verify is absent or cannot be used."""


class Rejected(WeighbridgeError):
    """Evidence was read and is not acceptable. `code` is stable and made for programs.

    Codes: evidence-missing, signer-unknown, signer-revoked, signature-invalid, digest-mismatch, evidence-stale,
    evidence-malformed.
    """

    def __init__(self, code: str, got: str, expected: str) -> None:
        super().__init__(f"{got}; expected {expected}")
        self.code = code
        self.got = got
        self.expected = expected


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """The mend for a word that is not known: the nearest one that is; `otherwise`, if none is near."""
    import difflib

    near = difflib.get_close_matches(word, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else otherwise
