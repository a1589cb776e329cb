"""Markdown as HTML for judgement: nothing of it is shown, and no link is dropped on the way.

The parser's own check of links is switched off: it leaves out what is dangerous, and other viewers do not.
Source: CommonMark 0.31, tables and strikethrough of GitHub Flavored Markdown.
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

_BLOCK = re.compile(r"\n[ \t>]*<[a-zA-Z/!?]")
"""A line that begins a block of HTML for some viewers, whatever stands around it."""
_TICKS = re.compile(r"`+")
_DEEP = "nested more deeply than is followed"


@cache
def _parser(nesting: int) -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": nesting}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign] # noqa: ARG005 -- the name is the caller's
    # Others leave characters in an address that this one would spell as %09, and a browser leaves them out.
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    _note_depth(parser, nesting)
    return parser


def _note_depth(parser: MarkdownIt, nesting: int) -> None:
    """What lies deeper than `nesting` the parser leaves out without a word."""
    tokenize, skip = parser.block.tokenize, parser.inline.skipToken

    def noted_blocks(state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803 -- the parser's names
        if state.level >= nesting:
            state.env[_DEEP] = True
        tokenize(state, startLine, endLine)

    def noted_skip(state: StateInline) -> None:
        if state.level >= nesting:
            state.env[_DEEP] = True
        skip(state)

    parser.block.tokenize = noted_blocks  # type: ignore[method-assign]
    parser.inline.skipToken = noted_skip  # type: ignore[method-assign]


class Rendered(NamedTuple):
    """The HTML of a text, the text with its code blanked (same places), and its code blocks with their places."""

    html: str
    rest: str
    blocks: list[tuple[int, str]]
    deep: bool
    """Whether it is nested so deeply that the parser may have left something out."""


def rendered(text: str, nesting: int) -> Rendered:
    """Read a text as Markdown."""
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
            # Behind a line of text only a table, which others do not know, lets indented code begin.
            behind = first and text[starts[first - 1] : start].strip(" \t\r\n>")
            if token.type == "fence" or not behind:
                blanks.append((start, end))
        elif token.type == "inline" and _has_code(token):
            blanks.extend(_spans(text, start, end))
    return Rendered(html, _blanked(text, blanks), blocks, _DEEP in environment)


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
            if not _BLOCK.search(text, begin, runs[same[-1]][1]):
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
