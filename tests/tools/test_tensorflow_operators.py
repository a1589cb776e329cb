"""The knowledge of operators of TensorFlow is in its form, and is what TensorFlow says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from build.writers import written
from tools import tensorflow_operators as tool
from weighbridge.formats.tensorflow.paths import PATHS

TABLE = json.loads(tool.FILE.read_text(encoding="utf-8"))


def test_the_file_is_in_its_form() -> None:
    assert tool.main(["--check", "--form"]) == 0


NO_FILES = {
    ("CreateSummaryFileWriter", 4),  # the end of a name
    ("ExperimentalSetStatsAggregatorDataset", 3),
    ("SetStatsAggregatorDataset", 3),
    ("DumpTensor", "file_name"),  # in the folder
    *((f"TensorArrayGrad{version}", "source") for version in ("", "V2", "V3", "WithShape")),
}
"""Arguments that are called like a file and are none."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = written("tensorflow_operators", tmp_path_factory.mktemp("operators"))
    return json.loads((folder / "operators.json").read_text())


def test_every_argument_that_is_called_like_a_file_is_followed(found: Any) -> None:
    followed = {(op.decode(), source) for op, uses in PATHS.items() for _, source in uses}
    named = {(op, source) for op, source in found["named"]} - NO_FILES
    assert named - followed == set()
    assert len(named) > 50


def test_the_operators_are_those_of_the_package(found: Any) -> None:
    assert [entry["name"] for entry in TABLE["operators"]] == found["names"]
    assert {entry["source"] for entry in TABLE["operators"]} == {
        f"tensorflow-cpu {found['version']}, registered operators"
    }
