"""Records of text files, one after another, in bounded memory: JSON, JSON Lines, CSV, and files of text.

Nothing is lost silently: a row with more or fewer cells than its table keeps what it has, and what cannot be read is
counted in `lines.Troubles`.
"""

from __future__ import annotations

import csv

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.documents import json_records
from weighbridge.dataset.lines import CELLS, LONGEST, decoded, json_lines, lines
from weighbridge.dataset.unpacking import BrokenStreamError, stream_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from weighbridge.dataset.files import DataFile
    from weighbridge.dataset.lines import Troubles

EXTRA = "(beyond the header)"


def text_records(file: DataFile, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row number (from 1: the line, or the record) and record of a file of text. Raises SourceError."""
    try:
        with stream_of(file) as stream:
            if stream.read(2) in (b"\xff\xfe", b"\xfe\xff"):
                why = "the file is UTF-16: write it again as UTF-8"
                troubles.note("dataset/unreadable-file", file, 0, why, unread=True)
                return
            stream.seek(0)
            if file.kind == "jsonl":
                yield from json_lines(file, stream, troubles)
            elif file.kind == "json":
                yield from json_records(file, stream, troubles)
            elif file.kind == "csv":
                yield from _csv_rows(file, stream, troubles)
            else:
                yield 1, _text(file, stream, troubles)
    except BrokenStreamError as error:
        troubles.note("dataset/unreadable-file", file, 0, str(error), unread=True)
    except OSError as error:
        raise SourceError(f"{file.full!r} cannot be read: {error.strerror}", "check its rights") from error


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
