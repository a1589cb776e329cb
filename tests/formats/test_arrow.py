"""Arrow: every message is walked, every buffer has an owner, and pickles in extension types are followed."""

from __future__ import annotations

import base64
import contextlib
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import arrows as a
from build import pickles as p
from build.arrows import Column
from build.inspecting import inspected, rules_of, scanned
from build.writers import written
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Metadata
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.tables.arrow import Arrow

if TYPE_CHECKING:
    from pathlib import Path

EVIL = p.proto(4) + p.system() + p.STOP
TYPED = {"ARROW:extension:name": b"arrow.py_extension_type", "ARROW:extension:metadata": EVIL}
JSON = Column("j", {"ARROW:extension:name": b"arrow.json", "ARROW:extension:metadata": b"{}"})
PARTS = a.parts(Column("a"), JSON, bodies=(b"values!!" * 9, b"odd"), keys={"huggingface": b"{}"})
STREAM, FILE, FEATHER = a.stream(PARTS), a.file(PARTS, Column("a"), JSON), a.feather()
OLD = a.stream(PARTS, old=True)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.arrows", STREAM),
        ("m.bin", STREAM),
        ("m.arrow", FILE),
        ("m.arrows", OLD),
        ("m.arrows", a.stream(PARTS, end=b"")),
        ("m.feather", FILE),
        ("m.feather", FEATHER),
        ("m.arrow", a.file(a.parts(bodies=()))),
        ("m.arrow", a.file(PARTS, between=bytes(8))),
    ],
)
def test_what_is_built_here_is_clean(tmp_path: Path, name: str, content: bytes) -> None:
    report = scanned(tmp_path, name, content)
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    assert report.artifact.files[0].format == "arrow"
    assert not report.findings


def test_keys_and_types_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "m.arrows", STREAM)
    facts = inspected(tmp_path / "m.arrows").facts.blobs[0].facts
    found = {(fact.key, fact.value) for fact in facts if isinstance(fact, Metadata)}
    assert {("huggingface", "{}"), ("ARROW:extension:name", "arrow.json")} <= found


def typed(column: Column) -> dict[str, bytes]:
    return {
        "m.arrows": a.stream(a.parts(column)),
        "m.arrow": a.file(a.parts(column), column),
        "footer.arrow": a.file(a.parts(), column),
        "stream.arrow": a.file(a.parts(column)),
    }


@pytest.mark.parametrize("column", [Column("x", TYPED), Column("o", {}, (Column("i", {}, (Column("x", TYPED),)),))])
def test_a_pickle_in_a_type_is_followed_wherever_the_type_is(tmp_path: Path, column: Column) -> None:
    for name, content in typed(column).items():
        report = scanned(tmp_path, name, content)
        assert report.verdict is Verdict.MALICIOUS
        assert {"file/pickle-codec", "pickle/dangerous-call"} <= rules_of(report)
        assert any("!x:extension" in finding.location for finding in report.findings)


def test_a_type_whose_values_are_pickles_is_a_finding(tmp_path: Path) -> None:
    column = Column("x", {"ARROW:extension:name": b"ray.data.arrow_pickled_object"})
    report = scanned(tmp_path, "m.arrows", a.stream(a.parts(column)))
    assert "file/pickle-codec" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize(
    "content",
    [
        a.stream(a.parts(keys={"note": base64.b64encode(EVIL)})),
        a.stream(a.parts(bodies=(b"some text " + base64.b64encode(EVIL),))),
        a.feather(b"some text " + base64.b64encode(EVIL)),
    ],
)
def test_an_object_inside_is_found_and_followed(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "m.arrow", content).verdict is Verdict.MALICIOUS


def test_a_footer_that_names_other_batches_is_a_finding(tmp_path: Path) -> None:
    assert "archive/ambiguous" in rules_of(scanned(tmp_path, "m.arrow", a.file(PARTS, shift=8)))


