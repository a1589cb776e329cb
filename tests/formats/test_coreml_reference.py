"""Core ML as coremltools writes it: networks in one file, programs with their weights beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build.inspecting import inspected
from build.writers import truth, written
from weighbridge.core.facts import Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("coreml_models", tmp_path_factory.mktemp("coreml"))


@pytest.mark.parametrize("name", ["network.mlmodel", "half.mlpackage", "single.mlpackage"])
def test_what_coremltools_writes_is_clean(models: Path, name: str) -> None:
    report = inspected(models / name).report
    assert (report.verdict, report.findings, report.unread) == (Verdict.CLEAN, (), ())


@pytest.mark.parametrize("name", ["half", "single"])
def test_weights_have_the_sizes_that_were_written(models: Path, name: str) -> None:
    blobs = inspected(models / f"{name}.mlpackage").facts.blobs
    sizes = [fact.size for blob in blobs for fact in blob.facts if isinstance(fact, Tensor)]
    assert truth(models)[name] in sizes
