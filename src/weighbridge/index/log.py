"""The log of decisions: append-only, each entry chained to the one before, the end of the chain signed.

    decisions   sequence (1, 2, …), document (canonical JSON), previous, hash
    head        one row: log (a random name), sequence, hash, bundle (the signed statement of the three, or empty)

    hash = sha256 of the canonical JSON of {"log", "sequence", "previous", "document": sha256 of the document}
    previous of the first entry = sha256 of the log's name

An entry and the head that names it are written in one transaction, by one writer at a time, and are on disk before
anybody is told. Whoever changes, removes or reorders entries breaks the chain; whoever cuts its end off has to sign a
head for the shorter log, or has to have kept one: heads are overwritten. A head that somebody kept elsewhere (each
decision names its place in the log) tells when the whole database was put back to an earlier state.

SQLAlchemy Core, so that PostgreSQL is another address. See `docs/decisions/0038-sqlalchemy-for-the-index.md`.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.core.errors import IndexFailed, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from sqlalchemy import Connection, Engine, MetaData, Table

SQLITE = "sqlite:///"
PATIENCE = 60
"""Seconds that a writer waits for others."""
PAGE = 1000
"""Entries that are read at a time."""
MOST_DOCUMENT = 4 * 1024 * 1024
"""Bytes of one decision."""


BEGINNING = 0x77656967
"""The number of PostgreSQL's lock that keeps two from beginning the log at once."""


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


