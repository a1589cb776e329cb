"""Write a PyTorch checkpoint of the digit classifier, as `torch.save` writes one, without PyTorch.

    model.pt, a zip archive whose members are stored as they are:
      model/data.pkl     a pickle, protocol 2: OrderedDict of names and tensors; a tensor is a call of
                         torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks), and its
                         storage is a persistent id ("storage", class, key, device, elements)
      model/byteorder    "little"
      model/data/0 …     the bytes of each storage
      model/version      "3"

The tensors are those of `examples/digits/model.safetensors`, so that whoever converts the checkpoint can compare.
Standard library only; the same bytes every time. Run: python examples/build_checkpoint.py FILE
"""

from __future__ import annotations

import json
import math
import os
import struct
import sys
import zipfile

DIGITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "digits", "model.safetensors")
STORAGES = {"F32": ("FloatStorage", 4)}
"""Class and bytes per element of a storage, by the name that safetensors has for its type."""
WHEN = (2026, 1, 1, 0, 0, 0)

PROTO, STOP, MARK, TUPLE, REDUCE, BINPERSID, SETITEMS = b"\x80\x02", b".", b"(", b"t", b"R", b"Q", b"u"
EMPTY_TUPLE, NEWFALSE = b")", b"\x89"


def named(module: str, name: str) -> bytes:
    """GLOBAL: a loader would import `module` and take `name` from it."""
    return f"c{module}\n{name}\n".encode()


def text(value: str) -> bytes:
    """BINUNICODE: four bytes of length, then UTF-8."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def numbers(values: list[int]) -> bytes:
    """A tuple of BININT."""
    return MARK + b"".join(b"J" + struct.pack("<i", value) for value in values) + TUPLE


def tensor(kind: str, key: str, shape: list[int]) -> bytes:
    """The call that rebuilds one tensor over a storage of its own."""
    elements = math.prod(shape)
    storage = MARK + text("storage") + named("torch", kind) + text(key) + text("cpu")
    storage += b"J" + struct.pack("<i", elements) + TUPLE + BINPERSID
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    hooks = named("collections", "OrderedDict") + EMPTY_TUPLE + REDUCE
    offset = b"J" + struct.pack("<i", 0)
    arguments = MARK + storage + offset + numbers(shape) + numbers(strides) + NEWFALSE + hooks + TUPLE
    return named("torch._utils", "_rebuild_tensor_v2") + arguments + REDUCE


def checkpoint(source: str) -> dict[str, bytes]:
    """The members of the archive, in order, made of a safetensors file of float32."""
    with open(source, "rb") as file:
        raw = file.read()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    items, storages = b"", {}
    for key, name in enumerate(sorted(header.keys() - {"__metadata__"})):
        kind, _ = STORAGES[header[name]["dtype"]]
        start, end = header[name]["data_offsets"]
        items += text(name) + tensor(kind, str(key), header[name]["shape"])
        storages[f"model/data/{key}"] = raw[8 + size + start : 8 + size + end]
    pickled = PROTO + named("collections", "OrderedDict") + EMPTY_TUPLE + REDUCE + MARK + items + SETITEMS + STOP
    return {"model/data.pkl": pickled, "model/byteorder": b"little", **storages, "model/version": b"3\n"}


def main(path: str) -> None:
    """Write the checkpoint to `path`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in checkpoint(DIGITS).items():
            archive.writestr(zipfile.ZipInfo(name, WHEN), content)


if __name__ == "__main__":
    main(sys.argv[1])
