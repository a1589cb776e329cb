"""A data set as tables: Parquet as it lies there, texts of every kind through one form that DuckDB reads quickly."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.database import Column, Database, Table, guarded, kind_of, opened
from weighbridge.dataset.files import data_files
from weighbridge.dataset.lines import CELLS, Troubles
from weighbridge.dataset.reading import text_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.dataset.files import DataFile

_LEAST_LINE = 8 * 1024 * 1024
"""Bytes of a line that DuckDB makes room for at least; it takes a multiple of them for each thread."""


class DataSet(NamedTuple):
    """The tables of a data set, and what of it is not in them."""

    database: Database
    files: tuple[DataFile, ...]
    tables: tuple[Table, ...]
    troubles: Troubles


@contextmanager
def dataset(root: str, most: int) -> Iterator[DataSet]:
    """The data set below `root`. Raises SourceError if it cannot be read, UsageError if a library is missing."""
    files = tuple(data_files(root, most))
    troubles = Troubles()
    for file in files:
        if file.kind in ("pointer", "unknown"):
            troubles.note("dataset/not-read", file, 0, file.note, unread=True)
        elif file.kind == "beside" and file.note:
            troubles.note("dataset/not-in-table", file, 0, file.note, unread=False)
    with opened(files) as database:
        tables = (*_parquet(database, files, troubles), *_texts(database, files, troubles))
        yield DataSet(database, files, tuple(_counted(database, table) for table in tables), troubles)


def _counted(database: Database, table: Table) -> Table:
    (count,) = database.ask(f"SELECT count(*) FROM {table.source}", *table.parameters)[0]  # noqa: S608 -- our own words
    return table._replace(rows=count)


def _parquet(database: Database, files: tuple[DataFile, ...], troubles: Troubles) -> Iterator[Table]:
    groups: dict[tuple[tuple[str, str], ...], list[tuple[int, DataFile]]] = {}
    for index, file in enumerate(files):
        if file.kind == "parquet":

            def describe(index: int = index, file: DataFile = file) -> None:
                found = database.ask("DESCRIBE SELECT * FROM read_parquet(?)", [database.link(file, index)])
                names = ", ".join(f"c{place}" for place in range(len(found)))
                # Every byte is read once, so that a file that breaks half-way is known before anything is said of it.
                database.ask(
                    f"SELECT bit_xor(hash({names})) FROM read_parquet(?) t({names})",  # noqa: S608
                    [database.link(file, index)],
                )
                groups.setdefault(tuple((row[0], row[1]) for row in found), []).append((index, file))

            guarded(file, troubles, describe)
    if len(groups) > 1:
        first = max(groups.values(), key=len)
        for group in groups.values():
            if group is not first:
                why = f"{len(group)} files have other columns than the {len(first)} most frequent"
                troubles.note("dataset/schema-differs", group[0][1], 0, why, unread=False, rows=len(group))
    for number, (schema, group) in enumerate(groups.items()):
        names = ", ".join(f"c{place}" for place in range(len(schema)))
        columns: list[Column] = []
        for place, (name, declared) in enumerate(schema):
            kind = kind_of(declared)
            read = f"CAST(to_json(c{place}) AS VARCHAR)" if kind == "nested" else f"c{place}"
            columns.append(Column(name, read, kind))
        links = [database.link(file, index) for index, file in group]
        if any(file.parts for _, file in group):
            yield _partitioned(database, f"parts{number}", links, names, columns, tuple(file for _, file in group))
            continue
        yield Table(
            f"read_parquet(?) t({names})",
            (links,),
            tuple(columns),
            tuple(file for _, file in group),
            "t.file_index",
            "t.file_row_number + 1",
        )


def _partitioned(
    database: Database, name: str, links: list[str], names: str, columns: list[Column], files: tuple[DataFile, ...]
) -> Table:
    """Parquet files of a table whose folders or log say what some columns are: these are columns as the others."""
    said = sorted({key for file in files for key, _ in file.parts})
    marks = ", ".join(f"p{place} VARCHAR" for place in range(len(said)))
    database.ask(f"CREATE TABLE {name} (i BIGINT, {marks})")
    for index, file in enumerate(files):
        values = dict(file.parts)
        holes = ", ".join("?" for _ in said)
        query = f"INSERT INTO {name} VALUES (?, {holes})"  # noqa: S608 -- our own words
        database.ask(query, index, *(values.get(key) for key in said))
    given = ", ".join(f"p{place}" for place in range(len(said)))
    source = (
        f"(SELECT {names}, {given}, t.file_index AS f, t.file_row_number + 1 AS r "  # noqa: S608
        f"FROM read_parquet(?) t({names}) JOIN {name} ON i = t.file_index)"
    )
    more = [Column(key, f"p{place}", "text") for place, key in enumerate(said)]
    return Table(source, (links,), (*columns, *more), files, "f", "r")


def _texts(database: Database, files: tuple[DataFile, ...], troubles: Troubles) -> Iterator[Table]:
    for kind, name in (("jsonl", "jsonl"), ("json", "documents"), ("csv", "csv"), ("text", "text")):
        group = tuple(file for file in files if file.kind == kind)
        if group:
            yield from _normal(database, name, group, troubles)


def _normal(database: Database, kind: str, group: tuple[DataFile, ...], troubles: Troubles) -> Iterator[Table]:
    """Write the records again with names of ours, and have DuckDB take them in."""
    places: dict[str, int] = {}
    kinds: list[set[str]] = []
    longest = _LEAST_LINE
    path = os.path.join(database.folder, f"{kind}.jsonl")
    with open(path, "w", encoding="utf-8", errors="surrogatepass") as out:
        for index, file in enumerate(group):
            for row, record in text_records(file, troubles):
                line: dict[str, Any] = {"f": index, "r": row}
                for name, value in record.items():
                    place = places.get(name)
                    if place is None:
                        if len(places) >= CELLS:
                            troubles.note("dataset/broken-rows", file, row, f"more than {CELLS} columns", unread=True)
                            continue
                        place = places[name] = len(kinds)
                        kinds.append(set())
                    line[f"c{place}"], found = _cell(value)
                    kinds[place].add(found)
                longest = max(longest, out.write(json.dumps(line)))
                out.write("\n")
    if not places:
        os.remove(path)
        return
    declared = [_declared(found) for found in kinds]
    columns = ", ".join(f"c{place}: '{kind}'" for place, (kind, _) in enumerate(declared))
    database.ask(
        f"CREATE TABLE {kind} AS SELECT * FROM read_json(?, format='newline_delimited', "  # noqa: S608 -- our own words
        f"maximum_object_size={longest + 2}, columns={{f: 'BIGINT', r: 'BIGINT', {columns}}})",
        path,
    )
    os.remove(path)
    made = [Column(name, f"c{place}", declared[place][1]) for name, place in places.items()]
    if kind == "csv":
        made = _numbers(database, made)
    yield Table(kind, (), tuple(made), group, "f", "r")


def _numbers(database: Database, columns: list[Column]) -> list[Column]:
    """Columns of CSV whose every cell is a number are numbers."""
    counts = ", ".join(
        f"count(nullif({column.read}, '')) = count(TRY_CAST({column.read} AS DOUBLE))"
        f" AND count(TRY_CAST({column.read} AS DOUBLE)) > 0"
        for column in columns
    )
    row = database.ask(f"SELECT {counts} FROM csv")[0]  # noqa: S608 -- our own words
    return [
        Column(column.name, f"TRY_CAST({column.read} AS DOUBLE)", "number") if numeric else column
        for column, numeric in zip(columns, row, strict=True)
    ]


def _cell(value: Any) -> tuple[Any, str]:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=True, sort_keys=True), "nested"
    if value is None:
        return None, "null"
    if isinstance(value, bool):
        return value, "boolean"
    if isinstance(value, int):
        return value, "integer" if abs(value) < 2**63 else "real"
    if isinstance(value, float):
        return value, "real"
    text = str(value)
    if text.isascii():
        return text, "text"
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), "text"  # half a pair is no text


def _declared(kinds: set[str]) -> tuple[str, str]:
    found = kinds - {"null"}
    if found == {"boolean"}:
        return "BOOLEAN", "boolean"
    if found == {"integer"}:
        return "BIGINT", "number"
    if found and found <= {"integer", "real"}:
        return "DOUBLE", "number"
    return "VARCHAR", "nested" if found == {"nested"} else "text"
