r"""The three ways in which R writes the numbers and texts of a serialized value.

    X LF    XDR: integers of 4 bytes, doubles of 8, all big endian
    B LF    the same in the byte order of the machine that wrote it; the version tells which
    A LF    words between white space: 42  NA  -1.5e-3  Inf  0x1.8p+1; bytes as two digits;
            a text after its length, with \n \t \\ \" \040 for what a line cannot hold

Source: R 4.2 to 4.5, `src/main/serialize.c`: InInteger, InReal, InString, InWord.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.formats.grammars.cursor import Cursor

NOT_AVAILABLE = -(1 << 31)
"""The integer that R shows as NA."""
KEPT = 256
"""Bytes of a text that are given back: names of functions are shorter."""
_WINDOW = 64 * 1024
_WORD = re.compile(rb"[ \t\n\r\f\v]*([^ \t\n\r\f\v]{1,100})(?=[ \t\n\r\f\v])")
_SPACE = b" \t\n\r\f\v"
_NUMBER = re.compile(
    rb"[-+]?(?:\d{1,20}(?:\.\d*)?(?:[eE][-+]?\d+)?|0[xX][0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?(?:[pP][-+]?\d+)?|\.\d+)"
    rb"|NA|NaN|-?Inf"
)
_PIECE = re.compile(rb"\\(?:[0-7]{1,3}|.)|[^\\]+", re.DOTALL)


class Source:
    """Numbers and texts behind the two bytes that name their form."""

    __slots__ = ("_order", "cursor", "words")

    def __init__(self, cursor: Cursor, form: bytes) -> None:
        self.cursor = cursor
        self.words = form == b"A\n"
        self._order = "big"
        if form == b"B\n":
            self._order = "little" if cursor.reader.peek(cursor.place, 4)[1:] == bytes(3) else "big"

    def integer(self) -> int:
        """The next integer of 32 bits."""
        if not self.words:
            return self.cursor.signed(4, self._order)
        place = self.cursor.place
        word = self._word()
        if word == b"NA":
            return NOT_AVAILABLE
        if not re.fullmatch(rb"-?\d{1,10}", word):
            raise FormatError("there is no integer where one must be", place)
        return int(word)

    def length(self) -> int:
        """The length of a vector: one integer, or -1 and two of them."""
        place = self.cursor.place
        length = self.integer()
        if length == -1:
            upper, lower = self.integer(), self.integer()
            length = ((upper & 0xFFFFFFFF) << 32) + (lower & 0xFFFFFFFF)
        if length < 0 or length > self.cursor.left:
            raise FormatError(f"a vector of {length} elements does not fit into what is left", place)
        return length

    def numbers(self, count: int, width: int) -> tuple[int, int]:
        """Go over `count` elements of `width` bytes: where they begin, and the bytes they take."""
        if not self.words:
            return self.cursor.skip(count * width), count * width
        start = self.cursor.place
        left = count * (2 if width == 16 else 1)
        while left:
            left -= self._run(left)
        return start, self.cursor.place - start

    def digits(self, count: int, most: int) -> bytes:
        """The next `count` bytes where they are written as words; at most `most` are given back."""
        out = bytearray()
        for _ in range(count):
            place = self.cursor.place
            word = self._word()
            if not re.fullmatch(rb"[0-9a-fA-F]{2}", word):
                raise FormatError("there is no byte where one must be", place)
            if len(out) < most:
                out.append(int(word, 16))
        return bytes(out)

    def text(self, size: int) -> bytes:
        """Go over a text of `size` bytes; its beginning is given back."""
        if not self.words:
            if size > self.cursor.left:
                raise FormatError(f"a text of {size} bytes does not fit into what is left", self.cursor.place)
            out = self.cursor.take(min(size, KEPT))
            self.cursor.skip(max(0, size - KEPT))
            return out
        return self._escaped(size)

    def _word(self) -> bytes:
        found = _WORD.match(self.cursor.reader.peek(self.cursor.place, 128))
        if found is None:
            raise FormatError("there is no word where one must be", self.cursor.place)
        self.cursor.skip(found.end())
        return found[1]

    def _run(self, most: int) -> int:
        """Go over up to `most` numbers of the next window; gives how many they were."""
        place = self.cursor.place
        raw = self.cursor.reader.peek(place, _WINDOW)
        words = raw.split(None, most)
        rest = words.pop() if len(words) > most else b""
        if words and not rest and raw[-1:].strip():
            rest = words.pop()  # R writes a line end behind every number: this one is cut by the window or the file
        if not words or not all(_NUMBER.fullmatch(word) for word in words):
            raise FormatError("there is no number where one must be", place)
        # What follows the last number is kept as it is: split only took white space away before it.
        self.cursor.skip(len(raw) - len(rest))
        return len(words)

    def _escaped(self, size: int) -> bytes:
        cursor = self.cursor
        while cursor.left and cursor.byte() in _SPACE:
            pass
        if cursor.left or cursor.reader.peek(cursor.place - 1, 1).strip():
            cursor.place -= 1
        kept = bytearray()
        while size:
            raw = cursor.reader.peek(cursor.place, _WINDOW)
            if not raw:
                raise FormatError("the file ends inside a text", cursor.place)
            last = cursor.place + len(raw) == cursor.reader.size
            taken = 0
            for piece in _PIECE.finditer(raw):
                if not size or (piece.end() > len(raw) - 4 and piece[0][:1] == b"\\" and not last):
                    break
                decoded = _plain(piece[0]) if piece[0][:1] == b"\\" else piece[0][:size]
                taken = piece.start() + (len(decoded) if piece[0][:1] != b"\\" else len(piece[0]))
                size -= len(decoded)
                if len(kept) < KEPT:
                    kept += decoded
            if not taken:
                raise FormatError("a text has a broken escape", cursor.place)
            cursor.skip(taken)
        return bytes(kept[:KEPT])


def _plain(escape: bytes) -> bytes:
    """The byte that an escape stands for."""
    rest = escape[1:]
    if rest[:1].isdigit() and rest[:1] < b"8":
        return bytes([int(rest, 8) & 0xFF])
    return {b"n": b"\n", b"t": b"\t", b"v": b"\v", b"b": b"\b", b"r": b"\r", b"f": b"\f", b"a": b"\a"}.get(rest, rest)
