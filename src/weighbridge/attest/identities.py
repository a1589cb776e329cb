"""Who else may vouch for a model: identities of Sigstore and certificate authorities, each for certain sources.

In a pattern `*` stands for any characters but a slash, `**` for any characters at all. Write the longest fixed text
that is true: `https://example.org**` is also `https://example.org.evil.example`.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from typing import Any, Literal

    from weighbridge.attest.trust import Validity

ANYWHERE = ("**",)
"""In `sources`: whatever place a model comes from. In `subjects`: whoever holds the certificate."""
EVIDENCE = "evidence"
"""In `sources`: what the gates of this house sign. Written out, for no pattern means it: whoever may vouch for models
from anywhere may not yet speak for a gate.
"""
TIMESTAMPS = "timestamps"
"""In `may_sign` of a certificate authority: its certificates date signatures, and sign nothing else."""


class TrustedIdentity(NamedTuple):
    """Somebody who signs with Sigstore, without a key of their own.

    `identity` is a pattern for what the certificate names: a mail address, or the address of a workflow. `issuer` is
    the exact address of who vouches for the identity. `sources` are patterns for the places whose models it may sign.
    `refusal` says why it counts for nothing today (revoked, expired); empty if it counts. At a time that is proven,
    `validity` says it instead.
    """

    name: str
    identity: str
    issuer: str
    sources: tuple[str, ...] = ANYWHERE
    may_sign: frozenset[str] = frozenset({"*"})
    refusal: str = ""
    validity: Validity | None = None

    def allows(self, predicate_type: str) -> bool:
        """Whether this identity may sign statements of this predicate type."""
        return predicate_type in self.may_sign or "*" in self.may_sign


class TrustedAuthority(NamedTuple):
    """A certificate authority: its root certificates (PEM) and for which holders and places its word counts.

    `subjects` are patterns for what a signing certificate names: a mail address, an address, a host, or the
    distinguished name as RFC 4514 writes it. `purpose` says what its certificates do: sign, or date signatures
    (RFC 3161). `refusal` and `validity` are as for an identity.
    """

    name: str
    pem: bytes
    subjects: tuple[str, ...] = ANYWHERE
    sources: tuple[str, ...] = ANYWHERE
    may_sign: frozenset[str] = frozenset({"*"})
    purpose: Literal["sign", "timestamp"] = "sign"
    refusal: str = ""
    validity: Validity | None = None

    def allows(self, predicate_type: str) -> bool:
        """Whether certificates of this authority may sign statements of this predicate type."""
        return predicate_type in self.may_sign or "*" in self.may_sign


def identities_of(entries: Iterable[Any], now: datetime) -> tuple[TrustedIdentity, ...]:
    """The Sigstore identities among the entries of a trust store. One without sources counts for every source."""
    return tuple(
        TrustedIdentity(
            entry.owner,
            entry.identity,
            entry.issuer,
            tuple(entry.sources) or ANYWHERE,
            frozenset(entry.may_sign),
            entry.validity.refusal(now),
            entry.validity,
        )
        for entry in entries
        if entry.kind == "sigstore"
    )


def authorities_of(entries: Iterable[Any], now: datetime) -> tuple[TrustedAuthority, ...]:
    """The certificate authorities among the entries of a trust store; one that may sign `timestamps` is a clock."""
    return tuple(
        TrustedAuthority(
            entry.owner,
            entry.key.encode(),
            (entry.identity,) if entry.identity else ANYWHERE,
            tuple(entry.sources) or ANYWHERE,
            frozenset(entry.may_sign),
            "timestamp" if TIMESTAMPS in entry.may_sign else "sign",
            entry.validity.refusal(now),
            entry.validity,
        )
        for entry in entries
        if entry.kind == "certificate-authority"
    )


def refusal_at(entry: TrustedIdentity | TrustedAuthority, signed_at: datetime | None) -> str:
    """Why an entry does not count for what was signed at a proven time, or today if that is not proven."""
    if signed_at is None or entry.validity is None:
        return entry.refusal
    return entry.validity.refusal(signed_at)


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is what `pattern` says; nothing but `*` and `**` has a meaning."""
    kinds = {"*": "[^/]*", "**": ".*"}
    parts = re.split(r"(\*\*|\*)", pattern)
    return re.fullmatch("".join(kinds.get(part, re.escape(part)) for part in parts), text, re.DOTALL) is not None


def matches_one(patterns: Iterable[str], text: str) -> bool:
    """Whether one of the patterns says `text`."""
    return any(matches(pattern, text) for pattern in patterns)
