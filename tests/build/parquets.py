"""Parquet files, built field by field."""

from __future__ import annotations

import struct
from typing import NamedTuple

from build.varints import varint

Fields = dict[int, "bytes | int | bool | list[Fields] | Fields"]


class Chunk(NamedTuple):
    """One column chunk: contents of its pages, and what its metadata says differently."""

    pages: tuple[bytes, ...] = (b"values" * 20,)
    codec: int = 0
    about: Fields = {}  # noqa: RUF012 -- nobody changes it
    chunk: Fields = {}  # noqa: RUF012 -- nobody changes it
    dictionary: bool = False
    page: Fields = {}  # noqa: RUF012 -- nobody changes it


def structure(fields: Fields) -> bytes:
    """A structure of Thrift: numbers as i64, bytes, lists of structures, structures."""
    out, last = b"", 0
    for number, value in sorted(fields.items()):
        kind, raw = _value(value)
        step = number - last
        out += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + varint(number << 1)
        out += raw
        last = number
    return out + b"\0"


def _value(value: object) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return (1 if value else 2), b""
    if isinstance(value, int):
        return 6, varint(value << 1 ^ (-1 if value < 0 else 0))
    if isinstance(value, bytes):
        return 8, varint(len(value)) + value
    if isinstance(value, list):
        inner = b"".join(structure(item) for item in value)
        return 9, (bytes([len(value) << 4 | 12]) if len(value) < 15 else b"\xfc" + varint(len(value))) + inner
    assert isinstance(value, dict)
    return 12, structure(value)


def page(content: bytes, kind: int = 0, more: Fields | None = None) -> bytes:
    head: Fields = {1: kind, 2: len(content), 3: len(content), 5 if kind == 0 else 7: {1: 3, 2: 0}}
    return structure({**head, **(more or {})}) + content


def parquet(
    *chunks: Chunk,
    keys: dict[str, bytes] | None = None,
    footer: Fields | None = None,
    between: bytes = b"",
    indexes: bytes = b"",
    behind: bytes = b"",
    end: bytes = b"PAR1",
) -> bytes:
    """A file of one row group. `between` follows every chunk, `indexes` all, `behind` the metadata in the footer."""
    body = b"PAR1"
    columns: list[Fields] = []
    for chunk in chunks:
        start = len(body)
        pages = [
            page(content, 2 if chunk.dictionary and not at else 0, chunk.page) for at, content in enumerate(chunk.pages)
        ]
        size = sum(map(len, pages))
        about: Fields = {1: 6, 3: [], 4: chunk.codec, 5: 3, 6: size, 7: size, 9: start}
        if chunk.dictionary:
            about |= {9: start + len(pages[0]), 11: start}
        columns.append({2: start, 3: about | chunk.about} | chunk.chunk)
        body += b"".join(pages) + between
    start = len(body)
    if indexes and columns:
        columns[0] |= {4: start, 5: len(indexes)}
        body += indexes
    metadata: Fields = {1: 2, 2: [{4: b"schema", 5: len(chunks)}, {1: 6, 4: b"a"}], 3: 3, 4: [{1: columns, 2: 9, 3: 3}]}
    metadata[5] = [{1: key.encode(), 2: value} for key, value in (keys or {}).items()]
    metadata[6] = b"built here"
    raw = structure(metadata | (footer or {})) + behind
    return body + raw + struct.pack("<I", len(raw)) + end
