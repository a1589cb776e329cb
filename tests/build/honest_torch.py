"""Run by a Python that has torch: writes files as training programs do, in both containers and all protocols.

python3 honest_torch.py FOLDER
"""

from __future__ import annotations

import argparse
import functools
import pathlib
import pickle
import sys
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


def main(folder: str) -> None:
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
