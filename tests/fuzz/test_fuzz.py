"""Every format has an honest seed, and some rounds of changes to it keep the promises. `make fuzz` runs many."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from build.foreign_seeds import RECOGNIZED
from build.inspecting import scanned
from build.seeds import SEEDS
from weighbridge.core.findings import Verdict
from weighbridge.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
NEVER_CLEAN = frozenset(("lfs-pointer", "onnx-other", *RECOGNIZED))
"""Formats that are recognized and have nothing that could be read."""


def test_every_format_has_a_seed() -> None:
    assert set(SEEDS) == {found.name for found in FORMATS}


@pytest.mark.parametrize("kind", SEEDS)
def test_a_seed_is_an_honest_file_of_its_format(tmp_path: Path, kind: str) -> None:
    name, content = SEEDS[kind]
    report = scanned(tmp_path, name, content)
    assert report.artifact.files[0].format == kind
    if kind in NEVER_CLEAN:
        assert report.verdict in (Verdict.INCOMPLETE, Verdict.SUSPICIOUS)
    else:
        assert (report.verdict, report.findings) == (Verdict.CLEAN, ())


def test_changed_files_keep_every_promise(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fuzz.harness", "--rounds", "3", "--seed", "20261129", "--keep", str(tmp_path)]
    paths = os.pathsep.join(os.path.join(ROOT, part) for part in ("src", "tests"))
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": paths}, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-3000:]
