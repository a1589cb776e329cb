"""Loaders that were written before any of them was tried: the share that is stopped, and their honest twins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build.held_out_tricks import LATER, TRICKS
from build.inspecting import scanned
from weighbridge.core.findings import Severity, Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("trick", TRICKS)
def test_it_is_stopped(tmp_path: Path, trick: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", TRICKS[trick][0].encode())
    assert report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)


@pytest.mark.parametrize("trick", LATER)
def test_what_was_written_later_is_stopped_too(tmp_path: Path, trick: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", f"{LATER[trick]}\n".encode())
    assert report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)


@pytest.mark.parametrize("trick", TRICKS)
def test_its_honest_twin_passes(tmp_path: Path, trick: str) -> None:
    report = scanned(tmp_path, "modeling_net.py", TRICKS[trick][1].encode())
    assert report.verdict is Verdict.CLEAN
    told = {found.rule for found in report.findings if found.severity is not Severity.INFO}
    assert told <= ({"code/persistence"} if trick == "names of a frame" else set())


def test_there_are_enough() -> None:
    assert len(TRICKS) + len(LATER) > 100
    assert all(hostile.strip() and honest.strip() for hostile, honest in TRICKS.values())
