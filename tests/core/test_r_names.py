"""What is known of R: every entry has its source, and a file that is not the one of the index is refused."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from build.inspecting import KNOWLEDGE
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.r_names import NAME, RNames

FILE = Path(FOLDER) / f"{NAME}.json"


def test_names_are_found_with_and_without_their_package() -> None:
    for name, trust in (("system", "runs"), ("base::system", "runs"), ("stats::sd", "harmless"), ("eval", "dangerous")):
        entry = KNOWLEDGE.r.find(name)
        assert entry is not None
        assert entry.trust == trust
    assert KNOWLEDGE.r.find("frobnicate") is None


def test_every_entry_has_a_reason_a_source_and_a_date_and_no_name_two_trusts() -> None:
    trusts: dict[str, str] = {}
    for row in json.loads(FILE.read_text(encoding="utf-8"))["functions"]:
        assert set(row) == {"trust", "names", "why", "source", "date"}
        assert row["trust"] in ("runs", "dangerous", "harmless", "compact", "package")
        assert row["why"]
        assert row["source"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["date"])
        for name in row["names"].split():
            assert trusts.setdefault(name, row["trust"]) == row["trust"], name


def names(folder: Path, raw: bytes, named: bytes | None = None) -> RNames:
    (folder / f"{NAME}.json").write_bytes(raw)
    digest = digest_bytes(raw if named is None else named).hex
    return RNames(str(folder), json.dumps({"tables": {f"{NAME}.json": digest}}).encode())


def test_knowledge_that_is_broken_missing_or_exchanged_is_refused(tmp_path: Path) -> None:
    raw = FILE.read_bytes()
    assert names(tmp_path, raw).find("system")
    for broken in (b"", b"[]", b'{"functions": [{}]}', b'{"functions": [1]}'):
        with pytest.raises(UsageError, match="broken"):
            names(tmp_path, broken).find("system")
    with pytest.raises(UsageError, match="index"):
        names(tmp_path, raw, b"other").find("system")
    os.unlink(tmp_path / f"{NAME}.json")
    with pytest.raises(UsageError, match="cannot be read"):
        RNames(str(tmp_path), b"{}").find("system")
