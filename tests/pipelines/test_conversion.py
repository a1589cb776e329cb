"""Pickles at gate one: converted in quarantine, refused, or let through, as the stage says."""

from __future__ import annotations

import json
import os
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from build.checkpoints import archive, storage, table, tensor
from build.containers import safetensors
from build.running import Outcome, command

if TYPE_CHECKING:
    from pathlib import Path

CONVERSION = "https://weighbridge.dev/predicate/conversion/v1"
WHOLE = tensor(storage("0", "FloatStorage", 2), (2,), (1,))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    model = tmp_path / "model"
    model.mkdir()
    (model / "pytorch_model.bin").write_bytes(archive(table({"a": WHOLE, "b": WHOLE}), {"0": bytes(8)}))
    (model / "config.json").write_text('{"architectures": ["Net"], "model_type": "net"}')
    return tmp_path


def take_in(stage: str) -> Outcome:
    return command("intake", "model", "--to", "oci:registry:model:v1", "--stage", stage, "--format", "json")


def set_production(project: Path, word: str) -> None:
    path = project / "weighbridge.toml"
    path.write_text(path.read_text().replace('pickle = "convert"', f'pickle = "{word}"', 1))


def blob(project: Path, digest: str) -> bytes:
    return (project / "registry" / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_a_checkpoint_arrives_as_safetensors_with_its_record(project: Path, stage: str) -> None:
    before = command("scan", "model", "--format", "json").json()["artifact"]["digest"]
    outcome = take_in(stage)
    assert outcome.status == 0, outcome.out
    document = outcome.json()
    names = {file["path"] for file in document["report"]["artifact"]["files"]}
    assert names == {"model.safetensors", "config.json"}
    assert CONVERSION in {item["type"] for item in document["evidence"]}
    (record,) = [item for item in document["evidence"] if item["type"] == CONVERSION]
    told = statement(project, record["digest"])
    assert told["predicate"]["from"]["digest"] == before
    assert told["predicate"]["to"]["digest"] == document["report"]["artifact"]["digest"]
    assert told["predicate"]["shared"] == [{"name": "b", "kept": "a", "file": "model.safetensors"}]
    assert document["report"]["artifact"]["digest"].removeprefix("sha256:") in {
        subject["digest"]["sha256"] for subject in told["subject"]
    }
    assert command("admit", "model:v1", "--stage", stage).status == 0


def statement(project: Path, manifest: str) -> Any:
    """The statement in the evidence with this manifest."""
    import base64

    layer = json.loads(blob(project, manifest))["layers"][0]
    bundle = json.loads(blob(project, layer["digest"]))
    return json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))


def test_a_stage_can_take_in_no_pickle_at_all(project: Path) -> None:
    set_production(project, "block")
    outcome = take_in("production")
    assert outcome.status == 1
    assert "pytorch_model.bin" in outcome.json()["refusal"]
    assert take_in("staging").status == 0


def test_a_stage_can_let_pickles_be(project: Path) -> None:
    document = take_in("sandbox").json()
    assert {file["path"] for file in document["report"]["artifact"]["files"]} == {"pytorch_model.bin", "config.json"}
    assert CONVERSION not in {item["type"] for item in document["evidence"]}


def test_another_word_for_it_is_an_error(project: Path) -> None:
    set_production(project, "convret")
    outcome = take_in("production")
    assert outcome.status == 2
    assert "convert, block or allow" in outcome.err


def test_a_pickle_that_cannot_be_converted_is_refused_with_the_reason(project: Path) -> None:
    (project / "model" / "words.pkl").write_bytes(pickle.dumps({"a": [1, 2, 3]}, 4))
    outcome = take_in("production")
    assert outcome.status == 1
    assert "words.pkl" in outcome.json()["refusal"]
    assert "no table of tensors" in outcome.json()["refusal"]
    assert (
        not (project / "registry" / "index.json").exists() or "v1" not in (project / "registry/index.json").read_text()
    )


def test_a_model_without_pickles_stays_as_it_is(project: Path) -> None:
    os.unlink("model/pytorch_model.bin")
    (project / "model" / "m.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    document = take_in("production").json()
    assert {file["path"] for file in document["report"]["artifact"]["files"]} == {"m.safetensors", "config.json"}
    assert CONVERSION not in {item["type"] for item in document["evidence"]}
