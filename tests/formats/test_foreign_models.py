"""Formats of other worlds: honest files are clean to the last byte, changed ones never crash and are never laundered."""

from __future__ import annotations

import base64
import contextlib
import random
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import foreign as f
from build import pickles as p
from build import programs
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Operator, Tensor
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats import loaded
from weighbridge.formats.base import blob_info

if TYPE_CHECKING:
    from pathlib import Path

EVIL = base64.b64encode(p.proto(4) + p.system() + p.STOP)
LONG = b"x" * 300
HONEST = {
    "m.bin": ("fasttext", f.fasttext()),
    "pruned.ftz": ("fasttext", f.fasttext(pruned=2)),
    "quantized.ftz": ("fasttext", f.fasttext(quantized=True)),
    "quantized.bin": ("fasttext", f.fasttext(quantized=True, norms=False)),
    "v2.params": ("mxnet-params", f.mxnet({"arg:w": bytes(8), "aux:b": bytes(3)})),
    "v3.params": ("mxnet-params", f.mxnet({"arg:w": bytes(8)}, mark=0xF993FACA)),
    "v1.params": ("mxnet-params", f.mxnet({"arg:w": bytes(8)}, mark=0xF993FAC8)),
    "v0.params": ("mxnet-params", f.mxnet({"arg:w": bytes(8)}, mark=1)),
    "list.nd": ("mxnet-params", f.mxnet({"a": bytes(8), "b": b""}, names=())),
    "t.params": ("tvm-params", f.tvm({"p0": bytes(8), "p1": bytes(2)})),
    "tree.model": ("xgboost-binary", f.xgboost()),
    "dart.model": ("xgboost-binary", f.xgboost(b"dart")),
    "lines.model": ("xgboost-binary", f.xgboost(b"gblinear")),
    "m.t7": ("torch7", f.t7_linear()),
    "w.t7": ("torch7", f.t7_tensor()),
    "table.bin": ("torch7", f.t7_table(1, {b"weight": f.t7_tensor(index=3)})),
    "text.t7": ("torch7", f.T7_AS_TEXT),
    "o.ser": ("java-serialized", f.java(f.j_map(f.J_TEXT, f.J_TEXT))),
    "o.model": ("java-serialized", f.java(b"\x77\x03abc", f.j_map(), b"\x70", b"\x79", f.J_TEXT)),
    "n.ser": ("java-serialized", f.java(b"\x75" + f.j_class("[I") + struct.pack(">iii", 2, 1, 2))),
    "svm.model": ("svm-text", f.LIBSVM),
    "linear.model": ("svm-text", f.LIBLINEAR),
    "svm_light": ("svm-text", f.SVMLIGHT),
    "m.param": ("ncnn-param", f.NCNN),
    "deploy.prototxt": ("prototxt", f.PROTOTXT),
    "net.cfg": ("prototxt", b"layer { type: 'ReLU' }\n"),
    "w2v.bin": ("word-vectors", f.vectors(["alpha", "beta"], binary=True)),
    "w2v.w2v": ("word-vectors", f.vectors(["alpha", "beta"], binary=True, feed=False)),
    "w2v.vec": ("word-vectors", f.vectors(["alpha", "b eta"], binary=False)),
}
TEXTS = ("svm.model", "linear.model", "svm_light", "m.param", "deploy.prototxt", "net.cfg", "w2v.vec", "text.t7")


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_file_is_clean(tmp_path: Path, name: str) -> None:
    format_, content = HONEST[name]
    report = scanned(tmp_path, name, content)
    assert report.artifact.files[0].format == format_
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert not report.findings


@pytest.mark.parametrize("name", HONEST)
def test_a_file_that_is_cut_short_is_never_clean(tmp_path: Path, name: str) -> None:
    _, content = HONEST[name]
    if name in ("deploy.prototxt", "net.cfg"):
        cuts = [content.rindex(b"}"), content.index(b"type"), len(content) - 3]
    elif name in TEXTS:
        # Without a whole line; a cut inside the last number leaves another number.
        lines = [place for place, byte in enumerate(content) if byte == 10]
        cuts = [place + 1 for place in lines[:-1]]
    else:
        # The line feed behind the last vector may be there or not.
        last = len(content) - (2 if name == "w2v.bin" else 1)
        cuts = [*range(1, min(last, 400)), last]
    for cut in cuts:
        report = scanned(tmp_path, name, content[:cut])
        whole = name == "o.model" and content[:cut].endswith((b"abc", b"\x78", b"\x70", b"\x79"))
        assert whole or report.verdict is not Verdict.CLEAN, cut
        assert not any("parser failed" in item.why for item in report.unread)


