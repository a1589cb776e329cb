"""Every link between pages leads to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def headings(text: str) -> set[str]:
    """The anchors of a page, as forges and MyST make them of headings."""
    tokens = MarkdownIt("commonmark").parse(text)
    found: Counter[str] = Counter()
    anchors = set()
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open":
            continue
        plain = "".join(part.content for part in inline.children or () if part.type in ("text", "code_inline"))
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        anchors.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return anchors | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


@cache
def headings_of(path: Path) -> set[str]:
    return headings(path.read_text(encoding="utf-8"))


def links(text: str) -> list[str]:
    """Where the links and pictures of a page lead."""
    children = [part for token in MarkdownIt("commonmark").enable("table").parse(text) for part in token.children or ()]
    targets = [
        str(part.attrs.get("href") or part.attrs.get("src")) for part in children if part.type in ("link_open", "image")
    ]
    return [target for target in targets if "://" not in target and not target.startswith("mailto:")]


def broken(path: Path, text: str) -> list[str]:
    """The links of a page that lead nowhere."""
    wrong = []
    for target in links(text):
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        lines = re.fullmatch(r"L\d+(-L\d+)?", anchor)
        if not there.exists() or (anchor and not lines and (there.suffix != ".md" or anchor not in headings_of(there))):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize(
    "folder", sorted({path.parent for path in PAGES}), ids=lambda path: str(path.relative_to(ROOT))
)
def test_links_lead_somewhere(folder: Path) -> None:
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in PAGES
        if path.parent == folder and (found := broken(path, path.read_text(encoding="utf-8")))
    }
    assert wrong == {}


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One `two`: three\n\n## Same\n\n## Same\n")
    said = "[a](page.md#one-two-three) [b](page.md#same-1) [c](page.md#same-2) [d](gone.md) | `[e](code.md)`"
    assert broken(page, f"{said}\n\n```text\n[f](fence.md)\n```\n\n[g](https://example.invalid)\n") == [
        "page.md#same-2",
        "gone.md",
    ]
    assert links("| [x](a.md) |\n|---|\n| ![y](b.png) |\n") == ["a.md", "b.png"]
