"""Pickles built opcode by opcode. Payloads are inert: nothing here is ever unpickled."""

from __future__ import annotations

import struct

STOP = b"."
MARK = b"("


def proto(version: int) -> bytes:
    return b"\x80" + bytes([version])


def text(value: str) -> bytes:
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw if len(raw) < 256 else b"X" + struct.pack("<I", len(raw)) + raw


def global_(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def stack_global(module: str, name: str) -> bytes:
    return text(module) + text(name) + b"\x93"


def arguments(*values: bytes) -> bytes:
    return MARK + b"".join(values) + b"t"


def call(module: str, name: str, *values: bytes) -> bytes:
    return global_(module, name) + arguments(*values) + b"R"


def system(command: str = "id") -> bytes:
    """The body of a pickle that would run a command."""
    return call("os", "system", text(command))
