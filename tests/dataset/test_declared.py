"""Declared schemas: JSON Schema, pandera and Croissant, each with the rows that break it, and none of them executed."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from build.data_sets import write_lines, write_parquet
from build.running import command
from weighbridge.dataset.schema import breaches, not_understood

if TYPE_CHECKING:
    from pathlib import Path

PANDERA = """\
schema_type: dataframe
version: 0.20.3
columns:
  id:
    dtype: int64
    nullable: false
    unique: true
    checks:
      greater_than_or_equal_to: 0
  text:
    dtype: str
    checks:
      str_length:
        min_value: 3
        max_value: 20
  label:
    dtype: str
    isin:
    - good
    - bad
  score:
    dtype: float64
    nullable: true
    required: false
    in_range:
      min_value: 0
      max_value: 1
      include_max: false
  day:
    dtype: datetime64[ns]
    required: false
strict: true
"""
"""As two versions of pandera write it: checks in a table of their own, and beside the others."""
GOOD = [{"id": index, "text": f"text {index}", "label": ("good", "bad")[index % 2], "score": 0.5} for index in range(6)]


def violations(path: Path, schema: Path, status: int) -> dict[str, list[int]]:
    outcome = command("dataset", "check", path, "--schema", schema, "--format", "json")
    assert outcome.status == status, (outcome.out, outcome.err)
    found = outcome.json()["findings"]
    return {one["why"]: [row["row"] for row in one["rows"]] for one in found if one["rule"] == "dataset/schema"}


def in_form(folder: Path, form: str, records: list[dict[str, Any]]) -> Path:
    path = write_lines(folder / "t.jsonl", records)
    if form == "parquet":
        path = write_parquet(folder / "t.parquet", f"SELECT * FROM read_json('{path}')")
        (folder / "t.jsonl").unlink()
    elif form == "csv":
        rows = [",".join("" if record.get(key) is None else str(record[key]) for key in GOOD[0]) for record in records]
        path.unlink()
        path = folder / "t.csv"
        path.write_text("\n".join([",".join(GOOD[0]), *rows]) + "\n")
    return path


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv"])
def test_pandera_names_the_rows_that_break_it(tmp_path: Path, form: str) -> None:
    schema = tmp_path / "s.yaml"
    schema.write_text(PANDERA)
    (tmp_path / "d").mkdir()
    assert violations(in_form(tmp_path / "d", form, GOOD), schema, 0) == {}
    bad = [
        *GOOD,
        {"id": 3, "text": "text 9", "label": "good", "score": None},
        {"id": -1, "text": "x", "label": "odd", "score": 1.0},
        {"id": 8, "text": "text 8", "label": None, "score": 0.0},
    ]
    shift = int(form == "csv")
    assert violations(in_form(tmp_path / "d", form, bad), schema, 1) == {
        "'id' is not unique": [4 + shift, 7 + shift],
        "'id' is below the least value": [8 + shift],
        "'text' is too short or too long": [8 + shift],
        "'label' is none of the values allowed": [8 + shift],
        "'score' is above the greatest value": [8 + shift],
        "'label' is missing": [9 + shift],
    }


def test_pandera_as_json_and_what_of_it_is_not_checked(tmp_path: Path) -> None:
    columns = {"a": {"dtype": "Int64", "unique_values_eq": {"values": [1]}}, "b": {"dtype": "complex128"}}
    schema = tmp_path / "s.json"
    schema.write_text(json.dumps({"schema_type": "dataframe", "columns": columns, "checks": {"mine": 1}}))
    path = write_lines(tmp_path / "t.jsonl", [{"a": 1}, {"a": 1.5}])
    found = violations(path, schema, 1)
    (left,) = (why for why in found if "not checked" in why)
    assert "the check unique_values_eq of a" in left
    assert "checks of the frame" in left
    assert "the dtype complex128 of b" in left
    assert found["'a' is no integer"] == [2]
    assert found["the column 'b' is missing"] == [0]


CROISSANT = {
    "@context": {"@vocab": "https://schema.org/", "cr": "http://mlcommons.org/croissant/", "sc": "https://schema.org/"},
    "@type": "sc:Dataset",
    "conformsTo": "http://mlcommons.org/croissant/1.0",
    "distribution": [
        {"@type": "cr:FileObject", "@id": "t.jsonl", "contentUrl": "https://example.invalid/d/t.jsonl", "sha256": ""},
        {"@type": "cr:FileSet", "@id": "more", "includes": "more/*.jsonl"},
    ],
    "recordSet": [
        {
            "@type": "cr:RecordSet",
            "@id": "reviews",
            "key": {"@id": "reviews/id"},
            "field": [
                {
                    "@id": "reviews/id",
                    "dataType": "sc:Integer",
                    "source": {"fileObject": {"@id": "t.jsonl"}, "extract": {"column": "id"}},
                },
                {
                    "@id": "reviews/words",
                    "dataType": ["sc:Text", "wd:Q1"],
                    "repeated": True,
                    "source": {"fileObject": {"@id": "t.jsonl"}, "extract": {"jsonPath": "$.words[*]"}},
                },
            ],
        }
    ],
}


def croissant(folder: Path, data: Path, **changes: Any) -> Path:
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    document = json.loads(json.dumps(CROISSANT))
    document["distribution"][0] |= {"sha256": digest, **changes}
    (folder / "croissant.json").write_text(json.dumps(document))
    return folder / "croissant.json"


def test_croissant_names_files_and_records(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    data = write_lines(tmp_path / "d" / "t.jsonl", [{"id": 1, "words": ["a"]}, {"id": 2, "words": []}])
    schema = croissant(tmp_path / "d", data)
    assert violations(tmp_path / "d", schema, 0) == {}
    assert violations(tmp_path / "d", croissant(tmp_path / "d", data, sha256=""), 0) == {
        "the file 't.jsonl' is declared without a sha256: nothing says which bytes are meant": [0]
    }
    (tmp_path / "d" / "croissant.json").unlink()
    schema = croissant(tmp_path, data)
    write_lines(data, [{"id": 1, "words": "a"}, {"id": 1, "words": []}, {"id": "x", "words": [3]}])
    found = violations(tmp_path / "d", schema, 1)
    assert found.pop("'id' is not unique") == [1, 2]
    assert found.pop("'words' is no array") == [1]
    assert found.pop("'id' is no integer") == [3]
    assert found.pop("an entry of 'words' is no string") == [3]
    assert [why for why in found if "is not the one declared" in why]
    data.rename(tmp_path / "d" / "u.jsonl")
    found = violations(tmp_path / "d", schema, 1)
    assert "the file 't.jsonl' is declared and is not here" in found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &x 1\nb: *x\n", "names"),
        ("- 1\n", "no declaration"),
        ('{"@context": {}, "distribution": 3}', "cannot be read"),
        ("schema_type: dataframe\ncolumns: [1]\n", "cannot be read"),
        ("{", "neither JSON nor YAML"),
        ("a: !!python/object/apply:os.system [echo]\n", "neither JSON nor YAML"),
    ],
)
def test_what_is_no_declaration(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    path = write_lines(tmp_path / "t.jsonl", GOOD)
    outcome = command("dataset", "check", path, "--schema", tmp_path / "s.yaml")
    assert outcome.status == 2
    assert why in outcome.err


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from([0.5, 2.0, "a", "abc", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
SIMPLE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "null", "array", "object"]),
        "enum": st.lists(st.sampled_from([1, True, "a", None, 0.5]), min_size=1, max_size=3),
        "minimum": st.integers(-2, 2),
        "exclusiveMaximum": st.integers(-2, 4),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
        "minLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "c$"]),
        "minItems": st.integers(0, 2),
        "uniqueItems": st.booleans(),
        "required": st.just(["a"]),
        "additionalProperties": st.booleans(),
    },
)
SCHEMAS = st.recursive(
    SIMPLE,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "items": inner,
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
            "patternProperties": st.dictionaries(st.just("^b"), inner, max_size=1),
        },
    ),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(VALUES, SCHEMAS)
def test_it_says_what_the_reference_says(value: Any, schema: dict[str, Any]) -> None:
    assert not_understood(schema) == []
    assert (next(breaches(value, schema), None) is None) == Draft202012Validator(schema).is_valid(value)


def test_references_stay_in_the_file() -> None:
    schema = {"$defs": {"x": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/x"}}}
    assert list(breaches({"a": 1}, schema)) == ["'a' is no string"]
    assert not_understood({"$ref": "https://example.invalid/x"}) == ["$ref https://example.invalid/x"]
    loop = {"$defs": {"x": {"$ref": "#/$defs/x"}}, "$ref": "#/$defs/x"}
    assert list(breaches(1, loop)) == ["the record is not allowed"]
