"""Run in the environment of `make writers`: models as coremltools writes them.

python coreml_models.py FOLDER
"""

from __future__ import annotations

import json
import sys

import coremltools as ct
import numpy as np
from coremltools.converters.mil import Builder
from coremltools.models import datatypes
from coremltools.models.neural_network import NeuralNetworkBuilder


def network(folder: str) -> None:
    """A neural network in the older form: one file."""
    builder = NeuralNetworkBuilder([("x", datatypes.Array(3))], [("y", datatypes.Array(2))])
    builder.add_inner_product("dense", np.ones((2, 3), "float32"), np.zeros(2, "float32"), 3, 2, True, "x", "h")
    builder.add_activation("relu", "RELU", "h", "y")
    ct.models.utils.save_spec(builder.spec, f"{folder}/network.mlmodel")


def program(folder: str, name: str, kind: str) -> None:
    """A program with weights in a file beside it; `kind` is the type that they are kept in."""

    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1, 64))])
    def made(x):
        return Builder.relu(x=Builder.linear(x=x, weight=np.arange(4096, dtype="float32").reshape(64, 64)))

    model = ct.convert(made, convert_to="mlprogram", skip_model_load=True, compute_precision=kind)
    model.user_defined_metadata["note"] = "made for a test"
    model.save(f"{folder}/{name}.mlpackage")


def main(folder: str) -> None:
    network(folder)
    program(folder, "half", ct.precision.FLOAT16)
    program(folder, "single", ct.precision.FLOAT32)
    with open(f"{folder}/truth.json", "w", encoding="utf-8") as file:
        json.dump({"half": 2 * 4096, "single": 4 * 4096}, file)


if __name__ == "__main__":
    main(sys.argv[1])
