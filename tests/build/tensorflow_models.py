"""Small models and checkpoints of TensorFlow, built byte by byte."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from build.forms import field, message
from build.varints import varint

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STRING, FLOAT = 7, 1
MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


def entry(key: str, value: bytes) -> bytes:
    """An entry of a map."""
    return message((1, key), (2, value))


def shape(*lengths: int) -> bytes:
    return b"".join(field(2, message((1, length))) for length in lengths)


def tensor(
    dtype: int = FLOAT, *lengths: int, content: bytes | None = None, strings: Iterable[bytes | str] = ()
) -> bytes:
    """A constant: numbers as content, or strings."""
    raw = message((1, dtype), (2, shape(*lengths)))
    if content is not None:
        raw += field(4, content)
    return raw + b"".join(field(8, text) for text in strings)


def node(name: str, op: str, *inputs: str, more: bytes = b"", **attributes: bytes) -> bytes:
    """A node; attributes are AttrValues."""
    raw = message((1, name), (2, op), *((3, one) for one in inputs))
    return raw + b"".join(field(5, entry(key, value)) for key, value in attributes.items()) + more


def text(value: str | bytes) -> bytes:
    """An AttrValue that is a text."""
    return field(2, value)


def texts(*values: str) -> bytes:
    """An AttrValue that is a list of texts."""
    return field(1, b"".join(field(2, value) for value in values))


def calls(function: str) -> bytes:
    """An AttrValue that is a function."""
    return field(10, message((1, function)))


def constant(name: str, *values: str | bytes) -> bytes:
    """A Const of strings."""
    lengths = () if len(values) == 1 else (len(values),)
    return node(name, "Const", value=field(8, tensor(STRING, *lengths, strings=values)), dtype=message((6, STRING)))


def weights(name: str = "w", content: bytes = bytes(8), *lengths: int) -> bytes:
    """A Const of floats."""
    return node(name, "Const", value=field(8, tensor(FLOAT, *(lengths or (2,)), content=content)))


def function(name: str, arguments: Iterable[str], *nodes: bytes) -> bytes:
    """A FunctionDef."""
    signature = field(1, name) + b"".join(field(2, message((1, argument), (3, STRING))) for argument in arguments)
    return field(1, signature) + b"".join(field(3, one) for one in nodes)


def graph(*nodes: bytes, functions: Iterable[bytes] = (), more: bytes = b"") -> bytes:
    """A GraphDef."""
    library = b"".join(field(1, one) for one in functions)
    raw = b"".join(field(1, one) for one in nodes)
    return raw + (field(2, library) if library else b"") + field(4, message((1, 1994))) + more


def meta_graph(inner: bytes, *, assets: Mapping[str, str] | None = None, more: bytes = b"") -> bytes:
    """A MetaGraphDef; assets are file names by the tensor that holds them."""
    operators = message((1, message((1, "NoOp"))))
    raw = field(1, message((2, operators), (4, "serve"), (5, "2.21.0"))) + field(2, inner)
    raw += field(5, entry("serving_default", message((3, "tensorflow/serving/predict"))))
    for name, file in (assets or {}).items():
        raw += field(6, message((1, message((1, name))), (2, file)))
    return raw + more


def saved_model(inner: bytes, *, assets: Mapping[str, str] | None = None, more: bytes = b"") -> bytes:
    """A SavedModel with one graph."""
    return message((1, 1), (2, meta_graph(inner, assets=assets))) + more


def crc32c(raw: bytes) -> int:
    """The CRC-32 of Castagnoli, bit by bit."""
    value = 0xFFFFFFFF
    for byte in raw:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def stored(content: bytes, kind: int = 0) -> bytes:
    """A block with its trailer."""
    checksum = crc32c(content + bytes([kind]))
    turned = ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return content + bytes([kind]) + struct.pack("<I", turned)


def block(rows: Iterable[tuple[bytes, bytes]], *, restart: int = 16) -> bytes:
    """The content of a block, keys shortened by what they share."""
    raw, before, starts = b"", b"", []
    for number, (key, value) in enumerate(rows):
        shared = 0
        if number % restart == 0:
            starts.append(len(raw))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        raw += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    starts = starts or [0]
    return raw + b"".join(struct.pack("<I", start) for start in starts) + struct.pack("<I", len(starts))


def snappy(raw: bytes) -> bytes:
    """Snappy: literals, and a copy wherever four bytes come again."""
    out, place, pending = varint(len(raw)), 0, b""
    while place < len(raw):
        found = raw.rfind(raw[place : place + 4], 0, place) if place + 4 <= len(raw) else -1
        if found < 0:
            pending += raw[place : place + 1]
            place += 1
            continue
        size = 4
        while size < 64 and place + size < len(raw) and raw[found + size] == raw[place + size]:
            size += 1
        out += literals(pending) + bytes([(size - 1) << 2 | 2]) + struct.pack("<H", place - found)
        place, pending = place + size, b""
    return out + literals(pending)


def literals(raw: bytes) -> bytes:
    return b"".join(bytes([(len(part) - 1) << 2]) + part for part in (raw[i : i + 60] for i in range(0, len(raw), 60)))


def table(*blocks: list[tuple[bytes, bytes]], compressed: bool = False, gap: bytes = b"") -> bytes:
    """A sorted table of these blocks."""
    raw, places = gap, []
    for rows in blocks:
        content = snappy(block(rows)) if compressed else block(rows)
        places.append((rows[-1][0] + b"\0", varint(len(raw)) + varint(len(content))))
        raw += stored(content, int(compressed))
    handles = b""
    for content in (block([]), block(places, restart=1)):
        handles += varint(len(raw)) + varint(len(content))
        raw += stored(content)
    return raw + handles.ljust(40, b"\0") + MAGIC


def header(shards: int = 1, *, more: bytes = b"") -> tuple[bytes, bytes]:
    return b"", field(1, shards) + field(3, message((1, 1))) + more


def stored_tensor(
    name: str,
    offset: int,
    size: int,
    *lengths: int,
    dtype: int = FLOAT,
    shard: int = 0,
    more: bytes = b"",
) -> tuple[bytes, bytes]:
    """A row of an index."""
    raw = message((1, dtype), (2, shape(*lengths)), (3, shard), (4, offset), (5, size)) + b"\x35" + bytes(4)
    return name.encode(), raw + more


def string_data(*values: bytes) -> bytes:
    """The bytes of a string tensor in a shard."""
    return b"".join(varint(len(value)) for value in values) + bytes(4) + b"".join(values)
