"""PyTorch checkpoints since 1.6: a stored zip archive with one pickle and the raw bytes of its storages.

    <top>/data.pkl       the object; tensors point to storages by persistent id
    <top>/data/<key>     raw bytes of one storage
    <top>/constants.pkl, constants/<key>    the same for the constants of a TorchScript program
    <top>/version, byteorder, .format_version, .storage_alignment, .data/serialization_id

A storage counts as data only if the pickle asks for it under that key and its size is what the pickle says.
Real files have flag bit 3 set with zero local sizes and a local extra field `FB` for alignment: no oddities.
Source: pytorch `torch/serialization.py` and `caffe2/serialize/inline_container.cc`.
"""

from __future__ import annotations

from weighbridge.core.facts import Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.archives.compressed import decompressor, expand
from weighbridge.formats.archives.zip import Zip, directory_end, frame, read_directory, read_member
from weighbridge.formats.base import Match
from weighbridge.formats.magic import PROGRAM_HEAD, machine_code
from weighbridge.pickle.machine import interpret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.archives.zip import Member
    from weighbridge.formats.base import BlobInfo

ITEM_BYTES = {
    "DoubleStorage": 8,
    "FloatStorage": 4,
    "HalfStorage": 2,
    "BFloat16Storage": 2,
    "LongStorage": 8,
    "IntStorage": 4,
    "ShortStorage": 2,
    "CharStorage": 1,
    "ByteStorage": 1,
    "BoolStorage": 1,
    "ComplexDoubleStorage": 16,
    "ComplexFloatStorage": 8,
    "QUInt8Storage": 1,
    "QInt8Storage": 1,
    "QInt32Storage": 4,
    "UntypedStorage": 1,
}
"""Storage class → bytes per element (`torch/storage.py`)."""
_NOTES = {"version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id"}


class TorchZip:
    """A PyTorch zip checkpoint, TorchScript archives included."""

    name = "torch-zip"
    version = 2
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for a zip archive with a `data.pkl` in a top folder; seen in its central directory."""
        begins = info.head.startswith(b"PK\x03\x04")
        return Match.YES if begins and b"/data.pkl" in directory_end(data) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield the storages as tensors, and everything else as a zip archive's members."""
        directory = read_directory(data, budget)
        top = _top(directory.members)
        if top is None:
            yield from Zip().parse(data, info, budget)
            return
        yield from frame(directory, data, budget)
        names = {member.name for member in directory.members}
        storages = {
            f"{place}/{key}": storage
            for place in ("data", "constants")
            if f"{top}/{place}.pkl" in names and any(name.startswith(f"{top}/{place}/") for name in names)
            for key, storage in _storages(directory.members, f"{top}/{place}.pkl", data, budget).items()
        }
        for member in directory.members:
            inner = member.name.removeprefix(f"{top}/")
            if inner in storages and member.method == 0:
                yield from _storage(member, inner.removeprefix("data/"), storages[inner], data, budget)
            elif inner in _NOTES and member.size <= 64 and member.method == 0:
                content = data.read(member.data, member.compressed)
                if content.strip().isalnum():
                    yield Span(member.data, member.compressed, "parsed")
            else:
                yield from read_member(member, data, budget)


def _top(members: tuple[Member, ...]) -> str | None:
    """The folder whose `data.pkl` comes first: torch takes the name of the first record."""
    for member in members:
        top, slash, rest = member.name.partition("/")
        if slash and rest == "data.pkl":
            return top
    return None


def _storages(members: tuple[Member, ...], name: str, data: Reader, budget: Budget) -> Mapping[str, tuple[str, int]]:
    for member in members:
        if member.name == name:
            if member.method == 0:
                reader = data.part(member.data, member.compressed)
            elif member.method == 8:
                engine = decompressor("deflate")
                reader = expand(data, member.data, member.compressed, engine, budget)[0].reader()
            else:
                return {}
            return interpret(reader, 0, budget).storages
    return {}


def _storage(member: Member, key: str, storage: tuple[str, int], data: Reader, budget: Budget) -> Iterator[Fact | Span]:
    kind, elements = storage
    item = ITEM_BYTES.get(kind.rpartition(".")[2])
    if item is None:
        return
    if elements * item != member.compressed:
        detail = f"storage {key!r} has {member.compressed} bytes, the pickle expects {elements * item}"
        yield Oddity("storage-size", detail, member.data)
        return
    if budget.facts > 0:
        budget.facts -= 1
        yield Tensor(f"storage/{key}", kind.rpartition(".")[2], (elements,), member.data, member.compressed)
    program = machine_code(data.peek(member.data, min(PROGRAM_HEAD, member.compressed)))
    if program:
        yield Native(program, member.data)
    yield Span(member.data, member.compressed, "data")
