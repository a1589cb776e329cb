"""Elements in their order: held against NumPy on tensors that are transposed, sliced, repeated and turned round."""

from __future__ import annotations

import random

import numpy as np
import pytest

from weighbridge.convert import strides
from weighbridge.convert.region import Region
from weighbridge.convert.strides import folded, ordered
from weighbridge.convert.views import View
from weighbridge.core.reader import MemorySource

DTYPES = {1: "U8", 2: "U16", 4: "U32", 8: "U64"}


def elements(base: np.ndarray, array: np.ndarray, *, big: bool = False) -> bytes:
    item = base.itemsize
    raw = base.byteswap().tobytes() if big else base.tobytes()
    offset = (array.__array_interface__["data"][0] - base.__array_interface__["data"][0]) // item
    view = View("0", DTYPES[item], array.shape, tuple(step // item for step in array.strides), offset)
    return b"".join(bytes(block) for block in ordered(view, Region(MemorySource(raw), 0, len(raw), item if big else 1)))


def some_array(chance: random.Random) -> tuple[np.ndarray, np.ndarray]:
    dtype = chance.choice((np.uint8, np.uint16, np.uint32, np.uint64))
    shape = [chance.randint(1, 7) for _ in range(chance.randint(1, 4))]
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    base = np.frombuffer(chance.randbytes(count), dtype).reshape(shape)
    array = base.transpose(chance.sample(range(len(shape)), len(shape)))
    array = array[tuple(slice(chance.randint(0, 2), None, chance.randint(1, 3)) for _ in range(array.ndim))]
    if chance.random() < 0.3:
        array = np.broadcast_to(array, (chance.randint(1, 4), *array.shape))
    return base, array


@pytest.mark.parametrize("small", [True, False])
def test_any_view_comes_out_as_numpy_has_it(small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if small:
        # Blocks and windows of a few elements: every way to cut a tensor is gone.
        monkeypatch.setattr(strides, "BLOCK", 64)
        monkeypatch.setattr(strides, "WINDOW", 32)
    chance = random.Random(7)
    for _ in range(600):
        base, array = some_array(chance)
        if array.size:
            wanted = np.ascontiguousarray(array).tobytes()
            assert elements(base, array, big=chance.random() < 0.3) == wanted, (base.shape, array.shape, array.strides)


def test_a_block_is_no_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strides, "BLOCK", 1024)
    region = Region(MemorySource(bytes(64 * 64 * 4)), 0, 64 * 64 * 4)
    sizes = [len(block) for block in ordered(View("0", "F32", (64, 64), (1, 64), 0), region)]
    assert max(sizes) <= 1024
    assert sum(sizes) == 64 * 64 * 4


def test_neighbours_that_are_one_run_become_one() -> None:
    assert folded((2, 1, 3, 4), (12, 5, 4, 1)) == ([24], [1])
    assert folded((3, 4), (1, 3)) == ([3, 4], [1, 3])
