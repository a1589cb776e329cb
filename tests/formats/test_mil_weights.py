"""Weights of Core ML programs: every blob is data where its description says, and nothing else is."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from build.forms import mil_weights
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import Tensor
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

HONEST = mil_weights((1, bytes(200)), (2, bytes(64)), (8, bytes(5)), (3, b""))


def test_ordinary_weights_are_clean(tmp_path: Path) -> None:
    report = scanned(tmp_path, "weight.bin", HONEST)
    assert (report.verdict, report.findings) == (Verdict.CLEAN, ())
    assert report.artifact.files[0].format == "mil-weights"
    facts = inspected(tmp_path / "weight.bin").facts.blobs[0].facts
    assert [(fact.name, fact.shape) for fact in facts if isinstance(fact, Tensor)] == [
        ("@64", (100,)),
        ("@384", (16,)),
        ("@512", (10,)),
        ("@640", (0,)),
    ]


def changed(place: int, format_: str, value: int) -> bytes:
    return HONEST[:place] + struct.pack(format_, value) + HONEST[place + struct.calcsize(format_) :]


BROKEN = {
    "more blobs": changed(0, "<I", 5),
    "fewer blobs": changed(0, "<I", 3),
    "very many blobs": changed(0, "<I", 0xFFFFFFFF),
    "an unknown type": changed(68, "<I", 99),
    "another offset": changed(80, "<Q", 192),
    "too long": changed(72, "<Q", 1 << 62),
    "a hidden note": changed(100, "<Q", 7),
    "slack that is used": changed(128 + 201, "<I", 7),
    "no second mark": changed(384, "<I", 7),
    "cut short": HONEST[:500],
    "longer": HONEST + b"more",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN.keys())
def test_what_does_not_fit_is_never_clean(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "weight.bin", content).verdict is not Verdict.CLEAN


def test_a_program_among_the_weights_is_found(tmp_path: Path) -> None:
    content = mil_weights((3, b"\x7fELF\x02\x01\x01" + bytes(200)))
    assert "executable/native" in rules_of(scanned(tmp_path, "weight.bin", content))
