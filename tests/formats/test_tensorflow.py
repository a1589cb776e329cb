"""Graphs of TensorFlow: every operator is counted, names of files are followed, what nobody defined is not clean."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build import tensorflow_models as t
from build.forms import field, message, sentencepiece
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import FileReference, Graph, Metadata, Operator, Tensor
from weighbridge.core.findings import Severity, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact

PLAIN = t.graph(t.weights(), t.node("x", "Placeholder"), t.node("y", "MatMul", "x", "w"))
EVIL = p.proto(4) + p.system() + p.STOP
HONEST = {
    "saved_model.pb": ("tensorflow-saved-model", t.saved_model(PLAIN)),
    "model": ("tensorflow-saved-model", t.saved_model(PLAIN)),
    "frozen.pb": ("tensorflow-graph", PLAIN),
    "graph": ("tensorflow-graph", PLAIN),
    "model.ckpt-1.meta": ("tensorflow-meta-graph", t.meta_graph(PLAIN)),
    "fingerprint.pb": ("tensorflow-fingerprint", message((1, 5), (6, message((1, 1))), (7, "123"))),
    "tfhub_module.pb": ("tensorflow-hub-module", message((1, 3))),
    "keras_metadata.pb": ("keras-metadata", message((1, message((3, "root"), (4, "_tf_keras_model"), (5, "{}"))))),
}


@pytest.mark.parametrize(("name", "kind", "content"), [(name, *rest) for name, rest in HONEST.items()])
def test_an_ordinary_file_is_clean(tmp_path: Path, name: str, kind: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict is Verdict.CLEAN, report.unread
    assert not report.findings
    assert report.artifact.files[0].format == kind


def facts_of(tmp_path: Path, content: bytes, name: str = "saved_model.pb") -> tuple[Fact, ...]:
    scanned(tmp_path, name, content)
    return inspected(tmp_path / name).facts.blobs[0].facts


def test_what_is_in_it_is_told(tmp_path: Path) -> None:
    inner = t.function("f", ["a"], t.node("g", "Relu", "a"), t.node("h", "Relu", "g:0"))
    content = t.saved_model(
        t.graph(
            t.weights("w", bytes(4096), 32, 32), t.node("c", "PartitionedCall", "w", f=t.calls("f")), functions=[inner]
        )
    )
    facts = facts_of(tmp_path, content)
    operators = [(fact.name, fact.times) for fact in facts if isinstance(fact, Operator)]
    assert operators == [("Const", 1), ("PartitionedCall", 1), ("Relu", 2)]
    assert [(fact.role, fact.name, fact.nodes) for fact in facts if isinstance(fact, Graph)] == [
        ("function", "f", 2),
        ("main", "serve", 2),
    ]
    assert [fact[:3] + fact[4:] for fact in facts if isinstance(fact, Tensor)] == [("w", "FLOAT", (32, 32), 4096)]
    assert ("signature serving_default", "tensorflow/serving/predict") in [
        fact[:2] for fact in facts if isinstance(fact, Metadata)
    ]


def reads(source: str, *nodes: bytes, functions: tuple[bytes, ...] = (), op: str = "ReadFile") -> bytes:
    return t.saved_model(t.graph(*nodes, t.node("r", op, source), functions=functions))


def called(*inputs: str, op: str = "StatefulPartitionedCall", **attributes: bytes) -> bytes:
    return t.node("c", op, *inputs, **(attributes or {"f": t.calls("f")}))


INNER = t.function("f", ["a", "b"], t.node("r", "ReadFile", "b"))
PASSWD = t.constant("path", "/etc/passwd")
FOLLOWED = {
    "a constant": reads("path", PASSWD),
    "a constant that comes later": t.saved_model(t.graph(t.node("r", "ReadFile", "path"), PASSWD)),
    "through an identity": reads("i:0", PASSWD, t.node("i", "Identity", "path")),
    "a default": reads("i", PASSWD, t.node("i", "PlaceholderWithDefault", "path")),
    "joined": reads("j", t.constant("a", "/etc"), t.constant("b", "passwd"), t.node("j", "StringJoin", "a", "b")),
    "in a list": reads("path", t.constant("path", "x", "/etc/passwd"), op="MatchingFiles"),
    "an argument": t.saved_model(t.graph(PASSWD, called("x", "path"), functions=[INNER])),
    "an argument of a branch": t.saved_model(
        t.graph(PASSWD, called("cond", "x", "path", op="If", then_branch=t.calls("f")), functions=[INNER])
    ),
    "an argument of a function called by its name": t.saved_model(
        t.graph(PASSWD, t.node("c", "f", "x", "path"), functions=[INNER])
    ),
    "an argument of an argument": t.saved_model(
        t.graph(
            PASSWD,
            t.node("c", "PartitionedCall", "path", f=t.calls("g")),
            functions=[INNER, t.function("g", ["z"], called("z", "z"))],
        )
    ),
    "a variable": reads(
        "v:0",
        PASSWD,
        t.node("handle", "VarHandleOp"),
        t.node("s", "AssignVariableOp", "handle", "path"),
        t.node("v", "ReadVariableOp", "handle"),
    ),
    "a region of memory": t.saved_model(
        t.graph(t.node("r", "ImmutableConst", memory_region_name=t.text("/etc/passwd")))
    ),
    "an attribute": t.saved_model(t.graph(t.node("s", "Skipgram", filename=t.text("/etc/passwd")))),
    "a description of messages": t.saved_model(
        t.graph(t.node("d", "DecodeProtoV2", "x", descriptor_source=t.text("/etc/passwd")))
    ),
    "a vocabulary": reads("x", PASSWD, t.node("v", "InitializeTableFromTextFileV2", "table", "path")),
}


@pytest.mark.parametrize("content", FOLLOWED.values(), ids=FOLLOWED.keys())
def test_the_name_of_a_file_is_followed(tmp_path: Path, content: bytes) -> None:
    facts = facts_of(tmp_path, content)
    assert [fact.target for fact in facts if isinstance(fact, FileReference) and fact.target.startswith("/etc")]
    report = inspected(tmp_path / "saved_model.pb").report
    assert report.verdict is Verdict.SUSPICIOUS
    assert "tensorflow/file-read" in rules_of(report)


COMPUTED = {
    "decoded": reads("d", t.constant("b", "L2V0Yw"), t.node("d", "DecodeBase64", "b")),
    "of a data set": t.saved_model(t.graph(t.node("m", "MapDataset", "rows", f=t.calls("f")), functions=[INNER])),
    "of a variable that is restored": reads("v", t.node("h", "VarHandleOp"), t.node("v", "ReadVariableOp", "h")),
    "of nothing that is there": reads("nothing"),
    "behind a join": reads("j", t.constant("a", "x"), t.node("u", "Strange"), t.node("j", "StringJoin", "a", "u")),
}


@pytest.mark.parametrize("content", COMPUTED.values(), ids=COMPUTED.keys())
def test_a_name_that_is_computed_is_high(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "saved_model.pb", content)
    found = [finding.severity for finding in report.findings if finding.rule == "tensorflow/file-read"]
    assert Severity.HIGH in found


ORDINARY = {
    "an input": reads("x", t.node("x", "Placeholder")),
    "an argument of a signature": t.saved_model(t.graph(functions=[INNER])),
    "the saver of version one": t.saved_model(
        t.graph(
            t.constant("c", "model"),
            t.node("d", "PlaceholderWithDefault", "c"),
            t.node("s", "SaveV2", "d", "names", "slices"),
            t.node("r", "RestoreV2", "d", "names", "slices"),
        )
    ),
    "the saver of version two": t.saved_model(
        t.graph(
            t.constant("a", ".part"),
            t.constant("b", "_temp/part"),
            t.node("w", "Select", "cond", "a", "b"),
            t.node("j", "StringJoin", "prefix", "w"),
            t.node("n", "ShardedFilename", "j", "zero", "one"),
            t.node("s", "SaveV2", "n"),
            t.node("m", "MergeV2Checkpoints", "n", "prefix"),
        )
    ),
    "an output on the screen": t.saved_model(t.graph(t.node("p", "PrintV2", "x", output_stream=t.text("stderr")))),
    "a message of the process": t.saved_model(
        t.graph(t.node("d", "DecodeProtoV2", "x", descriptor_source=t.text("local://")))
    ),
    "a cache in memory": t.saved_model(t.graph(t.constant("c", ""), t.node("d", "CacheDatasetV2", "rows", "c"))),
    "a message and a picture": t.saved_model(t.graph(t.node("p", "Assert", "x"), t.node("d", "DecodeJpeg", "x"))),
    "data of training": t.meta_graph(t.graph(PASSWD, t.node("r", "TFRecordDataset", "path"))),
}


@pytest.mark.parametrize("content", ORDINARY.values(), ids=ORDINARY.keys())
def test_what_every_model_does_is_no_alarm(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "model", content)
    assert report.verdict is Verdict.CLEAN, report.findings


def test_an_asset_is_no_foreign_file_and_has_to_be_there(tmp_path: Path) -> None:
    inner = t.graph(PASSWD, t.node("v", "InitializeTableFromTextFileV2", "table", "path"))
    folder = tmp_path / "model"
    (folder / "assets").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(t.saved_model(inner, assets={"path:0": "words.txt"}))
    report = inspected(folder).report
    assert report.verdict is Verdict.INCOMPLETE
    assert "words.txt" in report.unread[0].why
    (folder / "assets/words.txt").write_text("one\ntwo\n")
    report = inspected(folder).report
    assert report.verdict is Verdict.CLEAN
    assert [finding.severity for finding in report.findings] == [Severity.LOW]


def test_a_constant_is_no_asset_when_nobody_names_it(tmp_path: Path) -> None:
    """A loader names assets while it initializes; what is run later sees the constant."""
    folder = tmp_path / "model"
    (folder / "assets").mkdir(parents=True)
    (folder / "assets/words.txt").write_text("one\ntwo\n")
    inner = t.graph(PASSWD, t.node("r", "ReadFile", "path"))
    (folder / "saved_model.pb").write_bytes(t.saved_model(inner, assets={"path:0": "words.txt"}))
    assert inspected(folder).report.verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "", "a/../../x"])
def test_an_asset_outside_is_a_finding(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "saved_model.pb", t.saved_model(PLAIN, assets={"path:0": name}))
    assert "tensorflow/outside-asset" in rules_of(report)


WRITE = t.node("w", "WriteFile", "path", "content")
OUTSIDE = {
    "writes": (t.graph(PASSWD, WRITE), "tensorflow/file-write", Verdict.MALICIOUS),
    "writes relatively": (t.graph(t.constant("path", "x"), WRITE), "tensorflow/file-write", Verdict.MALICIOUS),
    "writes in a function": (
        t.graph(functions=[t.function("f", ["a"], t.constant("path", "x"), WRITE)]),
        "tensorflow/file-write",
        Verdict.MALICIOUS,
    ),
    "prints into a file": (
        t.graph(t.node("p", "PrintV2", "x", output_stream=t.text("file:///tmp/x"))),
        "tensorflow/file-write",
        Verdict.MALICIOUS,
    ),
    "writes what it is told": (
        t.graph(t.node("path", "Placeholder"), WRITE),
        "tensorflow/file-write",
        Verdict.SUSPICIOUS,
    ),
    "logs": (
        t.graph(PASSWD, t.node("s", "CreateSummaryFileWriter", "h", "path")),
        "tensorflow/file-write",
        Verdict.SUSPICIOUS,
    ),
    "saves elsewhere": (t.graph(PASSWD, t.node("s", "SaveV2", "path")), "tensorflow/file-write", Verdict.SUSPICIOUS),
    "calls Python": (
        t.graph(t.node("p", "PyFunc", token=t.text("f"))),
        "tensorflow/python-operator",
        Verdict.SUSPICIOUS,
    ),
    "calls Python in a function": (
        t.graph(functions=[t.function("f", [], t.node("p", "EagerPyFunc"))]),
        "tensorflow/python-operator",
        Verdict.SUSPICIOUS,
    ),
    "an operator of a library": (t.graph(t.node("e", "Evil>Op")), "tensorflow/custom-operator", Verdict.SUSPICIOUS),
    "a debugger": (
        t.graph(t.node("d", "DebugIdentityV3", "x", debug_urls=t.texts("grpc://203.0.113.7:1"))),
        "tensorflow/address",
        Verdict.SUSPICIOUS,
    ),
    "a server": (
        t.graph(t.constant("a", "203.0.113.7:1"), t.node("d", "RpcClient", "a")),
        "tensorflow/address",
        Verdict.SUSPICIOUS,
    ),
    "a file system": (
        t.graph(t.node("f", "FileSystemSetConfiguration")),
        "tensorflow/leaving-operator",
        Verdict.SUSPICIOUS,
    ),
    "a function instead of an operator": (
        t.graph(functions=[t.function("MatMul", ["a"], t.node("x", "Neg", "a"))]),
        "tensorflow/shadowed-operator",
        Verdict.SUSPICIOUS,
    ),
}


@pytest.mark.parametrize(("inner", "rule", "verdict"), OUTSIDE.values(), ids=OUTSIDE.keys())
@pytest.mark.parametrize("form", ["saved model", "graph"])
def test_what_leaves_the_graph_is_a_finding(
    tmp_path: Path, inner: bytes, rule: str, verdict: Verdict, form: str
) -> None:
    content = t.saved_model(inner) if form == "saved model" else inner
    report = scanned(tmp_path, "saved_model.pb" if form == "saved model" else "frozen.pb", content)
    assert rule in rules_of(report)
    assert report.verdict is verdict


def test_the_graph_behind_another_is_read_too(tmp_path: Path) -> None:
    both = message((1, 1), (2, t.meta_graph(PLAIN)), (2, t.meta_graph(t.graph(PASSWD, WRITE))))
    assert scanned(tmp_path, "saved_model.pb", both).verdict is Verdict.MALICIOUS


def test_fields_in_another_order_hide_nothing(tmp_path: Path) -> None:
    write = b"".join(field(3, one) for one in ("path", "c")) + field(2, "WriteFile") + field(1, "w")
    versions_first = field(4, message((1, 1994))) + field(1, write) + field(1, PASSWD)
    assert scanned(tmp_path, "frozen.pb", versions_first).verdict is Verdict.MALICIOUS
    late = field(3, WRITE) + field(3, PASSWD) + field(1, field(1, "f"))
    graph_first = field(2, field(1, late)) + field(1, t.node("x", "NoOp"))
    assert scanned(tmp_path, "frozen.pb", graph_first).verdict is Verdict.MALICIOUS
    backwards = field(2, t.meta_graph(t.graph(PASSWD, WRITE))) + field(1, 1)
    assert scanned(tmp_path, "saved_model.pb", backwards).verdict is Verdict.MALICIOUS


def test_an_attribute_seen_before_is_still_followed(tmp_path: Path) -> None:
    """The same bytes in an operator that does not care are no reason to skip them in one that does."""
    value = field(8, t.tensor(t.STRING, strings=["/tmp/x"]))
    content = t.graph(t.node("a", "NoOp", value=value), t.node("path", "Const", value=value), WRITE)
    assert scanned(tmp_path, "frozen.pb", content).verdict is Verdict.MALICIOUS


ENCODED = base64.b64encode(EVIL).decode()
OBJECTS = {
    "text of a constant": t.graph(t.constant("c", ENCODED)),
    "bytes of a constant": t.graph(t.constant("c", EVIL)),
    "a graph in a constant": t.graph(t.constant("c", t.graph(PASSWD, WRITE)), t.node("d", "DatasetFromGraph", "c")),
    "an attribute": t.graph(t.node("n", "NoOp", note=t.text(ENCODED))),
    "a name": t.graph(t.node(ENCODED * 4, "NoOp")),
    "a function": t.graph(functions=[t.function("f", [], t.constant("c", ENCODED))]),
}


@pytest.mark.parametrize("inner", OBJECTS.values(), ids=OBJECTS.keys())
def test_an_object_inside_is_found_and_followed(tmp_path: Path, inner: bytes) -> None:
    assert scanned(tmp_path, "saved_model.pb", t.saved_model(inner)).verdict is Verdict.MALICIOUS


def test_a_model_in_a_constant_is_read(tmp_path: Path) -> None:
    content = t.saved_model(
        t.graph(t.constant("model", sentencepiece("a", "b" * 60)), t.node("s", "SentencepieceOp", "model"))
    )
    report = scanned(tmp_path, "saved_model.pb", content)
    assert report.verdict is Verdict.CLEAN
    assert any(blob.format == "sentencepiece" for blob in inspected(tmp_path / "saved_model.pb").facts.blobs)


def test_keras_configurations_are_read(tmp_path: Path) -> None:
    code = {"class_name": "__tuple__", "items": [base64.b64encode(b"\xe3" + bytes(40)).decode(), None, None]}
    config = json.dumps({"class_name": "Lambda", "config": {"function": code, "function_type": "lambda"}})
    metadata = message((1, message((3, "root"), (5, config))))
    assert scanned(tmp_path, "keras_metadata.pb", metadata).verdict is Verdict.MALICIOUS
    user_object = message((4, message((1, "_tf_keras_layer"), (3, config))))
    objects = field(7, message((1, user_object)))
    content = message((1, 1), (2, t.meta_graph(PLAIN, more=objects)))
    assert scanned(tmp_path, "saved_model.pb", content).verdict is Verdict.MALICIOUS


HIDDEN = field(77, b"hidden")
UNREAD = {
    "a field of the model": ("saved_model.pb", t.saved_model(PLAIN, more=HIDDEN)),
    "a field of a graph": ("frozen.pb", t.graph(t.weights(), more=HIDDEN)),
    "a field of a node": ("frozen.pb", t.graph(t.node("n", "NoOp", more=HIDDEN))),
    "a field of an attribute": ("frozen.pb", t.graph(t.node("n", "NoOp", a=HIDDEN))),
    "a field of a constant": ("frozen.pb", t.graph(t.node("n", "Const", value=field(8, t.tensor() + HIDDEN)))),
    "a field of a function": ("frozen.pb", t.graph(functions=[t.function("f", [], t.node("n", "NoOp")) + HIDDEN])),
    "a field of an asset": ("m.ckpt.meta", t.meta_graph(PLAIN, more=field(6, HIDDEN))),
    "something behind": ("saved_model.pb", t.saved_model(PLAIN) + b"\xff\xff"),
    "no graph": ("saved_model.pb", message((1, 1))),
    "another version": ("saved_model.pb", message((1, 1), (2, b"\x0f"))),
    "a program of XLA": ("frozen.pb", t.graph(t.node("x", "XlaCallModule", module=t.text(b"ML\xefR" + bytes(50))))),
    "of a fingerprint": ("fingerprint.pb", message((1, 5), (99, 5))),
    "of metadata": ("keras_metadata.pb", message((1, message((5, "{broken"))))),
    "text": ("graph.pbtxt", b'node {\n  name: "x"\n  op: "NoOp" strange: 1\n}\n'),
}


@pytest.mark.parametrize(("name", "content"), UNREAD.values(), ids=UNREAD.keys())
def test_what_is_not_read_is_incomplete(tmp_path: Path, name: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict is Verdict.INCOMPLETE, report.findings
    assert report.unread


def test_a_constant_that_does_not_fit_its_shape_is_a_finding(tmp_path: Path) -> None:
    report = scanned(tmp_path, "frozen.pb", t.graph(t.weights("w", bytes(12), 2)))
    assert "onnx/tensor-size" in rules_of(report)


def test_nesting_is_bounded(tmp_path: Path) -> None:
    value = b""
    for _ in range(3000):
        value = field(10, message((1, "f")) + field(2, t.entry("a", value)))
    report = scanned(tmp_path, "frozen.pb", t.graph(t.node("n", "NoOp", a=value)))
    assert report.verdict is Verdict.INCOMPLETE
    assert not any("parser failed" in item.why for item in report.unread)


def test_calls_in_a_circle_end(tmp_path: Path) -> None:
    around = t.function("f", ["a"], t.node("c", "PartitionedCall", "a", f=t.calls("f")), t.node("r", "ReadFile", "a"))
    assert scanned(tmp_path, "frozen.pb", t.graph(functions=[around])).verdict is Verdict.CLEAN


@pytest.mark.parametrize(
    "content", [b"\x0a\x00", b"\x08\x01", message((1, "name"), (2, "op")), field(1, message((1, "a"), (2, "b")))]
)
def test_other_messages_are_not_taken_for_graphs(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "model", content).artifact.files[0].format == "opaque"


@pytest.mark.parametrize("content", [t.saved_model(PLAIN), t.meta_graph(PLAIN), PLAIN, FOLLOWED["an argument"]])
def test_changed_models_are_read_or_said_to_be_broken(tmp_path: Path, content: bytes) -> None:
    rng = random.Random(13)
    for _ in range(200):
        changed = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(changed))
            changed[place : place + rng.randrange(4)] = rng.choice([b"", b"\xff" * 4, b"\x0a", rng.randbytes(2)])
        report = scanned(tmp_path, "saved_model.pb", bytes(changed))
        assert not any("parser failed" in span.why for span in report.unread)


@pytest.mark.parametrize("content", [t.saved_model(PLAIN), PLAIN])
def test_a_model_that_is_cut_off_is_not_clean(tmp_path: Path, content: bytes) -> None:
    whole = {len(field(1, t.weights())), len(field(1, t.weights()) + field(1, t.node("x", "Placeholder")))}
    for end in range(1, len(content)):
        if content is PLAIN and (end in whole or end == len(content) - 5):
            continue  # a graph has no length: up to the end of a node it is a smaller graph
        assert scanned(tmp_path, "saved_model.pb", content[:end]).verdict is not Verdict.CLEAN, end
