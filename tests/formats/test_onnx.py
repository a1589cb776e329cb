"""ONNX: what a model consists of, what it hides, and what is not read of it."""

from __future__ import annotations

import base64
import random
import struct
from typing import TYPE_CHECKING

import pytest

from build import onnx_models as o
from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import ExternalData, Graph, Metadata, Operator, OperatorSet, Tensor
from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.limits import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact
    from weighbridge.scan.report import ScanReport

EVIL = base64.b64encode(p.proto(4) + p.system() + p.STOP).decode()
ELF = b"\x7fELF\x02\x01\x01" + bytes(57)


def facts(folder: Path, content: bytes, kind: type, name: str = "m.onnx") -> list[Fact]:
    path = folder / name
    path.write_bytes(content)
    return [fact for blob in inspected(path).facts.blobs for fact in blob.facts if isinstance(fact, kind)]


def severities(report: ScanReport, rule: str) -> list[Severity]:
    return [finding.severity for finding in report.findings if finding.rule == rule]


# An ordinary model


def test_an_ordinary_model_is_clean_and_its_tensors_are_data(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.onnx", o.model())
    assert report.verdict is Verdict.CLEAN
    assert report.findings == ()
    assert report.artifact.files[0].format == "onnx"
    assert report.artifact.files[0].coverage.data == 8


def test_what_it_consists_of(tmp_path: Path) -> None:
    inner = o.graph(o.node("Mul"), name="then")
    content = o.model(
        o.graph(
            o.node("Add"), o.node("Add"), o.node("If", o.attribute("then_branch", 6, inner)), tensors=(o.tensor(),)
        ),
        more=o.blob(8, o.operator_set("com.example", 3))
        + o.blob(14, o.entry("author", "somebody"))
        + o.blob(25, o.function("Gelu", o.node("Tanh"), o.node("Tanh"))),
    )
    operators = {(one.domain, one.name): one.times for one in facts(tmp_path, content, Operator)}
    assert operators == {("", "Add"): 2, ("", "If"): 1, ("", "Mul"): 1, ("", "Tanh"): 2}
    graphs = [(one.role, one.domain, one.name, one.nodes) for one in facts(tmp_path, content, Graph)]
    assert graphs == [("body", "", "then", 1), ("main", "", "g", 3), ("function", "local", "Gelu", 2)]
    assert [(one.domain, one.version) for one in facts(tmp_path, content, OperatorSet)] == [
        ("", 17),
        ("com.example", 3),
    ]
    assert [(one.key, one.value) for one in facts(tmp_path, content, Metadata)] == [
        ("ir_version", "8"),
        ("producer_name", "tests"),
        ("metadata_props.author", "somebody"),
    ]
    (tensor,) = facts(tmp_path, content, Tensor)
    assert tensor[:3] == ("w", "FLOAT", (2,))
    assert content[tensor.offset : tensor.offset + tensor.size] == bytes(8)


HIDDEN = {
    "an else branch": o.node("If", o.attribute("else_branch", 6, o.graph(o.node("PyOp")))),
    "a list of graphs": o.node("Switch", o.attribute("bodies", 11, o.graph(o.node("PyOp")))),
    "a graph in a graph in a graph": o.node(
        "Loop",
        o.attribute("body", 6, o.graph(o.node("Scan", o.attribute("body", 6, o.graph(o.node("PyOp")))))),
    ),
}


@pytest.mark.parametrize("node", HIDDEN.values(), ids=HIDDEN.keys())
def test_operators_are_found_in_graphs_inside_of_graphs(tmp_path: Path, node: bytes) -> None:
    assert "onnx/python-operator" in rules_of(scanned(tmp_path, "m.onnx", o.model(o.graph(node))))


BEHIND = {
    "a function": o.blob(25, o.function("F", o.node("PyOp"))),
    "the training algorithm": o.blob(20, o.blob(2, o.graph(o.node("PyOp")))),
    "the initialization": o.blob(20, o.blob(1, o.graph(o.node("PyOp")))),
    "a second graph that is merged into the first": o.blob(7, o.graph(o.node("PyOp"))),
}


@pytest.mark.parametrize("more", BEHIND.values(), ids=BEHIND.keys())
def test_operators_are_found_behind_the_graph(tmp_path: Path, more: bytes) -> None:
    report = scanned(tmp_path, "m.onnx", o.model(more=more))
    assert "onnx/python-operator" in rules_of(report)
    assert report.verdict is Verdict.MALICIOUS


# Operators


@pytest.mark.parametrize(
    ("op_type", "domain", "severity"),
    [
        ("Add", "", None),
        ("Add", "ai.onnx", None),
        ("Scaler", "ai.onnx.ml", None),
        ("Gelu", "com.microsoft", Severity.INFO),
        ("BertTokenizer", "ai.onnx.contrib", Severity.LOW),
        ("Foo", "com.example", Severity.HIGH),
        ("Foo", "", Severity.HIGH),
        ("Foo", "ai.onnx", Severity.HIGH),
        ("Foo", "ai.onnx.ml", Severity.HIGH),
        ("add", "", Severity.HIGH),
        ("Add", "ai.onnx.\x00", Severity.HIGH),
        ("EPContext", "com.microsoft", Severity.HIGH),
        ("", "", Severity.HIGH),
    ],
)
def test_custom_operators(tmp_path: Path, op_type: str, domain: str, severity: Severity | None) -> None:
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(o.node(op_type, domain=domain))))
    assert severities(report, "onnx/custom-operator") == ([severity] if severity else [])
    assert report.verdict is (Verdict.SUSPICIOUS if severity is Severity.HIGH else Verdict.CLEAN)


