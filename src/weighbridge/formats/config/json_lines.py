r"""JSON Lines: one document after the other, each on a line of its own: logs of trainers, data sets, attestations.

    {"step": 1, "loss": 2.1}\n
    {"step": 2, "loss": 1.9}\n

Every line is read as a document: what it names, and what its texts hide. A line that is broken stays unread and is
told; the others are read. Lines longer than `Limits.document` are searched alone.
Source: jsonlines.org, "Requirements".
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Embedded, Limit, Oddity, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.config.code_references import code_references
from weighbridge.formats.config.hub import leaves, place_of
from weighbridge.formats.grammars.json_tree import parse_json
from weighbridge.formats.texts.embedded import SHORTEST, objects_in_text
from weighbridge.formats.texts.searched import searched, searched_people

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

_FIRST = 64 * 1024
"""Bytes in which the first line must end to be known for one."""
_WINDOW = 1024 * 1024
_OVERLAP = 4096
_NAMES = frozenset((".jsonl", ".ndjson"))
BROKEN = 100
"""Broken lines that are told one by one; from then on the rest of the file is unread."""


class JsonLines:
    """Documents in lines."""

    name = "json-lines"
    version = 1
    extensions = _NAMES

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the first line is a document and the next one begins like one; MAYBE by its name alone."""
        raw = bytes(data.peek(0, _FIRST)).lstrip(b"\xef\xbb\xbf \t\r\n")
        first, newline, rest = raw.partition(b"\n")
        if raw[:1] not in (b"{", b"["):
            return Match.NO
        if newline and rest.lstrip()[:1] in (b"{", b"["):
            try:
                parse_json(first)
            except FormatError:
                return Match.NO
            return Match.YES
        return Match.MAYBE if info.extension in _NAMES else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Search the text in windows, then read each line."""
        for offset in range(0, data.size, _WINDOW):
            window = bytes(data.peek(offset, _WINDOW + _OVERLAP)).decode("utf-8", "replace")
            yield from searched(window, "text", offset, budget)
            if offset == 0:
                yield from searched_people(window, "text", budget)
        read = broken = 0
        for offset, line, behind in _lines(data, budget.limits.document):
            if line is None:
                yield Limit("document", budget.limits.document, offset)
                if offset > read:
                    yield Span(read, offset - read, "parsed")
                yield Span(offset, behind - offset, "data")
                read = behind
                continue
            why = ""
            try:
                text = line.removeprefix(b"\xef\xbb\xbf" if offset == 0 else b"").strip()
                tree, duplicates = parse_json(text) if text else (None, ())
            except FormatError as error:
                why = f"the line is broken: {error.cause}"
            if why:
                broken += 1
                if offset > read:
                    yield Span(read, offset - read, "parsed")
                if broken > BROKEN:
                    yield UnreadSpan(offset, data.size - offset, f"more than {BROKEN} lines are broken")
                    return
                yield UnreadSpan(offset, behind - offset, why)
                read = behind
                continue
            for key in duplicates:
                yield Oddity("duplicate-key", f"{key!r} stands twice; readers disagree on which counts", offset)
            yield from _document(tree, line, info.name, offset, budget)
            if budget.facts <= 0:
                yield Limit("facts", budget.limits.facts, offset)
                return
        if data.size > read:
            yield Span(read, data.size - read, "parsed")


def _document(tree: Any, line: bytes, name: str, offset: int, budget: Budget) -> Iterator[Fact | Child]:
    for reference in code_references(tree, name):
        budget.facts -= 1
        yield reference._replace(offset=offset)
    for path, value in leaves(tree):
        if isinstance(value, str) and len(value) >= SHORTEST:
            for found in objects_in_text(value, path, offset, budget):
                if isinstance(found, Embedded):
                    yield found._replace(offset=found.offset + place_of(line, value))
                else:
                    yield found


def _lines(data: Reader, most: int) -> Iterator[tuple[int, bytes | None, int]]:
    """Where each line begins, its bytes (None if it is longer than `most`), and where the next one begins."""
    start, held = 0, b""
    skipping = False
    place = 0
    while place < data.size:
        piece = bytes(data.peek(place, _WINDOW))
        place += len(piece)
        lines = (held + piece).split(b"\n")
        held = lines.pop()
        for line in lines:
            end = start + len(line) + 1
            if skipping:
                skipping = False
            else:
                yield start, line if len(line) <= most else None, end
            start = end
        if len(held) > most:
            if not skipping:
                yield start, None, _next_line(data, start)
            skipping = True
            start += len(held)
            held = b""
    if held and not skipping:
        yield start, held, data.size


def _next_line(data: Reader, start: int) -> int:
    place = start
    while place < data.size:
        found = bytes(data.peek(place, _WINDOW)).find(b"\n")
        if found >= 0:
            return place + found + 1
        place += _WINDOW
    return data.size
