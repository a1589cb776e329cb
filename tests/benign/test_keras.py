"""Models that Keras saves are clean in all three forms, and every byte of them is accounted for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build.inspecting import inspected, rules_of
from build.keras_models import HONEST, save_honest
from weighbridge.core.facts import Reference, Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    save_honest(folder)
    return folder


@pytest.mark.parametrize("end", [".keras", ".h5", ".weights.h5"])
@pytest.mark.parametrize("name", HONEST)
def test_a_saved_model_is_clean(saved: Path, name: str, end: str) -> None:
    result = inspected(saved / f"{name}{end}")
    (file,) = result.report.artifact.files
    assert result.report.verdict is Verdict.CLEAN, (result.report.findings, result.report.unread)
    # The old form has no module for an operation between layers: Keras itself could not load it by its name.
    allowed = {"keras/custom-object"} if end == ".h5" and name == "text" else set()
    assert rules_of(result.report) == allowed
    assert file.format == ("keras" if end == ".keras" else "hdf5")
    assert not file.coverage.opaque
    assert file.coverage.parsed
    assert file.coverage.data
    seen = [fact for blob in result.facts.blobs for fact in blob.facts]
    assert any(isinstance(fact, Tensor) for fact in seen)
    assert any(isinstance(fact, Reference) for fact in seen) == (end != ".weights.h5")
