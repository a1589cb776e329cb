"""Seeds of the formats of other worlds, and of what is recognized alone: format → name and content."""

from __future__ import annotations

import struct

from build import foreign as f
from build import programs
from build.containers import zipped

FOREIGN: dict[str, tuple[str, bytes]] = {
    "fasttext": ("m.bin", f.fasttext()),
    "mxnet-params": ("m.params", f.mxnet({"arg:w": bytes(8), "aux:b": bytes(3)})),
    "tvm-params": ("t.params", f.tvm({"p0": bytes(8), "p1": bytes(2)})),
    "xgboost-binary": ("tree.model", f.xgboost()),
    "torch7": ("m.t7", f.t7_linear()),
    "java-serialized": ("o.ser", f.java(f.j_map(f.J_TEXT, f.J_TEXT))),
    "svm-text": ("svm.model", f.LIBSVM),
    "ncnn-param": ("m.param", f.NCNN),
    "prototxt": ("deploy.prototxt", f.PROTOTXT),
    "word-vectors": ("w2v.bin", f.vectors(["alpha", "beta"], binary=True, feed=False)),
}
RECOGNIZED: dict[str, tuple[str, bytes]] = {
    "tensorrt": ("m.bin", b"ptrt" + bytes(60)),
    "rknn": ("m.bin", b"RKNN\0\0\0\0" + bytes(40)),
    "hailo": ("m.bin", b"\x01HEF\0\0\0\x02" + bytes(40)),
    "qualcomm": ("m.dlc", b"\xd5\x0a\x03\0" + bytes(40)),
    "mnn": ("m.mnn", bytes(range(1, 60))),
    "ncnn": ("m.param.bin", struct.pack("<iii", 7767517, 3, 3) + bytes(40)),
    "coreml-compiled": ("coremldata.bin", bytes(range(1, 60))),
    "openvino-blob": ("m.blob", bytes(range(1, 60))),
    "vowpal-wabbit": ("m.bin", b"\x07\0\0\x008.11.0\0m" + bytes(40)),
    "kaldi": ("final.bin", b"\0B<TransitionModel> " + bytes(40)),
    "h2o-mojo": ("model.ini", b"[info]\nh2o_version = 3.46\n"),
    "hadoop-sequence": ("part-r-00000", b"SEQ\x06\x19org.apache.hadoop.io.Text" + bytes(40)),
    "device-model": ("m.kmodel", b"KMDL" + bytes(40)),
    "program": ("tool", programs.ELF),
    "script": ("run.sh", programs.SHELL),
    "package": ("m.whl", zipped({"m/__init__.py": b"x = 1\n", "m-1.dist-info/METADATA": b"Name: m\n"})),
}
"""Formats of which nothing but their name is told: no file of them is clean."""
