"""What the registry holds, so that it can be asked: models, files, findings, evidence, terms, lineage, decisions.

Everything here follows from the registry and from the log of decisions; `weighbridge index rebuild` makes it again.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Table, Text

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

revision = "0002"
down_revision = "0001"

WORDS = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that is compared by its code points everywhere, so that an index answers for what begins with something."""
NUMBER = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    """Make the tables and their indexes."""
    state = _table(
        "state",
        Column("id", Integer, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, nullable=False),
        Column("log", WORDS, nullable=False),
        Column("followed", BigInteger, nullable=False),
    )
    op.get_bind().execute(state.insert().values(id=1, sequence=0, log="", followed=0))
    _table(
        "models",
        Column("id", NUMBER, primary_key=True, autoincrement=True),
        *(Column(name, WORDS, nullable=False) for name in ("repository", "path", "tenant", "manifest", "model")),
        *(Column(name, WORDS, nullable=False) for name in ("name", "verdict", "proof", "scanned")),
        Column("size", BigInteger, nullable=False),
        *(Column(name, WORDS, nullable=False) for name in ("source", "revision", "publisher", "licence")),
        *(Column(name, WORDS, nullable=False) for name in ("knowledge", "facts", "facts_state", "newest")),
        *(Column(name, BigInteger, nullable=False) for name in ("changed", "touched")),
        *(Column(name, WORDS, nullable=False) for name in ("before", "content")),
    )
    op.create_index("models_key", "models", ["repository", "manifest"], unique=True)
    op.create_index("models_changed", "models", ["changed"], unique=True)
    for name in ("tenant", "verdict", "proof", "publisher", "source"):
        op.create_index(f"models_{name}", "models", [name, "changed"])
    op.create_index("models_tenant_verdict", "models", ["tenant", "verdict", "changed"])
    op.create_index("models_path", "models", ["path", "verdict"])
    for name in ("manifest", "model", "name", "scanned", "size", "licence", "facts_state", "revision", "knowledge"):
        op.create_index(f"models_{name}", "models", [name])
    _children()
    _table(
        "decided",
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        *(Column(name, WORDS, nullable=False) for name in ("digest", "path", "stage")),
        Column("allowed", Boolean, nullable=False),
        Column("made", WORDS, nullable=False),
    )
    op.create_index("decided_digest", "decided", ["digest", "sequence"])
    _table(
        "standing",
        *(Column(name, WORDS, primary_key=True) for name in ("digest", "path", "stage")),
        Column("allowed", Boolean, nullable=False),
        Column("made", WORDS, nullable=False),
        Column("sequence", BigInteger, nullable=False),
    )
    op.create_index("standing_stage", "standing", ["allowed", "stage", "digest", "path"])
    _table(
        "tallies",
        *(Column(name, WORDS, primary_key=True) for name in ("tenant", "verdict")),
        *(Column(name, BigInteger, nullable=False) for name in ("models", "bytes")),
    )
    _table(
        "walks",
        Column("registry", WORDS, primary_key=True),
        Column("after", WORDS, nullable=False),
        Column("counts", LargeBinary, nullable=False),
    )


def _children() -> None:
    """What hangs on a model."""
    _table(
        "tags",
        *(Column(name, WORDS, primary_key=True) for name in ("repository", "tag")),
        Column("id", NUMBER, nullable=False),
    )
    op.create_index("tags_id", "tags", ["id"])
    op.create_index("tags_tag", "tags", ["tag", "id"])
    _table(
        "files",
        Column("id", NUMBER, primary_key=True, autoincrement=False),
        Column("path", WORDS, primary_key=True),
        Column("size", BigInteger, nullable=False),
        *(Column(name, WORDS, nullable=False) for name in ("sha256", "format")),
        *(Column(name, BigInteger, nullable=False) for name in ("parsed", "data", "opaque")),
    )
    op.create_index("files_sha256", "files", ["sha256", "id"])
    op.create_index("files_path", "files", ["path", "id"])
    _table(
        "findings",
        Column("id", NUMBER, primary_key=True, autoincrement=False),
        Column("number", Integer, primary_key=True, autoincrement=False),
        *(Column(name, WORDS, nullable=False) for name in ("rule", "severity", "title", "location", "evidence")),
    )
    op.create_index("findings_rule", "findings", ["rule", "id"])
    op.create_index("findings_severity", "findings", ["severity", "id"])
    _table(
        "evidence",
        Column("id", NUMBER, primary_key=True, autoincrement=False),
        Column("referrer", WORDS, primary_key=True),
        *(Column(name, WORDS, nullable=False) for name in ("kind", "type", "signer", "made", "result", "why")),
    )
    op.create_index("evidence_signer", "evidence", ["signer", "id"])
    op.create_index("evidence_kind", "evidence", ["kind", "id"])
    _table(
        "terms",
        Column("id", NUMBER, primary_key=True, autoincrement=False),
        *(Column(name, WORDS, primary_key=True) for name in ("kind", "value")),
        sqlite_with_rowid=False,
    )
    op.create_index("terms_value", "terms", ["kind", "value", "id"])
    _table(
        "lineage",
        Column("id", NUMBER, primary_key=True, autoincrement=False),
        *(Column(name, WORDS, primary_key=True) for name in ("relation", "target")),
        Column("proof", WORDS, nullable=False),
    )
    op.create_index("lineage_target", "lineage", ["target", "id"])


def _table(name: str, *columns: Column[Any], **options: Any) -> Table:
    made: Table = op.create_table(name, *columns, **options)
    return made