def test_a_domain_whose_operators_the_model_defines_needs_nothing(tmp_path: Path) -> None:
    used = o.graph(o.node("Gelu", domain="local"))
    assert scanned(tmp_path, "a.onnx", o.model(used)).verdict is Verdict.SUSPICIOUS
    defined = o.blob(25, o.function("Gelu", o.node("Tanh")))
    assert scanned(tmp_path, "b.onnx", o.model(used, more=defined)).verdict is Verdict.CLEAN


def test_a_function_of_another_overload_does_not_define_an_operator(tmp_path: Path) -> None:
    used = o.graph(o.node("Gelu", domain="local", more=o.blob(8, "fast")))
    defined = o.blob(25, o.function("Gelu", o.node("Tanh")))
    assert "onnx/custom-operator" in rules_of(scanned(tmp_path, "m.onnx", o.model(used, more=defined)))


@pytest.mark.parametrize("domain", ["", "ai.onnx", "ai.onnx.ml", "com.microsoft"])
def test_a_function_that_shadows_an_operator_is_a_finding(tmp_path: Path, domain: str) -> None:
    report = scanned(tmp_path, "m.onnx", o.model(more=o.blob(25, o.function("MatMul", o.node("Tanh"), domain=domain))))
    assert "onnx/shadowed-operator" in rules_of(report)


def test_python_operators_show_what_they_call(tmp_path: Path) -> None:
    node = o.node("PyOp", o.attribute("module", 4, "payload"), o.attribute("class_name", 4, "Run"), domain="pyop")
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(node)))
    (finding,) = [finding for finding in report.findings if finding.rule == "onnx/python-operator"]
    assert "module='payload', class_name='Run'" in finding.evidence.text
    assert report.verdict is Verdict.MALICIOUS


def test_training_graphs_and_experimental_operators_do_not_spoil_a_model(tmp_path: Path) -> None:
    gradient = o.node("Gradient", domain="ai.onnx.preview.training")
    report = scanned(tmp_path, "m.onnx", o.model(more=o.blob(20, o.blob(2, o.graph(gradient)))))
    assert {"onnx/training-info", "onnx/unstable-operator"} <= rules_of(report)
    assert report.verdict is Verdict.CLEAN


# Text and bytes

