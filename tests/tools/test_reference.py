"""The reference says of each command, key, detection and document what the program itself says."""

from __future__ import annotations

import argparse
import json
import os
import re
from typing import NamedTuple

import pytest
from tools.docs import ROOT

from tools import reference
from weighbridge.cli.main import COMMANDS, parser_of
from weighbridge.core.settings import Settings
from weighbridge.monitor import catalog


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Every option that a parser and those below it take."""
    found = set()
    for action in parser._actions:
        found |= set(action.option_strings) if action.dest not in reference.EVERYWHERE else set()
        if isinstance(action, argparse._SubParsersAction):
            found |= {name for below in action.choices.values() for name in options(below)}
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_a_page_has_every_option_and_every_example(name: str) -> None:
    page = reference.command_page(name)
    parser = parser_of(name)
    assert page.startswith(f"# weighbridge {name}\n")
    for option in options(parser):
        assert re.search(rf"`{option}[ `]", page), option
    for line in (parser.epilog or "").splitlines()[1:]:
        assert line.strip() in page


def test_a_parser_is_written_the_same_by_every_python() -> None:
    parser = argparse.ArgumentParser(prog="tool")
    parser.add_argument("place", metavar="PLACE", nargs="+", help="where|what")
    parser.add_argument("-k", "--kind", choices=("a", "b"), required=True, help="which *kind*")
    parser.add_argument("--often", action="store_true", help="100%% of it")
    assert reference.usage(parser) == "tool PLACE … --kind a|b [--often]"
    assert reference._parser_lines(parser)[-4:-1] == [
        "| `PLACE` | where\\|what |",
        "| `-k a\\|b`, `--kind a\\|b` | which \\*kind\\* |",
        "| `--often` | 100% of it |",
    ]


def test_every_key_is_there_with_what_it_means() -> None:
    page = reference.settings_page()
    for table in reference.tables():
        texts = reference.field_texts(table.record)
        for row in reference._key_rows(table.record):
            assert row in page
        for name in table.record._fields:
            if table.record is not Settings:
                assert texts.get(name), f"{table.heading} {name} has no sentence under it"
    headings = {table.heading for table in reference.tables()}
    assert {"", "[limits]", "[[trust]]", '[registries."NAME"]', "[stage.sandbox|staging|production]"} <= headings


def test_a_table_that_is_added_gets_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    class NewSettings(NamedTuple):
        server: reference.Table
        words: tuple[str, ...] = ()

    monkeypatch.setattr(reference, "Settings", NewSettings)
    assert [table.heading for table in reference.tables()] == ["", "[server]"]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (str, "text"),
        (bool | None, "true or false"),
        (tuple[str, ...], "list of texts"),
        (dict[str, str | int], "table of values"),
        (dict[str, tuple[str, ...]], "table of lists"),
    ],
)
def test_types_are_named_in_words_of_a_settings_file(kind: object, words: str) -> None:
    assert reference.kind_text(kind) == words


def test_every_detection_and_every_document_has_its_place() -> None:
    made = reference.pages(ROOT)
    for found in catalog.detections():
        assert found.title in made["docs/reference/detections/README.md"]
        assert found.matters[:40] in " ".join(made[f"docs/reference/detections/{found.id}.md"].split())
    for name in os.listdir(os.path.join(ROOT, reference.SCHEMAS)):
        with open(os.path.join(ROOT, reference.SCHEMAS, name), encoding="utf-8") as file:
            schema = json.load(file)
        page = made["docs/reference/schemas.md"]
        _, _, section = page.partition(f"## {name.removesuffix('.json')}\n")
        for field in schema.get("properties", {}):
            assert f"| `{field}` |" in section.partition("\n## ")[0]
