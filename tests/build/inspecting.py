"""Inspecting bytes and folders in tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weighbridge.cli.progress import silent
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.limits import Limits
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import Inspection, ScanReport

KNOWLEDGE = load_knowledge()
LIMITS = Limits()


def inspected(path: Path, limits: Limits = LIMITS) -> Inspection:
    return inspect(str(path), knowledge=KNOWLEDGE, limits=limits, watcher=silent())


def scanned(folder: Path, name: str, content: bytes, limits: Limits = LIMITS) -> ScanReport:
    """The report on one file with this name and content."""
    path = folder / name
    path.write_bytes(content)
    report = inspected(path, limits).report
    coverage = [file.coverage for file in report.artifact.files]
    assert sum(map(sum, coverage)) == len(content), "coverage does not add up to the size of the file"
    return report


def rules_of(report: ScanReport) -> set[str]:
    return {finding.rule for finding in report.findings}
