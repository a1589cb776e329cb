"""The header of a 7z archive: which blocks there are, how they are packed, and which members are in them.

    streams     06 packed: position, count, 09 sizes, 0A checksums, 00
                07 blocks: 0B count, 00, blocks, 0C sizes that come out of every coder, 0A checksums, 00
                08 members: 0D number in every block, 09 sizes but the last of each block, 0A checksums, 00        00
    block       number of coders; each: flags and size of its name (10 has counts, 20 has properties), name,
                [inputs, outputs], [size, properties]; pairs input, output; inputs that are packed streams
    files       05 count, then properties until 00: kind, size, content
                0E no content  0F an empty file, no folder  10 to be deleted  11 names  12-14 times  15 attributes
    number      as many bytes as the first one begins with one bits, little endian, the rest of the first is the top

Every count is checked against the bytes that are left. Source: 7-Zip 26, `DOC/7zFormat.txt`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.cursor import Cursor

if TYPE_CHECKING:
    from weighbridge.core.limits import Budget

END, HEADER, PROPERTIES, ADDITIONAL, MAIN, FILES, PACKED, UNPACKED, SUBSTREAMS, SIZE, CHECK, BLOCK = range(12)
SIZES, NUMBERS, EMPTY, EMPTY_FILE, ANTI, NAMES = range(12, 18)
ATTRIBUTES, DUMMY = 0x15, 0x19
_READ_OVER = frozenset((0x12, 0x13, 0x14, 0x16, 0x18))
CODERS = 8
"""Coders of one block: 7-Zip itself writes at most four."""


class Coder(NamedTuple):
    """One step of unpacking by its name, with as many inputs and outputs."""

    method: bytes
    properties: bytes
    inputs: int
    outputs: int


class Folder(NamedTuple):
    """A block. `pairs` lead from an input to the output that feeds it; `sizes` are those of all outputs.

    `packed` are offset and size of the packed streams, `entries` the inputs that they feed, `main` the output that is
    the content, `streams` size and checksum of every member in it.
    """

    coders: tuple[Coder, ...]
    pairs: dict[int, int]
    entries: tuple[int, ...]
    main: int
    packed: tuple[tuple[int, int], ...] = ()
    sizes: tuple[int, ...] = ()
    check: int | None = None
    streams: tuple[tuple[int, int | None], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return self.sizes[self.main]


class Entry(NamedTuple):
    """A member as the header describes it."""

    name: str
    has_stream: bool
    attributes: int
    anti: bool


def read_header(raw: bytes, base: int, budget: Budget) -> tuple[list[Folder], list[Entry]]:
    """The blocks, and the members in their order. Packed positions count from `base`. Raises FormatError."""
    cursor = Cursor(Reader(MemorySource(raw)))
    kind = cursor.byte()
    if kind != HEADER:
        raise FormatError(f"a header of the kind {kind} is not known", 0)
    folders: list[Folder] = []
    entries: list[Entry] = []
    kind = cursor.byte()
    if kind == PROPERTIES:
        while cursor.byte() != END:
            cursor.skip(number(cursor))
        kind = cursor.byte()
    if kind == ADDITIONAL:
        raise FormatError("names in a stream of their own are not known", cursor.place)
    if kind == MAIN:
        folders = _streams(cursor, base)
        kind = cursor.byte()
    if kind == FILES:
        entries = _files(cursor, budget)
        kind = cursor.byte()
    if kind != END or cursor.left:
        raise FormatError("the header does not end where it should", cursor.place)
    if sum(entry.has_stream for entry in entries) > sum(len(folder.streams) for folder in folders):
        raise FormatError("there are more members than streams", 0)
    return folders, entries


def read_streams(raw: bytes, place: int, base: int) -> list[Folder]:
    """The blocks that `raw` describes from `place` to its end. Raises FormatError."""
    cursor = Cursor(Reader(MemorySource(raw)), place)
    found = _streams(cursor, base)
    if cursor.left:
        raise FormatError("there is more in the header", cursor.place)
    return found


def number(cursor: Cursor) -> int:
    """The next number."""
    first = cursor.byte()
    mask, size = 0x80, 0
    while size < 8 and first & mask:
        mask >>= 1
        size += 1
    low = cursor.unsigned(size) if size else 0
    return low + ((first & (mask - 1)) << 8 * size if mask else 0)


def _count(cursor: Cursor, what: str) -> int:
    """A number of things that take at least one byte, or two bits with others of their kind, each."""
    count = number(cursor)
    if count > cursor.left:
        raise FormatError(f"{count} {what} do not fit into the header", cursor.place)
    return count


def _streams(cursor: Cursor, base: int) -> list[Folder]:
    packed: list[tuple[int, int]] = []
    folders: list[Folder] = []
    kind = cursor.byte()
    if kind == PACKED:
        packed = _packed(cursor, base)
        kind = cursor.byte()
    if kind == UNPACKED:
        folders = _blocks(cursor)
        kind = cursor.byte()
    place = 0
    for index, folder in enumerate(folders):
        parts = packed[place : place + len(folder.entries)]
        if len(parts) != len(folder.entries):
            raise FormatError("a block has no packed stream", cursor.place)
        place += len(parts)
        folders[index] = folder._replace(packed=tuple(parts), streams=((folder.size, folder.check),))
    if place != len(packed):
        raise FormatError("there are packed streams that belong to no block", cursor.place)
    if kind == SUBSTREAMS:
        folders = _substreams(cursor, folders)
        kind = cursor.byte()
    if kind != END:
        raise FormatError("the description of streams does not end where it should", cursor.place)
    return folders


def _packed(cursor: Cursor, base: int) -> list[tuple[int, int]]:
    place = base + number(cursor)
    count = _count(cursor, "packed streams")
    sizes: list[int] = []
    kind = cursor.byte()
    while kind != END:
        if kind == SIZE:
            sizes = [number(cursor) for _ in range(count)]
        elif kind == CHECK:
            _checks(cursor, count)
        else:
            raise FormatError(f"a property {kind} of packed streams is not known", cursor.place)
        kind = cursor.byte()
    if len(sizes) != count:
        raise FormatError("packed streams have no sizes", cursor.place)
    found = []
    for size in sizes:
        found.append((place, size))
        place += size
    return found


def _blocks(cursor: Cursor) -> list[Folder]:
    if cursor.byte() != BLOCK:
        raise FormatError("the number of blocks is missing", cursor.place)
    count = _count(cursor, "blocks")
    if cursor.byte() != 0:
        raise FormatError("blocks in a stream of their own are not known", cursor.place)
    folders = [_block(cursor) for _ in range(count)]
    if cursor.byte() != SIZES:
        raise FormatError("the sizes of blocks are missing", cursor.place)
    folders = [
        folder._replace(sizes=tuple(number(cursor) for _ in range(sum(coder.outputs for coder in folder.coders))))
        for folder in folders
    ]
    kind = cursor.byte()
    if kind == CHECK:
        checks = _checks(cursor, count)
        folders = [folder._replace(check=check) for folder, check in zip(folders, checks, strict=True)]
        kind = cursor.byte()
    if kind != END:
        raise FormatError("the description of blocks does not end where it should", cursor.place)
    return folders


def _block(cursor: Cursor) -> Folder:
    start = cursor.place
    count = number(cursor)
    if not 0 < count <= CODERS:
        raise FormatError(f"a block of {count} coders", start)
    coders = []
    for _ in range(count):
        flags = cursor.byte()
        if flags & 0xC0:
            raise FormatError("a coder has flags that are not known", cursor.place)
        method = cursor.take(flags & 0x0F)
        inputs, outputs = (number(cursor), number(cursor)) if flags & 0x10 else (1, 1)
        if not (0 < inputs <= CODERS and 0 < outputs <= CODERS):
            raise FormatError("a coder has an absurd number of streams", cursor.place)
        properties = cursor.take(_count(cursor, "bytes of properties")) if flags & 0x20 else b""
        coders.append(Coder(method, properties, inputs, outputs))
    inputs = sum(coder.inputs for coder in coders)
    outputs = sum(coder.outputs for coder in coders)
    pairs = {number(cursor): number(cursor) for _ in range(outputs - 1)}
    if len(pairs) != outputs - 1 or len(set(pairs.values())) != len(pairs) or inputs < len(pairs):
        raise FormatError("the coders of a block are not one chain", start)
    free = [index for index in range(inputs) if index not in pairs]
    entries = free if len(free) == 1 else [number(cursor) for _ in free]
    main = [index for index in range(outputs) if index not in pairs.values()]
    if sorted(entries) != free or len(main) != 1 or any(index >= inputs for index in pairs):
        raise FormatError("the coders of a block are not one chain", start)
    return Folder(tuple(coders), pairs, tuple(entries), main[0])


def _substreams(cursor: Cursor, folders: list[Folder]) -> list[Folder]:
    numbers = [1] * len(folders)
    kind = cursor.byte()
    if kind == NUMBERS:
        numbers = [number(cursor) for _ in folders]
        if sum(numbers) > 2 * cursor.left + len(folders):
            raise FormatError("more members than fit into the header", cursor.place)
        kind = cursor.byte()
    sizes: list[list[int]] = []
    for folder, count in zip(folders, numbers, strict=True):
        own = [number(cursor) for _ in range(count - 1)] if kind == SIZE else []
        if count > 1 and kind != SIZE:
            raise FormatError("the sizes of members are missing", cursor.place)
        if sum(own) > folder.size:
            raise FormatError("members are larger than their block", cursor.place)
        sizes.append([*own, folder.size - sum(own)] if count else [])
    if kind == SIZE:
        kind = cursor.byte()
    known = [count == 1 and folder.check is not None for folder, count in zip(folders, numbers, strict=True)]
    wanted = sum(count for count, has in zip(numbers, known, strict=True) if not has)
    found: list[int | None] = [None] * wanted
    if kind == CHECK:
        found = _checks(cursor, wanted)
        kind = cursor.byte()
    if kind != END:
        raise FormatError("the description of members does not end where it should", cursor.place)
    checks = iter(found)
    return [
        folder._replace(streams=tuple((size, folder.check if has else next(checks)) for size in own))
        for folder, own, has in zip(folders, sizes, known, strict=True)
    ]


def _bits(cursor: Cursor, count: int) -> list[bool]:
    raw = cursor.take((count + 7) // 8)
    return [bool(raw[index // 8] & 0x80 >> index % 8) for index in range(count)]


def _defined(cursor: Cursor, count: int) -> list[bool]:
    return [True] * count if cursor.byte() else _bits(cursor, count)


def _checks(cursor: Cursor, count: int) -> list[int | None]:
    return [cursor.unsigned(4) if there else None for there in _defined(cursor, count)]


def _files(cursor: Cursor, budget: Budget) -> list[Entry]:
    start = cursor.place
    count = _count(cursor, "members")
    if count > budget.members:
        raise FormatError(f"{count} members are more than are looked into", start)
    budget.members -= count
    empty = [False] * count
    anti: list[bool] = []
    names: list[str] = []
    attributes = [0] * count
    kind = cursor.byte()
    while kind != END:
        size = number(cursor)
        end = cursor.place + size
        if size > cursor.left:
            raise FormatError("a property of members is longer than the header", cursor.place)
        if kind == EMPTY:
            empty = _bits(cursor, count)
        elif kind == EMPTY_FILE:
            _bits(cursor, sum(empty))
        elif kind == ANTI:
            anti = _bits(cursor, sum(empty))
        elif kind == NAMES:
            names = _names(cursor, size, count)
        elif kind == ATTRIBUTES:
            there = _defined(cursor, count)
            if cursor.byte():
                raise FormatError("attributes in a stream of their own are not known", cursor.place)
            attributes = [cursor.unsigned(4) if has else 0 for has in there]
        elif kind == DUMMY:
            if any(cursor.take(size)):
                raise FormatError("there is something where zeros must be", end - size)
        elif kind in _READ_OVER:
            cursor.skip(size)
        else:
            raise FormatError(f"a property {kind} of members is not known", cursor.place)
        if cursor.place != end:
            raise FormatError("a property of members has another size than it says", cursor.place)
        kind = cursor.byte()
    if len(names) != count:
        raise FormatError("the names of members are missing", start)
    deleted = iter(anti)
    return [
        Entry(name, not no, attribute, next(deleted, False) if no else False)
        for name, no, attribute in zip(names, empty, attributes, strict=True)
    ]


def _names(cursor: Cursor, size: int, count: int) -> list[str]:
    if cursor.byte():
        raise FormatError("names in a stream of their own are not known", cursor.place)
    text = cursor.take(size - 1).decode("utf-16-le", "surrogatepass" if size % 2 else "replace")
    names = text.split("\0")
    if len(names) != count + 1 or names[-1]:
        raise FormatError("there are not as many names as members", cursor.place)
    return names[:-1]
