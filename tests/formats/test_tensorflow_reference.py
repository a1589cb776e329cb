"""What TensorFlow writes is clean and read as TensorFlow reads it; what reaches outside is found in its own graphs."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from build.inspecting import inspected, rules_of
from build.writers import truth, written
from weighbridge.core.facts import FileReference, Graph, Metadata, Operator, Tensor
from weighbridge.core.findings import Severity, Verdict
from weighbridge.formats.grammars.protobuf import BYTES
from weighbridge.formats.tensorflow.models import saved_model_schema
from weighbridge.formats.tensorflow.models import schema as tensorflow_schema
from weighbridge.formats.tensorflow.types import NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact
    from weighbridge.formats.grammars.protobuf import Shape

CLEAN = (
    "module",
    "words",
    "words-text",
    "data",
    "keras-export",
    "keras-text",
    "old",
    "keras-2",
    "plain.pb",
    "plain.pbtxt",
    "frozen.pb",
    "first",
    "second",
    "sharded",
    "shards",
    "reaching/given",
)
REACHING = {
    "argument": ("tensorflow/file-read", Verdict.SUSPICIOUS),
    "join": ("tensorflow/file-read", Verdict.SUSPICIOUS),
    "branch": ("tensorflow/file-read", Verdict.SUSPICIOUS),
    "variable": ("tensorflow/file-read", Verdict.SUSPICIOUS),
    "data": ("tensorflow/file-read", Verdict.SUSPICIOUS),
    "python": ("tensorflow/python-operator", Verdict.SUSPICIOUS),
    "numpy": ("tensorflow/python-operator", Verdict.SUSPICIOUS),
    "print": ("tensorflow/file-write", Verdict.MALICIOUS),
    "write": ("tensorflow/file-write", Verdict.MALICIOUS),
    "write-given": ("tensorflow/file-write", Verdict.SUSPICIOUS),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("tensorflow_models", tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def read(models: Path) -> dict[str, Any]:
    return truth(models)


def facts_of(path: Path) -> tuple[Fact, ...]:
    blobs = inspected(path).facts.blobs
    (blob, *_) = [blob for blob in blobs if blob.location in (path.name, f"{path.name}!message")]
    return blob.facts


@pytest.mark.parametrize("name", CLEAN)
def test_what_tensorflow_writes_is_clean(models: Path, name: str) -> None:
    report = inspected(models / name).report
    assert report.verdict is Verdict.CLEAN, report.unread
    assert not [finding for finding in report.findings if finding.severity.rank >= Severity.HIGH.rank]
    assert all(file.coverage.opaque == 0 for file in report.artifact.files)


def same_graph(facts: tuple[Fact, ...], graphs: list[dict[str, Any]]) -> None:
    ops: dict[str, int] = {}
    for graph in graphs:
        for op, times in graph["ops"].items():
            ops[op] = ops.get(op, 0) + times
    assert {fact.name: fact.times for fact in facts if isinstance(fact, Operator)} == ops
    found = [fact for fact in facts if isinstance(fact, Graph)]
    assert sum(fact.nodes for fact in found) == sum(graph["nodes"] for graph in graphs)
    functions = sorted(fact.name for fact in found if fact.role == "function")
    assert functions == sorted(name for graph in graphs for name in graph["functions"])


def test_graphs_are_those_that_tensorflow_reads(models: Path, read: dict[str, Any]) -> None:
    assert len(read["saved_models"]) > 15
    for name, graphs in read["saved_models"].items():
        facts = facts_of(models / name)
        same_graph(facts, graphs)
        keys = [fact for fact in facts if isinstance(fact, Metadata)]
        signatures = sorted(fact.key.removeprefix("signature ") for fact in keys if fact.key.startswith("signature "))
        assert signatures == sorted(key for graph in graphs for key in graph["signatures"])
        assert [fact.value for fact in keys if fact.key == "tag"] == [tag for graph in graphs for tag in graph["tags"]]
        assets = [fact.target for fact in facts if isinstance(fact, FileReference) and fact.road == "tf-asset"]
        assert assets == [asset for graph in graphs for asset in graph["assets"]]
    for name, graph in {**read["graphs"], **read["metas"]}.items():
        same_graph(facts_of(models / name), [graph])
    same_graph(facts_of(models / "words-text/saved_model.pbtxt"), read["saved_models"]["words/saved_model.pb"])


def test_tensors_of_checkpoints_are_those_that_tensorflow_reads(models: Path, read: dict[str, Any]) -> None:
    numbers = {name: number for number, name in NAMES.items()}
    assert len(read["checkpoints"]) > 15
    for name, tensors in read["checkpoints"].items():
        found = [fact for fact in facts_of(models / name) if isinstance(fact, Tensor)]
        # A slice goes by the name of its tensor and its place; TensorFlow lists the tensor.
        mine = {fact.name: [numbers[fact.dtype], list(fact.shape)] for fact in found if "[" not in fact.name}
        assert mine == tensors
    index = "first/model.ckpt-0.index"
    assert {fact.name.partition("[")[0] for fact in facts_of(models / index) if isinstance(fact, Tensor)} == set(
        read["checkpoints"][index]
    )


def test_shapes_of_messages_are_those_of_the_library(read: dict[str, Any]) -> None:
    schema: dict[str, Any] = read["schema"]
    checked: set[str] = set()

    def check(shape: Shape, name: str) -> None:
        if name in checked:
            return
        checked.add(name)
        fields = {int(number): field for number, field in schema[name].items()}
        assert {number: field[0] for number, field in fields.items()} == dict(shape.names), name
        for number, (field, wire, repeated, message) in fields.items():
            assert (shape.tags[number << 3 | wire] == 0) is repeated, f"{name}.{field}"
            assert bool(message) == (number in shape.messages), f"{name}.{field}"
            if message and not message.endswith("keras.protobuf.VersionDef"):
                check(shape.messages[number], message)
            elif wire != BYTES and repeated:
                assert shape.tags[number << 3 | BYTES] == 0

    check(saved_model_schema.SAVED_MODEL, "tensorflow.SavedModel")
    check(tensorflow_schema.BUNDLE_HEADER, "tensorflow.BundleHeaderProto")
    check(tensorflow_schema.BUNDLE_ENTRY, "tensorflow.BundleEntryProto")
    check(tensorflow_schema.FINGERPRINT_DEF, "tensorflow.FingerprintDef")
    check(saved_model_schema.KERAS_METADATA, "third_party.py.tf_keras.protobuf.SavedMetadata")
    assert len(checked) > 70


@pytest.mark.parametrize("way", REACHING)
def test_what_reaches_outside_is_found(models: Path, way: str) -> None:
    rule, verdict = REACHING[way]
    report = inspected(models / "reaching" / way).report
    assert report.verdict is verdict
    assert rule in {finding.rule for finding in report.findings if finding.severity.rank >= Severity.HIGH.rank}


def test_code_in_the_metadata_of_keras_is_found(models: Path) -> None:
    report = inspected(models / "keras-2-lambda").report
    assert report.verdict is Verdict.MALICIOUS
    assert "keras/bytecode" in rules_of(report)


@pytest.mark.parametrize("name", ["words", "words-text"])
def test_an_asset_that_is_missing_is_said(models: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(models / name, tmp_path / "words")
    (tmp_path / "words/assets/vocabulary.txt").unlink()
    report = inspected(tmp_path / "words").report
    assert report.verdict is Verdict.INCOMPLETE
    assert any("vocabulary.txt" in item.why for item in report.unread)


def test_shards_are_held_against_their_index(models: Path, tmp_path: Path) -> None:
    for change in ("cut", "longer", "missing", "extra"):
        folder = tmp_path / change
        shutil.copytree(models / "shards", folder)
        shard = folder / "ckpt-1.data-00001-of-00002"
        content = shard.read_bytes()
        if change == "missing":
            shard.unlink()
        elif change == "extra":
            (folder / "ckpt-1.data-00002-of-00002").write_bytes(b"hidden" * 20)
        else:
            shard.write_bytes(content[:-1] if change == "cut" else content + b"hidden")
        report = inspected(folder).report
        assert report.verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS), change
        assert report.unread, change


@pytest.mark.parametrize("name", ["saved_model.pb", "variables/variables.index", "keras_metadata.pb"])
def test_a_file_that_is_cut_off_is_not_clean(models: Path, tmp_path: Path, name: str) -> None:
    content = (models / "keras-2" / name).read_bytes()
    target = tmp_path / name.rpartition("/")[2]
    for end in range(1, len(content), max(1, len(content) // 60)):
        target.write_bytes(content[:end])
        report = inspected(target).report
        assert report.verdict is not Verdict.CLEAN, end
        assert not any("parser failed" in item.why for item in report.unread), end
