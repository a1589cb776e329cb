"""Protocol Buffers as text, written again as bytes: a message as text is then read like any other.

    message = field*            field = name ":" value | name [":"] "{" message "}" | name [":"] "<" message ">"
    value   = scalar | "[" scalar, … "]"        texts side by side are one; "#" begins a comment; "," and ";" separate

Whatever a shape does not have, extensions and the short form of Any are refused: then nothing of the text is read.
Names of enumerations that nobody gave a number count as 0. Source: protobuf.dev, "Text Format Language Specification".
"""

from __future__ import annotations

import re
import struct

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.protobuf import BYTES, FIXED32, FIXED64, NESTING, VARINT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weighbridge.formats.grammars.protobuf import Shape

_TOKEN = re.compile(
    rb"(?:[ \t\r\n\f\v]|#[^\n]*(?:\n|$))*+"
    rb"(?:(?P<name>[A-Za-z_]\w*)"
    rb"|(?P<number>-?[ \t]*(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?|inf(?:inity)?\b|nan\b))"
    rb'|(?P<text>"(?:[^"\\\n]++|\\.)*+"|\'(?:[^\'\\\n]++|\\.)*+\')'
    rb"|(?P<mark>[{}<>\[\]:,;]))",
    re.ASCII,
)
_REST = re.compile(rb"(?:[ \t\r\n\f\v]|#[^\n]*(?:\n|$))*+", re.ASCII)
_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_PLAIN = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_PLAIN |= {bytes((char,)): bytes((char,)) for char in b"\\'\"?"}
_WORDS = {b"true": 1, b"t": 1, b"True": 1, b"false": 0, b"f": 0, b"False": 0}


class _Token(NamedTuple):
    kind: str
    raw: bytes
    place: int


class _Known(NamedTuple):
    """A field by its name; `message` is the shape of what is in it."""

    number: int
    wire: int
    message: Shape | None


class _Open(NamedTuple):
    """A message that is being written: what ends it, and the tag that it gets in the one around it."""

    shape: Shape
    out: bytearray
    end: bytes
    number: int
    listed: bool


def encoded(raw: bytes, shape: Shape, enumerations: Mapping[bytes, int]) -> bytes:
    """The message that a text describes, as bytes. Raises FormatError where it describes none."""
    tokens = _Tokens(raw)
    known: dict[int, dict[bytes, _Known]] = {}
    stack = [_Open(shape, bytearray(), b"", 0, listed=False)]
    while True:
        top = stack[-1]
        token = tokens.next()
        if token is None:
            if len(stack) > 1:
                raise FormatError("the text ends in a message", len(raw))
            return bytes(top.out)
        if token.raw == top.end and token.kind == "mark":
            stack.pop()
            above = stack[-1]
            above.out.extend(_number(top.number << 3 | BYTES) + _number(len(top.out)) + top.out)
            if top.listed and not tokens.skip(b"]"):
                if not tokens.skip(b","):
                    raise FormatError("a list does not go on", token.place)
                stack.append(_opened(tokens, top.shape, top.number, listed=True))
            else:
                tokens.skip(b",;")
            continue
        if token.kind != "name":
            raise FormatError("a field has no name", token.place)
        field = _fields(top.shape, known).get(token.raw)
        if field is None:
            raise FormatError(f"{top.shape.name} has no field {token.raw[:50].decode()!r}", token.place)
        colon = tokens.skip(b":")
        if field.message is not None:
            listed = tokens.skip(b"[")
            if listed and tokens.skip(b"]"):
                continue
            if len(stack) >= NESTING:
                raise FormatError("messages are nested too deeply", token.place)
            stack.append(_opened(tokens, field.message, field.number, listed=listed))
            continue
        if not colon:
            raise FormatError("a field has no value", token.place)
        for value in _values(tokens):
            top.out.extend(_scalar(field, value, enumerations))
        tokens.skip(b",;")


def _opened(tokens: _Tokens, message: Shape | None, number: int, *, listed: bool) -> _Open:
    token = tokens.next()
    if token is None or message is None or token.raw not in (b"{", b"<"):
        raise FormatError("a message does not begin", token.place if token is not None else 0)
    return _Open(message, bytearray(), b"}" if token.raw == b"{" else b">", number, listed)


