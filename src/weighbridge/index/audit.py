"""Who changed what and when: a table that only grows, each entry chained to the one before.

An entry is written in the transaction of the change that it tells of, so that there is neither without the other. The
chain tells when an entry was changed or taken out of the middle; who may write to the database can make a new chain,
which is why the database belongs to the server alone, and its backups elsewhere.
"""

from __future__ import annotations

import json

from weighbridge.core.digests import canonical_json
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import reading, told
from weighbridge.index.log import beginning, entry_hash
from weighbridge.index.serving_tables import clock_of, serving_tables

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

CHAIN = "audit"
"""What the chain begins with."""


class Change(NamedTuple):
    """One entry: `who` did `what` to `subject`."""

    sequence: int
    at: float
    who: str
    what: str
    subject: str
    detail: str


def note_change(connection: Connection, who: str, what: str, subject: str, detail: str = "") -> None:
    """Write an entry within a transaction of the caller's."""
    audit = serving_tables().audit
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE audit IN EXCLUSIVE MODE")
    last = connection.execute(audit.select().order_by(audit.c.sequence.desc()).limit(1)).first()
    sequence, previous = (last.sequence + 1, last.hash) if last else (1, beginning(CHAIN))
    said = {"at": clock_of(connection.engine, connection), "who": who, "what": what, "subject": subject}
    raw = canonical_json({**{key: str(value) for key, value in said.items()}, "detail": plain(detail, 2000)})
    entry = entry_hash(CHAIN, sequence, previous, raw)
    connection.execute(
        audit.insert().values(sequence=sequence, document=raw, previous=previous, hash=entry),
    )


def changes(engine: Engine, *, before: int = 2**62, limit: int = 100) -> list[Change]:
    """The last entries, the newest first."""
    audit = serving_tables().audit
    query = audit.select().where(audit.c.sequence < before).order_by(audit.c.sequence.desc()).limit(limit)
    with told(), reading(engine) as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        said = json.loads(row.document)
        found.append(
            Change(row.sequence, float(said["at"]), said["who"], said["what"], said["subject"], said["detail"])
        )
    return found


def broken_at(engine: Engine) -> int:
    """The first entry that does not follow from those before it; 0 if all do."""
    audit = serving_tables().audit
    place, previous = 0, beginning(CHAIN)
    with told(), reading(engine) as connection:
        for row in connection.execute(audit.select().order_by(audit.c.sequence)):
            place += 1
            follows = row.sequence == place and row.previous == previous
            if not follows or row.hash != entry_hash(CHAIN, place, previous, row.document):
                return place
            previous = row.hash
    return 0
