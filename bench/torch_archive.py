"""Zip archives as torch writes them, made without torch and streamed: nothing of a member is kept in memory.

    for each member
      local header   version 0, flags 0x0808 (sizes follow, UTF-8 name), method, CRC and sizes 0,
                     extra "FB": as many Z that the data begin at a multiple of 64
      data
      descriptor     PK 07 08, CRC, compressed size, size
    central directory (no extra), end record

The checkpoint inside is `archive/data.pkl` (a dictionary of tensors by `torch._utils._rebuild_tensor_v2`, written
opcode by opcode), `archive/data/0…` (float32 storages), `archive/byteorder`, `archive/version`.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

ALIGNMENT = 64
FLAGS = 0x0808
STORED, DEFLATED = 0, 8
COLUMNS = 4096
"""Columns of each tensor of the checkpoint."""


class Member(NamedTuple):
    """One member. `plain` (CRC and size of what comes out) is given only if `blocks` are deflated already."""

    name: str
    blocks: Iterable[bytes]
    plain: tuple[int, int] | None = None


def write_archive(path: str, members: Iterable[Member]) -> None:
    """Write a zip of `members` to `path`. Offsets stay below 4 GiB."""
    directory = []
    with open(path, "wb") as file:
        for member in members:
            offset = file.tell()
            name = member.name.encode()
            method = DEFLATED if member.plain else STORED
            padding = -(offset + 30 + len(name) + 4) % ALIGNMENT
            extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
            file.write(struct.pack("<IHHHHHIIIHH", 0x04034B50, 0, FLAGS, method, 0, 0, 0, 0, 0, len(name), len(extra)))
            file.write(name + extra)
            crc = written = 0
            for block in member.blocks:
                file.write(block)
                written += len(block)
                crc = crc if member.plain else zlib.crc32(block, crc)
            crc, size = member.plain or (crc, written)
            file.write(struct.pack("<IIII", 0x08074B50, crc, written, size))
            fixed = (0x02014B50, 0, 0, FLAGS, method, 0, 0, crc, written, size, len(name), 0, 0, 0, 0, 0, offset)
            directory.append(struct.pack("<IHHHHHHIIIHHHHHII", *fixed) + name)
        start = file.tell()
        file.write(b"".join(directory))
        count, size = len(directory), file.tell() - start
        file.write(struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, size, start, 0))


def _text(value: str) -> bytes:
    raw = value.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def checkpoint_pickle(rows: list[int]) -> bytes:
    """`data.pkl`: an OrderedDict of one float32 tensor of `rows[i]` times COLUMNS for each storage i, protocol 2."""
    empty = b"ccollections\nOrderedDict\n)R"
    items = b""
    for key, count in enumerate(rows):
        storage = (
            _text("storage") + b"ctorch\nFloatStorage\n" + _text(str(key)) + _text("cpu") + _number(count * COLUMNS)
        )
        shape = _number(count) + _number(COLUMNS) + b"\x86"
        stride = _number(COLUMNS) + _number(1) + b"\x86"
        tensor = b"((" + storage + b"tQ" + _number(0) + shape + stride + b"\x89" + empty + b"t"
        items += _text(f"model.layers.{key}.weight") + b"ctorch._utils\n_rebuild_tensor_v2\n" + tensor + b"R"
    return b"\x80\x02" + empty + b"(" + items + b"u."
