"""Chunks of an HDF5 dataset: the indexes that say where each one lies.

    btree1       "TREE" nodes: u32 size, u32 skipped filters, 8 bytes for each dimension; the address
    single       the layout has the address itself             implicit   one behind the other
    fixed        "FAHD", "FADB" with pages                     entries: the address; with filters also the size and
    extensible   "EAHD", "EAIB", "EASB", "EADB" with pages              the skipped filters
    btree2       records of the types 10 and 11

An address that is undefined stands for a chunk that was never written. Source: HDF5 File Format Specification 3.0,
III.A.1, VII; HDF5 2.0 `src/H5EAhdr.c`, `src/H5FAdblock.c`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.hdf5.file import UNDEFINED
from weighbridge.formats.hdf5.groups import tree_nodes
from weighbridge.formats.hdf5.heaps import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.formats.hdf5.file import Cursor, Hdf5File
    from weighbridge.formats.hdf5.types import Dataspace, Layout


class Chunk(NamedTuple):
    """A stored chunk. Bit n of `mask` says that filter n was skipped."""

    address: int
    size: int
    mask: int


def chunk_bytes(layout: Layout) -> int:
    """Bytes of a whole chunk without filters."""
    size = 1
    for length in layout.chunk:
        size *= length
    return size


def chunks(file: Hdf5File, layout: Layout, space: Dataspace, *, filtered: bool) -> Iterator[Chunk]:
    """Every chunk that is stored. Raises FormatError where the index does not fit."""
    if layout.address == UNDEFINED:
        return
    whole = chunk_bytes(layout)
    if layout.order == "single":
        yield Chunk(layout.address, layout.size if filtered and layout.size else whole, layout.mask)
    elif layout.order == "implicit":
        yield from _implicit(file, layout, space, whole)
    elif layout.order == "btree1":
        for node in tree_nodes(file, layout.address, 1, file.chunk_k, 8 + 8 * len(layout.chunk)):
            size, mask = (int.from_bytes(node.key[place : place + 4], "little") for place in (0, 4))
            yield Chunk(node.child, size, mask)
    elif layout.order == "btree2":
        dims = len(layout.chunk) - 1
        for record in records(file, layout.address, (11 if filtered else 10,)):
            width = record.rest - file.offsets - 4 - 8 * dims
            yield _entry(record, width if filtered else 0, whole)
    else:
        found = _fixed(file, layout) if layout.order == "fixed" else _extensible(file, layout)
        for entry, width in found:
            chunk = _entry(entry, width, whole)
            if chunk.address != UNDEFINED:
                yield chunk


def _entry(cursor: Cursor, width: int, whole: int) -> Chunk:
    address = cursor.address()
    if width > 0:
        return Chunk(address, cursor.number(width), cursor.number(4))
    return Chunk(address, whole, 0)


def _implicit(file: Hdf5File, layout: Layout, space: Dataspace, whole: int) -> Iterator[Chunk]:
    count = 1
    for length, step in zip(space.dims, layout.chunk, strict=False):
        count *= -(-length // step) if step else 0
    if whole <= 0 or count * whole > file.end:
        raise FormatError("the chunks of a dataset are not inside of the file", layout.place)
    for index in range(count):
        yield Chunk(layout.address + index * whole, whole, 0)


def _width(file: Hdf5File, client: int, entry: int, offset: int) -> int:
    """Bytes of the size of a filtered chunk in an entry of an array; 0 if chunks are not filtered."""
    width = entry - file.offsets - 4 if client == 1 else 0
    if client > 1 or not 0 <= width <= 8 or (client == 0 and entry != file.offsets):
        raise FormatError("the entries of an array of chunks have an impossible size", offset)
    return width


def _pages(file: Hdf5File, start: int, entries: int, per_page: int, size: int, present: bytes) -> Iterator[Cursor]:
    """Entries of `size` bytes in pages, one behind the other. A page that was never written has its place as well."""
    for index in range(-(-entries // per_page)):
        if present[index // 8] & 0x80 >> index % 8:
            held = min(per_page, entries - index * per_page)
            page = file.checked(start + index * (per_page * size + 4), held * size + 4)
            for _ in range(held):
                yield page.part(size)


def _fixed(file: Hdf5File, layout: Layout) -> Iterator[tuple[Cursor, int]]:
    head = file.checked(layout.address, 12 + file.lengths + file.offsets, b"FAHD")
    version, client, entry, bits = (head.number(1) for _ in range(4))
    count, address = head.length(), head.address()
    width = _width(file, client, entry, head.offset)
    if version or count < 0 or bits > 32:
        raise FormatError("an array of chunks is broken", head.offset)
    if address == UNDEFINED:
        return
    prefix = 6 + file.offsets
    if count <= 1 << bits:
        block = file.checked(address, prefix + count * entry + 4, b"FADB")
        block.take(prefix - 4)
        for _ in range(count):
            yield block.part(entry), width
        return
    pages = -(-count // (1 << bits))
    bitmap = -(-pages // 8)
    block = file.checked(address, prefix + bitmap + 4, b"FADB")
    block.take(prefix - 4)
    for found in _pages(file, address + prefix + bitmap + 4, count, 1 << bits, entry, block.take(bitmap)):
        yield found, width


def _extensible(file: Hdf5File, layout: Layout) -> Iterator[tuple[Cursor, int]]:
    wide = file.offsets
    head = file.checked(layout.address, 16 + 6 * file.lengths + wide, b"EAHD")
    version, client, entry, bits, in_index, least, pointers, page_bits = (head.number(1) for _ in range(8))
    head.take(6 * file.lengths)
    address = head.address()
    width = _width(file, client, entry, head.offset)
    powers = all(one and not one & (one - 1) for one in (least, pointers))
    if version or not powers or bits > 64 or page_bits > 32:
        raise FormatError("an array of chunks is broken", head.offset)
    if address == UNDEFINED:
        return
    supers = 1 + bits - (least.bit_length() - 1)
    first = 2 * (pointers.bit_length() - 1)
    direct, beyond = 2 * (pointers - 1), max(0, supers - first)
    index = file.checked(address, 6 + wide + in_index * entry + (direct + beyond) * wide + 4, b"EAIB")
    index.take(2 + wide)
    for _ in range(in_index):
        yield index.part(entry), width
    offset_width = (bits + 7) // 8
    blocks: list[tuple[int, int, bytes | None]] = []
    for level in range(first):
        held = (1 << (level + 1) // 2) * least
        blocks.extend((index.address(), held, None) for _ in range(1 << level // 2))
    for level in range(first, first + beyond):
        place = index.address()
        if place == UNDEFINED:
            continue
        count, held = 1 << level // 2, (1 << (level + 1) // 2) * least
        bitmap = -(-(held >> page_bits) // 8) if held > 1 << page_bits else 0
        block = file.checked(place, 6 + wide + offset_width + count * (bitmap + wide) + 4, b"EASB")
        block.take(2 + wide + offset_width)
        present = [block.take(bitmap) if bitmap else None for _ in range(count)]
        blocks.extend((block.address(), held, pages) for pages in present)
    for place, held, paged in blocks:
        if place == UNDEFINED:
            continue
        prefix = 6 + wide + offset_width
        if paged is None:
            block = file.checked(place, prefix + held * entry + 4, b"EADB")
            block.take(prefix - 4)
            for _ in range(held):
                yield block.part(entry), width
        else:
            file.checked(place, prefix + 4, b"EADB")
            for found in _pages(file, place + prefix + 4, held, 1 << page_bits, entry, paged):
                yield found, width
