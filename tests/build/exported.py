"""Programs of torch.export, built member by member."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from build.containers import torch_zip, zipped

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE = torch_zip([("FloatStorage", "0", bytes(16))], {"FloatStorage": 4})


def size(value: int | str) -> dict[str, Any]:
    return {"as_int": value} if isinstance(value, int) else {"as_expr": {"expr_str": value, "hint": None}}


def meta(shape: list[int], dtype: int = 7, offset: int = 0) -> dict[str, Any]:
    """The description of a contiguous tensor."""
    strides = [1]
    for length in reversed(shape[1:]):
        strides.insert(0, strides[0] * length)
    return {
        "dtype": dtype,
        "sizes": [size(length) for length in shape],
        "strides": [size(stride) for stride in strides[: len(shape)]],
        "storage_offset": size(offset),
        "layout": 7,
        "device": {"type": "cpu", "index": None},
        "requires_grad": False,
    }


def program(
    *targets: str, sizes: tuple[str, ...] = ("s0", "2*s0 + 1"), guards: tuple[str, ...] = (), spec: str = ""
) -> dict[str, Any]:
    nodes = [{"target": target, "inputs": [], "outputs": [], "metadata": {}} for target in targets]
    values = {f"t{index}": {"dtype": 7, "sizes": [size(one)]} for index, one in enumerate(sizes)}
    return {
        "graph_module": {
            "graph": {"nodes": nodes, "tensor_values": values, "inputs": [], "outputs": []},
            "module_call_graph": [{"fqn": "", "signature": {"in_spec": spec or '[1, {"type": null}]'}}],
        },
        "opset_version": {"aten": 10},
        "guards_code": list(guards),
        "torch_version": "2.9.0",
    }


def exported(
    tree: Mapping[str, Any] | None = None,
    weights: Mapping[str, tuple[dict[str, Any], bytes]] | None = None,
    *,
    more: Mapping[str, bytes] | None = None,
    pickled: bool = False,
) -> bytes:
    """An archive; `weights` gives description and bytes by member, `pickled` says that they are checkpoints."""
    weights = {"weight_0": (meta([2, 3]), bytes(24))} if weights is None else weights
    config = {
        f"layer.{name}": {"path_name": name, "is_param": True, "use_pickle": pickled, "tensor_meta": described}
        for name, (described, _) in weights.items()
    }
    members = {
        "archive_format": b"pt2",
        "archive_version": b"0",
        "byteorder": b"little",
        ".data/version": b"6\n",
        "models/model.json": json.dumps(tree or program("torch.ops.aten.linear.default", "_operator.add")).encode(),
        "data/weights/model_weights_config.json": json.dumps({"config": config}).encode(),
        "data/constants/model_constants_config.json": b'{"config": {}}',
        "data/sample_inputs/model.pt": SAMPLE,
    }
    members |= {f"data/weights/{name}": raw for name, (_, raw) in weights.items()} | dict(more or {})
    return zipped({f"net/{name}": content for name, content in members.items()})


def exported_old(tree: Mapping[str, Any] | None = None) -> bytes:
    """The form before PyTorch 2.8."""
    return zipped(
        {
            "version": b"8.2",
            "serialized_exported_program.json": json.dumps(tree or program("torch.ops.aten.relu.default")).encode(),
            "serialized_state_dict.pt": SAMPLE,
            "serialized_constants.pt": SAMPLE,
            "serialized_example_inputs.pt": SAMPLE,
        }
    )
