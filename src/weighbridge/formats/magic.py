"""First bytes that give a content away. Short ones are believed only with the structure that must follow."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    from weighbridge.core.reader import Reader

_START = (
    (b"\x00asm", "wasm"),
    (b"dex\n0", "dex"),
    (b"dey\n0", "dex"),
    (b"cdex0", "dex"),
    (b"vdex0", "dex"),
    (b"oat\n", "android-oat"),
    (b"BC\xc0\xde", "llvm-bitcode"),
    (b"\xde\xc0\x17\x0b", "llvm-bitcode"),
    (b"MZqFpD='", "ape"),
    (b"jartsr='", "ape"),
    (b"APEDBG='", "ape"),
    (b"\x50\xed\x55\xba", "cuda-fatbin"),
    (b"\xb1\x43\x62\x46", "cuda-fatbin"),
    (b"\x03\x02\x23\x07\x00", "spir-v"),
    (b"\x07\x23\x02\x03\x00", "spir-v"),
    (b"MTLB\x01\x80", "metal-library"),
    (b"__CLANG_OFFLOAD_BUNDLE__", "offload-bundle"),
    (b"!<arch>\n", "library-archive"),
    (b"!<thin>\n", "library-archive"),
    (b"\x1bLua", "lua-bytecode"),
    (b"\x1bLJ\x01", "lua-bytecode"),
    (b"\x1bLJ\x02", "lua-bytecode"),
    (b"\xed\xab\xee\xdb", "rpm-package"),
    (b"L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00", "windows-shortcut"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole-document"),
)
"""Marks that are long enough to be believed, or that have their version behind them."""
_MACH = {
    b"\xfe\xed\xfa\xce": "big",
    b"\xfe\xed\xfa\xcf": "big",
    b"\xce\xfa\xed\xfe": "little",
    b"\xcf\xfa\xed\xfe": "little",
}
_FAT = (b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf", b"\xbe\xba\xfe\xca", b"\xbf\xba\xfe\xca")
_PROCESSORS = frozenset((1, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 18))
"""Processors of Mach-O without the bits that make them 64 bits wide."""
_WINDOWS = (b"PE\0\0", b"NE", b"LE\0\0", b"LX\0\0")
_SHEBANGS = (b"#!/", b"#! /", b"#!\\", b"\xef\xbb\xbf#!/")
PROGRAM_HEAD = 512
"""Bytes that a program is known by: a Windows header further away is only looked for at the start of files."""
PROGRAMS = (b"\x7fELF", b"MZ", *_MACH, *_FAT, *_SHEBANGS, *(magic for magic, _ in _START))
"""How everything begins that `machine_code` knows."""

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
_FIRST = frozenset(begins[0] for begins in PROGRAMS)
"""First bytes that a program can have; all others are none."""


def machine_code(head: bytes) -> str:
    """The kind of program that begins with `head` (`PROGRAM_HEAD` bytes are enough), or an empty string.

    ELF: magic, class 1 or 2, byte order 1 or 2, version 1. Windows: `MZ`, and a second mark where e_lfanew points.
    Mach-O: a processor and a type of file that exist. Its fat form and Java classes share a mark; the number behind it
    tells them apart: Java has had the versions 45 to 80, of which a preview has 65535 before it.
    """
    if not head or head[0] not in _FIRST:
        return ""
    if head.startswith(b"\x7fELF"):
        return "elf" if len(head) > 6 and head[4] in (1, 2) and head[5] in (1, 2) and head[6] == 1 else ""
    for magic, kind in _START:
        if head.startswith(magic):
            return kind
    if head.startswith(b"MZ") and len(head) >= 64:
        place = int.from_bytes(head[60:64], "little")
        if place >= 64 and head[place : place + 4].startswith(_WINDOWS):
            return "pe"
    if head[:4] in _MACH and len(head) >= 28:
        return "mach-o" if _mach(head) else ""
    if head.startswith(_FAT) and len(head) >= 8:
        return _fat(head)
    if head.startswith(_SHEBANGS) and b"\n" in head:
        return "script"
    return ""


def _mach(head: bytes) -> bool:
    order: Literal["big", "little"] = "big" if head[0] == 0xFE else "little"
    processor = int.from_bytes(head[4:8], order) & 0x00FFFFFF
    return processor in _PROCESSORS and 1 <= int.from_bytes(head[12:16], order) <= 12


def _fat(head: bytes) -> str:
    order: Literal["big", "little"] = "big" if head[0] == 0xCA else "little"
    count = int.from_bytes(head[4:8], order)
    if 0 < count < 32:
        return "mach-o"
    java = head[3] == 0xBE and 45 <= head[7] <= 80 and head[6] == 0 and head[4:6] in (b"\0\0", b"\0\3", b"\xff\xff")
    return "java-class" if java else ""


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