def test_buffers_that_share_bytes_are_a_finding(tmp_path: Path) -> None:
    messages = [PARTS[0], (a.batch([(0, 16), (8, 16)], 24), bytes(24))]
    assert "archive/ambiguous" in rules_of(scanned(tmp_path, "m.arrows", a.stream(messages)))


def one(buffers: list[tuple[int, int]], body: bytes) -> bytes:
    return a.stream([PARTS[0], (a.batch(buffers, len(body)), body)])


BROKEN = {
    "something behind the stream": STREAM + b"more",
    "something before the footer": a.file(PARTS, between=b"hidden!!"),
    "something between buffers": one([(0, 8), (16, 8)], b"12345678hidden!!12345678"),
    "something behind the buffers": one([(0, 8)], b"12345678hidden!!"),
    "a buffer beyond its body": one([(0, 80)], bytes(24)),
    "a buffer before its body": one([(-8, 8)], bytes(24)),
    "a body beyond the end": a.stream([PARTS[0], (a.batch([], 1 << 40), b"")], end=b""),
    "no schema": a.stream(PARTS[1:]),
    "two schemas": a.stream([PARTS[0], PARTS[0]]),
    "a message beyond the end": STREAM[:4] + b"\xff\xff\xff\x7f" + STREAM[8:],
    "a message of nothing": b"\xff\xff\xff\xff\x10\0\0\0" + bytes(16),
    "a tensor": a.stream([PARTS[0], (PARTS[1][0].replace(b"\3\0\4\0", b"\4\0\4\0"), b"")])[:-8] + b"tensor",
    "a file without its footer": FILE[:-10],
    "a footer beyond the beginning": b"ARROW1\0\0\xff\xff\xff\x7fARROW1",
    "a column of feather beyond the end": a.feather(offset=1 << 40),
    "something between the columns of feather": a.feather(between=b"hidden!!"),
    "feather without its footer": FEATHER[:-8] + bytes(4) + b"FEA1",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_table_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.arrow", content)
    assert report.verdict is Verdict.INCOMPLETE, report.findings
    assert report.unread


@pytest.mark.parametrize("content", [STREAM, FILE, FEATHER])
def test_a_table_that_is_cut_anywhere_is_never_clean(tmp_path: Path, content: bytes) -> None:
    """But where a stream ends between two messages: that is an end, says the specification."""
    ends, place = set(), 0
    for message, body in PARTS:
        place += 8 + len(message) + len(body)
        ends.add(place)
    for size in range(1, len(content)):
        report = scanned(tmp_path, "m.arrow", content[:size])
        assert report.verdict is not Verdict.CLEAN or (content == STREAM and size in ends), size


@pytest.mark.parametrize("content", [STREAM, FILE, FEATHER])
def test_a_changed_table_is_read_or_said_to_be_broken(tmp_path: Path, content: bytes) -> None:
    rng = random.Random(5)
    for seed in range(250):
        changed = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(changed))
            changed[place : place + rng.randrange(5)] = rng.choice([b"", b"\xff" * 4, bytes(4), rng.randbytes(2)])
        report = scanned(tmp_path, "m.arrow", bytes(changed))
        assert not any("parser failed" in span.why for span in report.unread), seed


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80), st.sampled_from([b"\xff\xff\xff\xff", b"ARROW1\0\0\xff\xff\xff\xff", b"FEA1"]))
def test_any_bytes_are_facts_or_a_format_error(raw: bytes, head: bytes) -> None:
    tail = b"" if head[0] == 255 else len(raw).to_bytes(4, "little") + head[:6].rstrip(b"\0\xff")
    data = Reader(MemorySource(head + raw + tail))
    with contextlib.suppress(FormatError):
        list(Arrow().parse(data, blob_info("m.arrow", data), Budget(Limits(), data.size)))


def test_what_pyarrow_writes_is_clean(tmp_path: Path) -> None:
    folder = written("arrow_tables", tmp_path)
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in (".arrow", ".arrows", ".feather")]
    assert len(paths) > 9
    for path in paths:
        report = inspected(path).report
        assert report.verdict is Verdict.CLEAN, (path.name, report.unread, report.findings)
        assert not report.findings
