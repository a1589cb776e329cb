"""The onnx package and the parser must see the same model."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from build.corpus import published
from build.inspecting import inspected
from weighbridge.core.facts import Graph, Metadata, Oddity, Operator, OperatorSet, Tensor
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import Match, blob_info
from weighbridge.formats.onnx import schema
from weighbridge.formats.onnx.model import Onnx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from weighbridge.formats.grammars.protobuf import Shape


def parsed(content: bytes) -> list[Any]:
    reader = Reader(MemorySource(content))
    info = blob_info("m", reader)
    assert Onnx().sniff(reader, info) is Match.YES
    return list(Onnx().parse(reader, info, Budget(Limits(), len(content))))


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for inner in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from graphs(inner)


def agree(model: onnx.ModelProto, content: bytes) -> list[Any]:
    """Check that the facts on `content` are what the package says of `model`; gives the facts."""
    found = parsed(content)
    inside = list(graphs(model.graph))
    nodes = [node for graph in inside for node in graph.node]
    nodes += [node for function in model.functions for node in function.node]
    expected = Counter((node.domain if node.domain != "ai.onnx" else "", node.op_type) for node in nodes)
    assert Counter({(one.domain, one.name): one.times for one in found if isinstance(one, Operator)}) == expected
    defined = {(function.domain, function.name) for function in model.functions}
    assert {(one.domain, one.name) for one in found if isinstance(one, Operator) and one.defined} == (
        defined & set(expected)
    )
    sizes = Counter((one.name, one.dtype, one.shape, one.size) for one in found if isinstance(one, Tensor))
    for graph in inside:
        for tensor in graph.initializer:
            raw = len(tensor.raw_data)
            dtype = TensorProto.DataType.Name(tensor.data_type)
            candidates = [key for key in sizes if key[:3] == (tensor.name, dtype, tuple(tensor.dims))]
            assert candidates
            assert not raw or (tensor.name, dtype, tuple(tensor.dims), raw) in sizes
    metadata = {one.key: one.value for one in found if isinstance(one, Metadata)}
    for entry in model.metadata_props:
        assert metadata[f"metadata_props.{entry.key}"] == entry.value[:200]
    assert metadata["ir_version"] == str(model.ir_version)
    sets = [(one.domain, one.version) for one in found if isinstance(one, OperatorSet)]
    assert sets == [(one.domain, one.version) for one in model.opset_import]
    (main,) = [one for one in found if isinstance(one, Graph) and one.role == "main"]
    assert (main.name, main.nodes) == (model.graph.name, len(model.graph.node))
    assert not [one for one in found if isinstance(one, Oddity)]
    return found


DTYPES = [np.float32, np.float64, np.float16, np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint64, np.bool_]
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
arrays = st.tuples(st.sampled_from(DTYPES), st.lists(st.integers(0, 4), max_size=3))
attributes = st.dictionaries(
    st.sampled_from("abcdef"),
    st.one_of(
        st.integers(-(2**63), 2**63 - 1),
        st.floats(width=32, allow_nan=False),
        names,
        st.lists(st.integers(-9, 9), min_size=1, max_size=5),
        st.lists(names, min_size=1, max_size=3),
    ),
    max_size=3,
)


@st.composite
def models(draw: st.DrawFn) -> onnx.ModelProto:
    def nodes() -> list[onnx.NodeProto]:
        kinds = st.tuples(st.sampled_from(["Add", "Conv", "Foo"]), st.sampled_from(["", "ai.onnx", "com.x", "local"]))
        made = draw(st.lists(st.tuples(kinds, attributes), max_size=5))
        return [helper.make_node(op, ["x"], ["y"], domain=domain, **more) for (op, domain), more in made]

    def tensors() -> list[onnx.TensorProto]:
        made = []
        for dtype, dims in draw(st.lists(arrays, max_size=4)):
            array = np.zeros(dims, dtype)
            name = draw(names)
            if draw(st.booleans()):
                made.append(numpy_helper.from_array(array, name))
            else:
                kind = helper.np_dtype_to_tensor_dtype(array.dtype)
                made.append(helper.make_tensor(name, kind, dims, array.flatten().tolist()))
        return made

    inner = helper.make_graph(nodes(), "inner", [], [], tensors())
    branch = helper.make_node("If", ["c"], ["z"], then_branch=inner)
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    graph = helper.make_graph([*nodes(), branch], draw(names), [info], [info], tensors(), value_info=[info])
    functions = []
    if draw(st.booleans()):
        functions.append(helper.make_function("local", "Foo", ["x"], ["y"], nodes(), [helper.make_opsetid("", 18)]))
    model = helper.make_model(graph, functions=functions, producer_name=draw(names))
    helper.set_model_props(model, draw(st.dictionaries(names, st.text(max_size=300).filter(is_utf8), max_size=3)))
    return model


def is_utf8(text: str) -> bool:
    return all(not 0xD800 <= ord(character) < 0xE000 for character in text)


@given(models())
@settings(max_examples=150, deadline=None)
def test_a_model_of_the_helper_is_seen_as_the_package_sees_it(model: onnx.ModelProto) -> None:
    agree(model, model.SerializeToString())


SIZES = [
    (kind, dims) for kind in TensorProto.DataType.values() if kind not in (0, TensorProto.STRING) for dims in ([], [7])
]


@pytest.mark.parametrize(("kind", "dims"), SIZES)
@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_every_type_has_the_size_that_the_package_writes(kind: int, dims: list[int], raw: bool) -> None:
    array = np.zeros(dims, helper.tensor_dtype_to_np_dtype(kind))
    if raw:
        tensor = numpy_helper.from_array(array, "w")
        assert tensor.data_type == kind
    else:
        tensor = helper.make_tensor("w", kind, dims, array.flatten())
    model = helper.make_model(helper.make_graph([], "g", [], [], [tensor]))
    agree(model, model.SerializeToString())


def test_published_models_are_seen_as_the_package_sees_them() -> None:
    models = [
        path for package in ("onnx", "silero-vad", "magika") for path in sorted(published(package).rglob("*.onnx"))
    ]
    assert models
    for path in models:
        agree(onnx.load(path, load_external_data=False), path.read_bytes())


def shapes(top: Shape) -> dict[str, Shape]:
    found: dict[str, Shape] = {}
    stack = [top]
    while stack:
        one = stack.pop()
        if one.name not in found:
            found[one.name] = one
            stack.extend(one.messages.values())
    return found


def test_the_shapes_are_those_of_the_package() -> None:
    """Every field of every message: number, name, whether it repeats. A newer onnx that adds one shows here."""
    tops = [schema.MODEL, schema.GRAPH, schema.NODE, schema.ATTRIBUTE, schema.TENSOR, schema.SPARSE_TENSOR]
    tops += [schema.FUNCTION, schema.TRAINING, schema.OPERATOR_SET, schema.ENTRY]
    own = {name: shape for top in tops for name, shape in shapes(top).items()}
    descriptors: dict[str, Any] = {}
    stack = [onnx.ModelProto.DESCRIPTOR]
    while stack:
        one = stack.pop()
        name = one.full_name.removeprefix("onnx.")
        if name not in descriptors:
            descriptors[name] = one
            stack.extend(field.message_type for field in one.fields if field.message_type)
    # A sparse type has the fields of a dense one, an optional type those of a sequence.
    alike = {"TypeProto.SparseTensor": "TypeProto.Tensor", "TypeProto.Optional": "TypeProto.Sequence"}
    assert set(own) == set(descriptors) - set(alike)
    for name, descriptor in descriptors.items():
        shape = own[alike.get(name, name)]
        assert shape.names == {field.number: field.name for field in descriptor.fields}, name
        for field in descriptor.fields:
            tags = {tag: bit for tag, bit in shape.tags.items() if tag >> 3 == field.number}
            assert all(bit == 0 for bit in tags.values()) is field.is_repeated, (name, field.name)
            assert (field.message_type is not None) <= (2 in {tag & 7 for tag in tags}), (name, field.name)


def test_data_types_are_those_of_the_package() -> None:
    assert {number: name for number, (name, _) in schema.BITS.items()} == {
        number: name for name, number in TensorProto.DataType.items() if number
    }
    assert max(onnx.Version.values()) == schema.NEWEST_IR


def test_external_data_that_the_package_writes_is_clean(tmp_path: Path) -> None:
    tensors = [
        numpy_helper.from_array(np.random.default_rng(7).random((40, 40)).astype(np.float32), f"w{i}") for i in "abc"
    ]
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [40, 40])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "wa"], ["y"])], "g", [info], [info], tensors)
    one, many = tmp_path / "one", tmp_path / "many"
    one.mkdir()
    many.mkdir()
    onnx.save(
        helper.make_model(graph), one / "m.onnx", save_as_external_data=True, location="m.onnx.data", size_threshold=0
    )
    onnx.save(
        helper.make_model(graph),
        many / "m.onnx",
        save_as_external_data=True,
        all_tensors_to_one_file=False,
        size_threshold=0,
    )
    for folder, count in ((one, 2), (many, 4)):
        report = inspected(folder).report
        assert len(report.artifact.files) == count
        assert report.findings == ()
        assert report.verdict is Verdict.CLEAN
        assert sum(file.coverage.data for file in report.artifact.files) == 3 * 6400
