"""Indexes of sharded checkpoints: which tensor lies in which file (see `formats/config/shard_index.py`)."""

from __future__ import annotations

import json

from weighbridge.convert.names import tensors_name
from weighbridge.core.errors import NotConvertible
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.convert.write import Written

LARGEST = 64 * 1024 * 1024
"""Bytes of the longest index that is read."""


def new_index(
    raw: bytes, folder: str, written: Mapping[str, tuple[list[Written], Mapping[str, str]]], sizes: Mapping[str, int]
) -> bytes:
    """The index of the converted shards. `written` and `sizes` (bytes of tensors) are by path of the new file.

    Raises NotConvertible if the old one names a shard that was not converted or a tensor that is not in it.
    """
    try:
        tree: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NotConvertible("the index of the shards is no JSON", "get the file again") from error
    mapping = tree.get("weight_map") if isinstance(tree, dict) else None
    if not isinstance(mapping, dict) or not all(isinstance(name, str) for name in mapping.values()):
        raise NotConvertible("the index of the shards has no weight_map", "get the file again")
    placed: dict[str, str] = {}
    shards: dict[str, str] = {}
    for tensor, old in mapping.items():
        path = folder + tensors_name(old)
        if path not in written:
            raise NotConvertible(f"the index names the shard {old[:100]!r}, which is not here", "fetch every shard")
        shards[path] = tensors_name(old)
        if tensor not in written[path][1]:
            placed[tensor] = tensors_name(old)
    return _checked(tree, placed, shards, written, sizes)


def check_same_index(path: str, text: bytes) -> None:
    """Raise NotConvertible unless the index at `path` leads to the same files as the new one."""
    try:
        with open(path, "rb") as file:
            there: Any = json.loads(file.read(LARGEST))
        same = there["weight_map"].items() >= json.loads(text)["weight_map"].items()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        same = False
    if not same:
        cause = "the index of safetensors that is there leads elsewhere"
        raise NotConvertible(cause, "remove the one of the two that is not wanted")


def _checked(
    tree: dict[str, Any],
    placed: Mapping[str, str],
    shards: Mapping[str, str],
    written: Mapping[str, tuple[list[Written], Mapping[str, str]]],
    sizes: Mapping[str, int],
) -> bytes:
    """The text of the new index; every tensor of every shard must be in it, and nothing else."""
    there = {found.name: name for path, name in shards.items() for found in written[path][0]}
    for tensor, shard in placed.items():
        if there.get(tensor) != shard:
            raise _missing(tensor, shard)
    extra = there.keys() - placed.keys()
    if extra:
        raise NotConvertible(f"the index does not name {min(extra)[:100]!r}", "get the index and its shards again")
    metadata = tree.get("metadata")
    kept = dict(metadata) if isinstance(metadata, dict) else {}
    kept["total_size"] = sum(sizes[path] for path in shards)
    new = {"metadata": kept, "weight_map": dict(sorted(placed.items()))}
    return json.dumps(new, indent=2, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _missing(tensor: str, shard: str) -> NotConvertible:
    cause = f"the index says that {tensor[:100]!r} is in {shard[:100]!r}, and it is not"
    return NotConvertible(cause, "get the index and its shards again")
