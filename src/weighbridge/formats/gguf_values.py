"""The values of GGUF: key-value pairs of any type, read one behind the other.

    string   u64 length (u32 in version 1), bytes in UTF-8
    array    u32 type of the elements, u64 count (u32 in version 1), elements; arrays nest
    others   fixed size, see SIZES

A vocabulary is an array of 150,000 strings: its lengths are stepped through in a window, its texts are never made.
Source: ggml `docs/gguf.md` (version 3) and llama.cpp `ggml/src/gguf.cpp`.
"""

from __future__ import annotations

from struct import Struct

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.reader import Reader
    from weighbridge.formats.grammars.cursor import Cursor

STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Type → bytes: u8 i8 u16 i16 u32 i32 f32 bool u64 i64 f64."""
NAMES = ("u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64")
_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
DEPTH = 8
"""How deep arrays may nest; published files nest once."""
WINDOW = 1024 * 1024


class Layout(NamedTuple):
    """What depends on the version and the byte order. `width` is the size of counts and lengths in bytes."""

    width: int
    order: str

    @property
    def sign(self) -> str:
        return ">" if self.order == "big" else "<"


class Value(NamedTuple):
    """One value. `text` is its content for people (strings: all of it, up to what was asked for), `size` in bytes.

    `strings` are places and sizes of the strings of an array that are long enough to be looked into.
    """

    type: int
    text: str
    number: int
    offset: int
    size: int
    strings: tuple[tuple[int, int], ...] = ()


def read_value(cursor: Cursor, type_: int, layout: Layout, most: int, shortest: int) -> Value:
    """The value of this type at the cursor. Strings are read up to `most` bytes; in arrays those from `shortest` on
    are named. Raises FormatError for a type that does not exist or a length beyond the end.
    """
    start = cursor.place
    if type_ in SIZES:
        raw = cursor.take(SIZES[type_])
        (number,) = Struct(layout.sign + _FORMS[type_]).unpack(raw)
        if type_ == 7 and number > 1:
            raise FormatError(f"a boolean is {number}", start)
        return Value(type_, str(number), number if isinstance(number, int) else 0, start, cursor.place - start)
    if type_ == STRING:
        length = cursor.unsigned(layout.width, layout.order)
        place = cursor.skip(length)
        text = cursor.reader.read(place, min(length, most)).decode("utf-8", "replace")
        return Value(type_, text, length, place, length)
    if type_ == ARRAY:
        strings: list[tuple[int, int]] = []
        text, count = _array(cursor, layout, shortest, strings, DEPTH)
        return Value(type_, text, count, start, cursor.place - start, tuple(strings))
    raise FormatError(f"the type {type_} does not exist", start)


def _array(
    cursor: Cursor, layout: Layout, shortest: int, strings: list[tuple[int, int]], depth: int
) -> tuple[str, int]:
    start = cursor.place
    if depth == 0:
        raise FormatError(f"arrays are nested deeper than {DEPTH} levels", start)
    type_ = cursor.unsigned(4, layout.order)
    count = cursor.unsigned(layout.width, layout.order)
    if type_ in SIZES:
        cursor.skip(count * SIZES[type_])
    elif type_ == STRING:
        for place, size in lengths(cursor.reader, cursor.place, count, layout):
            if size >= shortest:
                strings.append((place, size))
            end = place + size
        if count:
            cursor.skip(end - cursor.place)
    elif type_ == ARRAY:
        for _ in range(count):
            _array(cursor, layout, shortest, strings, depth - 1)
    else:
        raise FormatError(f"the type {type_} does not exist", start)
    return f"array of {count} {NAMES[type_]}", count


def lengths(reader: Reader, place: int, count: int, layout: Layout) -> Iterator[tuple[int, int]]:
    """Place and size of `count` strings in a row. Raises FormatError where one reaches beyond the end."""
    width = layout.width
    unpack = Struct(layout.sign + ("Q" if width == 8 else "I")).unpack_from
    window = b""
    base = place
    for _ in range(count):
        index = place - base
        if index + width > len(window):
            window, base, index = reader.peek(place, WINDOW), place, 0
            if len(window) < width:
                raise FormatError("a string is missing", place)
        (size,) = unpack(window, index)
        if place + width + size > reader.size:
            raise FormatError(f"a string of {size} bytes reaches beyond the end", place)
        yield place + width, size
        place += width + size
