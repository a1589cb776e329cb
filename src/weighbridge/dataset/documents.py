"""Records of one JSON document, in bounded memory.

    [record, record, …]                    each member is a record, read one after another whatever their number
    {"name": [record, …], …}               the only list of objects holds the records; what stands beside it is one more
    {…}                                    one record
    {…} LF {…} LF …                        JSON Lines under another name

What is no JSON, or could be read in two ways, is a trouble and unread from there on.
"""

from __future__ import annotations

import codecs
import json

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.lines import LONGEST, PIECE, json_lines, no_constant, unique

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from weighbridge.dataset.files import DataFile
    from weighbridge.dataset.lines import Troubles

WHOLE = 64 * 1024 * 1024
"""Bytes of a document that is an object: it is read at once."""
BESIDE = "(beside the records)"
_BLANK = " \t\r\n"


def json_records(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number, from 1, and record."""
    head = stream.read(PIECE).removeprefix(b"\xef\xbb\xbf").lstrip()
    stream.seek(0)
    if head.startswith(b"["):
        yield from _members(file, stream, troubles)
    elif _is_lines(head):
        yield from json_lines(file, stream, troubles)
    else:
        yield from _object(file, stream, troubles)


def _is_lines(head: bytes) -> bool:
    first, end, rest = head.partition(b"\n")
    if not end or not rest.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _object(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    raw = stream.read(WHOLE + 1)
    if len(raw) > WHOLE:
        why = f"a JSON document that is no list has more than {WHOLE} bytes: write it as JSON Lines"
        troubles.note("dataset/long-line", file, 1, why, unread=True)
        return
    try:
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        value = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        _broken(file, 1, error, troubles)
        return
    if not isinstance(value, dict):
        yield 1, {"value": value}
        return
    lists = [name for name, inner in value.items() if _are_records(inner)]
    if len(lists) != 1:
        yield 1, value
        return
    records = value.pop(lists[0])
    yield from enumerate(records, 1)
    if value:
        yield len(records) + 1, {BESIDE: value}


def _are_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


class _Text:
    """The text of a document that is read as far as it is needed."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("strict").decode
        self.held = ""
        self.at = 0
        self.ended = False

    def more(self, size: int) -> None:
        """Read on. Raises UnicodeDecodeError."""
        raw = self._stream.read(size)
        self.ended = not raw
        self.held = self.held[self.at :] + self._decode(raw, self.ended)
        self.at = 0

    def skip(self) -> str:
        """The next mark that is not blank; empty at the end."""
        while True:
            while self.at < len(self.held) and self.held[self.at] in _BLANK:
                self.at += 1
            if self.at < len(self.held) or self.ended:
                return self.held[self.at : self.at + 1]
            self.more(PIECE)

    def open(self) -> None:
        """Pass over what opens the list."""
        if self.skip() == "\ufeff":
            self.at += 1
            self.skip()
        self.at += 1

    def goes_on(self, row: int) -> bool:
        """Whether a member follows behind `row` of them. Raises ValueError for what is no list."""
        mark = self.skip()
        if mark == "]":
            self.at += 1
            if self.skip():
                raise ValueError("something stands behind the list")
            return False
        if row and mark != ",":
            raise ValueError("a comma or the end of the list is missing")
        self.at += bool(row)
        return True


def _members(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    text, row = _Text(stream), 0
    try:
        text.open()
        while text.goes_on(row):
            row += 1
            value, why = _member(text)
            if why:
                troubles.note("dataset/broken-rows", file, row, why, unread=True)
            else:
                yield row, value if isinstance(value, dict) else {"value": value}
    except (ValueError, RecursionError) as error:
        _broken(file, max(1, row), error, troubles)


def _member(text: _Text) -> tuple[Any, str]:
    """The next member, and why it cannot be one; it is passed over then. Raises ValueError if there is none."""
    text.skip()
    strict = json.JSONDecoder(object_pairs_hook=unique, parse_constant=no_constant)
    why = ""
    while True:
        try:
            value, end = (json.JSONDecoder() if why else strict).raw_decode(text.held, text.at)
        except json.JSONDecodeError:
            end = -1
        except ValueError as error:
            why = f"a record is no JSON that all readers understand alike ({str(error)[:100]})"
            continue
        if end < 0 or (end == len(text.held) and not text.ended):
            if text.ended:
                raise ValueError("a record is broken, or the list breaks off")
            if len(text.held) - text.at > LONGEST:
                raise ValueError(f"a record is broken, or longer than {LONGEST}")
            text.more(max(PIECE, len(text.held) - text.at))
            continue
        text.at = end
        return value, why


def _broken(file: DataFile, row: int, error: Exception, troubles: Troubles) -> None:
    why = f"the document is no JSON from record {row} on ({str(error)[:100]})"
    troubles.note("dataset/broken-rows", file, row, why, unread=True)
