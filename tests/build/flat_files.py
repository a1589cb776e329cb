"""Flatbuffers written table by table, by number and kind of each field, so that a test can write what no library would."""

from __future__ import annotations

from typing import Any, NamedTuple

import flatbuffers
from flatbuffers import number_types as kinds

_KINDS = {
    "u8": kinds.Uint8Flags,
    "i8": kinds.Int8Flags,
    "bool": kinds.BoolFlags,
    "u32": kinds.Uint32Flags,
    "i32": kinds.Int32Flags,
    "u64": kinds.Uint64Flags,
    "i64": kinds.Int64Flags,
    "f32": kinds.Float32Flags,
}


class Number(NamedTuple):
    """A number of a kind, or a vector of them."""

    kind: str
    value: Any


def table(**fields: Any) -> dict[int, Any]:
    """A table: `_3=…` is its field 3. A text, bytes, a `Number`, a table, or a list of texts or tables."""
    return {int(name[1:]): value for name, value in fields.items()}


def flat(root: dict[int, Any], mark: bytes) -> bytes:
    """A whole flatbuffer with four letters as its mark."""
    builder = flatbuffers.Builder()
    builder.Finish(_written(builder, root), file_identifier=mark)
    return bytes(builder.Output())


def behind(content: bytes, header: bytes) -> bytes:
    """The flatbuffer with a header put in behind its mark, as ExecuTorch does it."""
    root = int.from_bytes(content[:4], "little") + len(header)
    return root.to_bytes(4, "little") + content[4:8] + header + content[8:]


def _written(builder: flatbuffers.Builder, value: Any) -> int:
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, bytes):
        builder.StartVector(1, len(value), 16)
        builder.head -= len(value)
        builder.Bytes[builder.head : builder.head + len(value)] = value
        return builder.EndVector()
    if isinstance(value, Number):
        flags = _KINDS[value.kind]
        builder.StartVector(flags.bytewidth, len(value.value), flags.bytewidth)
        for item in reversed(value.value):
            builder.Prepend(flags, item)
        return builder.EndVector()
    if isinstance(value, list):
        places = [_written(builder, item) for item in value]
        builder.StartVector(4, len(places), 4)
        for place in reversed(places):
            builder.PrependUOffsetTRelative(place)
        return builder.EndVector()
    fields = {
        number: item if isinstance(item, Number) and not isinstance(item.value, list) else _written(builder, item)
        for number, item in value.items()
    }
    builder.StartObject(max(fields, default=-1) + 1)
    for number, item in fields.items():
        if isinstance(item, Number):
            builder.Prepend(_KINDS[item.kind], item.value)
            builder.Slot(number)
        else:
            builder.PrependUOffsetTRelativeSlot(number, item, 0)
    return builder.EndObject()
