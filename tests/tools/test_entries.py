"""The one form of knowledge files, and the entries that it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tools.entries import Layout, bring_into_form, date_of, normal_form

from tools import keras_names, onnx_operators, tensorflow_operators, tflite_schema

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "keras": (keras_names.FILE, keras_names.LAYOUT),
    "onnx": (onnx_operators.FILE, onnx_operators.LAYOUT),
    "tensorflow": (tensorflow_operators.FILE, tensorflow_operators.LAYOUT),
    "tflite": (tflite_schema.FILE, onnx_operators.LAYOUT),
}
LISTS = [(name, part) for name, (_, layout) in FILES.items() for part in layout.fields]
KNOWN = [
    (name, part, field) for name, (_, layout) in FILES.items() for part in layout.known for field in layout.known[part]
]


def table_of(name: str) -> tuple[dict[str, Any], Layout]:
    file, layout = FILES[name]
    return json.loads(file.read_text(encoding="utf-8")), layout


@pytest.mark.parametrize(("name", "part"), LISTS)
@pytest.mark.parametrize(
    "change",
    [{"date": "yesterday"}, {"source": ""}, {"source": 1}, {"more": 1}],
    ids=["date", "empty", "number", "field"],
)
def test_an_entry_that_lacks_something_is_refused(name: str, part: str, change: dict[str, object]) -> None:
    table, layout = table_of(name)
    first, *others = table[part]
    with pytest.raises(ValueError, match=part):
        normal_form(table | {part: [first | change, *others]}, layout)


@pytest.mark.parametrize(("name", "part", "field"), KNOWN)
def test_an_entry_of_another_kind_is_refused(name: str, part: str, field: str) -> None:
    table, layout = table_of(name)
    first, *others = table[part]
    with pytest.raises(ValueError, match=f"{part}.*{field} is one of"):
        normal_form(table | {part: [first | {field: "maybe"}, *others]}, layout)


@pytest.mark.parametrize(("name", "part"), LISTS)
def test_an_entry_that_stands_twice_is_refused(name: str, part: str) -> None:
    table, layout = table_of(name)
    with pytest.raises(ValueError, match="twice"):
        normal_form(table | {part: [*table[part], table[part][0]]}, layout)


def test_a_file_is_written_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, layout = table_of("keras")
    file = tmp_path / "keras.json"
    file.write_text("{}")
    assert bring_into_form(file, table, layout, ["--check"], "make form") == 1
    assert capsys.readouterr().err == "keras.json is not as it should be: run make form\n"
    assert file.read_text() == "{}"
    assert bring_into_form(file, table, layout, [], "make form") == 0
    assert file.read_text(encoding="utf-8") == keras_names.FILE.read_text(encoding="utf-8")
    assert bring_into_form(file, table, layout, ["--check"], "make form") == 0


def test_new_entries_are_of_the_day_that_is_given_or_of_the_newest() -> None:
    old = [{"date": "2026-01-01"}, {"date": "2026-03-01"}]
    assert date_of(["--form", "2026-05-06"], old) == "2026-05-06"
    assert date_of(["--form"], old) == "2026-03-01"