PLACES = {
    "metadata": o.model(more=o.blob(14, o.entry("thumbnail", EVIL))),
    "the key of metadata": o.model(more=o.blob(14, o.entry(EVIL * 2, "x"))),
    "the documentation": o.model(more=o.blob(6, f"see {EVIL}")),
    "the producer": o.model(more=o.blob(3, EVIL)),
    "a string attribute": o.model(o.graph(o.node("Add", o.attribute("a", 4, EVIL)))),
    "a list of strings": o.model(o.graph(o.node("Add", o.attribute("a", 9, EVIL)))),
    "the documentation of a node": o.model(o.graph(o.node(more=o.blob(6, EVIL)))),
    "the documentation of an attribute": o.model(o.graph(o.node("Add", o.attribute("a", 4, "x") + o.blob(13, EVIL)))),
    "metadata of a node": o.model(o.graph(o.node(more=o.blob(9, o.entry("k", EVIL))))),
    "metadata of a graph": o.model(o.graph(more=o.blob(16, o.entry("k", EVIL)))),
    "a very long name": o.model(o.graph(o.node(more=o.blob(3, EVIL.rjust(200, " "))))),
    "a string tensor": o.model(o.graph(tensors=(o.tensor("w", (1,), 8, None, o.blob(6, EVIL)),))),
    "an attribute tensor": o.model(
        o.graph(o.node("Constant", o.attribute("value", 5, o.tensor("w", (1,), 8, None, o.blob(6, EVIL)))))
    ),
    "the documentation of a tensor": o.model(o.graph(tensors=(o.tensor(more=o.blob(12, EVIL)),))),
    "metadata of an input": o.model(o.graph(more=o.blob(11, o.value_info("x") + o.blob(4, o.entry("k", EVIL))))),
    "the documentation of a function": o.model(more=o.blob(25, o.function("F") + o.blob(8, EVIL))),
    "a quantization annotation": o.model(o.graph(more=o.blob(14, o.blob(2, o.entry("k", EVIL))))),
    "a key of external data": o.model(o.graph(tensors=(o.external("w", 8, location="w.bin", checksum=EVIL),))),
    "a text of five megabytes": o.model(more=o.blob(14, o.entry("k", "lorem ipsum " * 400_000 + EVIL))),
}


@pytest.mark.parametrize("content", PLACES.values(), ids=PLACES.keys())
def test_a_pickle_in_a_text_is_found_and_followed(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.onnx", content)
    assert {"config/embedded-object", "pickle/dangerous-call"} <= rules_of(report)
    (finding,) = [finding for finding in report.findings if finding.rule == "config/embedded-object"]
    place = int(finding.location.rpartition("@")[2])
    assert (
        content[place : place + len(EVIL)].strip() == EVIL.encode()[: len(content[place : place + len(EVIL)].strip())]
    )


def test_bytes_in_a_string_attribute_are_a_blob_of_their_own(tmp_path: Path) -> None:
    pickle = p.proto(4) + p.system() + b"0B" + struct.pack("<I", 300) + b"\xff" * 300 + p.STOP
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(o.node("Add", o.attribute("blob", 4, pickle)))))
    assert report.verdict is Verdict.MALICIOUS
    unknown = o.model(o.graph(o.node("Add", o.attribute("blob", 4, b"\xff\xfe\0" * 200))))
    report = scanned(tmp_path, "n.onnx", unknown)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.artifact.files[0].coverage.opaque == 600


def test_a_vocabulary_in_base64_is_benign(tmp_path: Path) -> None:
    words = [base64.b64encode(word).decode() for word in (b" the", b" import os", b"eval(", b" __import__", b" system")]
    strings = b"".join(o.blob(6, word) for word in words * 50)
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(tensors=(o.tensor("v", (250,), 8, None, strings),))))
    assert report.verdict is Verdict.CLEAN
    assert report.findings == ()


def test_a_program_in_a_tensor_is_found(tmp_path: Path) -> None:
    content = o.model(o.graph(tensors=(o.tensor("w", (64,), 2, ELF),)))
    assert "executable/native" in rules_of(scanned(tmp_path, "m.onnx", content))


# Tensors

