"""MessagePack: what the reference library reads is walked to the last byte, what it refuses is never clean."""

from __future__ import annotations

import base64
import random
from typing import TYPE_CHECKING, Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Span, Tensor
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.msgpack import MessagePack

if TYPE_CHECKING:
    from pathlib import Path

EVIL = p.proto(4) + p.system() + p.STOP


def array(shape: tuple[int, ...], dtype: str, raw: bytes, code: int = 1) -> msgpack.ExtType:
    """An array as flax.serialization writes it."""
    return msgpack.ExtType(code, msgpack.packb((shape, dtype, raw), use_bin_type=True))


def flax(tree: Any) -> bytes:
    raw: bytes = msgpack.packb(tree, use_bin_type=True)
    return raw


W = np.arange(32, dtype="float32")
PARAMS = {
    "params": {
        "dense": {"kernel": array((4, 8), "float32", W.tobytes()), "bias": array((3,), "bfloat16", bytes(6))},
        "chunked": {"__msgpack_chunked_array__": True, "shape": {"0": 2}, "chunks": {"0": array((2,), "int8", b"ab")}},
        "step": array((), "int32", bytes(4), 3),
        "z": msgpack.ExtType(2, msgpack.packb((1.0, -2.0))),
        "none": None,
        "list": [1, -1, 2.5, "x", b"y" * 100],
    }
}
CONTENT = flax(PARAMS)


@pytest.mark.parametrize("name", ["flax_model.msgpack", "checkpoint", "weights.bin"])
def test_parameters_of_flax_are_clean(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, CONTENT)
    assert report.verdict is Verdict.CLEAN, report.unread
    assert not report.findings
    assert report.artifact.files[0].format == "msgpack"
    assert report.artifact.files[0].coverage.data >= 128 + 100


def test_arrays_are_tensors(tmp_path: Path) -> None:
    scanned(tmp_path, "m.msgpack", CONTENT)
    facts = inspected(tmp_path / "m.msgpack").facts.blobs[0].facts
    tensors = {fact.name: fact for fact in facts if isinstance(fact, Tensor)}
    kernel = tensors["params/dense/kernel"]
    assert (kernel.dtype, kernel.shape, kernel.size) == ("float32", (4, 8), 128)
    assert CONTENT[kernel.offset : kernel.offset + 128] == W.tobytes()
    assert tensors["params/step"].shape == ()


HIDDEN = {
    "bytes": flax({"a": {"data": EVIL}}),
    "a text": flax({"a": {"data": base64.b64encode(EVIL).decode()}}),
    "a key": flax({"a": {base64.b64encode(EVIL).decode(): 1}}),
    "another extension": flax({"a": {"b": msgpack.ExtType(42, EVIL)}}),
    "bytes in a list": flax({"a": {"b": [[EVIL]]}}),
}


@pytest.mark.parametrize("content", HIDDEN.values(), ids=HIDDEN.keys())
def test_an_object_inside_is_found_and_followed(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "m.msgpack", content).verdict is Verdict.MALICIOUS


ODD = {
    "file/extension-type": flax({"a": {"b": msgpack.ExtType(7, b"abc")}}),
    "onnx/tensor-size": flax({"a": {"b": array((3,), "float32", bytes(8))}}),
    "executable/native": flax({"a": {"b": array((64,), "uint8", b"\x7fELF\x02\x01\x01" + bytes(57))}}),
    "config/duplicate-key": b"\x81\xa1a\x82\xa1b\x01\xa1b\x02",
}


@pytest.mark.parametrize(("rule", "content"), ODD.items())
def test_what_is_odd_is_a_finding(tmp_path: Path, rule: str, content: bytes) -> None:
    assert rule in rules_of(scanned(tmp_path, "m.msgpack", content))


@pytest.mark.parametrize("dtype", ["object", "|O", "void"])
def test_a_type_that_is_no_number_is_a_finding(tmp_path: Path, dtype: str) -> None:
    report = scanned(tmp_path, "m.msgpack", flax({"a": {"b": array((1,), dtype, bytes(8))}}))
    assert "onnx/tensor-size" in rules_of(report)


BROKEN = {
    "cut off": CONTENT[:-5],
    "something behind": CONTENT + b"\x01",
    "a list beyond the end": b"\x81\xa1a\xdd\xff\xff\xff\xff",
    "a map beyond the end": b"\x81\xa1a\xdf\x7f\xff\xff\xff",
    "bytes beyond the end": b"\x81\xa1a\xc6\xff\xff\xff\xff",
    "a value that does not exist": b"\x81\xa1a\xc1",
    "nested too deeply": b"\x81\xa1a" + b"\x91" * 2000 + b"\x01",
    "an array that ends early": flax({"a": {"b": msgpack.ExtType(1, msgpack.packb(((1,), "int8", b"a")) + b"more")}}),
    "an array without a type": flax({"a": {"b": msgpack.ExtType(1, msgpack.packb(((1,), 5, b"a")))}}),
    "a negative length": flax({"a": {"b": array((-1,), "int8", b"a")}}),
    "a complex number of three": flax({"a": {"b": msgpack.ExtType(2, msgpack.packb((1.0, 2.0, 3.0)))}}),
    "a map as a key": b"\x81\xa1a\x81\x80\x01",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.msgpack", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.unread


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats()
    | st.text(max_size=40)
    | st.binary(max_size=80),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


def walked(content: bytes) -> int:
    """Bytes accounted for. Raises FormatError as the parser does."""
    data = Reader(MemorySource(content))
    found = list(MessagePack().parse(data, blob_info("m.msgpack", data), Budget(Limits(), data.size)))
    return sum(seen.size for seen in found if isinstance(seen, Span))


@settings(max_examples=300, deadline=None)
@given(values)
def test_what_the_library_writes_is_walked_to_its_end(value: object) -> None:
    content = flax(value)
    assert walked(content) == len(content)


@settings(max_examples=500, deadline=None)
@given(st.binary(min_size=1, max_size=40))
def test_what_the_library_refuses_is_refused_here(raw: bytes) -> None:
    try:
        whole = walked(raw) == len(raw)
    except FormatError:
        whole = False
    if whole:
        # Keys that are no text are refused by the library's own defaults and are harmless here.
        msgpack.unpackb(raw, raw=True, strict_map_key=False, ext_hook=lambda code, data: (code, data))


def test_changed_files_are_read_or_said_to_be_broken(tmp_path: Path) -> None:
    rng = random.Random(7)
    for _ in range(400):
        content = bytearray(CONTENT)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(content))
            content[place : place + rng.randrange(4)] = rng.choice([b"", b"\xff" * 4, bytes(3), rng.randbytes(2)])
        report = scanned(tmp_path, "m.msgpack", bytes(content))
        assert not any("parser failed" in span.why for span in report.unread)
