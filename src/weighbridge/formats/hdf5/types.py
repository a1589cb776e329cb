"""What an HDF5 value is: datatypes, dataspaces, filters, and where the bytes of a dataset lie.

    datatype    u8 class and version, 3 bytes of flags, u32 size, then what the class asks for: members of a compound,
                the base of an array, an enumeration or a sequence, the tag of an opaque type
    dataspace   u8 version, u8 rank, u8 flags, …, the dimensions, the greatest dimensions
    pipeline    u8 version, u8 number of filters, each with its id, name, flags and parameters
    layout      compact (in the header), contiguous, chunked (by an index), virtual (made of other datasets)

A variable-length value is kept in a global heap; the element has its length, the heap and an index. Filters above 255
are plug-ins: native libraries that HDF5 loads by itself. Source: HDF5 File Format Specification 3.0, IV.A.2; complex
numbers and layout 5 from HDF5 2.0 `src/H5Odtype.c`, `src/H5Olayout.c`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.hdf5.file import UNDEFINED, encoded_size

if TYPE_CHECKING:
    from weighbridge.formats.hdf5.file import Cursor

DEPTH = 16
"""How deep datatypes may nest."""
SLOTS = 4096
"""References into a heap that one element may have."""
DEFLATE, SHUFFLE, FLETCHER, PLUGIN = 1, 2, 3, 256


class Datatype(NamedTuple):
    """The type of one element. `size` in bytes; `parts`: the types inside of it and at which byte of the element.

    `kind`: integer, float, complex, string, bitfield, time, opaque, compound, enum, array, reference, region, sequence
    and text (the last three are kept in a heap). `name` is written as NumPy does, `tag` is that of an opaque type.
    """

    kind: str
    size: int
    name: str
    parts: tuple[tuple[int, Datatype], ...] = ()
    times: int = 1
    tag: str = ""


class Slot(NamedTuple):
    """Where in an element a reference into a heap stands, and the type of what it leads to (None: one selection)."""

    offset: int
    base: Datatype | None
    text: bool


class Dataspace(NamedTuple):
    """`dims` of the array; `elements` is 0 if it is null."""

    dims: tuple[int, ...]
    elements: int
    most: tuple[int, ...] = ()


class Filter(NamedTuple):
    """One step of a pipeline."""

    id: int
    name: str


class Layout(NamedTuple):
    """Where the elements are. `kind`: compact, contiguous, chunked, virtual.

    `size` is UNDEFINED if only the shape says it. `chunk`: its dimensions and behind them the bytes of an element.
    `order`: btree1, single, implicit, fixed, extensible, btree2. `raw` are the elements themselves if they are compact.
    """

    kind: str
    address: int
    size: int
    chunk: tuple[int, ...] = ()
    order: str = ""
    raw: bytes = b""
    place: int = 0
    mask: int = 0


_INDEXES = {1: "single", 2: "implicit", 3: "fixed", 4: "extensible", 5: "btree2"}


def datatype(cursor: Cursor, depth: int = 0) -> Datatype:
    """Read one datatype. Raises FormatError for what is none, or nests too deeply."""
    start = cursor.here
    if depth > DEPTH:
        raise FormatError("a datatype nests too deeply", start)
    head = cursor.number(1)
    version, kind = head >> 4, head & 15
    flags, size = cursor.number(3), cursor.number(4)
    if not 1 <= version <= 5:
        raise FormatError(f"version {version} of datatypes is not known", start)
    order = "><"[not flags & 1]
    if not size and kind not in (3, 5):
        raise FormatError("a datatype without a size", start)
    if kind == 0:
        _bits(cursor, size)
        return Datatype("integer", size, f"{order if size > 1 else '|'}{'i' if flags & 8 else 'u'}{size}")
    if kind == 1:
        end = _bits(cursor, size)
        for _ in range(2):
            place, width = cursor.number(1), cursor.number(1)
            if not width or place + width > end:
                raise FormatError("the parts of a floating-point type are not inside of it", start)
        cursor.take(4)
        return Datatype("float", size, f"{order}f{size}")
    if kind == 2:
        cursor.take(2)
        return Datatype("time", size, f"time{size}")
    if kind == 3:
        return Datatype("string", size, f"S{size}")
    if kind == 4:
        _bits(cursor, size)
        return Datatype("bitfield", size, f"bits{size}")
    if kind == 5:
        tag = cursor.take((flags & 0xFF) + 7 & ~7).rstrip(b"\0").decode("latin-1")
        return Datatype("opaque", size, f"V{size}", tag=tag)
    if kind == 6:
        return _compound(cursor, version, flags & 0xFFFF, size, depth)
    if kind == 7:
        # Object references are addresses; the two newer kinds hold a whole path, which is not looked into.
        kinds = {0: "reference", 1: "region"}
        if flags & 15 not in kinds:
            raise FormatError("a reference of a newer kind is not read", start)
        return Datatype(kinds[flags & 15], size, kinds[flags & 15])
    if kind == 8:
        return _enumeration(cursor, version, flags & 0xFFFF, size, depth)
    if kind == 9:
        inner = datatype(cursor, depth + 1)
        if flags & 15 == 1:
            return Datatype("text", size, "vlen str", ((0, inner),))
        return Datatype("sequence", size, f"vlen {inner.name}"[:80], ((0, inner),))
    if kind == 10:
        return _array(cursor, version, size, depth)
    if kind == 11:
        inner = datatype(cursor, depth + 1)
        return Datatype("complex", size, f"{inner.name[:1]}c{size}")
    raise FormatError(f"the class {kind} of datatypes is not known", start)


def _bits(cursor: Cursor, size: int) -> int:
    """Read where in an element its bits are; gives the bit behind them."""
    offset, precision = cursor.number(2), cursor.number(2)
    if not precision or offset + precision > 8 * size:
        raise FormatError("the bits of a number are not inside of it", cursor.here)
    return offset + precision


def _compound(cursor: Cursor, version: int, members: int, size: int, depth: int) -> Datatype:
    parts = []
    for _ in range(members):
        start = cursor.place
        name = cursor.text()
        if version < 3:
            cursor.take(-(cursor.place - start) % 8)
            offset = cursor.number(4)
        else:
            offset = cursor.number(encoded_size(size))
        count = 1
        if version == 1:
            rank = cursor.number(1)
            cursor.take(11)
            dims = [cursor.number(4) for _ in range(4)]
            for length in dims[: min(rank, 4)]:
                count *= length
        inner = datatype(cursor, depth + 1)
        if count != 1:
            inner = Datatype("array", inner.size * count, f"{inner.name} x {count}", ((0, inner),), count)
        if offset + inner.size > size:
            raise FormatError(f"member {name[:40]!r} of a compound is not inside of it", cursor.here)
        parts.append((offset, inner))
    names = ", ".join(inner.name for _, inner in parts[:20])
    return Datatype("compound", size, f"{{{names}}}"[:200], tuple(parts))


def _enumeration(cursor: Cursor, version: int, members: int, size: int, depth: int) -> Datatype:
    base = datatype(cursor, depth + 1)
    for _ in range(members):
        start = cursor.place
        cursor.text()
        if version < 3:
            cursor.take(-(cursor.place - start) % 8)
    cursor.take(members * base.size)
    if base.size != size:
        raise FormatError("an enumeration has another size than its base", cursor.here)
    return Datatype("enum", size, f"enum {base.name}")


def _array(cursor: Cursor, version: int, size: int, depth: int) -> Datatype:
    rank = cursor.number(1)
    if version < 3:
        cursor.take(3)
    count = 1
    for _ in range(rank):
        count *= cursor.number(4)
    if version < 3:
        cursor.take(4 * rank)
    base = datatype(cursor, depth + 1)
    if base.size * count != size:
        raise FormatError("an array type has another size than its elements", cursor.here)
    return Datatype("array", size, f"{base.name} x {count}"[:200], ((0, base),), count)


def slots(kind: Datatype, offset: int = 0) -> list[Slot]:
    """Every reference into a heap that an element has. Raises FormatError if there are too many."""
    if kind.kind in ("text", "sequence"):
        return [Slot(offset, kind.parts[0][1], kind.kind == "text")]
    if kind.kind == "region":
        return [Slot(offset, None, text=False)]
    found: list[Slot] = []
    for place, inner in kind.parts:
        if kind.kind == "array":
            once = slots(inner)
            if len(once) * kind.times > SLOTS:
                raise FormatError("one element has more references than are followed", 0)
            if once:
                for index in range(kind.times):
                    found.extend(one._replace(offset=offset + index * inner.size + one.offset) for one in once)
        else:
            found.extend(slots(inner, offset + place))
        if len(found) > SLOTS:
            raise FormatError("one element has more references than are followed", 0)
    return found


def holds(kind: Datatype, kinds: tuple[str, ...]) -> bool:
    """Whether a type is of one of these kinds, or has one inside."""
    return kind.kind in kinds or any(holds(inner, kinds) for _, inner in kind.parts)


def dataspace(cursor: Cursor) -> Dataspace:
    """Read a dataspace. Raises FormatError for one that is none, or has more elements than fit."""
    start = cursor.here
    version, rank, flags, kind = (cursor.number(1) for _ in range(4))
    if version == 1:
        cursor.take(4)
        kind = 1 if rank else 0
    elif version != 2:
        raise FormatError(f"version {version} of dataspaces is not known", start)
    if rank > 32 or kind > 2:
        raise FormatError(f"a dataspace of {rank} dimensions", start)
    dims = tuple(cursor.length() for _ in range(rank))
    most = tuple(cursor.length() for _ in range(rank)) if flags & 1 else dims
    elements = 0 if kind == 2 else 1
    for length in dims:
        elements *= length
        if length < 0 or elements >> 64:
            raise FormatError("a dataspace has more elements than fit", start)
    if any(length > limit >= 0 for length, limit in zip(dims, most, strict=True)):
        raise FormatError("a dataspace is larger than it may become", start)
    return Dataspace(dims, elements, most)


def pipeline(cursor: Cursor) -> tuple[Filter, ...]:
    """Read a filter pipeline."""
    start = cursor.here
    version, count = cursor.number(1), cursor.number(1)
    if version not in (1, 2):
        raise FormatError(f"version {version} of filter pipelines is not known", start)
    if version == 1:
        cursor.take(6)
    found = []
    for _ in range(count):
        number = cursor.number(2)
        named = version == 1 or number >= PLUGIN
        size = cursor.number(2) if named else 0
        cursor.take(2)
        values = cursor.number(2)
        name = cursor.take(size + 7 & ~7 if version == 1 else size).rstrip(b"\0").decode("utf-8", "replace")
        cursor.take(4 * values + (4 if version == 1 and values % 2 else 0))
        found.append(Filter(number, name[:80]))
    return tuple(found)


def layout(cursor: Cursor) -> Layout:
    """Read a data layout. Raises FormatError for a version or an index that is not known."""
    start = cursor.here
    version, kind = cursor.number(1), cursor.number(1)
    if version in (1, 2):
        return _old_layout(cursor, kind)
    if version not in (3, 4, 5) or kind > 3:
        raise FormatError(f"version {version}, class {kind} of data layouts is not known", start)
    if kind == 0:
        size = cursor.number(2)
        place = cursor.here
        return Layout("compact", 0, size, raw=cursor.take(size), place=place)
    if kind == 1:
        return Layout("contiguous", cursor.address(), cursor.length(), place=start)
    if kind == 3:
        return Layout("virtual", cursor.address(), cursor.number(4), place=start)
    if version == 3:
        rank = cursor.number(1)
        address = cursor.address()
        return Layout("chunked", address, 0, tuple(cursor.number(4) for _ in range(rank)), "btree1", place=start)
    flags, rank, width = (cursor.number(1) for _ in range(3))
    chunk = tuple(cursor.number(width) for _ in range(rank))
    index = _INDEXES.get(cursor.number(1), "")
    size = mask = 0
    if index == "single" and flags & 2:
        size, mask = cursor.length(), cursor.number(4)
    elif index == "fixed":
        cursor.take(1)
    elif index == "extensible":
        cursor.take(5)
    elif index == "btree2":
        cursor.take(6)
    elif index not in ("single", "implicit"):
        raise FormatError("an index of chunks is not known", start)
    return Layout("chunked", cursor.address(), size, chunk, index, place=start, mask=mask)


def _old_layout(cursor: Cursor, rank: int) -> Layout:
    """Versions 1 and 2: the number of dimensions comes first, the class behind it."""
    start = cursor.here
    kind = cursor.number(1)
    cursor.take(5)
    address = cursor.address() if kind else 0
    dims = tuple(cursor.number(4) for _ in range(rank))
    if kind == 1:
        return Layout("contiguous", address, UNDEFINED, place=start)
    if kind == 2:
        return Layout("chunked", address, 0, dims, "btree1", place=start)
    if kind:
        raise FormatError(f"the class {kind} of data layouts is not known", start)
    size = cursor.number(4)
    place = cursor.here
    return Layout("compact", 0, size, raw=cursor.take(size), place=place)
