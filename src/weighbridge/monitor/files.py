"""Exported logs as files: which there are, what shape each has, and a safe name under which DuckDB may open it.

    JSON lines      diagnostic settings (`insights-logs-CATEGORY/resourceId=…/y=…/PT1H.json`), data export of Log
                    Analytics (`am-TABLE/…/PT05M.json`), one record a line; Event Hub bodies `{"records": […]}`
    JSON            an array (`az … -o json`), `{"records": […]}`, `{"tables": [{"columns", "rows"}]}` of the query API
    Avro            captures of Event Hub, whose records hold such bodies
    CSV             of the portal or of anything with a header
    Parquet         export jobs

The shape is told from the first bytes, never from the name. Any of them may be compressed with gzip, begin with a
byte order mark, or end in the middle of a record. Names of files are hostile: DuckDB sees a link with a name of ours.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import shutil
import zlib

from weighbridge.core.errors import SourceError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.monitor.avro import lines_of_avro
from weighbridge.monitor.base import Unread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

MOST_FILES = 1_000_000
MOST_EXPANDED = 64 * 1024**3
"""Bytes that one compressed file may become."""
BEGINNING = "az://"
"""How places begin that are in a storage account."""
CHANGED = "it changed while it was fetched: the next run takes it"
MOST_FIELD = 4 * 1024 * 1024
MOST_COLUMNS = 1000
_HEAD = 1 << 20
_IN_NAME = re.compile(r"(?:^|/)(?:am-([A-Za-z0-9_]+)|insights-logs-([a-z0-9]+)|insights-(activity)-logs)/")


class LogFile(NamedTuple):
    """One file: its path as it was named, and what tells whether it changed.

    `fetch` brings one from elsewhere to a path, and says whether it is still what was listed.
    """

    path: str
    size: int
    changed: int
    fetch: Callable[[str], bool] | None = None

    @property
    def name(self) -> str:
        """What the file is known by from one run to the next."""
        return self.path if self.fetch else os.path.abspath(self.path)

    @property
    def hint(self) -> str:
        """The table or the category that the path names, as exports of Azure write it; empty if it names none."""
        found = _IN_NAME.search(self.path.replace(os.sep, "/"))
        if not found:
            return ""
        return found[1] or found[2] or "Administrative"


class Readable(NamedTuple):
    """A file under a name of ours: `shape` is lines, array, document, csv or parquet. `cut` if it ended too early.

    CSV and Avro have become JSON lines on the way; `lost` are rows that were none.
    """

    file: LogFile
    name: str
    shape: str
    cut: bool = False
    lost: int = 0


def log_files(paths: Sequence[str]) -> Iterator[LogFile]:
    """Every file at or below `paths`, in the order of their names. Raises SourceError if there is nothing."""
    count = 0
    for path in paths:
        if not os.path.exists(path):
            raise SourceError(f"{path!r} does not exist", "name a log file or a folder of them")
        for place in [path] if os.path.isfile(path) else _below(path):
            count += 1
            if count > MOST_FILES:
                raise SourceError(f"there are more than {MOST_FILES:,} files", "judge them folder by folder")
            with contextlib.suppress(OSError):
                stat = os.stat(place)
                yield LogFile(place, stat.st_size, stat.st_mtime_ns)
    if not count:
        raise SourceError("nothing to judge: there are no log files", "name a log file or a folder of them")


def _below(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if not name.startswith(".") and os.path.isfile(os.path.join(place, name)):
                yield os.path.join(place, name)


def prepared(file: LogFile, scratch: str, number: int) -> Readable | Unread | None:
    """The file as DuckDB may open it; why it cannot be read; or None if it is empty.

    Raises SourceError if it is elsewhere and cannot be fetched.
    """
    name = os.path.join(scratch, f"log-{number}")
    path = file.path
    if file.fetch is not None:
        path = f"{name}.fetched"
        if not file.fetch(path):
            os.remove(path)
            return Unread(file.path, CHANGED)
    try:
        return _prepared(file, path, name)
    finally:
        if file.fetch is not None:
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)


def _prepared(file: LogFile, path: str, name: str) -> Readable | Unread | None:
    try:
        with open(path, "rb") as opened:
            head = opened.read(4)
            opened.seek(0)
            if not head:
                return None
            cut = False
            if head[:2] == b"\x1f\x8b":
                cut = _expand(opened, name)
            elif head[:3] == b"\xef\xbb\xbf":
                opened.seek(3)
                with open(name, "wb") as plain_file:
                    shutil.copyfileobj(opened, plain_file, 1 << 20)
            elif file.fetch is not None:
                os.rename(path, name)
            else:
                os.symlink(os.path.abspath(path), name)
        with open(name, "rb") as opened:
            start = opened.read(_HEAD)
    except OSError as error:
        return Unread(file.path, f"it cannot be read: {error.strerror or error}")
    if start[:4] == b"Obj\x01":
        found = lines_of_avro(name)
        if found is None:
            return Unread(file.path, "it is no Avro that can be read")
        return Readable(file, name, "lines", cut or found.cut, found.lost)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return Unread(file.path, "it is UTF-16: write it again as UTF-8")
    shape = shape_of(start)
    if shape == "csv":
        lost = _lines_of_csv(name)
        return (
            Unread(file.path, "it is neither JSON, CSV nor Parquet")
            if lost < 0
            else Readable(file, name, shape, cut, lost)
        )
    if not shape:
        return Unread(file.path, "it is cut off before its first record") if cut else None
    return Readable(file, name, shape, cut)


def shape_of(start: bytes) -> str:
    """The shape that the first megabyte shows; empty if there is nothing but white space."""
    if start[:4] == b"PAR1":
        return "parquet"
    text = start.lstrip()
    if not text:
        return ""
    if text[:1] == b"[":
        return "array"
    if text[:1] != b"{":
        return "csv"
    line, ended, _ = text.partition(b"\n")
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(line)
        return "lines"
    # A first line that is no record is either a broken one or the beginning of a document over several lines.
    broken = ended and re.match(rb'\s*\{\s*"', line) and text.count(b"\n{") > 0
    return "lines" if broken else "document"


def _expand(packed: BinaryIO, name: str) -> bool:
    """Write what is in a gzip file; gives whether it ended too early, was damaged or grew beyond what is allowed.

    What comes before the damage is kept, which the standard library's reader of such files does not do.
    """
    size, stream, block = 0, zlib.decompressobj(31), b""
    with open(name, "wb") as out:
        while block := block or packed.read(1 << 16):
            try:
                plain_bytes = stream.decompress(block, 1 << 20)
            except zlib.error:
                return True
            size += len(plain_bytes)
            if size > MOST_EXPANDED:
                return True
            out.write(plain_bytes)
            block = stream.unconsumed_tail
            if stream.eof:
                block = stream.unused_data.lstrip(b"\0")
                more = block or packed.read(1 << 16)
                if not more:
                    return False
                stream, block = zlib.decompressobj(31), more
    return True


def _lines_of_csv(name: str) -> int:
    """Write the rows of a CSV file as JSON lines in its place; gives how many were malformed, or -1 if it is no CSV.

    Python's reader takes one row at a time, whatever the file is; a file of one line with 100,000 separators
    makes others
    take all memory.
    """
    lost = 0
    csv.field_size_limit(MOST_FIELD)
    with open(name, encoding="utf-8", errors="replace", newline="") as read:
        first = read.readline(_HEAD)
        separator = max(",;\t", key=first.count)
        columns = next(csv.reader([first], delimiter=separator), [])
        if not first.endswith("\n") or not 1 < len(columns) <= MOST_COLUMNS or not all(columns):
            return -1
        rows = csv.reader(read, delimiter=separator)
        with open(f"{name}.lines", "w", encoding="utf-8") as out:
            while True:
                try:
                    row = next(rows, None)
                except csv.Error:
                    lost += 1
                    continue
                if row is None:
                    break
                if len(row) == len(columns):
                    out.write(json.dumps(dict(zip(columns, row, strict=True))) + "\n")
                else:
                    lost += bool(row)
    os.replace(f"{name}.lines", name)
    return lost
