"""Models in the form of ONNX Runtime, written by ONNX Runtime: the same facts and the same findings as of ONNX."""

from __future__ import annotations

import random
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Graph, Metadata, Operator, OperatorSet, Tensor
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Limits
from weighbridge.formats.onnx.schema import BITS

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact

EVIL = p.proto(4) + p.system() + p.STOP


def value(name: str, *shape: int | str, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def onnx_model() -> Any:
    """A layer, a branch with bodies, a tensor of texts, metadata."""
    weights = helper.make_tensor("w", TensorProto.FLOAT, [4, 8], np.arange(32, dtype=np.float32))
    texts = helper.make_tensor("s", TensorProto.STRING, [2], [b"one", b"two"])
    bodies = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(kind, ["m"], [f"{name}_out"], name=f"in_{name}")],
            name,
            [],
            [value(f"{name}_out", "n", 8)],
        )
        for name, kind in (("then", "Relu"), ("else", "Abs"))
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"], name="product"),
        helper.make_node("If", ["c"], ["y"], name="branch", **bodies),
        helper.make_node("Identity", ["s"], ["t"], name="texts"),
    ]
    inputs = [value("x", "n", 4), value("c", kind=TensorProto.BOOL)]
    outputs = [value("y", "n", 8), value("t", 2, kind=TensorProto.STRING)]
    graph = helper.make_graph(nodes, "main", inputs, outputs, [weights, texts], doc_string="of the tests")
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="tests")
    helper.set_model_props(made, {"note": "a value"})
    return made


