"""Arrays of NumPy, in all files that they come in: the tensors are what NumPy and joblib themselves load."""

from __future__ import annotations

import gzip
import io
import pickle
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
import pytest

from build.checkpoints import written
from build.running import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DTYPES = ["?", "i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", "<u8", "<f2", ">f2", "<f4", ">f4", "<f8", "<c8", ">c8"]
NAMES = {"b1": "BOOL", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8", "u2": "U16", "u4": "U32"}
NAMES |= {"u8": "U64", "f2": "F16", "f4": "F32", "f8": "F64", "c8": "C64"}


def arrays() -> dict[str, np.ndarray]:
    made = {}
    for number, dtype in enumerate(DTYPES):
        made[f"a{number}"] = np.arange(600).astype(dtype).reshape(20, 30)
        made[f"f{number}"] = np.asfortranarray(np.arange(24).astype(dtype).reshape(2, 3, 4))
    return made | {"scalar": np.array(3, "<f4"), "empty": np.zeros((0, 3), "<f4")}


def pickled(value: Any, protocol: int) -> bytes:
    return pickle.dumps(value, protocol)


def dumped(value: Any, compress: Any = 0) -> bytes:
    out = io.BytesIO()
    joblib.dump(value, out, compress=compress)
    return out.getvalue()


def saved(save: Callable[..., None], value: dict[str, np.ndarray]) -> bytes:
    out = io.BytesIO()
    save(out, **value)
    return out.getvalue()


FILES: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "pickle 3": ("m.pkl", lambda value: pickled(value, 3)),
    "pickle 4": ("m.pkl", lambda value: pickled(value, 4)),
    "pickle 5": ("m.pkl", lambda value: pickled(value, 5)),
    "pickle in gzip": ("m.pkl.gz", lambda value: gzip.compress(pickled(value, 4))),
    "joblib": ("m.joblib", dumped),
    "joblib zlib": ("m.joblib", lambda value: dumped(value, 3)),
    "joblib xz": ("m.joblib", lambda value: dumped(value, ("xz", 3))),
    "npz": ("m.npz", lambda value: saved(np.savez, value)),
    "npz deflated": ("m.npz", lambda value: saved(np.savez_compressed, value)),
}


@pytest.mark.parametrize(("name", "write"), FILES.values(), ids=FILES.keys())
def test_arrays_keep_every_bit(tmp_path: Path, name: str, write: Callable[[Any], bytes]) -> None:
    made = arrays()
    (tmp_path / name).write_bytes(write(made))
    outcome = command("convert", tmp_path / name, "--output", tmp_path / "out")
    assert outcome.status == 0, outcome.out
    (path,) = (tmp_path / "out").iterdir()
    file = written(path)
    for key, array in made.items():
        dtype, shape, raw = file.tensors[file.metadata.get(key, key)]
        little = array.astype(array.dtype.newbyteorder("<"))
        assert dtype == NAMES[array.dtype.str[1:]], key
        assert shape == array.shape, key
        assert raw == np.ascontiguousarray(little).tobytes(), key


def test_a_file_of_one_array(tmp_path: Path) -> None:
    np.save(tmp_path / "m.npy", np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)))
    assert command("convert", tmp_path / "m.npy", "--output", tmp_path / "out").status == 0
    found = written(tmp_path / "out" / "m.safetensors").tensors
    assert found == {"array": ("I32", (2, 3), np.arange(6, dtype="<i4").tobytes())}


REFUSED = {
    "objects": ("m.pkl", pickle.dumps({"a": np.array([[1], "x"], dtype=object)}, 4)),
    "text": ("m.pkl", pickle.dumps({"a": np.array(["x" * 2000])}, 4)),
    "dates": ("m.pkl", pickle.dumps({"a": np.array(["2020-01-01"], "M8[D]")}, 4)),
    "complex128": ("m.pkl", pickle.dumps({"a": np.zeros(200, "c16")}, 4)),
    "records": ("m.npz", saved(np.savez, {"a": np.zeros(3, [("x", "f4"), ("y", "i4")])})),
    "bytes as text": ("m.pkl", pickle.dumps({"a": np.full(600, 250, "u1")}, 2)),
    "no arrays": ("m.pkl", pickle.dumps({"a": [1, 2, 3]}, 4)),
}


@pytest.mark.parametrize(("name", "content"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_table_of_numbers_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    outcome = command("convert", tmp_path / name, "--output", tmp_path / "out")
    assert outcome.status == 1, outcome.err
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_an_array_of_objects_between_opcodes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.joblib").write_bytes(dumped({"a": np.array([{"x": 1}], dtype=object)}))
    assert command("convert", tmp_path / "m.joblib", "--output", tmp_path / "out").status == 1
