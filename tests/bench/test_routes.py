"""The routes of docs/peers.md: each builds, does what it says, and is seen by us; the page is what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from safetensors import deserialize

import outcomes
import peer_page
import routes
from build.inspecting import inspected
from peers import PEERS
from route import GROUPS, Route, write
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

REFERENCE = Path(__file__).parents[1] / "build" / "reference_unpickler.py"
BY_ID = {route.id: route for route in routes.ROUTES}
RESULT = json.loads(Path(peer_page.RESULTS).read_text(encoding="utf-8"))
GAPS: dict[str, str] = {}
"""Where ours is silent about an attack or warns of an honest file; the page shows each. One that is mended may go."""
CASES = [
    pytest.param(
        route, id=route.id, marks=[pytest.mark.xfail(reason=GAPS.get(route.id, ""))] if route.id in GAPS else []
    )
    for route in routes.ROUTES
]
SEVERAL = {"second-pickle", "behind-padding", "behind-junk", "behind-many"}
"""Streams for loaders that load again and again."""
ELSEWHERE = {"extension"}
"""What it reaches lies in the registry of the loader alone."""


def word(route: Route, folder: Path) -> str:
    """What ours says, in the words of the page."""
    verdict = inspected(Path(write(route, str(folder)))).report.verdict
    said = {Verdict.MALICIOUS: "stops", Verdict.CLEAN: "silent"}.get(verdict, "warns")
    return "alarm" if route.honest and said == "stops" else said


@pytest.mark.parametrize("route", CASES)
def test_attacks_are_seen_and_honest_files_are_clean(tmp_path: Path, route: Route) -> None:
    said = word(route, tmp_path)
    assert said == "silent" if route.honest else said in ("stops", "warns")
    promised = next(row["outcomes"][outcomes.OURS]["outcome"] for row in RESULT["routes"] if row["route"] == route.id)
    order = peer_page.HONEST_WORDS if route.honest else outcomes.WORDS
    assert order.index(said) <= order.index(promised), "docs/peers.md promises more"


def test_every_route_is_built_the_same_way_each_time() -> None:
    assert len(BY_ID) == len(routes.ROUTES)
    for route in routes.ROUTES:
        assert route.group in GROUPS
        if route.group != "limits":
            first = route.files()
            assert first, route.id
            assert all(first.values()), route.id
            assert dict(first) == dict(route.files()), route.id


def reached(raws: Sequence[bytes]) -> list[dict[str, list[object]]]:
    """What CPython's unpickler does with each program, with stand-ins for all that is imported."""
    lines = "".join(f"{raw.hex()}\n" for raw in raws)
    done = subprocess.run([sys.executable, "-I", REFERENCE], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_cpython_reaches_what_the_pickles_name() -> None:
    chosen = [
        route
        for route in routes.ROUTES
        if route.group in ("callable", "call", "gadget", "stream") and route.id not in SEVERAL | ELSEWHERE
    ]
    results = reached([route.files()["model.pkl"] for route in chosen])
    assert len(chosen) > 80
    for route, result in zip(chosen, results, strict=True):
        assert result["imports"] or result["compiled"], route.id
        if route.id not in ("named-only", "frame-nested", "frame-straddle"):
            assert result["calls"], route.id


def test_a_cut_length_makes_opcodes_of_data_for_one_unpickler_alone() -> None:
    (result,) = reached([BY_ID["frame-straddle"].files()["model.pkl"]])
    assert (result["imports"], result["compiled"]) == ([], ["os.system"])


def test_the_file_of_two_formats_is_valid_in_both() -> None:
    raw = BY_ID["safetensors-both"].files()["model.safetensors"]
    assert [name for name, _ in deserialize(raw)] == ["w"]
    (result,) = reached([raw])
    assert (result["imports"], result["complete"]) == (["os.system"], True)


@pytest.mark.parametrize("length", ["2e93", "0282", "0480"])
def test_an_honest_length_looks_like_opcodes(length: str) -> None:
    raw = BY_ID[f"honest-safetensors-{length}"].files()["model.safetensors"]
    assert raw[:8] == bytes.fromhex(length)[::-1] + bytes(6)
    assert [name for name, _ in deserialize(raw)] == ["w"]


TRACE = "Traceback (most recent call last):\n  File x\nValueError: inert\n"
SUMMARY = "----------- SCAN SUMMARY -----------\nScanned files: 1\nInfected files: {}\nSuspicious globals: {}\nDangerous globals: 0\n"
ISSUE = '{{"issues": [{{"severity": "info", "message": "i"}}, {{"severity": "{}", "message": "m"}}]}}'
SAYINGS = [
    ("weighbridge", 1, '{"verdict": "malicious"}', "", "stops"),
    ("weighbridge", 1, '{"verdict": "suspicious"}', "", "warns"),
    ("weighbridge", 1, '{"verdict": "incomplete"}', "", "warns"),
    ("weighbridge", 0, '{"verdict": "clean"}', "", "silent"),
    ("weighbridge", 2, "", "weighbridge: no such path", "fails"),
    ("picklescan", 1, "/tmp/x/m.pkl: dangerous import 'os system' FOUND\n" + SUMMARY.format(1, 0), "", "stops"),
    ("picklescan", 2, "ERROR: parsing pickle\n" + SUMMARY.format(1, 0), "", "stops"),
    ("picklescan", 2, "ERROR: parsing pickle\n" + SUMMARY.format(0, 0), "", "warns"),
    ("picklescan", 0, "WARNING: could not parse\n" + SUMMARY.format(0, 0), "", "warns"),
    ("picklescan", 0, SUMMARY.format(0, 2), "", "warns"),
    ("picklescan", 0, SUMMARY.format(0, 0), "", "silent"),
    ("picklescan", 2, "Unhandled exception\n" + TRACE, "", "fails"),
    ("modelscan", 1, "--- Summary ---\nTotal Issues: 1\n- Description: Use of\n", "", "stops"),
    ("modelscan", 2, "--- Summary ---\nTotal Issues: 1\n--- Errors ---\n", "", "stops"),
    ("modelscan", 2, "--- Summary ---\nNo issues found!\n--- Errors ---\n", "", "warns"),
    ("modelscan", 3, "--- Summary ---\nNo issues found!\n--- Skipped ---\n", "", "warns"),
    (
        "modelscan",
        0,
        "--- Summary ---\nNo issues found!\n--- Skipped ---\nModel Scan did not scan file\n",
        "",
        "silent",
    ),
    ("modelscan", 0, "--- Summary ---\nSkipping zip file due to error: Bad CRC\n", "", "warns"),
    ("modelscan", 2, "Exception: inert\n", "", "fails"),
    ("fickling", 1, "`from os import system` is suspicious\n", "", "stops"),
    ("fickling", 1, "", TRACE, "fails"),
    ("fickling", 2, "", "Fickling failed to parse this pickle file.\n", "warns"),
    ("fickling", 0, "", "Warning: malformed pickle file.\n", "warns"),
    ("fickling", 0, "", "", "silent"),
    ("modelaudit", 1, ISSUE.format("critical"), "", "stops"),
    ("modelaudit", 1, ISSUE.format("warning"), "", "warns"),
    ("modelaudit", 0, ISSUE.format("debug"), "", "silent"),
    ("modelaudit", 2, ISSUE.format("debug"), "", "warns"),
    ("modelaudit", 0, '{"issues": [], "file_metadata": {"m": {"scan_outcome": "inconclusive"}}}', "", "warns"),
    ("modelaudit", 2, "", TRACE, "fails"),
]


@pytest.mark.parametrize(("tool", "status", "out", "err", "expected"), SAYINGS)
def test_what_a_tool_said_is_understood(tool: str, status: int, out: str, err: str, expected: str) -> None:
    (found,) = (one for one in outcomes.TOOLS if one.name == tool)
    said = found.read(status, out, err)
    assert said.word == expected
    assert "/tmp" not in said.why


def test_the_page_is_what_the_result_says() -> None:
    assert Path(peer_page.PAGE).read_text(encoding="utf-8") == peer_page.page(RESULT), "run bench/routes.py --page"


def test_the_result_is_whole() -> None:
    assert RESULT["schema"] == peer_page.SCHEMA
    told = [(row["route"], row["group"], row["about"], row["reference"]) for row in RESULT["routes"]]
    assert told == [(route.id, route.group, route.about, route.reference) for route in routes.ROUTES]
    for row in RESULT["routes"]:
        assert tuple(row["outcomes"]) == peer_page.NAMES, row["route"]
        assert not any(os.sep in answer["why"] and "/tmp/" in answer["why"] for answer in row["outcomes"].values())
    for tool in outcomes.TOOLS:
        if tool.package:
            assert RESULT["tools"][tool.name]["version"] == PEERS[tool.package].version


def test_the_page_hides_nothing() -> None:
    def row(name: str, group: str, ours: tuple[str, int], theirs: tuple[str, int]) -> peer_page.Row:
        said = {outcomes.OURS: ours, "fickling": theirs}
        answers = {tool: {"outcome": word, "status": status, "why": ""} for tool, (word, status) in said.items()}
        return {"route": name, "group": group, "about": "a | b", "reference": "", "outcomes": answers}

    rows = [
        row("missed", "callable", ("silent", 0), ("warns", 0)),
        row("seen", "callable", ("stops", 1), ("fails", 1)),
        row("honest-a", "honest", ("alarm", 1), ("silent", 0)),
        row("honest-b", "honest", ("silent", 0), ("alarm", 1)),
    ]
    page = peer_page.page({"seconds": 60, "tools": {}, "routes": rows})
    assert "| weighbridge | 1 | 0 | 0 | 1 | 1 | 1 | 0 | 0 | 1 |" in page
    assert "| fickling | 0 | 1 | 1 | 0 | 1 | 1 | 0 | 0 | 1 |" in page
    assert "- `missed` (a | b): weighbridge silent; fickling warns⁰" in page
    assert "- `honest-a` (a | b): weighbridge alarm; fickling clean" in page
    assert "`seen` (" not in page
    assert "| `honest-b` | a \\| b | - | clean | - | - | - | **alarm** | - |" in page
