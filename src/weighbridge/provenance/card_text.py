"""A model card as plain text: what its front matter declares, and what its sections say. Nothing of it is rendered.

    ---
    license: mit                front matter: YAML, read as events; every value stays the text that it is
    datasets: [squad]
    ---
    # Model                     a section: its title, the titles above it, its prose
    **Developed by:** Ada       a label: a few words, bold or first in a row or item, and what stands beside them

Readers disagree on YAML that says something twice, names nodes or tags them: each such thing is a `Trouble`. Code
blocks are kept apart from prose, comments too: they are not shown, so they declare nothing.
Sources: CommonMark 0.31; the Hub's documentation, "Model Cards".
"""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cache
from itertools import pairwise

from weighbridge.core.errors import FormatError
from weighbridge.core.limits import Limits
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

FRONT = 256 * 1024
"""Bytes of front matter that are read; published ones have some kilobytes, lists of results apart."""
EVENTS = 20_000
"""Nodes of the front matter that are read."""
NESTING = 20
TROUBLES = 32
SECTIONS = 2_000
"""Titles of a card that are read, and labels of a section."""
LONGEST_LABEL = 60
"""Characters of bold text, or of a first cell, that may be a label."""
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_UNCLOSED = re.compile(r"\ufeff?---[ \t]*\r?\n")
_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"<[A-Za-z/!?][^<>]{0,2000}>")
_TITLE = re.compile(r"<h([1-6])\b[^<>]{0,300}>(.{0,300}?)</h\1\s*>", re.DOTALL | re.IGNORECASE)
_MARKS = "[]*_`<>&#|~!"


class Declared(NamedTuple):
    """A value in the front matter: keys joined by dots lead to it; `line` counts from 1 in the card."""

    path: str
    value: str
    line: int


class Trouble(NamedTuple):
    """Something on which readers of the front matter disagree, or that keeps them from reading it."""

    kind: str
    detail: str
    line: int


class Label(NamedTuple):
    """A few words and what stands beside them, as in `**License:** mit`."""

    name: str
    value: str
    line: int


class Block(NamedTuple):
    """Prose of one paragraph, item or row. `line` counts from 1 in the card."""

    text: str
    line: int


