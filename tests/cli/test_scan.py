"""`weighbridge scan` as people and scripts see it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.containers import safetensors, zipped
from build.running import command

if TYPE_CHECKING:
    from pathlib import Path

EVIL = p.proto(2) + p.system() + p.STOP
GOOD = safetensors({"w": b"1234"})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for name, content in {
        "clean/model.safetensors": GOOD,
        "malicious/model.pkl": EVIL,
        "suspicious/model.pkl": p.proto(2) + p.call("mine", "Net") + p.STOP,
        "incomplete/model.bin": b"\xf1\xf2\xf3",
    }.items():
        path = tmp_path / name
        path.parent.mkdir()
        path.write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("model", "status", "split"), [("clean", 0, 0), ("suspicious", 1, 10), ("malicious", 1, 11), ("incomplete", 1, 12)]
)
def test_the_exit_status_is_the_verdict(models: Path, model: str, status: int, split: int) -> None:
    text = command("scan", models / model)
    assert text.status == status
    assert text.out.startswith(model.upper())
    assert command("scan", models / model, "--exit-verdict").status == split
    document = command("scan", models / model, "--format", "json").json()
    assert document["verdict"] == model
    assert document["schema"] == "weighbridge.scan/1"


def test_several_paths_are_several_artifacts_and_the_worst_counts(models: Path) -> None:
    outcome = command("scan", models / "clean", models / "malicious", "--format", "json")
    assert outcome.status == 1
    document = outcome.json()
    assert document["schema"] == "weighbridge.scan-set/1"
    assert [report["verdict"] for report in document["reports"]] == ["clean", "malicious"]


def test_fail_on_moves_the_threshold_but_never_over_unread_bytes(models: Path) -> None:
    assert command("scan", models / "suspicious", "--fail-on", "critical").status == 0
    assert command("scan", models / "incomplete", "--fail-on", "critical").status == 1
    assert command("scan", models / "malicious", "--fail-on", "critical").status == 1


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        (["scan", "missing"], "cannot be inspected"),
        (["scan"], "required"),
        (["scan", ".", "--format", "yaml"], "invalid choice"),
        (["scan", ".", "--config", "missing.toml"], "cannot be read"),
        (["scna", "."], "no command"),
        (["explain", "pickle/dangerous-cal"], "no rule"),
        (["scan", "."], "nothing to inspect"),
    ],
)
def test_what_cannot_work_is_status_2_and_one_sentence_with_a_mend(words: list[str], cause: str) -> None:
    outcome = command(*words)
    assert outcome.status == 2
    assert outcome.out == ""
    assert cause in outcome.err
    assert len(outcome.err.strip().splitlines()) == 2


def test_settings_are_found_upwards_but_never_inside_the_artifact(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (models / "weighbridge.toml").write_text('fail_on = "critical"\n')
    monkeypatch.chdir(models)
    assert command("scan", "suspicious").status == 0
    (models / "suspicious" / "weighbridge.toml").write_text('fail_on = "critical"\n')
    monkeypatch.chdir(models / "suspicious")
    (models / "weighbridge.toml").unlink()
    outcome = command("scan", ".")
    assert outcome.status == 1
    assert "not obeyed" in outcome.err
    assert "file/judge-settings" in outcome.out


def test_an_unknown_setting_names_the_nearest_known_one(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (models / "weighbridge.toml").write_text('fail_onn = "critical"\n')
    monkeypatch.chdir(models)
    outcome = command("scan", "clean")
    assert outcome.status == 2
    assert "did you mean 'fail_on'?" in outcome.err


def test_limits_come_from_the_settings(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (models / "weighbridge.toml").write_text("[limits]\noperations_floor = 1\noperations_per_byte = 0.001\n")
    monkeypatch.chdir(models)
    document = command("scan", "malicious", "--format", "json").json()
    assert document["limits_reached"] == ["operations_floor"]


def test_output_goes_to_a_file(models: Path, tmp_path: Path) -> None:
    outcome = command("scan", models / "clean", "--format", "json", "--output", tmp_path / "report.json")
    assert (outcome.status, outcome.out) == (0, "")
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == "clean"
    assert command("scan", models / "clean", "--output", tmp_path / "no" / "where").status == 2


def test_nothing_of_a_model_reaches_the_terminal_raw(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e"
    (folder / f"{hostile}.pkl").write_bytes(p.proto(2) + p.system(hostile + "\r\n::error::x") + p.STOP)
    for form in ("text", "json"):
        out = command("scan", folder, "--format", form).out
        assert not set(out) & {"\x1b", "\x07", "\r", "\u202e"}
    assert "\n::error::" not in command("scan", folder).out


@pytest.mark.parametrize("colour", ["NO_COLOR", "--no-color", ""])
def test_colours_are_a_choice(models: Path, monkeypatch: pytest.MonkeyPatch, colour: str) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    if colour == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
    words = ["--no-color"] if colour == "--no-color" else []
    assert ("\x1b[" in command("scan", models / "clean", *words).out) == (not colour)


def test_an_internal_failure_is_a_sentence(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from weighbridge.cli import scan

    def failing(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by\x1bzero")

    monkeypatch.setattr(scan, "inspect", failing)
    outcome = command("scan", models / "clean")
    assert outcome.status == 2
    assert "internal error: ZeroDivisionError: by\\x1bzero" in outcome.err


def test_a_trace_shows_every_pickle_wherever_it_lies(tmp_path: Path) -> None:
    model = tmp_path / "traced"
    model.mkdir()
    (model / "a.pkl").write_bytes(EVIL)
    (model / "b.npz").write_bytes(zipped({"inner.pkl": p.call("mine", "Net") + p.STOP}))
    (model / "c.json").write_text("{}")
    outcome = command("scan", model, "--trace")
    assert outcome.status == 1
    sections = outcome.out.partition("\n\nMALICIOUS")[0].split("\n\n")
    assert [section.splitlines()[0] for section in sections] == ["# a.pkl", "# b.npz!inner.pkl"]
    assert [line.split("  ")[-1] for line in sections[0].splitlines()[1:]] == [
        "import os.system",
        "_0 = os.system('id')",
        "return _0",
    ]


def test_a_trace_without_a_pickle_says_so(models: Path) -> None:
    assert command("scan", models / "clean", "--trace").out.startswith("# no pickle was found\n\nCLEAN")


def test_a_trace_is_text_only(models: Path) -> None:
    outcome = command("scan", models / "clean", "--trace", "--format", "json")
    assert (outcome.status, "--trace" in outcome.err) == (2, True)
