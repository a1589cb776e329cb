"""The index is opened in today's shape, whoever made it and however many open it at once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect, text

from weighbridge.core.errors import IndexFailed
from weighbridge.index import migrations
from weighbridge.index.check import check
from weighbridge.index.database import NEWEST, open_database, reading, told, writing
from weighbridge.index.log import open_log

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from build.postgres import Server


def test_the_newest_version_is_that_of_the_last_step() -> None:
    steps = os.listdir(os.path.join(os.path.dirname(migrations.__file__), "versions"))
    assert max(name[1:5] for name in steps if name.startswith("v")) == NEWEST


def test_it_is_made_once_and_opened_again(address: str) -> None:
    with pytest.raises(IndexFailed, match="there is no index"):
        open_database(address)
    open_database(address, create=True).dispose()
    engine = open_database(address)
    with reading(engine) as connection:
        assert {"decisions", "head", "alembic_version"} <= set(inspect(connection).get_table_names())
    engine.dispose()


def test_an_index_of_a_later_version_is_refused_and_left_alone(address: str) -> None:
    engine = open_database(address, create=True)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for create in (False, True):
        with pytest.raises(IndexFailed, match="later version"):
            open_database(address, create=create)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
    engine.dispose()


def test_a_log_that_was_begun_before_there_were_migrations_goes_on(address: str) -> None:
    log = open_log(address, create=True)
    kept = log.append({"number": 1})
    log.close()
    engine = open_database(address)
    with writing(engine) as connection:
        for name in inspect(connection).get_table_names():
            if name not in ("decisions", "head"):
                connection.execute(text(f"DROP TABLE {name}"))
    engine.dispose()
    again = open_log(address)
    assert again.head() == kept
    again.append({"number": 2})
    assert check(again, lambda _: "", [kept]).entries == 2
    again.close()


MANY = """
import sys
from weighbridge.index.log import open_log
log = open_log(sys.argv[1], create=True)
for number in range(25):
    log.append({"writer": sys.argv[2], "number": number})
"""


def test_many_make_it_and_write_at_once_and_nothing_is_lost(address: str) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    writers = [subprocess.Popen([sys.executable, "-c", MANY, address, str(one)], env=environ) for one in range(4)]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    log = open_log(address)
    assert log.head().sequence == 100
    assert check(log, lambda _: "", [log.head()]).whole
    log.close()


def test_what_was_acknowledged_survives_a_killed_database(server: Server) -> None:
    address = server.fresh("killed")
    log = open_log(address, create=True)
    for number in range(10):
        kept = log.append({"number": number})
    server.kill()
    with pytest.raises(IndexFailed, match="cannot be used"):
        log.append({"number": 10})
    server.start()
    again = open_log(address)
    assert again.head() == kept
    log.close()
    again.close()


def test_a_database_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"no database" * 100)
    with pytest.raises(IndexFailed, match="the index cannot be used"):
        open_database(f"sqlite:///{tmp_path}/index.db", create=True)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path}/index.db", create=True)
    with pytest.raises(IndexFailed), told():
        _half(engine)
    with reading(engine) as connection:
        assert not inspect(connection).has_table("one")
    engine.dispose()


def _half(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE one (a INTEGER)"))
        connection.execute(text("INSERT INTO nowhere VALUES (1)"))
