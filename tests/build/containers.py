"""Archives, checkpoints and safetensors built by code."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from typing import TYPE_CHECKING

from weighbridge.formats.torch.legacy import MAGIC

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def zipped(members: Mapping[str, bytes], *, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def state_dict_pickle(storages: Sequence[tuple[str, str, int]]) -> bytes:
    """What torch.save writes for a state dict: (storage class, key, number of elements) for each tensor."""
    out = b"\x80\x02ccollections\nOrderedDict\n)R("
    for kind, key, count in storages:
        out += b"X" + struct.pack("<I", len(key) + 2) + b"t." + key.encode()
        out += b"ctorch._utils\n_rebuild_tensor_v2\n(("
        out += b"X\x07\x00\x00\x00storagectorch\n" + kind.encode() + b"\n"
        out += b"X" + struct.pack("<I", len(key)) + key.encode() + b"X\x03\x00\x00\x00cpu"
        out += b"J" + struct.pack("<i", count) + b"tQK\x00J" + struct.pack("<i", count) + b"\x85K\x01\x85\x89"
        out += b"ccollections\nOrderedDict\n)RtR"
    return out + b"u."


def torch_zip(
    storages: Sequence[tuple[str, str, bytes]], items: Mapping[str, int], *, extra: Mapping[str, bytes] | None = None
) -> bytes:
    """A torch checkpoint; `items` gives the bytes per element of each storage class."""
    listed = [(kind, key, len(raw) // items[kind]) for kind, key, raw in storages]
    members = {"archive/data.pkl": state_dict_pickle(listed), "archive/byteorder": b"little"}
    members |= {f"archive/data/{key}": raw for _, key, raw in storages}
    members |= {"archive/version": b"3\n"} | dict(extra or {})
    return zipped(members)


def safetensors(
    tensors: Mapping[str, bytes],
    *,
    metadata: Mapping[str, str] | None = None,
    header: bytes | None = None,
    tail: bytes = b"",
) -> bytes:
    """A safetensors file of U8 tensors; `header` replaces the JSON that belongs there."""
    tree: dict[str, object] = {"__metadata__": dict(metadata)} if metadata is not None else {}
    offset = 0
    for name, raw in tensors.items():
        tree[name] = {"dtype": "U8", "shape": [len(raw)], "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
    text = json.dumps(tree).encode() if header is None else header
    return struct.pack("<Q", len(text)) + text + b"".join(tensors.values()) + tail


STORAGES = [("FloatStorage", "7", bytes(16)), ("HalfStorage", "9", bytes(6))]
COUNTS = {"7": 4, "9": 3}


def torch_legacy(
    *, magic: bytes = b"", system: bytes = b"}", end: bytes = b"", counts: Mapping[str, int] = COUNTS
) -> bytes:
    """What torch.save wrote before its zip archives: five pickles, then the storages, each behind its length."""
    out = magic or pickle.dumps(MAGIC, 2)
    out += pickle.dumps(1001, 2) + b"\x80\x02" + system + b"."
    out += state_dict_pickle([(kind, key, COUNTS[key]) for kind, key, _ in STORAGES])
    out += pickle.dumps([key for _, key, _ in STORAGES], 2)
    for _, key, raw in STORAGES:
        out += struct.pack("<q", counts[key]) + raw
    return out + end
