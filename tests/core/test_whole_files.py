"""Small files are replaced whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from weighbridge.core import whole_files
from weighbridge.core.whole_files import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_written_with_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(str(path), b"one", 0o600)
    write_whole(str(path), b"two", 0o640)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "fchmod", "replace"])
def test_what_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole_files.os, step, full)
    with pytest.raises(OSError, match="space"):
        write_whole(str(path), b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
