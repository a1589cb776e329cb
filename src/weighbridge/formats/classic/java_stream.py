r"""Objects that Java serialized.

    stream     AC ED 00 05, then contents
    content    70 null   71 u32 handle   72 description   73 object   74 u16 text   75 array   76 class   77 u8 block
               79 reset   7A i32 block   7B exception   7C u64 text   7D proxy   7E constant of an enumeration
    72         text name, u64 version, u8 flags, u16 fields: u8 type, text name, for [ and L a content that is the type;
               then contents up to 78, then the description of the class above (72, 7D, 70, 71)
    7D         i32 number, texts: interfaces; then as after the fields of 72
    73         description; for each class from the topmost on its fields; flag 1: then contents up to 78
               flag 4 (Externalizable): with flag 8 contents up to 78, without it a form that only the class knows
    75         description, i32 size, elements of the type that the name of the class gives
    76         description      7E  description, content (the name of the constant)

Reading such a stream makes objects of every class that it names and calls `readObject`, `readResolve` and, for keys of
maps, `hashCode` and `equals` before the program sees anything: that is how streams run commands. Every class
becomes a reference `java-class` with its part (class, proxy, enum, class-object, array). What they write in blocks is
theirs alone: it is searched and counts as data; whether their classes are known is for the rules to say.
Source: Java Object Serialization Specification, version 6.0, chapter 6.
"""

from __future__ import annotations

from types import GeneratorType

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Native, Oddity, Reference, Span
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from typing import Any

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

    Seen = Fact | Child | Span | Generator[Any, int, int]

MAGIC = b"\xac\xed\x00\x05"
DEPTH = 20_000
"""Contents that may be open at once: a linked list of this length nests as deeply."""
DESCRIPTIONS = 100_000
FIELDS = 4096
SIZES = {"B": 1, "C": 2, "D": 8, "F": 4, "I": 4, "J": 8, "S": 2, "Z": 1}
_FIRST_HANDLE = 0x7E0000
_END = 0x78


class Description(NamedTuple):
    """A class as the stream describes it; `above` is the handle of the one above it, -1 if there is none."""

    name: str
    flags: int
    types: str
    above: int


