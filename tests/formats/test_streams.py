"""lz4, zstd and LZMA inside zip: read like the streams that the standard library knows, and as bounded."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import lz4.frame
import pytest
from backports import zstd

from build import pickles as p
from build.containers import zipped
from build.inspecting import rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = b"\x80\x04K\x01."
EVIL = p.proto(2) + p.system() + p.STOP
KINDS: dict[str, Callable[[bytes], bytes]] = {"lz4": lz4.frame.compress, "zstd": zstd.compress}


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_out_is_inspected(tmp_path: Path, kind: str) -> None:
    assert scanned(tmp_path, "m.pkl.z", KINDS[kind](GOOD)).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "m.pkl.z", KINDS[kind](EVIL)).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("kind", KINDS)
def test_streams_in_a_row_are_all_read(tmp_path: Path, kind: str) -> None:
    pack = KINDS[kind]
    assert scanned(tmp_path, "m.z", pack(GOOD) + pack(GOOD)).verdict is Verdict.CLEAN
    assert scanned(tmp_path, "m.z", pack(GOOD) + pack(EVIL)).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_is_cut_off_or_spoilt_is_never_clean(tmp_path: Path, kind: str) -> None:
    whole = KINDS[kind](bytes(range(256)) * 400)
    for raw in (whole[:-3], whole[: len(whole) // 2], whole + b"tail", whole[:20] + b"\xff\xff" + whole[22:]):
        assert scanned(tmp_path, "m.z", raw).verdict is not Verdict.CLEAN


@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_stops_at_the_limit(tmp_path: Path, kind: str) -> None:
    report = scanned(tmp_path, "m.z", KINDS[kind](bytes(96 * 1024 * 1024)))
    assert report.verdict is Verdict.INCOMPLETE
    assert "expansion_ratio" in report.limits_reached


def test_a_window_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    options = {zstd.CompressionParameter.window_log: 30, zstd.CompressionParameter.enable_long_distance_matching: 1}
    engine = zstd.ZstdCompressor(options=options)
    raw = engine.compress(GOOD * 1000) + engine.flush()
    assert scanned(tmp_path, "m.z", raw).verdict is Verdict.INCOMPLETE


def lzma_zip(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("m.pkl", content)
    return out.getvalue()


def test_a_member_under_lzma_is_read(tmp_path: Path) -> None:
    assert scanned(tmp_path, "m.zip", lzma_zip(GOOD)).verdict is Verdict.CLEAN
    assert "pickle/dangerous-call" in rules_of(scanned(tmp_path, "m.zip", lzma_zip(EVIL)))


def test_odd_properties_of_lzma_are_unread(tmp_path: Path) -> None:
    raw = bytearray(lzma_zip(GOOD))
    raw[raw.index(b"\x05\x00]") + 2] = 0xFF
    assert scanned(tmp_path, "m.zip", bytes(raw)).verdict is Verdict.INCOMPLETE


def test_a_member_under_zstd_is_read(tmp_path: Path) -> None:
    for content, verdict in ((GOOD, Verdict.CLEAN), (EVIL, Verdict.MALICIOUS)):
        packed = zstd.compress(content)
        raw = bytearray(zipped({"m.pkl": packed}))
        for header, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            start = raw.index(header)
            raw[start + at : start + at + 2] = (93).to_bytes(2, "little")
            size = start + at + 14
            raw[size : size + 4] = len(content).to_bytes(4, "little")
        report = scanned(tmp_path, "m.zip", bytes(raw))
        assert report.verdict is verdict, report.findings
