"""Checkpoints written opcode by opcode: what torch of other versions, on other machines, or a liar would write."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from build import pickles as p
from build.containers import zipped

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ORDERED = p.global_("collections", "OrderedDict") + b")R"


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def numbers(values: tuple[int, ...]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def storage(key: str, kind: str, elements: int, view: bytes = b"") -> bytes:
    """The persistent id of a storage, fetched."""
    name = p.global_("torch.storage" if kind == "UntypedStorage" else "torch", kind)
    return b"(" + p.text("storage") + name + p.text(key) + p.text("cpu") + number(elements) + view + b"tQ"


def tensor(held: bytes, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, more: bytes = b"") -> bytes:
    """A tensor by `_rebuild_tensor_v2`; `more` are further arguments."""
    made = p.global_("torch._utils", "_rebuild_tensor_v2")
    return made + b"(" + held + number(offset) + numbers(shape) + numbers(strides) + b"\x89" + ORDERED + more + b"tR"


def tensor_v3(held: bytes, shape: tuple[int, ...], strides: tuple[int, ...], dtype: str, offset: int = 0) -> bytes:
    made = p.global_("torch._utils", "_rebuild_tensor_v3")
    rest = b"\x89" + ORDERED + p.global_("torch", dtype) + b"tR"
    return made + b"(" + held + number(offset) + numbers(shape) + numbers(strides) + rest


def table(items: Mapping[str, bytes]) -> bytes:
    """A dictionary of values that are opcodes."""
    return b"}(" + b"".join(p.text(name) + value for name, value in items.items()) + b"u"


def archive(value: bytes, storages: Mapping[str, bytes], order: bytes = b"little") -> bytes:
    """A zip checkpoint that leaves `value`."""
    members = {"archive/data.pkl": p.proto(2) + value + p.STOP, "archive/byteorder": order}
    return zipped(members | {f"archive/data/{key}": raw for key, raw in storages.items()} | {"archive/version": b"3\n"})


class Written(NamedTuple):
    """A safetensors file, read without the library: dtype, shape and bytes of each tensor, and the metadata."""

    tensors: dict[str, tuple[str, tuple[int, ...], bytes]]
    metadata: dict[str, str]


def written(path: Path) -> Written:
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    assert size % 8 == 0
    header: dict[str, Any] = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, told in header.items():
        begin, end = told["data_offsets"]
        tensors[name] = (told["dtype"], tuple(told["shape"]), content[8 + size + begin : 8 + size + end])
    return Written(tensors, metadata)
