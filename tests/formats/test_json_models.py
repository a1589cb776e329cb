"""JSON that describes models: what a server would import, which files a model would read."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from build.containers import zipped
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path


def mar(**model: str) -> bytes:
    manifest = {
        "createdOn": "x",
        "runtime": "python",
        "model": {"modelName": "m", **model},
        "archiverVersion": "0.12.0",
    }
    return zipped({"MAR-INF/MANIFEST.json": json.dumps(manifest).encode()})


@pytest.mark.parametrize(
    ("model", "severity"),
    [
        ({"handler": "handler.py"}, ["high"]),
        ({"handler": "image_classifier"}, []),
        ({"handler": "image_classifier", "modelFile": "net.py"}, ["high"]),
        ({"requirementsFile": "requirements.txt"}, ["medium"]),
    ],
)
@pytest.mark.parametrize("name", ["model.mar", "model.bin"])
def test_code_of_a_torchserve_archive_is_a_finding(
    tmp_path: Path, model: dict[str, str], severity: list[str], name: str
) -> None:
    report = scanned(tmp_path, name, mar(**model))
    assert [
        finding.severity.value for finding in report.findings if finding.rule == "config/torchserve-code"
    ] == severity
    assert not report.unread


def tfjs(paths: list[str], shape: object = (2, 3), **more: Any) -> bytes:
    weight = {"name": "w", "shape": shape, "dtype": "float32", **more}
    return json.dumps({"modelTopology": {}, "weightsManifest": [{"paths": paths, "weights": [weight]}]}).encode()


def folder(where: Path, **files: bytes) -> Path:
    where.mkdir()
    for name, content in files.items():
        (where / name.replace("__", ".")).write_bytes(content)
    return where


def test_a_model_for_the_browser_and_its_weights_are_clean(tmp_path: Path) -> None:
    report = inspected(folder(tmp_path / "m", model__json=tfjs(["w.bin"]), w__bin=bytes(24))).report
    assert report.verdict is Verdict.CLEAN, report.unread
    quantized = tfjs(["w.bin"], quantization={"dtype": "uint8", "min": 0, "scale": 1})
    assert inspected(folder(tmp_path / "q", model__json=quantized, w__bin=bytes(6))).report.verdict is Verdict.CLEAN


@pytest.mark.parametrize("shape", ["x", [-1], [1 << 50], None, [1.5]])
def test_weights_of_no_known_size_are_incomplete(tmp_path: Path, shape: object) -> None:
    report = inspected(folder(tmp_path / "m", model__json=tfjs(["w.bin"], shape), w__bin=b"\0" * 24 + b"\1")).report
    assert report.verdict is Verdict.INCOMPLETE


OUTSIDE = {
    "weights": tfjs(["../../etc/passwd"]),
    "an address": tfjs(["https://example.org/w.bin", "b"]),
    "an item": json.dumps({"itemInfoEntries": {"a": {"path": "/etc/passwd"}}}).encode(),
}


@pytest.mark.parametrize("content", OUTSIDE.values(), ids=OUTSIDE.keys())
@pytest.mark.parametrize("name", ["model.json", "other.json"])
def test_a_path_that_leads_out_is_a_finding(tmp_path: Path, content: bytes, name: str) -> None:
    assert "file/outside-path" in rules_of(scanned(tmp_path, name, content))


def test_an_operator_that_a_program_registers_is_a_finding(tmp_path: Path) -> None:
    nodes = [{"op": "null", "name": "data"}, {"op": "Custom", "name": "out", "attrs": {"op_type": "mine"}}]
    report = scanned(tmp_path, "net-symbol.json", json.dumps({"nodes": nodes, "arg_nodes": [0]}).encode())
    assert rules_of(report) == {"file/python-layer"}
    assert report.verdict is Verdict.SUSPICIOUS
    honest = json.dumps({"nodes": nodes[:1], "arg_nodes": [0]}).encode()
    assert scanned(tmp_path, "net-symbol.json", honest).verdict is Verdict.CLEAN


ZARR = [
    (".zarray", {"zarr_format": 2, "filters": [{"id": "pickle", "protocol": 5}]}),
    ("zarr.json", {"zarr_format": 3, "codecs": [{"name": "numcodecs.pickle"}]}),
    (".zmetadata", {"metadata": {"a/.zarray": {"filters": [{"id": "pickle"}]}}}),
]


@pytest.mark.parametrize(("name", "tree"), ZARR)
def test_a_codec_that_unpickles_is_a_finding(tmp_path: Path, name: str, tree: dict[str, Any]) -> None:
    assert "file/pickle-codec" in rules_of(scanned(tmp_path, name, json.dumps(tree).encode()))
    honest = {"zarr_format": 2, "filters": None, "compressor": {"id": "blosc"}}
    assert scanned(tmp_path, name, json.dumps(honest).encode()).verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    "tree", [{"model": 5}, {"weightsManifest": [5, {"paths": 5}]}, {"nodes": [5]}, {"itemInfoEntries": {"a": 5}}]
)
def test_anything_may_stand_where_something_is_expected(tmp_path: Path, tree: dict[str, Any]) -> None:
    report = scanned(tmp_path, "model.json", json.dumps(tree).encode())
    assert not any("parser failed" in span.why for span in report.unread)


def test_a_document_that_is_too_long_is_incomplete(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.json", tfjs(["../x"]), Limits(document=20))
    assert report.verdict is Verdict.INCOMPLETE


def test_the_configuration_in_a_nemo_archive_is_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        content = b"target: nemo.Model\nencoder:\n  _target_: !!python/name:os.system ''\n"
        info = tarfile.TarInfo("./model_config.yaml")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    report = scanned(tmp_path, "model.nemo", out.getvalue())
    assert report.verdict is Verdict.MALICIOUS
    assert "config/yaml-tag" in rules_of(report)