WHOLE = {
    "raw floats": o.tensor(),
    "a scalar": o.tensor("w", (), 1, bytes(4)),
    "nothing": o.tensor("w", (0, 5), 1, b""),
    "nothing at all": o.tensor("w", (0,), 1, None),
    "packed floats": o.tensor("w", (2,), 1, None, o.blob(4, bytes(8))),
    "floats one by one": o.tensor("w", (2,), 1, None, (b"\x25" + bytes(4)) * 2),
    "packed and one by one": o.tensor("w", (3,), 1, None, o.blob(4, bytes(8)) + b"\x25" + bytes(4)),
    "packed dimensions": o.number(2, 1) + o.blob(1, b"\x02\x03") + o.blob(9, bytes(24)),
    "complex numbers": o.tensor("w", (2,), 14, None, o.blob(4, bytes(16))),
    "complex doubles": o.tensor("w", (2,), 15, None, o.blob(10, bytes(32))),
    "half floats in integers": o.tensor("w", (3,), 10, None, o.blob(5, o.varint(1000) + b"\1\2")),
    "long integers": o.tensor("w", (3,), 7, None, o.blob(7, o.varint(-1) + o.varint(300) + b"\0")),
    "unsigned integers": o.tensor("w", (2,), 12, None, o.blob(11, b"\1\2")),
    "strings": o.tensor("w", (2,), 8, None, o.blob(6, "a") + o.blob(6, "")),
    "four bits": o.tensor("w", (5,), 22, bytes(3)),
    "four bits in integers": o.tensor("w", (5,), 21, None, o.blob(5, bytes(3))),
    "two bits": o.tensor("w", (5,), 25, bytes(2)),
    "two bits in integers": o.tensor("w", (5,), 26, None, o.blob(5, bytes(2))),
    "six bits": o.tensor("w", (5,), 27, bytes(4)),
}


@pytest.mark.parametrize("tensor", WHOLE.values(), ids=WHOLE.keys())
def test_a_tensor_that_has_what_it_says_is_clean(tmp_path: Path, tensor: bytes) -> None:
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(tensors=(tensor,))))
    assert report.findings == ()
    assert report.verdict is Verdict.CLEAN


WRONG = {
    "too few bytes": o.tensor("w", (3,), 1, bytes(8)),
    "too many bytes": o.tensor("w", (1,), 1, bytes(8)),
    "no bytes": o.tensor("w", (2,), 1, None),
    "a scalar without a value": o.tensor("w", (), 1, None),
    "too few floats": o.tensor("w", (3,), 1, None, o.blob(4, bytes(8))),
    "half a float": o.tensor("w", (2,), 1, None, o.blob(4, bytes(7))),
    "a number that is cut off": o.tensor("w", (2,), 6, None, o.blob(5, b"\x01\x80")),
    "another number that is cut off": o.tensor("w", (1,), 6, None, o.blob(5, b"\x01\x80")),
    "too few strings": o.tensor("w", (3,), 8, None, o.blob(6, "a")),
    "a product that overflows": o.tensor("w", (1 << 32, 1 << 32), 1, b""),
    "a product that overflows to zero": o.tensor("w", (1 << 62, 4), 1, b""),
    "a product that overflows before a zero": o.tensor("w", (1 << 62, 4, 0), 1, b""),
    "a negative dimension": o.tensor("w", (-1,), 1, bytes(8)),
    "two negative dimensions": o.tensor("w", (-1, -2), 1, bytes(8)),
    "a hundred dimensions": o.tensor("w", (1,) * 100, 1, bytes(4)),
    "raw strings": o.tensor("w", (1,), 8, b"a"),
    "type 0": o.tensor("w", (2,), 0),
    "type 99": o.tensor("w", (2,), 99),
    "type -1": o.tensor("w", (2,), -1),
    "floats in integers": o.tensor("w", (2,), 1, None, o.blob(5, b"\1\2")),
    "raw and typed": o.tensor("w", (2,), 1, bytes(8), o.blob(4, bytes(8))),
    "two kinds of typed": o.tensor("w", (2,), 1, None, o.blob(4, bytes(8)) + o.blob(5, b"\1\2")),
    "raw and external": o.tensor("w", (8,), 2, bytes(8), o.blob(13, o.entry("location", "w.bin")) + o.number(14, 1)),
    "a segment": o.tensor(more=o.blob(3, o.number(1, 0) + o.number(2, 2))),
    "an external tensor of another length": o.external("w", 8, location="w.bin", length="9"),
}


