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

from build import arrows, executorch_files, forms, hdf5_files, keras_models, notebooks, parquets, tflite_models
from build import gguf_files as g
from build import onnx_models as o
from build import r_values as r
from build import seven_zips as z
from build import tensorflow_models as t
from build.containers import safetensors, torch_legacy, torch_zip, zipped
from build.exported import exported
from build.flat_files import Number, flat, table
from build.foreign_seeds import FOREIGN, RECOGNIZED

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


def _ort() -> bytes:
    weights = table(_0="w", _2=Number("i64", [2]), _3=Number("i32", 1), _4=bytes(8))
    add = table(_0="sum", _2="", _5="Add", _8=["x", "w"], _9=["y"], _10=[table(_0="axis", _2=Number("i32", 2))])
    graph = table(_0=[weights], _2=[add], _5=["x"], _6=["y"])
    model = table(_0=Number("i64", 8), _1=[table(_0="", _1=Number("i64", 17))], _2="tests", _7=graph)
    return flat(table(_0="6", _1=model), b"ORTM")


GRAPH = t.graph(t.weights(), t.node("x", "Placeholder"), t.node("y", "MatMul", "x", "w"))
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
    "torch-export": ("m.pt2", exported()),
    "skops": ("m.skops", _skops()),
    "zip": ("m.zip", zipped({"a.json": b'{"a": 1}', "b.pkl": DATA}, method=8)),
    "tar": ("m.tar", _tar()),
    "7z": (
        "m.7z",
        z.archive(z.Member("a.json", b'{"a": 1}'), z.Member("b.pkl", DATA), z.Member("c"), methods=(z.LZMA,)),
    ),
    "parquet": (
        "m.parquet",
        parquets.parquet(parquets.Chunk(dictionary=True), keys={"pandas": b"{}"}, between=bytes(9)),
    ),
    "arrow": ("m.arrow", arrows.file(arrows.parts(keys={"huggingface": b"{}"}))),
    "r-data": (
        "m.rds",
        r.rendered(r.with_attributes(r.many(r.reals(1.5), r.call("~", r.symbol("y"))), ("names", r.strings("a")))),
    ),
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
    "ort": ("m.ort", _ort()),
    "tflite": ("m.tflite", tflite_models.written(tflite_models.model())),
    "tflite-metadata": ("m.tflitemeta", tflite_models.metadata()),
    "executorch": ("m.pte", executorch_files.program()),
    "xnnpack": ("m.xnn", executorch_files.graph()),
    "onnx-other": (
        "m.onnxtxt",
        b'<ir_version: 8, opset_import: ["" : 17]>\nf (float x) => (float y) { y = Add(x, x) }\n',
    ),
    "xml-model": ("m.pmml", PMML),
    "ubjson": ("m.ubj", forms.ubj({"learner": {"name": "reg", "trees": [{"w": forms.ubj_array(1, 2, 3)}], "n": 3}})),
    "lightgbm": ("m.txt", forms.lightgbm()),
    "catboost": ("m.cbm", forms.catboost()),
    "tensorflow-saved-model": ("saved_model.pb", t.saved_model(GRAPH)),
    "tensorflow-graph": ("frozen.pb", GRAPH),
    "tensorflow-meta-graph": ("m.meta", t.meta_graph(GRAPH)),
    "tensorflow-text": ("graph.pbtxt", b'node {\n  name: "x"\n  op: "Placeholder"\n}\n'),
    "tensorflow-checkpoint": ("m.index", t.table([t.header(), t.stored_tensor("w", 0, 0, 0)])),
    "tensorflow-checkpoint-state": ("checkpoint", b'model_checkpoint_path: "m-1"\nall_model_checkpoint_paths: "m-1"\n'),
    "tensorflow-fingerprint": ("fingerprint.pb", forms.message((1, 5), (6, forms.message((1, 1))), (7, "123"))),
    "tensorflow-hub-module": ("tfhub_module.pb", forms.message((1, 3))),
    "keras-metadata": (
        "keras_metadata.pb",
        forms.message((1, forms.message((3, "root"), (4, "_tf_keras_model"), (5, "{}")))),
    ),
    "sentencepiece": ("tokenizer.model", forms.sentencepiece("a", "the")),
    "coreml": ("m.mlmodel", forms.coreml(500, forms.coreml_layer(inner=bytes(50)))),
    "mil-weights": ("weight.bin", forms.mil_weights((1, bytes(200)), (2, bytes(64)))),
    "caffe": ("m.caffemodel", forms.caffe()),
    "paddle": ("m.pdmodel", forms.paddle("conv2d", "relu")),
    "msgpack": ("m.msgpack", msgpack.packb({"params": {"w": [1, 2.5, "x", b"y" * 40], "n": None}})),
    "notebook": ("n.ipynb", notebooks.notebook("x = 1", notebooks.cell("# a", kind="markdown"))),
    "toml": ("config.toml", b'[model]\nname = "bert"\nsizes = [1, 2]\n'),
    "settings": ("config.ini", b"[model]\nname = bert\nsize: 8\n; done\n"),
    "dockerfile": ("Dockerfile", b"FROM x@sha256:" + b"0a" * 32 + b"\nRUN pip install torch\nCMD python serve.py\n"),
    "makefile": ("Makefile", b"all: test\ntest:\n\tpytest\n"),
    "envrc": (".envrc.local", b"use flake\nexport SEED=3\n"),
    "git-attributes": (".gitattributes", b"*.bin filter=lfs diff=lfs merge=lfs -text\n"),
    "requirements": ("requirements.txt", b"torch==2.1\nnumpy>=1.24  # a comment\n"),
    "site-path": ("x.pth", b"# a comment\n"),
    "json-model": ("symbol.json", json.dumps({"nodes": [{"op": "null", "name": "x"}], "arg_nodes": [0]}).encode()),
    "python": ("modeling.py", SOURCE),
    "template": ("chat_template.jinja", b"{% for m in messages %}{{ m['content'] }}{% endfor %}"),
    "hub-config": ("config.json", b'{"model_type": "bert", "hidden_size": 8, "id2label": {"0": "a", "1": "b"}}'),
    "json-lines": ("train.jsonl", b'{"step": 1, "loss": 2.5}\n{"step": 2, "loss": 1.5}\n'),
    "yaml": ("config.yaml", b"model: bert\nsizes: [1, 2, 3]\nname: &x net\nother: *x\n"),
    "pickle": ("m.pkl", DATA),
    "markdown": ("README.md", b"# A net\n\nIt tells **cats** from dogs. See [the paper](https://arxiv.org/abs/1).\n"),
    "html": ("page.html", b"<!doctype html><html><body><p>It tells <b>cats</b> from dogs.</p></body></html>\n"),
    "text": ("vocab.txt", b"cat\ndog\nhouse\n"),
}
SEEDS |= FOREIGN | RECOGNIZED
