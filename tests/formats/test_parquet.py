"""Parquet: every page of every column has an owner, and what is no page is told."""

from __future__ import annotations

import base64
import contextlib
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import arrows as a
from build import parquets as q
from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from build.parquets import Chunk
from build.writers import truth, written
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Metadata
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.tables.parquet import Parquet

if TYPE_CHECKING:
    from pathlib import Path

EVIL = p.proto(4) + p.system() + p.STOP
PICKLED = a.Column("x", {"ARROW:extension:name": b"arrow.py_extension_type", "ARROW:extension:metadata": EVIL})
SCHEMA = base64.b64encode(a.framed(a.schema(a.Column("a"))))
HIDDEN = base64.b64encode(a.framed(a.schema(a.Column("outer", {}, (PICKLED,)))))
OLD = base64.b64encode(a.framed(a.schema(PICKLED), old=True))
BLOOM = q.structure({1: 32, 2: {1: {}}, 3: {1: {}}, 4: {1: {}}}) + bytes(32)
SOUND = q.parquet(
    Chunk((b"dictionary", b"page one", b"page two"), dictionary=True),
    Chunk(codec=1),
    keys={"pandas": b"{}", "ARROW:schema": SCHEMA},
    between=bytes(9),
    indexes=q.structure({1: [{1: 4, 2: 30, 3: 0}]}),
)


def test_what_is_built_here_is_clean(tmp_path: Path) -> None:
    for content in (SOUND, q.parquet(), q.parquet(Chunk(())), q.parquet(Chunk((b"",)))):
        report = scanned(tmp_path, "m.parquet", content)
        assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
        assert report.artifact.files[0].format == "parquet"
        assert not report.findings


def test_keys_are_facts(tmp_path: Path) -> None:
    scanned(tmp_path, "m.parquet", SOUND)
    facts = inspected(tmp_path / "m.parquet").facts.blobs[0].facts
    assert {fact.key for fact in facts if isinstance(fact, Metadata)} == {"pandas", "ARROW:schema", "created_by"}


def test_a_bloom_filter_is_data(tmp_path: Path) -> None:
    for size in ({}, {15: len(BLOOM)}):
        first = q.parquet(Chunk(), between=BLOOM)
        place = first.index(BLOOM)
        content = q.parquet(Chunk(about={14: place, **size}), between=BLOOM)
        assert scanned(tmp_path, "m.parquet", content).verdict is Verdict.CLEAN
    wrong = q.parquet(Chunk(about={14: place, 15: len(BLOOM) + 1}), between=BLOOM + b"\0")
    assert scanned(tmp_path, "m.parquet", wrong).unread


@pytest.mark.parametrize(
    "content",
    [
        q.parquet(Chunk(), keys={"ARROW:schema": HIDDEN}),
        q.parquet(Chunk(), keys={"ARROW:schema": OLD}),
        q.parquet(Chunk(), keys={"note": base64.b64encode(EVIL)}),
        q.parquet(Chunk((b"some text " + base64.b64encode(EVIL),))),
        q.parquet(Chunk((b"some text " + base64.b64encode(EVIL),), codec=1, page={8: {1: 3, 7: False}})),
        q.parquet(footer={6: base64.b64encode(EVIL)}),
    ],
    ids=[
        "extension type",
        "extension type, as it was once written",
        "key",
        "page",
        "page that is not compressed",
        "program",
    ],
)
def test_an_object_inside_is_found_and_followed(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "m.parquet", content).verdict is Verdict.MALICIOUS


