"""Heaps of HDF5, and the newer kind of B-tree that leads into one.

    local heap      "HEAP", u8 0, 3 bytes, size, first free block, address of the segment       names of a group
    global heap     "GCOL", u8 1, 3 bytes, size, objects: u16 index, u16 references, 4 bytes, size, content
    fractal heap    "FRHP" header, "FHDB" direct blocks with the objects, "FHIB" indirect blocks that list blocks
    B-tree 2        "BTHD" header, "BTIN" and "BTLF" nodes of records of one size

A fractal heap doubles its blocks from row to row. An object in it has an id: its place and size, a number that a B-tree
knows (huge: outside of the heap), or the object itself (tiny). Space that no object takes has to be empty.
Source: HDF5 File Format Specification 3.0, III.A.2, III.D to III.G; HDF5 2.0 `src/H5B2hdr.c`, `src/H5HFdtable.c`.
"""

from __future__ import annotations

from bisect import bisect_right

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.hdf5.file import UNDEFINED, Cursor, encoded_size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.formats.hdf5.file import Hdf5File


class LocalHeap:
    """The names of a group."""

    __slots__ = ("_free", "_raw", "_segment", "_used")

    def __init__(self, file: Hdf5File, address: int) -> None:
        head = file.block(address, 8 + 2 * file.lengths + file.offsets, b"HEAP")
        if head.number(4):
            raise FormatError("the version of a local heap is not known", head.offset)
        size, self._free, place = head.length(), head.length(), head.address()
        self._segment = file.block(place, size)
        self._raw = self._segment.raw
        self._used: list[tuple[int, int]] = []

    def text(self, offset: int) -> str:
        """The text at `offset`. Raises FormatError if there is none."""
        end = self._raw.find(b"\0", offset)
        if not 0 <= offset < len(self._raw) or end < 0:
            raise FormatError("a name is not in its heap", self._segment.offset)
        self._used.append((offset, end))
        return self._raw[offset:end].decode("utf-8", "replace")

    def finish(self) -> None:
        """Look at the space that no name took, except for what its list of free blocks says of them."""
        file, wide = self._segment.file, self._segment.file.lengths
        free, most = self._free, len(self._raw) // (2 * wide)
        while free not in (1, UNDEFINED):
            size = int.from_bytes(self._raw[free + wide : free + 2 * wide], "little")
            most -= 1
            if most < 0 or size < 2 * wide or free + size > len(self._raw):
                raise FormatError("the free blocks of a local heap are not inside of it", self._segment.offset)
            self._used.append((free, free + 2 * wide))
            free = int.from_bytes(self._raw[free : free + wide], "little")
        place = 0
        for start, end in sorted(self._used):
            if start > place:
                file.unused(self._segment.offset + place, self._segment.offset + start, "the names of a group")
            place = max(place, end)
        file.unused(self._segment.offset + place, self._segment.offset + len(self._raw), "the names of a group")


def collection(file: Hdf5File, address: int) -> dict[int, tuple[int, int]]:
    """The objects of a global heap: index → offset in the blob and size."""
    if address in file.collections:
        return file.collections[address]
    size = int.from_bytes(file.data.peek(file.base + max(address, 0) + 8, file.lengths), "little")
    heap = file.block(address, size, b"GCOL")
    if heap.number(1) != 1:
        raise FormatError("the version of a global heap is not known", heap.offset)
    heap.take(3 + file.lengths)
    objects: dict[int, tuple[int, int]] = {}
    while heap.rest >= 8 + file.lengths:
        index = heap.number(2)
        heap.take(6)
        length = heap.length()
        if index == 0:
            break
        objects[index] = (heap.here, length)
        heap.take(length + -length % 8 if length >= 0 else -1)
    file.unused(heap.here, heap.here + heap.rest, "a global heap")
    file.collections[address] = objects
    return objects


