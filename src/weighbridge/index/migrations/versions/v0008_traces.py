"""Which trace an intake was asked for in."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Those that are there were asked for in none."""
    op.add_column("jobs", Column("trace", Text, nullable=False, server_default=""))