class _Tokens:
    """What the text consists of, one after the other."""

    __slots__ = ("_ahead", "_place", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._place = 0
        self._ahead: _Token | None = None

    def next(self) -> _Token | None:
        """The next token; None at the end."""
        token, self._ahead = self._ahead, None
        if token is not None:
            return token
        found = _TOKEN.match(self._raw, self._place)
        if found is None:
            end = _REST.match(self._raw, self._place)
            place = end.end() if end is not None else self._place
            if place < len(self._raw):
                raise FormatError("that is no text of a message", place)
            return None
        self._place = found.end()
        kind = found.lastgroup or ""
        return _Token(kind, found[kind], found.start(kind))

    def peek(self) -> _Token | None:
        """The next token, which stays."""
        self._ahead = self.next()
        return self._ahead

    def skip(self, marks: bytes) -> bool:
        """Whether the next token is one of these marks, which is then gone."""
        token = self.peek()
        here = token is not None and token.kind == "mark" and token.raw in marks
        if here:
            self._ahead = None
        return here


def _fields(shape: Shape, known: dict[int, dict[bytes, _Known]]) -> dict[bytes, _Known]:
    found = known.get(id(shape))
    if found is None:
        wires: dict[int, int] = {}
        for tag in shape.tags:
            number, wire = tag >> 3, tag & 7
            if wire != BYTES or number not in wires:
                wires[number] = wire
        found = known[id(shape)] = {
            name.encode(): _Known(number, wires[number], shape.messages.get(number))
            for number, name in shape.names.items()
        }
    return found


def _values(tokens: _Tokens) -> Iterator[_Token]:
    """The scalars behind a colon."""
    listed = tokens.skip(b"[")
    if listed and tokens.skip(b"]"):
        return
    while True:
        token = tokens.next()
        if token is None or token.kind == "mark":
            raise FormatError("a field has no value", token.place if token is not None else 0)
        if token.kind == "text":
            pieces = [_unquoted(token)]
            while (more := tokens.peek()) is not None and more.kind == "text":
                tokens.next()
                pieces.append(_unquoted(more))
            token = token._replace(raw=b"".join(pieces))
        yield token
        if not listed or tokens.skip(b"]"):
            return
        if not tokens.skip(b","):
            raise FormatError("a list does not go on", token.place)


def _unquoted(token: _Token) -> bytes:
    def plain(match: re.Match[bytes]) -> bytes:
        octal, hexadecimal, short, long, other = match.groups()
        if octal:
            return bytes((int(octal, 8) & 0xFF,))
        if hexadecimal:
            return bytes((int(hexadecimal, 16),))
        if short or long:
            code = int(short or long, 16)
            return chr(code).encode("utf-8", "replace") if code < 0x110000 else b"?"
        if other not in _PLAIN:
            raise FormatError("an escape does not exist", token.place)
        return _PLAIN[other]

    inner = token.raw[1:-1]
    out = bytearray()
    place = 0
    for match in _ESCAPE.finditer(inner):
        out += inner[place : match.start()]
        out += plain(match)
        place = match.end()
    return bytes(out) + inner[place:]


def _scalar(field: _Known, token: _Token, enumerations: Mapping[bytes, int]) -> bytes:
    tag = _number(field.number << 3 | field.wire)
    if (field.wire == BYTES) != (token.kind == "text"):
        raise FormatError("a value is of another kind than its field", token.place)
    if field.wire == BYTES:
        return tag + _number(len(token.raw)) + token.raw
    word = token.raw.replace(b" ", b"").replace(b"\t", b"")
    try:
        if field.wire == VARINT:
            if token.kind == "name":
                value = _WORDS.get(word, enumerations.get(word, 0))
            else:
                octal = word.lstrip(b"-")[:1] == b"0" and word.lstrip(b"-").isdigit()
                value = int(word, 8 if octal else 0)
            return tag + _number(value & 0xFFFFFFFFFFFFFFFF)
        if field.wire in (FIXED32, FIXED64):
            number = (
                float(int(word, 16))
                if word[:2].lower() == b"0x"
                else float(word if word.endswith(b"inf") else word.rstrip(b"fF"))
            )
            return tag + struct.pack("<f" if field.wire == FIXED32 else "<d", number)
    except (ValueError, OverflowError):
        pass
    raise FormatError("that is no value of the field", token.place)


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
