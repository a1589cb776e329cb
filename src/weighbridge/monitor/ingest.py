"""Records out of files into tables: found in any shape, told apart by table, each taken once.

    flat files   → tables  by `flat.py` in one pass; what is odd in them goes the general way
    other files  → staged(j, hint)  one row per record, null where a line is no JSON
                 → routed           its table: by its own `Type` or `category`, by the path of the file, by its columns
                 → tables           columns by the paths that `tables.py` knows
    tables       → settled (`once.py`): without the records that were there before, in this run or in an earlier one

Everything from a log stays a value; the texts of statements come from the knowledge of tables alone.
"""

from __future__ import annotations

import os

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.monitor import flat
from weighbridge.monitor.base import ReadCounts, Unread
from weighbridge.monitor.files import CHANGED, Readable, prepared
from weighbridge.monitor.once import Once
from weighbridge.monitor.tables import ID, log_tables, paths_to, value_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    import duckdb

    from weighbridge.monitor.files import LogFile

MOST_DOCUMENT = 64 * 1024 * 1024
"""Bytes of a JSON document over several lines, which is held as a whole."""
BATCH_BYTES = 64 * 1024 * 1024
"""Bytes of files that go the general way together: their records are held as texts meanwhile."""
FLAT_BYTES = 2 * 1024 * 1024 * 1024
"""Bytes of flat files that are read by one statement."""
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
        """Take all files that are new or changed, and settle which of their records are new."""
        known = {
            path: (size, changed)
            for path, size, changed in self.connection.execute("select path, size, changed from wb_files").fetchall()
        }
        self._name_tables()
        once = Once(self.connection, tuple(self.tables))
        once.begin()
        before, late = once.days(), once.late()
        counts = ReadCounts()
        unread: list[Unread] = []
        batch: list[LogFile] = []
        size = 0
        for file in files:
            if known.get(file.name) == (file.size, file.changed):
                counts = counts._replace(known=counts.known + 1)
                continue
            batch.append(file)
            size += file.size
            if size >= FLAT_BYTES or len(batch) >= BATCH_FILES:
                counts = _sum(counts, self._batch(batch, unread, note))
                batch, size = [], 0
        if batch:
            counts = _sum(counts, self._batch(batch, unread, note))
        duplicates = once.settle(before)
        return Taken(counts._replace(duplicates=duplicates, late=once.late() - late), tuple(unread))

    def _batch(self, files: Sequence[LogFile], unread: list[Unread], note: Callable[[str], None]) -> ReadCounts:
        together: dict[str, list[Readable]] = {}
        counts = ReadCounts()
        done: list[LogFile] = []
        for number, file in enumerate(files):
            note(file.path)
            ready = prepared(file, self.scratch, number)
            if not isinstance(ready, Unread) or ready.why != CHANGED:
                done.append(file)
            if isinstance(ready, Unread):
                unread.append(ready)
            elif ready is not None:
                if ready.cut:
                    unread.append(Unread(file.path, "it is cut off or damaged; what is before that was read"))
                counts = counts._replace(malformed=counts.malformed + ready.lost)
                # Files of one shape whose path says what they are go in at once: each statement costs its time.
                key = (self.table or file.hint) if ready.shape == "lines" else ""
                together.setdefault(key or f"/{number}", []).append(ready)
        for key, group in together.items():
            counts = _sum(counts, self._group(key, group, unread))
            for ready in group:
                os.remove(ready.name)
        paths = [file.name for file in done]
        self.connection.execute("begin")
        self.connection.execute("delete from wb_files where path in (select unnest($paths))", {"paths": paths})
        self.connection.execute(
            "insert into wb_files select unnest($paths), unnest($sizes), unnest($changed)",
            {"paths": paths, "sizes": [file.size for file in done], "changed": [file.changed for file in done]},
        )
        self.connection.execute("commit")
        return counts._replace(files=len(done))

    def _group(self, key: str, group: Sequence[Readable], unread: list[Unread]) -> ReadCounts:
        """The records of some files of one kind: those that lie flat at once, all others the general way."""
        import duckdb

        table = next((name for name in log_tables() if name == key), "")
        if table and group[0].shape == "lines":
            self.connection.execute("begin")
            try:
                counts = self._flat(table, [ready.name for ready in group], group[0].file.hint)
            except duckdb.Error:  # a record that is too long, or no text: the general way names the file
                counts = None
            self.connection.execute("rollback" if counts is None else "commit")
            if counts is not None:
                return counts
        counts = ReadCounts()
        batch: list[Readable] = []
        for ready in group:
            batch.append(ready)
            if sum(other.file.size for other in batch) >= BATCH_BYTES:
                counts, batch = _sum(counts, self._general(batch, unread)), []
        return _sum(counts, self._general(batch, unread)) if batch else counts

    def _flat(self, table: str, names: list[str], hint: str) -> ReadCounts | None:
        """None if the files changed meanwhile, so that not every record would be taken once."""
        kept = table in self.tables
        if kept:
            found = flat.read_flat(self.connection, names, table, self.tables[table], self.now)
        else:
            found = flat.count_flat(self.connection, names, table)
        counts = ReadCounts(records=found.flat, other=0 if kept else found.flat)
        if not found.odd:
            return counts
        self.connection.execute(_STAGED)
        if self._load(names, "lines", f"j is null or {flat.odd_sql(table, kept=kept)}") != found.odd:
            return None
        self._unpack(self.table or hint)
        return _sum(counts, self._take_staged())

    def _general(self, group: Sequence[Readable], unread: list[Unread]) -> ReadCounts:
        # A file that cannot be read would end a transaction: files are staged outside of it.
        self.connection.execute(_STAGED)
        lost = self._stage(group, unread)
        self.connection.execute("begin")
        try:
            counts = self._take_staged()
            self.connection.execute("commit")
        except BaseException:
            self.connection.execute("rollback")
            raise
        return counts._replace(malformed=counts.malformed + lost)

    def _stage(self, group: Sequence[Readable], unread: list[Unread]) -> int:
        """Put the records of some files into `staged`; gives how many of the files are lost as a whole."""
        import duckdb

        first = group[0]
        try:
            self._load([ready.name for ready in group], first.shape)
            self._unpack(self.table or first.file.hint)
        except duckdb.Error as error:
            if len(group) > 1:
                return sum(self._stage([ready], unread) for ready in group)
            why = f"it is no {_KINDS[first.shape]} that can be read"
            if isinstance(error, duckdb.OutOfMemoryException):
                why = "it needs more memory than memory_mb in [monitor] allows"
            unread.append(Unread(first.file.path, why))
            return 1
        return 0

    def _load(self, names: list[str], shape: str, condition: str = "true") -> int:
        """Put what stands in the files into `loaded`; gives how many lines, rows or documents that are."""
        self.connection.execute("create or replace temp table loaded (j JSON)")
        if shape == "parquet":
            source = "select to_json(t) as j from read_parquet($names, hive_partitioning = false) t"
        else:
            form = {"array": "array", "document": "unstructured"}.get(shape, "newline_delimited")
            most = MOST_DOCUMENT if shape == "document" else flat.MOST_RECORD
            errors = ", ignore_errors = true" if form == "newline_delimited" else ""
            source = (
                f"select json as j from read_json_objects($names, format = '{form}', "  # noqa: S608 -- texts of ours
                f"compression = 'uncompressed', maximum_object_size = {most}{errors})"
            )
        values: dict[str, object] = {"names": names}
        if "$now" in condition:
            values["now"] = self.now.replace(tzinfo=None)
        return self._row(f"insert into loaded select j from ({source}) where {condition}", values)[0]  # noqa: S608

    def _unpack(self, hint: str) -> None:
        self.connection.execute(_UNPACKED)
        said = hint or self._by_columns()
        self.connection.execute("insert into staged select j, $hint from unpacked", {"hint": said})
        self.connection.execute("drop table loaded; drop table unpacked")

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

    def _name_tables(self) -> None:
        names = {name.lower(): name for name in log_tables()}
        for table in log_tables().values():
            names |= {category.lower(): table.name for category in table.categories}
        self.connection.execute("create or replace temp table named (said VARCHAR, name VARCHAR)")
        self.connection.execute(
            "insert into named select unnest($said), unnest($names)",
            {"said": list(names), "names": list(names.values())},
        )

    def _take_staged(self) -> ReadCounts:
        # A record may say what it is; a file's place says it of all that do not.
        self.connection.execute("""create or replace temp table routed as
            select j, coalesce(own.name, said.name, case when j ->> '$.Type' is null then place.name end) as name,
                   coalesce(try_cast(j ->> '$._ItemId' as UUID),
                            md5(coalesce(nullif(j ->> '$._ItemId', ''), j::varchar))::UUID) as id
            from staged
            left join named own on own.said = lower(j ->> '$.Type')
            left join named said on said.said = lower(coalesce(
              case when json_type(j, '$.category') = 'OBJECT' then j ->> '$.category.value' else j ->> '$.category' end,
              j ->> '$.Category'))
            left join named place on place.said = lower(hint)
            where json_type(j) = 'OBJECT'""")
        (total,) = self._row("select count(*) from staged")
        (records, other) = self._row(
            "select count(*), count(*) filter (name is null or not list_contains($tables, name)) from routed",
            {"tables": list(self.tables)},
        )
        timeless = sum(self._fill(name, columns) for name, columns in self.tables.items())
        self.connection.execute("drop table staged; drop table routed")
        return ReadCounts(records=records, malformed=total - records + timeless, other=other)

    def _fill(self, name: str, columns: Sequence[str]) -> int:
        """Fill one table; gives how many records had no usable time."""
        (count,) = self._row("select count(*) from routed where name = $name", {"name": name})
        if not count:
            return 0
        table = log_tables()[name]
        paths: list[str] = []
        values = []
        for column in columns:
            here = paths_to(table, column)
            values.append(f'{value_sql(table, column, len(paths) + 1, len(here))} as "{column}"')
            paths += here
        listed = ", ".join(_quoted(path) for path in paths)
        filled = self._row(
            f'insert into "{name}" by name select * from ('  # noqa: S608 -- names and paths of our own knowledge
            f"select {', '.join(values)}, id as {ID} "
            f"from (select json_extract_string(j, [{listed}]) as v, id from routed where name = $name)) "
            "where TimeGenerated is not null and TimeGenerated <= $now + interval 1 day",
            {"name": name, "now": self.now.replace(tzinfo=None)},
        )
        return count - filled[0]

    def _row(self, statement: str, values: Mapping[str, object] | None = None) -> tuple[int, ...]:
        return self.connection.execute(statement, values or {}).fetchone() or ()


_KINDS = {"lines": "JSON", "array": "JSON", "document": "JSON", "csv": "CSV", "parquet": "Parquet"}


def _quoted(path: str) -> str:
    """A path of our own knowledge as a text in SQL."""
    return "'" + path.replace("'", "''") + "'"


def _sum(one: ReadCounts, other: ReadCounts) -> ReadCounts:
    return ReadCounts(*(a + b for a, b in zip(one, other, strict=True)))