@pytest.mark.parametrize("name", HONEST)
def test_what_is_behind_the_end_is_not_clean(tmp_path: Path, name: str) -> None:
    _, content = HONEST[name]
    for tail in (b"\0\0\0\0\xff\xfe\xfd more", p.proto(4) + p.system() + p.STOP):
        report = scanned(tmp_path, name, content + tail)
        assert report.verdict is not Verdict.CLEAN
    assert report.verdict is Verdict.MALICIOUS or name in TEXTS


@pytest.mark.parametrize("name", HONEST)
def test_a_changed_file_is_read_or_said_to_be_broken(tmp_path: Path, name: str) -> None:
    _, content = HONEST[name]
    for seed in range(150):
        rng = random.Random(seed)
        out = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(out))
            out[place : place + rng.randrange(5)] = rng.choice([b"", b"\xff" * 4, bytes(4), rng.randbytes(3)])
        report = scanned(tmp_path, name, bytes(out))
        assert not any("parser failed" in item.why for item in report.unread), seed


MODULES = [
    ("classic.fasttext", "FastText", f.fasttext()[:8]),
    ("classic.array_lists", "MxnetParams", struct.pack("<QQ", 0x112, 0)),
    ("classic.array_lists", "TvmParams", struct.pack("<Q", 0xF7E58D4F05049CB7)),
    ("torch.torch7", "Torch7", f.i32(3, 1)),
    ("classic.xgboost_binary", "XgboostBinary", f.xgboost()[:400]),
    ("torch.torch7", "Torch7", b"4\n1\n3\nV 1\n"),
    ("classic.java_stream", "JavaStream", b"\xac\xed\x00\x05"),
    ("classic.vectors", "Vectors", b"2 3\n"),
    ("messages.prototxt", "Prototxt", b"layer {"),
]


@pytest.mark.parametrize(("module", "attribute", "head"), MODULES)
@settings(max_examples=100, deadline=None)
@given(rest=st.binary(max_size=80))
def test_any_bytes_are_facts_or_a_format_error(module: str, attribute: str, head: bytes, rest: bytes) -> None:
    (format_,) = loaded(module, attribute)
    data = Reader(MemorySource(head + rest))
    info = blob_info("m", data)
    format_.sniff(data, info)
    with contextlib.suppress(FormatError):
        list(format_.parse(data, info, Budget(Limits(), data.size)))


