"""The knowledge of Keras is in its form, and is what the package of the tests says."""

from __future__ import annotations

import json

import pytest

from tools import keras_names as tool

TABLE = json.loads(tool.FILE.read_text(encoding="utf-8"))


def test_the_file_is_in_its_form() -> None:
    assert tool.main(["--check", "--form"]) == 0


def test_the_names_are_those_of_the_package() -> None:
    assert tool.main(["--check"]) == 0


@pytest.mark.parametrize("part", tool.FIELDS)
@pytest.mark.parametrize(
    "change", [{"date": "yesterday"}, {"source": ""}, {"more": 1}], ids=["date", "source", "field"]
)
def test_an_entry_that_lacks_something_is_refused(part: str, change: dict[str, object]) -> None:
    first, *others = TABLE[part]
    with pytest.raises(ValueError, match=part):
        tool.normal_form(TABLE | {part: [first | change, *others]})


@pytest.mark.parametrize(("part", "change"), [("modules", {"trust": "maybe"}), ("names", {"kind": "modules"})])
def test_an_entry_of_another_kind_is_refused(part: str, change: dict[str, str]) -> None:
    first, *others = TABLE[part]
    with pytest.raises(ValueError, match="trust is one of"):
        tool.normal_form(TABLE | {part: [first | change, *others]})


def test_an_entry_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        tool.normal_form(TABLE | {"modules": [*TABLE["modules"], TABLE["modules"][0]]})
