"""Records of text files, one after another, in bounded memory: JSON Lines, CSV, and files of text.

Nothing is lost silently: a line that cannot be read is counted in `Troubles` with its number, a row with more or fewer
cells than its table keeps what it has. A line longer than `LONGEST` is passed over in pieces, whatever its length.
"""

from __future__ import annotations

import csv
import json

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from weighbridge.dataset.files import DataFile

LONGEST = 16 * 1024 * 1024
"""Bytes of one line, of one cell and of one text that are looked at."""
PIECE = 1024 * 1024
CELLS = 10_000
"""Columns of one table."""
EXTRA = "(beyond the header)"


class Trouble(NamedTuple):
    """Rows of one file that are not as they should be. `unread`: what was in them is not known."""

    rule: str
    file: str
    first: int
    rows: int
    why: str
    unread: bool


class Troubles:
    """Troubles by kind and file; a million broken lines are one trouble with a count."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Trouble] = {}

    def note(self, rule: str, file: DataFile, row: int, why: str, *, unread: bool, rows: int = 1) -> None:
        """Count one more."""
        key = (rule, file.path)
        known = self._found.get(key)
        self._found[key] = (
            known._replace(rows=known.rows + rows) if known else Trouble(rule, file.shown, row, rows, why, unread)
        )

    def all(self) -> tuple[Trouble, ...]:
        """Every trouble, in order of rule and file."""
        return tuple(self._found[key] for key in sorted(self._found))


def text_records(file: DataFile, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row number (from 1: the line, or the record) and record of a file of text. Raises SourceError."""
    try:
        with open(file.full, "rb") as stream:
            if stream.read(2) in (b"\xff\xfe", b"\xfe\xff"):
                why = "the file is UTF-16: write it again as UTF-8"
                troubles.note("dataset/unreadable-file", file, 0, why, unread=True)
                return
            stream.seek(0)
            if file.kind == "jsonl":
                yield from _json_lines(file, stream, troubles)
            elif file.kind == "csv":
                yield from _csv_rows(file, stream, troubles)
            else:
                yield 1, _text(file, stream, troubles)
    except OSError as error:
        raise SourceError(f"{file.full!r} cannot be read: {error.strerror}", "check its rights") from error


def lines(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of every line, without its end."""
    number, held, passing = 0, b"", False
    while piece := stream.read(PIECE):
        parts = piece.split(b"\n")
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            if not passing:
                held += part
                if len(held) > LONGEST:
                    why = f"a line is longer than {LONGEST} bytes and was passed over"
                    troubles.note("dataset/long-line", file, number + 1, why, unread=True)
                    held, passing = b"", True
            if last:
                continue
            number += 1
            if not passing:
                yield number, held.removesuffix(b"\r")
            held, passing = b"", False
    if held:
        yield number + 1, held.removesuffix(b"\r")


def decoded(raw: bytes, row: int, file: DataFile, troubles: Troubles) -> str:
    """The text of bytes: UTF-8, or else Windows-1252, which is counted."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        why = "bytes are not UTF-8 and were read as Windows-1252: the file mixes encodings"
        troubles.note("dataset/encoding", file, row, why, unread=False)
        return raw.decode("cp1252", "replace")


def _json_lines(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, raw in lines(file, stream, troubles):
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 -- the mark of the encoding is no part of the line
        if not raw.strip():
            continue
        text = decoded(raw, number, file, troubles)
        try:
            value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            why = f"a line is no JSON that all readers understand alike ({str(error)[:100]})"
            troubles.note("dataset/broken-rows", file, number, why, unread=True)
            continue
        if isinstance(value, dict) and len(value) > CELLS:
            troubles.note("dataset/broken-rows", file, number, f"more than {CELLS} keys", unread=True)
            continue
        yield number, value if isinstance(value, dict) else {"value": value}


def _csv_rows(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    delimiter = _delimiter(stream.read(64 * 1024).decode("utf-8", "replace").split("\n")[:20])
    stream.seek(0)
    at = [0]

    def texts() -> Iterator[str]:
        for number, raw in lines(file, stream, troubles):
            at[0] = number
            text = decoded(raw, number, file, troubles)
            yield (text.removeprefix("\ufeff") if number == 1 else text).replace("\0", "\ufffd") + "\n"

    limit = csv.field_size_limit(LONGEST)  # the default refuses cells that texts to learn from easily exceed
    try:
        reader = csv.reader(texts(), delimiter=delimiter)
        header: list[str] = []
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                troubles.note("dataset/broken-rows", file, at[0], f"a row is no CSV ({error})", unread=True)
                continue
            if not row:
                continue
            if len(row) > CELLS:
                troubles.note("dataset/broken-rows", file, at[0], f"more than {CELLS} cells", unread=True)
                continue
            if not header:
                header = _header(row)
                if header == row:
                    continue
            if len(row) != len(header):
                why = f"rows have not the {len(header)} cells of the first: {len(row)} from line {at[0]} on"
                troubles.note("dataset/column-count", file, at[0], why, unread=False)
            record: dict[str, Any] = dict(zip(header, row, strict=False))
            if len(row) > len(header):
                record[EXTRA] = delimiter.join(row[len(header) :])
            yield at[0], record
    finally:
        csv.field_size_limit(limit)


def _delimiter(first: list[str]) -> str:
    """The mark that most of the first lines have as often as the first one."""
    counts = {mark: [line.count(mark) for line in first if line] for mark in ",;\t|"}
    able = {mark: found for mark, found in counts.items() if found and found[0]}
    return max(able, key=lambda mark: (able[mark].count(able[mark][0]), able[mark][0]), default=",")


def _header(row: list[str]) -> list[str]:
    """The first row if it can be one; else names that count."""
    plain = all(cell.strip() and not _number(cell) for cell in row) and len(set(row)) == len(row)
    return row if plain else [f"column {index + 1}" for index in range(len(row))]


def _number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _text(file: DataFile, stream: BinaryIO, troubles: Troubles) -> dict[str, Any]:
    raw = stream.read(LONGEST + 1)
    if len(raw) > LONGEST:
        why = f"a text has more than {LONGEST} bytes; the rest was passed over"
        troubles.note("dataset/long-line", file, 1, why, unread=True)
    text = decoded(raw[:LONGEST], 1, file, troubles)
    return {"text": text, "folder": file.label} if file.label else {"text": text}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
