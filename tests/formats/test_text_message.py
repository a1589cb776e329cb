"""Messages as text become the bytes that the library would write."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from build.forms import field, message
from build.inspecting import rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.findings import Verdict
from weighbridge.formats.grammars.protobuf import shape
from weighbridge.formats.grammars.text_message import encoded

if TYPE_CHECKING:
    from pathlib import Path

INNER = shape("Inner", "1 a int\n2 b text*")
OUTER = shape(
    "Outer",
    "1 number int\n2 text text\n3 raw bytes*\n4 f fixed32\n5 d fixed64\n6 inner message*\n7 many int*",
    inner=INNER,
)
SAME = {
    "number: 5": field(1, 5),
    "number: -1": field(1, 0xFFFFFFFFFFFFFFFF),
    "number: 0x1F, number: 010;": field(1, 31) + field(1, 8),
    "number: true number: DT_FLOAT number: NAME": field(1, 1) + field(1, 7) + field(1, 0),
    "text: 'a' \"b\"\n  'c' # d": field(2, "abc"),
    r"text: 'a\n\t\'\"\\\101\x41\u00e9\U0001F600'": field(2, "a\n\t'\"\\AAé😀"),
    r'raw: "\377\000\x0"': field(3, b"\xff\0\0"),
    "f: 1.5 f: -2 f: 1e3f f: .5": b"".join(field(4, value) for value in (1.5, -2.0, 1000.0, 0.5)),
    "f: inf": field(4, float("inf")),
    "d: 1.5": b"\x29\0\0\0\0\0\0\xf8\x3f",
    "inner { a: 1 b: 'x' }": field(6, message((1, 1), (2, "x"))),
    "inner: < a: 1 >, inner {}": field(6, field(1, 1)) + field(6, b""),
    "inner: [{a: 1}, {a: 2}] number: 3": field(6, field(1, 1)) + field(6, field(1, 2)) + field(1, 3),
    "many: [1, 2, 3] many: 4 inner: []": b"".join(field(7, value) for value in (1, 2, 3, 4)),
    "# nothing\n": b"",
}


@pytest.mark.parametrize(("text", "raw"), SAME.items(), ids=range(len(SAME)))
def test_text_becomes_bytes(text: str, raw: bytes) -> None:
    assert encoded(text.encode(), OUTER, {b"DT_FLOAT": 7}) == raw


@pytest.mark.parametrize(
    "text",
    [
        "number",
        "number:",
        "number: }",
        "number: 'a'",
        "number: 1.5",
        "number: 09",
        "number: [1",
        "number: [1 2]",
        "text: 5",
        "text: 'a",
        "text: 'a\nb'",
        r"text: '\q'",
        "inner: 5",
        "inner {",
        "inner { a: 1",
        "inner { a: 1 >",
        "inner: [{a: 1}",
        "inner: [{a: 1} {a: 2}]",
        "}",
        "unknown: 5",
        "[extension]: 5",
        "'number': 5",
        "number: 5 \0",
        "f: 1e999999 f: x",
        "inner {" * 5,
    ],
)
def test_what_is_no_text_of_the_message_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        encoded(text.encode(), OUTER, {})


def test_nesting_is_bounded() -> None:
    around = shape("Around", "1 again message")
    around.messages[1] = around
    assert encoded(b"again{" * 50 + b"}" * 50, around, {})
    with pytest.raises(FormatError, match="deep"):
        encoded(b"again{" * 5000, around, {})


WRITE = """
# a graph
node { name: "path" op: "Const"
  attr { key: "value" value { tensor { dtype: DT_STRING tensor_shape {} string_val: "/tmp/x" } } } }
node { name: "w" op: "WriteFile" input: "path" input: "path" }
versions { producer: 1994 }
"""


def test_a_graph_as_text_is_judged(tmp_path: Path) -> None:
    report = scanned(tmp_path, "graph.pbtxt", WRITE.encode())
    assert report.verdict is Verdict.MALICIOUS
    assert "tensorflow/file-write" in rules_of(report)
    meta = (
        "meta_info_def { tensorflow_version: '2.21.0' stripped_op_list { op { name: 'a' } } } graph_def {" + WRITE + "}"
    )
    assert scanned(tmp_path, "graph.pbtxt", meta.encode()).verdict is Verdict.MALICIOUS
    model = "saved_model_schema_version: 1 meta_graphs {" + meta + "}"
    assert scanned(tmp_path, "saved_model.pbtxt", model.encode()).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("more", ["strange: 1", 'node { name: "x" ', "\0", "[a.b] { }"])
def test_a_text_that_is_not_understood_is_incomplete(tmp_path: Path, more: str) -> None:
    content = 'node { name: "x" op: "NoOp" } versions { producer: 1 } ' + more
    report = scanned(tmp_path, "graph.pbtxt", content.encode())
    assert report.verdict is Verdict.INCOMPLETE
    assert report.unread


def test_changed_texts_are_read_or_said_to_be_broken(tmp_path: Path) -> None:
    content = WRITE.encode()
    rng = random.Random(23)
    for _ in range(300):
        changed = bytearray(content)
        place = rng.randrange(len(changed))
        changed[place : place + rng.randrange(4)] = rng.choice([b"", b"{", b"}", b'"', b"\\", rng.randbytes(2)])
        report = scanned(tmp_path, "graph.pbtxt", bytes(changed))
        assert not any("parser failed" in span.why for span in report.unread)


def test_the_text_of_an_ordinary_graph_is_clean(tmp_path: Path) -> None:
    text = 'node { name: "x" op: "NoOp" }\nnode { name: "y" op: "Neg" input: "x" }\n'
    report = scanned(tmp_path, "graph.pbtxt", text.encode())
    assert report.verdict is Verdict.CLEAN
    assert report.artifact.files[0].format == "tensorflow-text"
