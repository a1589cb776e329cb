"""The rules on Python, row by row: each fires with its severity, is quiet beside its honest twin, and sees through a disguise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build.inspecting import scanned
from build.python_table import TABLE
from build.python_table.contexts import CONTEXTS
from weighbridge.core.findings import Severity, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

WORST = -1


def read(folder: Path, source: str) -> ScanReport:
    return scanned(folder, "modeling_net.py", source.encode())


def severities(report: ScanReport, rule: str) -> set[str]:
    return {found.severity.value for found in report.findings if found.rule == rule}


def check(report: ScanReport, found: tuple[str, str]) -> None:
    rule, severity = found
    if not rule:
        assert report.verdict is Verdict.INCOMPLETE
    else:
        seen = severities(report, rule)
        assert severity in seen, [(one.rule, one.severity.value, one.evidence.text) for one in report.findings]
        assert max(seen, key=lambda one: Severity(one).rank) == severity


@pytest.mark.parametrize("row", TABLE)
def test_it_fires(tmp_path: Path, row: str) -> None:
    check(read(tmp_path, TABLE[row].hit), TABLE[row].found)


@pytest.mark.parametrize("row", TABLE)
def test_its_honest_twin_is_quiet(tmp_path: Path, row: str) -> None:
    report = read(tmp_path, TABLE[row].honest)
    most = TABLE[row].most
    worst = max((found.severity.rank for found in report.findings), default=WORST)
    said = [(found.rule, found.severity.value, found.evidence.text) for found in report.findings]
    assert not report.unread
    assert worst <= (Severity(most).rank if most else WORST), said


@pytest.mark.parametrize("row", TABLE)
def test_it_sees_through_a_disguise(tmp_path: Path, row: str) -> None:
    check(read(tmp_path, TABLE[row].disguised), TABLE[row].still)


@pytest.mark.parametrize("case", CONTEXTS)
def test_when_it_runs_and_with_what_decides(tmp_path: Path, case: str) -> None:
    source, rule, severity = CONTEXTS[case]
    check(read(tmp_path, source), (rule, severity))


def test_what_it_waits_for_is_said(tmp_path: Path) -> None:
    report = read(tmp_path, CONTEXTS["fetching behind a question for the host"][0])
    (found,) = [one for one in report.findings if one.rule == "code/network"]
    assert found.evidence.text.endswith("behind a question for the name of the machine")


def test_a_file_of_the_artifact_is_named(tmp_path: Path) -> None:
    from build.inspecting import inspected

    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "extra.npy").write_bytes(b"\x93NUMPY")
    (tmp_path / "m.py").write_text("import torch\ndef load():\n    return torch.load('weights/extra.npy')\n")
    (found,) = [one for one in inspected(tmp_path).report.findings if one.rule == "code/unsafe-loading"]
    assert "weights/extra.npy is a file of this artifact" in found.evidence.text
