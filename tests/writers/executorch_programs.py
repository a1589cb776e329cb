"""Writes programs of ExecuTorch, a file of tensors and a graph for XNNPACK with the serializers of ExecuTorch.

python executorch_programs.py FOLDER        FOLDER/plain.pte, constants.pte, delegates.pte, …, weights.ptd

The serializers name types of torch, which they do not need for what is written here: a stand-in takes its place.
"""

# ruff: noqa: E402 -- what takes the place of torch has to be there before

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from importlib.metadata import distribution
from unittest.mock import MagicMock

TORCH = ("torch", "torch.fx", "torch.export", "torch._export", "torch.utils", "torchgen", "executorch.exir.tensor")
PACKAGES = (
    "executorch",
    "executorch.exir",
    "executorch.exir._serialize",
    "executorch.extension",
    "executorch.extension.flat_tensor",
    "executorch.extension.flat_tensor.serialize",
    "executorch.backends",
    "executorch.backends.xnnpack",
    "executorch.backends.xnnpack.serialization",
)


class StandIn(types.ModuleType):
    """A module that has whatever it is asked for."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        found = type(name, (), {}) if name == "Tensor" else MagicMock(name=name)
        setattr(self, name, found)
        return found


def prepare():
    """Packages without what their __init__ would import, and the stand-ins."""
    top = str(distribution("executorch").locate_file(""))
    for name in TORCH:
        sys.modules[name] = StandIn(name)
        sys.modules[name].__path__ = []
    sys.modules["executorch.exir.tensor"].ALIGNMENT = 16
    for name in PACKAGES:
        folder = os.path.join(top, *name.split("."))
        spec = importlib.util.spec_from_file_location(
            name, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
        )
        sys.modules[name] = importlib.util.module_from_spec(spec)


prepare()

from executorch.backends.xnnpack.serialization import xnnpack_graph_schema as xs
from executorch.backends.xnnpack.serialization.xnnpack_graph_serialize import serialize_xnnpack_binary
from executorch.exir import schema as s
from executorch.exir._serialize._named_data_store import NamedDataStore
from executorch.exir._serialize._program import PTEFile, serialize_pte_binary
from executorch.exir._serialize.data_serializer import DataEntry, DataPayload
from executorch.exir.tensor_layout import TensorLayout
from executorch.extension.flat_tensor.serialize.serialize import FlatTensorSerializer

WEIGHTS = bytes(range(64))


def tensor(sizes, constant=0):
    planned = None if constant else s.AllocationDetails(memory_id=1, memory_offset_low=0, memory_offset_high=0)
    return s.EValue(
        s.Tensor(
            scalar_type=s.ScalarType.FLOAT,
            storage_offset=0,
            sizes=list(sizes),
            dim_order=list(range(len(sizes))),
            requires_grad=False,
            layout=0,
            data_buffer_idx=constant,
            allocation_info=planned,
            shape_dynamism=s.TensorShapeDynamism.STATIC,
        )
    )


def program(constants=(), delegates=()):
    values = [tensor((1, 4))] + [tensor((4, 4), number + 1) for number in range(len(constants))]
    values += [s.EValue(value) for value in (s.Int(1), s.Bool(True), s.Null(), s.Double(1.5), s.String("hello"))]
    values += [s.EValue(s.IntList([0, 0])), s.EValue(s.OptionalTensorList([-1, 0]))]
    calls = [s.KernelCall(0, [0, 1, 2]), s.KernelCall(0, [0, 1, 1]), s.MoveCall(0, 1), s.JumpFalseCall(3, 1)]
    calls += [s.DelegateCall(number, [0, 1]) for number in range(len(delegates))] + [s.FreeCall(0)]
    plan = s.ExecutionPlan(
        name="forward",
        container_meta_type=s.ContainerMetadata("*", "*"),
        values=values,
        inputs=[0],
        outputs=[0],
        chains=[s.Chain([0], [0], [s.Instruction(call) for call in calls], None)],
        operators=[s.Operator("aten::mm", "out"), s.Operator("aten::add", "")],
        delegates=[
            s.BackendDelegate(
                name, s.BackendDelegateDataReference(s.DataLocation.INLINE, number), [s.CompileSpec("k", b"value")]
            )
            for number, (name, _) in enumerate(delegates)
        ],
        non_const_buffer_sizes=[0, 64],
    )
    return s.Program(
        version=0,
        execution_plan=[plan],
        constant_buffer=[s.Buffer(storage=content) for content in (b"", *constants)],
        backend_delegate_data=[s.BackendDelegateInlineData(data=content) for _, content in delegates],
        segments=[],
        constant_segment=s.SubsegmentOffsets(segment_index=0, offsets=[]),
        mutable_data_segments=[],
        named_data=[],
    )


def graph():
    """A payload for XNNPACK."""

    def value(number, constant=0):
        return xs.XNNTensorValue(xs.XNNDatatype.xnn_datatype_fp32, 2, [4, 4], constant, 0, 0, number)

    scales = xs.PerChannelQuant(scale=[0.5, 0.25], channel_dim=0, scale_buffer_idx=0, num_scales=0)
    nodes = [
        xs.XNNFullyConnected(input1_id=0, filter_id=1, bias_id=2, output_id=3, flags=0),
        xs.XNNAdd(input1_id=0, input2_id=1, output_id=3, flags=0),
        xs.XNNStaticTranspose(num_dims=2, perm=[1, 0], input_id=0, output_id=1, flags=0),
    ]
    whole = xs.XNNGraph(
        version="0",
        xnodes=[xs.XNode(node, number, xs.OutputMinMax(0.0, 6.0)) for number, node in enumerate(nodes)],
        xvalues=[xs.XValue(value(0)), xs.XValue(xs.XNNQuantizedTensorValue(value(1, 1), scales))],
        num_externs=1,
        input_ids=[0],
        output_ids=[3],
        constant_data=[xs.ConstantDataOffset(0, 0, ""), xs.ConstantDataOffset(0, 64, "")],
    )
    return bytes(serialize_xnnpack_binary(whole, bytearray(WEIGHTS)))


def main(out):
    os.makedirs(out, exist_ok=True)
    named = NamedDataStore()
    named.add_named_data("weight.a", b"\x07" * 300)
    named.add_named_data("weight.b", b"\x09" * 100)
    payloads = (("QnnBackend", b"\x01\x02 not for us" * 20), ("VulkanBackend", b"xyz" * 33))
    state = [s.Buffer(b""), s.Buffer(b"\x05" * 40)]
    files = {
        "plain": (PTEFile(program()), {}),
        "constants": (PTEFile(program([WEIGHTS, WEIGHTS])), {}),
        "inline": (PTEFile(program([WEIGHTS], payloads[:1])), {"extract_delegate_segments": False}),
        "delegates": (PTEFile(program([WEIGHTS], payloads)), {"extract_delegate_segments": True}),
        "aligned": (PTEFile(program([WEIGHTS])), {"segment_alignment": 4096}),
        "named": (PTEFile(program([WEIGHTS]), state, named.get_named_data_store_output()), {}),
        "xnnpack": (PTEFile(program([WEIGHTS], [("XnnpackBackend", graph())])), {"extract_delegate_segments": True}),
    }
    for name, (file, settings) in files.items():
        with open(f"{out}/{name}.pte", "wb") as target:
            target.write(bytes(serialize_pte_binary(file, **settings)))
    layout = TensorLayout(s.ScalarType.FLOAT, [4, 4], [0, 1])
    entries = {"w": DataEntry(0, 16, layout), "opaque": DataEntry(1, 16, None)}
    with open(f"{out}/weights.ptd", "wb") as target:
        target.write(bytes(FlatTensorSerializer().serialize(DataPayload([WEIGHTS, b"\x02" * 16], entries))))
    with open(f"{out}/truth.json", "w", encoding="utf-8") as target:
        json.dump({"operators": [["aten", "mm.out"], ["aten", "add"]], "plan": "forward"}, target)


if __name__ == "__main__":
    main(sys.argv[1])
