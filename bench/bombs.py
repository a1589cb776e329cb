"""Hostile inputs: each is small, and costs a careless reader memory or time. All are written opcode by opcode."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from torch_archive import Member, write_archive

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = 1024 * 1024
COPIES = 10
"""Members of each level of the nested zip."""


def _deflated(head: bytes, filling: bytes, times: int, tail: bytes) -> Iterator[bytes]:
    """Raw deflate of `head`, `times` times `filling`, and `tail`. The filling is compressed once and repeated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    yield packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    yield packer.compress(filling) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(filling) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(times - 1):
        yield again
    yield packer.compress(tail) + packer.flush()


def _checksum(head: bytes, filling: bytes, times: int, tail: bytes) -> tuple[int, int]:
    crc = zlib.crc32(head)
    for _ in range(times):
        crc = zlib.crc32(filling, crc)
    return zlib.crc32(tail, crc), len(head) + times * len(filling) + len(tail)


def _checkpoint(path: str, head: bytes, filling: bytes, times: int, tail: bytes) -> None:
    plain = _checksum(head, filling, times, tail)
    members = [
        Member("archive/data.pkl", _deflated(head, filling, times, tail), plain),
        Member("archive/version", [b"3\n"]),
    ]
    write_archive(path, members)


def pt_zeros(path: str, size: int) -> None:
    """A torch checkpoint of about `size` / 1000 bytes whose data.pkl expands to `size` zeros."""
    _checkpoint(path, b"", bytes(MIB), size // MIB, b"")


def pt_opcodes(path: str, size: int) -> None:
    """The same, but every byte is an opcode that pushes None."""
    _checkpoint(path, b"\x80\x02", b"N" * MIB, size // MIB, b".")


def pt_bytes(path: str, size: int) -> None:
    """The same, but a valid pickle: one bytes object of `size` zeros, which readers take into memory whole."""
    _checkpoint(path, b"\x80\x03B" + struct.pack("<I", size), bytes(MIB), size // MIB, b".")


def gzip_zeros(path: str, size: int) -> None:
    """A gzip stream that expands to `size` zeros."""
    times = size // MIB
    crc, length = _checksum(b"", bytes(MIB), times, b"")
    with open(path, "wb") as file:
        file.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff")
        file.writelines(_deflated(b"", bytes(MIB), times, b""))
        file.write(struct.pack("<II", crc, length & 0xFFFFFFFF))


def nested_zip(path: str, size: int) -> None:
    """`size` zeros in a zip, ten of it in a zip, ten of that in a zip, five levels high."""
    content = bytes(size)
    for level in range(6):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for copy in range(COPIES if level else 1):
                name = f"{copy}.zip" if level else "0.bin"
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
        content = out.getvalue()
    with open(path, "wb") as file:
        file.write(content)


def nested_lists(path: str, size: int) -> None:
    """A pickle of `size` lists, each in the next."""
    with open(path, "wb") as file:
        file.write(b"\x80\x04" + b"]" * size + b"a" * (size - 1) + b".")


def memo_laughs(path: str, size: int) -> None:
    """A pickle of `size` levels, each a tuple of ten times the level below: 10^`size` leaves by the memo."""
    ten = 10
    with open(path, "wb") as file:
        file.write(b"\x80\x04\x8c\x03lol\x94")
        # POP what was remembered, MARK, ten times BINGET of it, TUPLE, MEMOIZE
        file.writelines(b"0(" + (b"h" + bytes([level])) * ten + b"t\x94" for level in range(size))
        file.write(b".")


def deep_json(path: str, size: int) -> None:
    """A JSON document of `size` objects, each in the next."""
    with open(path, "wb") as file:
        file.write(b'{"a":' * size + b"0" + b"}" * size)


def huge_header(path: str, size: int) -> None:
    """A safetensors file whose header claims `size` bytes."""
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", size) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + bytes(4))


BOMBS = {
    "bomb-zeros": (pt_zeros, ".pt"),
    "bomb-opcodes": (pt_opcodes, ".pt"),
    "bomb-bytes": (pt_bytes, ".pt"),
    "bomb-gzip": (gzip_zeros, ".gz"),
    "bomb-zip": (nested_zip, ".zip"),
    "bomb-lists": (nested_lists, ".pkl"),
    "bomb-memo": (memo_laughs, ".pkl"),
    "bomb-json": (deep_json, ".json"),
    "bomb-header": (huge_header, ".safetensors"),
}
"""Builder and extension by kind of input."""