HIDDEN = {
    "m.bin": f.fasttext([b"alpha", EVIL + LONG]),
    "tree.model": f.xgboost(note=EVIL),
    "m.t7": f.t7_linear(note=f.i32(2) + f.t7_text(EVIL)),
    "text.t7": f.T7_AS_TEXT.replace(b"2\n5\ntrain\n", b"2\n%d\n%s\n" % (len(EVIL), EVIL)),
    "o.ser": f.java(b"\x74" + f.j_text(EVIL.decode())),
    "block.ser": f.java(b"\x77" + bytes([len(EVIL)]) + EVIL),
    "svm_light": f.SVMLIGHT.replace(b"empty#", b"empty# " + EVIL),
    "m.param": f.NCNN.replace(b'"text"', b'"' + EVIL + b'"'),
    "deploy.prototxt": f.PROTOTXT.replace(b'"xavier"', b'"' + EVIL + b'"'),
    "w2v.vec": f.vectors(["alpha", EVIL.decode() + "=" * 4 + "x" * 300], binary=False),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_an_object_in_a_text_is_found_and_followed(tmp_path: Path, name: str) -> None:
    assert scanned(tmp_path, name, HIDDEN[name]).verdict is Verdict.MALICIOUS


ELF = programs.ELF
CARRIED = {
    "m.bin": f.fasttext(rows=len(ELF) // 8, data=ELF),
    "v2.params": f.mxnet({"arg:w": ELF}),
    "t.params": f.tvm({"p0": ELF}),
    "w.t7": f.t7_tensor(ELF),
    "o.ser": f.java(b"\x75" + f.j_class("[B") + struct.pack(">i", len(ELF)) + ELF),
    "w2v.bin": b"1 %d\na " % (len(ELF) // 4) + ELF,
}


@pytest.mark.parametrize("name", CARRIED)
def test_a_program_in_an_array_is_told(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, CARRIED[name])
    assert "executable/native" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


NO_VECTORS = {
    "a matrix": b"3 3\n1 2 3\n4 5 6\n7 8 9\n",
    "a note": b"2 3\nThis is a note about what comes next.\nAnd another line.\n",
    "a table": b"10 2\na\tb\n" * 20,
    "settings": b"[info]\nname = x\n",
    "a text on scripts": b"Begin with #!/bin/sh\n",
}


@pytest.mark.parametrize("case", NO_VECTORS)
def test_a_text_that_begins_like_a_model_is_a_text(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "notes.txt", NO_VECTORS[case])
    assert report.verdict is Verdict.CLEAN
    assert report.artifact.files[0].format == "text"


def test_tensors_and_layers_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "a.params", f.mxnet({"arg:w": bytes(8)}))
    assert ("arg:w", "U8", (8,)) in [
        fact[:3] for fact in inspected(tmp_path / "a.params").facts.blobs[0].facts if isinstance(fact, Tensor)
    ]
    scanned(tmp_path, "a.param", f.NCNN)
    found = inspected(tmp_path / "a.param").facts.blobs[0].facts
    assert {fact.name for fact in found if isinstance(fact, Operator)} == {"Input", "Convolution", "Softmax"}


LIES = {
    "trees beyond the end": ("m.model", f.xgboost().replace(f.i32(2) + bytes(156), f.i32(1 << 30) + bytes(156))),
    "nodes beyond the end": ("m.model", f.xgboost().replace(f.i32(1, 3, 0, 0, 3), f.i32(1, 1 << 30, 0, 0, 3))),
    "an unknown booster": ("m.model", f.xgboost(b"gbother")),
    "more texts": ("m.model", f.xgboost().replace(struct.pack("<Q", 1), struct.pack("<Q", 1 << 60))),
    "more words than there is room for": ("m.bin", f.fasttext()[:64] + f.i32(1 << 30, 1 << 30, 0) + bytes(40)),
    "rows beyond the end": ("m.bin", f.fasttext().replace(f.i64(3, 2), f.i64(1 << 40, 1 << 20))),
    "rows below nothing": ("m.bin", f.fasttext().replace(f.i64(3, 2), f.i64(-3, -2))),
    "a word without end": ("m.bin", f.fasttext([b"x" * 100_000])),
    "arrays beyond the end": ("a.params", struct.pack("<QQQ", 0x112, 0, 1 << 60)),
    "a shape beyond the end": ("a.params", f.mxnet({"w": bytes(8)}).replace(f.i64(8), f.i64(1 << 39))),
    "a sparse array": ("a.params", f.mxnet({"w": bytes(8)}).replace(f.i32(0, 1, 8), f.i32(1, 1, 8))),
    "an unknown type": ("a.params", f.mxnet({"w": bytes(8)}).replace(f.i32(1, 0, 3), f.i32(1, 0, 99))),
    "fewer names": ("a.params", f.mxnet({"w": bytes(8), "v": b"x"}, names=["w"])),
    "another size": ("t.params", f.tvm({"w": bytes(8)}).replace(f.i64(8, 8), f.i64(8, 9))),
    "a table of many": ("a.t7", f.i32(3, 1, 1 << 30) + bytes(40)),
    "tables without end": ("a.t7", f.i32(3, 1, 4) + f.i32(3, 2, 4) * 3),
    "a storage beyond the end": ("a.t7", f.t7_tensor().replace(f.i64(3) + bytes(12), f.i64(1 << 50) + bytes(12))),
    "a class of its own form": ("a.t7", f.t7_object(1, b"torch.Generator", b"\xff" * 40)),
    "an unknown content": ("o.ser", f.java(b"\x73\x7f")),
    "a handle to nothing": ("o.ser", f.java(b"\x73\x71\x00\x7e\x00\x09")),
    "a class above itself": (
        "o.ser",
        f.java(f.j_object(f.j_class("a.B", above=b"\x71\x00\x7e\x00\x00"))),
    ),
    "an external form": ("o.ser", f.java(f.j_object(f.j_class("a.B", flags=4)))),
    "an array beyond the end": ("o.ser", f.java(b"\x75" + f.j_class("[I") + b"\x7f\xff\xff\xff")),
    "a nest": ("o.ser", f.java((b"\x75" + f.j_class("[La;") + b"\0\0\0\1") * 30_000)),
    "another number of vectors": ("m.model", f.LIBSVM.replace(b"total_sv 2", b"total_sv 3")),
    "a line of something": ("m.model", f.LIBSVM.replace(b"rho 0.1", b"import os; os.system('id')")),
    "another number of layers": ("m.param", f.NCNN.replace(b"3 3", b"4 3")),
    "layers without end": ("m.prototxt", b"layer {" * 200),
    "another number of words": ("w.vec", f.vectors(["a", "b"], binary=False).replace(b"2 3", b"1 3")),
}


@pytest.mark.parametrize("case", LIES)
def test_a_lie_about_sizes_is_not_clean(tmp_path: Path, case: str) -> None:
    name, content = LIES[case]
    report = scanned(tmp_path, name, content)
    assert report.verdict is not Verdict.CLEAN
    assert report.unread
    assert not any("parser failed" in item.why for item in report.unread)
