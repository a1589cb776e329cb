"""The elements of an HDF5 dataset: where they lie, whether they are as many as the shape says, what they hide.

Three filters are undone, by which h5py and Keras pack: deflate (1), shuffle (2), a checksum (3). Any other leaves the
chunks unread; one above 255 is a native library that HDF5 loads from a folder by itself (`HDF5_PLUGIN_PATH`).
Elements can also lie in other files: raw (a list of files), or as parts of other datasets (virtual). Both make a loader
read whatever file is named (CVE-2026-1669). A shape that is far larger than what is stored asks for memory that
nobody has (CVE-2026-0897).
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import FileReference, Limit, Native, Oddity, Tensor, UnreadSpan
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.compressed import decompressor, expand
from weighbridge.formats.hdf5.chunks import chunk_bytes, chunks
from weighbridge.formats.hdf5.file import UNDEFINED, Cursor
from weighbridge.formats.hdf5.heaps import LocalHeap, collection
from weighbridge.formats.hdf5.types import DEFLATE, FLETCHER, PLUGIN, SHUFFLE, Datatype
from weighbridge.formats.hdf5.values import about, values
from weighbridge.formats.magic import machine_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.formats.hdf5.chunks import Chunk
    from weighbridge.formats.hdf5.file import Hdf5File
    from weighbridge.formats.hdf5.types import Dataspace, Filter, Layout

WINDOW = 4 << 20
"""Bytes of elements that are looked into at a time."""
BOMB_FLOOR, BOMB_RATIO = 256 << 20, 1000
"""A shape is odd if it asks for more bytes than the first, and for so many times what is stored."""
_LZF = 32000


def elements(
    file: Hdf5File,
    key: str,
    kind: Datatype,
    space: Dataspace,
    layout: Layout,
    filters: tuple[Filter, ...],
    *,
    away: bool,
) -> Iterator[Fact | Child]:
    """A dataset as a tensor, its bytes, and what is odd about it. `away`: other files have its elements."""
    declared = kind.size * space.elements
    place, stored = layout.place, 0
    found: list[Fact | Child] = []
    for one in filters:
        if one.id >= PLUGIN and one.id != _LZF:
            detail = f"{key[:100]!r} needs the native plug-in of filter {one.id} {one.name!r}"
            yield Oddity("hdf5-plugin-filter", detail, layout.place)
    if layout.kind == "compact":
        place, stored = layout.place, layout.size
        if stored != declared:
            yield Oddity("hdf5-size", f"{key[:100]!r} has {stored} bytes instead of {declared}", place)
        found.extend(values(file, key, kind, layout.raw, place) if about(file, kind).searched else ())
    elif layout.kind == "contiguous" and layout.address != UNDEFINED:
        stored = declared if layout.size == UNDEFINED else layout.size
        if stored != declared:
            yield Oddity("hdf5-size", f"{key[:100]!r} has {stored} bytes instead of {declared}", place)
        place = file.take(layout.address, stored, "data")
        found.extend(_looked_into(file, key, kind, file.data.part(place, stored), place))
    elif layout.kind == "chunked":
        if len(layout.chunk) != len(space.dims) + 1 or layout.chunk[-1] != kind.size:
            raise FormatError("the chunks of a dataset have another shape or type", layout.place)
        for chunk in chunks(file, layout, space, filtered=bool(filters)):
            at = file.take(chunk.address, chunk.size, "data")
            place = place if stored else at
            stored += chunk.size
            yield from _chunk(file, key, kind, chunk, at, chunk_bytes(layout), filters)
    elif layout.kind == "virtual":
        yield from _virtual(file, key, layout)
    if declared > BOMB_FLOOR and declared > BOMB_RATIO * stored and not away and layout.kind != "virtual":
        detail = f"{key[:100]!r} has a shape for {declared} bytes, and {stored} are stored"
        yield Oddity("hdf5-shape", detail, layout.place)
    yield Tensor(key, kind.name, space.dims, place, stored)
    yield from found


def _looked_into(file: Hdf5File, key: str, kind: Datatype, data: Reader, offset: int) -> Iterator[Fact | Child]:
    """Elements back to back: a program at their beginning, and what their type lets hide. `offset`: in the blob."""
    program = machine_code(data.peek(0, 512))
    if program:
        yield Native(program, offset)
    if kind.size and about(file, kind).searched:
        if kind.size > WINDOW:
            yield UnreadSpan(offset, data.size, f"the elements of {key[:100]!r} are too large")
            return
        step = WINDOW // kind.size * kind.size
        for start in range(0, data.size, step):
            yield from values(file, key, kind, data.peek(start, step), offset + start)


def _chunk(
    file: Hdf5File, key: str, kind: Datatype, chunk: Chunk, place: int, whole: int, filters: tuple[Filter, ...]
) -> Iterator[Fact | Child]:
    data = file.data.part(place, chunk.size)
    for index in range(len(filters) - 1, -1, -1):
        number = filters[index].id
        if chunk.mask >> index & 1:
            continue
        if number == FLETCHER and data.size >= 4:
            data = data.part(0, data.size - 4)
        elif number == SHUFFLE:
            if data.size <= WINDOW or about(file, kind).searched:
                data = _unshuffled(data, kind.size)
        elif number == DEFLATE:
            content, taken, why = expand(data, 0, data.size, decompressor("zlib"), file.budget)
            if why == "expansion":
                yield Limit("expansion_ratio", file.budget.limits.expansion_ratio, place)
            if why or taken != data.size:
                yield UnreadSpan(
                    place, chunk.size, f"a chunk of {key[:100]!r} does not expand: {why or 'bytes are left'}"
                )
                return
            data = content.reader()
        else:
            yield UnreadSpan(place, chunk.size, f"chunks that are packed by filter {number} are not read")
            return
    if data.size != whole:
        yield Oddity("hdf5-size", f"a chunk of {key[:100]!r} has {data.size} bytes instead of {whole}", place)
    yield from _looked_into(file, key, kind, data, place)


def _unshuffled(data: Reader, size: int) -> Reader:
    """The bytes of elements in their order. The filter writes all first bytes, then all second ones, …"""
    count = data.size // size if size > 1 else 0
    if not count:
        return data
    raw = data.read(0, data.size)
    out = bytearray(raw)
    for index in range(size):
        out[index : count * size : size] = raw[index * count : (index + 1) * count]
    return Reader(MemorySource(bytes(out)))


def storage(file: Hdf5File, key: str, body: Cursor) -> Iterator[FileReference]:
    """The files that an external-storage message names for the elements of a dataset."""
    start = body.here
    if body.number(1) != 1:
        raise FormatError("the version of a list of files is not known", start)
    body.take(5)
    used = body.number(2)
    heap = LocalHeap(file, body.address())
    for _ in range(used):
        name = heap.text(body.length())
        body.take(2 * file.lengths)
        yield FileReference("hdf5-external-storage", name[:1000], key, start)
    heap.finish()


def _virtual(file: Hdf5File, key: str, layout: Layout) -> Iterator[Fact]:
    """The files and datasets that a virtual dataset is made of."""
    if layout.address == UNDEFINED:
        return
    place, size = collection(file, layout.address).get(layout.size, (0, -1))
    if size < 0:
        raise FormatError("the parts of a virtual dataset are not in their heap", layout.place)
    body = Cursor(file, file.data.read(place, size), place)
    told: set[str] = set()
    try:
        for _ in range(_parts(body)):
            name, path = body.text().decode("utf-8", "replace"), body.text().decode("utf-8", "replace")
            if name not in told:
                told.add(name)
                yield FileReference("hdf5-virtual-dataset", f"{name}:{path}"[:1000], key, layout.place)
            _selection(body)
            _selection(body)
    except FormatError as error:
        if not told:
            yield FileReference("hdf5-virtual-dataset", "?", key, layout.place)
        yield UnreadSpan(place, size, f"the parts of a virtual dataset are not read: {error.cause}")


def _parts(body: Cursor) -> int:
    if body.number(1):
        raise FormatError("the version of a virtual dataset is not known", body.offset)
    return body.length()


def _selection(body: Cursor) -> None:
    """Skip a selection: none, points, hyperslabs, all."""
    kind, version = body.number(4), body.number(4)
    if kind in (0, 3) or version == 1:
        body.take(4)
        body.take(body.number(4))
    elif kind == 2 and version == 2:
        body.take(1)
        body.take(body.number(4))
    elif kind == 2 and version == 3:
        flags, width, rank = body.number(1), body.number(1), body.number(4)
        if flags & 1:
            body.take(4 * width * rank)
        else:
            body.take(2 * width * rank * body.number(width))
    else:
        raise FormatError("a selection is not known", body.here)
