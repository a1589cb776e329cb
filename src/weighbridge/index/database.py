"""The database of the index: how it is opened, made, and brought to the shape that this version writes.

One schema for all that is kept there. Its history is `migrations/versions`, one file a step, run by Alembic under a
lock before anything is read, so that a database of an earlier version is brought up once and by one process. A
database of a later version is refused: what it means is not known here.

SQLAlchemy Core, so that PostgreSQL is another address. See `docs/decisions/0038-sqlalchemy-for-the-index.md` and
`docs/decisions/0066-alembic-for-the-index.md`.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager

from weighbridge.core.errors import IndexFailed, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sqlalchemy import Connection, Engine

SQLITE = "sqlite:///"
NEWEST = "0008"
"""The migration that leads to the schema of this version; a test holds it against the folder."""
PATIENCE = 60
"""Seconds that a writer waits for others."""
KEPT = 16
"""Connections that are kept open once they were needed. More than these are opened and closed for one use each."""
BEGINNING = 0x77656967
"""The number of PostgreSQL's lock that keeps two from making the tables at once."""
BEGIN = "weighbridge admit or weighbridge index rebuild begins one"
MEND = "nothing was decided; see to the index and try again"


def open_database(address: str, *, create: bool = False) -> Engine:
    """The database at an address of SQLAlchemy, with today's tables. With `create` it is made if it is not there.

    Raises UsageError for an address that nothing can be opened by, IndexFailed if there is no index or it cannot be
    used.
    """
    engine = _engine(address, create=create)
    try:
        with told():
            _bring_up(engine, address, create=create)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _bring_up(engine: Engine, address: str, *, create: bool) -> None:
    with reading(engine) as connection:  # almost always this is all
        if _version(connection) == NEWEST:
            return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({BEGINNING})")
        found = _version(connection)
        if not found and not create and not _begun(connection):
            raise IndexFailed(f"there is no index at {shown(address)}", BEGIN)
        if found != NEWEST:
            _upgrade(connection, found)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, one at a time: what was done in it is on disk when this ends, or nothing was done."""
    with _turn(engine), engine.begin() as connection:
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one moment of the whole database and writes nothing."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(reading=True, **level) as connection:
        yield connection


@contextmanager
def alone(engine: Engine) -> Iterator[Connection]:
    """A connection for one statement, which is a transaction of its own: with PostgreSQL one way there and back, where
    a transaction around it has three.
    """
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            yield connection
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def shown(address: str) -> str:
    """An address without what stands between its scheme and its host: a password may."""
    scheme, sep, rest = address.partition("://")
    return plain(f"{scheme}{sep}{rest.rpartition('@')[2]}", 200)


class told:  # noqa: N801 -- read as a word: with told errors
    """Turns errors of the database into one of ours; nothing is acknowledged then."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, IndexFailed):
            return
        from sqlalchemy.exc import SQLAlchemyError

        if isinstance(error, SQLAlchemyError):
            cause = plain(str(getattr(error, "orig", None) or error), 200)
            raise IndexFailed(f"the index cannot be used: {cause}", MEND) from error


def _version(connection: Connection) -> str:
    """The migration that the database stands at; empty if none was run."""
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _begun(connection: Connection) -> bool:
    """Whether there is a log of decisions that was begun before there were migrations."""
    from sqlalchemy import inspect

    return inspect(connection).has_table("head")


def _upgrade(connection: Connection, found: str) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", os.path.join(os.path.dirname(__file__), "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    if found and found not in {step.revision for step in scripts.walk_revisions()}:
        cause = f"the index is of a later version ({plain(found, 40)}) than this one ({NEWEST})"
        raise IndexFailed(cause, "install the newer weighbridge")

    def steps(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001 -- as the templates of Alembic's own commands do

    with EnvironmentContext(config, scripts, fn=steps) as context:
        context.configure(connection=connection, transactional_ddl=True)
        context.run_migrations()


@contextmanager
def _turn(engine: Engine) -> Iterator[None]:
    """Wait for one's turn among the writers of a file: SQLite would make them ask again at growing intervals, so
    that some wait for ever. This is courtesy only; that there is one writer at a time is SQLite's own doing.
    """
    url = engine.url
    if url.get_backend_name() != "sqlite" or not url.database:
        yield
        return
    try:
        fd = os.open(f"{url.database}.turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise IndexFailed(f"the index {plain(url.database)} cannot be written: {error.strerror}", MEND) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


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
            raise IndexFailed(f"there is no index at {plain(path)}", BEGIN)
        connect = {"timeout": PATIENCE, "isolation_level": None}
        engine = create_engine(address, connect_args=connect, pool_size=KEPT)
        event.listen(engine, "connect", _pragmas)
        event.listen(engine, "begin", _begin)
        return engine
    try:
        return create_engine(address, pool_size=KEPT)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        cause = f"the index {shown(address)} cannot be opened: {plain(str(error), 120)}"
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
