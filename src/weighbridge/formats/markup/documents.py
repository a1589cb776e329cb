"""Model cards and other documents that a viewer shows: Markdown, HTML, drawings in SVG.

    ---
    license: mit            front matter: YAML, read as events (`formats/grammars/yaml_events.py`); only of Markdown
    ---
    # Text with <b>markup</b>

Markdown is made into HTML twice: once as CommonMark with tables makes it, and once as the source itself without its
code, because viewers differ in what they take for markup. Both are read as a browser reads them (`walk.py`).
A document larger than `Limits.markup`, or with more marks than `Limits.marks`, is searched and not read.
Sources: CommonMark 0.31; GitHub Flavored Markdown; "Model cards" of the Hub's documentation.
"""

from __future__ import annotations

import re
from itertools import chain

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Markup, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.offsets import Offsets
from weighbridge.formats.lfs_pointer import FIRST_LINE
from weighbridge.formats.markup.chunks import KNIT, knit, module
from weighbridge.formats.markup.drawing import drawn
from weighbridge.formats.markup.markdown import rendered
from weighbridge.formats.markup.readings import NESTING, page, seen_in_markdown
from weighbridge.formats.markup.walk import Seen
from weighbridge.formats.texts.embedded import embedded_in_text
from weighbridge.formats.texts.hidden import shapeless
from weighbridge.formats.texts.plain import search_text
from weighbridge.formats.texts.searched import searched_people

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

FRONT = 2 * 1024 * 1024
"""Bytes in which the end of the front matter is looked for."""
STRAY = 50
"""Characters for each byte that does not fit into UTF-8: a text in an older encoding has fewer strays than that."""
_FRONT_KINDS = frozenset(
    ("script", "handler", "script-address", "frame", "redirect", "form", "style-code", "style-load", "mutation")
)
"""What counts in front matter, which a viewer that does not know it shows as text: words in brackets do not."""
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_XML = frozenset((".svg", ".xhtml", ".xht"))
_ENCODINGS = frozenset(("utf-8", "utf8", "utf-16", "us-ascii", "ascii", "iso-8859-1", "latin1", "windows-1252"))
_MARKS = "[]*_`<>&#|~!"


