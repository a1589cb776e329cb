"""Checkpoints of TensorFlow: an index of tensors, shards with their bytes, and a file that names the newest.

    NAME.index                  sorted table (see `sstable`): "" → BundleHeaderProto {1 num_shards, 2 endianness}
                                tensor → BundleEntryProto {1 dtype, 2 shape, 3 shard_id, 4 offset, 5 size, 6 crc32c,
                                7 slices}
    NAME.data-00000-of-00002    tensors back to back, in any order
    checkpoint                  text: model_checkpoint_path: "NAME", all_model_checkpoint_paths: "NAME" …

    string tensor in a shard    length of every element (varints), checksum of the lengths (u32), the elements

A tensor of which only slices are stored has no bytes of its own; the key of a slice is 00, the name with its zeros
escaped, 00 01, and numbers. The checksums of tensors are not compared: they say nothing about who wrote them, and a
loader refuses what does not fit. Source: TensorFlow 2.21, `core/util/tensor_bundle/tensor_bundle.cc`,
`core/util/saved_tensor_slice_util.cc`, `core/protobuf/tensor_bundle.proto`.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import ExternalData, FileReference, Limit, Metadata, Oddity, Span, Tensor
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.base import Match
from weighbridge.formats.grammars import sstable
from weighbridge.formats.grammars.protobuf import Wire, signed
from weighbridge.formats.onnx.tensors import MOST_DIMS, elements
from weighbridge.formats.tensorflow.schema import BUNDLE_ENTRY, BUNDLE_HEADER
from weighbridge.formats.tensorflow.types import NAMES, WIDTHS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.base import BlobInfo

MOST_SHARDS = 100_000
"""Shards that a name of five digits can count."""
_STATE = re.compile(rb'\s*(?:all_)?model_checkpoint_(?:path|paths|timestamps)\s*:\s*["\d]')
_LINE = re.compile(
    r'\s*(?:(model_checkpoint_path|all_model_checkpoint_paths)\s*:\s*"((?:[^"\\\n]|\\.)*+)"'
    r"|(?:all_model_checkpoint_timestamps|last_preserved_timestamp)\s*:\s*[\d.eE+-]+)\s*"
)


class Entry(NamedTuple):
    """A BundleEntryProto."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    slices: int


class CheckpointIndex:
    """The index of a checkpoint."""

    name = "tensorflow-checkpoint"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark at the end; MAYBE for a name beside which shards would lie."""
        if sstable.is_table(data):
            return Match.YES
        return Match.MAYBE if info.name == "variables.index" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Every tensor and where its bytes are; the shards are held against that by whoever sees the files."""
        shards = -1
        prefix = info.name.removesuffix(".index")
        for row in sstable.rows(data, budget):
            if isinstance(row, Span):
                yield row
                continue
            if budget.facts < 2:
                yield Limit("facts", budget.limits.facts, row.offset)
                return
            wire = Wire(Reader(MemorySource(row.value)))
            if shards < 0:
                if row.key:
                    raise FormatError("the index has no header", row.offset)
                shards = _header(wire, row.offset)
                yield Metadata("num_shards", str(shards), 1, row.offset)
            else:
                entry = _entry(wire)
                if not 0 <= entry.shard < shards:
                    raise FormatError(f"a tensor lies in shard {entry.shard} of {shards}", row.offset)
                yield from _tensor(tensor_name(row.key), entry, f"{prefix}.data-{entry.shard:05}-of-{shards:05}", row)
            if wire.unknown or wire.notes:
                raise FormatError("an entry of the index holds what nobody defined", row.offset)
            budget.facts -= 2
        if shards < 0:
            raise FormatError("the index is empty", 0)