class JavaStream:
    """What `ObjectOutputStream` writes."""

    name = "java-serialized"
    version = 1
    extensions = frozenset((".ser",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark; MAYBE by the name."""
        del data
        if info.head.startswith(MAGIC):
            return Match.YES
        return Match.MAYBE if info.extension == ".ser" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the whole stream and tell the classes."""
        del info
        cursor = Cursor(data)
        if cursor.take(4) != MAGIC:
            raise FormatError("the mark of a stream is missing", 0)
        walk = Walk(cursor, budget)
        if not cursor.left:
            raise FormatError("the stream ends before its first object", 4)
        try:
            while cursor.left:
                if not 0x70 <= data.peek(cursor.place, 1)[0] <= 0x7E:
                    yield Oddity("trailing-bytes", f"{cursor.left} bytes behind the stream", cursor.place)
                    return
                yield from walk.run()
                if budget.facts <= 0:
                    yield Limit("facts", budget.limits.facts, cursor.place)
                    return
        finally:
            yield Span(0, cursor.place, "parsed")
            yield from (Span(start, size, "data") for start, size in walk.blocks)


class Walk:
    """One stream: the descriptions that it has shown, by their handles."""

    __slots__ = ("_budget", "_cursor", "_handle", "_known", "_told", "blocks")

    def __init__(self, cursor: Cursor, budget: Budget) -> None:
        self._cursor = cursor
        self._budget = budget
        self._handle = _FIRST_HANDLE
        self._known: dict[int, Description] = {}
        self._told: set[tuple[str, str]] = set()
        self.blocks: list[tuple[int, int]] = []

    def run(self) -> Iterator[Any]:
        """One content with all that is in it. Generators wait on a stack of their own, so that no depth breaks it."""
        stack: list[Generator[Seen, int, int]] = [self._content()]
        value: int | None = None
        while stack:
            try:
                item = stack[-1].send(value) if value is not None else next(stack[-1])
            except StopIteration as stop:
                stack.pop()
                value = stop.value
                continue
            value = None
            if isinstance(item, GeneratorType):
                if len(stack) >= DEPTH:
                    raise FormatError("the objects are nested too deeply", self._cursor.place)
                stack.append(item)
            else:
                yield item

    def _content(self) -> Generator[Seen, int, int]:
        """Gives the byte that it begins with, so that the caller knows the end of an annotation."""
        place = self._cursor.place
        kind = self._cursor.byte()
        if kind == 0x71:
            self._cursor.skip(4)
        elif kind in (0x72, 0x7D):
            self._cursor.place = place
            yield self._description()
        elif kind == 0x73:
            yield self._object()
        elif kind in (0x74, 0x7C):
            self._handle += 1
            yield from self._text(8 if kind == 0x7C else 2)
        elif kind == 0x75:
            yield self._array()
        elif kind == 0x76:
            handle = yield self._description()
            yield from self._tell(handle, "class-object")
            self._handle += 1
        elif kind in (0x77, 0x7A):
            yield from self._block(1 if kind == 0x77 else 4)
        elif kind == 0x79:
            self._known.clear()
            self._handle = _FIRST_HANDLE
        elif kind == 0x7B:
            yield self._content()
        elif kind == 0x7E:
            handle = yield self._description()
            yield from self._tell(handle, "enum")
            self._handle += 1
            yield self._content()
        elif kind not in (0x70, _END):
            raise FormatError(f"the stream has the unknown content {kind:#04x}", place)
        return kind

    def _description(self) -> Generator[Seen, int, int]:
        """Gives the handle of the description; -1 for none."""
        place = self._cursor.place
        kind = self._cursor.byte()
        if kind == 0x70:
            return -1
        if kind == 0x71:
            handle = self._cursor.unsigned(4, "big")
            if handle not in self._known:
                raise FormatError("a handle leads to no description of a class", place)
            return handle
        if kind not in (0x72, 0x7D):
            raise FormatError("a description of a class is missing", place)
        if len(self._known) >= DESCRIPTIONS:
            raise FormatError("there are more classes than are looked at", place)
        name, flags, types = "", 2, ""
        if kind == 0x72:
            name = self._name()
            self._cursor.skip(8)
            handle = self._new()
            flags = self._cursor.byte()
            count = self._cursor.unsigned(2, "big")
            if count > FIELDS:
                raise FormatError(f"a class has {count} fields", place)
            for _ in range(count):
                type_ = chr(self._cursor.byte())
                self._name()
                if type_ in "[L":
                    yield self._content()
                elif type_ not in SIZES:
                    raise FormatError(f"a field is of the unknown type {type_!r}", self._cursor.place)
                types += type_
        else:
            handle = self._new()
            count = self._cursor.signed(4, "big")
            if not 0 <= count <= 65535:
                raise FormatError(f"a proxy has {count} interfaces", place)
            name = ", ".join([self._name() for _ in range(count)])
        self._known[handle] = Description(name, flags, types, -1)
        yield from self._tell(handle, "class" if kind == 0x72 else "proxy")
        yield self._annotation()
        above = yield self._description()
        self._known[handle] = Description(name, flags, types, above)
        return handle

    def _object(self) -> Generator[Seen, int, int]:
        place = self._cursor.place
        handle = yield self._description()
        self._handle += 1
        for description in self._lineage(handle, place):
            if description.flags & 2:
                for type_ in description.types:
                    if type_ in SIZES:
                        self._cursor.skip(SIZES[type_])
                    else:
                        yield self._content()
                if description.flags & 1:
                    yield self._annotation()
            elif description.flags & 4:
                if not description.flags & 8:
                    raise FormatError(
                        f"{description.name[:100]} writes itself in a form of its own", self._cursor.place
                    )
                yield self._annotation()
        return 0

    def _array(self) -> Generator[Seen, int, int]:
        place = self._cursor.place
        handle = yield self._description()
        self._handle += 1
        count = self._cursor.signed(4, "big")
        name = self._known[handle].name if handle >= 0 else ""
        item = SIZES.get(name[1:2], 0)
        if not name.startswith("[") or not 0 <= count <= self._cursor.left:
            raise FormatError(f"an array has {count} elements of the type {name[:40]!r}", place)
        if item:
            yield from self._data(self._cursor.skip(count * item), count * item)
        else:
            for _ in range(count):
                yield self._content()
        return 0

    def _annotation(self) -> Generator[Seen, int, int]:
        kind = 0
        while kind != _END:
            kind = yield self._content()
        return 0

    def _lineage(self, handle: int, place: int) -> list[Description]:
        """The classes of an object, the topmost first."""
        found: list[Description] = []
        while handle >= 0:
            if len(found) > 1000:
                raise FormatError("a class is above itself", place)
            description = self._known[handle]
            found.append(description)
            handle = description.above
        if not found:
            raise FormatError("an object is of no class", place)
        return found[::-1]

    def _new(self) -> int:
        handle = self._handle
        self._handle += 1
        return handle

    def _name(self) -> str:
        return self._cursor.take(self._cursor.unsigned(2, "big")).decode("utf-8", "replace")

    def _tell(self, handle: int, part: str) -> Iterator[Fact]:
        description = self._known.get(handle)
        for name in description.name.split(", ") if description else ():
            plain = name.lstrip("[")
            # [Ljava.lang.String; is an array of texts, [I one of numbers.
            role = "array" if plain != name and part == "class" else part
            plain = plain.removeprefix("L").removesuffix(";") if plain != name else plain
            if (plain in SIZES and role == "array") or (plain, role) in self._told:
                continue
            if self._budget.facts <= 0:
                yield Limit("facts", self._budget.limits.facts, self._cursor.place)
                raise FormatError("there are more classes than are kept", self._cursor.place)
            self._told.add((plain, role))
            self._budget.facts -= 1
            yield Reference("java-class", plain[:300], role, "", self._cursor.place)

    def _text(self, width: int) -> Iterator[Fact | Child | Span]:
        size = self._cursor.unsigned(width, "big")
        place = self._cursor.skip(size)
        if size > self._budget.limits.embedded:
            yield Limit("embedded", self._budget.limits.embedded, place)
        elif size >= SHORTEST:
            text = self._cursor.reader.read(place, size).decode("utf-8", "replace")
            yield from embedded_in_text(text, "text", place, self._budget)

    def _block(self, width: int) -> Iterator[Fact | Child | Span]:
        size = self._cursor.signed(width, "big") if width == 4 else self._cursor.byte()
        yield from self._data(self._cursor.skip(size), size)

    def _data(self, place: int, size: int) -> Iterator[Fact | Child | Span]:
        """Bytes of a block or an array of numbers: searched, and looked at where they begin."""
        if size < SHORTEST:
            return
        program = machine_code(self._cursor.reader.peek(place, min(PROGRAM_HEAD, size)))
        if program:
            yield Native(program, place)
        yield from search_strings(self._cursor.reader, place, size, "block", self._budget)
        if len(self.blocks) < DESCRIPTIONS:
            self.blocks.append((place, size))