class Markdown:
    """A card or another document in Markdown."""

    name = "markdown"
    version = 2
    extensions = frozenset((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name: nothing but the name tells Markdown from other text."""
        del data
        return Match.MAYBE if info.extension in self.extensions and _is_text(info.head) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what the document does besides showing text, and what is hidden in it."""
        text = yield from _text(data, budget, FRONT + budget.limits.markup)
        if text is None:
            return
        front = _FRONT.match(text)
        start = front.end() if front else 0
        if front:
            yield from _front_matter(front[1], budget)
            yield from _shown_front(front[1], front.start(1), budget)
        if info.extension in KNIT:
            yield from knit(text)
        body = text[start:]
        before = len(text[:start].encode())
        yield from _shapes(text)
        if _too_much(body, budget):
            yield from _reached(body, budget)
            yield Span(0, data.size, "data")
            return
        yield from _told(seen_in_markdown(body), body, before, budget)
        if info.extension == ".mdx":
            yield from module(text, rendered(text, NESTING).rest)
        yield Span(0, data.size, "parsed")


class Html:
    """A page, or a drawing in SVG."""

    name = "html"
    version = 2
    extensions = frozenset((".html", ".htm", ".xhtml", ".xht", ".svg", ".mhtml"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the name for text, or by a document type under a name that promises nothing else."""
        del data
        head = info.head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        if info.extension in self.extensions:
            return Match.YES if _is_text(info.head) and not head.startswith(FIRST_LINE) else Match.NO
        begins = head.startswith((b"<!doctype html", b"<html", b"<svg", b"<script"))
        return Match.MAYBE if begins and info.extension in ("", ".txt", ".page") else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what the page does besides showing text."""
        text = yield from _text(data, budget, budget.limits.markup)
        if text is None:
            return
        yield from _shapes(text)
        drawing = info.extension == ".svg" or text.lstrip("\ufeff \t\r\n").lower().startswith("<svg")
        for kind, found in re.findall(r"<!(ENTITY)\s+([^>]{0,200})|<\?(?:xml-stylesheet)\b", text, re.IGNORECASE):
            if kind:
                outside = re.search(r"\b(?:SYSTEM|PUBLIC)\b", found)
                yield Oddity("xml-external-entity" if outside else "xml-entity", found[:100])
            else:
                yield Oddity("xml-instruction", "xml-stylesheet")
        if _too_much(text, budget):
            yield from _reached(text, budget)
            yield Span(0, data.size, "data")
            return
        broken = None
        seen = page(text, drawing=drawing)
        if info.extension in _XML:
            as_xml, broken = drawn(data)
            seen = chain(seen, as_xml, _prologue(text))
        yield from _told(seen, text, 0, budget)
        if broken is not None:
            raise broken
        yield Span(0, data.size, "parsed")


def _prologue(text: str) -> Iterator[Seen]:
    """What makes another document of one that is read as XML: a style sheet, which may be a program, or an encoding."""
    for match in re.finditer(r"<\?xml-stylesheet\b([^>]{0,200})", text):
        yield Seen("style-load", "xml-stylesheet", match[1].strip(), match.start())
    declared = re.match(r"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([^\"'>]{0,100})", text.lstrip("\ufeff"))
    if declared and declared[1].strip().lower() not in _ENCODINGS:
        yield Seen("mutation", "xml encoding", declared[1], declared.start(1))


def _is_text(head: bytes) -> bool:
    """Viewers leave out a NUL between letters, so a few of them do not make a document another thing."""
    return head.count(b"\0") * 8 < len(head) or head[:2] in (b"\xff\xfe", b"\xfe\xff")


def _text(data: Reader, budget: Budget, most: int) -> Generator[Fact | Span | Child, None, str | None]:
    """Search the whole document and give its text back; None if it is too long to be read, which is said."""
    if data.size > most:
        yield Limit("markup", budget.limits.markup)
        yield from search_text(data, budget)
        return None
    raw = data.read(0, data.size)
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        # Viewers show a mark for a byte that does not fit; markup is ASCII and stays what it is.
        text = raw.decode(encoding, "replace")
        if encoding != "utf-8" or text.count("\ufffd") * STRAY > len(text):
            raise FormatError(f"the text is not {encoding.upper()}", error.start) from None
    yield from embedded_in_text(text, "text", 0, budget)
    yield from searched_people(text, "text", budget)
    return text


def _too_much(text: str, budget: Budget) -> bool:
    return len(text) > budget.limits.markup or sum(map(text.count, _MARKS)) > budget.limits.marks


def _reached(text: str, budget: Budget) -> Iterator[Fact]:
    long = len(text) > budget.limits.markup
    yield Limit("markup", budget.limits.markup) if long else Limit("marks", budget.limits.marks)


def _front_matter(text: str, budget: Budget) -> Iterator[Fact]:
    """Tags, keys that stand twice and aliases that grow; a broken one is odd, because no reader takes it."""
    from weighbridge.formats.grammars.yaml_events import Grown, Tag, Twice, events

    try:
        for event in events(text):
            if budget.facts <= 0:
                yield Limit("facts", budget.limits.facts, event.offset)
                return
            if isinstance(event, Tag):
                budget.facts -= 1
                yield Oddity("yaml-tag", f"{event.tag[:300]} at {event.path}", event.offset + 4)
            elif isinstance(event, Twice):
                budget.facts -= 1
                yield Oddity("front-matter-twice", f"{event.path!r} stands twice", event.offset + 4)
            elif isinstance(event, Grown):
                yield Oddity(
                    "yaml-aliases", "its aliases stand for more nodes than any loader should build", event.offset
                )
    except FormatError as error:
        yield Oddity("front-matter-broken", error.cause[:200], error.offset + 4)
        for match in re.finditer(r"!!?[<\w][^\s]{3,200}", text):
            if "python" in match[0] or "object" in match[0]:
                yield Oddity(
                    "yaml-tag", f"tag:yaml.org,2002:{match[0].lstrip('!<')[:200]} at a broken place", match.start() + 4
                )


def _shown_front(text: str, before: int, budget: Budget) -> Iterator[Fact]:
    """What a viewer that does not know front matter makes of it: it is Markdown like everything else."""
    if not re.search(r"<[a-zA-Z/!?]|\]\(|\]:", text):
        return
    if _too_much(text, budget):
        yield from _reached(text, budget)
        return
    seen = (one for one in seen_in_markdown(text) if one.kind in _FRONT_KINDS)
    yield from _told(seen, text, before, budget)


def _shapes(text: str) -> Iterator[Fact]:
    told = set()
    for name, spelt, place in shapeless(text):
        if name not in told:
            told.add(name)
            yield Markup("shapeless", name, spelt, len(text[:place].encode("utf-8", "surrogatepass")))


def _told(seen: Iterable[Seen], text: str, before: int, budget: Budget) -> Iterator[Fact]:
    """Each thing once, at the first place where it stands."""
    places: dict[tuple[str, str, str], list[int]] = {}
    broken = None
    try:
        for kind, name, what, place in seen:
            found = places.setdefault((kind, name, what), [place, 0])
            found[1] += place >= 0 or found[0] < 0
            if len(places) > budget.facts:
                yield Limit("facts", budget.limits.facts)
                return
    except FormatError as error:
        broken = error
    budget.facts -= len(places)
    offsets = Offsets(text)
    ordered = sorted(places.items(), key=lambda item: (item[1][0] < 0, item[1][0]))
    for (kind, name, what), (place, times) in ordered:
        offset = offsets.at(place) if place >= 0 else offsets.find(what.partition(": ")[2] or what)
        yield Markup(kind, name, what, before + offset, max(1, times))
    if broken is not None:
        raise broken
