"""Pickles with raw bytes between and behind them: joblib, and PyTorch before its zip archives."""

from __future__ import annotations

import io
import pickle
import zlib
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pytest

from build import pickles as p
from build.containers import state_dict_pickle, torch_zip
from build.containers import torch_legacy as legacy
from build.inspecting import rules_of, scanned
from weighbridge.core.findings import Verdict
from weighbridge.formats.torch.legacy import MAGIC

if TYPE_CHECKING:
    from pathlib import Path

OBJECT = {
    "weights": np.arange(40, dtype="<f8").reshape(4, 10),
    "names": ["a", "b"],
    "more": np.ones((3, 3), "i4", order="F"),
}
WRAPPER = "joblib.numpy_pickle"


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3), ("lz4", 3)])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_joblib_writes_is_clean(tmp_path: Path, compress: object, protocol: int) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(OBJECT, path, compress=compress, protocol=protocol)
    report = scanned(tmp_path, "model.joblib", path.read_bytes())
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)


def test_arrays_are_data(tmp_path: Path) -> None:
    out = io.BytesIO()
    joblib.dump(OBJECT, out)
    report = scanned(tmp_path, "m.joblib", out.getvalue())
    assert report.artifact.files[0].coverage.data == 40 * 8 + 9 * 4


def test_arrays_of_objects_are_followed(tmp_path: Path) -> None:
    out = io.BytesIO()
    joblib.dump({"a": np.array([{"x": 1}, None], dtype=object), "b": np.zeros(4)}, out)
    assert scanned(tmp_path, "m.joblib", out.getvalue()).verdict is Verdict.CLEAN


def wrapper(shape: bytes, dtype: str, raw: bytes, *, aligned: bool = False) -> bytes:
    """The opcodes of an array wrapper and the bytes behind them, as joblib writes them."""
    state = p.text("subclass") + p.global_("numpy", "ndarray") + p.text("shape") + shape + p.text("order") + p.text("C")
    state += (
        p.text("dtype") + p.call("numpy", "dtype", p.text(dtype), b"\x89", b"\x88") + p.text("allow_mmap") + b"\x88"
    )
    if aligned:
        state += p.text("numpy_array_alignment_bytes") + b"K\x10"
    return p.global_(WRAPPER, "NumpyArrayWrapper") + b")\x81}(" + state + b"ub" + raw


def test_what_comes_behind_an_array_is_followed(tmp_path: Path) -> None:
    raw = p.proto(4) + b"](" + wrapper(b"K\x02\x85", "f8", bytes(16)) + p.system() + b"e."
    report = scanned(tmp_path, "m.joblib", raw)
    assert report.verdict is Verdict.MALICIOUS
    assert report.artifact.files[0].coverage.data == 16


def test_padding_before_an_array(tmp_path: Path) -> None:
    padded = wrapper(b"K\x02\x85", "f8", b"\x03\xff\xff\xff" + bytes(16), aligned=True)
    assert scanned(tmp_path, "m.joblib", p.proto(4) + padded + b".").verdict is Verdict.CLEAN
    hiding = wrapper(b"K\x02\x85", "f8", b"\x03cos" + bytes(16), aligned=True)
    assert scanned(tmp_path, "m.joblib", p.proto(4) + hiding + b".").verdict is Verdict.INCOMPLETE


def test_an_array_that_is_a_program_for_other_loaders(tmp_path: Path) -> None:
    program = (p.system() + p.STOP).ljust(32, b".")
    raw = p.proto(4) + wrapper(b"K\x04\x85", "f8", program) + b"."
    report = scanned(tmp_path, "m.joblib", raw)
    assert {"file/polyglot", "pickle/dangerous-call"} <= rules_of(report)


@pytest.mark.parametrize(
    ("shape", "dtype", "raw"),
    [
        (b"K\x7f\x85", "f8", bytes(16)),
        (b"J\xff\xff\xff\xff\x85", "f8", bytes(16)),
        (b"K\x02\x85", "Q9", bytes(16)),
        (b"K\x02\x85", "f999999999999", bytes(16)),
        (p.call("m", "shape"), "f8", bytes(16)),
        (b"K\x02\x85", "O8", b"\x80\x04" + b"\xff"),
    ],
)
def test_an_array_that_cannot_be_told_is_never_clean(tmp_path: Path, shape: bytes, dtype: str, raw: bytes) -> None:
    report = scanned(tmp_path, "m.joblib", p.proto(4) + wrapper(shape, dtype, raw) + b".")
    assert report.verdict is not Verdict.CLEAN
    assert report.unread


def test_a_dangerous_array_of_objects(tmp_path: Path) -> None:
    inner = p.proto(2) + p.system() + p.STOP
    report = scanned(tmp_path, "m.joblib", p.proto(4) + wrapper(b"K\x01\x85", "O8", inner) + b".")
    assert report.verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("extra", [b"", b" "])
def test_the_old_container_of_joblib(tmp_path: Path, extra: bytes) -> None:
    def old(content: bytes, size: int) -> bytes:
        return b"ZF" + hex(size).encode().ljust(19) + extra + zlib.compress(content)

    good = pickle.dumps({"a": [1, 2, 3]}, 2)
    evil = p.proto(2) + p.system() + p.STOP
    assert scanned(tmp_path, "m.z", old(good, len(good))).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "m.z", old(evil, len(evil))).verdict is Verdict.MALICIOUS
    assert scanned(tmp_path, "m.z", old(good, 5)).verdict is not Verdict.CLEAN
    assert scanned(tmp_path, "m.z", old(good, len(good))[:-3]).verdict is not Verdict.CLEAN
    assert scanned(tmp_path, "m.z", old(good, len(good)) + b"x").verdict is not Verdict.CLEAN


def test_an_old_checkpoint_is_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.pt", legacy())
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert report.artifact.files[0].format == "torch-legacy"
    assert report.artifact.files[0].coverage.data == 22


def test_every_pickle_of_it_is_followed(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.pt", legacy(system=p.system())).verdict is Verdict.MALICIOUS


def test_a_computed_magic_number_changes_nothing(tmp_path: Path) -> None:
    magic = p.proto(2) + p.call("builtins", "eval", p.text(str(MAGIC))) + p.STOP
    assert scanned(tmp_path, "m.pt", legacy(magic=magic)).verdict is Verdict.MALICIOUS


def test_storages_of_another_size_and_bytes_behind_them_are_never_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.pt", legacy(counts={"7": 3, "9": 3})).verdict is not Verdict.CLEAN
    assert scanned(tmp_path, "m.pt", legacy(end=p.proto(2) + p.system() + p.STOP)).verdict is not Verdict.CLEAN
    assert scanned(tmp_path, "m.pt", legacy()[:-1]).verdict is not Verdict.CLEAN


@pytest.mark.parametrize(("size", "verdict"), [(16, Verdict.CLEAN), (12, Verdict.SUSPICIOUS), (20, Verdict.SUSPICIOUS)])
def test_constants_of_a_program_are_storages_of_their_own_pickle(tmp_path: Path, size: int, verdict: Verdict) -> None:
    more = {"archive/constants.pkl": state_dict_pickle([("FloatStorage", "0", 4)]), "archive/constants/0": bytes(size)}
    content = torch_zip([("FloatStorage", "0", bytes(64))], {"FloatStorage": 4}, extra=more)
    assert scanned(tmp_path, "m.pt", content).verdict is verdict
