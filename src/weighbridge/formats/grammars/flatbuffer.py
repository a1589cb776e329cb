"""FlatBuffers, read in place: tables, vectors and texts of untrusted bytes, without generated code.

    offset 0    u32 where the root table is, from here; often four letters behind it say which format this is
    table       i32 back to its table of fields, then the fields
    fields      u16 bytes of this list, u16 bytes of the table, then one u16 for each field: where it is in the table; 0
                if it is not there and the default counts
    in a table  numbers as they are; for a text, a vector or a table a u32 from this place to there, always forward
    vector      u32 count, then numbers, or a u32 for each text or table
    text        u32 bytes, then UTF-8, then a zero
    union       two fields: a u8 that says which table it is, then the table

The bytes say neither names nor types: a `Schema` does, which a format writes down from its .fbs file. What is read here
is checked against the end of the blob only; whether every byte belongs to something is the business of `flat_walk.py`.
Fields with offsets of 64 bits exist in FlatBuffers since 2023 and in none of the formats that are read here.
Source: flatbuffers.dev, "FlatBuffers Internals"; limits of the reference verifier (64 levels of tables).
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weighbridge.core.reader import Reader

LEVELS = 64
"""How deep tables may lie in tables: what the reference verifier allows."""
LISTS = 4096
"""Lists of fields that are remembered: tables of one kind share theirs."""
STEP = 16 * 1024
"""Entries of a vector that are read at a time."""
ENTRIES = 250_000
"""References of one vector that are followed."""
_WIDTHS = {"u8": 1, "i8": 1, "bool": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "f32": 4, "u64": 8, "i64": 8, "f64": 8}


class Field(NamedTuple):
    """One field of a table. `kind`: `number`, `text`, `table`, `numbers`, `texts`, `tables`, `type`, `union`, `gone`.

    `width` is the size of a number, or of one entry of a vector, in bytes; `align` what it is aligned to. `inner` is
    the table that it leads to, for a union the name of the union.
    """

    name: str
    kind: str
    width: int
    align: int
    inner: str = ""
    signed: bool = False


class Shape(NamedTuple):
    """What a table may hold, field by field in the order of their numbers. `number` is its own in the schema."""

    name: str
    number: int
    fields: tuple[Field, ...]
    order: Mapping[str, int]


class Schema(NamedTuple):
    """All tables of a format by name, and for each union the tables that its types mean, from 1 on."""

    tables: Mapping[str, Shape]
    unions: Mapping[str, tuple[str, ...]]


class List(NamedTuple):
    """The list of fields of a table: where it is, how long, and where in the table its fields are."""

    place: int
    size: int
    slots: tuple[int, ...]


def most_tables(size: int) -> int:
    """How many tables the vectors of a flatbuffer of `size` bytes can have: each takes a reference and four bytes.

    Who meets more of them meets some again and again: vectors may lead to the same table.
    """
    return min(ENTRIES, size // 8)


def schema(text: str) -> Schema:
    """Make a schema of lines.

    `Table field:kind …` in the order of the numbers, with the kinds u8 … f64, `text`, a table's name, `[kind]` for a
    vector, `[12/4]` for one of structures of 12 bytes aligned to 4, `type` and behind it `<Union>`; `-` is a number
    without a field. `Union = Table …` lists what a union may be, from 1 on. A line that begins with a space goes on
    with the one before it.
    """
    tables: dict[str, Shape] = {}
    unions: dict[str, tuple[str, ...]] = {}
    for line in text.strip().replace("\n ", " ").splitlines():
        name, *words = line.split()
        if words[:1] == ["="]:
            unions[name] = tuple(words[1:])
            continue
        fields = tuple(_field(word) for word in words)
        tables[name] = Shape(name, len(tables), fields, {field.name: place for place, field in enumerate(fields)})
    return Schema(tables, unions)


def _field(word: str) -> Field:
    name, _, kind = word.partition(":")
    if not kind:
        return Field("-", "gone", 0, 1)
    if kind == "type":
        return Field(name, "type", 1, 1)
    if kind.startswith("<"):
        return Field(name, "union", 4, 4, kind[1:-1])
    inner, vector = kind.strip("[]"), kind.startswith("[")
    if inner in _WIDTHS:
        width = _WIDTHS[inner]
        return Field(name, "numbers" if vector else "number", width, width, "", inner.startswith("i"))
    if vector and inner[0].isdigit():
        size, _, align = inner.partition("/")
        return Field(name, "numbers", int(size), int(align))
    kind = ("texts" if vector else "text") if inner == "text" else ("tables" if vector else "table")
    return Field(name, kind, 4, 4, "" if inner == "text" else inner)


class Flat:
    """The bytes of one flatbuffer. Whatever leads out of them raises FormatError."""

    __slots__ = ("_lists", "reader")

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._lists: dict[int, List] = {}

    def number(self, place: int, size: int, *, signed: bool = False) -> int:
        """The whole number of `size` bytes at `place`."""
        return int.from_bytes(self.reader.read(place, size), "little", signed=signed)

    def root(self) -> int:
        """Where the root table is; its list of fields is checked."""
        place = self.follow(0)
        self.fields(place)
        return place

    def follow(self, place: int) -> int:
        """Where the reference at `place` leads."""
        offset = self.number(place, 4)
        if not offset:
            raise FormatError("a reference leads nowhere", place)
        if place + offset + 4 > self.reader.size:
            raise FormatError("a reference leads out of the bytes that there are", place)
        return place + offset

    def fields(self, table: int) -> List:
        """The list of fields of the table at `table`."""
        place = table - self.number(table, 4, signed=True)
        known = self._lists.get(place)
        if known is None:
            if not 0 <= place <= self.reader.size - 4:
                raise FormatError("a table has its list of fields outside of the bytes that there are", table)
            size, length = self.number(place, 2), self.number(place + 2, 2)
            if size < 4 or size % 2 or length < 4:
                raise FormatError("a list of fields is broken", place)
            raw = self.reader.read(place + 4, size - 4)
            slots = tuple(raw[index] | raw[index + 1] << 8 for index in range(0, size - 4, 2))
            if any(0 < slot < 4 or slot >= length for slot in slots):
                raise FormatError("a field lies outside of its table", place)
            if len(self._lists) >= LISTS:
                self._lists.clear()
            known = self._lists[place] = List(place, size, slots)
        return known

    def where(self, table: int, field: int) -> int:
        """Where a field of a table is, or 0 if it is not there."""
        slots = self.fields(table).slots
        slot = slots[field] if field < len(slots) else 0
        return table + slot if slot else 0

    def text_at(self, place: int, most: int = 1 << 20) -> str:
        """The text at `place`, up to `most` bytes of it."""
        start, size = self.vector_at(place, 1)
        return self.reader.read(start, min(size, most)).decode("utf-8", "replace")

    def vector_at(self, place: int, width: int) -> tuple[int, int]:
        """Where the entries of the vector at `place` begin, and how many there are."""
        count = self.number(place, 4)
        if place + 4 + count * width > self.reader.size:
            raise FormatError("a vector is longer than what there is", place)
        return place + 4, count

    def references(self, place: int) -> Iterator[int]:
        """Where the entries of a vector of references lead."""
        start, count = self.vector_at(place, 4)
        if count > ENTRIES:
            raise FormatError(f"a vector has more than {ENTRIES} references", place)
        for first in range(0, count, STEP):
            raw = self.reader.read(start + 4 * first, 4 * min(STEP, count - first))
            for index in range(0, len(raw), 4):
                here = start + 4 * first + index
                target = here + int.from_bytes(raw[index : index + 4], "little")
                if target == here or target + 4 > self.reader.size:
                    raise FormatError("a reference leads out of the bytes that there are", here)
                yield target


class Table:
    """One table by the names of its fields. Reading a field that is not there gives its default, an empty one."""

    __slots__ = ("flat", "place", "schema", "shape")

    def __init__(self, flat: Flat, schema_: Schema, name: str, place: int) -> None:
        self.flat = flat
        self.schema = schema_
        self.shape = schema_.tables[name]
        self.place = place

    def has(self, name: str) -> bool:
        """Whether the field is there."""
        return self._where(name)[1] > 0

    def number(self, name: str, default: int = 0) -> int:
        """A whole number."""
        field, place = self._where(name)
        return self.flat.number(place, field.width, signed=field.signed) if place else default

    def text(self, name: str, most: int = 200) -> str:
        """A text, or up to `most` bytes of it."""
        _, place = self._where(name)
        return self.flat.text_at(self.flat.follow(place), most) if place else ""

    def table(self, name: str) -> Table | None:
        """The table that a field leads to."""
        field, place = self._where(name)
        return Table(self.flat, self.schema, field.inner, self.flat.follow(place)) if place else None

    def tables(self, name: str) -> Iterator[Table]:
        """The tables of a vector, in their order."""
        field, place = self._where(name)
        if place:
            for target in self.flat.references(self.flat.follow(place)):
                yield Table(self.flat, self.schema, field.inner, target)

    def texts(self, name: str, most: int = 200) -> Iterator[str]:
        """The texts of a vector, up to `most` bytes of each."""
        _, place = self._where(name)
        if place:
            for target in self.flat.references(self.flat.follow(place)):
                yield self.flat.text_at(target, most)

    def vector(self, name: str) -> tuple[int, int]:
        """Where the entries of a vector begin and how many there are; (0, 0) if it is not there."""
        field, place = self._where(name)
        return self.flat.vector_at(self.flat.follow(place), field.width) if place else (0, 0)

    def numbers(self, name: str, most: int) -> tuple[int, ...]:
        """The first `most` numbers of a vector."""
        field, _ = self._where(name)
        start, count = self.vector(name)
        raw = self.flat.reader.read(start, field.width * min(count, most)) if count else b""
        step, signed = field.width, field.signed
        return tuple(
            int.from_bytes(raw[index : index + step], "little", signed=signed) for index in range(0, len(raw), step)
        )

    def union(self, name: str) -> Table | None:
        """The table of a union, if its type is one that the schema has."""
        field, place = self._where(name)
        kind = self.flat.where(self.place, self.shape.order[name] - 1)
        chosen = self.flat.number(kind, 1) if kind else 0
        choices = self.schema.unions[field.inner]
        if not place or not 0 < chosen <= len(choices):
            return None
        return Table(self.flat, self.schema, choices[chosen - 1], self.flat.follow(place))

    def _where(self, name: str) -> tuple[Field, int]:
        index = self.shape.order[name]
        return self.shape.fields[index], self.flat.where(self.place, index)
