"""Tenants by their whole names: a namespace of one registry is none of another that is indexed beside it."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Put the registry before each tenant, and count anew."""
    connection = op.get_bind()
    sums = "SELECT tenant, verdict, count(*), sum(size) FROM models GROUP BY tenant, verdict"
    for statement in (
        "UPDATE models SET tenant = substr(repository, 1, length(repository) - length(path)) || tenant",
        "DELETE FROM tallies",
        f"INSERT INTO tallies (tenant, verdict, models, bytes) {sums}",
    ):
        connection.execute(text(statement))
