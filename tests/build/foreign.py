"""Small models of formats from other worlds than Python's, built byte by byte."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def i32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}i", *values)


def i64(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}q", *values)


# fastText


def quantizer(dim: int) -> bytes:
    return i32(dim, 1, dim, dim) + bytes(dim * 256 * 4)


def fasttext(
    words: Sequence[bytes] = (b"alpha", b"beta"),
    *,
    rows: int = 3,
    dim: int = 2,
    quantized: bool = False,
    norms: bool = True,
    pruned: int = -1,
    data: bytes | None = None,
) -> bytes:
    """A model with these words; `data` are the numbers of its first matrix."""
    out = i32(793712314, 12) + i32(dim, 5, 1, 1, 5, 1, 3, 3, 100, 0, 0, 100) + struct.pack("<d", 1e-4)
    out += i32(len(words), len(words), 0) + i64(len(words), pruned)
    out += b"".join(word + b"\0" + i64(1) + b"\0" for word in words)
    out += i32(1, 2) * max(0, pruned)
    numbers = bytes(rows * dim * 4) if data is None else data
    if quantized:
        out += b"\1" + (b"\1" if norms else b"\0") + i64(rows, dim) + i32(rows) + bytes(rows) + quantizer(dim)
        out += (bytes(rows) + quantizer(1)) if norms else b""
    else:
        out += b"\0" + i64(rows, dim) + numbers
    return out + b"\0" + i64(1, dim) + bytes(dim * 4)


# Lists of arrays


def mxnet_array(data: bytes, *, mark: int = 0xF993FAC9, flag: int = 3) -> bytes:
    if mark < 100:
        head = struct.pack("<II", 1, len(data))
    elif mark == 0xF993FAC8:
        head = struct.pack("<II", mark, 1) + i64(len(data))
    else:
        head = struct.pack("<IiI", mark, 0, 1) + i64(len(data))
    return head + i32(1, 0, flag) + data


def mxnet(arrays: dict[str, bytes], *, mark: int = 0xF993FAC9, names: Sequence[str] | None = None) -> bytes:
    listed = list(arrays) if names is None else list(names)
    out = struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(mxnet_array(a, mark=mark) for a in arrays.values())
    return out + struct.pack("<Q", len(listed)) + b"".join(struct.pack("<Q", len(n)) + n.encode() for n in listed)


def tvm(arrays: dict[str, bytes]) -> bytes:
    out = struct.pack("<QQQ", 0xF7E58D4F05049CB7, 0, len(arrays))
    out += b"".join(struct.pack("<Q", len(name)) + name.encode() for name in arrays)
    out += struct.pack("<Q", len(arrays))
    for data in arrays.values():
        out += struct.pack("<QQiiiBBH", 0xDD5E40F096B4A13F, 0, 1, 0, 1, 1, 8, 1) + i64(len(data), len(data)) + data
    return out


# Torch7


def t7_text(value: bytes) -> bytes:
    return i32(len(value)) + value


def t7_object(index: int, name: bytes, content: bytes) -> bytes:
    return i32(4, index) + t7_text(b"V 1") + t7_text(name) + content


def t7_tensor(data: bytes = bytes(12), index: int = 1) -> bytes:
    count = len(data) // 4
    storage = t7_object(index + 1, b"torch.FloatStorage", i64(count) + data)
    return t7_object(index, b"torch.FloatTensor", i32(1) + i64(count, 1, 1) + storage)


def t7_table(index: int, pairs: dict[bytes, bytes]) -> bytes:
    out = i32(3, index, len(pairs))
    return out + b"".join(i32(2) + t7_text(key) + value for key, value in pairs.items())


def t7_function(index: int = 9, code: bytes = b"\x1bLua" + bytes(30), kind: int = 8) -> bytes:
    return i32(kind) + (b"" if kind == 6 else i32(index)) + t7_text(code) + i32(3, index + 1, 0)


def t7_linear(**more: bytes) -> bytes:
    """A layer, as nn writes it."""
    pairs = {b"_type": i32(2) + t7_text(b"torch.FloatTensor"), b"weight": t7_tensor(index=10), b"train": i32(5, 1)}
    pairs |= {b"n": i32(1) + struct.pack("<d", 3.0), b"none": i32(0), b"again": i32(4, 10)}
    pairs |= {key.encode(): value for key, value in more.items()}
    return t7_object(1, b"nn.Linear", t7_table(2, pairs))


T7_AS_TEXT = (
    b"4\n1\n3\nV 1\n9\nnn.Linear\n3\n2\n2\n2\n6\nweight\n4\n3\n3\nV 1\n17\ntorch.FloatTensor\n1\n3\n1\n1\n4\n4\n3\nV 1\n"
    b"18\ntorch.FloatStorage\n3\n0.5 -1 2e-05\n2\n5\ntrain\n5\n1\n"
)


# Java


def j_text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def j_class(name: str, fields: Sequence[tuple[str, str]] = (), *, flags: int = 2, above: bytes = b"\x70") -> bytes:
    out = b"\x72" + j_text(name) + bytes(8) + bytes([flags]) + struct.pack(">H", len(fields))
    for kind, field in fields:
        out += kind[:1].encode() + j_text(field) + (b"\x74" + j_text(kind) if kind[0] in "[L" else b"")
    return out + b"\x78" + above


def j_object(description: bytes, content: bytes = b"") -> bytes:
    return b"\x73" + description + content


def java(*contents: bytes) -> bytes:
    return b"\xac\xed\x00\x05" + b"".join(contents)


def j_map(*pairs: bytes) -> bytes:
    """A HashMap with these contents as keys and values."""
    description = j_class("java.util.HashMap", [("F", "loadFactor"), ("I", "threshold")], flags=3)
    head = struct.pack(">fi", 0.75, 12) + b"\x77\x08" + struct.pack(">ii", 16, len(pairs) // 2)
    return j_object(description, head + b"".join(pairs) + b"\x78")


J_TEXT = b"\x74" + j_text("text")


# XGBoost before 1.7


def xgb_text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def xgboost(booster: bytes = b"gbtree", *, trees: int = 2, nodes: int = 3, note: bytes = b"a note") -> bytes:
    out = b"binf" + struct.pack("<fIiiiII", 0.5, 3, 0, 1, 1, 1, 5) + bytes(108)
    out += xgb_text(b"binary:logistic") + xgb_text(booster)
    if booster == b"gblinear":
        out += bytes(136)
    else:
        tree = i32(1, nodes, 0, 0, 3) + bytes(128) + bytes(nodes * 36)
        out += i32(trees) + bytes(156) + tree * trees + i32(0) * trees
    if booster != b"gbtree":
        out += struct.pack("<Q", 2) + bytes(8)
    return out + struct.pack("<Q", 1) + xgb_text(b"note") + xgb_text(note) + struct.pack("<Q", 1) + xgb_text(b"auc")


# Texts

LIBSVM = (
    b"svm_type c_svc\nkernel_type rbf\ngamma 0.5\nnr_class 2\ntotal_sv 2\nrho 0.1\nlabel 1 -1\nnr_sv 1 1\nSV\n"
    b"0.5 1:0.1 2:-1e-05 \n-0.5 1:1 \n"
)
LIBLINEAR = b"solver_type L2R_LR\nnr_class 2\nlabel 1 -1\nnr_feature 3\nbias -1\nw\n0.5 \n-1e-3 \n0 \n"
SVMLIGHT = (
    b"SVM-light Version V6.02\n0 # kernel type\n3 # kernel parameter -d \nempty# kernel parameter -u \n"
    b"9947 # highest feature index \n3 # number of support vectors plus 1 \n"
    b"0.1 # threshold b, each following line is a SV (starting with alpha*y)\n-0.01 6:0.02 15:0.3 #\n0.01 6:0.02 #\n"
)
NCNN = (
    b"7767517\n3 3\nInput            data             0 1 data 0=227 1=227 2=3\n"
    b'Convolution      conv1            1 1 data conv1 0=64 1=3 -23310=2,0.1,2.0 6=1728 9="text"\n'
    b"Softmax          prob             1 1 conv1 prob 0=0\n"
)
PROTOTXT = b"""name: "net"  # a comment
input: "data"
layer {
  name: "conv" type: "Convolution" bottom: 'data'; top: "conv"
  convolution_param < num_output: 64 kernel_size: [3, -3] weight_filler: { type: "xavier" } bias_term: false >
}
layer { name: "out" type: "Softmax" param { lr_mult: 1e-3, decay_mult: 0x10 } }
"""


def vectors(words: Sequence[str], *, binary: bool, width: int = 3, feed: bool = True) -> bytes:
    """A table of word vectors."""
    numbers = struct.pack(f"<{width}f", *range(width)) + b"\n" * feed
    text = " ".join(str(float(value)) for value in range(width)).encode() + b"\n"
    lines = [word.encode() + b" " + (numbers if binary else text) for word in words]
    return f"{len(words)} {width}\n".encode() + b"".join(lines)