class CheckpointState:
    """The file `checkpoint`, which names the newest one."""

    name = "tensorflow-checkpoint-state"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for text whose first line names a checkpoint."""
        return Match.YES if _STATE.match(info.head) and data.size < 1 << 20 else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """The paths that are named."""
        del info, budget
        place = 0
        for line in data.read(0, data.size).split(b"\n"):
            try:
                found = _LINE.fullmatch(line.decode())
            except UnicodeDecodeError:
                found = None
            if found is None and line.strip():
                raise FormatError("a line that such a file does not have", place)
            if found is not None and found[1]:
                yield FileReference("tf-checkpoint", found[2][:1000], found[1], place)
            place += len(line) + 1
        yield Span(0, data.size, "parsed")


def _header(wire: Wire, offset: int) -> int:
    shards = endianness = 0
    for field in wire.fields(0, wire.reader.size, BUNDLE_HEADER):
        if field.number == 1:
            shards = signed(field.value)
        elif field.number == 2:
            endianness = field.value
    if endianness not in (0, 1) or not 0 <= shards <= MOST_SHARDS:
        raise FormatError(f"the header names {shards} shards, byte order {endianness}", offset)
    return shards


def _entry(wire: Wire) -> Entry:
    dtype = shard = offset = size = slices = 0
    shape: tuple[int, ...] = ()
    for field in wire.fields(0, wire.reader.size, BUNDLE_ENTRY):
        number, _, place, length, value, _ = field
        if number == 1:
            dtype = signed(value)
        elif number == 2:
            shape = _shape(wire, place, length)
        elif number == 3:
            shard = signed(value)
        elif number == 4:
            offset = signed(value)
        elif number == 5:
            size = signed(value)
        elif number == 7:
            slices += 1
            _walk_slice(wire, place, length)
    return Entry(dtype, shape, shard, offset, size, slices)


def _shape(wire: Wire, start: int, size: int) -> tuple[int, ...]:
    shape = BUNDLE_ENTRY.messages[2]
    lengths: list[int] = []
    for part in wire.fields(start, start + size, shape):
        if part.number != 2:
            continue
        length = 0
        for inner in wire.fields(part.offset, part.offset + part.size, shape.messages[2]):
            length = signed(inner.value) if inner.number == 1 else length
        lengths.append(length)
    return tuple(lengths[: MOST_DIMS + 1])


def _walk_slice(wire: Wire, start: int, size: int) -> None:
    shape = BUNDLE_ENTRY.messages[7]
    for part in wire.fields(start, start + size, shape):
        for _ in wire.fields(part.offset, part.offset + part.size, shape.messages[1]):
            pass


def _tensor(name: str, entry: Entry, shard: str, row: sstable.Row) -> Iterator[Fact]:
    kind = NAMES.get(entry.dtype, str(entry.dtype))
    count = elements(entry.shape)
    width = WIDTHS.get(entry.dtype, 0)
    what = f"tensor {name[:200]!r}"
    if entry.dtype not in NAMES:
        yield Oddity("tensor-type", f"{what} has the data type {entry.dtype}, which does not exist", row.offset)
    if count < 0 or len(entry.shape) > MOST_DIMS or min(entry.offset, entry.size) < 0:
        yield Oddity("tensor-size", f"{what} has impossible lengths {str(entry.shape[:8])[:100]}", row.offset)
        return
    yield Tensor(name[:500], kind, entry.shape, entry.offset, entry.size)
    wanted = count * width if width else -1
    if entry.slices:
        if entry.size:
            yield Oddity("tensor-twice", f"{what} has slices and {entry.size} bytes of its own", row.offset)
        return
    if (wanted >= 0 and entry.size != wanted) or (not width and entry.size < count):
        should = f"{wanted}" if width else f"at least {count}"
        detail = f"{what} of type {kind} and shape {list(entry.shape)[:8]} has {entry.size} bytes instead of {should}"
        yield Oddity("tensor-size", detail, row.offset)
    if entry.size:
        yield ExternalData(name[:500], shard, entry.offset, entry.size, wanted, "", row.offset)


def tensor_name(key: bytes) -> str:
    """The name of a tensor; of a slice, the name that it is a slice of and the rest of the key."""
    if not key.startswith(b"\0"):
        return key.decode("utf-8", "replace")
    name, mark, rest = key[1:].partition(b"\0\1")
    plain = name.replace(b"\0\xff", b"\0").replace(b"\xff\0", b"\xff").decode("utf-8", "replace")
    return f"{plain}[{rest.hex()}]" if mark else key.hex()


PARTS = (CheckpointIndex(), CheckpointState())
