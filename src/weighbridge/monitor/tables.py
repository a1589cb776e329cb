"""Log tables: what is known of their columns, and the tables of DuckDB that hold what detections need of them."""

from __future__ import annotations

from functools import cache

from weighbridge.core.knowledge_files import FOLDER, read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from weighbridge.monitor.base import Detection

ID = '"_wb_id"'
"""The column that tells a record from all others: its `_ItemId`, or the hash of its text."""
SQL_TYPES = {
    "datetime": "TIMESTAMP",
    "string": "VARCHAR",
    "int": "BIGINT",
    "long": "BIGINT",
    "real": "DOUBLE",
    "bool": "BOOLEAN",
    "dynamic": "JSON",
}


class LogTable(NamedTuple):
    """One table of Log Analytics: types by column, diagnostic categories that lead to it, other paths to a column."""

    name: str
    categories: tuple[str, ...]
    columns: Mapping[str, str]
    paths: Mapping[str, tuple[str, ...]]


@cache
def log_tables() -> Mapping[str, LogTable]:
    """What is known of each table. Raises UsageError if it is missing, broken, or not what the index names."""
    return read_table(FOLDER, "log_tables", "log tables", _known)


def _known(table: dict[str, Any]) -> dict[str, LogTable]:
    return {
        row["name"]: LogTable(
            row["name"],
            tuple(row["categories"]),
            row["columns"],
            {column: tuple(paths) for column, paths in row["from"].items()},
        )
        for row in table["tables"]
    }


def needed(known: Sequence[Detection]) -> dict[str, tuple[str, ...]]:
    """The columns that some detection reads, by table."""
    columns: dict[str, dict[str, None]] = {}
    for found in known:
        for reads in found.reads:
            columns.setdefault(reads.table, {}).update(dict.fromkeys(reads.columns))
    return {table: tuple(names) for table, names in columns.items()}


def create_sql(table: str, columns: Sequence[str]) -> str:
    """The statement that makes a table if it is not there."""
    types = log_tables()[table].columns
    body = ", ".join(f'"{column}" {SQL_TYPES[types[column]]}' for column in columns)
    return f'create table if not exists "{table}" ({body}, {ID} UUID)'


def paths_to(table: LogTable, column: str) -> tuple[str, ...]:
    """Where a record may have a column, the likeliest first, as JSON paths.

    Exports by table have its name; diagnostic settings write `properties` with names of the same letters in another
    case, and some columns from elsewhere; the portal puts the time zone behind the name of a time.
    """
    lower = column[0].lower() + column[1:]
    common = {"TimeGenerated": ("$.time",), "_ResourceId": ("$.resourceId", "$.ResourceId")}.get(column, ())
    zone = (f'$."{column} [UTC]"',) if table.columns[column] == "datetime" else ()
    found = (
        *(f'$."{column}"', *zone, *table.paths.get(column, ()), *common, f'$.properties."{column}"'),
        *(f'$.properties."{lower}"', f'$."{lower}"'),
    )
    return tuple(dict.fromkeys(found))


def value_sql(table: LogTable, column: str, first: int, count: int) -> str:
    """The column's value out of the list `v` of texts, whose items from `first` on are what its paths gave."""
    text = f"coalesce({', '.join(f'v[{first + index}]' for index in range(count))})"
    kind = table.columns[column]
    if kind == "string":
        return f"lower({text})" if column == "_ResourceId" else text
    if kind == "datetime":
        return f"log_time({text})"
    if kind == "dynamic":
        return f"try_cast({text} as JSON)"
    if kind in ("int", "long"):
        return f"try_cast(try_cast({text} as DOUBLE) as BIGINT)"
    return f"try_cast({text} as {SQL_TYPES[kind]})"