class Section(NamedTuple):
    """What stands between one title and the next. `above` are the titles that it is inside of, the outermost first."""

    title: str
    level: int
    line: int
    above: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    labels: tuple[Label, ...] = ()
    code: tuple[Block, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join(block.text for block in self.blocks)


class Card(NamedTuple):
    """A card as it was read. `unread` says why a part of it was not; an empty text if all was."""

    size: int
    keys: tuple[Declared, ...] = ()
    values: tuple[Declared, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    sections: tuple[Section, ...] = ()
    links: tuple[Block, ...] = ()
    comments: tuple[Block, ...] = ()
    unread: str = ""

    def of(self, key: str) -> tuple[Declared, ...]:
        """Every value of a key of the front matter: itself, the items of its list."""
        return tuple(item for item in self.values if item.path == key or _item(item.path, key))

    def has(self, key: str) -> bool:
        """Whether the front matter has the key at all, with or without a value."""
        return any(item.path == key for item in self.keys)


def read_card(raw: bytes, limits: Limits = Limits()) -> Card:  # noqa: B008 -- a constant
    """Read a card. Never raises: what cannot be read is said in `unread` or is a trouble."""
    if len(raw) > FRONT + limits.markup:
        return Card(len(raw), unread=f"the card has {len(raw)} bytes; {FRONT + limits.markup} are read at most")
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = raw.decode(encoding, "replace").replace("\0", "")
    unread = "some bytes of the card are no text" if "\ufffd" in text else ""
    match = _FRONT.match(text)
    keys: tuple[Declared, ...] = ()
    values: tuple[Declared, ...] = ()
    troubles: tuple[Trouble, ...] = ()
    start = 0
    if match:
        keys, values, troubles = _front(match[1])
        start = match.end()
    elif _UNCLOSED.match(text):
        troubles = (Trouble("unclosed", "the front matter begins and does not end", 1),)
    body = text[start:]
    first = text.count("\n", 0, start)
    if len(body) > limits.markup or sum(map(body.count, _MARKS)) > limits.marks:
        return Card(len(raw), keys, values, troubles, unread="the text of the card is longer than what is read")
    comments = tuple(
        Block(_spaced(found[1]), first + 1 + body.count("\n", 0, found.start())) for found in _COMMENT.finditer(body)
    )
    try:
        sections, links = _Sections(first).of(body)
    except RecursionError:
        return Card(len(raw), keys, values, troubles, comments=comments, unread="the card is nested too deeply")
    if len(sections) > SECTIONS:
        unread = f"the card has more than {SECTIONS} titles"
    return Card(len(raw), keys, values, troubles, sections, links, comments, unread)


def _item(path: str, key: str) -> bool:
    return path.startswith(f"{key}.") and path[len(key) + 1 :].isdigit()


def _front(text: str) -> tuple[tuple[Declared, ...], tuple[Declared, ...], tuple[Trouble, ...]]:
    from weighbridge.formats.grammars.yaml_events import Grown, Named, Scalar, Tag, Twice, events

    keys: list[Declared] = []
    values: list[Declared] = []
    troubles: list[Trouble] = []
    if len(text) > FRONT:
        return (), (), (Trouble("too-long", f"the front matter is longer than {FRONT} characters", 1),)
    if re.search(r"^---[ \t]+\S", text, re.MULTILINE):
        troubles.append(Trouble("second-document", "the front matter holds a second document", 1))
    lines = _Lines(text)
    count = 0
    try:
        for event in events(text):
            count += 1
            if count > EVENTS:
                troubles.append(Trouble("too-long", f"the front matter has more than {EVENTS} nodes", 1))
                break
            line = lines.at(event.offset) + 1
            if isinstance(event, Scalar):
                (keys if event.is_key else values).append(Declared(event.path, event.value[:10_000], line))
                if event.is_key and event.value == "<<":
                    troubles.append(Trouble("merge", f"{event.path} merges another node into this one", line))
            elif len(troubles) < TROUBLES:
                if isinstance(event, Twice):
                    troubles.append(Trouble("twice", event.path, line))
                elif isinstance(event, Tag):
                    troubles.append(Trouble("tag", f"{event.path} has the tag {event.tag[:100]}", line))
                elif isinstance(event, Named):
                    what = "stands for the node" if event.is_alias else "is given the name"
                    troubles.append(Trouble("alias", f"{event.path} {what} {event.name}", line))
                elif isinstance(event, Grown):
                    troubles.append(Trouble("alias", "its aliases stand for more nodes than a reader builds", line))
    except FormatError as error:
        troubles.append(Trouble("broken", error.cause[:200], lines.at(error.offset) + 1))
    return tuple(keys), tuple(values), tuple(troubles)


class _Lines:
    """Places in bytes of UTF-8 as numbers of lines, the first being 1."""

    __slots__ = ("_starts",)

    def __init__(self, text: str) -> None:
        place = 0
        self._starts = [0]
        for line in text.split("\n"):
            place += len(line.encode("utf-8", "surrogatepass")) + 1
            self._starts.append(place)

    def at(self, offset: int) -> int:
        return bisect_right(self._starts, offset)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": NESTING}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: True  # type: ignore[method-assign] # noqa: ARG005 -- the name is the caller's
    return parser


class _Open:
    """A section while it is filled."""

    __slots__ = ("above", "blocks", "code", "labels", "level", "line", "title")

    def __init__(self, title: str, level: int, line: int, above: tuple[str, ...]) -> None:
        self.title, self.level, self.line, self.above = title, level, line, above
        self.blocks: list[Block] = []
        self.labels: list[Label] = []
        self.code: list[Block] = []

    def done(self) -> Section:
        blocks, labels, code = tuple(self.blocks), tuple(self.labels), tuple(self.code)
        return Section(self.title, self.level, self.line, self.above, blocks, labels, code)


class _Sections:
    """The sections of one text, filled token by token."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._all = [_Open("", 0, first + 1, ())]
        self._links: list[Block] = []

    def of(self, text: str) -> tuple[tuple[Section, ...], tuple[Block, ...]]:
        tokens = _parser().parse(text)
        line = self._first + 1
        row: list[str] | None = None
        for before, token in pairwise([None, *tokens]):
            if token is None or len(self._all) > SECTIONS:
                continue
            if token.map is not None:
                line = self._first + token.map[0] + 1
            if token.type in ("fence", "code_block"):
                self._all[-1].code.append(Block(token.content[:20_000], line))
            elif token.type == "html_block":
                self._page(token.content, line)
            elif token.type == "tr_open":
                row = []
            elif token.type == "tr_close" and row is not None:
                self._row(row, line)
                row = None
            elif token.type == "inline":
                content = self._content(token, line)
                if row is not None:
                    row.append(content)
                elif before is not None and before.type == "heading_open":
                    self._open(content, int(before.tag[1:]), line)
                else:
                    self._paragraph(token, content, line)
        return tuple(section.done() for section in self._all), tuple(self._links)

    def _open(self, title: str, level: int, line: int) -> None:
        over = [*self._all[-1].above, self._all[-1].title] if self._all[-1].level < level else None
        if over is None:
            over = next(([*one.above, one.title] for one in reversed(self._all) if one.level < level), [])
        self._all.append(_Open(title[:300], level, line, tuple(name for name in over if name)[-6:]))

    def _paragraph(self, token: Token, content: str, line: int) -> None:
        bold, rest = _bold(token)
        if bold and not rest.strip(" :\u2013\u2014-"):
            if len(bold) <= LONGEST_LABEL:
                self._open(bold.strip(" :"), 7, line)
                return
        elif bold and len(bold) <= LONGEST_LABEL and (bold.endswith(":") or rest.lstrip().startswith(":")):
            self._all[-1].labels.append(Label(bold.strip(" :"), rest.strip(" :"), line))
        else:
            name, colon, value = content.partition(":")
            if colon and 0 < len(name) <= 40 and name.count(" ") < 5 and value.strip():
                self._all[-1].labels.append(Label(name.strip(" -*"), value.strip(), line))
        if content.strip():
            self._all[-1].blocks.append(Block(content, line))

    def _row(self, cells: list[str], line: int) -> None:
        text = " | ".join(cell for cell in cells if cell.strip())
        if text:
            self._all[-1].blocks.append(Block(text, line))
        if len(cells) > 1 and 0 < len(cells[0]) <= LONGEST_LABEL and cells[1].strip():
            self._all[-1].labels.append(Label(cells[0].strip(" :"), " ".join(cells[1:]).strip(), line))

    def _page(self, html: str, line: int) -> None:
        """HTML: what stands in `<h2>` is a title, tags are left out, comments too."""
        html = _COMMENT.sub(" ", html)
        place = 0
        for title in _TITLE.finditer(html):
            self._words(html[place : title.start()], line)
            self._open(_spaced(_TAG.sub(" ", title[2])), int(title[1]), line + html.count("\n", 0, title.start()))
            place = title.end()
        self._words(html[place:], line)
        for link in re.finditer(r"href\s*=\s*[\"']?([^\"'\s>]{4,500})", html):
            self._links.append(Block(link[1], line))

    def _words(self, html: str, line: int) -> None:
        text = _spaced(_TAG.sub(" ", html))
        if text:
            self._all[-1].blocks.append(Block(text, line))

    def _content(self, token: Token, line: int) -> str:
        return "".join(self._pieces(token, line))

    def _pieces(self, token: Token, line: int) -> Iterator[str]:
        for child in token.children or ():
            if child.type in ("text", "code_inline"):
                yield child.content
            elif child.type in ("softbreak", "hardbreak"):
                yield " "
            elif child.type == "link_open":
                self._links.append(Block(str(child.attrGet("href") or "")[:500], line))


def _bold(token: Token) -> tuple[str, str]:
    """The bold text that a paragraph begins with, and what comes behind it."""
    children = [child for child in token.children or () if child.content or child.type != "text"]
    if not children or children[0].type != "strong_open":
        return "", ""
    bold: list[str] = []
    for place, child in enumerate(children):
        if child.type == "strong_close":
            return "".join(bold).strip(), "".join(_text(other) for other in children[place + 1 :])
        bold.append(_text(child))
    return "", ""


def _text(child: Token) -> str:
    if child.type in ("text", "code_inline"):
        return child.content
    return " " if child.type in ("softbreak", "hardbreak") else ""


def _spaced(text: str) -> str:
    return " ".join(text.split())
