"""Patterns of the trust store: only the star means something, and a pattern is for the whole text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from weighbridge.attest.identities import (
    ANYWHERE,
    TrustedAuthority,
    TrustedIdentity,
    authorities_of,
    identities_of,
    matches,
    matches_one,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class Valid(NamedTuple):
    """The validity of an entry, as a trust store has it."""

    why: str = ""

    def refusal(self, at: datetime) -> str:
        assert at == NOW
        return self.why


class Entry(NamedTuple):
    """An entry of a trust store, as far as it matters here."""

    kind: str
    owner: str = "Ada"
    key: str = ""
    may_sign: tuple[str, ...] = ("*",)
    sources: tuple[str, ...] = ()
    identity: str = ""
    issuer: str = ""
    validity: Valid = Valid()


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("**", "hf://org/net", True),
        ("*", "hf://org/net", False),
        ("*", "", True),
        ("hf://org/*", "hf://org/net", True),
        ("hf://org/*", "hf://org-evil/net", False),
        ("hf://org/*", "hf://org/net/more", False),
        ("hf://org/**", "hf://org/net/more", True),
        ("hf://org/net", "hf://org/net2", False),
        ("hf://org/net", "xhf://org/net", False),
        ("https://a.example/*@refs/tags/*", "https://a.example/w.yml@refs/tags/v1", True),
        ("https://a.example/**@refs/tags/*", "https://a.example/x/w.yml@refs/heads/main", False),
        ("a.b@example.org", "axb@example.org", False),
        ("[a]@example.org", "a@example.org", False),
        ("a?@example.org", "ab@example.org", False),
        ("a*", "a\nb", True),
    ],
)
def test_patterns(pattern: str, text: str, fits: bool) -> None:
    assert matches(pattern, text) is fits


def test_no_pattern_fits_nothing() -> None:
    assert not matches_one((), "anything")


def test_entries_of_a_trust_store_become_identities_and_authorities() -> None:
    gone = Valid("it was revoked")
    entries = (
        Entry("ssh"),
        Entry("sigstore", identity="a@example.org", issuer="https://id.example", sources=("hf://org/*",)),
        Entry("sigstore", identity="b@example.org", issuer="https://id.example", validity=gone),
        Entry("certificate-authority", key="PEM"),
        Entry("certificate-authority", key="PEM", may_sign=("timestamps",), validity=gone),
    )
    every = frozenset({"*"})
    assert identities_of(entries, NOW) == (
        TrustedIdentity("Ada", "a@example.org", "https://id.example", ("hf://org/*",), every, "", Valid()),
        TrustedIdentity("Ada", "b@example.org", "https://id.example", ANYWHERE, every, "it was revoked", gone),
    )
    assert authorities_of(entries, NOW) == (
        TrustedAuthority("Ada", b"PEM", ANYWHERE, ANYWHERE, every, validity=Valid()),
        TrustedAuthority(
            "Ada", b"PEM", ANYWHERE, ANYWHERE, frozenset({"timestamps"}), "timestamp", "it was revoked", gone
        ),
    )
