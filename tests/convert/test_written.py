"""What is written is what the reference implementation writes and reads."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
import safetensors.numpy
from safetensors import safe_open

from build.checkpoints import archive, storage, table, tensor, tensor_v3
from build.running import command
from weighbridge.convert import line
from weighbridge.convert.line import Sink
from weighbridge.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_file_is_the_one_that_the_reference_writes(tmp_path: Path) -> None:
    kinds = ["?", "i1", "u1", "i2", "u2", "f2", "i4", "u4", "f4", "c8", "i8", "u8", "f8"]
    made = {f"{order}{kind}": np.arange(9).astype(kind) for kind in kinds for order in "ba"}
    made |= {"s": np.array(1.0), "empty": np.zeros((3, 0), "f4")}
    np.savez(tmp_path / "m.npz", **made)
    assert command("convert", tmp_path / "m.npz", "--output", tmp_path / "out").status == 0
    ours = (tmp_path / "out" / "m.safetensors").read_bytes()
    assert ours == safetensors.numpy.save(made, {"format": "pt"})


def test_the_reference_reads_types_that_numpy_has_not(tmp_path: Path) -> None:
    raw = bytes(range(16))
    dtypes = {"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e8m0fnu": "F8_E8M0"}
    dtypes |= {"float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ"}
    content = {}
    for number, dtype in enumerate(dtypes):
        content[dtype] = tensor_v3(storage("0", "UntypedStorage", 16), (15 - number,), (1,), dtype)
    content["bfloat16"] = tensor(storage("1", "BFloat16Storage", 8), (8,), (1,))
    (tmp_path / "m.pt").write_bytes(archive(table(content), {"0": raw, "1": raw}))
    outcome = command("convert", tmp_path / "m.pt", "--output", tmp_path / "out")
    assert outcome.status in (0, 1)
    if outcome.status == 0:
        with safe_open(tmp_path / "out" / "m.safetensors", "numpy") as file:
            found = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 -- no dictionary
        assert found == {name: dtypes.get(name, "BF16") for name in content}


@pytest.mark.parametrize("size", [1000, 5_000_000])
def test_many_pieces_come_out_in_their_order(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "ALONE", 4096)
    made = {str(number): np.random.default_rng(number).integers(0, 256, size, "u1") for number in range(3)}
    made["turned"] = made["0"][: size // 10 * 10].reshape(10, -1).T
    np.savez(tmp_path / "m.npz", **made)
    assert command("convert", tmp_path / "m.npz", "--output", tmp_path / "out").status == 0
    assert (tmp_path / "out" / "m.safetensors").read_bytes() == safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in made.items()}, {"format": "pt"}
    )


def test_pieces_do_not_pile_up_before_a_slow_disk() -> None:
    reader, writer = os.pipe()
    sink = Sink(writer, 100_000_000)
    put: list[int] = []

    def hurry() -> None:
        for number in range(20):
            sink.put(memoryview(bytes(100_000)))
            put.append(number)

    thread = threading.Thread(target=hurry)
    thread.start()
    # The pipe takes 64 KiB, so the first piece is never written before somebody reads.
    thread.join(0.3)
    assert len(put) == line.WAITING
    left = 20 * 100_000
    while left:
        left -= len(os.read(reader, left))
    thread.join()
    assert len(sink.digest()) == 64
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("size", [10, 100_000_000])
def test_a_full_disk_is_told(size: int) -> None:
    with open("/dev/full", "wb") as full:
        sink = Sink(full.fileno(), size)
        for _ in range(20):
            buffer = sink.buffer()
            sink.put(buffer[:10], buffer)
        with pytest.raises(UsageError, match="No space"):
            sink.digest()
