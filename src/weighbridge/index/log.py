"""Logs that only grow: each entry chained to the one before, the end of the chain signed.

    decisions   sequence (1, 2, …), document (canonical JSON), previous, hash
    head        one row: log (a random name), sequence, hash, bundle (the signed statement of the three, or empty)

There are two: of decisions (these tables), and of changes over the server (`audit` and `audit_head`, `index/audit.py`).

    hash = sha256 of the canonical JSON of {"log", "sequence", "previous", "document": sha256 of the document}
    previous of the first entry = sha256 of the log's name

An entry and the head that names it are written in one transaction, by one writer at a time, and are on disk before
anybody is told. In PostgreSQL every statement is a way there and back: whoever knows the end of the log writes both in
one statement, which does nothing if that is not the end any more; then they are written under a lock.

Whoever changes, removes or reorders entries breaks the chain; whoever cuts its end off has to sign a head for the
shorter log, or has to have kept one: heads are overwritten. A head that somebody kept elsewhere (each decision names
its place in the log) tells when the whole database was put back to an earlier state.

SQLAlchemy Core, so that PostgreSQL is another address. See `docs/decisions/0038-sqlalchemy-for-the-index.md`.
"""

from __future__ import annotations

import os
import threading
from functools import cache

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.errors import IndexFailed
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import alone, open_database, reading, told, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sqlalchemy import Connection, Engine, Table, TextClause

    Seal = Callable[["Head"], bytes]
    """Signs the end of a log."""

PAGE = 1000
"""Entries that are read at a time."""
MOST_DOCUMENT = 4 * 1024 * 1024
"""Bytes of one decision."""
LOST_RACE = "40001"
"""PostgreSQL's word for a statement that was overtaken, where transactions are told to see one moment only."""


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
        self._at_once = engine.dialect.name == "postgresql"
        self._turn = threading.Lock()
        # What the end was when it was last seen. It is a guess, and the database says whether it still holds.
        self._end: Head | None = None

    def append(self, document: dict[str, Any], seal: Seal | None = None) -> Head:
        """Write one document and give the new end of the log; it is on disk when this returns.

        `seal` signs the new end. Raises IndexFailed if it cannot be written: then nothing was.
        """
        if not self._at_once:
            with told(), writing(self._engine) as connection:
                return append_in(connection, self._tables, document, seal)
        with told(), self._turn:  # threads wait here, and not each with a connection in its hands
            end = self._end
            self._end = self._append_behind(end, document, seal) if end is not None else None
            if self._end is None:
                with writing(self._engine) as connection:
                    self._end = append_in(connection, self._tables, document, seal)
            return self._end

    def _append_behind(self, end: Head, document: dict[str, Any], seal: Seal | None) -> Head | None:
        """Append in one statement if this is still the end; None, and nothing was done, if it is not."""
        from sqlalchemy.exc import DBAPIError

        entry, head = following(self._tables, end, document, seal)
        values = {**entry._asdict(), "bundle": head.bundle, "log": head.log, "last": end.sequence}
        with alone(self._engine) as connection:
            try:
                done = connection.execute(_at_once(self._tables), values).rowcount
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", "") != LOST_RACE:
                    raise
                return None
        return head if done else None

    def begun(self) -> bool:
        """Whether there is anything of a log: its head, or an entry."""
        with told(), reading(self._engine) as connection:
            return begun_in(connection, self._tables)

    def head(self) -> Head:
        """The end of the log. Raises IndexFailed if there is none."""
        with told(), alone(self._engine) as connection:
            return head_in(connection, self._tables)

    def try_writing(self) -> None:
        """Raises IndexFailed if nothing could be appended now. Nothing is changed."""
        head = self._tables.head
        with told(), writing(self._engine) as connection:
            connection.execute(head.update().values(sequence=head.c.sequence))

    def newest(self, count: int = 1) -> list[Entry]:
        """The last entries, the newest first."""
        entries = self._tables.entries
        with told(), alone(self._engine) as connection:
            rows = connection.execute(entries.select().order_by(entries.c.sequence.desc()).limit(count)).all()
        found = [Entry(*row) for row in rows]
        end = self._end
        if end is not None and found and found[0].sequence > end.sequence:  # others wrote
            self._end = Head(end.log, found[0].sequence, found[0].hash)
        return found

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
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {tables.head.name} IN EXCLUSIVE MODE")
    entry, head = following(tables, head_in(connection, tables), document, seal)
    connection.execute(tables.entries.insert().values(entry._asdict()))
    connection.execute(tables.head.update().values(head._asdict()))
    return head


def following(tables: Tables, last: Head, document: dict[str, Any], seal: Seal | None) -> tuple[Entry, Head]:
    """The entry that comes after an end of the log, and the end that it makes, which `seal` signs. IndexFailed if it
    is too large.
    """
    raw = canonical_json(document)
    if len(raw) > MOST_DOCUMENT:
        raise IndexFailed(f"{len(raw)} bytes are too many for an entry of the {tables.name}", "report this")
    sequence = last.sequence + 1
    entry = Entry(sequence, raw, last.hash, entry_hash(last.log, sequence, last.hash, raw))
    head = Head(last.log, sequence, entry.hash)
    return entry, head._replace(bundle=seal(head) if seal else b"")


@cache
def _at_once(tables: Tables) -> TextClause:
    """An entry and the head that names it, if the head is the one before: one statement, which is a transaction."""
    from sqlalchemy import text

    return text(
        f"WITH moved AS (UPDATE {tables.head.name} SET sequence = :sequence, hash = :hash, bundle = :bundle"  # noqa: S608
        " WHERE log = :log AND sequence = :last AND hash = :previous RETURNING log)"
        f" INSERT INTO {tables.entries.name} (sequence, document, previous, hash)"
        " SELECT :sequence, :document, :previous, :hash FROM moved"
    )


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
