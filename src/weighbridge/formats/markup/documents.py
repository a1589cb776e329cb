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

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Markup, Oddity, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.lfs_pointer import FIRST_LINE
from weighbridge.formats.texts.active import active_text
from weighbridge.formats.texts.embedded import embedded_in_text
from weighbridge.formats.texts.hidden import instruction, shapeless
from weighbridge.formats.texts.plain import search_text
from weighbridge.formats.texts.searched import searched_people

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo
    from weighbridge.formats.markup.walk import Seen

FRONT = 2 * 1024 * 1024
"""Bytes in which the end of the front matter is looked for."""
STRAY = 50
"""Characters for each byte that does not fit into UTF-8: a text in an older encoding has fewer strays than that."""
NESTING = 20
"""Levels of lists and quotations that are followed, as in the parser's own setting for untrusted text."""
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_MARKUP = re.compile(r"<[a-zA-Z/!?]|\]\(|\]:|\]\[|&[#a-zA-Z]|\{\{|\[\[|\$\{|#\{|\{%|<%")
_TAG = re.compile(r"<[a-zA-Z/!?%]")
_REFERENCE_NOTE = re.compile(
    r"^ {0,3}\[[^\]\n]{0,100}\]:[ \t]*(?:#|<>|/|<#>)[ \t]*[(\"'](.{8,2000}?)[)\"'][ \t]*$", re.MULTILINE
)
_INSTALL = re.compile(
    r"(?:curl|wget|fetch|iwr|irm|invoke-webrequest)\b[^\n|;]{1,300}\|\s*(?:sudo\s+)?(?:\S*/)?(?:ba|z|da|k)?(?:sh|iex|python3?|perl|node)\b"
    r"|(?:ba|z)?sh\s+-c\s+[\"']?\$\((?:curl|wget)|\biex\s*\(",
    re.IGNORECASE,
)
_MARKS = "[]*_`<>&#|~!"


class Markdown:
    """A card or another document in Markdown."""

    name = "markdown"
    version = 1
    extensions = frozenset((".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name: nothing but the name tells Markdown from other text."""
        del data
        return Match.MAYBE if info.extension in self.extensions and _is_text(info.head) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what the document does besides showing text, and what is hidden in it."""
        del info
        text = yield from _text(data, budget, FRONT + budget.limits.markup)
        if text is None:
            return
        front = _FRONT.match(text)
        start = front.end() if front else 0
        if front:
            yield from _front_matter(front[1], budget)
        body = text[start:]
        before = len(text[:start].encode())
        yield from _shapes(text)
        if _too_much(body, budget):
            yield from _reached(body, budget)
            yield Span(0, data.size, "data")
            return
        yield from _told(_seen_in_markdown(body), body, before, budget)
        yield Span(0, data.size, "parsed")


class Html:
    """A page, or a drawing in SVG."""

    name = "html"
    version = 1
    extensions = frozenset((".html", ".htm", ".xhtml", ".svg", ".mhtml"))

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
        for kind, found in re.findall(
            r"<!(ENTITY)\s+([^>]{0,200})|<\?(?:xml-stylesheet)\b", text[: 64 * 1024], re.IGNORECASE
        ):
            if kind:
                outside = re.search(r"\b(?:SYSTEM|PUBLIC)\b", found)
                yield Oddity("xml-external-entity" if outside else "xml-entity", found[:100])
            else:
                yield Oddity("xml-instruction", "xml-stylesheet")
        if _too_much(text, budget):
            yield from _reached(text, budget)
            yield Span(0, data.size, "data")
            return
        yield from _told(_walked(text.replace("\0", ""), drawing=drawing), text, 0, budget)
        yield Span(0, data.size, "parsed")


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


def _shapes(text: str) -> Iterator[Fact]:
    told = set()
    for name, spelt, place in shapeless(text):
        if name not in told:
            told.add(name)
            yield Markup("shapeless", name, spelt, len(text[:place].encode("utf-8", "surrogatepass")))


def _seen_in_markdown(text: str) -> Iterator[Seen]:
    from weighbridge.formats.markup.walk import Seen

    if not _MARKUP.search(text) and "`" not in text and "\n    " not in text and "~~~" not in text:
        return
    from weighbridge.formats.markup.markdown import rendered

    html, rest, blocks = rendered(text, NESTING)
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
    if _TAG.search(rest):
        yield from _walked(rest.replace("\0", ""), card=True)
    if _MARKUP.search(text):
        for seen in _walked(html.replace("\0", ""), card=True):
            yield seen._replace(place=-1)


def _walked(html: str, *, drawing: bool = False, card: bool = False) -> Iterator[Seen]:
    from weighbridge.formats.markup.walk import walked

    try:
        yield from walked(html, drawing=drawing, card=card)
    except RecursionError:
        raise FormatError("the markup is nested too deeply", 0) from None


def _told(seen: Iterable[Seen], text: str, before: int, budget: Budget) -> Iterator[Fact]:
    """Each thing once, at the first place where it stands."""
    places: dict[tuple[str, str, str], list[int]] = {}
    for kind, name, what, place in seen:
        found = places.setdefault((kind, name, what), [place, 0])
        found[1] += place >= 0 or found[0] < 0
        if len(places) > budget.facts:
            yield Limit("facts", budget.limits.facts)
            return
    budget.facts -= len(places)
    at = _Bytes(text)
    ordered = sorted(places.items(), key=lambda item: (item[1][0] < 0, item[1][0]))
    for (kind, name, what), (place, times) in ordered:
        offset = at.of(place) if place >= 0 else at.find(what.partition(": ")[2] or what)
        yield Markup(kind, name, what, before + offset, max(1, times))


class _Bytes:
    """Places in a text as bytes of its UTF-8; those asked for in order cost nothing twice."""

    __slots__ = ("_ascii", "_bytes", "_index", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._ascii = text.isascii()
        self._index = self._bytes = 0

    def of(self, index: int) -> int:
        if self._ascii:
            return min(index, len(self._text))
        if index >= self._index:
            self._bytes += len(self._text[self._index : index].encode("utf-8", "surrogatepass"))
            self._index = index
        return self._bytes

    def find(self, what: str) -> int:
        place = self._text.find(what[:24]) if what else -1
        return len(self._text[:place].encode("utf-8", "surrogatepass")) if place > 0 else 0
