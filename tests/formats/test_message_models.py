"""Models in Protocol Buffers: numbers are data, and what asks for code or files is said wherever it stands."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING

import pytest

from build import forms as f
from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Metadata, Operator
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

CUSTOM = f.message((10, "EvilLayer"), (20, b"weights"), (40, "text"))
NETWORK = f.coreml(500, f.coreml_layer(inner=bytes(100)))
HONEST = {
    "tokenizer.model": ("sentencepiece", f.sentencepiece("▁a", "▁the", "x" * 30)),
    "spiece.bin": (
        "sentencepiece",
        f.sentencepiece("▁a", more=f.field(4, f.message((1, f.message((1, "a"), (2, "b")))))),
    ),
    "net.mlmodel": ("coreml", NETWORK),
    "program.mlmodel": ("coreml", f.coreml(502, f.mil("@model_path/weights/weight.bin"))),
    "pipeline.mlmodel": ("coreml", f.coreml(202, f.message((1, NETWORK), (2, "a")))),
    "trees": ("coreml", f.coreml(402, bytes(range(100)))),
    "net.caffemodel": ("caffe", f.caffe()),
    "net.pdmodel": ("paddle", f.paddle("conv2d", "relu")),
    "__model__": ("paddle", f.paddle("conv2d")),
}


@pytest.mark.parametrize(("name", "kind", "content"), [(name, *rest) for name, rest in HONEST.items()])
def test_an_ordinary_model_is_clean(tmp_path: Path, name: str, kind: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict is Verdict.CLEAN, report.unread
    assert not report.findings
    assert report.artifact.files[0].format == kind


def test_texts_and_operators_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "t.model", f.sentencepiece("a"))
    facts = inspected(tmp_path / "t.model").facts.blobs[0].facts
    assert [fact.value for fact in facts if isinstance(fact, Metadata)] == ["nmt_nfkc"]
    scanned(tmp_path, "m.pdmodel", f.paddle("conv2d", "relu", "relu"))
    facts = inspected(tmp_path / "m.pdmodel").facts.blobs[0].facts
    assert [(fact.name, fact.times) for fact in facts if isinstance(fact, Operator)] == [("conv2d", 1), ("relu", 2)]


PYTHON = f.message((1, "evil"), (2, "Layer"), (3, "{'a': 1}"))
BRANCH = f.message((1, f.coreml_layer(custom=CUSTOM)))
CODE = {
    "a custom layer": (f.coreml(500, f.coreml_layer(custom=CUSTOM)), Verdict.SUSPICIOUS),
    "a custom layer of a classifier": (f.coreml(403, f.coreml_layer(custom=CUSTOM)), Verdict.SUSPICIOUS),
    "a custom layer in a branch": (f.coreml(500, f.coreml_layer(branch=BRANCH)), Verdict.SUSPICIOUS),
    "a custom model": (f.coreml(555, f.message((10, "EvilModel"))), Verdict.SUSPICIOUS),
    "a custom model in a pipeline": (
        f.coreml(200, f.message((1, f.message((1, f.coreml(555, f.message((10, "Evil")))))))),
        Verdict.SUSPICIOUS,
    ),
    "a layer in Python": (f.caffe("Python", PYTHON), Verdict.MALICIOUS),
    "a layer in Python without a module": (f.caffe("Python"), Verdict.MALICIOUS),
    "parameters of Python alone": (f.caffe("Convolution", PYTHON), Verdict.MALICIOUS),
    "a function in Python": (f.paddle("relu", "py_func"), Verdict.MALICIOUS),
}


@pytest.mark.parametrize(("content", "verdict"), CODE.values(), ids=CODE.keys())
@pytest.mark.parametrize("name", ["model", "weights.bin"])
def test_what_runs_code_is_a_finding(tmp_path: Path, content: bytes, verdict: Verdict, name: str) -> None:
    report = scanned(tmp_path, name, content)
    assert "file/python-layer" in rules_of(report)
    assert report.verdict is verdict


def parameter(text: str) -> bytes:
    return f.message((1, text))


FILES = {
    "weights": f.coreml(502, f.mil("../../etc/passwd")),
    "weights in a block": f.coreml(502, f.mil("@model_path/../x", nested=True)),
    "a linked model": f.coreml(556, f.message((1, f.message((1, parameter("/etc/passwd")))))),
    "an operator": f.paddle("load", attribute=f.message((1, "file_path"), (2, 2), (5, "/etc/passwd"))),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_a_path_that_leads_out_is_a_finding(tmp_path: Path, content: bytes) -> None:
    assert "file/outside-path" in rules_of(scanned(tmp_path, "model", content))


def test_an_object_in_a_text_or_in_numbers_is_found_and_followed(tmp_path: Path) -> None:
    evil = base64.b64encode(p.proto(4) + p.system() + p.STOP).decode()
    for content in (f.sentencepiece(evil), f.coreml(402, b"\0\1" + evil.encode() + bytes(40)), f.paddle(evil)):
        assert scanned(tmp_path, "m.model", content).verdict is Verdict.MALICIOUS


UNREAD = {
    "a field that nobody defined": f.sentencepiece("a", more=f.field(77, b"hidden")),
    "a field of a piece": f.sentencepiece("a", more=f.field(1, f.message((1, "a"), (2, 1.0), (9, b"x")))),
    "cut off": f.sentencepiece("a")[:-5],
    "a serialized model": f.coreml(3000, f.message((1, "x"), (2, b"y" * 100))),
    "something behind": f.coreml(402, b"x") + b"\xff\xff",
    "a model of a model": f.coreml(999, b"x"),
}


@pytest.mark.parametrize("content", UNREAD.values(), ids=UNREAD.keys())
@pytest.mark.parametrize("name", ["m.mlmodel", "m.spm"])
def test_what_is_not_read_is_incomplete(tmp_path: Path, content: bytes, name: str) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict is not Verdict.CLEAN
    assert report.unread


@pytest.mark.parametrize(
    "content", [b"\x0a\x00", b"\x08\x05", f.message((1, "name"), (2, "op")), f.field(1, f.message((1, "a"), (2, "b")))]
)
def test_other_messages_are_not_taken_for_models(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "model", content).artifact.files[0].format == "opaque"


@pytest.mark.parametrize(
    "content",
    [f.sentencepiece("a"), NETWORK, f.caffe("Python", PYTHON), f.paddle("py_func"), f.coreml(502, f.mil("a"))],
)
def test_changed_models_are_read_or_said_to_be_broken(tmp_path: Path, content: bytes) -> None:
    rng = random.Random(11)
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(changed))
            changed[place : place + rng.randrange(4)] = rng.choice([b"", b"\xff" * 4, b"\x0a", rng.randbytes(2)])
        report = scanned(tmp_path, "m", bytes(changed))
        assert not any("parser failed" in span.why for span in report.unread)
