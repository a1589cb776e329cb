"""Serialized values of R, built item by item in any of the three forms."""

from __future__ import annotations

import struct

Token = tuple[str, int | float | bytes]
NIL: list[Token] = [("int", 254)]
UNBOUND: list[Token] = [("int", 252)]
GLOBAL: list[Token] = [("int", 253)]
HAS_ATTRIBUTES, HAS_TAG, ACTIVE = 1 << 9, 1 << 10, 1 << 27


def number(value: int) -> list[Token]:
    return [("int", value)]


def string(text: str | bytes) -> list[Token]:
    raw = text.encode() if isinstance(text, str) else text
    return [("int", 9 | 64 << 12), ("int", len(raw)), ("text", raw)]


def strings(*texts: str) -> list[Token]:
    return number(16) + number(len(texts)) + [token for text in texts for token in string(text)]


def integers(*values: int) -> list[Token]:
    return number(13) + number(len(values)) + [("int", value) for value in values]


def reals(*values: float) -> list[Token]:
    return number(14) + number(len(values)) + [("real", value) for value in values]


def raw(content: bytes) -> list[Token]:
    return [*number(24), *number(len(content)), ("raw", content)]


def symbol(name: str) -> list[Token]:
    """A symbol that is not yet named; the same name twice is two symbols, which R reads as one."""
    return number(1) + string(name)


def many(*items: list[Token], kind: int = 19) -> list[Token]:
    return number(kind) + number(len(items)) + [token for item in items for token in item]


def pairs(*cells: tuple[str, list[Token]], end: list[Token] = NIL, levels: int = 0) -> list[Token]:
    out: list[Token] = []
    for name, value in cells:
        out += number(2 | (HAS_TAG if name else 0) | levels) + (symbol(name) if name else []) + value
    return out + end


def call(head: str | list[Token], *arguments: list[Token]) -> list[Token]:
    first = symbol(head) if isinstance(head, str) else head
    return number(6) + first + pairs(*(("", argument) for argument in arguments))


def promise(expression: list[Token], value: list[Token] = UNBOUND) -> list[Token]:
    return number(5 | HAS_TAG) + GLOBAL + value + expression


def closure(body: list[Token], formals: list[Token] = NIL) -> list[Token]:
    return number(3 | HAS_TAG) + GLOBAL + formals + body


def environment(frame: list[Token]) -> list[Token]:
    return number(4) + number(0) + GLOBAL + frame + NIL + NIL


def bytecode(*constants: list[Token], shared: int = 0) -> list[Token]:
    """One instruction that returns, and these constants, each with the type in front."""
    constants = tuple(number(0) + constant for constant in constants)
    return (
        number(21)
        + number(shared)
        + integers(12, 1)
        + number(len(constants))
        + [token for constant in constants for token in constant]
    )


def named(kind: int, *names: str) -> list[Token]:
    """A namespace (249), a package (250) or a persistent value (243)."""
    return number(kind) + number(0) + number(len(names)) + [token for name in names for token in string(name)]


def compact(name: str, package: str) -> list[Token]:
    info = pairs(("", symbol(name)), ("", symbol(package)), ("", integers(13)))
    return number(238) + info + reals(3, 1, 1) + NIL


def with_attributes(item: list[Token], *attributes: tuple[str, list[Token]]) -> list[Token]:
    """Attributes stand behind a value, but before all of what is built of two."""
    (_, flags), *rest = item
    assert isinstance(flags, int)
    first, last = (pairs(*attributes), rest) if flags & 0xFF in (2, 3, 5, 6, 17) else (rest, pairs(*attributes))
    return [("int", flags | HAS_ATTRIBUTES), *first, *last]


def rendered(item: list[Token], form: str = "X", *, version: int = 3, mark: bytes = b"") -> bytes:
    """The file: `form` is X, B or A."""
    head: list[Token] = [("int", version), ("int", 0x040202), ("int", 0x030500 if version == 3 else 0x020300)]
    if version == 3:
        head += [("int", 5), ("text", b"UTF-8")]
    return mark + form.encode() + b"\n" + b"".join(_token(token, form) for token in head + item)


def _token(token: Token, form: str) -> bytes:
    kind, value = token
    if isinstance(value, bytes):
        if form == "A" and kind == "raw":
            return b"".join(b"%02x\n" % byte for byte in value)
        if form == "A":
            escapes = {10: b"\\n", 9: b"\\t", 92: b"\\\\", 34: b'\\"'}
            plain = (escapes.get(byte) or (bytes([byte]) if 32 < byte < 127 else b"\\%03o" % byte) for byte in value)
            return b"".join(plain) + b"\n"
        return value
    if form == "A":
        return f"{value}\n".encode()
    order = ">" if form == "X" else "<"
    return struct.pack(order + ("i" if kind == "int" else "d"), value)


def workspace(*objects: tuple[str, list[Token]], form: str = "X") -> bytes:
    return rendered(pairs(*objects), form, mark=b"RD" + form.encode() + b"3\n")
