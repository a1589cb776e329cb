"""Tar archives as their writers make them, and as attackers bend them."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build import pickles as p
from build.containers import safetensors
from build.inspecting import rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"model.safetensors": safetensors({"w": b"12345678"}), "config.json": b'{"a": 1}', "deep/er/README.md": b"# A\n"}
EVIL = p.proto(2) + p.system() + p.STOP


def tar(members: dict[str, bytes], *, form: int = tarfile.PAX_FORMAT, **changes: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for field, value in changes.items():
                setattr(entry, field, value)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_honest_archives_are_clean(tmp_path: Path, form: int) -> None:
    members = GOOD | {"x" * 90 + "/" + "y" * 90 + ".txt": b"long\n"}
    report = scanned(tmp_path, "m.tar", tar(members, form=form))
    assert report.verdict is Verdict.CLEAN, (report.findings, report.unread)
    assert scanned(tmp_path, "m.tar.gz", gzip.compress(tar(members, form=form))).verdict is Verdict.CLEAN


def test_a_very_long_name(tmp_path: Path) -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        report = scanned(tmp_path, "m.tar", tar({"d/" * 150 + "model.pkl": EVIL}, form=form))
        assert report.verdict is Verdict.MALICIOUS
        assert "d/d/d/" in report.findings[0].location


def test_members_are_followed(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.nemo", tar(GOOD | {"weights.ckpt": EVIL}))
    assert [finding.location for finding in report.findings] == ["m.nemo!weights.ckpt@19"]


@pytest.mark.parametrize("name", ["../../x.txt", "/etc/x.txt", "a\\b.txt"])
def test_names_that_escape(tmp_path: Path, name: str) -> None:
    assert "archive/path-escape" in rules_of(scanned(tmp_path, "m.tar", tar({name: b"x\n"})))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_what_is_no_file(tmp_path: Path, kind: bytes) -> None:
    report = scanned(tmp_path, "m.tar", tar({"x": b""}, type=kind, linkname="/etc/passwd"))
    assert "archive/path-escape" in rules_of(report)
    assert report.verdict is not Verdict.CLEAN


def test_two_copies_of_one_name_are_both_read(tmp_path: Path) -> None:
    first, second = tar({"a.pkl": EVIL}), tar({"A.pkl": b"N."})
    report = scanned(tmp_path, "m.tar", first[:1024] + second)
    assert "archive/ambiguous" in rules_of(report)
    assert report.verdict is Verdict.MALICIOUS


def test_an_archive_behind_the_end_is_read(tmp_path: Path) -> None:
    report = scanned(tmp_path, "m.tar", tar(GOOD) + tar({"hidden.pkl": EVIL}))
    assert "archive/ambiguous" in rules_of(report)
    assert report.verdict is Verdict.MALICIOUS


def test_bytes_behind_the_end_and_in_the_padding_are_never_clean(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.tar", tar(GOOD) + EVIL).verdict is not Verdict.CLEAN
    whole = bytearray(tar({"a.txt": b"hello\n"}))
    whole[512 + 100] = 7
    assert scanned(tmp_path, "m.tar", bytes(whole)).verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize("cut", [100, 600, 1000, 1536])
def test_a_truncated_archive_is_never_clean(tmp_path: Path, cut: int) -> None:
    assert scanned(tmp_path, "m.tar", tar({"a.txt": b"x" * 3000})[:cut]).verdict is not Verdict.CLEAN


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(edits=st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=9)), max_size=5))
def test_mutated_archives_always_get_a_verdict(tmp_path: Path, edits: list[tuple[int, bytes]]) -> None:
    content = bytearray(tar(GOOD | {"w.pkl": b"N."}))
    for place, change in edits:
        content[place : place + len(change)] = change
    report = scanned(tmp_path, "m.tar", bytes(content))
    assert not any("parser failed" in unread.why for unread in report.unread), report.unread
    assert report.verdict is not Verdict.CLEAN or not report.artifact.files[0].coverage.opaque
