"""Records that lie as their table does, read straight into its columns: one pass over the bytes.

    {"TimeGenerated": "2026-03-01T10:00:00.1Z", "Fqdn": …, "_ItemId": "6f1c…", "Type": "AZFWApplicationRule"}

This is what Log Analytics exports. DuckDB's reader of JSON is told the columns that some detection reads, so that it
converts no others and no text of a record is kept. A record is flat if its `Type` is the table, its time ends in Z and
is not to come, and its `_ItemId` is a UUID: the service gave it that, so it tells the record from all others. Whatever
is not so, is no JSON, or has another shape is odd: it is left out here, counted, and read again by the general way,
which has the same conditions in `ODD`.
Source: learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns, "_ItemId"; …/logs/logs-data-export.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.monitor.tables import ID, SQL_TYPES, log_tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import duckdb

MOST_RECORD = 8 * 1024 * 1024
"""Bytes of one record that is read."""
_MARKS = ("TimeGenerated", "Type", "_ItemId")
_FINE = """coalesce({type} = '{table}' and ends_with({time}, 'Z')
    and try_cast({time} as TIMESTAMP) <= $now + interval 1 day and try_cast({id} as UUID) is not null, false)"""
_READ = (
    "read_json($names, format = 'newline_delimited', compression = 'uncompressed', ignore_errors = true, "
    f"maximum_object_size = {MOST_RECORD}, columns = {{columns}})"
)


class Flat(NamedTuple):
    """How many records lay flat, and how many must be read in another way."""

    flat: int
    odd: int


def read_flat(
    connection: duckdb.DuckDBPyConnection, names: list[str], table: str, columns: Sequence[str], now: datetime
) -> Flat:
    """Take the flat records of these files into `table`, with their duplicates; all of them, or none if it raises."""
    types = log_tables()[table].columns
    read = {column: _READ_AS.get(types.get(column, ""), "VARCHAR") for column in dict.fromkeys((*columns, *_MARKS))}
    fine = _FINE.format(type='"Type"', time='"TimeGenerated"', id='"_ItemId"', table=table)
    shown = ", ".join(_value(column, types[column], fine) for column in columns)
    said = ", ".join(f"\"{column}\": '{kind}'" for column, kind in read.items())
    (read_count,) = connection.execute(
        f'insert into "{table}" ({", ".join(_name(column) for column in columns)}, {ID}) '  # noqa: S608 -- names of ours
        f'select {shown}, try_cast("_ItemId" as UUID) from {_READ.format(columns="{" + said + "}")}',
        {"names": names, "now": now.replace(tzinfo=None)},
    ).fetchone() or (0,)
    # Odd records have no time: nothing else in the table is without one.
    (odd,) = connection.execute(f'delete from "{table}" where TimeGenerated is null').fetchone() or (0,)  # noqa: S608
    return Flat(read_count - odd, odd)


def count_flat(connection: duckdb.DuckDBPyConnection, names: list[str], table: str) -> Flat:
    """The same of a table that nobody reads: only what each record says that it is."""
    count, flat = connection.execute(
        "select count(*), count(*) filter (\"Type\" = $table and TimeGenerated <> '') from "  # noqa: S608
        + _READ.format(columns="{\"Type\": 'VARCHAR', \"TimeGenerated\": 'VARCHAR'}"),
        {"names": names, "table": table},
    ).fetchone() or (0, 0)
    return Flat(flat, count - flat)


def odd_sql(table: str, *, kept: bool) -> str:
    """The condition on a record `j` for not being flat: what `read_flat`, or else `count_flat`, leaves out."""
    if not kept:
        return f"coalesce(j ->> '$.Type' = '{table}' and j ->> '$.TimeGenerated' <> '', false) = false"
    parts = {"type": "(j ->> '$.Type')", "time": "(j ->> '$.TimeGenerated')", "id": "(j ->> '$._ItemId')"}
    return f"not {_FINE.format(**parts, table=table)}"


_READ_AS = {"int": "BIGINT", "long": "BIGINT", "real": "DOUBLE", "bool": "BOOLEAN", "dynamic": "JSON"}


def _value(column: str, kind: str, fine: str) -> str:
    name = _name(column)
    if column == "TimeGenerated":
        return f"case when {fine} then try_cast({name} as TIMESTAMP) end"
    if column == "_ResourceId":
        return f"lower({name})"
    if kind == "datetime":
        return f"log_time({name})"
    if kind == "dynamic":
        # A text is a document within the document, as the general way takes it.
        return f"case when starts_with({name}::varchar, '\"') then try_cast({name} ->> '$' as JSON) else {name} end"
    return name if kind != "string" else f"{name}::{SQL_TYPES[kind]}"


def _name(column: str) -> str:
    return f'"{column}"'
