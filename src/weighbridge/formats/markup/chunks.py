"""Documents that are programs: their code runs when they are made into pages, not when somebody copies it.

    R Markdown, Quarto    ```{python} … ``` and `r …` run when the document is knit, in a comment of HTML too
    MDX                   import, export and { … } are JavaScript and run when the page is built

Source: knitr, "all_patterns" (a chunk begins at any line that looks like one); MDX 2, "What is MDX".
"""

from __future__ import annotations

import re

from weighbridge.core.facts import Child, UnreadSpan
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

KNIT = frozenset((".qmd", ".rmd"))
_CHUNK = re.compile(
    r"^[\t >]*```+[ \t]*\{+[ \t]*([A-Za-z][\w.+-]*)[^\n]*\}[ \t]*\r?\n(.*?)(?:^[\t >]*```+[ \t]*\r?$|\Z)",
    re.MULTILINE | re.DOTALL,
)
_INLINE = re.compile(r"(?<!`)`(?:\{\w+\}|r|python|julia)[ \t]+[^`\n]{1,2000}`")
_MODULE = re.compile(r"^(?:import|export)\b[^\n]*", re.MULTILINE)
_EXPRESSION = re.compile(r"\{(?!/\*)[^{}\n]{0,200}")
_NAMES = {"python": "py", "python3": "py", "py": "py", "bash": "sh", "sh": "sh", "zsh": "sh"}


def knit(text: str) -> Iterator[Child | UnreadSpan]:
    """What runs when the document is knit: Python and shell as files of their own, other languages as unread."""
    pieces: dict[str, list[str]] = {}
    for match in _CHUNK.finditer(text):
        kind = _NAMES.get(match[1].lower())
        if kind is None:
            yield _unread(text, match.start(), match.end(), f"code in {match[1][:40]!r}, which is not read here")
        else:
            pieces.setdefault(kind, []).append(re.sub(r"^[\t ]*>[\t >]*", "", match[2], flags=re.MULTILINE))
    for kind, parts in pieces.items():
        yield Child(f"chunks.{kind}", -1, 0, Reader(MemorySource("\n".join(parts).encode("utf-8", "surrogatepass"))))
    for match in _INLINE.finditer(text):
        yield _unread(text, match.start(), match.end(), "code in the line, which is not read here")


def module(text: str, plain: str) -> Iterator[UnreadSpan]:
    """What is JavaScript in MDX. `plain` is the text with its code blanked: what stands in code is only shown."""
    for pattern in (_MODULE, _EXPRESSION):
        match = pattern.search(plain)
        if match:
            yield _unread(text, match.start(), match.end(), "JavaScript of a page, which is not read here")


def _unread(text: str, start: int, end: int, why: str) -> UnreadSpan:
    before = len(text[:start].encode("utf-8", "surrogatepass"))
    return UnreadSpan(before, len(text[start:end].encode("utf-8", "surrogatepass")), why)
