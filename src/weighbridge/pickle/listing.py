"""The opcodes that lead to one place, by name and with their operands: what a disassembler would show there."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pickle.opcodes import COUNTED, FIXED, SIGNED_LENGTH, TEXT

if TYPE_CHECKING:
    from weighbridge.core.reader import Reader

SHOWN = 6
"""Opcodes that are shown."""
WALK = 1024
"""Bytes that are walked through to reach them."""
_TEXT = 40


def listing(reader: Reader, start: int, at: int) -> str:
    """The last opcodes from `start`, where one must begin, up to and with the one at `at`; empty if that is too far."""
    if not 0 <= at - start <= WALK:
        return ""
    raw = reader.peek(start, at - start + 1 + WALK)
    found: list[str] = []
    place = 0
    while place <= at - start:
        text, size = _opcode(raw, place)
        if not size:
            return ""
        found.append(text)
        place += size
    return " · ".join(found[-SHOWN:])


def _opcode(raw: bytes, place: int) -> tuple[str, int]:
    """One opcode as text, and its size in bytes; 0 if it is none. Operands may reach beyond what was read."""
    code = raw[place]
    if code in FIXED:
        name, size = FIXED[code]
        operand = raw[place + 1 : place + 1 + size]
        return (f"{name} {int.from_bytes(operand, 'little')}" if size and name != "BINFLOAT" else name), 1 + size
    if code in COUNTED:
        name, width, kind = COUNTED[code]
        length = int.from_bytes(raw[place + 1 : place + 1 + width], "little", signed=code in SIGNED_LENGTH)
        operand = raw[place + 1 + width : place + 1 + width + max(0, min(length, _TEXT))]
        if kind == "int":
            shown = str(int.from_bytes(operand, "little", signed=True)) if length <= 8 else f"{length} bytes"
        else:
            shown = repr(operand.decode("utf-8", "replace") if kind == "str" else operand)
            shown += "…" if length > _TEXT else ""
        return f"{name} {shown}", 1 + width + max(0, length)
    if code in TEXT:
        end = place
        for _ in range(2 if code in b"ci" else 1):
            end = raw.find(b"\n", end + 1)
            if end < 0:
                return "", 0
        operand = raw[place + 1 : end].replace(b"\n", b" ")
        return f"{TEXT[code]} {operand[:_TEXT].decode('utf-8', 'replace')!r}", end + 1 - place
    return "", 0
