"""Patterns of the trust store: only the star means something, and a pattern is for the whole text."""

from __future__ import annotations

import pytest

from weighbridge.attest.identities import matches, matches_one


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("*", "hf://org/net", True),
        ("*", "", True),
        ("hf://org/*", "hf://org/net", True),
        ("hf://org/*", "hf://org-evil/net", False),
        ("hf://org/net", "hf://org/net2", False),
        ("hf://org/net", "xhf://org/net", False),
        ("https://a.example/*@refs/tags/*", "https://a.example/w.yml@refs/tags/v1", True),
        ("https://a.example/*@refs/tags/*", "https://a.example/w.yml@refs/heads/main", False),
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
