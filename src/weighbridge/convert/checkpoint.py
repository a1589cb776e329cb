"""Files with tensors, opened: what their pickle leaves, and where the bytes of each storage lie. Nothing is loaded.

The readers of the scan find the places (`formats/torch/zip.py`, `formats/torch/legacy.py`), and the symbolic machine
follows the pickle with a keeper. What a file says twice must be the same both times, or it is not converted.
"""

from __future__ import annotations

from weighbridge.convert.arrays import npy_array
from weighbridge.convert.contents import Contents, items_of
from weighbridge.convert.region import Region, region_of
from weighbridge.core.errors import FormatError, NotConvertible
from weighbridge.core.limits import Budget
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.archives.compressed import decompressor, expand
from weighbridge.formats.archives.zip import read_directory
from weighbridge.formats.torch.zip import ITEM_BYTES, pickle_member, top_folder
from weighbridge.pickle.keeper import Keeper, kept_limits
from weighbridge.pickle.machine import interpret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from weighbridge.convert.views import View
    from weighbridge.core.limits import Limits
    from weighbridge.core.reader import Reader
    from weighbridge.formats.archives.zip import Member
    from weighbridge.pickle.machine import Program

COMPRESSED = frozenset(("gzip", "zlib", "bzip2", "xz", "lzma", "lz4"))
"""Streams that joblib and others put around a pickle."""
PICKLED = frozenset(("torch-zip", "torch-legacy", "pickle", *COMPRESSED))
"""Formats of files that a pickle is loaded from."""
ARRAYS = frozenset(("numpy", "zip"))
"""Formats of files of arrays alone."""
_DAMAGED = "the file is damaged: get it again"
_PROGRAM = ("code/", "constants.pkl", "constants/")


class Checkpoint(NamedTuple):
    """What a file holds: a pickle's value with its storages by key, or arrays by name."""

    contents: Contents | None
    storages: Mapping[str, Region]
    reversed: bool = False
    """Whether the numbers in the storages stand in big-endian order."""
    arrays: Mapping[str, tuple[View, Region]] | None = None


def opened(data: Reader, kind: str, limits: Limits) -> Checkpoint:
    """Open a file of this format. Raises NotConvertible with the reason, FormatError where its bytes break it."""
    budget = Budget(kept_limits(limits), data.size)
    if kind == "torch-zip":
        return _torch_zip(data, budget)
    if kind == "torch-legacy":
        return _torch_legacy(data, budget)
    if kind == "numpy":
        return Checkpoint(None, {}, arrays={"array": npy_array(data, "array")})
    if kind == "zip":
        return _npz(data, budget)
    if kind in COMPRESSED:
        expanded, taken, why = expand(data, 0, data.size, decompressor(kind), budget)
        if why or taken != data.size:
            raise NotConvertible(f"the {kind} stream does not expand to its end", _DAMAGED)
        data = expanded.reader()
    keeper = Keeper()
    program = _followed(data, 0, budget, keeper, arrays=True)
    if program.end != data.size:
        raise NotConvertible("there are more bytes behind the pickle", "save it again as one object")
    return Checkpoint(Contents(program.value, keeper, data), {})


def _followed(data: Reader, start: int, budget: Budget, keeper: Keeper, *, arrays: bool = False) -> Program:
    program = interpret(data, start, budget, arrays=arrays, keeper=keeper)
    if program.exhausted:
        raise NotConvertible("the pickle holds more values than are kept", "save the state_dict in several files")
    if not program.complete:
        raise NotConvertible(f"the pickle cannot be followed: {program.broken}", _DAMAGED)
    return program


