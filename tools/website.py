"""Build the documentation site: the pages of docs/ and those at the top of the repository, as HTML that asks nobody.

    docs/README.md     its headings and lists are the contents of the site; a page that it does not name is refused
    docs/**/*.md       as they are; links that leave the pages become text, since the site has no sources beside it
    CONTRIBUTING.md …  beside them, under `project/`
    → build/site-source → Sphinx → build/site

Pages stay plain Markdown that a forge shows as it is: what Sphinx wants beside that is added here.

Run: python -m tools.website [--output DIR]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tools.docs import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pages")
DOCS = "docs"
CONTENTS = "README.md"
INDEX = "index.md"
"""What a README is called in the site: the page of its folder."""
PROJECT = {f"{name}.md": f"project/{name.lower()}.md" for name in ("CONTRIBUTING", "SECURITY", "CHANGELOG")}
"""Pages at the top of the repository, and where they stand in the site."""
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2[ \t]*$\n?", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def pages(root: str) -> dict[str, str]:
    """Every page of the site by its path there, ready for Sphinx. Raises ValueError for a page that nothing names."""
    there = {os.path.join(DOCS, path): _named(path) for path in _markdown(os.path.join(root, DOCS))} | PROJECT
    contents = _read(os.path.join(root, DOCS, CONTENTS))
    sections = list(_sections(contents, there))
    named = {page for _, listed in sections for _, page in listed}
    left_out = sorted(
        page for page in there.values() if page not in named and page != INDEX and not _below(page, named)
    )
    if left_out:
        raise ValueError(f"docs/{CONTENTS} names neither these pages nor a README above them: {', '.join(left_out)}")
    made = {}
    for path, page in there.items():
        text = _linked(_read(os.path.join(root, path)), path, page, there, root)
        made[page] = text if page in named or page == INDEX else f"---\norphan: true\n---\n{text}"
    made[INDEX] += "".join(_tree(heading, listed) for heading, listed in sections)
    return made


def _named(path: str) -> str:
    """What a page of docs/ is called in the site."""
    folder, name = os.path.split(path)
    return os.path.join(folder, {CONTENTS: INDEX, INDEX: f"the-{INDEX}"}.get(name, name))


def _sections(contents: str, there: dict[str, str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each heading of the contents with what its list names: words, and the page of the site that they lead to."""
    for part in re.split(r"^## ", contents, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        entries = re.findall(r"^- \[([^\]]*)\]\(([^()#\s]+)\)", body, re.MULTILINE)
        listed = [(words, there[os.path.normpath(os.path.join(DOCS, target))]) for words, target in entries]
        if listed:
            yield heading.strip(), listed


def _below(page: str, named: set[str]) -> bool:
    """Whether a README of a folder above the page is named: its list leads there."""
    folder = os.path.dirname(page)
    while folder:
        if f"{folder}/{INDEX}" in named:
            return True
        folder = os.path.dirname(folder)
    return False


def _tree(heading: str, listed: list[tuple[str, str]]) -> str:
    names = "\n".join(f"{words} <{page.removesuffix('.md')}>" for words, page in listed)
    return f"\n```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{names}\n```\n"


def _linked(text: str, path: str, page: str, there: dict[str, str], root: str) -> str:
    """The text of a page with each link leading to a page of the site, or being text if there is none."""

    def replaced(match: re.Match[str]) -> str:
        words, target = match.groups()
        if "://" in target or target.startswith(("#", "mailto:")):
            return match[0]
        file, hash_sign, anchor = target.partition("#")
        full = os.path.normpath(os.path.join(os.path.dirname(path), file))
        if os.path.isdir(os.path.join(root, full)):
            full = os.path.join(full, CONTENTS)
        if full not in there:
            return words
        return f"[{words}]({os.path.relpath(there[full], os.path.dirname(page))}{hash_sign}{anchor})"

    done, at = [], 0
    for fence in FENCE.finditer(text):
        done += [LINK.sub(replaced, text[at : fence.start()]), fence[0].replace("```mermaid", "```text")]
        at = fence.end()
    return "".join([*done, LINK.sub(replaced, text[at:])])


def build(root: str, output: str) -> int:
    """Write the site and give Sphinx's exit status; every warning is an error."""
    staged = os.path.join(root, "build", "site-source")
    shutil.rmtree(staged, ignore_errors=True)
    for page, text in pages(root).items():
        full = os.path.join(staged, page)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
    for path in _pictures(os.path.join(root, DOCS)):
        os.makedirs(os.path.dirname(os.path.join(staged, path)), exist_ok=True)
        shutil.copyfile(os.path.join(root, DOCS, path), os.path.join(staged, path))
    shutil.rmtree(output, ignore_errors=True)
    words = ("-q", "-W", "--keep-going", "-E", "-d", f"{staged}.trees", "-c", CONFIGURATION, staged, output)
    return subprocess.run([sys.executable, "-m", "sphinx", *words], check=False, timeout=600).returncode


def _markdown(folder: str) -> Iterator[str]:
    return _files(folder, (".md",))


def _pictures(folder: str) -> Iterator[str]:
    return _files(folder, (".png", ".svg"))


def _files(folder: str, endings: tuple[str, ...]) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        yield from (os.path.relpath(os.path.join(place, one), folder) for one in sorted(names) if one.endswith(endings))


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def main(arguments: list[str]) -> int:
    """Build into the folder that --output names; build/site if none is."""
    parser = argparse.ArgumentParser(prog="website.py", description="Build the documentation site.")
    parser.add_argument("--output", default=os.path.join(ROOT, "build", "site"), help="default: build/site")
    return build(ROOT, parser.parse_args(arguments).output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
