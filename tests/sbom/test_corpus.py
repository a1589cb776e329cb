"""Every published model of `make corpus` gives bills that the official validators accept, and that match its bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from build.bill_models import MADE_AT, bill_of
from build.corpus import PACKAGES, published
from build.inspecting import LIMITS
from build.spdx_documents import check_spdx
from weighbridge.cli.progress import silent
from weighbridge.pipelines.materials import digests_of
from weighbridge.sbom.check import check_bill
from weighbridge.sbom.cyclonedx import render_cyclonedx
from weighbridge.sbom.read import read_bill
from weighbridge.sbom.spdx import render_spdx

if TYPE_CHECKING:
    from pathlib import Path

VALIDATOR = JsonStrictValidator(SchemaVersion.V1_7)


def models(package: str) -> list[Path]:
    """Folders and files of one package; a file beside others is a model of its own."""
    return sorted(published(package).iterdir())


@pytest.mark.parametrize("package", PACKAGES)
def test_every_bill_is_accepted(package: str) -> None:
    for path in models(package):
        bill = bill_of(path)
        cyclonedx, spdx = (render(bill, made_at=MADE_AT) for render in (render_cyclonedx, render_spdx))
        error = VALIDATOR.validate_str(json.dumps(cyclonedx))
        assert error is None, (path, error)
        check_spdx(spdx)
        files = digests_of(str(path), LIMITS.files, silent())
        for document in (cyclonedx, spdx):
            assert check_bill(read_bill(json.dumps(document).encode()), *files).matches, path


def test_what_was_observed_in_a_published_model() -> None:
    (path,) = (path for path in models("magika") if path.suffix == ".onnx")
    bill = bill_of(path)
    assert bill.observed.parameters > 500_000
    assert any(one.kind == "runtime" and one.name == "ONNX ai.onnx" for one in bill.dependencies)
    assert not any(one.custom for one in bill.operators)