def _torch_zip(data: Reader, budget: Budget) -> Checkpoint:
    members = read_directory(data, budget).members
    top = top_folder(members)
    if top is None:
        raise NotConvertible("the archive has no data.pkl", _DAMAGED)
    named: dict[str, Member] = {}
    for member in members:
        if not member.name.startswith(f"{top}/"):
            continue
        inner = member.name.removeprefix(f"{top}/")
        if inner in named:
            raise NotConvertible(f"the archive has two members {inner[:60]!r}", _DAMAGED)
        if inner.startswith(_PROGRAM):
            raise NotConvertible("it is a TorchScript program, not weights", "save model.state_dict() of it")
        named[inner] = member
    source = pickle_member(members, f"{top}/data.pkl", data, budget)
    if source is None:
        raise NotConvertible("data.pkl is compressed in a way that torch does not read", "save it with torch.save")
    keeper = Keeper()
    program = _followed(source, 0, budget, keeper)
    if program.end != source.size:
        raise NotConvertible("there are more bytes behind the pickle", "save it with torch.save")
    storages = {}
    for key, (kind, elements) in program.storages.items():
        found = named.get(f"data/{key}")
        if found is None:
            continue
        if found.method:
            raise NotConvertible("a storage is compressed", "save it with torch.save")
        if found.compressed != elements * ITEM_BYTES.get(kind.rpartition(".")[2], 0):
            raise NotConvertible(f"storage {key[:60]!r} has not the size that the pickle says", _DAMAGED)
        storages[key] = region_of(data, found.data, found.compressed)
    return Checkpoint(Contents(program.value, keeper, source), storages, _big_endian(named.get("byteorder"), data))


def _big_endian(member: Member | None, data: Reader) -> bool:
    order = data.peek(member.data, min(member.compressed, 16)) if member else b"little"
    if order not in (b"little", b"big"):
        raise NotConvertible("the byte order is neither little nor big", _DAMAGED)
    return order == b"big"


def _torch_legacy(data: Reader, budget: Budget) -> Checkpoint:
    """Storages are little-endian whatever the writer was (`torch/csrc/Storage.cpp` turns them round)."""
    start = 0
    keeper = Keeper()
    programs = []
    for _ in range(5):
        programs.append(_followed(data, start, budget, keeper))
        start = programs[-1].end
    keys = items_of(programs[4].value, Contents(None, keeper, data))
    wanted = programs[3].storages
    if keys is None or len(keys) != len(wanted) or {key for key in keys if isinstance(key, str)} != set(wanted):
        raise NotConvertible("the list of storages is not the one that the object asks for", _DAMAGED)
    storages = {}
    for key in keys:
        kind, elements = wanted[str(key)]
        size = elements * ITEM_BYTES.get(kind.rpartition(".")[2], 0)
        if not size and elements:
            raise NotConvertible(f"a storage is of the unknown type {kind[:60]}", "save it without that")
        if int.from_bytes(data.read(start, 8), "little", signed=True) != elements:
            raise NotConvertible(f"storage {str(key)[:60]!r} has not the size that the pickle says", _DAMAGED)
        storages[str(key)] = region_of(data, start + 8, size)
        start += 8 + size
    if start != data.size:
        raise NotConvertible("there are more bytes behind the last storage", _DAMAGED)
    return Checkpoint(Contents(programs[3].value, keeper, data), storages)


def _npz(data: Reader, budget: Budget) -> Checkpoint:
    arrays = {}
    for member in read_directory(data, budget).members:
        name = member.name.removesuffix(".npy")
        if not member.name.endswith(".npy") or name in arrays:
            raise NotConvertible(f"{member.name[:60]!r} is no array", "name a file that numpy.savez wrote")
        content = pickle_member((member,), member.name, data, budget)
        if content is None or content.size != member.size:
            raise NotConvertible(f"the array {name[:60]!r} cannot be expanded", "save it with numpy.savez")
        try:
            arrays[name] = npy_array(content, f"array {name}")
        except (FormatError, NotConvertible) as error:
            raise NotConvertible(f"{name[:60]!r}: {error.cause}", error.mend or "save numbers only") from error
    return Checkpoint(None, {}, arrays=arrays)
