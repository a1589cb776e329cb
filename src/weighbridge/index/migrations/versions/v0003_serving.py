"""What a server keeps: the queue of intakes, tokens and sessions, alerts, and who changed what."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, Text, UniqueConstraint

revision = "0003"
down_revision = "0002"

NUMBER = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER counts upwards there


def upgrade() -> None:
    """Make the tables. One result per job is a promise, so it is a primary key."""
    op.create_table(
        "jobs",
        Column("number", NUMBER, primary_key=True, autoincrement=True),
        Column("id", String(32), nullable=False, unique=True),
        Column("source", Text, nullable=False),
        Column("target", Text, nullable=False),
        Column("repository", String(255), nullable=False, index=True),
        Column("stage", String(40), nullable=False),
        Column("replaces", Boolean, nullable=False),
        Column("submitter", String(255), nullable=False),
        Column("key", String(200)),
        Column("priority", Integer, nullable=False),
        Column("state", String(16), nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("most_attempts", Integer, nullable=False),
        Column("not_before", Float, nullable=False),
        Column("lease", String(32), nullable=False),
        Column("lease_until", Float, nullable=False),
        Column("worker", String(120), nullable=False),
        Column("cancel_wanted", Boolean, nullable=False),
        Column("note", Text, nullable=False),
        Column("done_bytes", BigInteger, nullable=False),
        Column("version", Integer, nullable=False),
        Column("submitted_at", Float, nullable=False),
        Column("started_at", Float, nullable=False),
        Column("ended_at", Float, nullable=False),
        UniqueConstraint("submitter", "key"),
    )
    op.create_index("jobs_state", "jobs", ["state", "priority", "number"])
    op.create_table(
        "job_results",
        Column("job", NUMBER, primary_key=True, autoincrement=False),
        Column("state", String(16), nullable=False),
        Column("why", Text, nullable=False),
        Column("document", LargeBinary, nullable=False),
    )
    op.create_table(
        "job_events",
        Column("number", NUMBER, primary_key=True, autoincrement=True),
        Column("job", NUMBER, nullable=False, index=True),
        Column("at", Float, nullable=False),
        Column("what", String(16), nullable=False),
        Column("detail", Text, nullable=False),
    )
    op.create_table(
        "tokens",
        Column("id", String(12), primary_key=True),
        Column("hash", String(64), nullable=False),
        Column("name", String(120), nullable=False),
        Column("role", String(16), nullable=False),
        Column("tenants", Text, nullable=False),
        Column("made_by", String(255), nullable=False),
        Column("made_at", Float, nullable=False),
        Column("until", Float, nullable=False),
        Column("revoked_at", Float, nullable=False),
    )
    op.create_table(
        "sessions",
        Column("hash", String(64), primary_key=True),
        Column("name", String(255), nullable=False),
        Column("role", String(16), nullable=False),
        Column("tenants", Text, nullable=False),
        Column("made_at", Float, nullable=False),
        Column("until", Float, nullable=False),
    )
    op.create_table(
        "alerts",
        Column("number", NUMBER, primary_key=True, autoincrement=True),
        Column("id", String(64), nullable=False, unique=True),
        Column("tenant", String(255), nullable=False),
        Column("received_at", Float, nullable=False),
        Column("document", LargeBinary, nullable=False),
        Column("acknowledged_at", Float, nullable=False),
        Column("acknowledged_by", String(255), nullable=False),
        Column("reason", Text, nullable=False),
    )
    op.create_table(
        "audit",
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("document", LargeBinary, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
    )
