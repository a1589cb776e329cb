"""The facts of every model that is indexed, read in ranges by whoever judges them again, and what a sweep found.

    sheets          one row for each manifest: its packed facts, the verdict and the rules that fire, as last judged
    sweeps          one row for each sweep: with which knowledge, over what, from when to when (empty: not over)
    sweep_ranges    the ranges of rows that are done, so that a sweep that was stopped goes on
    sweep_changes   models whose verdict or rules are others than before, or whose facts are too old

A range is recorded in one transaction with the changes that it brought: a sweep that is killed at any moment has done
a range wholly or not at all. What a sheet says can be derived from the registry again (`weighbridge index rebuild`).
"""

from __future__ import annotations

import json
from functools import cache

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import alone, reading, told, writing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Table


_END = 2**62


class SheetRow(NamedTuple):
    """One manifest of a repository, its packed facts (`scan/packed_facts.py`), and how it was last judged.

    `rules` are `RULE severity`, sorted. `id` grows; a row that is written again gets a new one.
    """

    repository: str
    manifest: str
    document: bytes
    verdict: str
    rules: tuple[str, ...]
    id: int = 0


class Change(NamedTuple):
    """A model that is judged otherwise than before. `now` is `unknown` where its facts could not be judged."""

    repository: str
    manifest: str
    was: str
    now: str
    rules: tuple[str, ...]
    outdated: tuple[str, ...] = ()


class Sweep(NamedTuple):
    """One sweep. `judged_with` names knowledge and program; `within` is how repositories begin."""

    id: int
    judged_with: str
    within: str


def put_sheets(engine: Engine, rows: Iterable[SheetRow]) -> None:
    """Write sheets in one transaction; each takes the place of what was there for its manifest."""
    with told(), writing(engine) as connection:
        put_sheets_in(connection, rows)


def put_sheets_in(connection: Connection, rows: Iterable[SheetRow]) -> None:
    """Write sheets as part of somebody's transaction."""
    sheets = _tables().sheets
    written = [
        {
            "repository": row.repository,
            "manifest": row.manifest,
            "document": row.document,
            "verdict": row.verdict,
            "rules": json.dumps(row.rules),
        }
        for row in rows
    ]
    from sqlalchemy import bindparam

    if written:
        gone = sheets.delete().where(sheets.c.repository == bindparam("in_"), sheets.c.manifest == bindparam("one"))
        connection.execute(gone, [{"in_": row["repository"], "one": row["manifest"]} for row in written])
        connection.execute(sheets.insert(), written)


def keep_sheet_in(connection: Connection, row: SheetRow) -> None:
    """Write a sheet unless these very facts are there: then how they were last judged stays."""
    c = _tables().sheets.c
    query = _tables().sheets.select().where(c.repository == row.repository, c.manifest == row.manifest)
    there = connection.execute(query).first()
    if there is None or there.document != row.document:
        put_sheets_in(connection, [row])


def remove_sheet_in(connection: Connection, repository: str, manifest: str) -> None:
    """Forget a manifest that is no longer in the registry, as part of somebody's transaction."""
    sheets = _tables().sheets
    connection.execute(sheets.delete().where(sheets.c.repository == repository, sheets.c.manifest == manifest))


def ranges(
    engine: Engine, size: int, within: str = "", done: Sequence[tuple[int, int]] = ()
) -> Iterator[tuple[int, int]]:
    """The first and last id of every `size` sheets of repositories that begin with `within`, but for those between
    the ids of `done`, which are in order: ids only grow, so nothing new comes between two that were seen.
    """
    after = 0
    for first, last in (*done, (_END, _END)):
        while found := _next_range(engine, after, first, size, within):
            yield found
            after = found[1]
        after = max(after, last)


def _next_range(engine: Engine, after: int, below: int, size: int, within: str) -> tuple[int, int] | None:
    """The least and the greatest of the next `size` ids between two; the database counts, and gives these two only."""
    from sqlalchemy import func, select

    sheets = _tables().sheets
    query = select(sheets.c.id).where(sheets.c.id > after, sheets.c.id < below).order_by(sheets.c.id).limit(size)
    if within:
        query = query.where(sheets.c.repository.startswith(within, autoescape=True))
    ids = query.subquery()
    with told(), alone(engine) as connection:
        least, greatest = connection.execute(select(func.min(ids.c.id), func.max(ids.c.id))).one()
    return None if least is None else (int(least), int(greatest))


def verdicts(engine: Engine, within: str = "") -> dict[str, int]:
    """How many sheets have which verdict, as last judged."""
    from sqlalchemy import func, select

    sheets = _tables().sheets
    query = select(sheets.c.verdict, func.count()).group_by(sheets.c.verdict)
    if within:
        query = query.where(sheets.c.repository.startswith(within, autoescape=True))
    with told(), reading(engine) as connection:
        return {str(verdict): int(count) for verdict, count in connection.execute(query)}


def read_range(engine: Engine, first: int, last: int, within: str = "") -> list[SheetRow]:
    """The sheets from one id to another, both included."""
    sheets = _tables().sheets
    query = sheets.select().where(sheets.c.id.between(first, last)).order_by(sheets.c.id)
    if within:
        query = query.where(sheets.c.repository.startswith(within, autoescape=True))
    with told(), reading(engine) as connection:
        return [
            SheetRow(row.repository, row.manifest, row.document, row.verdict, tuple(json.loads(row.rules)), row.id)
            for row in connection.execute(query)
        ]


