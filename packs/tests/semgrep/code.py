import base64
import builtins
import bz2
import codecs
import ctypes
import importlib
import json
import os
import zlib

import requests
import torch
from safetensors import safe_open
from transformers import AutoModel


def from_metadata(path):
    with safe_open(path, "pt") as file:
        said = file.metadata()
        # ruleid: metadata-is-run, computed-code-is-run
        eval(said["config"])
        # ruleid: metadata-is-run
        importlib.import_module(said["module"])
        # ok: metadata-is-run
        return json.loads(said["config"])


def from_header(header):
    # ruleid: metadata-is-run, computed-code-is-run
    exec(header["__metadata__"]["code"])
    # ok: metadata-is-run
    return header["__metadata__"].get("format")


def decoded(blob):
    # ruleid: decoded-is-run, computed-code-is-run
    exec(base64.b64decode(blob))
    unpacked = zlib.decompress(base64.b64decode(blob))
    # ruleid: decoded-is-run, computed-code-is-run
    exec(unpacked)
    # ruleid: decoded-is-run, computed-code-is-run
    eval(requests.get("https://example.org/code").text)
    # ruleid: decoded-is-run, computed-code-is-run
    exec(codecs.decode(blob, "rot13"))
    # ok: decoded-is-run
    kernels = bz2.decompress(base64.b64decode(blob))
    return kernels


def computed(text):
    # ruleid: computed-code-is-run
    eval(text)
    # ruleid: computed-code-is-run
    exec("x = " + text)
    # ruleid: computed-code-is-run
    builtins.exec(text)
    # ok: computed-code-is-run
    eval("1 + 1")


def evaluated(model):
    # ok: computed-code-is-run
    model.eval()


def hidden(name):
    # ruleid: hidden-import
    __import__("o" + "s")
    # ruleid: hidden-import
    __import__("".join(["o", "s"]))
    # ruleid: hidden-import
    getattr(os, "sys" + "tem")
    # ruleid: hidden-import
    ().__class__.__base__.__subclasses__()
    # ok: hidden-import
    importlib.import_module("transformers.models." + name)
    # ok: hidden-import
    getattr(torch, name)


def remote(name, commit):
    # ruleid: remote-code
    AutoModel.from_pretrained(name, trust_remote_code=True)
    # ruleid: remote-code
    torch.hub.load("org/repository", "net")
    # ruleid: remote-code
    options = {"revision": commit, "trust_remote_code": True}
    # ok: remote-code
    AutoModel.from_pretrained(name, revision=commit)
    return options


def native(path):
    # ruleid: native-code
    ctypes.CDLL(path)
    # ruleid: native-code
    torch.ops.load_library(path)
    # ok: native-code
    torch.jit.load(path)
