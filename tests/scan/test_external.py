"""Tensors in other files: what is there counts, what is missing or shared is said, and nothing is laundered."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from build import onnx_models as o
from build import pickles as p
from build.containers import zipped
from build.inspecting import inspected, rules_of
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

RAW = bytes(range(160, 256)) + bytes(range(160))


def looked_at(folder: Path, files: dict[str, bytes]) -> ScanReport:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    report = inspected(folder).report
    for file in report.artifact.files:
        assert sum(file.coverage) == file.size
    return report


def claiming(*tensors: bytes) -> bytes:
    return o.model(o.graph(tensors=tensors))


WHOLE = claiming(o.external("w", len(RAW), location="w.bin"))


@pytest.mark.parametrize(
    ("model", "location", "data"),
    [
        ("m.onnx", "w.bin", "w.bin"),
        ("m.onnx", "./w.bin", "w.bin"),
        ("a/m.onnx", "w.bin", "a/w.bin"),
        ("a/m.onnx", "b/model.onnx.data", "a/b/model.onnx.data"),
        ("z.onnx", "model.onnx_data", "model.onnx_data"),
        ("z.onnx", "encoder", "encoder"),
        ("z%.onnx", "a%b.bin", "a%b.bin"),
    ],
)
def test_a_file_of_tensors_is_data(tmp_path: Path, model: str, location: str, data: str) -> None:
    content = claiming(o.external("w", len(RAW), location=location))
    report = looked_at(tmp_path, {model: content, data: RAW})
    assert report.verdict is Verdict.CLEAN
    assert report.findings == ()
    file = next(file for file in report.artifact.files if file.format == "external-data")
    assert file.coverage.data == len(RAW)
    assert [file.path for file in report.artifact.files] == sorted(file.path for file in report.artifact.files)


def test_without_a_model_the_same_file_is_not_read(tmp_path: Path) -> None:
    assert looked_at(tmp_path, {"w.bin": RAW}).verdict is Verdict.INCOMPLETE


def test_a_large_file_is_read_in_blocks(tmp_path: Path) -> None:
    size = 9 * 1024 * 1024
    content = claiming(o.external("w", 4096, location="w.bin", offset=str(size - 4096), length="4096"))
    report = looked_at(tmp_path, {"m.onnx": content, "w.bin": bytes(size - 4096) + RAW * 16})
    assert report.verdict is Verdict.CLEAN
    assert report.artifact.files[1].coverage == (size - 4096, 4096, 0)


def test_zeros_between_tensors_are_padding_and_anything_else_is_not(tmp_path: Path) -> None:
    tensors = [o.external("v", 100, location="w.bin"), o.external("w", 56, location="w.bin", offset="200")]
    padded = RAW[:100] + bytes(100) + RAW[:56]
    report = looked_at(tmp_path / "a", {"m.onnx": claiming(*tensors), "w.bin": padded + bytes(8)})
    assert report.verdict is Verdict.CLEAN
    assert report.artifact.files[1].coverage == (108, 156, 0)
    hidden = RAW[:100] + bytes(50) + b"hidden" + bytes(44) + RAW[:56]
    report = looked_at(tmp_path / "b", {"m.onnx": claiming(*tensors), "w.bin": hidden})
    assert report.verdict is Verdict.INCOMPLETE
    assert report.artifact.files[1].coverage.opaque == 100
    report = looked_at(tmp_path / "c", {"m.onnx": claiming(*tensors), "w.bin": padded + b"tail"})
    assert report.verdict is Verdict.INCOMPLETE
    assert report.artifact.files[1].coverage.opaque == 4


@pytest.mark.parametrize(
    "tensor",
    [
        o.external("w", len(RAW), location="v.bin"),
        o.external("w", len(RAW), location="../w.bin"),
        o.external("w", len(RAW), location="a//w.bin"),
        o.external("w", len(RAW), location="w.bin", basepath="elsewhere"),
    ],
)
def test_a_tensor_that_is_not_there_is_unread(tmp_path: Path, tensor: bytes) -> None:
    report = looked_at(tmp_path, {"m.onnx": claiming(tensor), "w.bin": RAW})
    assert report.verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS)
    assert any("not inspected with it" in unread.why for unread in report.unread)
    assert report.artifact.files[1].coverage == (0, 0, len(RAW))


def test_a_model_alone_says_which_file_it_needs(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(WHOLE)
    (tmp_path / "w.bin").write_bytes(RAW)
    report = inspected(tmp_path / "m.onnx").report
    assert report.verdict is Verdict.INCOMPLETE
    assert "1 tensors lie in 'w.bin'" in report.unread[0].why


def test_a_model_in_an_archive_has_no_files_beside_it(tmp_path: Path) -> None:
    report = looked_at(tmp_path, {"m.zip": zipped({"m.onnx": WHOLE}), "w.bin": RAW})
    assert report.verdict is Verdict.INCOMPLETE
    assert any("w.bin" in unread.why for unread in report.unread)


@pytest.mark.parametrize(("offset", "length"), [("1", "256"), ("0", "257"), ("9" * 18, "256"), ("256", "1")])
def test_a_tensor_beyond_the_end_of_its_file_is_suspicious(tmp_path: Path, offset: str, length: str) -> None:
    content = claiming(o.external("w", int(length), location="w.bin", offset=offset, length=length))
    report = looked_at(tmp_path, {"m.onnx": content, "w.bin": RAW})
    assert "onnx/external-data" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


def test_tensors_that_share_some_bytes_are_suspicious_and_tied_ones_are_not(tmp_path: Path) -> None:
    tied = [o.external(name, 256, location="w.bin") for name in "abc"]
    assert looked_at(tmp_path / "a", {"m.onnx": claiming(*tied), "w.bin": RAW}).verdict is Verdict.CLEAN
    shared = [o.external("a", 256, location="w.bin"), o.external("b", 8, location="w.bin", offset="100")]
    report = looked_at(tmp_path / "b", {"m.onnx": claiming(*shared), "w.bin": RAW})
    assert "onnx/external-data" in rules_of(report)


SCRIPT = b"import os\nos.system('id')\n" * 10
LATE = b"N0" * 30_000 + p.system() + p.STOP
OTHERS = {
    "source code": ("evil.py", SCRIPT),
    "source code under another name": ("w.bin", SCRIPT),
    "a binary of an unknown kind": ("w.xyz", RAW),
    "HDF5": ("w.bin", b"\x89HDF\r\n\x1a\n" + RAW),
    "HDF5 behind a user block": ("w.bin", RAW * 4 + b"\x89HDF\r\n\x1a\n" + RAW),
    "GGUF": ("w.bin", b"GGUF" + RAW),
    "TFLite": ("w.bin", b"\x1c\0\0\0TFL3" + RAW),
    "a program": ("w.bin", b"\x7fELF\x02\x01\x01" + bytes(57)),
    "a shell script with a NUL": ("w", b"#!/bin/sh\nid\n\0" + RAW),
    "a pickle": ("w.bin", p.proto(4) + p.system() + p.STOP),
    "a pickle that calls late": ("w.bin", LATE),
    "an archive behind tensors": ("w.bin", RAW + zipped({"data.pkl": p.proto(4) + p.system() + p.STOP})),
}


@pytest.mark.parametrize(("name", "content"), OTHERS.values(), ids=OTHERS.keys())
def test_nothing_is_laundered_by_a_tensor_that_claims_it(tmp_path: Path, name: str, content: bytes) -> None:
    model = claiming(o.external("w", len(content), location=name))
    report = looked_at(tmp_path, {"a.onnx": model, name: content})
    assert report.verdict is not Verdict.CLEAN
    assert not any(file.format == "external-data" and file.coverage.data for file in report.artifact.files)


def test_a_program_that_a_tensor_begins_with_is_found(tmp_path: Path) -> None:
    content = RAW + b"\x7fELF\x02\x01\x01" + bytes(57)
    tensors = [o.external("v", 256, location="w.bin"), o.external("w", 64, location="w.bin", offset="256")]
    assert "executable/native" in rules_of(looked_at(tmp_path, {"m.onnx": claiming(*tensors), "w.bin": content}))


def test_a_link_is_not_followed_out_of_the_artifact(tmp_path: Path) -> None:
    (tmp_path / "outside.bin").write_bytes(RAW)
    folder = tmp_path / "model"
    folder.mkdir()
    os.symlink(tmp_path / "outside.bin", folder / "w.bin")
    report = looked_at(folder, {"m.onnx": WHOLE})
    assert "file/link" in rules_of(report)
    assert report.verdict is not Verdict.CLEAN
