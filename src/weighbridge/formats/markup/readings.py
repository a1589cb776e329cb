"""Markdown and HTML in every way that viewers read them: what one of them takes for code, another takes for markup.

    as CommonMark with tables      the HTML of it
    with footnotes                 the same, where something looks like one
    the source without its code    as HTML, and each tag and link of it by itself

What runs something in any reading counts. Sources: CommonMark 0.31; GitHub Flavored Markdown; the differences were
found by comparing with marked and markdown-it.
"""

from __future__ import annotations

import re
from itertools import chain

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.markup.link_hosts import RUNS, effect, parts
from weighbridge.formats.markup.markdown import rendered
from weighbridge.formats.markup.walk import Seen
from weighbridge.formats.texts.active import active_text
from weighbridge.formats.texts.hidden import instruction

if TYPE_CHECKING:
    from collections.abc import Iterator

NESTING = 60
"""Levels of lists, quotations and brackets that are followed; deeper ones are said to be there."""
_TAG_KINDS = frozenset(("script", "handler", "script-address", "frame", "redirect", "form", "style-code", "style-load"))
"""What counts in a tag that is looked at by itself."""
_MARKUP = re.compile(r"<[a-zA-Z/!?]|\]\(|\]:|\]\[|&[#a-zA-Z]|\{\{|\[\[|\$\{|#\{|\{%|<%|\\[a-zA-Z]+\s*\{")
_TAG = re.compile(r"<[a-zA-Z/!?%]")
_REFERENCE_NOTE = re.compile(
    r"^ {0,3}\[[^\]\n]{0,100}\]:[ \t]*(?:#|<>|/|<#>)[ \t]*[(\"'](.{8,2000}?)[)\"'][ \t]*$", re.MULTILINE
)
_INSTALL = re.compile(
    r"(?:curl|wget|fetch|iwr|irm|invoke-webrequest)\b[^\n|;]{1,300}\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|z|da|k)?(?:sh|iex|python3?|perl|node)\b"
    r"|(?:ba|z)?sh\s+-c\s+[\"']?\$\((?:curl|wget)|\biex\s*\(",
    re.IGNORECASE,
)
_FOOTNOTE = re.compile(r"^([ \t>*+\-\d.)]*)\[\^([^\]\n]{1,200})\]:", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ACTS = re.compile(
    r"<(?:script|iframe|object|embed|frame|applet|form|input|base|meta|link|style|svg|math)|[\s/\"']on\w+\s*=|[:&]",
    re.IGNORECASE,
)
_ONE_TAG = re.compile(r"<[a-zA-Z][^<>]{0,4000}>?")
_BROKEN = re.compile(r"<(?=!(?!--)|\?|/[^a-zA-Z>])")
_LINK = re.compile(r"(?:\]\(|\]:)(?=\s{0,20}(?:<([^<>\n]{1,4000})>|([^\s<>]{4,4000})))")
_FORMULA = re.compile(r"\\([a-zA-Z]{1,40})\s*\{([^{}]{1,2000})\}")


def seen_in_markdown(text: str) -> Iterator[Seen]:
    """What a card does besides showing text. Raises FormatError, at the end, for what is nested too deeply."""
    if not _MARKUP.search(text) and "`" not in text and "\n    " not in text and "~~~" not in text:
        return
    html, rest, blocks, deep = rendered(text, NESTING)
    for start, code in blocks:
        install = _INSTALL.search(code)
        if install:
            yield Seen("install", "code block", install[0][:160], start)
        kind, found = active_text(code) if len(code) < 20_000 else ("", "")
        if kind == "shell" and not install:
            yield Seen("shell", "code block", found, start)
    for note in _REFERENCE_NOTE.finditer(rest):
        order = instruction(note[1])
        if order:
            yield Seen("hidden-order", "reference that shows nothing", order[:160], note.start(1))
    yield from _formulas(rest)
    told: set[tuple[str, str]] = set()
    if _TAG.search(rest):
        for seen in page(rest, card=True):
            told.add((seen.kind, seen.name))
            yield seen
    pages = [html] if _MARKUP.search(text) else []
    other = _BROKEN.sub(" ", _FOOTNOTE.sub(r"\1 ^\2 :", text))
    if other != text:
        # Where footnotes are known, what defines a link elsewhere is shown; where "<!x" begins no tag, it is text.
        shown = rendered(other, NESTING)
        pages.append(shown.html)
        deep = deep or shown.deep
    for shown_page in pages:
        for seen in page(shown_page, card=True):
            told.add((seen.kind, seen.name))
            yield seen._replace(place=-1)
    for seen in chain(_links(rest), _apart(rest)):
        if (seen.kind, seen.name) not in told:
            yield seen
    if deep:
        raise FormatError(f"lists, quotations or brackets lie in each other more than {NESTING} deep", 0)


def _links(rest: str) -> Iterator[Seen]:
    """Links that run something, wherever one may stand: viewers differ in what is a table, a quotation, a title."""
    for match in _LINK.finditer(rest):
        kind, why = effect(match[1] or match[2])
        if kind == "script-address":
            yield Seen(kind, "a href", f"{why}: {(match[1] or match[2])[:120]}", match.start())


def _apart(rest: str) -> Iterator[Seen]:
    """Each tag by itself, whatever stands around it: viewers differ in where a tag before it ends, or begins no tag."""
    pieces: dict[str, None] = {}
    for match in _ONE_TAG.finditer(_BROKEN.sub(" ", _COMMENT.sub(" ", rest))):
        tag = match[0].removesuffix(">")
        name = re.split(r"[\s/]", tag[1:], maxsplit=1)[0].lower()
        if name != "plaintext" and _ACTS.search(tag):
            for quote in "\"'`":
                tag = tag.replace(quote, " ") if tag.count(quote) % 2 else tag
            pieces[f"{tag}></{name}>"] = None
    if pieces:
        for seen in page("\n".join(pieces), card=True):
            if seen.kind in _TAG_KINDS:
                yield seen._replace(place=-1)


def _formulas(text: str) -> Iterator[Seen]:
    r"""Links and styles in formulas: `\href{javascript:…}{x}` is a link where MathJax draws them."""
    from weighbridge.formats.markup.css import effects

    for match in _FORMULA.finditer(text):
        name, inner = match[1], match[2].strip()
        address = name in ("href", "url", "includegraphics")
        if address or parts(inner).scheme in RUNS:
            kind, why = effect(inner)
            if kind:
                yield Seen(kind, f"\\{name}", f"{why}: {inner[:120]}", match.start())
        elif name in ("style", "htmlStyle"):
            for kind, found in effects(inner):
                yield Seen(kind, f"\\{name}", found[:160], match.start())


def page(html: str, *, drawing: bool = False, card: bool = False) -> Iterator[Seen]:
    """What a page does, in every reading of what browsers and others disagree on."""
    from weighbridge.formats.markup.walk import walked

    # Some leave a NUL out, to others it is a character: a comment that one of them opens, the other does not.
    readings = [html.replace("\0", ""), html.replace("\0", "\ufffd")] if "\0" in html else [html]
    if "<![CDATA[" in html:
        # Text inside of a drawing, a comment outside; and browsers disagree on where a drawing may stand.
        readings.append(readings[0].replace("<![CDATA[", " ").replace("]]>", " "))
    try:
        for reading in readings:
            yield from walked(reading, drawing=drawing, card=card)
    except RecursionError:
        raise FormatError("the markup is nested too deeply", 0) from None