def records(file: Hdf5File, address: int, kinds: tuple[int, ...]) -> Iterator[Cursor]:
    """Every record of a B-tree of version 2 whose type is one of `kinds`."""
    width = file.offsets
    head = file.checked(address, 22 + width + file.lengths, b"BTHD")
    version, kind = head.number(1), head.number(1)
    node_size, size, depth = head.number(4), head.number(2), head.number(2)
    head.take(2)
    root, count, total = head.address(), head.number(2), head.length()
    if version or kind not in kinds or not size or node_size < 10 + size:
        raise FormatError(f"a B-tree of the type {kind} where one of {kinds} should be", head.offset)
    if root == UNDEFINED:
        return
    most = (node_size - 10) // size
    counter = encoded_size(most)
    widths, sums = [0], [most]
    for _ in range(depth):
        pointer = width + counter + widths[-1]
        fit = (node_size - 10 - pointer) // (size + pointer)
        sums.append((fit + 1) * sums[-1] + fit)
        widths.append(encoded_size(sums[-1]))
        if fit < 1 or len(widths) > 32:
            raise FormatError("the nodes of a B-tree are too small", head.offset)
    seen = 0
    pending = [(root, count, depth)]
    while pending:
        place, count, level = pending.pop()
        pointers = (count + 1) * (width + counter + widths[level - 1]) if level else 0
        used = 6 + count * size + pointers + 4
        if used > node_size:
            raise FormatError("a node of a B-tree has more records than fit", file.base + place)
        whole = file.block(place, node_size, b"BTIN" if level else b"BTLF")
        node = file.verified(whole, used)
        file.unused(whole.offset + used, whole.offset + node_size, "a B-tree")
        node.take(2)
        for _ in range(count):
            yield node.part(size)
        seen += count
        for _ in range(count + 1 if level else 0):
            child = node.address()
            pending.append((child, node.number(counter), level - 1))
            node.number(widths[level - 1])
    if seen != total:
        raise FormatError(f"a B-tree has {seen} records, not {total}", head.offset)


class Block(NamedTuple):
    """A direct block: where it begins in the space of the heap, where in the blob, and what it has for itself."""

    start: int
    offset: int
    size: int
    overhead: int


