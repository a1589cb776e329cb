"""Decisions as they are listed: by whose model it was, by what was not met, by stage and answer.

All of it follows from the log of decisions, which is followed from its beginning again.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Text, text

revision = "0006"
down_revision = "0005"

WORDS = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make the tables and indexes, and forget what was followed."""
    for name, word in (("decided_in", "namespace"), ("decided_lacks", "requirement")):
        op.create_table(
            name,
            Column(word, WORDS, primary_key=True),
            Column("sequence", BigInteger, primary_key=True, autoincrement=False),
            sqlite_with_rowid=False,
        )
    op.create_index("decided_stage", "decided", ["stage", "sequence"])
    op.create_index("decided_allowed", "decided", ["allowed", "sequence"])
    op.create_index("decided_both", "decided", ["stage", "allowed", "sequence"])
    connection = op.get_bind()
    for statement in ("DELETE FROM decided", "DELETE FROM standing", "UPDATE state SET log = '', followed = 0"):
        connection.execute(text(statement))
