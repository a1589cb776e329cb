"""What is known of addresses and secrets: its form, its sources, and never from a file that the index does not name."""

from __future__ import annotations

import hashlib
import json
import os
import re
from typing import TYPE_CHECKING

import pytest

from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.known_texts import forms, hosts, kinds, read_rows, words

if TYPE_CHECKING:
    from pathlib import Path

DATE = re.compile(r"20\d\d-\d\d-\d\d")


@pytest.mark.parametrize(
    ("name", "part", "key"), [("network", "hosts", "host"), ("network", "words", "word"), ("secrets", "forms", "kind")]
)
def test_every_entry_has_a_source_and_a_date(name: str, part: str, key: str) -> None:
    rows = read_rows(FOLDER, name, part)
    assert rows
    for row in rows:
        assert row[key]
        assert row["why"]
        assert row["source"]
        assert DATE.fullmatch(row["date"])
    names = [row[key] + row.get("path", "") for row in rows]
    assert names == sorted(names) or part == "hosts"
    assert len(set(names)) == len(names)


def test_hosts() -> None:
    assert {entry.kind for found in hosts().values() for entry in found} == {
        "chat-hook",
        "catcher",
        "tunnel",
        "paste",
        "metadata",
    }
    assert all(host == host.lower() and "/" not in host for host in hosts())
    assert words()["IDENTITY_ENDPOINT"][0] == "metadata"


def test_forms() -> None:
    for form in forms():
        assert re.compile(form.pattern).groups == 1
        assert all(len(anchor) >= 3 for anchor in form.anchors)
        assert form.check in ("", "crc32-base62", "jwt-header")
        Severity(kinds()[form.kind].partition(" ")[0])


def files(folder: Path, raw: bytes, named: bytes | None = None) -> str:
    (folder / "network.json").write_bytes(raw)
    digest = hashlib.sha256(raw if named is None else named).hexdigest()
    (folder / "index.json").write_text(json.dumps({"tables": {"network.json": digest}}))
    return os.fspath(folder)


@pytest.mark.parametrize("raw", [b"{}", b"not JSON", b'{"hosts": 1}', b"[]"])
def test_broken_knowledge_judges_nothing(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(UsageError, match="broken"):
        read_rows(files(tmp_path, raw), "network", "hosts")


def test_another_file_than_the_index_names_judges_nothing(tmp_path: Path) -> None:
    raw = b'{"hosts": []}'
    assert read_rows(files(tmp_path, raw), "network", "hosts") == ()
    with pytest.raises(UsageError, match="its index names"):
        read_rows(files(tmp_path, raw, b"other"), "network", "hosts")


def test_missing_knowledge_judges_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_rows(os.fspath(tmp_path), "network", "hosts")