class DecisionLog:
    """One log of decisions. May be used by many processes and threads at once."""

    def __init__(self, engine: Engine, tables: Tables) -> None:
        self._engine = engine
        self._tables = tables

    def append(self, document: dict[str, Any], seal: Callable[[Head], bytes] | None = None) -> Head:
        """Write one document and give the new end of the log; it is on disk when this returns.

        `seal` signs the new end. Raises IndexFailed if it cannot be written: then nothing was.
        """
        raw = canonical_json(document)
        if len(raw) > MOST_DOCUMENT:
            raise IndexFailed(f"a decision of {len(raw)} bytes cannot be recorded", "report this; nothing was decided")
        with _told(), self._turn(), self._engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("LOCK TABLE head IN EXCLUSIVE MODE")
            last = self._head(connection)
            following = last.sequence + 1
            entry = Entry(following, raw, last.hash, entry_hash(last.log, following, last.hash, raw))
            head = Head(last.log, following, entry.hash)
            head = head._replace(bundle=seal(head) if seal else b"")
            connection.execute(self._tables.decisions.insert().values(entry._asdict()))
            connection.execute(self._tables.head.update().values(head._asdict()))
        return head

    def head(self) -> Head:
        """The end of the log."""
        with _told(), self._reading() as connection:
            return self._head(connection)

    def try_writing(self) -> None:
        """Raises IndexFailed if nothing could be appended now. Nothing is changed."""
        with _told(), self._turn(), self._engine.connect() as connection, connection.begin() as attempt:
            head = self._tables.head
            connection.execute(head.update().values(sequence=head.c.sequence))
            attempt.rollback()

    def newest(self, count: int = 1) -> list[Entry]:
        """The last entries, the newest first."""
        decisions = self._tables.decisions
        with _told(), self._reading() as connection:
            rows = connection.execute(decisions.select().order_by(decisions.c.sequence.desc()).limit(count)).all()
        return [Entry(*row) for row in rows]

    def whole(self) -> Iterator[Head | Entry]:
        """The head, and then every entry in order, all of one moment, read page by page."""
        decisions = self._tables.decisions
        with _told(), self._reading() as connection:
            yield self._head(connection)
            after = -(2**63)
            while True:
                query = decisions.select().where(decisions.c.sequence > after).order_by(decisions.c.sequence)
                rows = [Entry(*row) for row in connection.execute(query.limit(PAGE))]
                yield from rows
                if len(rows) < PAGE:
                    return
                after = rows[-1].sequence

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _reading(self) -> Connection:
        level = {} if self._engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
        return self._engine.connect().execution_options(reading=True, **level)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for one's turn among the writers of a file: SQLite would make them ask again at growing intervals, so
        that some wait for ever. This is courtesy only; that there is one writer at a time is SQLite's own doing.
        """
        url = self._engine.url
        if url.get_backend_name() != "sqlite" or not url.database:
            yield
            return
        try:
            fd = os.open(f"{url.database}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            cause = f"the log of decisions beside {plain(url.database)} cannot be written: {error.strerror}"
            raise IndexFailed(cause, "nothing was decided; see to the index and try again") from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def _head(self, connection: Connection) -> Head:
        row = connection.execute(self._tables.head.select()).first()
        if row is None:
            raise IndexFailed("the log of decisions has no head", "somebody changed it: keep it, and begin another")
        return Head(*row)


class Tables(NamedTuple):
    """The tables of the log."""

    metadata: MetaData
    decisions: Table
    head: Table


def open_log(address: str, *, create: bool = False, seal: Callable[[Head], bytes] | None = None) -> DecisionLog:
    """The log at an address of SQLAlchemy. With `create` it is made if it is not there; `seal` signs its beginning.

    Raises UsageError for an address that nothing can be opened by, IndexFailed if there is no log.
    """
    engine = _engine(address, create=create)
    tables = _tables()
    log = DecisionLog(engine, tables)
    with _told(), engine.begin() as connection:
        from sqlalchemy import inspect

        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({BEGINNING})")
        there = inspect(connection).has_table("head")
        if there and connection.execute(tables.head.select()).first() is not None:
            return log
        if not create:
            raise IndexFailed(f"there is no log of decisions at {_shown(address)}", "weighbridge admit begins one")
        if there:
            raise IndexFailed("the log of decisions has no head", "somebody changed it: keep it, and begin another")
        tables.metadata.create_all(connection)
        _keep(connection)
        name = os.urandom(16).hex()
        head = Head(name, 0, beginning(name))
        connection.execute(tables.head.insert().values(head._replace(bundle=seal(head) if seal else b"")._asdict()))
    return log


def beginning(log: str) -> str:
    """What the first entry of a log is chained to."""
    return digest_bytes(log.encode()).hex


def entry_hash(log: str, sequence: int, previous: str, document: bytes) -> str:
    """The hash of an entry: of its place, of everything before it, and of what it says."""
    said = {"log": log, "sequence": sequence, "previous": previous, "document": digest_bytes(document).hex}
    return digest_bytes(canonical_json(said)).hex


def _engine(address: str, *, create: bool) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if address.startswith(SQLITE):
        path = address.removeprefix(SQLITE)
        if create:
            try:
                os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
            except OSError as error:
                cause = f"the folder of the index {plain(path)} cannot be made: {error.strerror}"
                raise UsageError(cause, "set index in weighbridge.toml") from error
        elif not os.path.exists(path):
            raise IndexFailed(f"there is no log of decisions at {plain(path)}", "weighbridge admit begins one")
        connect = {"timeout": PATIENCE, "isolation_level": None}
        engine = create_engine(address, connect_args=connect)
        event.listen(engine, "connect", _pragmas)
        event.listen(engine, "begin", _begin)
        return engine
    try:
        return create_engine(address)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        cause = f"the index {_shown(address)} cannot be opened: {plain(str(error), 120)}"
        raise UsageError(cause, 'write index = "sqlite:///decisions.db", or install the driver') from error


def _pragmas(connection: Any, _record: object) -> None:
    """Readers beside one writer, and every commit on disk before it is told."""
    import sqlite3

    end = time.monotonic() + PATIENCE
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:  # somebody else is at it, and SQLite does not wait here
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous=FULL")


def _begin(connection: Connection) -> None:
    """SQLite's own BEGIN takes the writer's place only when it first writes, and then may have to give up."""
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _tables() -> Tables:
    from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table

    metadata = MetaData()
    decisions = Table(
        "decisions",
        metadata,
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("document", LargeBinary, nullable=False),
        Column("previous", String(64), nullable=False),
        Column("hash", String(64), nullable=False, unique=True),
    )
    head = Table(
        "head",
        metadata,
        Column("log", String(32), primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("hash", String(64), nullable=False),
        Column("bundle", LargeBinary, nullable=False),
    )
    return Tables(metadata, decisions, head)


def _keep(connection: Connection) -> None:
    """A fence against accidents, no proof: entries are neither changed nor removed by an ordinary statement."""
    if connection.dialect.name != "sqlite":
        return
    for what in ("UPDATE", "DELETE"):
        connection.exec_driver_sql(
            f"CREATE TRIGGER decisions_no_{what.lower()} BEFORE {what} ON decisions "
            "BEGIN SELECT RAISE(ABORT, 'the log of decisions only grows'); END"
        )


class _told:  # noqa: N801 -- read as a word: with told errors
    """Turns errors of the database into one of ours; nothing is acknowledged then."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, IndexFailed):
            return
        from sqlalchemy.exc import SQLAlchemyError

        if isinstance(error, SQLAlchemyError):
            cause = plain(str(getattr(error, "orig", None) or error), 200)
            raise IndexFailed(
                f"the log of decisions cannot be used: {cause}", "nothing was decided; see to the index and try again"
            ) from error


def _shown(address: str) -> str:
    """An address without what stands between its scheme and its host: a password may."""
    scheme, sep, rest = address.partition("://")
    return plain(f"{scheme}{sep}{rest.rpartition('@')[2]}", 200)
