"""Tensors of ONNX: how many bytes they have, how many they should have, and where.

    dims, data_type       ask for so many elements; exactly one of these holds them:
    raw_data              elements back to back, little endian; 2, 4 and 6 bits packed, rounded up to a byte
    float_data, …         one field per kind of number, packed or one by one; complex numbers take two
    string_data           one field per string
    external_data         another file: location, offset, length (`data_location` says whether it counts)

Loaders have read beyond buffers where the two disagree (CWE-125), so each disagreement is a fact. Keys of
external_data that nobody defined were set as attributes of an object (CVE-2026-34445).
Source: onnx 1.23, `onnx/onnx.proto`, TensorProto, and `docs/ExternalData.md`.
"""

from __future__ import annotations

from weighbridge.core.facts import ExternalData, Oddity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.protobuf import BYTES, signed
from weighbridge.formats.onnx.schema import BITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.formats.grammars.protobuf import Field, Wire

MOST_DIMS = 64
"""Dimensions that are kept; runtimes support eight."""
EXTERNAL_KEYS = frozenset(("location", "offset", "length", "checksum", "basepath"))
_TYPED = {
    4: ("float_data", {1: 1.0, 14: 2.0}),
    5: (
        "int32_data",
        dict.fromkeys((2, 3, 4, 5, 6, 9, 10, 16, 17, 18, 19, 20, 24, 27, 28), 1.0)
        | dict.fromkeys((21, 22, 23), 0.5)
        | dict.fromkeys((25, 26), 0.25),
    ),
    6: ("string_data", {8: 1.0}),
    7: ("int64_data", {7: 1.0}),
    10: ("double_data", {11: 1.0, 15: 2.0}),
    11: ("uint64_data", {12: 1.0, 13: 1.0}),
}
"""Field → its name, and for each data type that it may hold how many entries one element takes."""
_HIGH = bytes(range(0x80, 0x100))


class Stored(NamedTuple):
    """What a tensor says of itself, and what it brings. `counts`: field → entries; `entries`: of external_data."""

    name: str
    dims: tuple[int, ...]
    data_type: int
    raw: int
    counts: dict[int, int]
    external: bool
    entries: tuple[tuple[str, str], ...]
    offset: int


def elements(dims: tuple[int, ...]) -> int:
    """The product of the dimensions, or -1 if one is negative or 64 bits do not hold it."""
    product = 1
    for length in dims:
        if length < 0:
            return -1
        product *= length
        if product >> 63:
            return -1
    return product


def check(tensor: Stored) -> Iterator[Oddity | ExternalData]:
    """Whether a tensor has what its shape and type ask for."""
    what = f"tensor {tensor.name!r}"
    known = BITS.get(tensor.data_type)
    count = elements(tensor.dims)
    if known is None:
        yield Oddity("tensor-type", f"{what} has the data type {tensor.data_type}, which does not exist", tensor.offset)
    if count < 0 or len(tensor.dims) > MOST_DIMS:
        yield Oddity("tensor-size", f"{what} has impossible dimensions {str(tensor.dims[:8])[:100]}", tensor.offset)
    wanted = (count * known[1] + 7) // 8 if known is not None and known[1] and count >= 0 else -1
    if tensor.entries or tensor.external:
        yield from _external(tensor, wanted)
    holders = [_TYPED[number][0] for number in tensor.counts] + ["raw_data"] * (tensor.raw >= 0)
    if len(holders) > 1 or (tensor.external and holders):
        listed = ", ".join(sorted(holders)) + (" and another file" if tensor.external else "")
        yield Oddity("tensor-twice", f"{what} has its elements in {listed}; loaders take one of them", tensor.offset)
        return
    if known is None or count < 0 or tensor.external:
        return
    if tensor.raw >= 0:
        if wanted < 0 or tensor.raw != wanted:
            should = f"{wanted}" if wanted >= 0 else "no raw"
            detail = f"{what} of type {known[0]} and shape {list(tensor.dims)} has {tensor.raw} bytes"
            yield Oddity("tensor-size", f"{detail} instead of {should}", tensor.offset)
    elif tensor.counts:
        ((number, found),) = tensor.counts.items()
        field, holds = _TYPED[number]
        each = holds.get(tensor.data_type)
        if each is None:
            yield Oddity("tensor-type", f"{what} of type {known[0]} has its elements in {field}", tensor.offset)
        elif found != -(-count * int(each * 4) // 4):
            detail = f"{what} of type {known[0]} and shape {list(tensor.dims)} has {found} entries"
            yield Oddity("tensor-size", f"{detail} in {field}", tensor.offset)
    elif count:
        yield Oddity("tensor-size", f"{what} of shape {list(tensor.dims)} has no elements at all", tensor.offset)


def count_entries(wire: Wire, field: Field, width: int) -> int:
    """How many numbers a field holds: one, or as many as were packed. `width` is their size (0: varints).

    A packed field that is cut off in a number counts as -1.
    """
    if field.kind != BYTES:
        return 1
    if width:
        return field.size // width if field.size % width == 0 else -1
    count = 0
    last = 0
    for offset in range(field.offset, field.offset + field.size, 1 << 18):
        raw = wire.reader.read(offset, min(1 << 18, field.offset + field.size - offset))
        count += len(raw.translate(None, _HIGH))
        last = raw[-1]
    return count if last < 0x80 else -1


def packed_numbers(raw: bytes) -> list[int]:
    """The signed numbers that were packed into `raw`; the last may be cut off and is then left out."""
    numbers = []
    value = shift = 0
    for byte in raw:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(signed(value & 0xFFFFFFFFFFFFFFFF))
            value = shift = 0
        elif shift > 70:
            break
    return numbers


def entry(wire: Wire, field: Field, most: int = 4096) -> tuple[str, str]:
    """Key and value of a StringStringEntryProto, as text and shortened to `most` bytes each."""
    key = value = b""
    for part in wire.fields(field.offset, field.offset + field.size):
        if part.kind == BYTES and part.number == 1:
            key = wire.payload(part.offset, min(part.size, most))
        elif part.kind == BYTES and part.number == 2:
            value = wire.payload(part.offset, min(part.size, most))
    return key.decode("utf-8", "replace"), value.decode("utf-8", "replace")


def _external(tensor: Stored, wanted: int) -> Iterator[Oddity | ExternalData]:
    what = f"tensor {tensor.name!r}"
    table: dict[str, str] = {}
    for key, value in tensor.entries:
        if key not in EXTERNAL_KEYS:
            yield Oddity("external-key", f"{what} has a key {key[:100]!r} for its file", tensor.offset)
        elif key in table:
            yield Oddity("external-key", f"{what} has the key {key!r} twice", tensor.offset)
        table[key] = value
    start = _natural(table.get("offset", "0"))
    length = _natural(table["length"]) if "length" in table else -1
    if start is None or length is None:
        place = f"{table.get('offset', '0')[:40]!r}, {table.get('length', '')[:40]!r}"
        yield Oddity("external-range", f"{what} lies at a place that is no place: {place}", tensor.offset)
        start, length = start or 0, -1 if length is None else length
    elif length >= 0 and wanted >= 0 and length != wanted:
        detail = f"{what} of shape {list(tensor.dims)} takes {length} bytes of its file instead of {wanted}"
        yield Oddity("tensor-size", detail, tensor.offset)
    location, base = table.get("location", ""), table.get("basepath", "")
    yield ExternalData(tensor.name, location[:1000], start, length, wanted, base[:1000], tensor.offset)


def _natural(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
