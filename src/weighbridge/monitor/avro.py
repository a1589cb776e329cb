r"""Captures of Event Hubs: Avro files whose records hold what was sent, in `Body`.

    file    magic "Obj\1" · metadata, with the schema and the codec · 16 bytes that end each block
    block   how many records · their bytes, as they are or by deflate · the 16 bytes

The container is read with fastavro, too, as records of the two schemas below, so that a block can be measured before it
is unpacked. Sources: avro.apache.org/docs/1.12.0/specification, "Object Container Files"; learn.microsoft.com,
"Exploring captured Avro files in Azure Event Hubs" for Body; CaptureDescription.Encoding for Avro and AvroDeflate.
"""

from __future__ import annotations

import json
import os
import zlib
from io import BytesIO

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from typing import Any, BinaryIO

MOST_BLOCK = 64 * 1024 * 1024
"""Bytes of one block, packed or unpacked; writers make blocks of some 64 KB."""
_SIXTEEN = {"type": "fixed", "name": "end", "size": 16}
_HEADER = {
    "type": "record",
    "name": "header",
    "fields": [
        {"name": "magic", "type": {"type": "fixed", "name": "magic", "size": 4}},
        {"name": "metadata", "type": {"type": "map", "values": "bytes"}},
        {"name": "end", "type": _SIXTEEN},
    ],
}
_BLOCK = {
    "type": "record",
    "name": "block",
    "fields": [
        {"name": "count", "type": "long"},
        {"name": "packed", "type": "bytes"},
        {"name": "end", "type": _SIXTEEN},
    ],
}
_BROKEN = (ValueError, EOFError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError, zlib.error)
"""What the library raises for bytes that are no Avro, and for schemas that are none."""


class Captured(NamedTuple):
    """What became of a file: the records that held nothing to judge, and whether it broke off."""

    lost: int
    cut: bool


def lines_of_avro(name: str) -> Captured | None:
    """Write what the records held as JSON lines in the file's place; None if it is no Avro that can be read.

    Raises UsageError if the library is not installed.
    """
    try:
        import fastavro
        from fastavro.schema import SchemaParseException, UnknownType
    except ImportError:
        raise UsageError(
            "captures in Avro need a library that is not installed", "pip install 'weighbridge[avro]'"
        ) from None
    written = lost = 0
    cut = False
    with open(name, "rb") as opened, open(f"{name}.lines", "wb") as out:
        try:
            for record in _records(fastavro, opened):
                line = _line(record)
                lost += not line
                written += bool(line)
                out.write(line)
        except (*_BROKEN, MemoryError, SchemaParseException, UnknownType):
            cut = True
    os.replace(f"{name}.lines", name)
    return None if cut and not written and not lost else Captured(lost, cut)


def _records(library: Any, opened: BufferedReader) -> Iterator[Any]:
    file = _Bounded(opened)
    header = library.schemaless_reader(file, _HEADER, None)
    schema = library.parse_schema(json.loads(header["metadata"]["avro.schema"]))
    codec = header["metadata"].get("avro.codec", b"null")
    if codec not in (b"null", b"deflate"):
        raise ValueError(codec)
    while opened.peek(1):
        block = library.schemaless_reader(file, _BLOCK, None)
        if block["end"] != header["end"]:
            raise ValueError("a block that does not end as the others do")
        body = block["packed"] if codec == b"null" else _inflated(block["packed"])
        records = _Bounded(BytesIO(body))
        for _ in range(min(block["count"], len(body))):
            yield library.schemaless_reader(records, schema, None)


def _inflated(packed: bytes) -> bytes:
    stream = zlib.decompressobj(-15)
    body = stream.decompress(packed, MOST_BLOCK)
    if not stream.eof:
        raise ValueError("a block that is too large or cut off")
    return body


def _line(record: Any) -> bytes:
    """A capture's body, or any other record as JSON; nothing if there is neither. An event may hold several lines."""
    if not isinstance(record, dict):
        return b""
    if "Body" not in record:
        return json.dumps(record, default=str).encode() + b"\n"
    body = record["Body"]
    text = body.strip() if isinstance(body, bytes) else str(body or "").strip().encode("utf-8", "replace")
    if not text:
        return b""
    first = text.partition(b"\n")[0]
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        # One document over several lines: within its texts there is no raw end of a line.
        text = text.replace(b"\r", b" ").replace(b"\n", b" ")
    return text + b"\n"


class _Bounded:
    """A file of which nobody asks more than a block: lengths in it are those of whoever wrote it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """At most a block. Raises ValueError for more, EOFError if the file is shorter."""
        if not 0 <= size <= MOST_BLOCK:
            raise ValueError("a length that no block has")
        found = self._file.read(size)
        if len(found) < size:
            raise EOFError
        return found
