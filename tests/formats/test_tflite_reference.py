"""TensorFlow Lite models as TensorFlow writes them, and what the interpreter reads in them; metadata of its library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ai_edge_litert.interpreter import Interpreter

from build import pickles as p
from build import tflite_models as t
from build.flat_files import flat, table
from build.inspecting import inspected, rules_of, scanned
from build.writers import written
from weighbridge.core.facts import FileReference, Metadata, Operator, Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact

EVIL = p.proto(4) + p.system() + p.STOP
CLEAN = ("plain", "quantized", "flex")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written("tflite_models", tmp_path_factory.mktemp("tflite"))


def facts(path: Path, kind: str = "tflite") -> list[Fact]:
    return [fact for blob in inspected(path).facts.blobs if blob.format == kind for fact in blob.facts]


@pytest.mark.parametrize("name", CLEAN)
def test_a_model_that_tensorflow_writes_is_clean(folder: Path, name: str) -> None:
    report = inspected(folder / f"{name}.tflite").report
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    assert rules_of(report) == ({"tflite/flex-operator"} if name == "flex" else set())
    told = {fact.key for fact in facts(folder / f"{name}.tflite", "tflite-metadata") if isinstance(fact, Metadata)}
    assert "tensorflow_version" in told


def test_an_operator_that_tensorflow_lite_does_not_have_is_a_finding(folder: Path) -> None:
    report = inspected(folder / "custom.tflite").report
    assert report.verdict is Verdict.SUSPICIOUS
    assert rules_of(report) == {"tflite/custom-operator"}


@pytest.mark.parametrize("name", ["plain", "quantized"])
def test_tensors_are_those_of_the_interpreter(folder: Path, name: str) -> None:
    path = folder / f"{name}.tflite"
    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    details = {one["name"]: one for one in interpreter.get_tensor_details()}
    found = [fact for fact in facts(path) if isinstance(fact, Tensor)]
    assert found
    for fact in found:
        assert fact.shape == tuple(details[fact.name]["shape"])
        assert fact.dtype.lower() == details[fact.name]["dtype"].__name__
        content = interpreter.get_tensor(details[fact.name]["index"])
        assert content.tobytes() == path.read_bytes()[fact.offset : fact.offset + fact.size]
    operators = [one["op_name"] for one in interpreter._get_ops_details()]
    assert [fact.name for fact in facts(path) if isinstance(fact, Operator)] == list(
        dict.fromkeys(name for name in operators if name != "DELEGATE")
    )


def test_models_of_the_tests_are_those_of_the_interpreter() -> None:
    for content in (t.written(t.model()), t.behind(), t.with_files(t.behind(), {"labels.txt": b"cat\n"})):
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
        (weights,) = [one for one in interpreter.get_tensor_details() if one["name"] == "w"]
        assert interpreter.get_tensor(weights["index"]).tobytes() == t.FLOATS


# The metadata of the library of tasks


def described(content: bytes) -> bytes:
    made = t.model(metadata=[t.make(t.s.MetadataT, name="TFLITE_METADATA", buffer=2)])
    made.buffers[2] = t.buffer(content)
    return t.with_files(t.written(made), {"labels.txt": b"cat\ndog\n"})


def test_metadata_is_read_to_the_last_byte(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.tflite", described(t.metadata()))
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    seen = facts(tmp_path / "m.tflite", "tflite-metadata")
    told = {fact.key: fact.value for fact in seen if isinstance(fact, Metadata)}
    assert told == {"name": "a classifier", "author": "the tests", "min_parser_version": "1.5.0"}
    assert [fact.target for fact in seen if isinstance(fact, FileReference)] == ["labels.txt"]


BAD: dict[str, tuple[bytes, Any]] = {
    "names a program": (t.metadata(file="labels.py"), Verdict.SUSPICIOUS),
    "hides an object": (t.metadata(name=EVIL.hex()), Verdict.MALICIOUS),
    "hides an object in what is a program's own": (t.metadata(custom=EVIL.hex().encode()), Verdict.MALICIOUS),
    "is cut off": (t.metadata()[:-9], Verdict.INCOMPLETE),
    "goes on": (t.metadata() + b"more", Verdict.INCOMPLETE),
    "has a field that nobody knows": (flat(table(_0="a", _11="a field"), b"M001"), Verdict.INCOMPLETE),
    "is another format": (EVIL, Verdict.MALICIOUS),
    "is none": (b"no metadata at all " * 3, Verdict.INCOMPLETE),
}


@pytest.mark.parametrize(("content", "verdict"), BAD.values(), ids=BAD.keys())
def test_metadata_that_is_not_honest(tmp_path: Path, content: bytes, verdict: Verdict) -> None:
    assert scanned(tmp_path, "m.tflite", described(content)).verdict is verdict