class FractalHeap:
    """A fractal heap: `get` gives its objects, `finish` looks at what they leave."""

    __slots__ = ("_blocks", "_huge", "_id", "_length_width", "_offset_width", "_used", "file")

    def __init__(self, file: Hdf5File, address: int) -> None:
        self.file = file
        width, long = file.offsets, file.lengths
        head = file.checked(address, 26 + 12 * long + 3 * width, b"FRHP")
        version, self._id, filters, flags = head.number(1), head.number(2), head.number(2), head.number(1)
        if version or filters:
            raise FormatError("a heap whose blocks are packed is not read", head.offset)
        largest = head.number(4)
        head.take(long)
        huge = head.address()
        head.take(long)
        free = head.address()
        head.take(3 * long)
        managed = head.length()
        head.take(4 * long)
        columns, first, most, bits = head.number(2), head.length(), head.length(), head.number(2)
        head.take(2)
        root, rows = head.address(), head.number(2)
        powers = all(one > 0 and one & (one - 1) == 0 for one in (columns, first, most))
        if not powers or first > most or bits > 64:
            raise FormatError("the doubling table of a heap is broken", head.offset)
        self._offset_width = (bits + 7) // 8
        self._length_width = min((most.bit_length() + 6) // 8, encoded_size(largest))
        self._used: list[tuple[int, int]] = []
        self._huge = _huge(file, huge)
        self._blocks: list[Block] = []
        if root != UNDEFINED:
            self._read(address, root, rows, (columns, first, most), checked=bool(flags & 2))
        self._blocks.sort()
        if managed and not self._blocks:
            raise FormatError("a heap has objects and no block", head.offset)
        if free != UNDEFINED:
            _free_space(file, free)

    def _read(self, owner: int, root: int, rows: int, table: tuple[int, int, int], *, checked: bool) -> None:
        columns, first, most = table
        direct_rows = most.bit_length() - first.bit_length() + 2
        pending = [(root, 0, rows, first if rows == 0 else 0)]
        while pending:
            address, start, rows, size = pending.pop()
            if size:
                self._direct(owner, address, start, size, checked=checked)
                continue
            if rows > 64:
                raise FormatError("an indirect block has too many rows", self.file.base + address)
            entries = columns * rows
            whole = 9 + self.file.offsets + self._offset_width + entries * self.file.offsets
            block = self.file.checked(address, whole, b"FHIB")
            self._belongs(block, owner, start)
            for row in range(rows):
                size = first << max(row - 1, 0)
                for _ in range(columns):
                    child = block.address()
                    if child != UNDEFINED and row < direct_rows:
                        pending.append((child, start, 0, size))
                    elif child != UNDEFINED:
                        inner = size.bit_length() - (first * columns).bit_length() + 1
                        pending.append((child, start, inner, 0))
                    start += size

    def _belongs(self, block: Cursor, owner: int, start: int) -> None:
        if block.number(1) or block.address() != owner or block.number(self._offset_width) != start:
            raise FormatError("a block of a heap belongs elsewhere", block.offset)

    def _direct(self, owner: int, address: int, start: int, size: int, *, checked: bool) -> None:
        block = self.file.block(address, size, b"FHDB")
        self._belongs(block, owner, start)
        if checked:
            from weighbridge.formats.hdf5.file import checksum

            place = block.place
            if checksum(block.raw[:place] + bytes(4) + block.raw[place + 4 :]) != block.number(4):
                raise FormatError("a checksum of the HDF5 file is wrong", block.offset)
        self._blocks.append(Block(start, block.offset, size, block.place))

    def get(self, raw: bytes) -> Cursor:
        """The object with this id. Raises FormatError if there is none."""
        kind = raw[0] >> 4 & 3 if raw and raw[0] >> 6 == 0 else 3
        if kind == 0:
            end = 1 + self._offset_width
            start = int.from_bytes(raw[1:end], "little")
            size = int.from_bytes(raw[end : end + self._length_width], "little")
            index = bisect_right(self._blocks, start, key=lambda one: one.start) - 1
            block = self._blocks[index] if index >= 0 else Block(0, 0, 0, 0)
            inside = start - block.start
            if inside < block.overhead or inside + size > block.size:
                raise FormatError("an object is not in its heap", block.offset)
            place = block.offset + inside
            self._used.append((place, place + size))
            return Cursor(self.file, self.file.data.read(place, size), place)
        if kind == 1:
            wide = self.file.offsets + self.file.lengths
            if self._id > wide:
                address = self.file.address(raw, 1)
                size = int.from_bytes(raw[1 + self.file.offsets : 1 + wide], "little")
                return self.file.block(address, size)
            number = int.from_bytes(raw[1 : 1 + min(self.file.lengths, self._id - 1)], "little")
            if number in self._huge:
                return self.file.block(*self._huge.pop(number))
        raise FormatError("an object is not in its heap", 0)

    def finish(self) -> None:
        """Look at the space that no object took: anything but zeros stays unread."""
        self._used.sort()
        index = 0
        for block in sorted(self._blocks, key=lambda one: one.offset):
            place, end = block.offset + block.overhead, block.offset + block.size
            while index < len(self._used) and self._used[index][0] < end:
                start, behind = self._used[index]
                if start > place:
                    self.file.unused(place, start, "a heap")
                place = max(place, behind)
                index += 1
            self.file.unused(place, end, "a heap")


def _huge(file: Hdf5File, address: int) -> dict[int, tuple[int, int]]:
    """Objects outside of the heap by their number. Those that are named by their address have no need of it."""
    found: dict[int, tuple[int, int]] = {}
    if address != UNDEFINED:
        for record in records(file, address, (1, 3)):
            place, size = record.address(), record.length()
            if record.rest:
                found[record.length()] = (place, size)
    return found


def _free_space(file: Hdf5File, address: int) -> None:
    """The list of free space of a heap: only its bytes matter, what it lists is looked at by the heap."""
    wide, long = file.offsets, file.lengths
    head = file.checked(address, 18 + 7 * long + wide, b"FSHD")
    head.take(2 + 4 * long + 8 + long)
    place, used, size = head.address(), head.length(), head.length()
    if place != UNDEFINED:
        whole = file.block(place, size, b"FSSE")
        file.verified(whole, used)
        file.unused(whole.offset + used, whole.offset + size, "a heap")
