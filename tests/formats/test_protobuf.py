"""The wire: every field where it is, nothing outside of the message, and what no shape has."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.onnx_models import blob, group, number
from build.varints import varint
from weighbridge.core.errors import FormatError
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.grammars.protobuf import BYTES, GROUP, VARINT, WINDOW, Field, Wire, shape, signed

INNER = shape("Inner", "1 name text\n2 numbers int*")
OUTER = shape("Outer", "1 version int\n2 inner message*\n3 last message\n4 real fixed64\n5 short fixed32", inner=INNER)


def wire(raw: bytes) -> Wire:
    return Wire(Reader(MemorySource(raw)))


def fields(raw: bytes) -> list[Field]:
    return list(wire(raw).fields(0, len(raw)))


def kinds(found: Wire) -> set[str]:
    return {odd.kind for odd in found.oddities()}


def test_every_kind_of_field_is_where_it_is() -> None:
    raw = number(1, 300) + blob(2, b"abc") + b"\x21" + bytes(7) + b"\x01" + b"\x2d\x05\0\0\0" + group(6, number(1, 1))
    found = fields(raw)
    assert [(field.number, field.kind) for field in found] == [(1, 0), (2, 2), (4, 1), (5, 5), (6, 3)]
    assert found[0].value == 300
    assert raw[found[1].offset : found[1].offset + found[1].size] == b"abc"
    assert (found[2].value, found[3].value) == (1 << 56, 5)
    assert found[4].start + 1 + found[4].size == len(raw)


BROKEN: dict[str, bytes] = {
    "a tag that is cut off": b"\x80",
    "a number that is cut off": b"\x08\x80",
    "a length that is cut off": b"\x0a\x80",
    "a payload that is cut off": b"\x0a\x05abcd",
    "a length of 64 bits": b"\x0a" + varint((1 << 64) - 1) + b"abc",
    "eight bytes that are cut off": b"\x09" + bytes(7),
    "four bytes that are cut off": b"\x0d" + bytes(3),
    "a number of eleven bytes": b"\x08" + b"\x80" * 10 + b"\x01",
    "a tag of six bytes": b"\x88\x80\x80\x80\x80\x01\x01",
    "field number zero": b"\x00\x01",
    "wire type 6": b"\x0e\x01",
    "wire type 7": b"\x0f\x01",
    "a group that does not end": b"\x0b\x08\x01",
    "a group that ends as another": b"\x0b\x08\x01\x14",
    "a group that ends without beginning": b"\x0c",
    "a group with a field that is cut off": b"\x0b\x0a\x05a\x0c",
    "groups nested too deeply": b"\x0b" * 200 + b"\x0c" * 200,
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        fields(raw)
    assert 0 <= caught.value.offset <= len(raw)


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_nothing_is_read_from_behind_the_message(raw: bytes) -> None:
    whole = raw + bytes([1, 1, 0x0C, 1]) * 300
    with pytest.raises(FormatError):
        list(wire(whole).fields(0, len(raw)))


def test_a_message_that_leaves_its_blob_is_refused() -> None:
    with pytest.raises(FormatError):
        list(wire(b"\x08\x01").fields(0, 3))
    with pytest.raises(FormatError):
        list(wire(b"\x08\x01").fields(-1, 2))


def test_an_overlong_number_is_read_and_noted() -> None:
    found = wire(b"\x08\x81\x00")
    assert [field.value for field in found.fields(0, 3, OUTER)] == [1]
    assert kinds(found) == {"overlong-varint"}


def test_a_number_of_more_than_64_bits_is_noted() -> None:
    raw = b"\x08" + b"\xff" * 9 + b"\x7f"
    found = wire(raw)
    assert [field.value for field in found.fields(0, len(raw), OUTER)] == [(1 << 64) - 1]
    assert kinds(found) == {"overlong-varint"}


@pytest.mark.parametrize("value", [-1, -(1 << 63), 0, 1, (1 << 63) - 1])
def test_numbers_have_a_sign(value: int) -> None:
    raw = number(1, value)
    found = wire(raw)
    assert [signed(field.value) for field in found.fields(0, len(raw), OUTER)] == [value]
    assert not kinds(found)


def test_an_unknown_field_stays_out_and_is_kept() -> None:
    raw = number(1, 1) + number(9, 1) + blob(10, b"hidden") + number(5, 1) + blob(2, b"")
    found = wire(raw)
    assert [field.number for field in found.fields(0, len(raw), OUTER)] == [1, 2]
    assert kinds(found) == {"unknown-field"}
    spans = list(found.accounted([], len(raw)))
    assert sum(span.size for span in spans) == len(number(1, 1) + blob(2, b""))
    assert {span.kind for span in spans} == {"parsed"}


def test_a_group_stays_out_and_is_noted() -> None:
    raw = group(2, number(1, 1) + group(3, b""))
    found = wire(raw)
    assert list(found.fields(0, len(raw), OUTER)) == []
    assert kinds(found) == {"group"}
    assert list(found.accounted([], len(raw))) == []


def test_a_singular_field_that_stands_twice_is_noted_and_a_repeated_one_is_not() -> None:
    raw = blob(2, b"") * 3 + number(1, 1)
    found = wire(raw)
    assert len(list(found.fields(0, len(raw), OUTER))) == 4
    assert not kinds(found)
    found = wire(raw + number(1, 2))
    assert len(list(found.fields(0, len(raw) + 2, OUTER))) == 5
    assert kinds(found) == {"duplicate-field"}


def test_numbers_may_be_packed_or_not() -> None:
    raw = number(2, 5) + blob(2, b"\x05\x06")
    found = wire(raw)
    assert [field.kind for field in found.fields(0, len(raw), INNER)] == [VARINT, BYTES]
    assert not kinds(found)


def test_more_unknown_fields_than_are_told_apart_stay_opaque() -> None:
    raw = (number(9, 1) + number(1, 1)) * 30_000
    found = wire(raw)
    list(found.fields(0, len(raw), OUTER))
    assert len(found.unknown) <= 20_000
    parsed = [(span.offset, span.offset + span.size) for span in found.accounted([], len(raw))]
    assert not any(start <= place < end for start, end in parsed[-3:] for place in range(len(raw) - 40, len(raw), 4))


def test_large_payloads_are_not_read() -> None:
    class Counting(MemorySource):
        def read(self, offset: int, size: int) -> bytes:
            asked.append(size)
            return super().read(offset, size)

    asked: list[int] = []
    raw = b"".join(blob(2, bytes(1 << 20)) for _ in range(10)) + number(1, 1)
    found = Wire(Reader(Counting(raw)))
    assert len(list(found.fields(0, len(raw)))) == 11
    assert sum(asked) <= 12 * WINDOW


messages = st.recursive(
    st.binary(max_size=40).map(lambda raw: [raw]),
    lambda inner: st.lists(st.one_of(st.binary(max_size=300), inner), max_size=6),
    max_leaves=20,
)


def written(tree: list[object]) -> bytes:
    return b"".join(blob(1, part) if isinstance(part, bytes) else blob(2, written(part)) for part in tree)  # type: ignore[arg-type]


def walked(found: Wire, start: int, end: int) -> list[object]:
    tree: list[object] = []
    for field in found.fields(start, end):
        inside = field.offset, field.offset + field.size
        tree.append(walked(found, *inside) if field.number == 2 else found.payload(field.offset, field.size))
    return tree


@given(messages, st.integers(2, 40))
def test_nested_messages_come_back_whatever_the_window(tree: list[object], size: int) -> None:
    raw = written(tree)
    import weighbridge.formats.grammars.protobuf as module

    before = module.WINDOW
    module.WINDOW = 20 + size
    try:
        assert walked(wire(raw), 0, len(raw)) == tree
    finally:
        module.WINDOW = before


@given(st.binary(max_size=200))
@settings(max_examples=500)
def test_any_bytes_are_fields_that_lie_behind_each_other_or_are_refused(raw: bytes) -> None:
    place, refused = 0, len(raw)
    try:
        for field in wire(raw).fields(0, len(raw)):
            assert field.start == place < field.offset + field.size <= len(raw)
            assert field.offset > field.start
            assert 0 < field.number < 1 << 29
            assert field.kind in (0, 1, 2, 5, GROUP)
            place = field.offset + field.size
    except FormatError as error:
        refused = error.offset
    else:
        assert place == len(raw)
    assert place <= refused <= len(raw)
