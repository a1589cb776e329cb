"""Run by a Python that has torch: writes files as training programs do, in both containers and all protocols.

python3 honest_torch.py FOLDER
"""

from __future__ import annotations

import argparse
import functools
import pathlib
import pickle
import sys
import typing
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")


def objects() -> dict[str, object]:
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2), nn.GELU(), nn.Dropout()
    )
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    model(torch.zeros(1, 1, 4, 4)).sum().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 3,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "arguments": argparse.Namespace(lr=0.1, out=pathlib.Path("x")),
        "random": torch.get_rng_state(),
        "loss": torch.tensor(0.5),
    }
    names = ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "bool"]
    names += ["complex64", "complex128"]
    return {
        **{name: torch.zeros(3, 2, dtype=getattr(torch, name)) for name in names},
        "state_dict": model.state_dict(),
        "checkpoint": checkpoint,
        "module": model,
        "lstm": nn.LSTM(2, 3),
        "transformer": nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 1),
        "parameters": nn.ParameterList([nn.Parameter(torch.ones(1))]),
        "modules": nn.ModuleDict({"a": nn.Linear(1, 1)}),
        "embedding": nn.Embedding(3, 2),
        "optimizer": optimizer,
        "schedule": schedule,
        "distribution": torch.distributions.Normal(0.0, 1.0),
        "dataset": torch.utils.data.TensorDataset(torch.zeros(2)),
        "sparse": torch.eye(3).to_sparse(),
        "sparse_csr": torch.eye(3).to_sparse_csr(),
        "quantized": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.quint8),
        "meta": torch.zeros(2, device="meta"),
        "array": {"a": torch.zeros(2).numpy()},
        "storage": torch.zeros(3).storage(),
        "functions": [torch.relu, nn.functional.relu, nn.functional.gelu, torch.tanh],
        "partial": functools.partial(nn.functional.gelu, approximate="none"),
        "misc": {
            "device": torch.device("cpu"),
            "type": torch.float16,
            "size": torch.Size([1, 2]),
            "parameter": nn.Parameter(torch.ones(2)),
            "view": torch.arange(10)[2:5],
            "transposed": torch.arange(6).reshape(2, 3).t(),
            "empty": torch.zeros(0),
        },
    }


class Branching(nn.Module):
    """Control flow, a constant, a dictionary and a list: what scripting has to write down."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.names = ["a", "b"]
        self.register_buffer("scale", torch.ones(4))

    def forward(self, x: torch.Tensor, more: typing.Optional[torch.Tensor] = None) -> torch.Tensor:  # noqa: UP045 -- TorchScript of this version
        found: typing.Dict[str, torch.Tensor] = {}  # noqa: UP006 -- as above
        for index, name in enumerate(self.names):
            if x.sum() > 0:
                found[name] = self.linear(x) * self.scale + index
            else:
                found[name] = torch.relu(x)
        if more is not None:
            found["a"] = found["a"] + more
        return found["a"] + found["b"]


def programs(folder: str) -> None:
    """TorchScript, for servers and for phones, and ONNX in several versions of its operators."""
    scripted = torch.jit.script(Branching().eval())
    image = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)).eval()
    picture = torch.zeros(1, 3, 8, 8)
    scripted.save(f"{folder}/branching.pt")
    torch.jit.trace(image, picture).save(f"{folder}/image.jit")
    torch.jit.freeze(torch.jit.script(image)).save(f"{folder}/frozen.ts")
    scripted.save(f"{folder}/with_files.pt", _extra_files={"labels.txt": "cat\ndog\n", "config.json": '{"a": 1}'})
    scripted._save_for_lite_interpreter(f"{folder}/mobile.ptl")
    for version in (9, 11, 13, 15, 16):
        torch.onnx.export(image, picture, f"{folder}/image.{version}.onnx", opset_version=version)
    axes = {"x": {0: "batch", 1: "steps"}}
    torch.onnx.export(nn.LSTM(2, 3), torch.zeros(2, 1, 2), f"{folder}/lstm.onnx", input_names=["x"], dynamic_axes=axes)
    torch.onnx.export(Branching().eval(), torch.zeros(2, 4), f"{folder}/branching.onnx", opset_version=16)


def main(folder: str) -> None:
    programs(folder)
    for name, value in objects().items():
        for protocol in (2, 3, 4, 5):
            for container in ("zip", "legacy"):
                path = f"{folder}/{name}.{container}.{protocol}.pt"
                torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=container == "zip")
        for protocol in (3, 4, 5):
            with open(f"{folder}/{name}.{protocol}.pkl", "wb") as file:
                pickle.dump(value, file, protocol)


if __name__ == "__main__":
    main(sys.argv[1])