@pytest.mark.parametrize("tensor", WRONG.values(), ids=WRONG.keys())
def test_a_tensor_that_lies_about_itself_is_suspicious(tmp_path: Path, tensor: bytes) -> None:
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(tensors=(tensor,))))
    assert "onnx/tensor-size" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


def test_tensors_are_checked_wherever_they_are(tmp_path: Path) -> None:
    lie = o.tensor("w", (3,), 1, bytes(8))
    sparse = o.blob(1, lie) + o.blob(2, o.tensor("i", (1,), 7, bytes(8))) + o.number(3, 9)
    places = [
        o.graph(o.node("Constant", o.attribute("value", 5, lie))),
        o.graph(o.node("Constant", o.attribute("value", 10, lie))),
        o.graph(o.node("Constant", o.attribute("value", 22, sparse))),
        o.graph(o.node("Constant", o.attribute("value", 23, sparse))),
        o.graph(more=o.blob(15, sparse)),
        o.graph(o.node("If", o.attribute("b", 6, o.graph(tensors=(lie,))))),
    ]
    for place in places:
        assert "onnx/tensor-size" in rules_of(scanned(tmp_path, "m.onnx", o.model(place)))
    function = o.function("F") + o.blob(11, o.attribute("a", 5, lie))
    assert "onnx/tensor-size" in rules_of(scanned(tmp_path, "m.onnx", o.model(more=o.blob(25, function))))


# Structure


@pytest.mark.parametrize(
    "more",
    [
        o.blob(30, b"hidden"),
        o.number(31, 5),
        o.blob(7, o.graph(more=o.blob(99, b"hidden"))),
        o.blob(20, o.blob(9, b"")),
        o.blob(25, o.function("F", o.node(more=o.number(5, 5)))),
        o.blob(26, o.blob(1, "d") + o.blob(4, b"hidden")),
        o.group(27, o.number(1, 1)),
        o.blob(14, o.entry("k", "v") + o.blob(3, "w")),
    ],
)
def test_what_nobody_defined_stays_opaque(tmp_path: Path, more: bytes) -> None:
    report = scanned(tmp_path, "m.onnx", o.model(more=more))
    assert "file/message-structure" in rules_of(report)
    assert report.artifact.files[0].coverage.opaque
    assert report.verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS)


def test_a_field_in_a_type_that_nobody_defined_is_found_behind_many_like_it(tmp_path: Path) -> None:
    info = o.blob(11, o.value_info("x"))
    odd = o.blob(11, o.value_info("x") + o.number(77, 1))
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(more=info * 10 + odd * 3)))
    assert report.artifact.files[0].coverage.opaque == 3 * len(o.number(77, 1))


def test_a_field_in_an_attribute_that_nobody_defined_is_found_each_time(tmp_path: Path) -> None:
    odd = o.node("Add", o.attribute("axis", 3, 1) + o.number(77, 1))
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(odd, odd, odd)))
    assert report.artifact.files[0].coverage.opaque == 3 * len(o.number(77, 1))


@pytest.mark.parametrize(
    "content",
    [
        o.model(more=o.number(1, 9)),
        o.model(more=o.blob(7, o.graph())),
        o.model(o.graph(o.node() + o.blob(4, "Mul"))),
        o.model(o.graph(tensors=(o.tensor(more=o.blob(9, bytes(8))),))),
    ],
)
def test_a_field_that_stands_twice_is_suspicious(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.onnx", content)
    assert "file/message-structure" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize("depth", [20, 40, 5_000])
def test_graphs_nested_too_deeply_are_never_clean(tmp_path: Path, depth: int) -> None:
    inside = o.graph(o.node())
    for _ in range(depth):
        inside = o.graph(o.node("If", o.attribute("b", 6, inside)))
    report = scanned(tmp_path, "m.onnx", o.model(inside))
    assert report.verdict is (Verdict.CLEAN if depth == 20 else Verdict.INCOMPLETE)


def test_types_nested_too_deeply_are_never_clean(tmp_path: Path) -> None:
    inside = o.blob(1, o.number(1, 1))
    for _ in range(3_000):
        inside = o.blob(4, o.blob(1, inside))
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(more=o.blob(11, o.blob(1, "x") + o.blob(2, inside)))))
    assert report.verdict is Verdict.INCOMPLETE


