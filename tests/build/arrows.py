"""Streams and files of Arrow, built with the library of FlatBuffers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import flatbuffers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SCHEMA, DICTIONARY, BATCH = 1, 2, 3


class Column(NamedTuple):
    """A field of 32-bit integers, with keys and values of its own; `children` are fields inside."""

    name: str
    keys: Mapping[str, bytes] = {}
    children: tuple[Column, ...] = ()


def _pairs(builder: flatbuffers.Builder, keys: Mapping[str, bytes]) -> int:
    made = []
    for key, value in keys.items():
        text, name = builder.CreateString(value), builder.CreateString(key)
        builder.StartObject(2)
        builder.PrependUOffsetTRelativeSlot(0, name, 0)
        builder.PrependUOffsetTRelativeSlot(1, text, 0)
        made.append(builder.EndObject())
    return _vector(builder, made)


def _vector(builder: flatbuffers.Builder, entries: Sequence[int]) -> int:
    builder.StartVector(4, len(entries), 4)
    for entry in reversed(entries):
        builder.PrependUOffsetTRelative(entry)
    return int(builder.EndVector())


def _field(builder: flatbuffers.Builder, column: Column) -> int:
    children = _vector(builder, [_field(builder, child) for child in column.children])
    keys = _pairs(builder, column.keys) if column.keys else 0
    name = builder.CreateString(column.name)
    builder.StartObject(2)
    builder.PrependInt32Slot(0, 32, 0)
    builder.PrependBoolSlot(1, True, False)
    kind = builder.EndObject()
    builder.StartObject(7)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUint8Slot(2, 2, 0)
    builder.PrependUOffsetTRelativeSlot(3, kind, 0)
    builder.PrependUOffsetTRelativeSlot(5, children, 0)
    builder.PrependUOffsetTRelativeSlot(6, keys, 0)
    return int(builder.EndObject())


def _schema(builder: flatbuffers.Builder, columns: Sequence[Column], keys: Mapping[str, bytes]) -> int:
    fields = _vector(builder, [_field(builder, column) for column in columns])
    pairs = _pairs(builder, keys)
    builder.StartObject(4)
    builder.PrependUOffsetTRelativeSlot(1, fields, 0)
    builder.PrependUOffsetTRelativeSlot(2, pairs, 0)
    return int(builder.EndObject())


def _message(builder: flatbuffers.Builder, kind: int, header: int, body: int) -> bytes:
    builder.StartObject(5)
    builder.PrependInt16Slot(0, 4, 0)
    builder.PrependUint8Slot(1, kind, 0)
    builder.PrependUOffsetTRelativeSlot(2, header, 0)
    builder.PrependInt64Slot(3, body, 0)
    builder.Finish(builder.EndObject())
    raw = bytes(builder.Output())
    return raw + bytes(-len(raw) % 8)


def schema(*columns: Column, keys: Mapping[str, bytes] | None = None) -> bytes:
    """The message of a schema, without what stands before a message."""
    builder = flatbuffers.Builder()
    return _message(builder, SCHEMA, _schema(builder, columns, keys or {}), 0)


def batch(buffers: Sequence[tuple[int, int]], size: int, *, compressed: bool = False) -> bytes:
    """The message of a batch with buffers at these places of its body."""
    builder = flatbuffers.Builder()
    vectors = []
    for entries in ([(3, 0)], buffers):
        builder.StartVector(16, len(entries), 8)
        for first, second in reversed(entries):
            builder.Prep(8, 16)
            builder.PrependInt64(second)
            builder.PrependInt64(first)
        vectors.append(builder.EndVector())
    packing = 0
    if compressed:
        builder.StartObject(2)
        packing = builder.EndObject()
    builder.StartObject(5)
    builder.PrependInt64Slot(0, 3, 0)
    builder.PrependUOffsetTRelativeSlot(1, vectors[0], 0)
    builder.PrependUOffsetTRelativeSlot(2, vectors[1], 0)
    builder.PrependUOffsetTRelativeSlot(3, packing, 0)
    return _message(builder, BATCH, builder.EndObject(), size)


def framed(message: bytes, body: bytes = b"", *, old: bool = False) -> bytes:
    return (b"" if old else b"\xff\xff\xff\xff") + struct.pack("<i", len(message)) + message + body


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 8)


def parts(
    *columns: Column, bodies: Sequence[bytes] = (b"values!!" * 40,), keys: Mapping[str, bytes] | None = None
) -> list[tuple[bytes, bytes]]:
    """The messages of a stream, each with its body: a schema, then a batch of one buffer for each body."""
    made = [(schema(*(columns or (Column("a"),)), keys=keys), b"")]
    return made + [(batch([(0, len(body))], len(padded(body))), padded(body)) for body in bodies]


def stream(messages: Sequence[tuple[bytes, bytes]], *, old: bool = False, end: bytes | None = None) -> bytes:
    mark = (bytes(4) if old else b"\xff\xff\xff\xff" + bytes(4)) if end is None else end
    return b"".join(framed(message, body, old=old) for message, body in messages) + mark


def file(
    messages: Sequence[tuple[bytes, bytes]],
    *columns: Column,
    shift: int = 0,
    between: bytes = b"",
) -> bytes:
    """A file; its footer has the schema of `columns`, and names every batch `shift` bytes too late."""
    builder = flatbuffers.Builder()
    place, blocks = 8, []
    for index, (message, body) in enumerate(messages):
        if index:
            blocks.append((place + shift, 8 + len(message), len(body)))
        place += 8 + len(message) + len(body)
    described = _schema(builder, columns or (Column("a"),), {})
    builder.StartVector(24, len(blocks), 8)
    for offset, head, size in reversed(blocks):
        builder.Prep(8, 24)
        builder.PrependInt64(size)
        builder.Pad(4)
        builder.PrependInt32(head)
        builder.PrependInt64(offset)
    vector = builder.EndVector()
    builder.StartObject(5)
    builder.PrependInt16Slot(0, 4, 0)
    builder.PrependUOffsetTRelativeSlot(1, described, 0)
    builder.PrependUOffsetTRelativeSlot(3, vector, 0)
    builder.Finish(builder.EndObject())
    footer = bytes(builder.Output())
    return b"ARROW1\0\0" + stream(messages) + between + footer + struct.pack("<i", len(footer)) + b"ARROW1"


def feather(values: bytes = b"12345678" * 4, *, offset: int = 8, between: bytes = b"") -> bytes:
    """Feather 1 with one column."""
    builder = flatbuffers.Builder()
    name = builder.CreateString("a")
    builder.StartObject(6)
    builder.PrependInt8Slot(0, 5, 0)
    builder.PrependInt64Slot(2, offset, 0)
    builder.PrependInt64Slot(3, 3, 0)
    builder.PrependInt64Slot(5, len(values), 0)
    array = builder.EndObject()
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(0, name, 0)
    builder.PrependUOffsetTRelativeSlot(1, array, 0)
    column = builder.EndObject()
    columns = _vector(builder, [column])
    builder.StartObject(5)
    builder.PrependInt64Slot(1, 3, 0)
    builder.PrependUOffsetTRelativeSlot(2, columns, 0)
    builder.PrependInt32Slot(3, 2, 0)
    builder.Finish(builder.EndObject())
    table = bytes(builder.Output())
    return b"FEA1" + bytes(4) + values + between + table + struct.pack("<I", len(table)) + b"FEA1"
