"""Markdown as HTML for judgement: nothing of it is shown, and no link is dropped on the way.

The parser's own check of links is switched off: it leaves out what is dangerous, and other viewers do not.
Source: CommonMark 0.31, tables and strikethrough of GitHub Flavored Markdown.
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_TICKS = re.compile(r"`+")


@cache
def _parser(nesting: int) -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": nesting}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign] # noqa: ARG005 -- the name is the caller's
    return parser


def rendered(text: str, nesting: int) -> tuple[str, str, list[tuple[int, str]]]:
    """The HTML of a text, the text with its code blanked (same places), and its code blocks with their places."""
    parser = _parser(nesting)
    environment: dict[str, object] = {}
    tokens = parser.parse(text, environment)
    html = parser.renderer.render(tokens, parser.options, environment)
    starts = [0]
    starts.extend(match.end() for match in re.finditer(r"\r\n|\r|\n", text))
    starts.append(len(text) + 1)
    blocks: list[tuple[int, str]] = []
    blanks: list[tuple[int, int]] = []
    for token in tokens:
        if token.map is None:
            continue
        first, last = (min(line, len(starts) - 1) for line in token.map)
        start, end = starts[first], min(starts[last], len(text))
        if token.type in ("fence", "code_block"):
            blocks.append((start, token.content))
            blanks.append((start, end))
        elif token.type == "inline" and _has_code(token):
            blanks.extend(_spans(text, start, end))
    return html, _blanked(text, blanks), blocks


def _has_code(token: Token) -> bool:
    return any(child.type == "code_inline" for child in token.children or ())


def _spans(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Code between two runs of as many backticks, as CommonMark pairs them."""
    runs = [(match.start(), match.end()) for match in _TICKS.finditer(text, start, end)]
    following: dict[int, list[int]] = {}
    for index in range(len(runs) - 1, -1, -1):
        following.setdefault(runs[index][1] - runs[index][0], []).append(index)
    found = []
    index = 0
    while index < len(runs):
        begin, behind = runs[index]
        same = following[behind - begin]
        while same and same[-1] <= index:
            same.pop()
        if same:
            found.append((begin, runs[same[-1]][1]))
            index = same[-1]
        index += 1
    return found


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    pieces, end = [], 0
    for start, stop in sorted(spans):
        if start < end:
            continue
        pieces.append(text[end:start])
        pieces.append(re.sub(r"[^\r\n]", " ", text[start:stop]))
        end = stop
    return "".join([*pieces, text[end:]])
