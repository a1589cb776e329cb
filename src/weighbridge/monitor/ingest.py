"""Records out of files into tables: found in any shape, told apart by table, each taken once.

    file → staged(j, hint)  one row per record, null where a line is no JSON
         → routed           its table: by its own `Type` or `category`, by the path of the file, by its columns
         → new              its id (Log Analytics' `_ItemId`, or the hash of its text) was not there before
         → tables           columns by the paths that `tables.py` knows

Everything from a log stays a value; the texts of statements come from the knowledge of tables alone.
"""

from __future__ import annotations

import os

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.monitor.base import ReadCounts, Unread
from weighbridge.monitor.files import Readable, prepared
from weighbridge.monitor.tables import log_tables, paths_to, value_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from weighbridge.monitor.files import LogFile

MOST_RECORD = 8 * 1024 * 1024
"""Bytes of one record that is read."""
MOST_DOCUMENT = 64 * 1024 * 1024
"""Bytes of a JSON document over several lines, which is held as a whole."""
BATCH_BYTES = 64 * 1024 * 1024
BATCH_FILES = 500
_STANDARD = {"TimeGenerated", "TenantId", "Type", "SourceSystem", "_ResourceId", "_SubscriptionId", "TableName"}

_STAGED = "create or replace temp table staged (j JSON, hint VARCHAR)"
_UNPACKED = """
create or replace temp table unpacked as
select j from loaded
where j is null or (json_type(j, '$.records') is distinct from 'ARRAY'
                    and json_type(j, '$.tables') is distinct from 'ARRAY')
union all
select unnest(json_extract(j, '$.records[*]')) from loaded where json_type(j, '$.records') = 'ARRAY'
union all
select case when json_type(r) = 'ARRAY' then to_json(map(names, json_extract(r, '$[*]'))) else r end
from (select unnest(json_extract(t, '$.rows[*]')) as r,
             json_extract_string(t, '$.columns[*].name') as names
      from (select unnest(json_extract(j, '$.tables[*]')) as t from loaded where json_type(j, '$.tables') = 'ARRAY'))
where json_type(r) is distinct from 'ARRAY'
   or (json_array_length(r) = len(names) and len(list_distinct(names)) = len(names))
"""


class Taken(NamedTuple):
    """What became of the records of some files."""

    counts: ReadCounts
    unread: tuple[Unread, ...]


