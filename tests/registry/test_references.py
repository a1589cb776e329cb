"""References: what people write, read one way only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.digests import Digest
from weighbridge.core.errors import UsageError
from weighbridge.registry.base import Reference, is_fallback_tag, parse_reference

HEX = "ab" * 32


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("oci:models:tiny:1.0", Reference("layout", "models", "tiny", "1.0", None)),
        ("oci:/srv/a b:org/tiny:V_1", Reference("layout", "/srv/a b", "org/tiny", "V_1", None)),
        (f"oci:./x:org/t__i-n---y.z@sha256:{HEX}", Reference("layout", "./x", "org/t__i-n---y.z", None, Digest(HEX))),
        ("registry.example/org/tiny:1.0", Reference("remote", "registry.example", "org/tiny", "1.0", None)),
        ("localhost:5000/tiny:1", Reference("remote", "localhost:5000", "tiny", "1", None)),
        ("localhost/tiny:1", Reference("remote", "localhost", "tiny", "1", None)),
        (f"10.0.0.1:80/tiny@sha256:{HEX}", Reference("remote", "10.0.0.1:80", "tiny", None, Digest(HEX))),
        ("[::1]:5000/tiny:1", Reference("remote", "[::1]:5000", "tiny", "1", None)),
    ],
)
def test_a_reference_is_read_and_written(text, expected):
    assert parse_reference(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("default", "written"),
    [("oci:models", "oci:models:org/tiny:1"), ("registry.example", "registry.example/org/tiny:1")],
)
def test_a_bare_name_belongs_to_the_default_registry(default, written):
    assert str(parse_reference("org/tiny:1", default)) == written
    assert str(parse_reference("other.example/tiny:1", default)) == "other.example/tiny:1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tiny",
        "tiny:1",
        "org/tiny:1",
        "registry.example/tiny",
        "registry.example/Tiny:1",
        "registry.example/tiny:",
        "registry.example/tiny:.x",
        "registry.example/tiny:1\n",
        "registry.example/tiny\n:1",
        "registry.example/-tiny:1",
        "registry.example/a//b:1",
        "registry.example/../b:1",
        "registry.example/" + "a" * 256 + ":1",
        "registry.example/tiny:" + "a" * 129,
        f"registry.example/tiny:1@sha256:{HEX}",
        f"registry.example/tiny@sha256:{HEX.upper()}",
        "registry.example/tiny@sha512:" + "ab" * 64,
        f"registry.example/tiny:sha256-{HEX}",
        f"registry.example/tiny:sha256-{HEX}.sig",
        "user@registry.example/tiny:1",
        "registry.example\x1b/tiny:1",
        "https://registry.example/tiny:1",
        "registry.example:port/tiny:1",
        "oci:",
        "oci:models",
        "oci:models:tiny",
        "oci::tiny:1",
        "oci://models/tiny:1",
        "oci://models:tiny:1",
        "oci:C:models:tiny:1",
    ],
)
def test_other_text_is_refused_with_a_mend(text):
    with pytest.raises(UsageError) as caught:
        parse_reference(text)
    assert caught.value.mend
    assert "\x1b" not in caught.value.cause
    assert "\n" not in caught.value.cause


@given(st.text(), st.sampled_from(["", "oci:models", "registry.example"]))
def test_any_text_is_read_or_refused(text, default):
    try:
        reference = parse_reference(text, default)
    except UsageError:
        return
    assert parse_reference(str(reference)) == reference


def test_tags_of_tools_are_known():
    for end in ("", ".sig", ".att", ".sbom"):
        assert is_fallback_tag(f"sha256-{HEX}{end}")
    for other in ("1.0", f"sha256-{HEX}.txt", f"sha256-{HEX[1:]}"):
        assert not is_fallback_tag(other)
