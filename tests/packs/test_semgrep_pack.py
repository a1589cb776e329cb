"""The rules for semgrep: every one has lines that it must find and lines that it must leave alone, and semgrep agrees."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACK = os.path.join(ROOT, "packs", "semgrep")
FIXTURES = os.path.join(ROOT, "packs", "tests", "semgrep")
SEMGREP = os.path.join(ROOT, ".venv-engines", "bin", "semgrep")
NAMES = sorted(name.removesuffix(".yaml") for name in os.listdir(PACK))

needs_semgrep = pytest.mark.skipif(
    not os.path.exists(SEMGREP) and not os.environ.get("CI"), reason="semgrep is not installed: make engines"
)


def rules(name: str) -> list[dict[str, Any]]:
    with open(os.path.join(PACK, f"{name}.yaml"), encoding="utf-8") as file:
        return yaml.safe_load(file)["rules"]


def semgrep(home: Path, *words: str) -> Any:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(home), "SEMGREP_SEND_METRICS": "off"}
    words = (SEMGREP, "scan", "--metrics", "off", "--disable-version-check", "--json", *words)
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_a_line_that_it_finds_and_one_that_it_leaves_alone(name: str) -> None:
    with open(os.path.join(FIXTURES, f"{name}.py"), encoding="utf-8") as file:
        text = file.read()
    for word in ("ruleid", "ok"):
        named = set(re.findall(r"[\w-]+", " ".join(re.findall(rf"# {word}: (.*)", text))))
        assert {rule["id"] for rule in rules(name)} <= named


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_says_what_it_is(name: str) -> None:
    for rule in rules(name):
        assert rule["languages"] == ["python"]
        assert rule["severity"] in ("ERROR", "WARNING", "INFO")
        assert rule["message"].endswith(".")
        assert re.match(r"CWE-\d+: ", rule["metadata"]["cwe"])
        assert rule["metadata"].get("weighbridge-severity", "critical") == "critical"


@needs_semgrep
def test_semgrep_finds_what_the_fixtures_say(tmp_path: Path) -> None:
    said = semgrep(tmp_path, "--test", "--config", PACK, FIXTURES)
    assert said["config_with_errors"] == []
    assert said["config_missing_tests"] == []
    checked = set()
    for result in said["results"].values():
        for rule, check in result["checks"].items():
            for lines in check["matches"].values():
                assert lines["expected_lines"] == lines["reported_lines"], rule
            assert check["passed"], rule
            checked.add(rule)
    assert checked == {rule["id"] for name in NAMES for rule in rules(name)}


@needs_semgrep
def test_semgrep_takes_every_rule(tmp_path: Path) -> None:
    """What `semgrep --validate` says without the lints that it would fetch from the network."""
    words = ("--validate", "--config", PACK)
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "SEMGREP_SEND_METRICS": "off"}
    done = subprocess.run(
        (SEMGREP, "validate", "--x-rule-validation", "full", PACK),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "invalid rule" not in done.stdout + done.stderr, (words, done.stderr)
    said = semgrep(tmp_path, "--config", PACK, os.path.join(FIXTURES, "code.py"))
    assert said["errors"] == []


@needs_semgrep
def test_our_own_source_is_left_alone(tmp_path: Path) -> None:
    said = semgrep(tmp_path, "--config", PACK, os.path.join(ROOT, "src", "weighbridge", "core"))
    assert [row["check_id"] for row in said["results"]] == []
