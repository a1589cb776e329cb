"""Every output stays well-formed and harmless, whatever names and strings a model brings."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from build import pickles as p
from build.containers import zipped
from build.inspecting import inspected
from weighbridge.cli.rules import rule_texts
from weighbridge.core.findings import Evidence, Finding, Severity
from weighbridge.engines.base import EngineReport
from weighbridge.render.documents import scan_json
from weighbridge.render.html import scan_html
from weighbridge.render.junit import scan_junit
from weighbridge.render.markdown import scan_markdown, span
from weighbridge.render.sarif import scan_sarif
from weighbridge.render.terminal import Style, scan_text, size_text

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`` ` ```|pipe|",
    "]]><evil/>",
    "\x1b[2J\x1b]0;owned\x07",
    "\u202egnp.exe",
    "line\nfeed\r\n::error::x",
    "##vso[task.logissue type=error]x",
    "=cmd|' /C calc'!A0",
    "100%s %n {0} $(id)",
    "\ud800 lone surrogate",
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> ScanReport:
    folder = tmp_path_factory.mktemp("hostile")
    body = b"".join(
        p.call("os", "system", p.text(text.encode("utf-8", "surrogatepass").decode("latin-1"))) for text in HOSTILE
    )
    (folder / "model.pkl").write_bytes(p.proto(2) + b"](" + body + b"e.")
    for index, text in enumerate(HOSTILE[:-1]):
        safe = text.replace("/", "_")
        (folder / f"{index}{safe}.pkl").write_bytes(p.proto(2) + p.system("id") + b"\xff\xff")
        (folder / f"{index}.zip").write_bytes(zipped({text.replace("\n", " "): b"\xf1\xf2\xf3"}))
    return inspected(folder).report


CONTROL = {chr(code) for code in (*range(0x09), *range(0x0B, 0x20), 0x7F, *range(0x80, 0xA0), 0x202E)}


def opinions() -> tuple[EngineReport, ...]:
    """Two engines that repeat whatever the model says, one of which gave no answer."""
    findings = tuple(
        Finding(f"engine/{text}", Severity.HIGH, text, text, Evidence(text), "", "", ()) for text in HOSTILE
    )
    return (
        EngineReport("picklescan", HOSTILE[4], "malicious", findings * 20, "ran", "", 3, "none"),
        EngineReport("modelscan", "", "incomplete", (), "failed", HOSTILE[6], 0, "none"),
    )


ANSWERED = (
    scan_markdown,
    scan_junit,
    scan_json,
    lambda reports, said: scan_sarif(reports, rule_texts(), said),
)


@pytest.mark.parametrize("render", ANSWERED, ids=["markdown", "junit", "json", "sarif"])
def test_what_engines_repeat_of_a_model_is_harmless(report: ScanReport, render: Any) -> None:
    text = render([report, report], [opinions(), opinions()])
    assert not set(text) & CONTROL
    text.encode("utf-8")
    assert "picklescan" in text
    assert not any(line.lstrip().startswith(("::", "##vso", "=cmd")) for line in text.splitlines())


def test_markdown_of_engines_keeps_their_words_in_spans(report: ScanReport) -> None:
    text = scan_markdown([report], [opinions()])
    section = text[text.index("| engine |") :]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    assert [row.count("|") for row in rows] == [6] * 4
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", section)
    assert not any(mark in outside for mark in "<[$*_\\")
    assert "200 more are in the JSON report" in section


def test_junit_of_engines_is_output_and_no_case(report: ScanReport) -> None:
    alone, beside = (ET.fromstring(scan_junit([report], said))[0] for said in ([], [opinions()]))
    assert alone.attrib == beside.attrib
    (output,) = beside.findall("system-out")
    assert output.text is not None
    lines = output.text.splitlines()
    assert all(line.startswith(("picklescan", "modelscan")) for line in lines)
    assert len(lines) == 2 + 5 + 1
    assert not list(output)


def test_sarif_of_engines_has_no_result_of_theirs(report: ScanReport) -> None:
    alone, beside = (json.loads(scan_sarif([report], rule_texts(), said))["runs"][0] for said in ([], [opinions()]))
    assert alone["results"] == beside["results"]
    assert [said["name"] for said in beside["properties"]["engines"]] == ["picklescan", "modelscan"]
    assert len(beside["properties"]["engines"][0]["findings"]) == 100
    assert beside["properties"]["engines"][0]["leftOut"] == 20 * len(HOSTILE) - 100
    notes = [note["message"]["text"] for note in beside["invocations"][0]["toolExecutionNotifications"]]
    assert any(note.startswith("picklescan") for note in notes)
    del beside["properties"]["engines"]
    assert alone["properties"] == beside["properties"]


def test_the_fixture_is_hostile(report: ScanReport) -> None:
    assert len(report.findings) > 20
    assert report.unread


@pytest.mark.parametrize(
    "render", [scan_markdown, scan_html, scan_junit, scan_json, lambda reports: scan_sarif(reports, rule_texts())]
)
def test_no_output_has_a_control_character_or_a_broken_encoding(report: ScanReport, render: Any) -> None:
    text = render([report, report])
    assert not set(text) & CONTROL
    text.encode("utf-8")


@pytest.mark.parametrize("unicode", [True, False])
def test_the_terminal_gets_one_harmless_line_for_each(report: ScanReport, unicode: bool) -> None:
    text = scan_text(report, style=Style(colour=False, width=100, unicode=unicode))
    assert not set(text) & CONTROL
    assert not any(line.lstrip().startswith(("::error", "##vso")) for line in text.splitlines())


def test_html_has_no_element_of_the_model(report: ScanReport) -> None:
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            assert not any(name.startswith("on") for name, _ in attrs)

    Reader().feed(scan_html([report]))
    allowed = "html head meta title style body main h1 h2 section p table caption thead tbody tr th td code br svg rect"
    assert tags <= set(allowed.split())


def test_junit_is_xml_whose_counts_add_up(report: ScanReport) -> None:
    suite = ET.fromstring(scan_junit([report]))[0]
    assert int(suite.attrib["tests"]) == len(suite)
    assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    assert int(suite.attrib["errors"]) == len(suite.findall("testcase/error"))
    assert int(suite.attrib["errors"]) > 0
    assert {child.tag for case in suite for child in case} == {"failure", "error"}


@pytest.mark.parametrize("text", [*HOSTILE[:-1], "`", "``x``", " ", ""])
def test_a_code_span_cannot_be_left(text: str) -> None:
    written = span(text)
    fence = written[: len(written) - len(written.lstrip("`"))]
    assert written.endswith(fence)
    inner = written[len(fence) : -len(fence)]
    assert fence not in inner.replace(" ", "", 1) or not inner.strip("` ")
    assert "\n" not in written
    assert "|" not in written


def test_sarif_is_what_forges_accept(report: ScanReport) -> None:
    document = json.loads(scan_sarif([report], rule_texts()))
    run = document["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert document["version"] == "2.1.0"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["invocations"][0]["toolExecutionNotifications"]
    assert len(run["results"]) == len(report.findings)
    prints = set()
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] == 1
        assert place["artifactLocation"]["uri"].isascii()
        assert not place["artifactLocation"]["uri"].startswith("/")
        assert "!" not in place["artifactLocation"]["uri"].replace("%21", "")
        prints.add(result["partialFingerprints"]["primaryLocationLineHash"])
    assert len(prints) == len(run["results"])
    for rule in rules:
        assert "security" in rule["properties"]["tags"]
        assert 0 <= float(rule["properties"]["security-severity"]) <= 10


def test_sarif_points_into_the_file_and_names_the_member(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(p.proto(2) + p.system() + p.STOP)
    (tmp_path / "a.zip").write_bytes(zipped({"dir/x.pkl": p.proto(2) + p.system() + p.STOP}))
    run = json.loads(scan_sarif([inspected(tmp_path).report], rule_texts()))["runs"][0]
    by_uri = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: result for result in run["results"]
    }
    assert by_uri["m.pkl"]["locations"][0]["physicalLocation"]["region"]["byteOffset"] == 19
    assert by_uri["a.zip"]["properties"]["member"] == "dir/x.pkl"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_310_000_000, "1.3 GB"), (999_999, "1.0 MB"), (150_000, "150 kB")],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert size_text(size) == text
