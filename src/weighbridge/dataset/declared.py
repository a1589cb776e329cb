"""What a data set is declared to be, in a file that people already know how to write, and whether it is that.

    JSON Schema      of one record                              `schema.py`
    pandera          a schema of a data frame, YAML or JSON     `pandera.py`
    Croissant        the metadata of a data set, JSON-LD        `croissant.py`

All of them become parts: for which files, what each record must be, which columns there must be and which be unique.
The file is read as data: nothing that it names is imported, and nothing is fetched.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import os
from fnmatch import fnmatchcase

from weighbridge.core.errors import FormatError, SourceError, UsageError
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.lines import Troubles
from weighbridge.dataset.reading import text_records
from weighbridge.dataset.report import Row, Sight, finding
from weighbridge.dataset.schema import breaches, not_understood

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from weighbridge.dataset.database import Table
    from weighbridge.dataset.report import DataFinding
    from weighbridge.dataset.tables import DataSet

MOST = 16 * 1024 * 1024
SHOWN = 50
TIME = r"^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$"
"""How a date, or a date and a time, is written."""


class Part(NamedTuple):
    """What some files must hold. `files` are patterns of their paths; empty: every file.

    `row` is a JSON Schema of one record; `columns` must be there; of `filled` those that are there have no empty cell;
    `unique` are columns that together say which record is meant.
    """

    files: tuple[str, ...] = ()
    row: Mapping[str, Any] = {}
    columns: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    name: str = ""


class NamedFile(NamedTuple):
    """A file that a declaration names; `sha256` is empty if it does not say which bytes it means."""

    path: str
    sha256: str


class Declared(NamedTuple):
    """A whole declaration: `kind` for people, `unknown` what of it is not checked here."""

    kind: str
    parts: tuple[Part, ...]
    unknown: tuple[str, ...] = ()
    files: tuple[NamedFile, ...] = ()


def read_declared(path: str) -> Declared:
    """Read a declaration. Raises UsageError."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MOST + 1)
    except OSError as error:
        raise UsageError(f"{path!r} cannot be read: {error.strerror}", "name another file") from error
    mend = "write a JSON Schema, a pandera schema, or Croissant metadata"
    try:
        found = _parsed(raw)
    except (FormatError, ValueError, RecursionError) as error:
        why = error.cause if isinstance(error, FormatError) else str(error)[:100]
        raise UsageError(f"{path!r} is neither JSON nor YAML ({why})", mend) from error
    if not isinstance(found, dict):
        raise UsageError(f"{path!r} is no declaration of data", mend)
    try:
        return _declared(found)
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise UsageError(f"{path!r} is a declaration that cannot be read ({str(error)[:100]})", mend) from error


def _parsed(raw: bytes) -> Any:
    if len(raw) > MOST:
        raise ValueError(f"more than {MOST} bytes")
    text = raw.decode("utf-8-sig")
    if text.lstrip().startswith(("{", "[")):
        return json.loads(text)
    import yaml  # type: ignore[import-untyped] # it has no type hints

    from weighbridge.formats.grammars.yaml_tree import tree

    tree(text)  # no names, no tags, one document, no key twice: then every reader reads the same
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("the YAML is broken") from error


def _declared(found: dict[str, Any]) -> Declared:
    if found.get("schema_type") or (isinstance(found.get("columns"), dict) and "properties" not in found):
        from weighbridge.dataset.pandera import of_pandera

        return of_pandera(found)
    if "@context" in found or "@type" in found:
        from weighbridge.dataset.croissant import of_croissant

        return of_croissant(found)
    return Declared("JSON Schema", (Part(row=found),), tuple(not_understood(found)))


def held_against(data: DataSet, declared: Declared, sight: list[Sight]) -> list[DataFinding]:
    """What of a data set is not as it is declared, and with which rows."""
    found: list[DataFinding] = []
    met: set[int] = set()
    for table in data.tables:
        own = [index for index, part in enumerate(declared.parts) if _is_of(part, table)]
        if len(declared.parts) == len(data.tables) == 1:
            own = [0]
        met.update(own)
        for index in own:
            found += _rows(data, table, declared.parts[index])
            found += _unique(data, table, declared.parts[index])
        if not own:
            rows = [Row(table.files[0].shown, 0)]
            found.append(
                finding("schema", Severity.MEDIUM, rows, "nothing declares these records", estimate=table.rows)
            )
    for index, part in enumerate(declared.parts):
        if index not in met:
            why = f"what is declared as {part.name[:80]!r} is nowhere" if part.name else "there are no records"
            found.append(finding("schema", Severity.HIGH, (), why, estimate=0))
    found += _files(data, declared)
    left = ", ".join(declared.unknown)[:200]
    why = f"not understood: {left}" if left else declared.kind
    looked_at = sum(table.rows for table in data.tables)
    sight.append(Sight("schema", ran=not left, looked_at=looked_at, least_rows=1, why=why))
    if left:
        found.append(finding("schema", Severity.HIGH, (), f"the schema demands what is not checked: {why}", estimate=0))
    return found


def _is_of(part: Part, table: Table) -> bool:
    paths = [name for file in table.files for name in (file.path, file.path.rpartition("/")[2])]
    return not part.files or any(fnmatchcase(path, pattern) for path in paths for pattern in part.files)


