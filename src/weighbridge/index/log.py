"""Logs that only grow: each entry chained to the one before, the end of the chain signed.

    decisions   sequence (1, 2, …), document (canonical JSON), previous, hash
    head        one row: log (a random name), sequence, hash, bundle (the signed statement of the three, or empty)

There are two: of decisions (these tables), and of changes over the server (`audit` and `audit_head`, `index/audit.py`).

    hash = sha256 of the canonical JSON of {"log", "sequence", "previous", "document": sha256 of the document}
    previous of the first entry = sha256 of the log's name

An entry and the head that names it are written in one transaction, by one writer at a time, and are on disk before
anybody is told. Whoever changes, removes or reorders entries breaks the chain; whoever cuts its end off has to sign a
head for the shorter log, or has to have kept one: heads are overwritten. A head that somebody kept elsewhere (each
decision names its place in the log) tells when the whole database was put back to an earlier state.

SQLAlchemy Core, so that PostgreSQL is another address. See `docs/decisions/0038-sqlalchemy-for-the-index.md`.
"""

from __future__ import annotations

import os
from functools import cache

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.errors import IndexFailed
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import open_database, reading, told, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sqlalchemy import Connection, Engine, Table

    Seal = Callable[["Head"], bytes]
    """Signs the end of a log."""

PAGE = 1000
"""Entries that are read at a time."""
MOST_DOCUMENT = 4 * 1024 * 1024
"""Bytes of one decision."""


class Head(NamedTuple):
    """The end of the log: how many entries there are, and the hash of the last. `bundle` is its signed statement."""

    log: str
    sequence: int
    hash: str
    bundle: bytes = b""


class Entry(NamedTuple):
    """One entry of the log as it is stored."""

    sequence: int
    document: bytes
    previous: str
    hash: str


class ChainedLog:
    """One log. May be used by many processes and threads at once."""

    def __init__(self, engine: Engine, tables: Tables) -> None:
        self._engine = engine
        self._tables = tables

    def append(self, document: dict[str, Any], seal: Seal | None = None) -> Head:
        """Write one document and give the new end of the log; it is on disk when this returns.

        `seal` signs the new end. Raises IndexFailed if it cannot be written: then nothing was.
        """
        with told(), writing(self._engine) as connection:
            return append_in(connection, self._tables, document, seal)

    def begun(self) -> bool:
        """Whether there is anything of a log: its head, or an entry."""
        with told(), reading(self._engine) as connection:
            return begun_in(connection, self._tables)

    def head(self) -> Head:
        """The end of the log. Raises IndexFailed if there is none."""
        with told(), reading(self._engine) as connection:
            return head_in(connection, self._tables)

    def try_writing(self) -> None:
        """Raises IndexFailed if nothing could be appended now. Nothing is changed."""
        head = self._tables.head
        with told(), writing(self._engine) as connection:
            connection.execute(head.update().values(sequence=head.c.sequence))

    def newest(self, count: int = 1) -> list[Entry]:
        """The last entries, the newest first."""
        entries = self._tables.entries
        with told(), reading(self._engine) as connection:
            rows = connection.execute(entries.select().order_by(entries.c.sequence.desc()).limit(count)).all()
        return [Entry(*row) for row in rows]

    def whole(self) -> Iterator[Head | Entry]:
        """The head, and then every entry in order, all of one moment, read page by page."""
        entries = self._tables.entries
        with told(), reading(self._engine) as connection:
            yield head_in(connection, self._tables)
            after = -(2**63)
            while True:
                query = entries.select().where(entries.c.sequence > after).order_by(entries.c.sequence)
                rows = [Entry(*row) for row in connection.execute(query.limit(PAGE))]
                yield from rows
                if len(rows) < PAGE:
                    return
                after = rows[-1].sequence

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


class Tables(NamedTuple):
    """The tables of one log, and what people call it."""

    entries: Table
    head: Table
    name: str


