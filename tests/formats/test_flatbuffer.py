"""Flatbuffers in general: what is read in place, which bytes have an owner, and what is odd about a layout."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.flat_files import Number, flat, table
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Embedded, Limit, Native, Oddity, Span
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.grammars import flat_walk
from weighbridge.formats.grammars.flat_walk import Blob, Walk
from weighbridge.formats.grammars.flatbuffer import LEVELS, Flat, Table, schema

SCHEMA = schema("""
Thing = Leaf Point
Leaf name:text
Point x:i32 y:i32
Root small:u8 big:i64 name:text leaf:Leaf leaves:[Leaf] words:[text] numbers:[i16] data:[u8] thing_type:type
  thing:<Thing> - inner:Root pairs:[12/4]
""")
FULL = table(
    _0=Number("u8", 7),
    _1=Number("i64", -5),
    _2="a name",
    _3=table(_0="leaf"),
    _4=[table(_0="one"), table(_0="two")],
    _5=["x", "longer word"],
    _7=b"\1\2\3\4\5",
    _8=Number("u8", 2),
    _9=table(_0=Number("i32", -1), _1=Number("i32", 2)),
    _11=table(_0=Number("u8", 1)),
)
CONTENT = flat(FULL, b"TEST")


class Seen:
    """What one walk over bytes gives."""

    def __init__(self, content: bytes, limits: Limits | None = None) -> None:
        self.flat = Flat(Reader(MemorySource(content)))
        self.walk = Walk(self.flat, SCHEMA, Budget(limits or Limits(), len(content)))
        self.found = list(self.walk.events("Root", self.flat.root()))
        self.spans, self.end = self.walk.owned(8)
        self.tail = list(self.walk.tail(self.end))
        self.odd = {odd.kind for odd in [*self.walk.oddities(), *self.tail] if isinstance(odd, Oddity)}

    @property
    def blobs(self) -> list[Blob]:
        return [found for found in self.found if isinstance(found, Blob)]


def root(content: bytes) -> Table:
    flat_ = Flat(Reader(MemorySource(content)))
    return Table(flat_, SCHEMA, "Root", flat_.root())


def test_fields_are_read_by_their_names() -> None:
    top = root(CONTENT)
    assert top.number("small") == 7
    assert top.number("big") == -5
    assert top.text("name") == "a name"
    leaf, thing, inner = top.table("leaf"), top.union("thing"), top.table("inner")
    assert leaf is not None
    assert leaf.text("name") == "leaf"
    assert [found.text("name") for found in top.tables("leaves")] == ["one", "two"]
    assert list(top.texts("words")) == ["x", "longer word"]
    assert top.numbers("data", 3) == (1, 2, 3)
    assert top.vector("data")[1] == 5
    assert thing is not None
    assert (thing.shape.name, thing.number("x"), thing.number("y")) == ("Point", -1, 2)
    assert inner is not None
    assert inner.number("small") == 1


def test_fields_that_are_not_there_have_their_defaults() -> None:
    top = root(flat(table(), b"TEST"))
    assert (top.number("big"), top.number("big", -1), top.text("name"), top.table("leaf")) == (0, -1, "", None)
    assert (list(top.tables("leaves")), top.vector("data"), top.numbers("numbers", 9)) == ([], (0, 0), ())
    assert (top.union("thing"), top.has("data"), list(top.texts("words"))) == (None, False, [])


def test_every_byte_has_an_owner() -> None:
    seen = Seen(CONTENT)
    assert not seen.odd
    (blob,) = seen.blobs
    assert CONTENT[blob.offset : blob.offset + blob.size] == b"\1\2\3\4\5"
    spans = [*seen.spans, *(found for found in seen.tail if isinstance(found, Span))]
    assert sum(span.size for span in spans) + blob.size + 8 == len(CONTENT)


def test_a_thing_that_many_refer_to_is_walked_once() -> None:
    leaf = table(_0="the only one")
    content = bytearray(flat(table(_3=leaf, _4=[leaf]), b"TEST"))
    assert not Seen(bytes(content)).odd
    top = root(bytes(content))
    one, (other,) = top.table("leaf"), top.tables("leaves")
    assert one is not None
    place = top.flat.where(top.place, top.shape.order["leaf"])
    struct.pack_into("<I", content, place, other.place - place)
    seen = Seen(bytes(content))
    assert root(bytes(content)).table("leaf").place == other.place  # type: ignore[union-attr]
    # What the first reference led to before is reached by nothing now.
    assert seen.odd in ({"flat-unreached"}, {"trailing-bytes"})
    assert not any(span.offset <= one.place < span.offset + span.size for span in seen.spans)


def test_bytes_that_nothing_refers_to_stay_opaque() -> None:
    raw = bytearray(flat(table(_2="visible", _3=table(_0="x" * 40)), b"TEST"))
    top = root(bytes(raw))
    listed = top.flat.fields(top.place)
    struct.pack_into("<H", raw, listed.place + 4 + 2 * top.shape.order["leaf"], 0)
    seen = Seen(bytes(raw))
    assert "flat-unreached" in seen.odd
    assert any(b"x" * 40 in bytes(raw[start:end]) for start, end in seen.walk.unknown)


@pytest.mark.parametrize("wide", [4, flat_walk.LONGEST_PADDING - 4, flat_walk.LONGEST_PADDING])
def test_only_as_many_zeros_as_an_alignment_asks_for_are_padding(wide: int) -> None:
    gap = wide
    content = flat(table(_2="a name that fills its place"), b"TEST")
    gap -= len(content[8:]) - len(content[8:].lstrip(b"\0"))
    padded = (
        (int.from_bytes(content[:4], "little") + gap).to_bytes(4, "little") + content[4:8] + bytes(gap) + content[8:]
    )
    assert Seen(padded).odd - {"flat-alignment"} == (set() if wide < flat_walk.LONGEST_PADDING else {"flat-unreached"})


def test_what_is_behind_the_last_thing_is_told() -> None:
    assert Seen(CONTENT + bytes(7)).odd == set()
    assert Seen(CONTENT + b"more").odd == {"trailing-bytes"}
    assert Seen(CONTENT + bytes(64)).odd == {"trailing-bytes"}


def test_a_field_that_the_schema_does_not_have_stays_opaque() -> None:
    for number in ("_10", "_20"):
        seen = Seen(flat(FULL | table(**{number: Number("u32", 0xAABBCCDD)}), b"TEST"))
        assert seen.odd == {"unknown-field", "flat-unreached"}
        assert sum(end - start for start, end in seen.walk.unknown) == 4
        seen = Seen(flat(FULL | table(**{number: "a text that nobody knows"}), b"TEST"))
        assert seen.odd == {"unknown-field", "flat-unreached"}


def test_a_union_of_an_unknown_kind_is_not_followed() -> None:
    seen = Seen(flat(FULL | table(_8=Number("u8", 9)), b"TEST"))
    assert seen.odd == {"unknown-field", "flat-unreached"}
    assert root(flat(FULL | table(_8=Number("u8", 9)), b"TEST")).union("thing") is None


def test_two_things_that_share_bytes_are_odd() -> None:
    top = root(CONTENT)
    name = top.flat.where(top.place, top.shape.order["name"])
    data = top.flat.follow(top.flat.where(top.place, top.shape.order["data"]))
    raw = bytearray(CONTENT)
    # The name is read from the vector of bytes: at the same place, and as something else.
    struct.pack_into("<I", raw, name, data - name)
    assert "flat-overlap" in Seen(bytes(raw)).odd
    raw = bytearray(flat(table(_2="a name", _7=b"\1\2\3\0" + struct.pack("<I", 3) + b"abc\0"), b"TEST"))
    top = root(bytes(raw))
    name = top.flat.where(top.place, top.shape.order["name"])
    # It is read from the middle of the vector.
    struct.pack_into("<I", raw, name, top.vector("data")[0] + 4 - name)
    assert root(bytes(raw)).text("name") == "abc"
    assert "flat-overlap" in Seen(bytes(raw)).odd


def test_what_is_not_aligned_is_odd() -> None:
    moved = CONTENT[:8] + b"\0\0" + CONTENT[8:]
    shifted = (struct.unpack_from("<I", moved)[0] + 2).to_bytes(4, "little") + moved[4:]
    assert "flat-alignment" in Seen(shifted).odd


HIDDEN = "gASVIQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg=="
"""A pickle that calls something, as text."""


def test_texts_are_searched() -> None:
    for fields in (table(_2=HIDDEN), table(_5=["a", HIDDEN]), table(_3=table(_0=f"see {HIDDEN} here"))):
        assert any(isinstance(found, Embedded) for found in Seen(flat(fields, b"TEST")).found)


def test_a_program_in_a_vector_of_numbers_is_seen() -> None:
    program = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(88)
    content = flat(table(_12=Number("u32", [0] * (len(program) // 4))), b"TEST")
    place = content.find(struct.pack("<I", len(program) // 4)) + 4
    changed = bytearray(content)
    changed[place - 4 : place] = struct.pack("<I", len(program) // 12)
    changed[place : place + len(program)] = program
    assert any(isinstance(found, Native) for found in Seen(bytes(changed)).found)


def nested(levels: int) -> bytes:
    inside = table(_0=Number("u8", 1))
    for _ in range(levels):
        inside = table(_11=inside)
    return flat(inside, b"TEST")


def test_tables_may_be_nested_as_deep_as_the_verifier_allows() -> None:
    assert not Seen(nested(LEVELS - 1)).odd
    with pytest.raises(FormatError, match="nested"):
        Seen(nested(LEVELS + 1))


def test_there_are_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat_walk, "THINGS", 5)
    with pytest.raises(FormatError, match="more than 5"):
        Seen(CONTENT)


def test_too_many_facts_are_said() -> None:
    content = flat(table(_5=[HIDDEN, f"{HIDDEN} again"]), b"TEST")
    seen = Seen(content, Limits()._replace(facts=0))
    assert any(isinstance(found, Limit) for found in seen.found)


BROKEN = {
    "no root": b"\0\0\0\0TEST" + bytes(20),
    "a root outside": b"\xff\xff\0\0TEST" + bytes(20),
    "a list of fields outside": struct.pack("<I4si", 8, b"TEST", 999) + bytes(20),
    "a list of fields before": struct.pack("<I4si", 8, b"TEST", 9) + bytes(20),
    "a list of fields that is odd": struct.pack("<I4siHHHH", 8, b"TEST", -4, 7, 8, 4, 0) + bytes(20),
    "a field outside of its table": struct.pack("<I4siHHHH", 8, b"TEST", -4, 6, 8, 9, 0) + bytes(20),
    "a wide field at the end": struct.pack("<I4siHHHH", 8, b"TEST", -4, 8, 20, 0, 16) + bytes(6),
    "cut off": CONTENT[:-5],
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_leads_out_of_the_bytes_is_a_format_error(content: bytes) -> None:
    with pytest.raises(FormatError):
        Seen(content)


def test_a_text_ends_in_a_zero() -> None:
    with pytest.raises(FormatError, match="zero"):
        Seen(CONTENT.replace(b"a name\0", b"a name!"))


def test_a_vector_that_is_longer_than_the_bytes_is_a_format_error() -> None:
    place = CONTENT.find(b"\5\0\0\0\1\2\3\4\5")
    with pytest.raises(FormatError, match="longer"):
        Seen(CONTENT[:place] + b"\xff\xff\xff\x7f" + CONTENT[place + 4 :])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(CONTENT) - 1), st.binary(min_size=1, max_size=8), st.booleans())
def test_changed_bytes_are_facts_or_a_format_error(place: int, change: bytes, cut: bool) -> None:
    content = CONTENT[:place] + change + (b"" if cut else CONTENT[place + len(change) :])
    try:
        seen = Seen(content)
    except FormatError:
        return
    covered = sorted([*((span.offset, span.size) for span in seen.spans), *((b.offset, b.size) for b in seen.blobs)])
    assert all(first + size <= second for (first, size), (second, _) in pairwise(covered))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_are_facts_or_a_format_error(raw: bytes) -> None:
    try:
        Seen(b"\x08\0\0\0TEST" + raw)
    except FormatError:
        return