def begin(engine: Engine, judged_with: str, within: str, now: datetime) -> Sweep:
    """The sweep of this kind that was begun and is not over, or a new one."""
    sweeps = _tables().sweeps
    query = sweeps.select().where(sweeps.c.judged_with == judged_with, sweeps.c.within == within, sweeps.c.ended == "")
    with told(), writing(engine) as connection:
        there = connection.execute(query.order_by(sweeps.c.id.desc())).first()
        if there is not None:
            return Sweep(there.id, judged_with, within)
        values = {"judged_with": judged_with, "within": within, "began": now.isoformat(), "ended": ""}
        made = connection.execute(sweeps.insert().values(values)).inserted_primary_key
        return Sweep(int(made[0]) if made else 0, judged_with, within)


class LastSweep(NamedTuple):
    """The sweep that was begun last; `ended` is empty while it is not over."""

    judged_with: str
    within: str
    began: str
    ended: str


def last_sweep(engine: Engine) -> LastSweep | None:
    """The sweep that was begun last; None if there was none."""
    sweeps = _tables().sweeps
    with told(), reading(engine) as connection:
        row = connection.execute(sweeps.select().order_by(sweeps.c.id.desc()).limit(1)).first()
    return LastSweep(row.judged_with, row.within, row.began, row.ended) if row else None


def done(engine: Engine, sweep: Sweep) -> list[tuple[int, int, int]]:
    """The ranges of a sweep that are done, in order, each with how many models were judged in it."""
    table = _tables().ranges
    with told(), reading(engine) as connection:
        rows = connection.execute(table.select().where(table.c.sweep == sweep.id).order_by(table.c.first)).all()
    return [(row.first, row.last, row.models) for row in rows]


def record(engine: Engine, sweep: Sweep, first: int, last: int, models: int, changes: Sequence[Change]) -> None:
    """Write that a range is done, what it changed, and how those models are judged now; all of it or nothing."""
    from sqlalchemy import bindparam

    tables = _tables()
    with told(), writing(engine) as connection:
        values = {"sweep": sweep.id, "first": first, "last": last, "models": models}
        connection.execute(tables.ranges.insert().values(values))
        if not changes:
            return
        written = [
            {
                "sweep": sweep.id,
                "repository": change.repository,
                "manifest": change.manifest,
                "was": change.was,
                "now": change.now,
                "rules": json.dumps(change.rules),
                "outdated": json.dumps(change.outdated),
            }
            for change in changes
        ]
        connection.execute(tables.changes.insert(), written)
        sheets = tables.sheets
        same = sheets.c.repository == bindparam("in_"), sheets.c.manifest == bindparam("one")
        connection.execute(
            sheets.update().where(*same).values(verdict=bindparam("v"), rules=bindparam("r")),
            [{"in_": row["repository"], "one": row["manifest"], "v": row["now"], "r": row["rules"]} for row in written],
        )


def finish(engine: Engine, sweep: Sweep, now: datetime) -> None:
    """Write that a sweep is over. Which ranges it had is of no use any more."""
    tables = _tables()
    with told(), writing(engine) as connection:
        connection.execute(tables.sweeps.update().where(tables.sweeps.c.id == sweep.id).values(ended=now.isoformat()))
        connection.execute(tables.ranges.delete().where(tables.ranges.c.sweep == sweep.id))


def changes_of(engine: Engine, sweep: Sweep, most: int) -> list[Change]:
    """What a sweep found, by repository and manifest; at most so many."""
    table = _tables().changes
    query = table.select().where(table.c.sweep == sweep.id).order_by(table.c.repository, table.c.manifest).limit(most)
    with told(), reading(engine) as connection:
        return [
            Change(
                *(row.repository, row.manifest, row.was, row.now),
                *(tuple(json.loads(row.rules)), tuple(json.loads(row.outdated))),
            )
            for row in connection.execute(query)
        ]


class _Tables(NamedTuple):
    sheets: Table
    sweeps: Table
    ranges: Table
    changes: Table


@cache
def _tables() -> _Tables:
    from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

    metadata, number = MetaData(), BigInteger().with_variant(Integer, "sqlite")
    return _Tables(
        sheets=Table(
            "sheets",
            metadata,
            Column("id", number, primary_key=True),
            Column("repository", String),
            Column("manifest", String),
            Column("document", LargeBinary),
            Column("verdict", String),
            Column("rules", Text),
        ),
        sweeps=Table(
            "sweeps",
            metadata,
            Column("id", number, primary_key=True),
            Column("judged_with", String),
            Column("within", String),
            Column("began", String),
            Column("ended", String),
        ),
        ranges=Table(
            "sweep_ranges",
            metadata,
            Column("sweep", number, primary_key=True),
            Column("first", number, primary_key=True),
            Column("last", number),
            Column("models", number),
        ),
        changes=Table(
            "sweep_changes",
            metadata,
            Column("sweep", number),
            Column("repository", String),
            Column("manifest", String),
            Column("was", String),
            Column("now", String),
            Column("rules", Text),
            Column("outdated", Text),
        ),
    )