def test_a_pickled_type_is_named(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.parquet", q.parquet(Chunk(), keys={"ARROW:schema": HIDDEN}))
    assert "file/pickle-codec" in rules_of(report)


@pytest.mark.parametrize(
    "content",
    [
        q.parquet(Chunk(), end=b"PARE"),
        b"PARE" + SOUND[4:],
        q.parquet(Chunk(chunk={8: {1: {}}})),
        q.parquet(Chunk(), footer={8: {1: {}}}),
    ],
)
def test_what_is_encrypted_is_told(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.parquet", content)
    assert "archive/encrypted" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


def test_an_encrypted_column_is_unread(tmp_path: Path) -> None:
    for chunk in (Chunk(chunk={8: {1: {}}}), Chunk(chunk={3: b"", 8: {1: {}}, 9: b"sealed"})):
        assert scanned(tmp_path, "m.parquet", q.parquet(chunk)).unread


def test_a_column_in_another_file_must_stay_in_the_folder(tmp_path: Path) -> None:
    other = q.parquet(Chunk((), chunk={1: b"part.parquet"}))
    assert scanned(tmp_path, "m.parquet", other).verdict is Verdict.CLEAN
    other = q.parquet(Chunk((), chunk={1: b"../../etc/passwd"}))
    assert "file/outside-path" in rules_of(scanned(tmp_path, "m.parquet", other))


def test_chunks_that_share_bytes_are_a_finding(tmp_path: Path) -> None:
    content = q.parquet(Chunk(), Chunk((), about={7: len(q.page(Chunk().pages[0])), 9: 4}))
    assert "archive/ambiguous" in rules_of(scanned(tmp_path, "m.parquet", content))


BROKEN = {
    "something between chunks": q.parquet(Chunk(), between=b"hidden"),
    "something behind the footer's structure": q.parquet(Chunk(), behind=b"hidden"),
    "something behind the file": SOUND + b"more",
    "a chunk beyond the end": q.parquet(Chunk(about={7: 1 << 40})),
    "a chunk before the beginning": q.parquet(Chunk(about={9: 1})),
    "a chunk of a negative size": q.parquet(Chunk(about={7: -5})),
    "a chunk that is too short": q.parquet(Chunk(about={7: 20})),
    "a chunk that is nowhere": q.parquet(Chunk(about={9: b"x"})),
    "a chunk without metadata": q.parquet(Chunk(chunk={3: b""})),
    "a page of an unknown kind": q.parquet(Chunk(page={1: 9})),
    "a page without a size": q.parquet(Chunk(page={3: b""})),
    "a page beyond its chunk": q.parquet(Chunk(page={3: 1 << 30})),
    "an index that ends early": q.parquet(Chunk(), indexes=b"\x15\2\0\0\0\0"),
    "a schema of numbers": SOUND[:4] + b"\x29\x16\2\0" + (4).to_bytes(4, "little") + b"PAR1",
    "many columns": b"PAR1\x49\xfc\xff\xff\xff\xff\x0f\0" + (8).to_bytes(4, "little") + b"PAR1",
    "a footer beyond the beginning": b"PAR1" + b"\xff\xff\xff\x7fPAR1",
    "a schema of arrow that is no base64": q.parquet(keys={"ARROW:schema": b"!!"}),
    "a schema of arrow with more behind": q.parquet(
        keys={"ARROW:schema": base64.b64encode(a.stream(a.parts(bodies=())) + b"more")}
    ),
    "a schema of arrow that is none": q.parquet(keys={"ARROW:schema": base64.b64encode(b"not a schema of arrow")}),
    "nested without end": b"PAR1" + b"\x1c" * 500 + (500).to_bytes(4, "little") + b"PAR1",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.parquet", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert report.unread


def test_a_file_that_is_cut_anywhere_is_never_clean(tmp_path: Path) -> None:
    for size in range(1, len(SOUND)):
        assert scanned(tmp_path, "m.parquet", SOUND[:size]).verdict is not Verdict.CLEAN, size


def test_a_changed_file_is_read_or_said_to_be_broken(tmp_path: Path) -> None:
    rng = random.Random(3)
    for seed in range(400):
        changed = bytearray(SOUND)
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(4, len(changed) - 8)
            changed[place : place + rng.randrange(5)] = rng.choice([b"", b"\xff" * 4, bytes(4), rng.randbytes(2)])
        report = scanned(tmp_path, "m.parquet", bytes(changed))
        assert not any("parser failed" in span.why for span in report.unread), seed


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_footer_is_facts_or_a_format_error(raw: bytes) -> None:
    data = Reader(MemorySource(b"PAR1" + raw + len(raw).to_bytes(4, "little") + b"PAR1"))
    with contextlib.suppress(FormatError):
        list(Parquet().parse(data, blob_info("m.parquet", data), Budget(Limits(), data.size)))


def test_what_pyarrow_writes_is_clean(tmp_path: Path) -> None:
    folder = written("arrow_tables", tmp_path)
    paths = sorted(folder.glob("*.parquet"))
    assert len(paths) > 10
    for path in paths:
        report = inspected(path).report
        assert report.verdict is Verdict.CLEAN, (path.name, report.unread, report.findings)
        assert not report.findings
    coverage = inspected(folder / "none.parquet").report.artifact.files[0].coverage
    heads = truth(folder)["pages"] - coverage.data
    assert 0 < heads < truth(folder)["pages"] / 10, "what pyarrow calls columns is data, but for the heads of pages"
