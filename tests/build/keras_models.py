"""Keras models: configurations written by hand, and honest models that Keras itself saves in a process of its own.

The backend that needs no other library is the one for NumPy. It imports jax for a few functions that no test calls: a
stand-in takes its place.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np

from build.containers import zipped
from build.hdf5_files import written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import h5py

CODE = base64.b64encode(b"\xe3\x01" + bytes(60)).decode()
"""How marshalled code begins; what follows is no code."""
HONEST = ("cnn", "nested", "text", "policy", "quantized", "deep")


def layer(
    kind: str, of: str | None = "keras.layers", registered: str | None = None, /, **config: object
) -> dict[str, object]:
    """A class of the module `of`, registered under another name if there is one, and its configuration."""
    return {"module": of, "class_name": kind, "config": config, "registered_name": registered}


def function(module: str | None, name: str, registered: str | None = None) -> dict[str, object]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered or name}


def bytecode() -> dict[str, object]:
    return {"class_name": "__lambda__", "config": {"code": CODE, "defaults": None, "closure": None}}


def model(*layers: Mapping[str, object], **more: object) -> dict[str, object]:
    """A configuration in the new form."""
    config = {"name": "net", "layers": [layer("InputLayer", batch_shape=[None, 4]), *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None, **more}


def old_model(*layers: Mapping[str, object]) -> dict[str, object]:
    """A configuration in the old form."""
    return {"class_name": "Sequential", "config": {"name": "net", "layers": list(layers)}}


def weights(version: str = "earliest") -> bytes:
    def fill(file: h5py.File) -> None:
        file.create_group("layers/dense/vars")["0"] = np.arange(12, dtype="f4").reshape(4, 3)

    return written(fill, version)


def archive(config: object, more: Mapping[str, bytes] | None = None) -> bytes:
    """A `.keras` file."""
    members = {"metadata.json": b'{"keras_version": "3.15.1", "date_saved": "2026-01-01@00:00:00"}'}
    members |= {"config.json": json.dumps(config).encode(), "model.weights.h5": weights()}
    return zipped(members | dict(more or {}))


def legacy(attributes: Mapping[str, object], version: str = "earliest") -> bytes:
    """An `.h5` file with these attributes of its root; what is no text is written as JSON."""

    def fill(file: h5py.File) -> None:
        for name, value in attributes.items():
            file.attrs[name] = value if isinstance(value, (str, bytes)) else json.dumps(value).encode()
        file.create_group("model_weights/dense")["kernel:0"] = np.arange(12, dtype="f4")

    return written(fill, version)


_PROGRAM = """
import os, sys
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

class StandIn:
    def find_spec(self, name, path=None, target=None):
        return ModuleSpec(name, self, is_package=True) if name.partition(".")[0] in ("jax", "jaxlib") else None
    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__path__, module.__spec__ = [], spec
        return module
    def exec_module(self, module):
        pass

sys.meta_path.insert(0, StandIn())
os.chdir(sys.argv[1])
import keras
from keras import layers as L

def cnn():
    net = keras.Sequential([
        L.Input((8, 8, 3)), L.Conv2D(4, 3, activation="relu"), L.BatchNormalization(), L.MaxPooling2D(), L.Flatten(),
        L.Dropout(0.2), L.Dense(5, activation="softmax", kernel_regularizer=keras.regularizers.L2(1e-3),
        kernel_constraint="max_norm")])
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    net.compile(keras.optimizers.SGD(rate, momentum=0.9), loss, metrics=["accuracy", keras.metrics.AUC()])
    return net

def nested():
    inner = keras.Sequential([L.Input((4,)), L.Dense(3, activation=keras.activations.gelu)], name="inner")
    start = keras.Input((4,))
    joined = L.Concatenate()([inner(start), inner(keras.ops.multiply(start, 2.0))])
    net = keras.Model(start, [L.Dense(1)(joined), L.Dense(2, activation="leaky_relu")(joined)])
    net.compile("adam", loss=["mse", keras.losses.Huber()])
    return net

def text():
    start = keras.Input((10,), dtype="int32")
    word = L.Embedding(50, 8, mask_zero=True)(start)
    state = L.TimeDistributed(L.Dense(3))(L.Bidirectional(L.LSTM(4, return_sequences=True))(word))
    seen = L.LayerNormalization()(L.MultiHeadAttention(2, 4)(state, state) + state)
    net = keras.Model(start, L.Dense(1)(L.GlobalAveragePooling1D()(seen)))
    net.compile(keras.optimizers.AdamW(1e-3), "binary_crossentropy", metrics=[keras.metrics.BinaryAccuracy()])
    return net

def policy():
    return keras.Sequential([
        L.Input((4,)), L.Normalization(mean=[1.0, 2, 3, 4], variance=[1.0, 1, 1, 1]), L.Rescaling(1 / 255),
        L.Dense(3, dtype="mixed_float16"), L.Activation("swish"),
        L.Dense(2, dtype=keras.dtype_policies.DTypePolicy("bfloat16"))])

def quantized():
    net = keras.Sequential([L.Input((4,)), L.Dense(8), L.Dense(2)])
    net.quantize("int8")
    return net

def deep():
    net = keras.Sequential([L.Input((2,))] + [L.Dense(2) for _ in range(120)])
    net.compile("adam", "mse")
    return net

for name in sys.argv[2:]:
    net = globals()[name]()
    for end in (".keras", ".h5"):
        net.save(name + end)
    net.save_weights(name + ".weights.h5")
"""


def save_honest(folder: Path, names: Sequence[str] = HONEST) -> None:
    """Let Keras save models into `folder`, each as `.keras`, `.h5` and `.weights.h5`."""
    environ = {**os.environ, "KERAS_BACKEND": "numpy", "PYTHONWARNINGS": "ignore", "KERAS_HOME": str(folder / ".home")}
    subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(folder), *names], env=environ, capture_output=True, text=True, check=True
    )
