"""Loader advisories: every entry is whole, ranges mean what they say, a newer file stands for the old."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from weighbridge.core.advisories import FILE, packaged, read_advisories, with_newer
from weighbridge.core.errors import UsageError
from weighbridge.formats import FORMATS
from weighbridge.pipelines.frameworks import affected, parse_runtime

if TYPE_CHECKING:
    from pathlib import Path


def test_every_entry_names_a_cve_its_source_and_formats_that_there_are() -> None:
    known = {found.name for found in FORMATS}
    for one in packaged().entries:
        assert re.fullmatch(r"CVE-20\d\d-\d{4,}", one.id)
        assert one.source.startswith("https://")
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", one.date)
        assert one.formats <= known, one.formats - known
        assert one.what
        assert one.fixed
    assert len({(one.package, one.id) for one in packaged().entries}) == len(packaged().entries)


@pytest.mark.parametrize(
    ("package", "version", "ids"),
    [
        ("torch", "2.5.1", {"CVE-2025-32434", "CVE-2026-24747"}),
        ("torch", "2.5.1+cu124", {"CVE-2025-32434", "CVE-2026-24747"}),
        ("torch", "2.6.0", {"CVE-2026-24747"}),
        ("torch", "2.10.0", set()),
        ("tensorflow-cpu", "2.4.2", {"CVE-2021-37678"}),
        ("TensorFlow", "2.4.3", set()),
        ("tensorflow", "2.5.0rc1", set()),
        ("tensorflow", "2.5.0", {"CVE-2021-37678"}),
        ("transformers", "5.0.0rc2", {"CVE-2026-1839", "CVE-2026-4372"}),
        ("unheard-of", "1", set()),
    ],
)
def test_a_version_is_in_the_ranges_that_it_is_in(package: str, version: str, ids: set[str]) -> None:
    formats = frozenset({"pickle", "yaml", "hub-config"})
    assert {one.advisory for one in affected([(package, version)], formats, packaged(), "runtime")} == ids


def test_a_newer_file_stands_for_the_old_entries(tmp_path: Path) -> None:
    with open(FILE, encoding="utf-8") as file:
        table = json.load(file)
    torch = next(row for row in table["advisories"] if row["id"] == "CVE-2025-32434")
    newer = {**table, "version": "2027.01.02", "advisories": [{**torch, "affected": "<2.7.0"}]}
    path = tmp_path / "newer.json"
    path.write_text(json.dumps(newer))
    found = with_newer(str(path))
    assert len(found.entries) == len(packaged().entries)
    assert str(found.date) == "2027-01-02"
    assert any(one.hits("2.6.0") for one in found.of("torch") if one.id == "CVE-2025-32434")
    for broken in ({**newer, "schema": "x"}, {**newer, "advisories": [{**torch, "affected": "before 2"}]}, {}, []):
        path.write_text(json.dumps(broken))
        with pytest.raises(UsageError):
            read_advisories(str(path))


@pytest.mark.parametrize(
    ("text", "packages", "problems"),
    [
        ("torch==2.5.0\nNumPy[x]>=1 ; python_version < '4'  # why\n", [("torch", "2.5.0"), ("numpy", None)], 0),
        ("torch==2.5.0 \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\n", [("torch", "2.5.0")], 0),
        ("torch===2.5.0\ntorch==2.*\n", [("torch", "2.5.0"), ("torch", None)], 0),
        ("-r other.txt\n--index-url https://x.example\n\n# nothing\n", [], 1),
        ("torch @ https://x.example/torch-2.1.0-py3-none-any.whl\n", [("torch", None)], 0),
        ("./torch\n-e ./torch\n", [], 2),
    ],
)
def test_requirements_are_read(text: str, packages: list[tuple[str, str | None]], problems: int) -> None:
    runtime = parse_runtime(text)
    assert list(runtime.packages) == packages
    assert len(runtime.problems) == problems
