"""Lists of named arrays: parameters of MXNet and of TVM.

    MXNet   u64 0x112, u64 0, u64 number, arrays, u64 number, names (u64 size, UTF-8)
    array   u32 F993FAC9 or F993FACA: i32 kind of storage (0 dense), shape, i32 device, i32 its number, i32 type, data
            u32 F993FAC8: shape, device, its number, type, data
            older: the number of dimensions in place of a mark, u32 each, then as above
    shape   u32 number of dimensions, i64 each; none (F993FACA: -1) if there is no array
    TVM     u64 F7E58D4F05049CB7, u64 0, u64 number, names, u64 number, arrays
    array   u64 DD5E40F096B4A13F, u64 0, i32 device, i32 its number, i32 dimensions, u8 code, u8 bits, u16 lanes,
            i64 each dimension, i64 bytes, data

Both are read to the last byte and can name no code; sparse arrays of MXNet are not read. Sources: mxnet 1.9,
`src/ndarray/ndarray.cc`; tvm 0.20, `runtime/ndarray.h`, `src/runtime/file_utils.cc`; dmlc-core `serializer.h`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MXNET = (0x112).to_bytes(8, "little") + bytes(8)
TVM = (0xF7E58D4F05049CB7).to_bytes(8, "little")
_TVM_ARRAY = 0xDD5E40F096B4A13F
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_TYPES = {
    0: ("F32", 4), 1: ("F64", 8), 2: ("F16", 2), 3: ("U8", 1), 4: ("I32", 4), 5: ("I8", 1), 6: ("I64", 8),
    7: ("BOOL", 1), 8: ("I16", 2), 9: ("U16", 2), 10: ("U32", 4), 11: ("U64", 8), 12: ("BF16", 2),
}  # fmt: skip
"""Type flag of MXNet → name and bytes of an element (mshadow `base.h`)."""
_CODES = {0: "int", 1: "uint", 2: "float", 4: "bfloat"}
DIMENSIONS = 32
LONGEST_NAME = 4096
SMALLEST_ARRAY = 8
"""Bytes of the smallest array with its name."""


class MxnetParams:
    """Parameters of MXNet."""

    name = "mxnet-params"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark and the zeros behind it."""
        del data
        return Match.YES if info.head.startswith(MXNET) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Every array as a tensor; the names stand behind all of them."""
        del info
        cursor = Cursor(data, 16)
        count = _count(cursor)
        arrays = []
        if count > budget.facts:
            yield Limit("facts", budget.limits.facts, 16)
            return
        for _ in range(count):
            place = cursor.place
            found = _mxnet_array(cursor)
            yield Span(place, found.offset - place, "parsed")
            arrays.append(found)
        place = cursor.place
        names = [_text(cursor) for _ in range(_count(cursor))]
        if names and len(names) != len(arrays):
            raise FormatError(f"{len(names)} names for {len(arrays)} arrays", place)
        yield Span(0, 24, "parsed")
        yield Span(place, cursor.place - place, "parsed")
        yield from _tensors(arrays, names, data, budget)
        if cursor.left:
            yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the last name", cursor.place)


class TvmParams:
    """Parameters of TVM."""

    name = "tvm-params"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark."""
        del data
        return Match.YES if info.head.startswith(TVM) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Every array as a tensor with the name at its place in the list."""
        del info
        cursor = Cursor(data, 8)
        if cursor.unsigned(8):
            raise FormatError("the reserved field is in use", 8)
        names = [_text(cursor) for _ in range(_count(cursor))]
        place = cursor.place
        count = _count(cursor)
        if count != len(names):
            raise FormatError(f"{len(names)} names for {count} arrays", place)
        yield Span(0, cursor.place, "parsed")
        if count > budget.facts:
            yield Limit("facts", budget.limits.facts, 16)
            return
        arrays = []
        for _ in range(count):
            place = cursor.place
            found = _tvm_array(cursor)
            yield Span(place, found.offset - place, "parsed")
            arrays.append(found)
        yield from _tensors(arrays, names, data, budget)
        if cursor.left:
            yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the last array", cursor.place)


def _tensors(arrays: list[Tensor], names: list[str], data: Reader, budget: Budget) -> Iterator[Fact | Span]:
    budget.facts -= len(arrays)
    seen: set[str] = set()
    for index, array in enumerate(arrays):
        name = names[index] if names else str(index)
        if name in seen:
            yield Oddity("duplicate-name", f"the array {name[:100]!r} stands twice", array.offset)
        seen.add(name)
        program = machine_code(data.peek(array.offset, min(PROGRAM_HEAD, array.size)))
        if program:
            yield Native(program, array.offset)
        yield array._replace(name=name[:200])
        yield Span(array.offset, array.size, "data")


def _count(cursor: Cursor) -> int:
    """A number of things that are at least `SMALLEST_ARRAY` bytes each."""
    count = cursor.unsigned(8)
    if count * SMALLEST_ARRAY > cursor.left:
        raise FormatError(f"{count} are more than there is room for", cursor.place - 8)
    return count


def _text(cursor: Cursor) -> str:
    size = cursor.unsigned(8)
    if size > min(LONGEST_NAME, cursor.left):
        raise FormatError(f"a name has {size} bytes", cursor.place - 8)
    try:
        return cursor.take(size).decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("a name is not UTF-8", cursor.place - size) from None


def _mxnet_array(cursor: Cursor) -> Tensor:
    start = cursor.place
    mark = cursor.unsigned(4)
    dimensions, width = mark, 4
    if mark in (_V2, _V3) and cursor.signed(4) != 0:
        raise FormatError("sparse arrays are not read", start)
    if mark in (_V1, _V2, _V3):
        dimensions, width = cursor.unsigned(4), 8
    if (mark == _V3 and dimensions == 0xFFFFFFFF) or (mark != _V3 and dimensions == 0):
        return Tensor("", "none", (), cursor.place, 0)
    shape = _shape(cursor, dimensions, width)
    cursor.skip(8)
    flag = cursor.signed(4)
    if flag not in _TYPES:
        raise FormatError(f"an array is of the unknown type {flag}", cursor.place - 4)
    name, size = _TYPES[flag]
    for length in shape:
        size *= length
    return Tensor("", name, shape, cursor.skip(size), size)


def _tvm_array(cursor: Cursor) -> Tensor:
    start = cursor.place
    if cursor.unsigned(8) != _TVM_ARRAY or cursor.unsigned(8):
        raise FormatError("the mark of an array is missing", start)
    cursor.skip(8)
    dimensions = cursor.unsigned(4)
    code, bits = cursor.byte(), cursor.byte()
    lanes = cursor.unsigned(2)
    size = (bits * lanes + 7) // 8
    if code not in _CODES or not size:
        raise FormatError("an array is of an unknown type", cursor.place - 4)
    shape = _shape(cursor, dimensions, 8)
    for length in shape:
        size *= length
    said = cursor.unsigned(8)
    if said != size:
        raise FormatError(f"an array has {said} bytes, its shape {size}", cursor.place - 8)
    return Tensor("", f"{_CODES[code]}{bits}", shape, cursor.skip(size), size)


def _shape(cursor: Cursor, dimensions: int, width: int) -> tuple[int, ...]:
    if dimensions > DIMENSIONS:
        raise FormatError(f"an array has {dimensions} dimensions", cursor.place - 4)
    shape = tuple(cursor.signed(width) for _ in range(dimensions))
    if any(not 0 <= length < 1 << 40 for length in shape):
        raise FormatError("a dimension is no length", cursor.place)
    return shape
