"""The DuckDB database behind one run: bounded in memory, without extensions, with the macros of the detections.

State between runs is one DuckDB file: the records that are young enough to be looked back at, which records and files
were seen, and which alerts were told. Without one, the database is in memory, and what does not fit goes to `scratch`.
"""

from __future__ import annotations

import contextlib
import os

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.monitor.tables import create_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import duckdb

SCHEMA = 2
"""Raised when what the state holds changes its meaning: an old state is then refused, never misread."""

_MACROS = (
    # The number of an IPv4 address, and 32 hexadecimal digits of any address, so that texts compare as numbers do.
    r"""create or replace temp macro ip4(a) as
    list_reduce(list_transform(string_split(a, '.'), lambda x: cast(x as ubigint)), lambda x, y: x * 256 + y)""",
    r"""create or replace temp macro groups_of(a) as
    array_to_string(list_transform(list_filter(string_split(a, ':'), lambda g: g <> ''),
                                   lambda g: lpad(g, 4, '0')), '')""",
    r"""create or replace temp macro address_key(a) as case
    when regexp_full_match(a, '(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])')
      then concat('00000000000000000000ffff', printf('%08x', ip4(a)::bigint))
    when regexp_full_match(lower(a), '::ffff:[0-9]{1,3}(?:\.[0-9]{1,3}){3}')
      then concat('00000000000000000000ffff', printf('%08x', ip4(split_part(lower(a), 'ffff:', 2))::bigint))
    when regexp_full_match(a, '[0-9A-Fa-f:]{2,39}') and contains(a, ':')
      then left(concat(groups_of(split_part(lower(a), '::', 1)),
           repeat('0', greatest(0, 32 - length(groups_of(split_part(lower(a), '::', 1)))
                                   - length(groups_of(split_part(lower(a), '::', 2))))),
           groups_of(split_part(lower(a), '::', 2))), 32) end""",
    """create or replace temp macro in_ranges(a, spans) as coalesce(len(list_filter(spans,
    lambda s: address_key(a) between left(s, 32) and right(s, 32))) > 0, false)""",
    """create or replace temp macro request_text(d, s) as
    json_extract_string(coalesce(d, try_cast(s as JSON)), '$.requestbody')""",
    "create or replace temp macro request_body(d, s) as try_cast(request_text(d, s) as JSON)",
    # Exports write ISO 8601 with or without a zone, and up to seven decimals; the portal writes its own.
    r"""create or replace temp macro log_time(s) as coalesce(
    try_cast(regexp_replace(s, '(\.[0-9]{6})[0-9]+', '\1') as TIMESTAMPTZ) at time zone 'UTC',
    try_strptime(s, ['%m/%d/%Y, %I:%M:%S.%g %p', '%m/%d/%Y, %I:%M:%S %p', '%d/%m/%Y, %H:%M:%S.%g',
                     '%d/%m/%Y, %H:%M:%S']))""",
)

_STATE = (
    "create table if not exists wb_meta (key VARCHAR, value VARCHAR)",
    "create table if not exists wb_seen (name VARCHAR, TimeGenerated TIMESTAMP, id UUID, noted TIMESTAMP)",
    "create table if not exists wb_files (path VARCHAR, size BIGINT, changed BIGINT)",
    "create table if not exists wb_newest (name VARCHAR, newest TIMESTAMP)",
    "create table if not exists wb_told (id VARCHAR, noted TIMESTAMP)",
)


@contextlib.contextmanager
def database(
    path: str, scratch: str, memory_mb: int, threads: int, tables: Mapping[str, Sequence[str]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the state at `path`, or to one in memory if it is empty.

    Raises UsageError if DuckDB is not installed, or the state cannot be used.
    """
    try:
        import duckdb
    except ImportError:
        raise UsageError(
            "logs are judged with DuckDB, which is not installed", "pip install 'weighbridge[monitor]'"
        ) from None
    options: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": threads,
        "temp_directory": os.path.join(scratch, "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "preserve_insertion_order": False,
    }
    try:
        connection = duckdb.connect(path or ":memory:", config=options)
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise UsageError(f"the state {path!r} is in use by another run", "wait for it to end") from None
        raise UsageError(f"the state {path!r} cannot be opened", "name another file, or remove it") from None
    except duckdb.Error:
        raise UsageError(f"{path!r} is no state of DuckDB", "name another file, or remove it") from None
    try:
        with contextlib.closing(connection):
            _prepare(connection, path, tables)
            yield connection
    except duckdb.OutOfMemoryException as error:
        mend = "raise memory_mb in [monitor], or give the temporary folder more room"
        raise UsageError(f"{memory_mb} MB are not enough for these logs", mend) from error


def _prepare(connection: duckdb.DuckDBPyConnection, path: str, tables: Mapping[str, Sequence[str]]) -> None:
    for statement in (
        "set TimeZone = 'UTC'",
        "set enable_progress_bar = false",
        *_STATE,
        *(create_sql(table, columns) for table, columns in tables.items()),
        *_MACROS,
    ):
        connection.execute(statement)
    wanted = f"{SCHEMA}:{sorted((table, *columns) for table, columns in tables.items())}"
    found = connection.execute("select value from wb_meta where key = 'schema'").fetchall()
    if not found:
        connection.execute("insert into wb_meta values ('schema', ?)", [wanted])
    elif found[0][0] != wanted:
        raise UsageError(
            f"the state {path!r} is of other detections than today's", "remove it; the next run reads everything once"
        )
