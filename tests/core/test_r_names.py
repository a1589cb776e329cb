"""What is known of R: every entry has its source, and a file that is not the one of the index is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

from build.inspecting import KNOWLEDGE
from weighbridge.core.knowledge_files import FOLDER
from weighbridge.core.r_names import NAME

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
