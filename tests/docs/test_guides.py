"""Every command of every guide runs, ends as the guide says, and prints what it shows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from build.consoles import Step, Written, first_missing, perform, steps
from weighbridge.render.terminal import Style

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a reader sits: a copy of the repository's examples, and no settings from outside."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "weighbridge.render.terminal.style_for", lambda *_: Style(colour=False, width=100, unicode=True)
    )
    return tmp_path


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_does_what_it_says(guide: Path, folder: Path) -> None:
    page = guide.read_text(encoding="utf-8")
    for step in steps(page):
        wrong = perform(step, folder)
        assert not wrong, wrong


def test_there_is_a_guide_for_everybody_and_each_runs_something() -> None:
    names = {guide.stem for guide in GUIDES}
    assert {"first-ten-minutes", "at-your-desk", "in-ci", "platform-team-on-azure", "threat-model"} <= names
    assert {"how-verdicts-are-made", "how-to-write-a-rule"} <= names
    for guide in GUIDES:
        assert any(isinstance(step, Step) for step in steps(guide.read_text(encoding="utf-8"))), guide.name


def test_commands_stand_in_blocks_that_are_run() -> None:
    """A command in a block of another kind, or in an indented one, would be believed without being run."""
    for guide in GUIDES:
        text = re.sub(r"^```console\n.*?^```$", "", guide.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        left = [line for line in text.splitlines() if re.match(r"(?:\s{4,}|\$ |wb |weighbridge )(?:\$ )?\w+ ", line)]
        assert [line for line in left if "weighbridge " in line.partition("#")[0][:20]] == [], guide.name


# The runner itself


def test_a_wrong_status_is_seen(folder: Path) -> None:
    assert perform(Step("weighbridge scan examples/trojan", (), 1), folder) == ""
    assert "not 0" in perform(Step("weighbridge scan examples/trojan", (), 0), folder)
    assert "no program" in perform(Step("curl https://example.invalid", (), 0), folder)


def test_a_line_that_is_not_printed_is_seen(folder: Path) -> None:
    clean = "CLEAN  digits  3 files, … sha256:0000…0000"
    assert perform(Step("weighbridge scan examples/digits", (clean, "…", "clean: 0 critical, …"), 0), folder) == ""
    wrong = perform(Step("weighbridge scan examples/digits", (clean.replace("3", "4"),), 0), folder)
    assert "does not print the line\nCLEAN  digits  4" in wrong


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (("one", "two"), ""),
        (("two", "one"), "one"),
        (("one", "three"), "three"),
        (("one", "…", "three"), ""),
        (("three",), ""),
        (("o…e",), ""),
        (("one", "one"), "one"),
    ],
)
def test_lines_come_in_order_and_nothing_is_left_out_silently(
    shown: tuple[str, ...], missing: str, tmp_path: Path
) -> None:
    assert first_missing(shown, "one\n\ntwo\nthree\n", tmp_path) == missing


def test_a_page_is_read_in_order() -> None:
    page = (
        "text\n\n```console\n$ weighbridge scan \\\n    model\nMALICIOUS\n$ echo $?\n1\n"
        "$ ls\na\n```\n\n<!-- file: a/b.toml -->\n```toml\nx = 1\n```\n\n```python\nnot run\n```\n"
    )
    assert list(steps(page)) == [
        Step("weighbridge scan model", ("MALICIOUS",), 1),
        Step("ls", ("a",), 0),
        Written("a/b.toml", "x = 1\n"),
    ]
    with pytest.raises(ValueError, match="begins with one"):
        list(steps("```console\nweighbridge scan\n```\n"))
