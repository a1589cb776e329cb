"""dill and cloudpickle: code by design. What they write of plain data is clean; a function of the user's is never."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from build.inspecting import inspected, rules_of
from weighbridge.core.findings import Verdict

SCRIPT = Path(__file__).parents[1] / "build" / "closures.py"
WRITERS = ["dill", "cloudpickle"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("closures")
    subprocess.run([sys.executable, SCRIPT, folder], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("writer", WRITERS)
def test_plain_data_is_clean(written: Path, writer: str) -> None:
    paths = sorted(written.glob(f"{writer}-data-*.pkl"))
    assert len(paths) == 4
    for path in [*paths, *written.glob("cloudpickle-objects-*.pkl")]:
        report = inspected(path).report
        assert (report.verdict, rules_of(report)) == (Verdict.CLEAN, set()), path


@pytest.mark.parametrize("writer", WRITERS)
def test_a_function_or_a_class_by_value_is_code_and_never_clean(written: Path, writer: str) -> None:
    paths = sorted(written.glob(f"{writer}-code-*.pkl"))
    assert len(paths) == 3
    for path in paths:
        assert inspected(path).report.verdict is Verdict.MALICIOUS, path


@pytest.mark.parametrize("writer", WRITERS)
def test_a_class_by_name_needs_a_person(written: Path, writer: str) -> None:
    assert inspected(written / f"{writer}-class.pkl").report.verdict is Verdict.SUSPICIOUS
