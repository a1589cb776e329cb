"""Objects of Torch7, binary and as text.

    value     i32 type, then by it:
                0 nil   1 f64   2 text   5 i32 boolean
                3 i32 index, and the first time: i32 pairs, that many times two values
                4 i32 index, and the first time: text "V 1", text class (first versions: the class alone), content
                6 text bytecode, value                             a function of Lua with the values around it
                7, 8 i32 index, and the first time: as 6
    text      i32 size, bytes
    content   torch.*Tensor: i32 dimensions, i64 sizes, i64 strides, i64 offset, value (its storage)
              torch.*Storage: i64 elements, raw data
              any other class: a value (its table)
    as text   every number in a line of its own, the bytes of a text on one line

Loading a function runs nothing yet, but it makes code of bytecode that nobody verifies: crafted bytecode takes over
the interpreter, and models call the functions that they hold. A function becomes a reference `torch7-function`; classes
become `torch7-class`. Classes of other libraries that write their content in a way of their own break off here.
Source: torch7 `File.lua`, `generic/Tensor.c`, `generic/Storage.c`, `DiskFile.c`.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Native, Oddity, Reference, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

NIL, NUMBER, TEXT, TABLE, TORCH, BOOLEAN, FUNCTION, OLD_CLOSURE, CLOSURE = range(9)
ITEM_BYTES = {
    "Byte": 1, "Char": 1, "Short": 2, "Int": 4, "Long": 8, "Float": 4, "Double": 8, "Half": 2, "Cuda": 4,
    "CudaByte": 1, "CudaChar": 1, "CudaShort": 2, "CudaInt": 4, "CudaLong": 8, "CudaDouble": 8, "CudaHalf": 2,
}  # fmt: skip
_ARRAY = re.compile(r"torch\.([A-Za-z]+)(Tensor|Storage)")
_VERSION = re.compile(r"V [0-9]{1,9}")
LONGEST_TEXT = 16 * 1024 * 1024
OBJECTS = 500_000
"""Tables and objects of one file, of which each is remembered by its index."""
LINE = 64
"""Bytes of the longest line that holds a number."""
CLASSES = 1000
"""Different classes that are told."""


class Torch7:
    """An object that `torch.save` of Lua wrote."""

    name = "torch7"
    version = 1
    extensions = frozenset((".t7",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for an object or a table whose first fields are those of one; MAYBE by the name."""
        del data
        if _begins(info.head) or _begins_as_text(info.head):
            return Match.YES
        return Match.MAYBE if info.extension == ".t7" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk all values; a text is looked into, a function is told with its bytecode unread."""
        walk = Walk(AsText(data) if _begins_as_text(info.head) else Binary(data), budget)
        try:
            yield from walk.values()
        finally:
            yield from walk.accounted()
        rest = walk.source.left
        if rest:
            yield Oddity("trailing-bytes", f"{rest} bytes behind the object", data.size - rest)


class Binary:
    """Numbers as the machine holds them, little endian."""

    __slots__ = ("_cursor",)

    def __init__(self, data: Reader) -> None:
        self._cursor = Cursor(data)

    @property
    def place(self) -> int:
        return self._cursor.place

    @property
    def left(self) -> int:
        return self._cursor.left

    def integer(self) -> int:
        return self._cursor.signed(4)

    def long(self) -> int:
        return self._cursor.signed(8)

    def number(self) -> None:
        self._cursor.skip(8)

    def text(self) -> tuple[int, bytes]:
        size = self.integer()
        if not 0 <= size <= min(LONGEST_TEXT, self.left):
            raise FormatError(f"a text has {size} bytes", self.place - 4)
        return self.place, self._cursor.take(size)

    def raw(self, count: int, item: int) -> tuple[int, int]:
        return self._cursor.skip(count * item), count * item


class AsText:
    """Numbers as lines."""

    __slots__ = ("_cursor",)

    def __init__(self, data: Reader) -> None:
        self._cursor = Cursor(data)

    @property
    def place(self) -> int:
        return self._cursor.place

    @property
    def left(self) -> int:
        return self._cursor.left

    def integer(self) -> int:
        start = self.place
        word = self._word(LINE)
        if not re.fullmatch(rb"-?[0-9]{1,20}", word):
            raise FormatError("a line is no whole number", start)
        return int(word)

    long = integer

    def number(self) -> None:
        start = self.place
        if not re.fullmatch(rb"-?(?:[0-9.]+(?:e[-+]?[0-9]+)?|nan|inf)", self._word(LINE)):
            raise FormatError("a line is no number", start)

    def text(self) -> tuple[int, bytes]:
        size = self.integer()
        if not 0 <= size <= min(LONGEST_TEXT, self.left):
            raise FormatError(f"a text has {size} bytes", self.place)
        start = self.place
        raw = self._cursor.take(size)
        if self.left and self._cursor.take(1) != b"\n":
            raise FormatError("a text does not end where it says", self.place)
        return start, raw

    def raw(self, count: int, item: int) -> tuple[int, int]:
        """Numbers with spaces between them up to the end of the line, whatever their number."""
        start = self.place
        if not 0 <= count <= self.left:
            raise FormatError(f"{count} numbers are more than there is room for", start)
        del item
        for _ in range(count):
            self.number()
        if not count and self.left and self._cursor.take(1) != b"\n":
            raise FormatError("an empty list of numbers is not empty", start)
        return start, self.place - start

    def _word(self, most: int) -> bytes:
        start = self.place
        raw = self._cursor.take(min(most, self.left))
        end = re.search(rb"[ \n]", raw)
        if end is None and self.left:
            raise FormatError("a line is too long for a number", start)
        self._cursor.place = start + (end.end() if end else len(raw))
        return raw[: end.start()] if end else raw


class Gap(NamedTuple):
    """Bytes that are not parsed: data of a storage, or bytecode, which stays unread."""

    start: int
    size: int
    data: bool


class Walk:
    """The values of one file, in the order in which they stand."""

    __slots__ = ("_budget", "_classes", "_gaps", "_seen", "source")

    def __init__(self, source: Binary | AsText, budget: Budget) -> None:
        self.source = source
        self._budget = budget
        self._seen: set[int] = set()
        self._gaps: list[Gap] = []
        self._classes: set[str] = set()

    def values(self) -> Iterator[Fact | Child]:
        """All values, without recursion."""
        wanted = 1
        while wanted:
            wanted -= 1
            kind = self.source.integer()
            if kind == NUMBER:
                self.source.number()
            elif kind == BOOLEAN:
                self.source.integer()
            elif kind == TEXT:
                yield from self._look_into(*self.source.text())
            elif kind in (TABLE, TORCH, CLOSURE, OLD_CLOSURE):
                index = self.source.integer()
                if index in self._seen:
                    continue
                self._seen.add(index)
                if kind == TABLE:
                    wanted += 2 * self._pairs()
                elif kind == TORCH:
                    wanted += yield from self._object()
                else:
                    yield from self._function()
                    wanted += 1
            elif kind == FUNCTION:
                yield from self._function()
                wanted += 1
            elif kind != NIL:
                raise FormatError(f"a value is of the unknown type {kind}", self.source.place - 4)
            if len(self._seen) > OBJECTS:
                raise FormatError("there are more tables and objects than are followed", self.source.place)
            if self._budget.facts <= 0:
                yield Limit("facts", self._budget.limits.facts, self.source.place)
                raise FormatError("there are more facts than are kept", self.source.place)

    def accounted(self) -> Iterator[Span]:
        """What was read so far: everything but data and bytecode is parsed."""
        start = 0
        for gap in self._gaps:
            yield Span(start, gap.start - start, "parsed")
            if gap.data:
                yield Span(gap.start, gap.size, "data")
            start = gap.start + gap.size
        yield Span(start, self.source.place - start, "parsed")

    def _pairs(self) -> int:
        count = self.source.integer()
        if not 0 <= count <= self.source.left // 2:
            raise FormatError(f"a table has {count} pairs", self.source.place)
        return count

    def _object(self) -> Generator[Fact | Child, None, int]:
        place, raw = self.source.text()
        name = raw.decode("latin-1")
        if _VERSION.fullmatch(name):
            place, raw = self.source.text()
            name = raw.decode("latin-1")
        if name not in self._classes and len(self._classes) < CLASSES:
            self._classes.add(name)
            self._budget.facts -= 1
            yield Reference("torch7-class", name[:200], "object", "", place)
        match = _ARRAY.fullmatch(name)
        if match is None or match[1] not in ITEM_BYTES:
            return 1
        if match[2] == "Tensor":
            dimensions = self.source.integer()
            if not 0 <= dimensions <= 64:
                raise FormatError(f"a tensor has {dimensions} dimensions", self.source.place)
            for _ in range(2 * dimensions + 1):
                self.source.long()
            return 1
        count = self.source.long()
        item = ITEM_BYTES[match[1]]
        if not 0 <= count <= self.source.left:
            raise FormatError(f"a storage has {count} elements", self.source.place)
        start, size = self.source.raw(count, item)
        self._gaps.append(Gap(start, size, data=True))
        if isinstance(self.source, Binary):
            program = machine_code(self._peek(start, size))
            if program:
                yield Native(program, start)
        self._budget.facts -= 1
        yield Tensor(f"storage@{start}", match[1], (count,), start, size)
        return 0

    def _peek(self, start: int, size: int) -> bytes:
        return self.source._cursor.reader.peek(start, min(PROGRAM_HEAD, size))  # noqa: SLF001 -- of this module

    def _function(self) -> Iterator[Fact]:
        place, raw = self.source.text()
        self._gaps.append(Gap(place, len(raw), data=False))
        self._budget.facts -= 1
        kind = "bytecode" if raw[:1] == b"\x1b" else "source"
        yield Reference("torch7-function", f"a function of Lua, {len(raw)} bytes of {kind}", "value", "", place)

    def _look_into(self, place: int, raw: bytes) -> Iterator[Fact | Child]:
        if len(raw) >= SHORTEST:
            yield from embedded_in_text(raw.decode("utf-8", "replace"), "text", place, self._budget)


def _begins(head: bytes) -> bool:
    """A table or an object with the index 1, and pairs that begin with a type, or a class with its version."""
    if head[:1] not in (b"\3", b"\4", b"\x06", b"\x08") or head[1:4] != bytes(3) or len(head) < 16:
        return False
    if head[0] in (FUNCTION, CLOSURE):
        place = 8 if head[0] == CLOSURE else 4
        return head[place + 4 : place + 6] == b"\x1bL"
    if head[4:8] != b"\1\0\0\0":
        return False
    if head[0] == TORCH:
        return re.match(rb"\x03\x00\x00\x00V [0-9]|[\x01-\x40]\x00\x00\x00[A-Za-z_]+\.[A-Za-z]", head[8:]) is not None
    return head[12] <= CLOSURE and head[13:16] == bytes(3)


def _begins_as_text(head: bytes) -> bool:
    """The same in lines."""
    lines = head.split(b"\n", 5)
    if len(lines) < 5 or lines[1] != b"1":
        return False
    if lines[0] == b"4":
        return lines[2] == b"3" and lines[3].startswith(b"V ")
    return lines[0] == b"3" and lines[2].isdigit() and lines[3] in (b"1", b"2", b"3", b"4", b"5")
