"""The README shows what really appears on the screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from build.running import command

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name: str) -> list[str]:
    found = re.search(rf"<!-- {name}:begin -->\n```text\n(.*?)```\n<!-- {name}:end -->", README, re.DOTALL)
    assert found, f"README.md has no block {name}"
    return [line for line in found[1].splitlines() if line.strip() and line != "…"]


def masked(text: str) -> str:
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:DIGEST", text)
    text = re.sub(r"oci:\S*registry:", "oci:registry:", text)
    return re.sub(r"\d{4}-\d\d-\d\d", "DATE", text)


@pytest.mark.parametrize("name", ["demo", "admit"])
def test_every_line_of_the_sample_is_printed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("weighbridge.render.terminal.style_for", lambda *_: style())
    assert command("init").status == 0
    for model, status in (("digits", 0), ("trojan", 1)):
        words = ("intake", ROOT / "examples" / model, "--to", f"oci:registry:{model}:v1", "--stage", "production")
        outcome = command(*words)
        assert outcome.status == status
    printed = outcome.out if name == "demo" else command("admit", "digits:v1", "--stage", "production").out
    lines = set(masked(printed).splitlines())
    shown = block(name)
    assert shown[0].startswith("$ weighbridge ")
    assert [line for line in shown[1:] if masked(line) not in lines] == []


def style() -> object:
    from weighbridge.render.terminal import Style

    return Style(colour=False, width=100, unicode=True)