def open_log(address: str, *, create: bool = False, seal: Seal | None = None) -> ChainedLog:
    """The log of decisions at an address of SQLAlchemy. With `create` it is made if it is not there; `seal` signs its
    beginning.

    Raises UsageError for an address that nothing can be opened by, IndexFailed if there is no log.
    """
    engine = open_database(address, create=create)
    tables = log_tables()
    log = ChainedLog(engine, tables)
    with told(), reading(engine) as connection:  # almost always this is all
        if connection.execute(tables.head.select()).first() is not None:
            return log
    with told(), writing(engine) as connection:
        if not create and not begun_in(connection, tables):
            raise IndexFailed("there is no log of decisions in the index", "weighbridge admit begins one")
        begin_in(connection, tables, seal)
    return log


def begin_in(connection: Connection, tables: Tables, seal: Seal | None = None) -> Head:
    """The end of a log; it is begun if there is nothing of it. Within a transaction of the caller's, who has then the
    one place of its writers. Raises IndexFailed if there are entries and no head.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {tables.head.name} IN EXCLUSIVE MODE")
    if begun_in(connection, tables):
        return head_in(connection, tables)
    name = os.urandom(16).hex()
    head = Head(name, 0, beginning(name))
    head = head._replace(bundle=seal(head) if seal else b"")
    connection.execute(tables.head.insert().values(head._asdict()))
    return head


def append_in(connection: Connection, tables: Tables, document: dict[str, Any], seal: Seal | None = None) -> Head:
    """Append one document within a transaction of the caller's, and give the new end, which `seal` signs.

    Raises IndexFailed if the log has no head, or the document is too large.
    """
    raw = canonical_json(document)
    if len(raw) > MOST_DOCUMENT:
        raise IndexFailed(f"{len(raw)} bytes are too many for an entry of the {tables.name}", "report this")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {tables.head.name} IN EXCLUSIVE MODE")
    last = head_in(connection, tables)
    following = last.sequence + 1
    entry = Entry(following, raw, last.hash, entry_hash(last.log, following, last.hash, raw))
    head = Head(last.log, following, entry.hash)
    head = head._replace(bundle=seal(head) if seal else b"")
    connection.execute(tables.entries.insert().values(entry._asdict()))
    connection.execute(tables.head.update().values(head._asdict()))
    return head


def begun_in(connection: Connection, tables: Tables) -> bool:
    """Whether there is anything of a log, within a transaction of the caller's."""
    return any(
        connection.execute(table.select().limit(1)).first() is not None for table in (tables.head, tables.entries)
    )


def head_in(connection: Connection, tables: Tables) -> Head:
    """The end of a log, within a transaction of the caller's. Raises IndexFailed if there is none."""
    row = connection.execute(tables.head.select()).first()
    if row is None:
        raise IndexFailed(f"the {tables.name} has no head", "somebody changed it: keep it, and begin another")
    return Head(*row)


def beginning(log: str) -> str:
    """What the first entry of a log is chained to."""
    return digest_bytes(log.encode()).hex


def entry_hash(log: str, sequence: int, previous: str, document: bytes) -> str:
    """The hash of an entry: of its place, of everything before it, and of what it says."""
    said = {"log": log, "sequence": sequence, "previous": previous, "document": digest_bytes(document).hex}
    return digest_bytes(canonical_json(said)).hex


@cache
def log_tables() -> Tables:
    """The tables of the log of decisions for SQLAlchemy."""
    return chain_tables("decisions", "head", "log of decisions")


def chain_tables(entries: str, head: str, name: str) -> Tables:
    """The two tables of a log, by their names."""
    from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table

    metadata = MetaData()
    of_entries = Table(
        entries,
        metadata,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("document", LargeBinary, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False, unique=True),
    )
    of_head = Table(
        head,
        metadata,
        Column("log", String(32), primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("bundle", LargeBinary, nullable=False),
    )
    return Tables(of_entries, of_head, name)
