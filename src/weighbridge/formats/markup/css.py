r"""Style sheets and style attributes: what they load, what they run, what they hide or lay over the page.

Comments and escapes (`\\75 rl(`) are undone first, as a browser does. Source: CSS Syntax Module Level 3, 4.3.7.
"""

from __future__ import annotations

import re
from functools import cache

MOST = 1024 * 1024
"""Characters of a style that are looked at: a document whose markup is read has no more."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(r"[\"'(][^\"'()\n]{0,200}/\*"),
        re.compile(r"\\([0-9a-fA-F]{1,6})[ \t\r\n\f]?|\\([^\n])"),
        re.compile(r"expression\s*\(|behaviou?r\s*:|-moz-binding|javascript\s*:|vbscript\s*:|@charset\s*\"?utf-7"),
        re.compile(
            r"@import|(?:url|image-set|src)\s*\(\s*['\"]?\s*(?!['\"]?\s*(?:#|data:image/(?:png|jpe?g|gif|webp|svg\+xml)))"
        ),
        re.compile(r"position\s*:\s*(?:fixed|sticky|absolute)"),
        re.compile(
            r"(?:^|[;{\s])(?:width|height|inset|top|left)\s*:\s*(?:100%|100vw|100vh|0(?:px)?\s*(?:;|!|}|$))"
            r"|z-index\s*:\s*\d{2}|opacity\s*:\s*0?\.?0\d?\s*(?:;|!|}|$)"
        ),
        re.compile(
            r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|opacity\s*:\s*0(?:\.0+\d?)?\s*(?:;|!|$)"
            r"|font-size\s*:\s*(?:0|0?\.\d+|1)(?:px|pt|em|rem|%)?\s*(?:;|!|$)|color\s*:\s*transparent"
            r"|(?:left|top|right|text-indent|margin-left|margin-top)\s*:\s*-\d{3,}"
            r"|(?:max-)?(?:height|width)\s*:\s*[01](?:px)?\s*(?:;|!|$)|clip(?:-path)?\s*:\s*(?:rect\(\s*0|inset\(\s*(?:50|100)%)"
            r"|transform\s*:\s*scale\(\s*0"
        ),
        re.compile(r"(?:^|[;\s])color\s*:\s*(?:white|#fff(?:fff)?\b|rgba?\(\s*255\s*,\s*255\s*,\s*255|#fefefe|snow\b)"),
    )


def undone(style: str) -> str:
    """A style in lower case without comments and escapes."""
    return unescaped(_without_comments(style[:MOST]))


def unescaped(style: str) -> str:
    """A style in lower case without escapes."""
    escapes = _patterns()[1]

    def plain(match: re.Match[str]) -> str:
        code = int(match[1], 16) if match[1] else 0
        return (
            (chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd") if match[1] else match[2]
        )

    return escapes.sub(plain, style).lower()


def _without_comments(style: str) -> str:
    pieces, end = [], 0
    while (start := style.find("/*", end)) >= 0:
        pieces.append(style[end:start])
        end = style.find("*/", start + 2) + 2
        if end < 2:
            return "".join(pieces)
    return "".join([*pieces, style[end:]])


def effects(style: str) -> list[tuple[str, str]]:
    """What a style does besides looks: `style-code`, `style-load`, `overlay`, with the part that tells."""
    if len(style) < 8:
        return []
    quoted, _, code, load, position, cover, _, _ = _patterns()
    text = undone(style)
    if quoted.search(style):
        # What begins a comment begins none inside of a text or an address: read it both ways.
        text += "\n" + unescaped(style[:MOST])
    found = []
    for kind, pattern in (("style-code", code), ("style-load", load)):
        match = pattern.search(text)
        if match:
            found.append((kind, text[max(0, match.start() - 20) : match.end() + 80]))
    match = position.search(text)
    if match and cover.search(text):
        found.append(("overlay", text[:120]))
    return found


def hides(style: str) -> bool:
    """Whether what has this style cannot be seen: not shown, of no size, outside of the page, or white."""
    text = undone(style)
    *_, hidden, white = _patterns()
    return bool(hidden.search(text) or (white.search(text) and "background" not in text))
