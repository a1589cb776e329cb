"""Whole outputs compared with files that a person reviewed. UPDATE_SNAPSHOTS=1 writes them again."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "render" / "snapshots"


def matches_snapshot(name: str, text: str) -> None:
    """Fail if `text` is not what the snapshot says."""
    path = FOLDER / name
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{name} differs; review and run with UPDATE_SNAPSHOTS=1"
