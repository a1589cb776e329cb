"""Heads of programs of every kind: complete enough to be known, and nothing behind them that could run."""

from __future__ import annotations

import struct

ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, 62, 1) + bytes(40)
PE = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64) + b"PE\0\0" + struct.pack("<HH", 0x8664, 1) + bytes(64)
FAR_PE = b"MZ" + bytes(58) + struct.pack("<I", 5000) + bytes(4936) + b"PE\0\0" + bytes(64)


def mach(order: str, magic: int = 0xFEEDFACF, processor: int = 0x01000007, type_: int = 2) -> bytes:
    return struct.pack(order + "IIIIIII", magic, processor, 3, type_, 0, 0, 0) + bytes(40)


def fat(order: str, magic: int = 0xCAFEBABE, count: int = 2) -> bytes:
    return struct.pack(order + "II", magic, count) + bytes(80)


def java_class(major: int = 61, minor: int = 0) -> bytes:
    return b"\xca\xfe\xba\xbe" + struct.pack(">HH", minor, major) + bytes(60)


APE = b"MZqFpD='\n" + b"\nBIN_BASE64=''\n'\n#'\"\n" + bytes(300)
SHELL = b"#!/bin/sh\necho inert\n"

PROGRAMS = {
    "elf": ELF,
    "elf, 32 bits, big endian": b"\x7fELF\x01\x02\x01" + bytes(60),
    "pe": PE,
    "ne": PE.replace(b"PE\0\0", b"NE\x05\x01"),
    "mach-o": mach("<"),
    "mach-o, big endian": mach(">"),
    "mach-o, 32 bits": mach("<", 0xFEEDFACE, 7),
    "mach-o, 32 bits, big endian, powerpc": mach(">", 0xFEEDFACE, 18),
    "mach-o, arm, library": mach("<", processor=0x0100000C, type_=6),
    "fat mach-o": fat(">"),
    "fat mach-o, swapped": fat("<"),
    "fat mach-o, 64 bits": fat(">", 0xCAFEBABF),
    "java": java_class(),
    "java, old": java_class(45, 3),
    "java, preview": java_class(65, 0xFFFF),
    "wasm": b"\0asm\x01\0\0\0" + bytes(40),
    "wasm component": b"\0asm\x0d\0\x01\0" + bytes(40),
    "dex": b"dex\n039\0" + bytes(60),
    "bitcode": b"BC\xc0\xde" + bytes(60),
    "bitcode, wrapped": b"\xde\xc0\x17\x0b" + bytes(60),
    "ape": APE,
    "cuda": struct.pack("<IHHQ", 0xBA55ED50, 1, 16, 40) + bytes(40),
    "spir-v": struct.pack("<III", 0x07230203, 0x00010300, 0) + bytes(40),
    "metal": b"MTLB\x01\x80\x02\0" + bytes(60),
    "offload": b"__CLANG_OFFLOAD_BUNDLE__" + bytes(60),
    "archive of objects": b"!<arch>\n" + bytes(60),
    "lua": b"\x1bLua\x51" + bytes(60),
    "luajit": b"\x1bLJ\x02" + bytes(60),
    "shortcut": b"L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F" + bytes(60),
    "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60),
    "script": SHELL,
}
"""Kind → content; the first word of what is found is that of the kind."""

NO_PROGRAMS = {
    "MZ and numbers": b"MZ" + bytes(range(200)),
    "MZ that points nowhere": b"MZ" + bytes(58) + struct.pack("<I", 0xFFFFFFF0) + bytes(100),
    "MZ that points to itself": b"MZ" + bytes(58) + struct.pack("<I", 0) + bytes(100),
    "half of an elf": b"\x7fELF\x09\x01\x01" + bytes(60),
    "a mach-o for nobody": mach("<", processor=99),
    "a mach-o of no type": mach("<", type_=77),
    "a fat mach-o with nothing in it": fat(">", count=0),
    "a class of the future": java_class(200),
    "a heading": b"#! a line of a note, not of a script\n",
}
"""Content that only begins like a program."""
