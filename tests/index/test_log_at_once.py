"""Many writers of one log, who may know its end or believe to: one chain, and few ways to the database and back."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, event, text

from weighbridge.core.errors import IndexFailed
from weighbridge.index.check import check
from weighbridge.index.log import MOST_DOCUMENT, ChainedLog, open_log

if TYPE_CHECKING:
    from build.postgres import Server
    from weighbridge.index.log import Head


def sent(log: ChainedLog) -> list[str]:
    """Every statement that is sent from now on, and every commit."""
    seen: list[str] = []
    event.listen(log._engine, "before_cursor_execute", lambda _c, _k, statement, *_: seen.append(statement))
    event.listen(log._engine, "begin", lambda _c: seen.append("BEGIN"))
    return seen


def numbers(log: ChainedLog) -> list[int]:
    return [json.loads(entry.document)["number"] for entry in log.newest(1000)]


def test_writers_in_turn_keep_one_chain(address: str) -> None:
    """Each believes to know the end, and is wrong every time."""
    logs = [open_log(address, create=True) for _ in range(3)]
    heads = [log.append({"number": 10 * turn + place}) for turn in range(4) for place, log in enumerate(logs)]
    assert [head.sequence for head in heads] == list(range(1, 13))
    assert check(logs[0], lambda _: "", heads).whole
    assert numbers(logs[0]) == [10 * turn + place for turn in (3, 2, 1, 0) for place in (2, 1, 0)]
    for log in logs:
        log.close()


@pytest.mark.parametrize("level", ["read committed", "repeatable read", "serializable"])
def test_threads_of_several_writers_lose_nothing(server: Server, level: str) -> None:
    """Also where the database lets every transaction see one moment only, so that one that was overtaken fails."""
    place = server.fresh(f"several_{level.replace(' ', '_')}")
    place = f"{place}&options=-c%20default_transaction_isolation%3D{level.replace(' ', '%5C%20')}"
    logs = [open_log(place, create=True) for _ in range(2)]
    with logs[0]._engine.connect() as connection:
        assert connection.execute(text("SHOW default_transaction_isolation")).scalar() == level
    told: list[Head] = []

    def write(log: ChainedLog, who: int) -> None:
        for number in range(15):
            if number % 2:
                log.newest()
            told.append(log.append({"number": 100 * who + number}))

    threads = [threading.Thread(target=write, args=(logs[who % 2], who)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = check(logs[0], lambda _: "", told)
    assert (found.whole, found.entries, found.witnesses) == (True, 90, 90)
    assert sorted(numbers(logs[1])) == sorted(100 * who + number for who in range(6) for number in range(15))
    for log in logs:
        log.close()


def test_whoever_knows_the_end_needs_one_statement(server: Server) -> None:
    place = server.fresh("one_statement")
    log, other = open_log(place, create=True), open_log(place)
    log.append({"number": 0})
    seen = sent(log)
    log.append({"number": 1})
    assert len([one for one in seen if one != "BEGIN"]) == 1
    other.append({"number": 2})
    seen.clear()
    log.append({"number": 3})  # it believes what is no longer so
    assert len([one for one in seen if one != "BEGIN"]) > 1
    other.append({"number": 4})
    assert log.newest()[0].sequence == 5
    seen.clear()
    log.append({"number": 5})  # it saw what the other wrote
    assert len([one for one in seen if one != "BEGIN"]) == 1
    assert check(log, lambda _: "", [log.head()]).entries == 6
    log.close()
    other.close()


def test_every_end_that_stays_is_signed(server: Server) -> None:
    """What is signed for an end that was no longer one is in no log."""
    place = server.fresh("signed")
    logs = [open_log(place, create=True, seal=lambda head: head.hash.encode()) for _ in range(2)]
    for number in range(6):
        head = logs[number % 2].append({"number": number}, lambda head: head.hash.encode())
        assert logs[0].head() == head
        assert head.bundle == head.hash.encode()
    for log in logs:
        log.close()


def test_a_changed_end_is_not_written_behind(server: Server) -> None:
    """Neither an end that was put back, nor that of another log, nor one that is gone."""
    place = server.fresh("changed")
    log = open_log(place, create=True)
    for number in range(3):
        log.append({"number": number})
    owner = create_engine(place)
    with owner.begin() as connection:
        connection.execute(text("UPDATE head SET hash = repeat('0', 64)"))
    kept = log.append({"number": 3})
    assert log.newest()[0].previous == "0" * 64  # as the database says, and not as this process believed
    assert not check(log, lambda _: "", [kept]).whole
    with owner.begin() as connection:
        connection.execute(text("DELETE FROM head"))
    with pytest.raises(IndexFailed, match="has no head"):
        log.append({"number": 4})
    assert log.newest()[0].sequence == 4
    owner.dispose()
    log.close()


def test_what_is_too_large_or_cannot_be_signed_leaves_nothing(address: str) -> None:
    log = open_log(address, create=True)
    first = log.append({"number": 0})

    def broken(_: Head) -> bytes:
        raise IndexFailed("no key", "get one")

    with pytest.raises(IndexFailed, match="too many"):
        log.append({"number": "1" * MOST_DOCUMENT})
    with pytest.raises(IndexFailed, match="no key"):
        log.append({"number": 1}, broken)
    assert log.head() == first
    log.append({"number": 1})
    assert check(log, lambda _: "", [first, log.head()]).entries == 2
    log.close()
