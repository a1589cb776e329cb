"""safetensors against the reference: the same tensors and metadata on valid files, and nothing clean that it refuses."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import save

from build.inspecting import inspected, scanned
from weighbridge.core.facts import Metadata, Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

DTYPES = ["bool", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8", "c8"]
SHAPES = [(), (0,), (3,), (2, 3), (2, 0, 4), (1, 2, 3, 2)]


def written(seed: int) -> bytes:
    """A file of the reference's own writer: some tensors of any type and shape, and metadata or none."""
    chance = random.Random(seed)
    numbers = np.random.default_rng(seed)
    tensors = {
        f"layer.{number}.{chance.choice(['weight', 'bias', 'ä', 'x y'])}": numbers.integers(
            0, 100, chance.choice(SHAPES)
        ).astype(chance.choice(DTYPES))
        for number in range(chance.randrange(6))
    }
    metadata = {"format": "np", "note": "ü" * chance.randrange(9)} if chance.random() < 0.5 else None
    return save(tensors, metadata)


@pytest.mark.parametrize("seed", range(60))
def test_what_the_reference_writes_is_read_as_the_reference_reads_it(tmp_path: Path, seed: int) -> None:
    content = written(seed)
    assert scanned(tmp_path, "m.safetensors", content).verdict is Verdict.CLEAN
    facts = inspected(tmp_path / "m.safetensors").facts.blobs
    seen = [fact for blob in facts for fact in blob.facts]
    ours = {one.name: (one.dtype, list(one.shape), one.size) for one in seen if isinstance(one, Tensor)}
    theirs = {name: (one["dtype"], one["shape"], len(one["data"])) for name, one in deserialize(content)}
    assert ours == theirs
    data = {name: bytes(one["data"]) for name, one in deserialize(content)}
    for one in seen:
        if isinstance(one, Tensor):
            assert content[one.offset : one.offset + one.size] == data[one.name]
    with safe_open(tmp_path / "m.safetensors", "np") as file:
        assert {one.key: one.value for one in seen if isinstance(one, Metadata)} == (file.metadata() or {})


def test_what_the_reference_refuses_is_never_clean(tmp_path: Path) -> None:
    refused = 0
    for seed in range(1500):
        chance = random.Random(seed)
        raw = bytearray(written(seed % 60))
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(raw))
            raw[place : place + chance.randrange(3)] = chance.choice([b"", b"0", b"9", b'"', b"}", b"\xff", b"]", b"-"])
        try:
            deserialize(bytes(raw))
        except SafetensorError:
            refused += 1
            assert scanned(tmp_path, "m.safetensors", bytes(raw)).verdict is not Verdict.CLEAN, bytes(raw)
    assert refused > 500
