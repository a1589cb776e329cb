"""Whole models: shards and their index, copies of everything else, and an output that is whole or not there."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from build.checkpoints import archive, storage, table, tensor, written
from build.containers import safetensors
from build.inspecting import inspected
from build.running import command
from tools import schemas
from weighbridge.convert.file import Choice
from weighbridge.convert.folder import convert, stamps
from weighbridge.convert.record import parsed_record
from weighbridge.convert.staging import PREFIX, staged
from weighbridge.core.errors import SourceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

INDEX = "pytorch_model.bin.index.json"


def weights(names: str, first: int = 0) -> bytes:
    """A checkpoint of one tensor of four bytes for each letter."""
    values = {name: tensor(storage(name, "FloatStorage", 1), (1,), (1,)) for name in names}
    return archive(table(values), {name: bytes((first, 0, 0, index)) for index, name in enumerate(names)})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "tokenizer").mkdir(parents=True)
    (folder / "pytorch_model-00001-of-00002.bin").write_bytes(weights("ab"))
    (folder / "pytorch_model-00002-of-00002.bin").write_bytes(weights("cd", 1))
    mapping = {name: f"pytorch_model-0000{1 + (name > 'b')}-of-00002.bin" for name in "abcd"}
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 99}, "weight_map": mapping}))
    (folder / "config.json").write_text('{"model_type": "net"}')
    (folder / "tokenizer" / "vocab.txt").write_text("hello\nworld\n")
    return folder


def record_of(model: Path, output: Path, *options: str) -> dict[str, Any]:
    outcome = command("convert", model, "--output", output, "--format", "json", *options)
    assert outcome.status == 0, (outcome.out, outcome.err)
    document: dict[str, Any] = outcome.json()
    return document


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_shards_get_an_index_of_their_own(model: Path, tmp_path: Path) -> None:
    record_of(model, tmp_path / "out")
    made = files(tmp_path / "out")
    assert set(made) == {
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
        "tokenizer/vocab.txt",
    }
    index = json.loads(made["model.safetensors.index.json"])
    mapping = {name: f"model-0000{1 + (name > 'b')}-of-00002.safetensors" for name in "abcd"}
    assert index == {"metadata": {"total_size": 16}, "weight_map": mapping}
    for name, shard in mapping.items():
        assert name in written(tmp_path / "out" / shard).tensors
    assert made["config.json"] == (model / "config.json").read_bytes()
    assert inspected(tmp_path / "out").report.verdict.value == "clean"


BROKEN = {
    "a tensor that is nowhere": {"e": "pytorch_model-00001-of-00002.bin"},
    "a tensor in another shard": {"a": "pytorch_model-00002-of-00002.bin"},
    "a shard that is missing": {"e": "pytorch_model-00003-of-00003.bin"},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_an_index_that_is_not_true_is_refused(model: Path, tmp_path: Path, change: dict[str, str]) -> None:
    tree = json.loads((model / INDEX).read_text())
    tree["weight_map"] |= change
    (model / INDEX).write_text(json.dumps(tree))
    assert command("convert", model, "--output", tmp_path / "out").status == 1
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_index_that_forgets_a_tensor_is_refused(model: Path, tmp_path: Path) -> None:
    tree = json.loads((model / INDEX).read_text())
    del tree["weight_map"]["d"]
    (model / INDEX).write_text(json.dumps(tree))
    outcome = command("convert", model, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert "'d'" in outcome.out


def test_the_record_says_what_became_of_what(model: Path, tmp_path: Path) -> None:
    document = record_of(model, tmp_path / "out", "--record", str(tmp_path / "record.json"))
    assert json.loads((tmp_path / "record.json").read_text()) == document
    schema = schemas.schemas()["convert"]
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["from"]["digest"] == str(inspected(model).report.artifact.digest)
    assert document["to"]["digest"] == str(inspected(tmp_path / "out").report.artifact.digest)
    import hashlib

    made = files(tmp_path / "out")
    assert {file["path"]: file["sha256"] for file in document["to"]["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in made.items()
    }
    for told in document["tensors"]:
        dtype, shape, raw = written(tmp_path / "out" / told["file"]).tensors[told["name"]]
        assert (told["dtype"], told["shape"]) == (dtype, list(shape))
        assert told["sha256"] == told["before"] == hashlib.sha256(raw).hexdigest()
    assert parsed_record(document).predicate() == document


def test_before_is_the_storage_as_it_lies_in_the_source(tmp_path: Path) -> None:
    import hashlib

    raw = bytes(range(16))
    value = tensor(storage("0", "FloatStorage", 4), (2,), (2,))
    (tmp_path / "m.pt").write_bytes(archive(table({"a": value}), {"0": raw}))
    (told,) = record_of(tmp_path / "m.pt", tmp_path / "out")["tensors"]
    assert told["before"] == hashlib.sha256(raw).hexdigest()
    assert told["sha256"] == hashlib.sha256(raw[:4] + raw[8:12]).hexdigest()


def test_the_refusal_is_in_the_schema_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    outcome = command("convert", tmp_path / "a.txt", "--output", tmp_path / "out", "--format", "json")
    assert outcome.status == 1
    jsonschema.Draft202012Validator(schemas.schemas()["convert"]).validate(outcome.json())


def test_what_is_there_already_is_left_alone(model: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    outcome = command("convert", model, "--output", tmp_path / "out")
    assert outcome.status == 2
    assert files(tmp_path / "out") == {"mine": b"mine"}


def test_two_files_that_would_be_one_are_refused(model: Path, tmp_path: Path) -> None:
    (model / "x.pt").write_bytes(weights("a"))
    (model / "x.pth").write_bytes(weights("b"))
    outcome = command("convert", model, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert "x.safetensors" in outcome.out


def both_ways(model: Path, tmp_path: Path) -> Path:
    """The model with its safetensors beside its checkpoints."""
    record_of(model, tmp_path / "once")
    for name, content in files(tmp_path / "once").items():
        (model / name).write_bytes(content)
    return model


def test_safetensors_that_are_there_already_stay(model: Path, tmp_path: Path) -> None:
    both_ways(model, tmp_path)
    document = record_of(model, tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "once")
    assert {entry["what"] for entry in document["left_out"]} == {
        f"the same tensors are in model-0000{number}-of-00002.safetensors" for number in (1, 2)
    }
    assert document["to"]["digest"] == str(inspected(tmp_path / "out").report.artifact.digest)


@pytest.mark.parametrize("name", ["model-00002-of-00002.safetensors", "model.safetensors.index.json"])
def test_safetensors_that_differ_are_a_question(model: Path, tmp_path: Path, name: str) -> None:
    both_ways(model, tmp_path)
    content = bytearray((model / name).read_bytes())
    if name.endswith(".json"):
        content = bytearray(content.replace(b"model-00002", b"model-00001"))
    else:
        content[-1] ^= 1
    (model / name).write_bytes(content)
    outcome = command("convert", model, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert "remove the one" in outcome.out
    assert not (tmp_path / "out").exists()


def test_of_names_that_share_a_tensor_another_may_have_been_chosen(tmp_path: Path) -> None:
    value = tensor(storage("0", "FloatStorage", 1), (1,), (1,))
    model = tmp_path / "model"
    model.mkdir()
    (model / "pytorch_model.bin").write_bytes(archive(table({"a": value, "b": value}), {"0": b"1234"}))
    for names in ("b", "a", "ab"):
        entries = dict.fromkeys(names, b"1234")
        tree = {
            name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]} for at, name in enumerate(names)
        }
        (model / "model.safetensors").write_bytes(safetensors(entries, header=json.dumps(tree).encode()))
        record_of(model, tmp_path / names)
    for names in ("c", "ac"):
        entries = dict.fromkeys(names, b"1234")
        tree = {
            name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]} for at, name in enumerate(names)
        }
        (model / "model.safetensors").write_bytes(safetensors(entries, header=json.dumps(tree).encode()))
        assert command("convert", model, "--output", tmp_path / names).status == 1


def test_a_pickle_in_an_archive_is_not_passed_on(model: Path, tmp_path: Path) -> None:
    import pickle

    from build.containers import zipped

    (model / "more.zip").write_bytes(zipped({"inner.pkl": pickle.dumps({"a": [1, 2, 3]}, 4)}))
    outcome = command("convert", model, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert "more.zip" in outcome.out


def test_a_file_that_changes_after_the_scan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(weights("a"))
    inspection = inspected(path)
    before = stamps(str(path), inspection_limits())
    path.write_bytes(weights("a", 7))
    with pytest.raises(SourceError, match="changed after it was inspected"):
        convert(str(path), str(tmp_path / "out"), inspection, before, Choice(), inspection_limits(), _silent())
    assert [found.name for found in tmp_path.iterdir()] == ["m.pt"]


def inspection_limits() -> Any:
    from build.inspecting import LIMITS

    return LIMITS


def _silent() -> Any:
    from weighbridge.cli.progress import silent

    return silent()


def test_nothing_is_left_of_what_raises(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged(str(tmp_path / "out")) as folder:
        raise ZeroDivisionError(folder)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_one_left_goes_and_what_is_in_use_stays(tmp_path: Path) -> None:
    dead, alive = tmp_path / f"{PREFIX}dead", tmp_path / f"{PREFIX}alive"
    dead.mkdir()
    alive.mkdir()
    (dead / "half").write_text("half")
    lock = os.open(alive, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with staged(str(tmp_path / "out")):
            pass
    finally:
        os.close(lock)
    assert sorted(path.name for path in tmp_path.iterdir()) == [alive.name, "out"]


def test_a_link_in_the_place_of_the_output_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "there")
    with pytest.raises(UsageError), staged(str(tmp_path / "out")):
        pass
    assert list((tmp_path / "there").iterdir()) == []


def test_killed_at_any_moment_nothing_half_is_visible(tmp_path: Path) -> None:
    size = 12_000_000
    raw = random.Random(3).randbytes(size)
    content = table({"a": tensor(storage("0", "ByteStorage", size), (size,), (1,))})
    (tmp_path / "m.pt").write_bytes(archive(content, {"0": raw}))
    words = [sys.executable, "-m", "weighbridge", "convert", str(tmp_path / "m.pt"), "--output", str(tmp_path / "out")]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(tmp_path)}
    begun = time.monotonic()
    subprocess.run(words, env=environ, check=True, capture_output=True)
    takes = time.monotonic() - begun
    whole = files(tmp_path / "out")
    chance = random.Random(1)
    half = finished = 0
    for _ in range(50):
        for path in (tmp_path / "out").glob("*"):
            path.unlink()
        if (tmp_path / "out").exists():
            (tmp_path / "out").rmdir()
        process = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Most of a run is its start: the later half is where something is written.
        time.sleep(takes * chance.uniform(0.4, 1.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        if (tmp_path / "out").exists():
            assert files(tmp_path / "out") == whole
            finished += 1
        half += any(path.name.startswith(PREFIX) for path in tmp_path.iterdir())
    assert half, "no run was killed while it wrote"
    subprocess.run([*words[:-1], str(tmp_path / "again")], env=environ, check=True, capture_output=True)
    assert not any(path.name.startswith(PREFIX) for path in tmp_path.iterdir())
