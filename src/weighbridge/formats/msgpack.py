"""MessagePack, in which Flax and JAX keep their parameters: maps of maps of arrays.

    value     00-7f, e0-ff number    80-8f map    90-9f list    a0-bf text    c0 nil    c2, c3 false, true
              c4-c6 bytes u8, u16, u32 length     c7-c9 extension u8, u16, u32 length, type     ca, cb float32, float64
              cc-cf uint8 … uint64    d0-d3 int8 … int64    d4-d8 extension of 1, 2, 4, 8, 16 bytes
              d9-db text u8, u16, u32 length     dc, dd list u16, u32     de, df map u16, u32        all big endian
    extension 1 and 3 of Flax: an array, a scalar: the list (shape, name of the type, bytes)
    extension 2: a complex number: the list (real, imaginary)

A file has no magic: it is known by its name, or by a map whose first key is a text that leads to a map or an array.
Loaders hand other extensions to whoever registered for them, and some libraries keep pickles in bytes: bytes that
begin like an object are looked into. Sources: msgpack specification; flax 0.12, `flax/serialization.py`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match, spans_of
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.grammars.one_value import one_value
from weighbridge.formats.magic import machine_code
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

NESTING = 500
"""Levels that values may be nested: msgpack itself reads 511."""
LARGE = 64
"""Bytes from which on bytes are data and not read."""
ITEM_BYTES = {
    "bool": 1,
    "int4": 1,
    "uint4": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
"""Names that NumPy and ml_dtypes give to types → bytes of an element."""
_NUMBERS = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_EXTENSIONS = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_FIXED = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4}
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
ARRAY, COMPLEX, SCALAR, TIMESTAMP = 1, 2, 3, -1
"""Types of extensions; the last is that of MessagePack itself."""


class Head(NamedTuple):
    """The beginning of a value: `size` is bytes, or values of lists and maps, or 0."""

    kind: str
    size: int
    offset: int
    extension: int = 0


class Level(NamedTuple):
    """An open list or map: values to come, and the keys that were seen."""

    is_map: bool
    left: int
    path: str
    keys: set[str]


class MessagePack:
    """Parameters of a model as MessagePack."""

    name = "msgpack"
    version = 1
    extensions = frozenset((".msgpack",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if a map of maps or arrays begins it, or any map under the name; MAYBE by the name alone."""
        named = info.extension == ".msgpack"
        first = info.head[:1]
        if not first or not (first[0] in _MAPS or 0x80 <= first[0] <= 0x8F):
            return Match.MAYBE if named else Match.NO
        return Match.YES if _begins(data, any_value=named) else Match.MAYBE if named else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the one value that the file is."""
        del info
        yield from one_value(Walk(data, budget))


class Walk:
    """One value after the other, with a stack of what is open."""

    __slots__ = ("_budget", "_data", "_key", "_open", "_over", "cursor")

    def __init__(self, data: Reader, budget: Budget) -> None:
        self.cursor = Cursor(data)
        self._budget = budget
        self._open: list[Level] = []
        self._data: list[tuple[int, int]] = []
        self._key = ""
        self._over = False

    def document(self) -> Iterator[Fact | Child]:
        """The facts of the whole value."""
        yield from self._value()
        while self._open:
            level = self._open[-1]
            if level.left == 0:
                self._open.pop()
                continue
            self._open[-1] = level._replace(left=level.left - 1)
            if level.is_map:
                yield from self._key_of(level)
            else:
                self._key = level.path
            yield from self._value()
        if self._over:
            yield Limit("facts", self._budget.limits.facts)

    def spans(self, end: int) -> Iterator[Span]:
        """What was read: arrays and long bytes as data, the rest as parsed."""
        return spans_of(self._data, end)

    def _value(self) -> Iterator[Fact | Child]:
        head = read_head(self.cursor)
        if head.kind in ("list", "map"):
            if len(self._open) >= NESTING:
                raise FormatError("values are nested too deeply", head.offset)
            self._open.append(Level(head.kind == "map", head.size, self._key, set()))
        elif head.kind == "text":
            yield from self._text(head.size)
        elif head.kind == "bytes":
            yield from self._bytes(head.size)
        elif head.kind == "extension":
            yield from self._extension(head)

    def _key_of(self, level: Level) -> Iterator[Fact | Child]:
        head = read_head(self.cursor)
        if head.kind in ("list", "map", "extension"):
            raise FormatError("a key of a map is no text and no number", head.offset)
        raw = self.cursor.take(min(head.size, 1 << 16)) if head.size else b""
        if head.size > 1 << 16:
            raise FormatError("a key is absurdly long", head.offset)
        if head.kind not in ("text", "bytes"):
            raw = self.cursor.reader.read(head.offset, self.cursor.place - head.offset)
        text = raw.decode("utf-8", "surrogateescape") if head.kind == "text" else repr(raw)
        if text in level.keys:
            yield from self._keep(Oddity("duplicate-key", f"{text[:200]!r} stands twice", head.offset))
        level.keys.add(text)
        self._key = f"{level.path}/{text[:100]}"[-200:] if level.path else text[:100]
        if len(text) >= SHORTEST:
            yield from embedded_in_text(text, self._key, head.offset, self._budget)

    def _text(self, size: int) -> Iterator[Fact | Child]:
        place = self.cursor.place
        if size > self._budget.limits.embedded * 2:
            self.cursor.skip(size)
            yield Limit("embedded", self._budget.limits.embedded, place)
        elif size >= SHORTEST:
            text = self.cursor.take(size).decode("utf-8", "replace")
            yield from embedded_in_text(text, self._key or "text", place, self._budget)
        else:
            self.cursor.skip(size)

    def _bytes(self, size: int) -> Iterator[Fact | Child]:
        """Bytes that are of no array: what another loader could take for an object is looked into."""
        start = self.cursor.skip(size)
        kind = kind_of(self.cursor.reader.peek(start, min(size, 64 * 1024)))
        if kind:
            yield Child(f"{self._key or 'bytes'}@{start}", start, size, self.cursor.reader.part(start, size))
        elif size >= LARGE:
            self._data.append((start, size))

    def _extension(self, head: Head) -> Iterator[Fact | Child]:
        start = self.cursor.skip(head.size)
        end = start + head.size
        if head.extension in (ARRAY, SCALAR):
            yield from self._array(start, end)
        elif head.extension == COMPLEX:
            inner = Cursor(self.cursor.reader.part(start, head.size))
            outer = read_head(inner)
            parts = [read_head(inner) for _ in range(2)] if (outer.kind, outer.size) == ("list", 2) else []
            if not all(part.kind == "number" for part in parts) or len(parts) != 2 or inner.left:
                raise FormatError("a complex number is not two numbers", start)
        elif head.extension != TIMESTAMP or head.size not in (4, 8, 12):
            detail = f"{self._key[:100]!r} is of the extension type {head.extension}, {head.size} bytes"
            yield from self._keep(Oddity("extension-type", detail, start))
            yield Child(f"extension@{start}", start, head.size, self.cursor.reader.part(start, head.size))

    def _array(self, start: int, end: int) -> Iterator[Fact]:
        inner = Cursor(self.cursor.reader, start)
        outer = read_head(inner)
        shape = self._shape(inner) if (outer.kind, outer.size) == ("list", 3) else None
        name = read_head(inner)
        if shape is None or name.kind != "text" or name.size > 64:
            raise FormatError("an array has no shape or no type", start)
        dtype = inner.take(name.size).decode("utf-8", "replace")
        content = read_head(inner)
        place = inner.skip(content.size if content.kind in ("bytes", "text") else 0)
        if content.kind not in ("bytes", "text") or inner.place != end:
            raise FormatError("an array does not end where it should", start)
        elements = 1
        for length in shape:
            elements = min(elements * length, 1 << 64)
        item = ITEM_BYTES.get(dtype)
        if item is None:
            yield from self._keep(Oddity("tensor-type", f"array {self._key!r} is of the type {dtype!r}", start))
        elif elements * item != content.size:
            detail = f"array {self._key!r} has {content.size} bytes instead of {elements * item}"
            yield from self._keep(Oddity("tensor-size", detail, start))
        program = machine_code(self.cursor.reader.peek(place, min(512, content.size)))
        if program:
            yield from self._keep(Native(program, place))
        yield from self._keep(Tensor(self._key, dtype, shape, place, content.size))
        if content.size:
            self._data.append((place, content.size))

    def _shape(self, inner: Cursor) -> tuple[int, ...] | None:
        head = read_head(inner)
        if head.kind != "list" or head.size > 64:
            return None
        lengths = []
        for _ in range(head.size):
            place = inner.place
            if read_head(inner).kind != "number":
                return None
            raw = inner.reader.read(place, inner.place - place)
            if raw[0] >= 0xD0 or raw[0] in (0xCA, 0xCB):
                return None
            lengths.append(raw[0] if len(raw) == 1 else int.from_bytes(raw[1:], "big"))
        return tuple(lengths)

    def _keep(self, fact: Fact) -> Iterator[Fact]:
        if self._budget.facts > 0:
            self._budget.facts -= 1
            yield fact
        else:
            self._over = True


def read_head(cursor: Cursor) -> Head:
    """The beginning of the next value; of numbers all of it. Raises FormatError if it cannot be one or does not fit."""
    offset = cursor.place
    first = cursor.byte()
    extension = 0
    if first <= 0x7F or first >= 0xE0 or first in (0xC2, 0xC3, 0xC0):
        return Head("number" if first not in (0xC0, 0xC2, 0xC3) else "constant", 0, offset)
    if first in _NUMBERS:
        cursor.take(_NUMBERS[first])
        return Head("number", 0, offset)
    if first <= 0x8F or first in _MAPS:
        kind, size = "map", first & 15 if first <= 0x8F else cursor.unsigned(_MAPS[first], "big")
    elif first <= 0x9F or first in _LISTS:
        kind, size = "list", first & 15 if first <= 0x9F else cursor.unsigned(_LISTS[first], "big")
    elif first <= 0xBF or first in _TEXTS:
        kind, size = "text", first & 31 if first <= 0xBF else cursor.unsigned(_TEXTS[first], "big")
    elif first in _BYTES:
        kind, size = "bytes", cursor.unsigned(_BYTES[first], "big")
    elif first in _FIXED or first in _EXTENSIONS:
        kind, size = "extension", _FIXED[first] if first in _FIXED else cursor.unsigned(_EXTENSIONS[first], "big")
        extension = cursor.signed(1, "big")
    else:
        raise FormatError("there is no value that begins with 0xc1", offset)
    if size * (2 if kind == "map" else 1) > cursor.left:
        raise FormatError(f"{size} bytes or values do not fit into what is left", offset)
    return Head(kind, size, offset, extension)


def _begins(data: Reader, *, any_value: bool) -> bool:
    """Whether a map stands at the beginning, its first key is a text, and a map or an array follows."""
    cursor = Cursor(data)
    try:
        if read_head(cursor).size == 0:
            return any_value and data.size <= 5
        key = read_head(cursor)
        if key.kind != "text" or key.size > 200 or not cursor.take(key.size).decode("utf-8").isprintable():
            return False
        value = read_head(cursor)
    except (FormatError, UnicodeDecodeError):
        return False
    array = value.kind == "extension" and value.extension in (ARRAY, SCALAR)
    return any_value or array or value.kind == "map"
