"""The knowledge of operators is in its form, and is what the onnx package of the tests says."""

from __future__ import annotations

import json

import pytest

from tools import onnx_operators as tool

TABLE = json.loads(tool.FILE.read_text(encoding="utf-8"))


def test_the_file_is_in_its_form() -> None:
    assert tool.main(["--check", "--form"]) == 0


def test_the_operators_are_those_of_the_package() -> None:
    assert tool.main(["--check"]) == 0


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
        tool.normal_form(TABLE | {"domains": [*TABLE["domains"], TABLE["domains"][0]]})
