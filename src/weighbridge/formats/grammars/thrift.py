"""The compact protocol of Thrift: structures of untrusted bytes, without generated code.

    structure   fields until 00
    field       u8: how far its number is from the last one, four bits of type; if 0, a zigzag varint with it follows
    types       1, 2 true, false    3 byte    4-6 i16, i32, i64 as zigzag varint    7 double (8 bytes)
                8 binary: varint length, bytes    9, 10 list, set: u8 count and type, or 0xf. and a varint count
                11 map: varint count, u8 types of key and value unless it is 0    12 structure    13 uuid (16 bytes)

Small structures are given as a dictionary by field number; what is large the caller walks itself. Source: Apache
Thrift, `doc/specs/thrift-compact-protocol.md`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.formats.grammars.cursor import Cursor

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT, UUID = range(1, 14)
NESTING = 16
"""Levels of structures: those of Parquet have six."""
VALUES = 100_000
"""Values of one structure that is given as a whole."""


class Thrift:
    """Reads from the place of a cursor. Whatever is no Thrift raises FormatError."""

    __slots__ = ("_left", "cursor")

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._left = VALUES

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of every field of a structure; the value of each must be read before the next."""
        number = 0
        while True:
            head = self.cursor.byte()
            if head == 0:
                return
            number = number + (head >> 4) if head >> 4 else self._zigzag()
            if not 0 < number < 1 << 15:
                raise FormatError(f"there is no field {number}", self.cursor.place)
            yield number, head & 15

    def structure(self) -> dict[int, Any]:
        """A structure as a whole. Texts are bytes; fields that stand twice raise FormatError."""
        self._left = VALUES
        return self._structure(0)

    def value(self, kind: int) -> Any:
        """One value as a whole."""
        self._left = VALUES
        return self._value(kind, 0)

    def entries(self, kind: int) -> tuple[int, int]:
        """The head of a list: how many entries of which type."""
        place = self.cursor.place
        if kind not in (LIST, SET):
            raise FormatError("there is no list where one must be", place)
        head = self.cursor.byte()
        count = head >> 4
        if count == 15:
            count = self.varint()
        if count > self.cursor.left:
            raise FormatError(f"{count} entries do not fit into what is left", place)
        return count, head & 15

    def varint(self) -> int:
        """A number without a sign, of up to 64 bits."""
        value = shift = 0
        while True:
            byte = self.cursor.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise FormatError("a number is absurdly long", self.cursor.place)

    def _zigzag(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)

    def _structure(self, level: int) -> dict[int, Any]:
        if level >= NESTING:
            raise FormatError("structures are nested too deeply", self.cursor.place)
        found: dict[int, Any] = {}
        for number, kind in self.fields():
            if number in found:
                raise FormatError(f"the field {number} stands twice", self.cursor.place)
            found[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind, level + 1)
        return found

    def _value(self, kind: int, level: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise FormatError(f"a structure has more than {VALUES} values", self.cursor.place)
        if kind in (TRUE, FALSE, BYTE):  # in a list, a byte
            return self.cursor.byte()
        if kind in (I16, I32, I64):
            return self._zigzag()
        if kind == DOUBLE:
            return self.cursor.take(8)
        if kind == BINARY:
            size = self.varint()
            if size > self.cursor.left:
                raise FormatError(f"{size} bytes do not fit into what is left", self.cursor.place)
            return self.cursor.take(size)
        if kind in (LIST, SET) and level < NESTING:
            count, inner = self.entries(kind)
            return [self._value(inner, level + 1) for _ in range(count)]
        if kind == STRUCT:
            return self._structure(level)
        if kind == UUID:
            return self.cursor.take(16)
        raise FormatError(f"a value of the type {kind} is not known here", self.cursor.place)
