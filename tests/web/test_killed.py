"""Server, workers and database are killed at random: every acknowledged submission ends exactly once.

SERVER_KILLS=30 kills so often, and has real models taken in.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from build.containers import safetensors
from build.killing import killed
from build.running import command

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KILLS = int(os.environ.get("SERVER_KILLS", "0"))


def project(folder: Path, address: str) -> None:
    with contextlib.chdir(folder):
        assert command("init").status == 0
    (folder / "incoming/net").mkdir(parents=True)
    (folder / "incoming/net/model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    settings = (folder / "weighbridge.toml").read_text()
    more = f'\n[server]\nsources = ["{folder}/incoming/"]\nattempts = 10\n'
    (folder / "weighbridge.toml").write_text(f'index = "{address}"\n{settings}{more}')


def test_every_acknowledged_submission_ends_exactly_once(
    address: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    database = None if address.startswith("sqlite") else request.getfixturevalue("server")
    project(tmp_path, address)
    counted = killed(
        tmp_path,
        address,
        database,
        kills=KILLS or (4 if database else 3),
        quick=not KILLS,
        seed=7,
        pause=3.0 if KILLS else 0.6,
    )
    if KILLS:
        sys.stderr.write(f"{address.partition(':')[0]}: {counted}\n")
    assert counted.wrong == []
    assert counted.acknowledged >= 3
    assert counted.states.get("done", 0) >= counted.acknowledged * 0.8
    assert sum(counted.states.values()) >= counted.acknowledged
