"""The site holds every page, and none of it asks another host for anything."""

from __future__ import annotations

import html.parser
import os
import re
import shutil
from pathlib import Path

import pytest

from tools import website

ROOT = Path(__file__).parents[2]


class Requests(html.parser.HTMLParser):
    """What a browser fetches for a page by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and given.get("rel") not in ("canonical", "next", "prev", "author"):
            self.found.append(given.get("href", ""))
        if tag not in ("a", "link"):
            self.found += [given[name] for name in ("src", "srcset", "data", "poster", "action") if name in given]
        self.found += styled(given.get("style", ""))


def styled(text: str) -> list[str]:
    """What a style sheet fetches."""
    return re.findall(r"url\(\s*['\"]?([^'\")]+)", text) + re.findall(r"@import\s+['\"]([^'\"]+)", text)


def elsewhere(site: Path) -> list[str]:
    """Every request of the site that would leave it, with the file that makes it."""
    wrong = []
    for path in site.rglob("*"):
        targets: list[str] = []
        if path.suffix == ".html":
            text = path.read_text(encoding="utf-8")
            parser = Requests()
            parser.feed(text)
            targets = parser.found + [
                target for style in re.findall(r"<style.*?</style>", text, re.DOTALL) for target in styled(style)
            ]
        elif path.suffix == ".css":
            targets = styled(path.read_text(encoding="utf-8"))
        wrong += [f"{path.name}: {target}" for target in targets if re.match(r"(?:[a-z]+:)?//", target)]
    return wrong


def test_every_page_is_in_the_contents() -> None:
    made = website.pages(str(ROOT))
    there = {website._named(str(path.relative_to(ROOT / "docs"))) for path in (ROOT / "docs").rglob("*.md")}
    assert there | set(website.PROJECT.values()) == set(made)
    for section in ("Guides", "Models", "Evidence and gates", "Azure and afterwards", "Reference", "Project"):
        assert f":caption: {section}\n" in made["index.md"]


def test_the_site_is_whole_and_asks_nobody(tmp_path: Path) -> None:
    """Built with each warning as an error: a link or an anchor that is broken is one. Of rules, detections
    and decisions a few are enough here; test_links.py reads all of them.
    """
    kept = tmp_path / "repository"
    shutil.copytree(ROOT / "docs", kept / "docs")
    for name in website.PROJECT:
        shutil.copy(ROOT / name, kept)
    for pattern in ("rules/*/*.md", "reference/detections/[!R]*.md", "decisions/0*.md"):
        for page in sorted((kept / "docs").glob(pattern))[5:]:
            page.unlink()
    site = tmp_path / "site"
    assert website.build(str(kept), str(site)) == 0
    assert {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")} >= {
        Path(page) for page in website.pages(str(kept))
    }
    assert elsewhere(site) == []
    page = (site / "guides" / "in-ci.html").read_text(encoding="utf-8")
    assert "../reference/commands/index.html" in page
    assert "weighbridge exemption list" in re.sub(r"<[^>]+>", "", page)
    assert (site / "searchindex.js").stat().st_size > 10_000


def test_a_request_to_elsewhere_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<script src="https://cdn.example/x.js"></script><a href="https://fine.example">x</a><img src="../y.png">'
        '<link rel="stylesheet" href="//fonts.example/f.css"><style>@import "http://i.example/i.css";</style>'
        '<p style="background: url(https://b.example/b.png)">'
    )
    (tmp_path / "b.css").write_text(
        '@font-face { src: url("https://f.example/f.woff2") } a { background: url(data:x) }'
    )
    assert sorted(elsewhere(tmp_path)) == [
        "a.html: //fonts.example/f.css",
        "a.html: http://i.example/i.css",
        "a.html: https://b.example/b.png",
        "a.html: https://cdn.example/x.js",
        "b.css: https://f.example/f.woff2",
    ]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A repository of four pages."""
    (tmp_path / "docs" / "rules").mkdir(parents=True)
    (tmp_path / "docs" / "README.md").write_text(
        "# Site\n\n## All\n\n- [Rules](rules/README.md)\n- [Safe](../SECURITY.md)\n"
    )
    (tmp_path / "docs" / "rules" / "README.md").write_text(
        "[one](one.md) [code](../../src/x.py) [`dir`](../) [safe](../../SECURITY.md#a) [out](https://example.invalid)\n\n"
        "```text\n[kept](../../src/x.py)\n```\n"
    )
    (tmp_path / "docs" / "rules" / "one.md").write_text("# One\n")
    for name in website.PROJECT:
        (tmp_path / name).write_text("# A\n")
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        contents = tmp_path / "docs" / "README.md"
        contents.write_text(f"{contents.read_text()}- [x](../{name})\n")
    return tmp_path


def test_links_that_leave_the_pages_become_text(small: Path) -> None:
    made = website.pages(str(small))
    assert made["rules/index.md"] == (
        "[one](one.md) code [`dir`](../index.md) [safe](../project/security.md#a) [out](https://example.invalid)\n\n"
        "```text\n[kept](../../src/x.py)\n```\n"
    )
    assert made["rules/one.md"].startswith("---\norphan: true\n---\n")
    assert "```{toctree}\n:hidden:\n:caption: All\n\nRules <rules/index>\nSafe <project/security>\n" in made["index.md"]


def test_a_page_that_nothing_names_is_refused(small: Path) -> None:
    (small / "docs" / "lost.md").write_text("# Lost\n")
    with pytest.raises(ValueError, match=r"lost\.md"):
        website.pages(str(small))


def test_what_the_site_needs_is_pinned() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for name in ("sphinx", "myst-parser", "furo"):
        assert re.search(rf'"{name}==[\d.]+"', text), name
    assert os.path.isfile(os.path.join(website.CONFIGURATION, "conf.py"))
