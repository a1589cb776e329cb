"""The log of decisions. A log that was begun before there were migrations stays as it is."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, String, inspect

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables, and a fence against accidents, which is no proof: that is the chain."""
    connection = op.get_bind()
    if inspect(connection).has_table("head"):
        return
    op.create_table(
        "decisions",
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("document", LargeBinary, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False, unique=True),
    )
    op.create_table(
        "head",
        Column("log", String(32), primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("bundle", LargeBinary, nullable=False),
    )
    if connection.dialect.name != "sqlite":
        return
    for what in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER decisions_no_{what.lower()} BEFORE {what} ON decisions "
            "BEGIN SELECT RAISE(ABORT, 'the log of decisions only grows'); END"
        )
