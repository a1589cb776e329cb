"""`plain` and `escape_name`: nothing that they give can move a cursor, end a line or forge a location."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.artifact import Location, escape_name
from weighbridge.core.plain import plain

TEXT = st.text(st.characters(), max_size=60)


@given(TEXT)
def test_plain_is_one_harmless_line(text: str) -> None:
    safe = plain(text)
    assert safe.isprintable()
    assert not set(safe) & {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200B, 0xFEFF)}
    safe.encode("utf-8")


@given(TEXT, st.integers(1, 20))
def test_plain_keeps_its_limit(text: str, limit: int) -> None:
    assert len(plain(text, limit)) <= limit


@given(TEXT, TEXT)
def test_different_names_stay_different(first: str, second: str) -> None:
    assert (escape_name(first) == escape_name(second)) == (first == second)


@given(TEXT)
def test_a_name_cannot_forge_a_location(name: str) -> None:
    escaped = escape_name(name)
    assert not set(escaped) & set("!@\n\r\x1b")
    escaped.encode("utf-8")
    location = str(Location("file").inside(name)._replace(offset=7))
    assert location.rpartition("@")[2] == "7"
    assert location.count("!") == 1
