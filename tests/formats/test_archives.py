"""Zip archives and torch checkpoints: both ways of reading them, tricks, bombs."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.containers import torch_zip, zipped
from build.inspecting import rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = {"FloatStorage": 4, "HalfStorage": 2}
CHECKPOINT = torch_zip([("FloatStorage", "0", bytes(16)), ("HalfStorage", "1", bytes(6))], ITEMS)
EVIL = p.proto(2) + p.system() + p.STOP


def test_an_ordinary_checkpoint_is_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.pt", CHECKPOINT)
    assert report.verdict is Verdict.CLEAN, report.findings
    assert report.artifact.files[0].format == "torch-zip"
    assert report.artifact.files[0].coverage.data == 22


def test_a_pickle_in_a_checkpoint_is_followed(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.pt", zipped({"archive/data.pkl": EVIL}))
    assert [finding.location for finding in report.findings] == ["model.pt!archive/data.pkl@19"]
    assert report.verdict is Verdict.MALICIOUS


def test_a_pickle_under_any_member_name_is_followed(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.pt", torch_zip([], ITEMS, extra={"archive/weights.txt": EVIL}))
    assert report.verdict is Verdict.MALICIOUS


def test_a_storage_that_nobody_asks_for_is_not_data(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.pt", torch_zip([], ITEMS, extra={"archive/data/7": b"\x01\x02\x03\x04"}))
    assert report.verdict is Verdict.INCOMPLETE


def test_a_storage_of_another_size_is_a_finding(tmp_path: Path) -> None:
    content = torch_zip([("FloatStorage", "0", bytes(18))], ITEMS)
    assert "archive/ambiguous" in rules_of(scanned(tmp_path, "model.pt", content))


def test_archives_in_archives_and_compressed_members(tmp_path: Path) -> None:
    inner = zipped({"deep.bin": EVIL}, method=zipfile.ZIP_DEFLATED)
    report = scanned(tmp_path, "a.zip", zipped({"inner.zip": inner}, method=zipfile.ZIP_BZIP2))
    assert report.verdict is Verdict.MALICIOUS
    assert report.findings[0].location.startswith("a.zip!inner.zip!deep.bin@")


def patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    place = content.index(signature) + offset
    return content[:place] + value + content[place + len(value) :]


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
PLAIN = zipped({"data.pkl": EVIL})
TRICKS = {
    "another name at the member": (patched(PLAIN, LOCAL, 30, b"data.txt"), "archive/ambiguous"),
    "another method at the member": (patched(PLAIN, LOCAL, 8, struct.pack("<H", 8)), "archive/ambiguous"),
    "another checksum at the member": (patched(PLAIN, LOCAL, 14, b"\1\2\3\4"), "archive/ambiguous"),
    "encrypted in one header": (patched(PLAIN, CENTRAL, 8, b"\x01\x00"), "archive/encrypted"),
    "a name that escapes": (zipped({"../../data.pkl": EVIL}), "archive/path-escape"),
    "an absolute name": (zipped({"/etc/x": EVIL}), "archive/path-escape"),
    "the same name twice in two cases": (zipped({"data.pkl": EVIL, "DATA.pkl": EVIL}), "archive/ambiguous"),
    "bytes before it": (b"#!/bin/sh\n" + PLAIN, "file/extra-bytes"),
    "bytes behind it": (PLAIN + b"x" * 100, "file/extra-bytes"),
    "a member that the directory hides": (
        zipped({"hidden.pkl": EVIL})[: zipped({"hidden.pkl": EVIL}).index(CENTRAL)] + zipped({"a.txt": b"hello"}),
        "archive/ambiguous",
    ),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_trick_is_named(tmp_path: Path, trick: str) -> None:
    content, rule = TRICKS[trick]
    report = scanned(tmp_path, "m.zip", content)
    assert rule in rules_of(report), report
    if EVIL in content:
        assert report.verdict is Verdict.MALICIOUS


def test_a_wrong_checksum_in_both_headers_hides_nothing(tmp_path: Path) -> None:
    content = patched(patched(PLAIN, LOCAL, 14, b"\0\0\0\0"), CENTRAL, 16, b"\0\0\0\0")
    assert scanned(tmp_path, "m.zip", content).verdict is Verdict.MALICIOUS


def test_a_member_that_cannot_be_read_is_never_clean(tmp_path: Path) -> None:
    content = patched(patched(zipped({"a.txt": b"hello"}), LOCAL, 8, b"\x63\x00"), CENTRAL, 10, b"\x63\x00")
    report = scanned(tmp_path, "m.zip", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert "not supported" in report.unread[0].why


@pytest.mark.parametrize("cut", [1, 10, 30, 60])
def test_a_truncated_archive_is_never_clean(tmp_path: Path, cut: int) -> None:
    assert scanned(tmp_path, "m.zip", CHECKPOINT[:-cut]).verdict is not Verdict.CLEAN


def test_a_bomb_stops_at_the_budget(tmp_path: Path) -> None:
    content = zipped({"zeros.txt": bytes(80 * 1024 * 1024)}, method=zipfile.ZIP_DEFLATED)
    report = scanned(tmp_path, "m.zip", content)
    assert report.verdict is not Verdict.CLEAN
    assert report.limits_reached == ("expansion_ratio",)


def test_nested_bombs_stop_at_the_depth(tmp_path: Path) -> None:
    content = zipped({"a.txt": b"hello"})
    for _ in range(30):
        content = zipped({"inner.zip": content}, method=zipfile.ZIP_DEFLATED)
    report = scanned(tmp_path, "m.zip", content)
    assert report.verdict is Verdict.INCOMPLETE
    assert "depth" in report.limits_reached


def test_a_zip64_record_that_nothing_needs_is_ordinary(tmp_path: Path) -> None:
    """TorchScript archives have one: it moves the end record away from the directory."""
    content = CHECKPOINT
    record = content.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack_from("<HII", content, record + 10)
    wide = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, record, 1)
    report = scanned(tmp_path, "model.pt", content[:record] + wide + locator + content[record:])
    assert report.verdict is Verdict.CLEAN, report.findings


def test_two_end_records_that_disagree_are_never_clean(tmp_path: Path) -> None:
    content = CHECKPOINT
    record = content.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack_from("<HII", content, record + 10)
    wide = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count - 1, count - 1, size, offset)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, record, 1)
    report = scanned(tmp_path, "model.pt", content[:record] + wide + locator + content[record:])
    assert report.verdict is not Verdict.CLEAN
