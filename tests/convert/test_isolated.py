"""The conversion behind walls, and torch behind walls."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from build.checkpoints import archive, storage, table, tensor
from build.missing import missing
from build.running import command
from build.system_torch import PYTHON, need_torch, run_torch
from weighbridge.convert import isolated, with_torch
from weighbridge.convert.file import Choice
from weighbridge.core.errors import NotConvertible
from weighbridge.sandbox.records import Outcome, Walls
from weighbridge.sandbox.run import candidates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RAW = bytes(range(48))
WHOLE = tensor(storage("0", "FloatStorage", 12), (3, 4), (4, 1))
CONTENT = archive(table({"state_dict": table({"a": WHOLE}), "epoch": b"K\x03"}), {"0": RAW})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    if not candidates():
        missing("no sandbox can be built here: install bubblewrap")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.pt").write_bytes(CONTENT)
    os.chmod(folder / "m.pt", 0o600)
    (folder / "config.json").write_text("{}")
    return folder


def convert(model: Path, *options: str) -> Any:
    outcome = command("convert", model, "--output", model.parent / "out", "--format", "json", *options)
    return outcome.json()


def test_it_gives_the_same_behind_walls(model: Path) -> None:
    plain = convert(model)
    files = {path.name: path.read_bytes() for path in (model.parent / "out").iterdir()}
    shutil.rmtree(model.parent / "out")
    walled = convert(model, "--isolated")
    assert {path.name: path.read_bytes() for path in (model.parent / "out").iterdir()} == files
    assert walled.pop("walls")
    assert plain.pop("walls") == ""
    assert plain == walled
    assert sorted(path.name for path in model.parent.iterdir()) == ["model", "out"]


def test_a_refusal_comes_through_the_walls(model: Path) -> None:
    (model / "m.pt").write_bytes(
        archive(table({"a": tensor(storage("0", "QInt8Storage", 48), (48,), (1,))}), {"0": RAW})
    )
    document = convert(model, "--isolated")
    assert "quantized" in document["refusal"]
    assert [path.name for path in model.parent.iterdir()] == ["model"]


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another digest": lambda told: told["to"].update(digest="sha256:" + "0" * 64),
    "another source": lambda told: told["from"].update(digest="sha256:" + "0" * 64),
    "a tensor that is not there": lambda told: told["tensors"][0].update(name="b"),
    "another shape": lambda told: told["tensors"][0].update(shape=[12]),
    "no record": lambda told: told.clear(),
    "fields of its own": lambda told: told["tensors"][0].update(more=1),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_what_comes_back_is_not_believed(
    model: Path, lie: Callable[[dict[str, Any]], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = isolated.run

    def lying(*words: Any) -> Outcome:
        outcome = real(*words)
        told = json.loads(outcome.out)
        lie(told)
        return outcome._replace(out=json.dumps(told).encode())

    monkeypatch.setattr(isolated, "run", lying)
    assert convert(model, "--isolated")["converted"] is False
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_file_that_it_left_besides_is_noticed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = isolated.run

    def adding(program: Any, bounds: Any) -> Outcome:
        outcome = real(program, bounds)
        with open(os.path.join(program.outputs["out"], "model", "more.py"), "w", encoding="utf-8") as file:
            file.write("print(1)\n")
        return outcome

    monkeypatch.setattr(isolated, "run", adding)
    assert convert(model, "--isolated")["converted"] is False
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_both_at_once_are_refused(model: Path) -> None:
    assert command("convert", model, "--output", model.parent / "out", "--isolated", "--with-torch").status == 2


def test_torch_reads_what_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_torch()
    (model / "m.pt").unlink()
    run_torch("state_dicts", "write", model, "4")
    ours = convert(model)
    made = {path.name: path.read_bytes() for path in (model.parent / "out").glob("*.safetensors")}
    assert len(made) == 4
    shutil.rmtree(model.parent / "out")

    def refusing(*words: Any) -> None:
        raise NotConvertible("not today", "ask torch")

    monkeypatch.setattr("weighbridge.convert.folder.plan", refusing)
    theirs = convert(model, "--with-torch", "--torch-python", PYTHON)
    assert theirs["road"] == "torch"
    assert ours["road"] == "symbolic"
    assert {path.name: path.read_bytes() for path in (model.parent / "out").glob("*.safetensors")} == made
    keys = [{entry["key"] for entry in told["left_out"] if "_metadata" not in entry["key"]} for told in (ours, theirs)]
    assert keys[0] == keys[1] != set()


def test_a_python_that_is_none_is_an_error(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (model / "m.pt").write_bytes(
        archive(table({"a": tensor(storage("0", "QInt8Storage", 48), (48,), (1,))}), {"0": RAW})
    )
    words = ("convert", model, "--output", model.parent / "out", "--with-torch", "--torch-python", "/nowhere/python")
    outcome = command(*words)
    assert outcome.status == 2
    assert "--torch-python" in outcome.err


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"tensors": [], "shared": [], "rest": []},
        {"tensors": [{"name": "a", "dtype": "F32", "shape": [3], "start": 0, "end": 16}], "shared": {}, "rest": {}},
        {"tensors": [{"name": "a", "dtype": "F32", "shape": [5], "start": 0, "end": 20}], "shared": {}, "rest": {}},
        {"tensors": [{"name": "a", "dtype": "F33", "shape": [4], "start": 0, "end": 16}], "shared": {}, "rest": {}},
        {"tensors": [{"name": "a", "dtype": "F32", "shape": [-4], "start": 16, "end": 0}], "shared": {}, "rest": {}},
        {"tensors": [{"name": "a", "dtype": "F32", "shape": [4], "start": 0, "end": 16}] * 2, "shared": {}, "rest": {}},
        {"tensors": [], "shared": {"b": "a"}, "rest": {}},
    ],
)
def test_a_list_that_does_not_add_up_is_refused(
    tmp_path: Path, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import ExitStack

    def lying(program: Any, bounds: Any) -> Outcome:
        folder = program.outputs["out"]
        with open(f"{folder}/data", "wb") as file:
            file.write(bytes(16))
        with open(f"{folder}/tensors.json", "w", encoding="utf-8") as text:
            json.dump(told, text)
        return Outcome("exit", 0, b"", b"", Walls("none", 0, seccomp=False), {})

    monkeypatch.setattr(with_torch, "run", lying)
    (tmp_path / "m.pt").write_bytes(CONTENT)
    with ExitStack() as stack, pytest.raises(NotConvertible):
        with_torch.torch_plan(PYTHON, str(tmp_path / "m.pt"), Choice(), stack)
