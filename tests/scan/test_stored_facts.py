"""Facts that were stored are read back as they were, and what is no fact of this version is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest

from build.inspecting import KNOWLEDGE, inspected
from build.seeds import SEEDS
from weighbridge.core import facts
from weighbridge.scan import stored_facts
from weighbridge.scan.engine import judge_facts
from weighbridge.scan.report import BlobFacts
from weighbridge.scan.stored_facts import UnknownFacts, outdated, read_facts

if TYPE_CHECKING:
    from pathlib import Path

HEAD = {"schema": "weighbridge.facts/1"}
BLOB = {"location": "a", "format": "pickle", "version": 1}


def test_every_type_of_fact_can_be_read() -> None:
    assert set(stored_facts._FIELDS) == {kind.__name__ for kind in get_args(facts.Fact)}


def test_facts_of_every_format_come_back_as_they_were_and_give_the_same_findings(tmp_path: Path) -> None:
    for number, (name, content) in enumerate(SEEDS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(content)
        inspection = inspected(folder)
        stored = json.loads(json.dumps(inspection.facts.predicate()))
        blobs = read_facts(stored)
        assert blobs == inspection.facts.blobs, name
        assert outdated(blobs) == (), name
        paths = frozenset(file.path for file in inspection.report.artifact.files)
        assert judge_facts(list(blobs), KNOWLEDGE, paths) == inspection.report.findings, name


@pytest.mark.parametrize(
    "predicate",
    [
        {},
        {"schema": "weighbridge.facts/2", "blobs": []},
        {**HEAD, "blobs": None},
        {**HEAD, "blobs": [5]},
        {**HEAD, "blobs": [{**BLOB, "version": "1", "facts": []}]},
        {**HEAD, "blobs": [{**BLOB, "facts": None}]},
        {**HEAD, "blobs": [{**BLOB, "facts": [5]}]},
        {**HEAD, "blobs": [{**BLOB, "facts": [{"fact": "Spell"}]}]},
        {**HEAD, "blobs": [{**BLOB, "facts": [{"fact": ["Link"]}]}]},
        {**HEAD, "blobs": [{**BLOB, "facts": [{"fact": "Link", "target": "x"}]}]},
        {**HEAD, "blobs": [{**BLOB, "facts": [{"fact": "Link", "target": "x", "inside": True, "more": 1}]}]},
        {**HEAD, "blobs": [{**BLOB, "facts": [{"fact": "Link", "target": "x", "inside": 1}]}]},
        {**HEAD, "blobs": [{**BLOB, "facts": [{"fact": "Link", "target": None, "inside": True}]}]},
    ],
)
def test_what_is_no_fact_of_this_version_is_refused(predicate: dict[str, Any]) -> None:
    with pytest.raises(UnknownFacts):
        read_facts(predicate)


@pytest.mark.parametrize(
    ("name", "version", "told"),
    [
        ("pickle", 0, "pickle (version 0"),
        ("pickle", 10_000, "version 10000"),
        ("gone", 1, "gone (no longer"),
        ("opaque", 1, ""),
        ("empty", 1, ""),
        ("external-data", 1, ""),
        ("tensorflow-checkpoint-data", 1, ""),
        ("tensorflow-checkpoint-data", 0, "(version 0"),
    ],
)
def test_a_parser_of_another_version_is_told(name: str, version: int, told: str) -> None:
    found = outdated([BlobFacts("a", name, version, ())])
    assert (told in found[0]) if told else found == ()
