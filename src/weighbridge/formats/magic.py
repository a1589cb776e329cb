"""First bytes that give a content away. Short ones are believed only with the structure that must follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.core.reader import Reader

_START = (
    (b"\x7fELF", "elf"),
    (b"\xfe\xed\xfa\xce", "mach-o"),
    (b"\xfe\xed\xfa\xcf", "mach-o"),
    (b"\xce\xfa\xed\xfe", "mach-o"),
    (b"\xcf\xfa\xed\xfe", "mach-o"),
    (b"\x00asm\x01\x00\x00\x00", "wasm"),
    (b"dex\n03", "dex"),
    (b"BC\xc0\xde", "llvm-bitcode"),
)
_SHEBANGS = (b"#!/", b"#! /")

IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
"""First bytes of PNG, JPEG and GIF."""
COMPRESSED = (
    b"\x1f\x8b\x08",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"\x5d\x00\x00",
    b"\x04\x22\x4d\x18",
    b"\x28\xb5\x2f\xfd",
    b"\x78",
)
"""First bytes of gzip, bzip2, xz, lzma, lz4, zstd and zlib streams."""
HDF5 = b"\x89HDF\r\n\x1a\n"
"""First bytes of an HDF5 file, or of what follows its user block."""
ZIP_TAIL = 65557
"""Bytes at the end of a file in which the end record of a zip archive begins: the record and the longest comment."""
_FIRST = frozenset(b"\x7f\xfe\xce\xcf\0dBM\xca#")
"""First bytes that a program can have; all others are none."""


def machine_code(head: bytes) -> str:
    """The kind of program that begins with `head` (512 bytes are enough), or an empty string.

    ELF: magic, class 1 or 2, byte order 1 or 2, version 1. PE: `MZ`, and `PE` with two zero bytes where e_lfanew
    points. Mach-O fat and Java class files share a magic; the number behind it tells them apart.
    """
    if not head or head[0] not in _FIRST:
        return ""
    if head.startswith(b"\x7fELF"):
        return "elf" if len(head) > 6 and head[4] in (1, 2) and head[5] in (1, 2) and head[6] == 1 else ""
    for magic, kind in _START[1:]:
        if head.startswith(magic):
            return kind
    if head.startswith(b"MZ") and len(head) >= 64:
        place = int.from_bytes(head[60:64], "little")
        if head[place : place + 4] == b"PE\0\0":
            return "pe"
    if head.startswith(b"\xca\xfe\xba\xbe") and len(head) >= 8:
        count = int.from_bytes(head[4:8], "big")
        return "mach-o" if 0 < count < 32 else "java-class" if 0x2D <= count <= 0x50 else ""
    if head.startswith(_SHEBANGS) and b"\n" in head:
        return "script"
    return ""


def zip_at_the_end(data: Reader) -> bool:
    """Whether the end record of a zip archive may lie in the last bytes, where loaders look for it."""
    return data.peek(0, 4) == b"PK\x03\x04" or b"PK\x05\x06" in data.peek(max(0, data.size - ZIP_TAIL), ZIP_TAIL)


def hdf5_place(data: Reader) -> int:
    """Where an HDF5 file begins, as its library looks for it: at 0, 512, 1024, 2048, …; -1 if nowhere."""
    place = 0
    while place < data.size:
        if data.peek(place, 8) == HDF5:
            return place
        place = place * 2 or 512
    return -1
