"""Plain text that no loader runs: notes, licences, vocabularies. It is searched, not parsed, and counts as data.

Only names that are known to be prose or word lists are taken for plain text. Source code, templates, markup that a
viewer renders and configuration with tags of its own are not: they wait for a parser that understands them.
"""

from __future__ import annotations

from weighbridge.core.facts import Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.magic import machine_code
from weighbridge.formats.texts.embedded import embedded_in_text
from weighbridge.formats.texts.searched import searched_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

WINDOW = 4 * 1024 * 1024
"""Bytes searched at a time."""
OVERLAP = 4096
"""Bytes searched twice, so that nothing hides across the border of two windows: more than a short payload needs."""
_PROSE = frozenset((".txt", ".rst", ".csv", ".tsv", ".vocab", ".bpe", ".log", ".bib"))
_NAMES = ("readme", "license", "licence", "notice", "authors", "changelog", "copying", "citation", "use_policy")
_DOTFILES = (".gitattributes", ".gitignore")


class PlainText:
    """UTF-8 text under a name that promises prose or a word list."""

    name = "text"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE for text with a known name."""
        del data
        head = info.head
        name = info.name.lower()
        known = info.extension in _PROSE or name in _DOTFILES or (name.startswith(_NAMES) and "." not in name)
        return Match.MAYBE if known and _is_text(head) and not machine_code(head) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Search for serialized objects."""
        del info
        yield from search_text(data, budget)


def search_text(data: Reader, budget: Budget) -> Iterator[Fact | Span | Child]:
    """Search text of any size in windows; every window of UTF-8 counts as data, any other stays opaque."""
    offset = 0
    while offset < data.size:
        raw = data.peek(offset, WINDOW + OVERLAP)
        size = min(WINDOW, data.size - offset)
        text = raw.decode("utf-8", "replace")
        if "\0" not in text and text.count("\ufffd") <= 2 + raw.count(b"\xef\xbf\xbd"):
            yield from embedded_in_text(text, "text", offset, budget)
            if offset == 0:
                yield from searched_people(text, "text", budget)
            yield Span(offset, size, "data")
        offset += size


def search_strings(data: Reader, start: int, size: int, key: str, budget: Budget) -> Iterator[Fact | Child]:
    """Search the runs of readable characters in binary data for serialized objects; nothing is accounted for."""
    import re

    runs = re.compile(rb"[\t\n\r\x20-\x7e]{16,}")
    offset = start
    while offset < start + size:
        raw = data.peek(offset, min(WINDOW + OVERLAP, start + size - offset))
        for run in runs.finditer(raw):
            yield from embedded_in_text(run[0].decode("ascii"), key, offset + run.start(), budget)
        offset += WINDOW


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 3
    return True
