"""Facts of models as they are judged again and again, and what each sweep found."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Text, UniqueConstraint

revision = "0004"
down_revision = "0003"

_NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sheets",
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("repository", String(1024), nullable=False),
        Column("manifest", String(80), nullable=False),
        Column("document", LargeBinary, nullable=False),
        Column("verdict", String(16), nullable=False),
        Column("rules", Text, nullable=False),
        UniqueConstraint("repository", "manifest"),
        sqlite_autoincrement=True,  # an id that was given is never given again: see `index/sheets.py`
    )
    op.create_table(
        "sweeps",
        Column("id", _NUMBER, primary_key=True, autoincrement=True),
        Column("judged_with", String(200), nullable=False),
        Column("within", String(1024), nullable=False),
        Column("began", String(40), nullable=False),
        Column("ended", String(40), nullable=False),
    )
    op.create_table(
        "sweep_ranges",
        Column("sweep", _NUMBER, primary_key=True),
        Column("first", _NUMBER, primary_key=True),
        Column("last", _NUMBER, nullable=False),
        Column("models", _NUMBER, nullable=False),
    )
    op.create_table(
        "sweep_changes",
        Column("sweep", _NUMBER, nullable=False),
        Column("repository", String(1024), nullable=False),
        Column("manifest", String(80), nullable=False),
        Column("was", String(16), nullable=False),
        Column("now", String(16), nullable=False),
        Column("rules", Text, nullable=False),
        Column("outdated", Text, nullable=False),
        Index("sweep_changes_of", "sweep", "repository", "manifest"),
        Index("sweep_changes_by_model", "manifest"),
    )
