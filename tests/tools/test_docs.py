"""Generated pages are up to date, the generator notices every way in which they are not, and the guide's examples work."""

from __future__ import annotations

import inspect
import os
import re
import shutil
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from build.inspecting import KNOWLEDGE
from build.models import TINY, publish_tiny
from tools import docs
from weighbridge import formats
from weighbridge.core import facts
from weighbridge.formats import FORMATS, Entry
from weighbridge.registry.read import load_model
from weighbridge.rules import RULES
from weighbridge.rules.base import RuleContext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A copy of what the generator reads, with its pages written."""
    shutil.copytree(os.path.join(docs.ROOT, "src"), tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(docs.ROOT, "pyproject.toml"), tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "architecture.md").write_text(
        "before\n<!-- floors:begin -->\nold\n<!-- floors:end -->\nafter\n"
    )
    (tmp_path / "README.md").write_text("# Tool\n<!-- help:begin -->\n<!-- help:end -->\nthe end\n")
    docs.write(str(tmp_path), docs.out_of_date(str(tmp_path)))
    return tmp_path


def test_the_pages_are_what_the_generator_makes() -> None:
    assert docs.out_of_date(docs.ROOT) == []
    assert docs.main(["--check"]) == 0


def test_every_rule_and_every_format_has_its_place(repository: Path) -> None:
    table = (repository / "docs/rules/README.md").read_text()
    for rule in RULES:
        assert f"({rule.id}.md)" in table
        assert rule.sections()["Why it matters"] in (repository / f"docs/rules/{rule.id}.md").read_text()
    page = (repository / "docs/formats/README.md").read_text()
    for found in FORMATS:
        assert f"| `{found.name}` | {found.version} |" in page
    assert page.count("## ") == len({type(found).__module__ for found in FORMATS})


def test_blocks_are_filled_and_what_is_around_them_stays(repository: Path) -> None:
    page = (repository / "docs/architecture.md").read_text()
    assert page.startswith("before\n<!-- floors:begin -->\n```mermaid\nflowchart TD\n    cli[cli/]\n")
    assert "    scan --> formats\n" in page
    assert "    cli --> core\n" not in page
    assert "    rules --> core\n" in page
    assert page.endswith("<!-- floors:end -->\nafter\n")
    readme = (repository / "README.md").read_text()
    assert "usage: weighbridge COMMAND" in readme
    assert readme.endswith("```\n<!-- help:end -->\nthe end\n")


def test_every_way_to_be_out_of_date_is_seen_and_mended(repository: Path) -> None:
    root = str(repository)
    assert docs.out_of_date(root) == []
    (repository / "docs/rules/file/link.md").unlink()
    (repository / "docs/rules/file/gone.md").write_text("a rule that is no more")
    (repository / "docs/formats/README.md").write_text("by hand")
    readme = repository / "README.md"
    readme.write_text(readme.read_text().replace("usage:", "Usage:"))
    stale = docs.out_of_date(root)
    assert stale == ["README.md", "docs/formats/README.md", "docs/rules/file/gone.md", "docs/rules/file/link.md"]
    docs.write(root, stale)
    assert docs.out_of_date(root) == []
    assert not (repository / "docs/rules/file/gone.md").exists()


def test_check_writes_nothing(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "ROOT", str(repository))
    assert docs.main(["--check"]) == 0
    (repository / "docs/rules/README.md").write_text("by hand")
    assert docs.main(["--check"]) == 1
    assert capsys.readouterr().err == "out of date: docs/rules/README.md\n"
    assert (repository / "docs/rules/README.md").read_text() == "by hand"
    assert docs.main([]) == 0
    assert docs.main(["--check"]) == 0


def test_a_page_without_the_block_is_left_alone_and_a_torn_block_is_an_error() -> None:
    assert docs.with_block("text\n", "help", "new\n") == "text\n"
    with pytest.raises(ValueError, match="help"):
        docs.with_block("<!-- help:begin -->\n", "help", "new\n")


def test_arrows_are_the_imports(tmp_path: Path) -> None:
    (tmp_path / "high").mkdir()
    (tmp_path / "high" / "module.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "import weighbridge.one.deep\n"
        "from weighbridge import __version__, two\n"
        "if TYPE_CHECKING:\n    from weighbridge.three import X\n    from weighbridge.four import Y\n"
        "def f():\n    from weighbridge.four import Y\n    from weighbridge.high.other import Z\n"
    )
    assert docs.arrows(str(tmp_path), "high") == [
        docs.Arrow("high", "four", at_run_time=True),
        docs.Arrow("high", "one", at_run_time=True),
        docs.Arrow("high", "three", at_run_time=False),
        docs.Arrow("high", "two", at_run_time=True),
    ]


def guide() -> dict[str, str]:
    """The files that CONTRIBUTING.md shows, by path."""
    with open(os.path.join(docs.ROOT, "CONTRIBUTING.md"), encoding="utf-8") as file:
        return dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", file.read(), re.DOTALL))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, types.ModuleType]]:
    """The modules that CONTRIBUTING.md shows, loaded as if their files were there; formats are registered."""
    modules = {}
    for path, code in guide().items():
        name = path.removeprefix("src/").removesuffix(".py").replace("/", ".")
        module = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(code, path, "exec"), vars(module))
        modules[path] = module
    entry = Entry("riff", "Riff", {".riff": "riff"}, lambda _, info: info.head.startswith(b"RIFF"))
    monkeypatch.setattr(formats, "REGISTRY", (*formats.REGISTRY, entry))
    _forget()
    yield modules
    monkeypatch.undo()
    _forget()


def _forget() -> None:
    """What was worked out of the formats that there are."""
    for kept in (formats._asked, formats._extensions, formats.loaded):
        kept.cache_clear()


def test_the_guide_shows_one_file_for_each_seam() -> None:
    folders = {os.path.dirname(path) for path in guide()}
    assert {f"src/weighbridge/{name}" for name in ("formats", "rules", "attest", "registry")} <= folders


def test_the_tests_that_the_guide_shows_pass(shown: dict[str, types.ModuleType], tmp_path: Path) -> None:
    count = 0
    for path, module in shown.items():
        for name, function in vars(module).items():
            if path.startswith("tests/") and name.startswith("test_"):
                wanted: dict[str, Any] = (
                    {"tmp_path": tmp_path} if "tmp_path" in inspect.signature(function).parameters else {}
                )
                function(**wanted)
                count += 1
    assert count >= 5


def test_the_rule_that_the_guide_shows_keeps_its_examples(shown: dict[str, types.ModuleType]) -> None:
    (rule,) = shown["src/weighbridge/rules/configuration.py"].RULES
    for section, fires in (("Fires on", True), ("Stays silent on", False)):
        fact = eval(rule.sections()[section], vars(facts))
        assert bool(list(rule.judge(fact, RuleContext("", (fact,), KNOWLEDGE)))) is fires


def test_the_store_that_the_guide_shows_holds_a_model(shown: dict[str, types.ModuleType]) -> None:
    store = shown["src/weighbridge/registry/memory.py"].MemoryStore("org/tiny")
    published = publish_tiny(store)
    model = load_model(store, store.reference(tag="1.0"))
    assert model.manifest.digest == published.manifest.digest
    assert {file.path for file in model.files} == set(TINY)
    assert len(model.evidence) == len(published.evidence) > 0
