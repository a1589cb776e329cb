"""7z: members are inspected like files, whatever packs them; what cannot be unpacked is unread."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import pickles as p
from build import seven_zips as z
from build.inspecting import inspected, rules_of, scanned
from build.seven_zips import Member
from weighbridge.core.errors import FormatError
from weighbridge.core.findings import Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.archives.seven_zip import SevenZip
from weighbridge.formats.base import blob_info

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = shutil.which("7zz") or "7zz"
needs_7zip = pytest.mark.skipif(
    not shutil.which("7zz") and not os.environ.get("CI"), reason="7-Zip is not installed: apt-get install 7zip"
)
NOTES = ("notes ünd more\n" * 400).encode()
EVIL = p.proto(4) + p.system() + p.STOP
HONEST = (Member("a.txt", NOTES), Member("dir"), Member("dir/b.json", b'{"a": 1}'), Member("c.txt", NOTES[:3000]))
METHODS = {
    "copy": (z.COPY,),
    "lzma": (z.LZMA,),
    "lzma2": (z.LZMA2,),
    "bzip2": (z.BZIP2,),
    "deflate": (z.DEFLATE,),
    "delta and lzma": (z.DELTA, z.LZMA),
    "delta and copy": (z.DELTA, z.COPY),
    "three": (z.COPY, z.DELTA, z.BZIP2),
}


@pytest.mark.parametrize("methods", METHODS.values(), ids=METHODS.keys())
@pytest.mark.parametrize("solid", [True, False])
def test_members_are_read_whatever_packs_them(tmp_path: Path, methods: tuple[z.Method, ...], solid: bool) -> None:
    for pack_header in (True, False):
        content = z.archive(*HONEST, methods=methods, solid=solid, pack_header=pack_header)
        report = scanned(tmp_path, "m.7z", content)
        assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
        evil = z.archive(*HONEST, Member("m.pkl", EVIL), methods=methods, solid=solid, pack_header=pack_header)
        report = scanned(tmp_path, "m.7z", evil)
        assert report.verdict is Verdict.MALICIOUS
        assert any(finding.location.startswith("m.7z!m.pkl") for finding in report.findings)


def test_an_empty_archive_is_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.7z", z.enclosed(b"", b"")).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "n.7z", z.archive(Member("dir"))).verdict is Verdict.CLEAN


ODD = {
    "a name that leads out": ((Member("../a.txt", NOTES),), "archive/path-escape"),
    "an absolute name": ((Member("/a.txt", NOTES),), "archive/path-escape"),
    "a folder that leads out": ((Member("a/../.."),), "archive/path-escape"),
    "a name with a drive": ((Member("C:a.txt", NOTES),), "archive/path-escape"),
    "a backslash": ((Member("a\\b.txt", NOTES),), "archive/path-escape"),
    "a link": ((Member("a.txt", b"/etc/passwd", 0xA1FF8000),), "archive/path-escape"),
    "a name twice": ((Member("a.txt", NOTES), Member("A.txt", b"b")), "archive/ambiguous"),
    "something to delete": ((Member("a", None, 0, anti=True),), "archive/deletes-files"),
}


@pytest.mark.parametrize(("members", "rule"), ODD.values(), ids=ODD.keys())
def test_odd_members_are_findings(tmp_path: Path, members: tuple[Member, ...], rule: str) -> None:
    report = scanned(tmp_path, "m.7z", z.archive(*members))
    assert rule in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


def test_a_wrong_checksum_is_a_finding(tmp_path: Path) -> None:
    for methods in ((z.LZMA,), (z.COPY,)):
        assert "archive/ambiguous" in rules_of(scanned(tmp_path, "m.7z", z.archive(*HONEST, methods=methods, spoil=1)))
    content = bytearray(z.archive(*HONEST))
    content[8] ^= 1
    assert "archive/ambiguous" in rules_of(scanned(tmp_path, "m.7z", bytes(content)))
    content = bytearray(z.archive(*HONEST))
    content[28] ^= 1
    assert "archive/ambiguous" in rules_of(scanned(tmp_path, "m.7z", bytes(content)))


def test_a_stream_without_a_name_is_read(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.7z", z.archive(*HONEST, extra_streams=(EVIL,)))
    assert "archive/ambiguous" in rules_of(report)
    assert report.verdict is Verdict.MALICIOUS


def test_what_is_encrypted_is_unread(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.7z", z.archive(*HONEST, methods=(z.LZMA, z.AES)))
    assert "archive/encrypted" in rules_of(report)
    assert report.unread


def test_a_program_before_the_archive_is_a_finding(tmp_path: Path) -> None:
    for prefix in (b"#!/bin/sh\nexit\n" + bytes(90), b"MZ" + bytes(5000), b"\x7fELF" + z.MARK_WITHOUT_SUM):
        report = scanned(tmp_path, "m.exe", prefix + z.archive(*HONEST, Member("m.pkl", EVIL)))
        assert "file/extra-bytes" in rules_of(report)
        assert report.verdict is Verdict.MALICIOUS
        report = scanned(tmp_path, "m.exe", prefix + z.archive(*HONEST))
        assert report.unread


SOUND = z.archive(*HONEST, methods=(z.LZMA,), pack_header=True)
BROKEN = {
    "an unknown method": z.archive(*HONEST, methods=(z.PPMD,)),
    "more behind": z.archive(*HONEST, tail=b"more"),
    "an early end": z.archive(*HONEST, methods=(z.LZMA,)).replace(z.packed_by(b"".join(m.content or b"" for m in HONEST), z.LZMA)[40:60], bytes(20)),
    "slack behind lzma": z.archive(*HONEST, methods=(z.LZMA,), slack=b"hidden" * 8),
    "slack behind lzma2": z.archive(*HONEST, slack=b"hidden" * 8),
    "slack behind bzip2": z.archive(*HONEST, methods=(z.BZIP2,), slack=b"hidden" * 8),
    "slack behind deflate": z.archive(*HONEST, methods=(z.DEFLATE,), slack=b"hidden" * 8),
    "slack behind a copy": z.archive(*HONEST, methods=(z.COPY,), slack=b"hidden" * 8),
    "a header beyond the end": SOUND[:12] + b"\xff" * 8 + SOUND[20:],
    "a header of another kind": z.enclosed(b"", b"\2\0"),
    "a header that goes on": z.enclosed(b"", b"\1\0\0"),
    "many members": z.enclosed(b"", b"\1\5" + z.number(1 << 40) + b"\0\0"),
    "many blocks": z.enclosed(b"", b"\1\4\7\x0b" + z.number(1 << 40) + b"\0\0"),
    "many coders": z.enclosed(b"", b"\1\4\7\x0b\1\0" + z.number(1 << 40) + bytes(30)),
    "a packed header in itself": z.enclosed(b"", b"\x17" + z.streams(0, [(b"\x17", b"\1\1\0", b"\1")])),
    "no name": z.enclosed(b"", b"\1\5\1\0\0"),
    "members without streams": z.enclosed(b"", b"\1\5\1" + z.prop(0x11, b"\0a\0\0\0") + b"\0\0"),
    "a property of another size": z.enclosed(b"", b"\1\5\0" + z.prop(0x11, b"\0aa") + b"\0\0"),
    "zeros that are none": z.enclosed(b"", b"\1\5\0" + z.prop(0x11, b"\0") + z.prop(0x19, b"evil") + b"\0\0"),
    "a gap": z.enclosed(b"hidden", b"\1\5\0" + z.prop(0x11, b"\0") + b"\0\0"),
}  # fmt: skip


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_archive_is_incomplete(tmp_path: Path, content: bytes) -> None:
    report = scanned(tmp_path, "m.7z", content)
    assert report.unread, report.findings
    assert report.verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS)


def test_a_bomb_stops_at_the_budget(tmp_path: Path) -> None:
    content = z.archive(Member("a.txt", bytes(1 << 22)), Member("b.txt", b"b"))
    report = scanned(tmp_path, "m.7z", content, Limits(expansion_floor=1 << 20, expansion_ratio=1))
    assert report.verdict is Verdict.INCOMPLETE
    assert "file/limit-reached" in rules_of(report)


def test_an_archive_that_is_cut_anywhere_is_never_clean(tmp_path: Path) -> None:
    for content in (SOUND, z.archive(*HONEST, methods=(z.COPY,))):
        for size in range(1, len(content), 1 if len(content) < 2000 else 37):
            assert scanned(tmp_path, "m.7z", content[:size]).verdict is not Verdict.CLEAN, size


def test_a_changed_archive_is_never_clean(tmp_path: Path) -> None:
    """Checksums guard everything but the version and, here, the packed header."""
    rng = random.Random(7)
    guarded = z.archive(*HONEST, methods=(z.DELTA, z.BZIP2), solid=False)
    for content in (SOUND, guarded):
        for seed in range(250):
            changed = bytearray(content)
            for _ in range(rng.randrange(1, 4)):
                place = rng.randrange(8, len(changed))
                changed[place : place + rng.randrange(5)] = rng.choice([b"", b"\xff" * 4, bytes(4), rng.randbytes(2)])
            report = scanned(tmp_path, "m.7z", bytes(changed))
            assert not any("parser failed" in span.why for span in report.unread), seed
            assert content in (SOUND, changed) or report.verdict is not Verdict.CLEAN, seed


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_any_header_is_facts_or_a_format_error(raw: bytes) -> None:
    data = Reader(MemorySource(z.enclosed(b"12345678", b"\1" + raw)))
    with contextlib.suppress(FormatError):
        list(SevenZip().parse(data, blob_info("m.7z", data), Budget(Limits(), data.size)))


@given(st.integers(0, (1 << 64) - 1))
def test_numbers_come_back(value: int) -> None:
    from weighbridge.formats.archives.seven_zip_header import number
    from weighbridge.formats.grammars.cursor import Cursor

    assert number(Cursor(Reader(MemorySource(z.number(value))))) == value


OPTIONS = {
    "default": ["-mx=5"],
    "lzma": ["-m0=lzma"],
    "bzip2": ["-m0=bzip2"],
    "deflate": ["-m0=deflate"],
    "copy": ["-m0=copy"],
    "delta": ["-m0=delta:4", "-m1=lzma"],
    "x86 and lzma": ["-m0=bcj", "-m1=lzma"],
    "arm and bzip2": ["-m0=arm", "-m1=bzip2"],
    "plain header": ["-mhc=off"],
    "not solid": ["-ms=off"],
}


@needs_7zip
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_what_7zip_writes_is_read_to_its_last_byte(tmp_path: Path, options: list[str]) -> None:
    folder = tmp_path / "m"
    (folder / "empty").mkdir(parents=True)
    for name, content in (("a.txt", NOTES * 20), ("b.json", b'{"a": 1}'), ("c.txt", b""), ("ü.txt", NOTES)):
        (folder / name).write_bytes(content)
    path = tmp_path / "m.7z"
    pack(path, folder, options)
    report = inspected(path).report
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    # What a branch converter changes: calls in a program, here under a name that promises a pickle.
    (folder / "m.pkl").write_bytes(EVIL + b"\xe8\x01\x02\x03\x00\xe8\xff\xff\xff\xff" * 500)
    pack(path, folder, options)
    report = inspected(path).report
    assert report.verdict is Verdict.MALICIOUS
    assert "archive/ambiguous" not in rules_of(report), "a checksum is wrong: the filter was undone in another way"


@needs_7zip
def test_7zip_reads_what_is_built_here(tmp_path: Path) -> None:
    for methods in METHODS.values():
        for pack_header in (True, False):
            (tmp_path / "m.7z").write_bytes(z.archive(*HONEST, methods=methods, pack_header=pack_header))
            subprocess.run([PROGRAM, "t", "m.7z"], cwd=tmp_path, check=True, capture_output=True, timeout=60)


def pack(path: Path, folder: Path, options: list[str]) -> None:
    path.unlink(missing_ok=True)
    command = [PROGRAM, "a", "-bd", *options, str(path), "."]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
