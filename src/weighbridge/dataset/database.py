"""DuckDB as a reader that can do nothing else: one private folder, no extension, no network, bounded memory.

Names of files and of columns never stand in a query: files are links with names of ours in the private folder, columns
are counted (`c0`, `c1`, …), values are parameters.
Source: DuckDB's documentation, "Securing DuckDB"; the order of the settings matters.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager

from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from weighbridge.dataset.files import DataFile
    from weighbridge.dataset.lines import Troubles

MEMORY = "512MB"
THREADS = 2
BATCH = 1000
MEND = "pip install 'weighbridge[data]'"


class Column(NamedTuple):
    """A column: what it is called, the expression that reads it, and `number`, `boolean`, `text`, `time`, `nested`."""

    name: str
    read: str
    kind: str


class Table(NamedTuple):
    """Records that can be asked for: `source` stands behind FROM; `file` and `row` are expressions for the place of a
    record, an index into `files` and the number of its row, from 1.
    """

    source: str
    parameters: tuple[Any, ...]
    columns: tuple[Column, ...]
    files: tuple[DataFile, ...]
    file: str
    row: str
    rows: int = 0


class Database(NamedTuple):
    """A connection and the private folder that it may read."""

    connection: Any
    folder: str

    def ask(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """All rows of a small answer."""
        try:
            rows: list[tuple[Any, ...]] = self.connection.execute(query, list(parameters)).fetchall()
        except module("duckdb").Error as error:
            raise _unreadable(error) from error
        return rows

    def each(self, query: str, *parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Rows one after another."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(query, list(parameters))
            while rows := cursor.fetchmany(BATCH):
                yield from rows
        except module("duckdb").Error as error:
            raise _unreadable(error) from error
        finally:
            cursor.close()

    def link(self, file: DataFile, index: int) -> str:
        """A name of ours for a file."""
        name = os.path.join(self.folder, f"f{index}.parquet")
        if not os.path.lexists(name):
            os.symlink(os.path.abspath(file.full), name)
        return name


@contextmanager
def opened(files: Iterable[DataFile]) -> Iterator[Database]:
    """A database that can read these files, and is gone afterwards. Raises UsageError if DuckDB is not installed."""
    duckdb = module("duckdb")
    with tempfile.TemporaryDirectory(prefix="weighbridge-data-") as folder:
        config = {
            "memory_limit": MEMORY,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": os.path.join(folder, "spilled"),
        }
        connection = duckdb.connect(os.path.join(folder, "tables.duckdb"), config=config)
        try:
            real = [os.path.realpath(file.full) for file in files if file.kind == "parquet"]
            connection.execute("SET allowed_directories = [?]", [folder])
            connection.execute("SET allowed_paths = ?", [real])  # links are followed before they are judged
            connection.execute("SET enable_external_access = false")
            connection.execute("SET preserve_insertion_order = false")
            connection.execute("SET lock_configuration = true")
            yield Database(connection, folder)
        finally:
            connection.close()


def module(name: str) -> Any:
    """A library of the extra `data`. Raises UsageError if it is not installed."""
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(f"{name.partition('.')[0]} is not installed, and data sets are read with it", MEND) from error


def guarded(file: DataFile, troubles: Troubles, work: Callable[[], None]) -> None:
    """Do something with a file that DuckDB reads; what it cannot read is a trouble, not an error."""
    try:
        work()
    except SourceError as error:
        troubles.note("dataset/unreadable-file", file, 0, error.cause, unread=True)


def _unreadable(error: Exception) -> SourceError:
    """One sentence of DuckDB's, without the private names of files."""
    said = re.sub(r"[\"'](?:/|[^\"']*weighbridge-)[^\"']*[\"']", "it", str(error).strip().partition("\n")[0])
    return SourceError(f"the data cannot be read ({plain(said, 160)})", "write the files again, or name fewer of them")


def kind_of(declared: str) -> str:
    """What a DuckDB type is for us."""
    if declared.endswith("]") or declared.startswith(("STRUCT", "MAP", "UNION", "JSON", "VARIANT")):
        return "nested"
    if declared.startswith(("DECIMAL", "FLOAT", "DOUBLE", "REAL")) or declared.rstrip("0123456789").endswith("INT"):
        return "number"
    if declared in ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UINTEGER"):
        return "number"
    if declared.startswith(("DATE", "TIME", "INTERVAL")):
        return "time"
    return {"BOOLEAN": "boolean", "BLOB": "bytes"}.get(declared, "text")