def saved(made: Any, folder: Path) -> bytes:
    """The model as ONNX Runtime saves it in its own form, without optimizations."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.optimized_model_filepath = str(folder / "saved.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(made.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return (folder / "saved.ort").read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return saved(onnx_model(), tmp_path_factory.mktemp("ort"))


def facts(path: Path) -> list[Fact]:
    return [fact for blob in inspected(path).facts.blobs if blob.format == "ort" for fact in blob.facts]


def reference(content: bytes) -> tuple[Any, ...]:
    """Operators, operator sets, tensors and graphs, as the library of ONNX Runtime reads them."""
    operators: dict[tuple[str, str], int] = {}
    tensors: list[tuple[str, int, tuple[int, ...], int]] = []
    graphs: list[int] = []

    def read(graph: Any) -> None:
        for number in range(graph.NodesLength()):
            node = graph.Nodes(number)
            key = ((node.Domain() or b"").decode(), node.OpType().decode())
            operators[key] = operators.get(key, 0) + 1
            for place in range(node.AttributesLength()):
                attribute = node.Attributes(place)
                if attribute.T() is not None:
                    add(attribute.T())
                if attribute.G() is not None:
                    read(attribute.G())
        for number in range(graph.InitializersLength()):
            add(graph.Initializers(number))
        graphs.append(graph.NodesLength())

    def add(tensor: Any) -> None:
        dims = tuple(tensor.Dims(axis) for axis in range(tensor.DimsLength()))
        tensors.append(((tensor.Name() or b"").decode(), tensor.DataType(), dims, tensor.RawDataLength()))

    model = InferenceSession.GetRootAs(content, 0).Model()
    read(model.Graph())
    sets = [
        ((model.OpsetImport(number).Domain() or b"").decode(), model.OpsetImport(number).Version())
        for number in range(model.OpsetImportLength())
    ]
    return operators, sets, sorted(tensors), sorted(graphs)


def said(path: Path) -> tuple[Any, ...]:
    seen = facts(path)
    types = {name: number for number, (name, _) in BITS.items()}
    return (
        {(fact.domain, fact.name): fact.times for fact in seen if isinstance(fact, Operator)},
        [(fact.domain, fact.version) for fact in seen if isinstance(fact, OperatorSet)],
        sorted((fact.name, types[fact.dtype], fact.shape, fact.size) for fact in seen if isinstance(fact, Tensor)),
        sorted(fact.nodes for fact in seen if isinstance(fact, Graph)),
    )


def test_a_model_that_onnx_runtime_writes_is_clean(tmp_path: Path, plain: bytes) -> None:
    report = scanned(tmp_path, "m.ort", plain)
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    assert report.artifact.files[0].format == "ort"
    assert not report.findings


def test_what_is_said_is_what_onnx_runtime_reads(tmp_path: Path, plain: bytes) -> None:
    scanned(tmp_path, "m.ort", plain)
    operators, sets, tensors, graphs = reference(plain)
    assert said(tmp_path / "m.ort") == (operators, sets, tensors, graphs)
    assert operators == {("", name): 1 for name in ("MatMul", "If", "Identity", "Relu", "Abs")}
    assert graphs == [1, 1, 3]
    told = {fact.key: fact.value for fact in facts(tmp_path / "m.ort") if isinstance(fact, Metadata)}
    assert told["ort_version"] == InferenceSession.GetRootAs(plain, 0).OrtVersion().decode()
    assert told["metadata_props.note"] == "a value"
    assert told["producer_name"] == "tests"


def test_the_facts_are_those_of_the_same_model_as_onnx(tmp_path: Path, plain: bytes) -> None:
    scanned(tmp_path, "m.ort", plain)
    (tmp_path / "m.onnx").write_bytes(onnx_model().SerializeToString())
    onnx = [fact for blob in inspected(tmp_path / "m.onnx").facts.blobs for fact in blob.facts]
    ort = facts(tmp_path / "m.ort")
    for kind, parts in ((Operator, slice(0, 3)), (Tensor, slice(0, 3))):
        assert sorted(fact[parts] for fact in onnx if isinstance(fact, kind)) == sorted(
            fact[parts] for fact in ort if isinstance(fact, kind)
        )


def swapped(content: bytes, before: bytes, after: bytes) -> bytes:
    """The model with a text changed for another one of the same length."""
    assert len(before) == len(after)
    assert content.count(before + b"\0")
    return content.replace(before + b"\0", after + b"\0")


@pytest.mark.parametrize(
    ("name", "rule", "verdict"),
    [
        (b"PyOp", "onnx/python-operator", Verdict.MALICIOUS),
        (b"Nope", "onnx/custom-operator", Verdict.SUSPICIOUS),
    ],
)
def test_operators_are_judged_as_those_of_onnx(
    tmp_path: Path, plain: bytes, name: bytes, rule: str, verdict: Verdict
) -> None:
    report = scanned(tmp_path, "m.ort", swapped(plain, b"Relu", name))
    assert report.verdict is verdict
    assert rule in rules_of(report)


def test_an_operator_of_the_runtime_is_a_remark(tmp_path: Path) -> None:
    node = helper.make_node("Gelu", ["x"], ["y"], domain="com.microsoft")
    graph = helper.make_graph([node], "g", [value("x", 2)], [value("y", 2)])
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    content = saved(helper.make_model(graph, opset_imports=sets, ir_version=8), tmp_path)
    report = scanned(tmp_path, "m.ort", content)
    assert report.verdict is Verdict.CLEAN
    assert rules_of(report) == {"onnx/custom-operator"}


def test_texts_are_searched(tmp_path: Path) -> None:
    made = onnx_model()
    helper.set_model_props(made, {"note": EVIL.hex()})
    assert scanned(tmp_path, "m.ort", saved(made, tmp_path)).verdict is Verdict.MALICIOUS


def test_a_tensor_that_is_too_short_is_a_finding(tmp_path: Path, plain: bytes) -> None:
    dims = struct.pack("<Iqq", 2, 4, 8)
    assert plain.count(dims) == 1
    report = scanned(tmp_path, "m.ort", plain.replace(dims, struct.pack("<Iqq", 2, 4, 9)))
    assert report.verdict is Verdict.SUSPICIOUS
    assert "onnx/tensor-size" in rules_of(report)


def test_a_model_without_a_graph_is_incomplete(tmp_path: Path) -> None:
    from build.flat_files import Number, flat, table

    for root in (table(_0="1.32"), table(_1=table(_0=Number("i64", 8)))):
        assert scanned(tmp_path, "m.ort", flat(root, b"ORTM")).verdict is Verdict.INCOMPLETE
    without_sets = table(_1=table(_7=table(_2=[table(_5="Abs")])))
    assert scanned(tmp_path, "m.ort", flat(without_sets, b"ORTM")).verdict is Verdict.INCOMPLETE


def test_operators_that_optimizations_produce_count(tmp_path: Path) -> None:
    from build.flat_files import flat, table

    record = table(_0="action", _3=["com.example:Sneaky:1"])
    graph = table(_2=[table(_5="Abs")], _8=table(_0=[table(_0="optimizer", _1=[record])]))
    content = flat(table(_1=table(_1=[table(_0="")], _7=graph)), b"ORTM")
    report = scanned(tmp_path, "m.ort", content)
    assert report.verdict is Verdict.SUSPICIOUS
    assert ("com.example", "Sneaky") in {fact[:2] for fact in facts(tmp_path / "m.ort") if isinstance(fact, Operator)}


def test_a_tensor_in_a_file_that_is_not_named_is_unread(tmp_path: Path) -> None:
    from build.flat_files import Number, flat, table

    tensor = table(_0="w", _2=Number("i64", [4]), _3=Number("i32", 1), _6=Number("i64", 0))
    graph = table(_0=[tensor], _2=[table(_5="Abs")])
    report = scanned(tmp_path, "m.ort", flat(table(_1=table(_1=[table(_0="")], _7=graph)), b"ORTM"))
    assert report.verdict is Verdict.INCOMPLETE
    assert any("does not name" in span.why for span in report.unread)


def test_a_model_that_is_cut_off_or_lengthened_is_not_clean(tmp_path: Path, plain: bytes) -> None:
    for size in range(1, len(plain), len(plain) // 60):
        assert scanned(tmp_path, "m.ort", plain[:size]).verdict is not Verdict.CLEAN, size
    for more in (b"x", EVIL, bytes(64)):
        assert scanned(tmp_path, "m.ort", plain + more).verdict is not Verdict.CLEAN


def test_too_many_operators_are_said(tmp_path: Path, plain: bytes) -> None:
    assert scanned(tmp_path, "m.ort", plain, Limits()._replace(facts=2)).verdict is Verdict.INCOMPLETE


def test_a_changed_model_that_is_clean_is_read_as_onnx_runtime_reads_it(tmp_path: Path, plain: bytes) -> None:
    """What cannot be seen: bytes of weights, numbers in attributes, edges and indexes of nodes, letters of names."""
    clean = 0
    for seed in range(250):
        rng = random.Random(seed)
        content = bytearray(plain)
        place = rng.randrange(len(content))
        change = rng.choice((b"\0", b"\xff", b"\xff" * 4, b"\1", rng.randbytes(2), bytes(4)))
        content[place : place + len(change)] = change
        report = scanned(tmp_path, "m.ort", bytes(content))
        assert not any("parser failed" in span.why for span in report.unread), seed
        if report.verdict is Verdict.CLEAN and report.artifact.files[0].format == "ort":
            clean += 1
            try:
                expected = reference(bytes(content))
            except UnicodeDecodeError:
                continue
            assert said(tmp_path / "m.ort") == expected, seed
    assert clean > 20
