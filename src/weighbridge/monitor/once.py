"""Each record once: duplicates are let in, and put out when all files of a run are in.

A record is the same as another if both have the same id and are of the same day. Ids are compared day by day, and a
large day in parts, so that memory stays bounded whatever the logs are. That a run has begun is noted first: if it is
killed, the next one settles everything before it goes on. Of records that have become too old to be looked back at, the
id stays in `wb_seen` for as long again.
"""

from __future__ import annotations

from datetime import timedelta

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.monitor.tables import ID

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    import duckdb

AT_ONCE = 3_000_000
"""Records whose ids are compared at a time: some 150 MB."""


class Once(NamedTuple):
    """The records of some tables of one database."""

    connection: duckdb.DuckDBPyConnection
    tables: tuple[str, ...]

    def begin(self) -> None:
        """Note that records are coming in; settle first what a run left that did not come to its end."""
        if self.connection.execute("select 1 from wb_meta where key = 'unsettled'").fetchone():
            self.settle({})
        self.connection.execute("insert into wb_meta values ('unsettled', 'yes')")

    def days(self) -> dict[str, dict[date, int]]:
        """How many records there are of each day, by table."""
        return {name: self._days(name) for name in self.tables}

    def late(self) -> int:
        """How many records are older than the newest of their table in an earlier run."""
        return sum(
            self._count(
                f'select count(*) from "{name}" '  # noqa: S608 -- a name of ours
                "where TimeGenerated < (select newest from wb_newest where name = $name)",
                {"name": name},
            )
            for name in self.tables
        )

    def settle(self, before: Mapping[str, Mapping[date, int]]) -> int:
        """Put out the duplicates of every day whose number of records is not that of `before`; gives how many."""
        gone = 0
        for name in self.tables:
            known = before.get(name, {})
            for day, count in self._days(name).items():
                if known.get(day) != count:
                    parts = 1 + count // AT_ONCE
                    gone += sum(self._settle(name, day, part, parts) for part in range(parts))
        self.connection.execute("delete from wb_meta where key = 'unsettled'")
        return gone

    def forget(self, now: datetime, keep_days: int) -> None:
        """Let go of records older than `keep_days`, and of the ids of those that were let go as long ago."""
        oldest = now - timedelta(days=keep_days)
        for name in self.tables:
            self.connection.execute(
                f"insert into wb_seen select $name, TimeGenerated, {ID}, $now "  # noqa: S608 -- a name of ours
                f'from "{name}" where TimeGenerated < $oldest',
                {"name": name, "now": now, "oldest": oldest},
            )
            self.connection.execute(f'delete from "{name}" where TimeGenerated < ?', [oldest])  # noqa: S608
        # What comes again later than that would be too old to be kept.
        self.connection.execute("delete from wb_seen where noted < ?", [oldest])

    def _days(self, name: str) -> dict[date, int]:
        return dict(
            self.connection.execute(
                f'select TimeGenerated::date, count(*) from "{name}" group by all'  # noqa: S608 -- a name of ours
            ).fetchall()
        )

    def _settle(self, name: str, day: date, part: int, parts: int) -> int:
        """One part of one day. Rows keep their numbers within a transaction, and only there."""
        within = "t.TimeGenerated >= $day and t.TimeGenerated < $day::timestamp + interval 1 day"
        if parts > 1:
            within += f" and hash(t.{ID}) % {parts} = {part}"
        self.connection.execute("begin")
        self.connection.execute(
            f"create or replace temp table twice as select {ID}, min(rowid) as kept "  # noqa: S608 -- names of ours
            f'from "{name}" t where {within} group by {ID} having count(*) > 1',
            {"day": day},
        )
        gone = self._count(
            f'delete from "{name}" t using twice w '  # noqa: S608 -- names of ours
            f"where {within} and t.{ID} = w.{ID} and t.rowid <> w.kept",
            {"day": day},
        )
        gone += self._count(
            f'delete from "{name}" t using wb_seen s where {within} and s.name = $name '  # noqa: S608 -- names of ours
            f"and t.TimeGenerated = s.TimeGenerated and t.{ID} = s.id",
            {"day": day, "name": name},
        )
        self.connection.execute("commit")
        return gone

    def _count(self, statement: str, values: Mapping[str, object]) -> int:
        row = self.connection.execute(statement, dict(values)).fetchone()
        return int(row[0]) if row else 0
