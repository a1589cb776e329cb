"""safetensors as the reference implementation lays it out, written as a stream.

    u64 little endian: N
    N bytes of JSON: "__metadata__" first, then each tensor in the order of its bytes; spaces up to a multiple of 8
    the tensors, back to back: those with the widest elements first, among equal ones by name

So every tensor begins at a multiple of its item. Source: huggingface/safetensors 0.8, `tensor.rs`, `prepare`.
"""

from __future__ import annotations

import json
import os

from weighbridge.convert.line import PIECE, Sink, room_for
from weighbridge.convert.region import pieces
from weighbridge.convert.strides import ordered
from weighbridge.core.digests import Digest
from weighbridge.core.errors import NotConvertible
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from weighbridge.convert.region import Region
    from weighbridge.convert.views import View

RANK = (
    "BOOL",
    "F4",
    "F6_E2M3",
    "F6_E3M2",
    "U8",
    "I8",
    "F8_E5M2",
    "F8_E4M3",
    "F8_E8M0",
    "F8_E4M3FNUZ",
    "F8_E5M2FNUZ",
    "I16",
    "U16",
    "F16",
    "BF16",
    "I32",
    "U32",
    "F32",
    "C64",
    "F64",
    "I64",
    "U64",
)
"""The reference's order of dtypes, the last one first in the file."""
MOST_HEADER = 100_000_000
"""Bytes of the header that the reference reads."""


class Source(NamedTuple):
    """One tensor to write: which elements, of which bytes."""

    name: str
    view: View
    region: Region


class Written(NamedTuple):
    """One tensor that was written. `before` is the digest of its storage as it lies in the source."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    sha256: str
    before: str


def write_tensors(
    path: str, sources: Iterable[Source], metadata: Mapping[str, str], advance: Callable[[int], None]
) -> tuple[list[Written], Digest, int]:
    """Write a new file; gives each tensor with its digests, the digest of the whole file, and its size in bytes."""
    listed = sorted(sources, key=lambda source: (-RANK.index(source.view.dtype), source.name.encode()))
    header = _header(listed, metadata)
    size = len(header) + sum(source.view.size for source in listed)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        room_for(fd, size)
        done, digest = _streamed(listed, header, Sink(fd, size), advance)
        return done, digest, size
    finally:
        os.close(fd)


def _streamed(
    listed: Sequence[Source], header: bytes, sink: Sink, advance: Callable[[int], None]
) -> tuple[list[Written], Digest]:
    import hashlib

    befores: dict[tuple[int, int, int], str] = {}
    done = []
    try:
        sink.put(memoryview(header))
        for source in listed:
            own = hashlib.sha256()
            for piece, buffer in _content(source, sink.buffer):
                own.update(piece)
                advance(len(piece))
                sink.put(piece, buffer)
            digest = own.hexdigest()
            before = _before(source, digest, befores)
            done.append(Written(source.name, source.view.dtype, source.view.shape, digest, before))
        return done, Digest(sink.digest())
    finally:
        sink.close()


def _header(listed: Sequence[Source], metadata: Mapping[str, str]) -> bytes:
    tree: dict[str, object] = {"__metadata__": dict(metadata)}
    place = 0
    for source in listed:
        end = place + source.view.size
        tree[source.name] = {"dtype": source.view.dtype, "shape": source.view.shape, "data_offsets": (place, end)}
        place = end
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MOST_HEADER:
        raise NotConvertible("the table of tensors is longer than safetensors allows", "save it in several files")
    return len(text).to_bytes(8, "little") + text


def _content(source: Source, buffer: Callable[[], memoryview]) -> Iterator[tuple[memoryview, memoryview | None]]:
    """The bytes of a tensor in its order, and the buffer of the sink that they lie in."""
    view, region = source.view, source.region
    if view.contiguous:
        yield from pieces(region, view.offset * view.item, view.size, buffer)
    else:
        for block in ordered(view, region):
            yield block, None


def _before(source: Source, after: str, known: dict[tuple[int, int, int], str]) -> str:
    """The digest of the storage that a tensor was read from. Each storage is read for it once, or not at all."""
    import hashlib

    view, region = source.view, source.region
    place = (id(region.source), region.start, region.size)
    if place not in known:
        if region.swap == 1 and view.contiguous and view.offset == 0 and view.size == region.size:
            known[place] = after
        else:
            state = hashlib.sha256()
            room = memoryview(bytearray(PIECE))
            for piece, _ in pieces(region._replace(swap=1), 0, region.size, lambda: room):
                state.update(piece)
            known[place] = state.hexdigest()
    return known[place]