class Ingest(NamedTuple):
    """Takes records into the tables of one database. `table` is what records are that do not say it themselves."""

    connection: duckdb.DuckDBPyConnection
    tables: Mapping[str, Sequence[str]]
    scratch: str
    now: datetime
    table: str = ""

    def take(self, files: Iterable[LogFile], note: Callable[[str], None]) -> Taken:
        """Take all files that are new or changed, in batches; each batch is there wholly or not at all."""
        known = {
            path: (size, changed)
            for path, size, changed in self.connection.execute("select path, size, changed from wb_files").fetchall()
        }
        counts = ReadCounts()
        unread: list[Unread] = []
        batch: list[LogFile] = []
        size = 0
        for file in files:
            if known.get(os.path.abspath(file.path)) == (file.size, file.changed):
                counts = counts._replace(known=counts.known + 1)
                continue
            batch.append(file)
            size += file.size
            if size >= BATCH_BYTES or len(batch) >= BATCH_FILES:
                counts = _sum(counts, self._batch(batch, unread, note))
                batch, size = [], 0
        if batch:
            counts = _sum(counts, self._batch(batch, unread, note))
        return Taken(counts, tuple(unread))

    def _batch(self, files: Sequence[LogFile], unread: list[Unread], note: Callable[[str], None]) -> ReadCounts:
        # A file that cannot be read would end a transaction: files are staged outside of it.
        self.connection.execute(_STAGED)
        malformed = 0
        together: dict[str, list[Readable]] = {}
        for number, file in enumerate(files):
            note(file.path)
            ready = prepared(file, self.scratch, number)
            if isinstance(ready, Unread):
                unread.append(ready)
            elif ready is not None:
                if ready.cut:
                    unread.append(Unread(file.path, "it is cut off or damaged; what is before that was read"))
                malformed += ready.lost
                # Files of one shape whose path says what they are go in at once: each statement costs its time.
                key = (self.table or file.hint) if ready.shape == "lines" else ""
                together.setdefault(key or f"/{number}", []).append(ready)
        for group in together.values():
            malformed += self._stage(group, unread)
            for ready in group:
                os.remove(ready.name)
        self.connection.execute("begin")
        try:
            counts = self._take_staged()
            for path, size, changed in ((os.path.abspath(file.path), file.size, file.changed) for file in files):
                self.connection.execute("delete from wb_files where path = ?", [path])
                self.connection.execute("insert into wb_files values (?, ?, ?)", [path, size, changed])
            self.connection.execute("commit")
        except BaseException:
            self.connection.execute("rollback")
            raise
        return counts._replace(malformed=counts.malformed + malformed, files=len(files))

    def _stage(self, group: Sequence[Readable], unread: list[Unread]) -> int:
        """Put the records of some files into `staged`; gives how many of the files are lost as a whole."""
        import duckdb

        first = group[0]
        try:
            self.connection.execute("create or replace temp table loaded (j JSON)")
            self._load([ready.name for ready in group], first.shape)
            self.connection.execute(_UNPACKED)
        except duckdb.Error as error:
            if len(group) > 1:
                return sum(self._stage([ready], unread) for ready in group)
            why = f"it is no {_KINDS[first.shape]} that can be read"
            if isinstance(error, duckdb.OutOfMemoryException):
                why = "it needs more memory than memory_mb in [monitor] allows"
            unread.append(Unread(first.file.path, why))
            return 1
        hint = self.table or first.file.hint or self._by_columns()
        self.connection.execute("insert into staged select j, $hint from unpacked", {"hint": hint})
        self.connection.execute("drop table loaded; drop table unpacked")
        return 0

    def _load(self, names: list[str], shape: str) -> None:
        values = {"names": names}
        if shape == "parquet":
            self.connection.execute(
                "insert into loaded select to_json(t) from read_parquet($names, hive_partitioning = false) t", values
            )
            return
        form = {"array": "array", "document": "unstructured"}.get(shape, "newline_delimited")
        most = MOST_DOCUMENT if shape == "document" else MOST_RECORD
        errors = ", ignore_errors = true" if form == "newline_delimited" else ""
        self.connection.execute(
            f"insert into loaded select json from read_json_objects($names, format = '{form}', "  # noqa: S608
            f"compression = 'uncompressed', maximum_object_size = {most}{errors})",
            values,
        )

    def _by_columns(self) -> str:
        """The table that has most of the columns of the first records; empty if none has three of its own."""
        rows = self.connection.execute(
            "select distinct unnest(json_keys(j)) from (select j from unpacked where json_type(j) = 'OBJECT' limit 100)"
        ).fetchall()
        keys = {str(key).removesuffix(" [UTC]") for (key,) in rows} - _STANDARD
        fits = {
            table.name: len(keys & set(table.columns))
            for table in log_tables().values()
            if len(keys & set(table.columns)) >= min(3, len(keys)) > 0
        }
        return max(fits, key=lambda name: fits[name]) if fits else ""

    def _take_staged(self) -> ReadCounts:
        names = {name.lower(): name for name in log_tables()}
        for table in log_tables().values():
            names |= {category.lower(): table.name for category in table.categories}
        self.connection.execute("create or replace temp table named (said VARCHAR, name VARCHAR)")
        self.connection.executemany("insert into named values (?, ?)", list(names.items()))
        # A record may say what it is; a file's place says it of all that do not.
        self.connection.execute("""create or replace temp table routed as
            select j, coalesce(own.name, said.name, case when j ->> '$.Type' is null then place.name end) as name,
                   md5_number(coalesce(nullif(j ->> '$._ItemId', ''), j::varchar))::uhugeint as id
            from staged
            left join named own on own.said = lower(j ->> '$.Type')
            left join named said on said.said = lower(coalesce(
              case when json_type(j, '$.category') = 'OBJECT' then j ->> '$.category.value' else j ->> '$.category' end,
              j ->> '$.Category'))
            left join named place on place.said = lower(hint)""")
        counts: dict[str, int] = {}
        (counts["total"], counts["broken"]) = self._row(
            "select count(*), count(*) filter (json_type(j) is distinct from 'OBJECT') from staged"
        )
        self.connection.execute("""create or replace temp table fresh as
            select any_value(j) as j, any_value(name) as name, id from routed
            where json_type(j) = 'OBJECT' and id not in (select id from wb_seen) group by id""")
        (fresh,) = self._row("select count(*) from fresh")
        counts["other"] = self._row(
            "select count(*) from fresh where name is null or not list_contains($tables, name)",
            {"tables": list(self.tables)},
        )[0]
        timeless = late = 0
        for name, columns in self.tables.items():
            lost, old = self._fill(name, columns)
            timeless, late = timeless + lost, late + old
        self.connection.execute(
            "insert into wb_seen select id, $now from fresh", {"now": self.now.replace(tzinfo=None)}
        )
        self.connection.execute("drop table staged; drop table routed; drop table fresh")
        return ReadCounts(
            records=counts["total"] - counts["broken"],
            malformed=counts["broken"] + timeless,
            duplicates=counts["total"] - counts["broken"] - fresh,
            late=late,
            other=counts["other"],
        )

    def _fill(self, name: str, columns: Sequence[str]) -> tuple[int, int]:
        """Fill one table; gives how many records had no usable time, and how many came late."""
        if not self._row("select count(*) from fresh where name = $name", {"name": name})[0]:
            return 0, 0
        table = log_tables()[name]
        paths: list[str] = []
        values = []
        for column in columns:
            here = paths_to(table, column)
            values.append(f'{value_sql(table, column, len(paths) + 1, len(here))} as "{column}"')
            paths += here
        listed = ", ".join(_quoted(path) for path in paths)
        self.connection.execute(
            f"create or replace temp table filled as select {', '.join(values)} "  # noqa: S608
            f"from (select json_extract_string(j, [{listed}]) as v from fresh where name = $name)",
            {"name": name},
        )
        usable = {"now": self.now.replace(tzinfo=None)}
        condition = "TimeGenerated is not null and TimeGenerated <= $now + interval 1 day"
        (lost,) = self._row(f"select count(*) - count(*) filter ({condition}) from filled", usable)  # noqa: S608
        (late,) = self._row(
            "select count(*) from filled where TimeGenerated < (select newest from wb_newest where name = $name)",
            {"name": name},
        )
        self.connection.execute(f'insert into "{name}" select * from filled where {condition}', usable)  # noqa: S608
        self.connection.execute("drop table filled")
        return int(lost), int(late)

    def _row(self, statement: str, values: Mapping[str, object] | None = None) -> tuple[int, ...]:
        return self.connection.execute(statement, values or {}).fetchone() or ()


_KINDS = {"lines": "JSON", "array": "JSON", "document": "JSON", "csv": "CSV", "parquet": "Parquet"}


def _quoted(path: str) -> str:
    """A path of our own knowledge as a text in SQL."""
    return "'" + path.replace("'", "''") + "'"


def _sum(one: ReadCounts, other: ReadCounts) -> ReadCounts:
    return ReadCounts(*(a + b for a, b in zip(one, other, strict=True)))
