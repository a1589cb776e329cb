"""Routes by the name of the file, and code that needs no pickle."""

from __future__ import annotations

import gzip
import json
import struct
from typing import TYPE_CHECKING

from archive_routes import TORCH, encoded, one
from build.containers import safetensors, zipped
from pickle_routes import EVIL
from route import Route

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def named(route: str, about: str, name: str, content: bytes = EVIL, reference: str = "CWE-434") -> Route:
    return one(route, "disguise", about, name, content, reference)


DISGUISES = [
    named("as-safetensors", "a pickle called .safetensors", "model.safetensors"),
    named("as-bin", "called .bin", "pytorch_model.bin", EVIL, "CVE-2025-10155"),
    named("as-pt", "a bare pickle called .pt", "model.pt", EVIL, "CVE-2025-10155"),
    named("as-onnx", "called .onnx", "model.onnx"),
    named("as-gguf", "called .gguf", "model.gguf"),
    named("as-npy", "called .npy", "weights.npy"),
    named("as-h5", "called .h5", "model.h5"),
    named("as-text", "called .txt", "vocab.txt"),
    named("as-json", "called .json", "tokenizer.json"),
    named("as-card", "called README.md", "README.md"),
    named("as-picture", "called .png", "preview.png"),
    named("as-data", "called .data-00000-of-00001", "variables.data-00000-of-00001"),
    named("no-extension", "without extension", "model"),
    named("dot-file", "hidden by a dot", ".weights"),
    named(
        "text-protocol",
        "a pickle of protocol 0, which is text, called .txt",
        "merges.txt",
        b"cos\nsystem\n(S'echo inert'\ntR.",
    ),
    named("zip-as-pickle", "a torch checkpoint called .pkl", "model.pkl", zipped(TORCH)),
    named("zip-as-bin", "called .bin", "pytorch_model.bin", zipped(TORCH)),
    named("zip-as-text", "called .txt", "notes.txt", zipped(TORCH)),
    named("zip-as-tar", "called .pth.tar", "model.pth.tar", zipped(TORCH)),
    named("gzip-as-pickle", "a compressed pickle called .pkl", "model.pkl", gzip.compress(EVIL, mtime=0)),
    Route(
        "in-a-folder",
        "disguise",
        "in a folder of honest files, without extension",
        "CWE-434",
        lambda: {
            "config.json": b'{"model_type": "net"}\n',
            "model.safetensors": safetensors({"w": bytes(4)}),
            "assets/index": EVIL,
        },
    ),
]
ESCAPE = "{{ ''.__class__.__mro__[1].__subclasses__() }}"


def gguf(pairs: Sequence[tuple[str, str]]) -> bytes:
    """A GGUF file, version 3, of texts and no tensor."""
    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs))
    for key, value in pairs:
        out += struct.pack("<Q", len(key)) + key.encode()
        out += struct.pack("<IQ", 8, len(value.encode())) + value.encode()
    return out + bytes(-len(out) % 32)


def keras(layer: Mapping[str, object]) -> bytes:
    config = {"class_name": "Sequential", "module": "keras", "config": {"name": "net", "layers": [layer]}}
    metadata = {"keras_version": "3.9.0", "date_saved": "2026-01-01@00:00:00"}
    return zipped({"metadata.json": json.dumps(metadata).encode(), "config.json": json.dumps(config).encode()})


CODE = [
    one(
        "keras-lambda",
        "code",
        "Keras: a Lambda layer of marshalled code",
        "model.keras",
        keras(
            {
                "module": "keras.layers",
                "class_name": "Lambda",
                "config": {
                    "name": "f",
                    "function": {
                        "class_name": "__lambda__",
                        "config": {"code": encoded(b"\xe3" + bytes(40)), "defaults": None, "closure": None},
                    },
                },
            }
        ),
        "CVE-2024-3660",
    ),
    one(
        "keras-function",
        "code",
        "Keras: a layer's function is subprocess.run",
        "model.keras",
        keras(
            {
                "module": "keras.layers",
                "class_name": "Lambda",
                "config": {
                    "name": "f",
                    "function": {
                        "module": "subprocess",
                        "class_name": "function",
                        "config": "run",
                        "registered_name": "run",
                    },
                    "arguments": {"args": ["echo", "inert"]},
                },
            }
        ),
        "CVE-2025-1550",
    ),
    one(
        "gguf-template",
        "code",
        "GGUF: a chat template that leaves its sandbox",
        "model.gguf",
        gguf([("general.architecture", "llama"), ("tokenizer.chat_template", ESCAPE)]),
        "CVE-2024-34359",
    ),
    one(
        "template",
        "code",
        "the same template in a tokenizer's configuration",
        "tokenizer_config.json",
        json.dumps({"tokenizer_class": "LlamaTokenizer", "chat_template": ESCAPE}).encode(),
        "CWE-1336",
    ),
    one(
        "auto-map",
        "code",
        "a configuration that names code of another repository",
        "config.json",
        json.dumps({"model_type": "net", "auto_map": {"AutoModel": "org/other--modeling.Net"}}).encode(),
        "CWE-829",
    ),
    one(
        "source",
        "code",
        "modelling code that starts a program when imported",
        "modeling_net.py",
        b"import os\n\nos.system('echo inert')\n",
        "CWE-829",
    ),
    one(
        "native",
        "code",
        "a program for Linux called .bin",
        "pytorch_model.bin",
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\x3e\x00\x01\0\0\0" + bytes(200),
        "CWE-434",
    ),
]
ROUTES = [*DISGUISES, *CODE]
