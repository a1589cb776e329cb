"""The log of changes gets a head, as that of decisions has one, and the same fence.

Entries that were written before follow from the name `audit`. Their end was never signed: the next change signs it.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, String, text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the head, of what is there, and a fence against accidents, which is no proof: that is the chain."""
    connection = op.get_bind()
    head = op.create_table(
        "audit_head",
        Column("log", String(32), primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("bundle", LargeBinary, nullable=False),
    )
    last = connection.execute(text("SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")).first()
    if last is not None:
        connection.execute(head.insert().values(log="audit", sequence=last.sequence, hash=last.hash, bundle=b""))
    if connection.dialect.name != "sqlite":
        return
    for what in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER audit_no_{what.lower()} BEFORE {what} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the log of changes only grows'); END"
        )
