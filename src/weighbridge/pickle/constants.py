"""Constants as they stand in the stream: the operands of text and counted opcodes as Python constants.

What is longer than `SMALL` becomes a `Bulk` with its place; no number is converted whose length could cost time.
"""

from __future__ import annotations

from weighbridge.pickle.opcodes import COUNTED, TEXT
from weighbridge.pickle.values import Bulk

SMALL = 1024
"""Bytes of the largest constant that is kept; a command line or a module name is shorter."""
DIGITS = 64
"""Digits of the longest number in text that is converted."""
LETTERS = 20
"""Characters of the shortest text that may be an encoded pickle that names something."""
ENCODINGS: tuple[bytes, ...] = (b"gA", b"UEsDB", b"H4sI", b"eJ", b"eN", b"eA", b"eF", b"Qlpo", b"/Td6WFo", b"Y29z")
ENCODINGS += (b"Y3Bvc2l4", b"KGRw", b"KGxw", b"800", b"504b0304", b"504B0304", b"1f8b08", b"1F8B08")
ENCODINGS += (b"789c", b"78da", b"7801", b"785e", b"636f730a")
"""How base64 and hexadecimal text of a serialized object begins: pickles, archives, compressed data. Plain opcodes in a
text are not among them: a word that reads like a program is a word until a loader is given it, and that is a call.
"""
ENCODED = 10 + 10 * SMALL
"""Bytes that a small constant can take with its opcode: an escape in text has up to ten characters."""


def text_constant(opcode: int, raw: bytes, offset: int) -> object:
    """The value of INT, LONG, FLOAT, STRING or UNICODE with the operand `raw`. Raises ValueError if it is none."""
    value: object
    if opcode == 0x49:
        if raw in (b"00", b"01"):
            return raw == b"01"
        value = int(raw, 0) if len(raw) <= DIGITS else Bulk("int", offset + 1, len(raw))
    elif opcode == 0x4C:
        digits = raw.removesuffix(b"L")
        value = int(digits, 0) if len(digits) <= DIGITS else Bulk("int", offset + 1, len(raw))
    elif opcode == 0x46:
        value = float(raw)
    elif opcode == 0x56:
        value = raw.decode("raw-unicode-escape")
    else:
        value = _python2_string(raw)
    if isinstance(value, str) and len(value) > SMALL:
        return Bulk("str", offset + 1, len(raw))
    return value


def counted_constant(opcode: int, raw: bytes) -> object:
    """The value of a small counted constant. Raises ValueError if a string is not UTF-8."""
    kind = COUNTED[opcode][2]
    if kind == "str":
        return raw.decode("utf-8", "surrogatepass")
    return int.from_bytes(raw, "little", signed=True) if kind == "int" else raw


def constant_of(head: bytes, offset: int) -> object:
    """The constant whose opcode begins `head`, the first `ENCODED` bytes from `offset` on. Raises ValueError."""
    opcode = head[0]
    if opcode in TEXT:
        return text_constant(opcode, head[1:].partition(b"\n")[0], offset)
    if opcode not in COUNTED:
        return 0
    _, width, kind = COUNTED[opcode]
    size = int.from_bytes(head[1 : 1 + width], "little")
    if size > SMALL:
        return Bulk(kind, offset + 1 + width, size)
    return counted_constant(opcode, head[1 + width : 1 + width + size])


def _python2_string(raw: bytes) -> str:
    import codecs

    if len(raw) < 2 or raw[0] != raw[-1] or raw[0] not in b"'\"":
        raise ValueError("not in quotes")
    decoded, _ = codecs.escape_decode(raw[1:-1])
    return decoded.decode("latin-1")
