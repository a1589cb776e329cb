"""Indexes of sharded weights: which tensor lies in which file beside the index.

    model.safetensors.index.json   {"metadata": {"total_size": bytes},
                                    "weight_map": {"tensor": "model-00001-of-00002.safetensors", …}}

`pytorch_model.bin.index.json` and its likes have the same form. Loaders open what the map names, so a name that leads
elsewhere is a way out of the folder, and a shard that is missing is a part of the model that nobody looked at. Source:
transformers `modeling_utils.py`, accelerate `utils/modeling.py`.
"""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Oddity
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact

ROAD = "weight-shard"
MOST = 10_000
"""Shards of one index that are kept as facts; the largest published model has 300."""


def shards(tree: Any) -> Iterator[Fact]:
    """The files that an index names, each once, and what is wrong with the map itself."""
    mapping = tree.get("weight_map") if isinstance(tree, dict) else None
    if mapping is None:
        return
    if not isinstance(mapping, dict):
        yield Oddity("index-map", "weight_map is not an object")
        return
    seen: set[str] = set()
    for tensor, name in mapping.items():
        if not isinstance(name, str):
            yield Oddity("index-map", f"the shard of {tensor[:100]!r} is not a name")
        elif name not in seen:
            if len(seen) >= MOST:
                yield Oddity("index-map", f"more than {MOST} shards")
                return
            seen.add(name)
            yield FileReference(ROAD, name[:1000], f"weight_map.{tensor[:100]}")