def test_more_facts_than_are_kept_is_a_limit(tmp_path: Path) -> None:
    tensors = tuple(o.tensor(f"w{index}") for index in range(300))
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(tensors=tensors)), Limits(facts=100))
    assert report.limits_reached == ("facts",)
    assert report.verdict is Verdict.INCOMPLETE
    nodes = [o.node(f"Op{index}") for index in range(300)]
    report = scanned(tmp_path, "n.onnx", o.model(o.graph(*nodes)), Limits(facts=100))
    assert "facts" in report.limits_reached


# Other files


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/passwd", "C:\\w.bin", "a/../../w", "\\\\host\\share", "s3://b/w", ""]
)
def test_a_tensor_outside_of_the_folder_is_suspicious(tmp_path: Path, location: str) -> None:
    content = o.model(o.graph(tensors=(o.external("w", 8, location=location),)))
    report = scanned(tmp_path, "m.onnx", content)
    assert "onnx/external-data-escape" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS
    assert report.unread


@pytest.mark.parametrize(
    "tensor",
    [
        o.external("w", 8, location="w.bin", offset="-1"),
        o.external("w", 8, location="w.bin", offset="1e3"),
        o.external("w", 8, location="w.bin", length="9" * 30),
        o.external("w", 8, location="w.bin", __class__="x"),
        o.external("w", 8, location="w.bin", more=o.blob(13, o.entry("location", "v.bin"))),
    ],
)
def test_odd_places_and_keys_are_suspicious(tmp_path: Path, tensor: bytes) -> None:
    report = scanned(tmp_path, "m.onnx", o.model(o.graph(tensors=(tensor,))))
    assert "onnx/external-data" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


def test_where_a_tensor_lies(tmp_path: Path) -> None:
    tensor = o.external("w", 8, location="w.bin", offset="4096", length="8", checksum="0" * 40)
    (fact,) = facts(tmp_path, o.model(o.graph(tensors=(tensor,))), ExternalData)
    assert fact[:6] == ("w", "w.bin", 4096, 8, 8, "")


# Whether it is ONNX at all


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    assert scanned(tmp_path, "weights", o.model()).artifact.files[0].format == "onnx"
    assert "file/name-mismatch" in rules_of(scanned(tmp_path, "m.safetensors", o.model()))
    assert "file/name-mismatch" in rules_of(scanned(tmp_path, "m.onnx", p.proto(2) + p.system() + p.STOP))


@pytest.mark.parametrize(
    "order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 1, 3), (1, 3, 2, 0)], ids=lambda order: "".join(map(str, order))
)
def test_fields_may_come_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    fields = [o.number(1, 8), o.blob(2, "tests"), o.blob(7, o.graph(o.node())), o.blob(8, o.operator_set())]
    report = scanned(tmp_path, "m", b"".join(fields[place] for place in order))
    assert report.artifact.files[0].format == "onnx"
    assert report.verdict is Verdict.CLEAN


GRAPH_DEF = o.blob(
    1, o.blob(1, "x") + o.blob(2, "Placeholder") + o.blob(5, o.blob(1, "dtype") + o.blob(2, o.number(6, 1)))
)
OTHERS = {
    "a SavedModel": o.number(1, 1) + o.blob(2, o.blob(1, o.blob(4, "serve")) + o.blob(2, GRAPH_DEF)),
    "a GraphDef": GRAPH_DEF * 3 + o.blob(4, o.number(1, 22)),
    "a sentencepiece model": b"".join(o.blob(1, o.blob(1, f"▁{w}") + b"\x15" + o.floats(-1.0)) for w in "abcdef"),
    "a CoreML model": o.number(1, 4) + o.blob(2, o.blob(1, o.blob(1, "x"))) + o.blob(500, o.blob(1, b"")),
    "a Caffe net": o.blob(1, "net") + o.blob(100, o.blob(1, "conv") + o.blob(2, "Convolution")),
    "a tensor": o.tensor("x", (3, 4), 1, bytes(48)),
    "a Paddle program": o.blob(1, o.number(1, 0) + o.number(2, -1) + o.blob(3, o.blob(1, "x"))),
    "a string of numbers": bytes(range(8, 64)) * 4,
    "one number": o.number(1, 8),
    "a graph of something else": o.number(1, 8) + o.blob(7, o.number(1, 1)),
    "a graph with a field that graphs never have": o.number(1, 8) + o.blob(7, o.blob(3, "x") + o.blob(1, o.node())),
    "an IR version that cannot be": o.number(1, 1_000_000) + o.blob(7, o.graph(o.node())),
    "text": b"\n" * 30 + b":8\n",
}


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS.keys())
def test_other_messages_are_not_taken_for_onnx(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "model.pb", content).artifact.files[0].format != "onnx"


