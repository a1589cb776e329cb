"""The schema of TensorFlow Lite and the knowledge of its operators are what the package of the tests says."""

from __future__ import annotations

import json

import tflite

from tools import tflite_schema as tool
from weighbridge.formats.tflite.buffers import BITS, TYPES
from weighbridge.formats.tflite.model import NAMES, SCHEMA

TABLE = json.loads(tool.FILE.read_text(encoding="utf-8"))


def test_the_file_is_in_its_form() -> None:
    assert tool.main(["--check", "--form"]) == 0


def test_the_schema_and_the_operators_are_those_of_the_package() -> None:
    assert tool.main(["--check"]) == 0


def test_the_names_are_those_of_another_library_too() -> None:
    for names, enumeration in ((NAMES, tflite.BuiltinOperator), (TYPES, tflite.TensorType)):
        others = {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}
        assert len(others) > 15
        assert {number: names[number] for number in others} == others


def test_every_name_that_the_schema_uses_is_there() -> None:
    for shape in SCHEMA.tables.values():
        for field in shape.fields:
            if field.kind in ("table", "tables"):
                assert field.inner in SCHEMA.tables, (shape.name, field.name)
            if field.kind == "union":
                assert field.inner in SCHEMA.unions
                assert shape.fields[shape.order[field.name] - 1].kind == "type"
    for choices in SCHEMA.unions.values():
        assert set(choices) <= SCHEMA.tables.keys()


def test_every_type_has_a_size_or_is_known_to_have_none() -> None:
    assert set(TYPES) - BITS.keys() == {"STRING", "RESOURCE", "VARIANT"}
