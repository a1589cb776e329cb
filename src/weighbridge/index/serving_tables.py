"""The tables of a server as SQLAlchemy knows them; what makes them is the migration."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import ColumnElement, Connection, Engine, Table

EVERY_TENANT = "*"
"""Among somebody's tenants: all of them."""


class ServingTables(NamedTuple):
    """The tables, by name."""

    jobs: Table
    job_results: Table
    job_events: Table
    tokens: Table
    sessions: Table
    alerts: Table


def serving_tables() -> ServingTables:
    """The tables as this version writes them."""
    from sqlalchemy import (
        BigInteger,
        Boolean,
        Column,
        Float,
        Integer,
        LargeBinary,
        MetaData,
        String,
        Table,
        Text,
    )

    metadata = MetaData()
    number = BigInteger().with_variant(Integer, "sqlite")

    def table(name: str, *columns: Any) -> Table:
        return Table(name, metadata, *columns)

    return ServingTables(
        table(
            "jobs",
            Column("number", number, primary_key=True, autoincrement=True),
            *(Column(name, Text) for name in ("id", "source", "target", "repository", "stage")),
            Column("replaces", Boolean),
            *(Column(name, Text) for name in ("submitter", "key")),
            Column("priority", Integer),
            Column("state", String(16)),
            *(Column(name, Integer) for name in ("attempts", "most_attempts")),
            Column("not_before", Float),
            Column("lease", Text),
            Column("lease_until", Float),
            Column("worker", Text),
            Column("cancel_wanted", Boolean),
            Column("note", Text),
            Column("done_bytes", BigInteger),
            Column("version", Integer),
            *(Column(name, Float) for name in ("submitted_at", "started_at", "ended_at")),
            Column("trace", Text),
        ),
        table(
            "job_results",
            Column("job", number, primary_key=True, autoincrement=False),
            *(Column(name, Text) for name in ("state", "why")),
            Column("document", LargeBinary),
        ),
        table(
            "job_events",
            Column("number", number, primary_key=True, autoincrement=True),
            Column("job", number),
            Column("at", Float),
            *(Column(name, Text) for name in ("what", "detail")),
        ),
        table(
            "tokens",
            Column("id", Text, primary_key=True),
            *(Column(name, Text) for name in ("hash", "name", "role", "tenants", "made_by")),
            *(Column(name, Float) for name in ("made_at", "until", "revoked_at")),
        ),
        table(
            "sessions",
            Column("hash", Text, primary_key=True),
            *(Column(name, Text) for name in ("name", "role", "tenants")),
            *(Column(name, Float) for name in ("made_at", "until")),
        ),
        table(
            "alerts",
            Column("number", number, primary_key=True, autoincrement=True),
            *(Column(name, Text) for name in ("id", "tenant")),
            Column("received_at", Float),
            Column("document", LargeBinary),
            Column("acknowledged_at", Float),
            *(Column(name, Text) for name in ("acknowledged_by", "reason")),
        ),
    )


def within(column: ColumnElement[str], tenants: tuple[str, ...]) -> ColumnElement[bool]:
    """Whether a repository lies in one of the namespaces; the same as `Caller.sees`."""
    from sqlalchemy import func, or_, true

    if EVERY_TENANT in tenants:
        return true()
    asked = [(column == one) | (func.substr(column, 1, len(one) + 1) == f"{one}/") for one in tenants if one]
    return or_(*asked) if asked else column.is_(None)


def clock_of(engine: Engine, connection: Connection) -> float:
    """Seconds since 1970 by the one clock that all writers share: that of the database server, or of this machine."""
    import time

    if engine.dialect.name != "postgresql":
        return time.time()
    return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
