"""Extra fields of zip members that give them another name, other sizes, or a lock."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest

from build.inspecting import rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path


def field(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def unicode_path(name: bytes, raw: bytes = b"note.txt") -> bytes:
    return field(0x7075, b"\x01" + struct.pack("<I", zlib.crc32(raw)) + name)


def archive(extra: bytes, name: str = "note.txt") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        info = zipfile.ZipInfo(name)
        info.extra = extra
        made.writestr(info, "a note")
    return out.getvalue()


HONEST = {
    "none": b"",
    "the same name": unicode_path(b"note.txt"),
    "a comment": field(0x6375, b"\x01\0\0\0\0other"),
    "a time": field(0x5455, b"\x03" + bytes(8)),
    "padding of torch": field(0x4246, bytes(40)),
    "padding of zipalign": bytes(3),
}


@pytest.mark.parametrize("extra", HONEST.values(), ids=HONEST.keys())
def test_fields_that_change_nothing_are_no_finding(tmp_path: Path, extra: bytes) -> None:
    report = scanned(tmp_path, "a.zip", archive(extra))
    assert report.verdict is Verdict.CLEAN, report.findings
    assert not report.findings


@pytest.mark.parametrize("page", ["cp437", "cp850", "cp1252"])
def test_a_name_that_a_codepage_spells_is_the_same(tmp_path: Path, page: str) -> None:
    content = archive(unicode_path("näme.txt".encode()), "nXme.txt").replace(b"nXme.txt", "näme.txt".encode(page))
    assert scanned(tmp_path, "a.zip", content).verdict is Verdict.CLEAN


ODD = {
    "another name": unicode_path(b"setup.py"),
    "a name that leads out": unicode_path(b"../../evil.py"),
    "a name that is not UTF-8": unicode_path(b"\xff\xfe"),
    "another name for another header": unicode_path(b"setup.py", b"other"),
    "no name": unicode_path(b""),
    "two names": unicode_path(b"note.txt") * 2,
    "two sizes": field(1, b"") * 2,
    "a field beyond the end": b"\x55\x54\xff\x00\x01",
}


@pytest.mark.parametrize("extra", ODD.values(), ids=ODD.keys())
def test_fields_that_readers_disagree_on_are_a_finding(tmp_path: Path, extra: bytes) -> None:
    whole = archive(extra)
    for content in (whole, whole.replace(extra, field(0x4246, bytes(len(extra) - 4)), 1) if len(extra) > 4 else whole):
        report = scanned(tmp_path, "a.zip", content)
        assert "archive/ambiguous" in rules_of(report)
        assert report.verdict is Verdict.SUSPICIOUS


@pytest.mark.parametrize("kind", [0x9901, 0x0017])
def test_a_field_of_encryption_is_told(tmp_path: Path, kind: int) -> None:
    report = scanned(tmp_path, "a.zip", archive(field(kind, b"\x02\0AE\x03\0\0")))
    assert "archive/encrypted" in rules_of(report)


def wide(local: tuple[int, int]) -> bytes:
    """An archive whose local header keeps its sizes in a zip64 field."""
    content = archive(field(1, struct.pack("<QQ", *local)))
    start = content.index(b"PK\x03\x04")
    content = content[: start + 18] + b"\xff" * 8 + content[start + 26 :]
    # The directory has the sizes in their ordinary place, and another field instead.
    central = content.index(b"PK\x01\x02")
    return content[:central] + content[central:].replace(field(1, struct.pack("<QQ", *local)), field(0x4246, bytes(16)))


def test_sizes_of_zip64_at_the_member_count(tmp_path: Path) -> None:
    assert scanned(tmp_path, "a.zip", wide((6, 6))).verdict is Verdict.CLEAN
    report = scanned(tmp_path, "a.zip", wide((6000, 6000)))
    assert "archive/ambiguous" in rules_of(report)