def _rows(data: DataSet, table: Table, part: Part) -> list[DataFinding]:
    there = {column.name for column in table.columns}
    first = [Row(table.files[0].shown, 0)]
    missing = [name for name in part.columns if name not in there]
    found = [
        finding("schema", Severity.HIGH, first, f"the column {name[:80]!r} is missing", estimate=table.rows)
        for name in missing
    ]
    wanted = [*part.row.get("required", ()), *(name for name in part.filled if name in there)]
    schema = {**part.row, "required": [name for name in wanted if name not in missing]}
    rows: dict[str, list[Row]] = {}
    counts: dict[str, int] = {}
    for row, record in _records(data, table, schema, keep_nulls=not part.columns):
        for breach in dict.fromkeys(breaches(record, schema)):
            counts[breach] = counts.get(breach, 0) + 1
            if len(rows.setdefault(breach, [])) < SHOWN:
                rows[breach].append(row)
    told = sorted(counts, key=lambda one: (-counts[one], one))[:SHOWN]
    return [*found, *(finding("schema", Severity.HIGH, rows[one], one, estimate=counts[one]) for one in told)]


def _records(
    data: DataSet, table: Table, schema: Mapping[str, Any], *, keep_nulls: bool
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Every record as JSON has it, and its row. What is empty is not there, unless it may be null."""
    properties = schema.get("properties", {})
    if table.files[0].kind != "parquet":
        for file in table.files:
            texts = file.kind == "csv"
            for number, record in text_records(file, Troubles()):  # what is wrong with lines is told already
                if texts:
                    record = {key: _typed(str(cell), properties.get(key)) for key, cell in record.items() if cell}  # noqa: PLW2901
                elif not keep_nulls:
                    record = {key: cell for key, cell in record.items() if cell is not None}  # noqa: PLW2901
                yield Row(file.shown, number), record
        return
    reads = ", ".join(column.read for column in table.columns)
    query = f"SELECT {table.file}, {table.row}, {reads} FROM {table.source}"  # noqa: S608 -- our own words
    for index, number, *cells in data.database.each(query, *table.parameters):
        yield (
            Row(table.files[index].shown, number),
            {
                column.name: _value(cell, column.kind)
                for column, cell in zip(table.columns, cells, strict=True)
                if cell is not None or _may_be_null(properties.get(column.name))
            },
        )


def _may_be_null(schema: Any) -> bool:
    kinds = schema.get("type", ()) if isinstance(schema, dict) else ()
    return "null" in ([kinds] if isinstance(kinds, str) else kinds)


def _value(cell: Any, kind: str) -> Any:
    if kind == "nested" and cell is not None:
        return json.loads(cell)
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, decimal.Decimal):
        return float(cell)
    return cell.hex() if isinstance(cell, bytes) else cell


def _typed(cell: str, schema: Any) -> Any:
    """A cell of CSV has no type: it is what its column is declared to be, if it can be."""
    kinds = schema.get("type", ()) if isinstance(schema, dict) else ()
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if "boolean" in kinds and cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    if "integer" in kinds or "number" in kinds:
        try:
            return int(cell) if cell.lstrip("+-").isdecimal() else float(cell)
        except ValueError:
            return cell
    return cell


def _unique(data: DataSet, table: Table, part: Part) -> Iterator[DataFinding]:
    reads = {column.name: column.read for column in table.columns}
    for names in part.unique:
        if not all(name in reads for name in names):
            continue
        keys = ", ".join(reads[name] for name in names)
        none = " AND ".join(f"{reads[name]} IS NOT NULL" for name in names)
        query = (
            f"SELECT {table.file}, {table.row}, count(*) OVER () FROM {table.source} WHERE {none} "  # noqa: S608
            f"QUALIFY count(*) OVER (PARTITION BY {keys}) > 1 ORDER BY 1, 2 LIMIT {SHOWN}"
        )
        # The count over everything is taken before QUALIFY: what is left is counted again.
        whole = (
            f"SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {table.source} WHERE {none} "  # noqa: S608
            f"GROUP BY {keys} HAVING count(*) > 1)"
        )
        ((count,),) = data.database.ask(whole, *table.parameters)
        if count:
            places = [
                Row(table.files[index].shown, row) for index, row, _ in data.database.ask(query, *table.parameters)
            ]
            shown = ", ".join(names)[:80]
            yield finding("schema", Severity.HIGH, places, f"{shown!r} is not unique", estimate=int(count))


def _files(data: DataSet, declared: Declared) -> Iterator[DataFinding]:
    """Files that a declaration names: are they here, and are they those?"""
    from weighbridge.core.reader import FileSource, hash_file

    by_name = {name: file for file in data.files for name in (file.path.rpartition("/")[2], file.path)}
    for named in declared.files:
        shown = named.path[:120]
        file = by_name.get(named.path) or by_name.get(named.path.rpartition("/")[2])
        if file is None or not file.full:
            yield finding("schema", Severity.HIGH, (), f"the file {shown!r} is declared and is not here", estimate=0)
            continue
        if not named.sha256:
            why = f"the file {shown!r} is declared without a sha256: nothing says which bytes are meant"
            yield finding("schema", Severity.MEDIUM, [Row(file.shown, 0)], why, estimate=0)
            continue
        try:
            descriptor = os.open(file.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                digest, _ = hash_file(FileSource(descriptor, os.fstat(descriptor).st_size))
            finally:
                os.close(descriptor)
        except OSError as error:
            raise SourceError(f"{file.full!r} cannot be read: {error.strerror}", "check its rights") from error
        if digest.hex != named.sha256:
            why = f"the file {shown!r} is not the one declared: its sha256 is {digest.hex}"
            yield finding("schema", Severity.HIGH, [Row(file.shown, 0)], why, estimate=0)