def test_a_name_alone_does_not_make_a_model(tmp_path: Path) -> None:
    for content in (*OTHERS.values(), b"\0" * 100, b"{}", b"\xff" * 50):
        report = scanned(tmp_path, "model.onnx", content)
        assert report.verdict is not Verdict.CLEAN


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (
            "m.onnxtxt",
            b'<\n  ir_version: 8,\n  opset_import: ["" : 17]\n>\ng (float[2] x) => (float[2] y) { y = Abs(x) }',
        ),
        ("m.txt", b'ir_version: 8\ngraph {\n  node { op_type: "Abs" }\n}\n'),
        ("m.json", b'{"irVersion": "8", "graph": {"node": [{"opType": "PyOp"}]}}'),
        ("config.json", b'{ "irVersion": "8", "graph": {} }'),
    ],
)
def test_other_forms_are_recognized_and_not_read(tmp_path: Path, name: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.artifact.files[0].format == "onnx-other"
    assert report.verdict is Verdict.INCOMPLETE
    assert "ONNX" in report.unread[0].why
    assert report.artifact.files[0].coverage.opaque == len(content)


# Broken and changed models

RICH = o.model(
    o.graph(
        o.node("Conv", o.attribute("pads", 8, 1), o.attribute("auto_pad", 4, "SAME_UPPER_OR_LOWER"), domain="ai.onnx"),
        o.node("If", o.attribute("then_branch", 6, o.graph(o.node("Mul"), tensors=(o.tensor("t"),)))),
        o.node("Gelu", domain="local"),
        tensors=(
            o.tensor(),
            o.tensor("s", (2,), 8, None, o.blob(6, "ab") + o.blob(6, "cd")),
            o.external("e", 8, location="e.bin"),
        ),
        more=o.blob(11, o.value_info("x")) + o.blob(12, o.value_info("y")),
    ),
    more=o.blob(14, o.entry("k", "v" * 20)) + o.blob(25, o.function("Gelu", o.node("Tanh"))),
)
PLAIN = o.model()


def test_a_model_that_is_cut_off_is_never_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m", PLAIN[: len(PLAIN) // 2]).artifact.files[0].format == "onnx"
    for end in range(1, len(PLAIN)):
        for name in ("m.onnx", "m"):
            report = scanned(tmp_path, name, PLAIN[:end])
            assert report.verdict is not Verdict.CLEAN, end
    assert scanned(tmp_path, "m.onnx", PLAIN).verdict is Verdict.CLEAN


def test_mutated_models_get_an_honest_verdict(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    for _ in range(1500):
        content = bytearray(chance.choice((RICH, PLAIN)))
        for _ in range(chance.randrange(1, 5)):
            place = chance.randrange(len(content) + 1)
            change = chance.randrange(5)
            if change == 0:
                del content[place : place + chance.randrange(9)]
            elif change == 1:
                content[place:place] = chance.randbytes(chance.randrange(9))
            elif change == 2:
                content[place : place + 8] = b"\xff" * 8
            elif change == 3:
                content[place:place] = content[place : place + chance.randrange(200)]
            elif place < len(content):
                content[place] ^= 1 << chance.randrange(8)
        report = scanned(tmp_path, chance.choice(("m.onnx", "m")), bytes(content))
        assert not any("parser failed" in unread.why for unread in report.unread), bytes(content)
        assert report.verdict is not Verdict.CLEAN or not report.artifact.files[0].coverage.opaque
