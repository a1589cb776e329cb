"""Who else may vouch for a model: identities of Sigstore and certificate authorities, each for certain sources.

A `*` in a pattern stands for any run of characters. Write the longest fixed text that is true: `https://example.org*`
is also `https://example.org.evil.example`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ANYWHERE = ("*",)
"""In `sources`: whatever place a model comes from."""


class TrustedIdentity(NamedTuple):
    """Somebody who signs with Sigstore, without a key of their own.

    `identity` is a pattern for what the certificate names: a mail address, or the address of a workflow. `issuer` is
    the exact address of who vouches for the identity. `sources` are patterns for the places whose models it may sign.
    """

    name: str
    identity: str
    issuer: str
    sources: tuple[str, ...] = ANYWHERE
    may_sign: frozenset[str] = frozenset({"*"})

    def allows(self, predicate_type: str) -> bool:
        """Whether this identity may sign statements of this predicate type."""
        return predicate_type in self.may_sign or "*" in self.may_sign


class TrustedAuthority(NamedTuple):
    """A certificate authority: its root certificates (PEM) and for which holders and places its word counts.

    `subjects` are patterns for what a signing certificate names: a mail address, an address, a host, or the
    distinguished name as RFC 4514 writes it. `purpose` says what its certificates do: sign, or date signatures
    (RFC 3161).
    """

    name: str
    pem: bytes
    subjects: tuple[str, ...] = ("*",)
    sources: tuple[str, ...] = ANYWHERE
    may_sign: frozenset[str] = frozenset({"*"})
    purpose: Literal["sign", "timestamp"] = "sign"

    def allows(self, predicate_type: str) -> bool:
        """Whether certificates of this authority may sign statements of this predicate type."""
        return predicate_type in self.may_sign or "*" in self.may_sign


def matches(pattern: str, text: str) -> bool:
    """Whether `text` is what `pattern` says; nothing but `*` has a meaning."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def matches_one(patterns: Iterable[str], text: str) -> bool:
    """Whether one of the patterns says `text`."""
    return any(matches(pattern, text) for pattern in patterns)
