"""Who changed what and when over the server: a log of the same kind as that of decisions (`index/log.py`).

An entry is written in the transaction of the change that it tells of, so that there is neither without the other.
Whoever changes, removes or reorders entries breaks the chain; whoever can write to the database and makes a new chain
lacks the key that signs its end. `weighbridge decisions verify` proves both logs.
"""

from __future__ import annotations

import json
from functools import cache

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import reading, told
from weighbridge.index.log import ChainedLog, append_in, begin_in, chain_tables
from weighbridge.index.serving_tables import clock_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from weighbridge.index.log import Seal, Tables


class Change(NamedTuple):
    """One entry: `who` did `what` to `subject`."""

    sequence: int
    at: float
    who: str
    what: str
    subject: str
    detail: str


def change_log(engine: Engine) -> ChainedLog:
    """The log of changes, which may not have begun."""
    return ChainedLog(engine, _tables())


def note_change(
    connection: Connection, who: str, what: str, subject: str, detail: str = "", *, seal: Seal | None = None
) -> None:
    """Write an entry within a transaction of the caller's. `seal` signs the new end of the log.

    Raises IndexFailed if somebody took the log's head away.
    """
    said = {"at": clock_of(connection.engine, connection), "who": who, "what": what, "subject": subject}
    document = {**{key: str(value) for key, value in said.items()}, "detail": plain(detail, 2000)}
    begin_in(connection, _tables(), seal)
    append_in(connection, _tables(), document, seal)


def changes(engine: Engine, *, before: int = 2**62, limit: int = 100) -> list[Change]:
    """The last entries, the newest first."""
    audit = _tables().entries
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


@cache
def _tables() -> Tables:
    return chain_tables("audit", "audit_head", "log of changes")
