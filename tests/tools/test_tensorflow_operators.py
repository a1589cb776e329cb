"""The knowledge of operators of TensorFlow is in its form, and is what TensorFlow says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from build.writers import written
from tools import tensorflow_operators as tool

if TYPE_CHECKING:
    from pathlib import Path

TABLE = json.loads(tool.FILE.read_text(encoding="utf-8"))


def test_the_file_is_in_its_form() -> None:
    assert tool.main(["--check", "--form"]) == 0


def test_the_operators_are_those_of_the_package(tmp_path: Path) -> None:
    found = json.loads((written("tensorflow_operators", tmp_path) / "operators.json").read_text())
    assert [entry["name"] for entry in TABLE["operators"]] == found["names"]
    assert {entry["source"] for entry in TABLE["operators"]} == {
        f"tensorflow-cpu {found['version']}, registered operators"
    }


@pytest.mark.parametrize("part", tool.TRUSTS)
@pytest.mark.parametrize(
    "change",
    [{"date": "yesterday"}, {"source": ""}, {"trust": "maybe"}, {"more": 1}],
    ids=["date", "source", "trust", "field"],
)
def test_an_entry_that_lacks_something_is_refused(part: str, change: dict[str, object]) -> None:
    first, *others = TABLE[part]
    with pytest.raises(ValueError, match=part):
        tool.normal_form(TABLE | {part: [first | change, *others]})


def test_an_entry_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        tool.normal_form(TABLE | {"special": [*TABLE["special"], TABLE["special"][0]]})
