"""The pickle opcodes (protocols 0 to 5) and the patterns that skip over runs of constants.

Source: CPython `Lib/pickletools.py` and `Modules/_pickle.c`. An opcode is one byte; its operand follows:
a fixed number of bytes, a little-endian length and then that many bytes, or text up to a line feed.
"""

from __future__ import annotations

import re
from functools import cache

FIXED: dict[int, tuple[str, int]] = {
    0x28: ("MARK", 0),
    0x29: ("EMPTY_TUPLE", 0),
    0x2E: ("STOP", 0),
    0x30: ("POP", 0),
    0x31: ("POP_MARK", 0),
    0x32: ("DUP", 0),
    0x47: ("BINFLOAT", 8),
    0x4A: ("BININT", 4),
    0x4B: ("BININT1", 1),
    0x4D: ("BININT2", 2),
    0x4E: ("NONE", 0),
    0x51: ("BINPERSID", 0),
    0x52: ("REDUCE", 0),
    0x5D: ("EMPTY_LIST", 0),
    0x61: ("APPEND", 0),
    0x62: ("BUILD", 0),
    0x64: ("DICT", 0),
    0x65: ("APPENDS", 0),
    0x68: ("BINGET", 1),
    0x6A: ("LONG_BINGET", 4),
    0x6C: ("LIST", 0),
    0x6F: ("OBJ", 0),
    0x71: ("BINPUT", 1),
    0x72: ("LONG_BINPUT", 4),
    0x73: ("SETITEM", 0),
    0x74: ("TUPLE", 0),
    0x75: ("SETITEMS", 0),
    0x7D: ("EMPTY_DICT", 0),
    0x80: ("PROTO", 1),
    0x81: ("NEWOBJ", 0),
    0x82: ("EXT1", 1),
    0x83: ("EXT2", 2),
    0x84: ("EXT4", 4),
    0x85: ("TUPLE1", 0),
    0x86: ("TUPLE2", 0),
    0x87: ("TUPLE3", 0),
    0x88: ("NEWTRUE", 0),
    0x89: ("NEWFALSE", 0),
    0x8F: ("EMPTY_SET", 0),
    0x90: ("ADDITEMS", 0),
    0x91: ("FROZENSET", 0),
    0x92: ("NEWOBJ_EX", 0),
    0x93: ("STACK_GLOBAL", 0),
    0x94: ("MEMOIZE", 0),
    0x95: ("FRAME", 8),
    0x97: ("NEXT_BUFFER", 0),
    0x98: ("READONLY_BUFFER", 0),
}
"""Opcode → name and operand size in bytes."""

COUNTED: dict[int, tuple[str, int, str]] = {
    0x42: ("BINBYTES", 4, "bytes"),
    0x43: ("SHORT_BINBYTES", 1, "bytes"),
    0x54: ("BINSTRING", 4, "bytes"),
    0x55: ("SHORT_BINSTRING", 1, "bytes"),
    0x58: ("BINUNICODE", 4, "str"),
    0x8A: ("LONG1", 1, "int"),
    0x8B: ("LONG4", 4, "int"),
    0x8C: ("SHORT_BINUNICODE", 1, "str"),
    0x8D: ("BINUNICODE8", 8, "str"),
    0x8E: ("BINBYTES8", 8, "bytes"),
    0x96: ("BYTEARRAY8", 8, "bytes"),
}
"""Opcode → name, size of its length field in bytes, kind of constant. BINSTRING is text of Python 2, kept as bytes."""

SIGNED_LENGTH = {0x54, 0x8B}
"""Opcodes whose length is signed; a negative one is an error."""

TEXT: dict[int, str] = {
    0x46: "FLOAT",
    0x49: "INT",
    0x4C: "LONG",
    0x50: "PERSID",
    0x53: "STRING",
    0x56: "UNICODE",
    0x63: "GLOBAL",
    0x67: "GET",
    0x69: "INST",
    0x70: "PUT",
}
"""Opcode → name; the operand is a line (GLOBAL and INST: two lines)."""

KNOWN = frozenset(FIXED) | frozenset(COUNTED) | frozenset(TEXT)


@cache
def constant_run() -> re.Pattern[bytes]:
    """Matches as many opcodes as possible that only push constants and memoize them (BINPUT, LONG_BINPUT, MEMOIZE)."""
    return re.compile(rb"(?:" + _constant() + _MEMOIZED + rb")*+", re.DOTALL)


@cache
def tuple_run() -> re.Pattern[bytes]:
    """Matches as many tuples of one to three short constants as possible, memoized or not."""
    item = _short_constant() + _MEMOIZED
    one = item + rb"(?:\x85|" + item + rb"(?:\x86|" + item + rb"\x87))" + _MEMOIZED
    return re.compile(rb"(?:" + one + rb")*+", re.DOTALL)


@cache
def memoized_constant() -> re.Pattern[bytes]:
    """Inside a run: steps to the next memoized constant or tuple. Groups: it, or the opcode that makes the tuple; the
    memoizing opcode with its key. Both are missing at the end of the run.
    """
    value = rb"(?:" + _constant() + rb"|[\x85-\x87])"
    # It must match the end too: a search that fails there would go on inside the operands.
    return re.compile(rb"(?:" + value + rb"(?![\x94qr]))*+(?:(" + value + rb")([\x94]|q.|r.{4})|\Z)", re.DOTALL)


@cache
def dunder_string() -> re.Pattern[bytes]:
    """Finds where a string that begins with two underscores may stand; numbers can look the same."""
    return re.compile(rb"(?:\x8c.|X.\x00\x00\x00)__", re.DOTALL)


def _counted(opcode: bytes, tail: bytes = b"", most: int = 256) -> bytes:
    cases = b"|".join(b"\\x%02x" % n + tail + (b".{%d}" % n if n else b"") for n in range(most))
    return opcode + b"(?:" + cases + b")"


@cache
def _constant() -> bytes:
    return b"(?:N|[\\x88\\x89]|K.|M.{2}|J.{4}|G.{8}|%s|%s|%s)" % (
        _counted(b"\\x8c"),
        _counted(b"X", b"\\x00\\x00\\x00"),
        b"\\x8a\\x00|\\x8a\\x01.|\\x8a\\x02.{2}|\\x8a\\x03.{3}|\\x8a\\x04.{4}|\\x8a\\x05.{5}|\\x8a\\x08.{8}",
    )


def _short_constant() -> bytes:
    return b"(?:N|[\\x88\\x89]|K.|M.{2}|J.{4}|G.{8}|%s|%s)" % (
        _counted(b"\\x8c", most=100),
        _counted(b"X", b"\\x00\\x00\\x00", most=100),
    )


_MEMOIZED = b"(?:[\\x94]|q.|r.{4})?"
