"""One small honest file of every format, for tests that change them: format → name and content."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import zlib

import lz4.frame
import msgpack
import numpy as np
import skops.io
from backports import zstd
from sklearn.linear_model import LinearRegression

from build import forms, hdf5_files, keras_models, notebooks
from build import gguf_files as g
from build import onnx_models as o
from build.containers import safetensors, torch_legacy, torch_zip, zipped

DATA = pickle.dumps({"weights": [1.5, -2.5, 3], "names": ("a", "b"), "raw": b"0123456789" * 5}, 4)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\0IEND\xaeB`\x82"
PMML = (
    b'<?xml version="1.0"?><PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>'
    b'<DataDictionary numberOfFields="1"><DataField name="x" optype="continuous" dataType="double"/></DataDictionary>'
    b"</PMML>"
)
SOURCE = b"import torch\n\n\nclass Net(torch.nn.Module):\n    def forward(self, x):\n        return x + 1\n"


def _npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(12, dtype="<f4").reshape(3, 4))
    return out.getvalue()


def _tar() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("config.json")
        member.size = 8
        archive.addfile(member, io.BytesIO(b'{"a": 1}'))
    return out.getvalue()


def _skops() -> bytes:
    rows = np.arange(12.0).reshape(6, 2)
    raw: bytes = skops.io.dumps(LinearRegression().fit(rows, rows[:, 0]))
    return raw


SEEDS: dict[str, tuple[str, bytes]] = {
    "lfs-pointer": (
        "model.bin",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n",
    ),
    "safetensors": ("m.safetensors", safetensors({"a": bytes(64), "b": bytes(8)}, metadata={"format": "pt"})),
    "gguf": ("m.gguf", g.gguf([g.text("general.architecture", "llama")], [g.tensor("w", [8], 0, 0)], bytes(32))),
    "numpy": ("m.npy", _npy()),
    "hdf5": ("m.h5", hdf5_files.written(hdf5_files.groups)),
    "keras": ("m.keras", keras_models.archive(keras_models.model(keras_models.layer("Dense", units=3)))),
    "torch-zip": ("m.pt", torch_zip([("FloatStorage", "0", bytes(64))], {"FloatStorage": 4})),
    "torch-legacy": ("m.pt", torch_legacy()),
    "skops": ("m.skops", _skops()),
    "zip": ("m.zip", zipped({"a.json": b'{"a": 1}', "b.pkl": DATA}, method=8)),
    "tar": ("m.tar", _tar()),
    "image": ("m.png", PNG),
    "gzip": ("m.pkl.gz", gzip.compress(DATA, mtime=0)),
    "bzip2": ("m.pkl.bz2", bz2.compress(DATA)),
    "xz": ("m.pkl.xz", lzma.compress(DATA)),
    "lzma": ("m.pkl.lzma", lzma.compress(DATA, format=lzma.FORMAT_ALONE)),
    "lz4": ("m.pkl.lz4", lz4.frame.compress(DATA)),
    "zstd": ("m.pkl.zst", zstd.compress(DATA)),
    "zlib": ("m.z", zlib.compress(DATA)),
    "joblib-zlib": ("m.joblib", b"ZF" + hex(len(DATA)).encode().ljust(19) + zlib.compress(DATA)),
    "onnx": ("m.onnx", o.model(o.graph(o.node(), tensors=(o.tensor(),)), more=o.blob(25, o.function("F")))),
    "onnx-other": (
        "m.onnxtxt",
        b'<ir_version: 8, opset_import: ["" : 17]>\nf (float x) => (float y) { y = Add(x, x) }\n',
    ),
    "xml-model": ("m.pmml", PMML),
    "ubjson": ("m.ubj", forms.ubj({"learner": {"name": "reg", "trees": [{"w": forms.ubj_array(1, 2, 3)}], "n": 3}})),
    "lightgbm": ("m.txt", forms.lightgbm()),
    "catboost": ("m.cbm", forms.catboost()),
    "sentencepiece": ("tokenizer.model", forms.sentencepiece("a", "the")),
    "coreml": ("m.mlmodel", forms.coreml(500, forms.coreml_layer(inner=bytes(50)))),
    "caffe": ("m.caffemodel", forms.caffe()),
    "paddle": ("m.pdmodel", forms.paddle("conv2d", "relu")),
    "msgpack": ("m.msgpack", msgpack.packb({"params": {"w": [1, 2.5, "x", b"y" * 40], "n": None}})),
    "notebook": ("n.ipynb", notebooks.notebook("x = 1", notebooks.cell("# a", kind="markdown"))),
    "toml": ("config.toml", b'[model]\nname = "bert"\nsizes = [1, 2]\n'),
    "settings": ("config.ini", b"[model]\nname = bert\nsize: 8\n; done\n"),
    "requirements": ("requirements.txt", b"torch==2.1\nnumpy>=1.24  # a comment\n"),
    "site-path": ("x.pth", b"# a comment\n"),
    "json-model": ("symbol.json", json.dumps({"nodes": [{"op": "null", "name": "x"}], "arg_nodes": [0]}).encode()),
    "python": ("modeling.py", SOURCE),
    "template": ("chat_template.jinja", b"{% for m in messages %}{{ m['content'] }}{% endfor %}"),
    "hub-config": ("config.json", b'{"model_type": "bert", "hidden_size": 8, "id2label": {"0": "a", "1": "b"}}'),
    "yaml": ("config.yaml", b"model: bert\nsizes: [1, 2, 3]\nname: &x net\nother: *x\n"),
    "pickle": ("m.pkl", DATA),
    "text": ("vocab.txt", b"cat\ndog\nhouse\n"),
}
