"""The queue: submitted once, leased by one, tried again, and ended exactly once, on both databases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from weighbridge.index.audit import changes
from weighbridge.index.database import open_database, writing
from weighbridge.index.jobs import Jobs, KeyTaken, QueueFull, Submission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

WANTED = Submission("hf://org/net@main", "team/net:v1", "team/net", "staging")


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    made = open_database(address, create=True)
    yield made
    made.dispose()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ends(jobs: Jobs, identity: str) -> int:
    return sum(event.what in ("done", "refused", "failed", "cancelled") for event in jobs.events(identity))


def test_a_job_goes_from_submission_to_its_end(engine: Engine) -> None:
    jobs = Jobs(engine)
    made, new = jobs.submit(WANTED, who="ada")
    assert new
    assert (made.state, made.submitter, made.repository) == ("waiting", "ada", "team/net")
    held = jobs.lease("one", 30)
    assert held is not None
    assert held.id == made.id
    assert jobs.lease("two", 30) is None
    assert jobs.beat(held, 30, note="reads weights.bin", done_bytes=5) == "go"
    shown = jobs.find(made.id)
    assert shown is not None
    assert (shown.state, shown.note, shown.done_bytes) == ("running", "reads weights.bin", 5)
    assert jobs.result(made.id) is None
    assert jobs.finish(held, "refused", "the verdict is malicious", {"verdict": "malicious"})
    assert not jobs.finish(held, "done", "")
    assert not jobs.retry(held, "")
    assert not jobs.give_back(held)
    assert jobs.beat(held, 30) == "lost"
    result = jobs.result(made.id)
    assert result == ("refused", "the verdict is malicious", {"verdict": "malicious"})
    assert [event.what for event in jobs.events(made.id)] == ["submitted", "started", "refused"]
    assert jobs.counts()["refused"] == 1


def test_a_key_stands_for_one_submission_of_one_caller(engine: Engine) -> None:
    jobs = Jobs(engine)
    first, _ = jobs.submit(WANTED, who="ada", key="k")
    assert jobs.submit(WANTED, who="ada", key="k") == (first, False)
    assert jobs.submit(WANTED, who="bob", key="k")[1]
    assert jobs.submit(WANTED, who="ada")[1]
    with pytest.raises(KeyTaken):
        jobs.submit(WANTED._replace(source="hf://org/other@main"), who="ada", key="k")
    assert sum(jobs.counts().values()) == 3


def test_too_many_are_not_taken_and_room_comes_with_an_end(engine: Engine) -> None:
    jobs = Jobs(engine)
    first, _ = jobs.submit(WANTED, who="ada", most=2)
    jobs.submit(WANTED, who="ada", key="k", most=2)
    with pytest.raises(QueueFull) as error:
        jobs.submit(WANTED, who="ada", most=2)
    assert error.value.retry_after > 0
    assert not jobs.submit(WANTED, who="ada", key="k", most=2)[1]
    jobs.cancel(first.id, who="ada")
    assert jobs.submit(WANTED, who="ada", most=2)[1]


def test_the_urgent_come_first_and_then_the_oldest(engine: Engine) -> None:
    jobs = Jobs(engine)
    made = [jobs.submit(WANTED._replace(priority=one), who="ada")[0].id for one in (0, 5, 0, 5)]
    taken = [jobs.lease("one", 30) for _ in made]
    assert [one.id for one in taken if one] == [made[1], made[3], made[0], made[2]]


def test_who_falls_silent_loses_the_job_and_cannot_end_it(engine: Engine) -> None:
    clock = Clock()
    jobs = Jobs(engine, clock)
    made, _ = jobs.submit(WANTED, who="ada")
    slow = jobs.lease("slow", 10)
    assert slow is not None
    clock.now += 11
    quick = jobs.lease("quick", 10)
    assert quick is not None
    assert quick.attempts == 2
    assert jobs.beat(slow, 10) == "lost"
    assert not jobs.finish(slow, "done", "")
    assert jobs.finish(quick, "done", "")
    assert ends(jobs, made.id) == 1


def test_after_its_tries_a_job_fails_with_a_sentence(engine: Engine) -> None:
    clock = Clock()
    jobs = Jobs(engine, clock)
    made, _ = jobs.submit(WANTED._replace(most_attempts=3), who="ada")
    held = jobs.lease("one", 10)
    assert held is not None
    assert jobs.retry(held, "the registry is away")
    assert jobs.lease("one", 10) is None, "it waits before it is tried again"
    clock.now += 5
    assert jobs.lease("one", 10) is not None
    clock.now += 11
    assert jobs.lease("one", 10) is not None
    clock.now += 11
    assert jobs.lease("one", 10) is None
    result = jobs.result(made.id)
    assert result is not None
    assert result.state == "failed"
    assert "without a result 3 times" in result.why
    assert ends(jobs, made.id) == 1


def test_cancelling(engine: Engine) -> None:
    clock = Clock()
    jobs = Jobs(engine, clock)
    waits, _ = jobs.submit(WANTED, who="ada")
    shown = jobs.cancel(waits.id, who="bob")
    assert shown is not None
    assert shown.state == "cancelled"
    assert jobs.cancel(waits.id, who="bob") == shown
    runs, _ = jobs.submit(WANTED, who="ada")
    held = jobs.lease("one", 10)
    assert held is not None
    shown = jobs.cancel(runs.id, who="bob")
    assert shown is not None
    assert (shown.state, shown.cancel_wanted) == ("running", True)
    assert jobs.beat(held, 10) == "cancel"
    assert jobs.finish(held, "cancelled", "")
    silent, _ = jobs.submit(WANTED, who="ada")
    assert jobs.lease("one", 10) is not None
    jobs.cancel(silent.id, who="bob")
    clock.now += 11
    assert jobs.lease("two", 10) is None
    assert [ends(jobs, one.id) for one in (waits, runs, silent)] == [1, 1, 1]
    assert jobs.cancel("0" * 32, who="bob") is None


def test_what_was_given_back_costs_no_try(engine: Engine) -> None:
    jobs = Jobs(engine)
    jobs.submit(WANTED, who="ada")
    for _ in range(5):
        held = jobs.lease("one", 10)
        assert held is not None
        assert held.attempts == 1
        assert jobs.give_back(held)


def test_tenants_see_their_own(engine: Engine) -> None:
    jobs = Jobs(engine)
    for name in ("team/net", "team/sub/net", "team-b/net", "te/net", "team"):
        jobs.submit(WANTED._replace(repository=name), who="ada")
    seen = {job.repository for job in jobs.listed(tenants=("team",))}
    assert seen == {"team/net", "team/sub/net", "team"}
    assert len(jobs.listed()) == 5
    assert jobs.listed(tenants=()) == []
    assert jobs.listed(tenants=("",)) == []
    assert jobs.listed(tenants=("%",)) == []
    newest = jobs.listed(limit=2)
    assert [job.number for job in jobs.listed(before=newest[-1].number, limit=2)] == [3, 2]
    assert jobs.counts(("te",))["waiting"] == 1


def test_many_workers_take_each_job_once(engine: Engine) -> None:
    jobs = Jobs(engine)
    made = {jobs.submit(WANTED, who="ada")[0].id for _ in range(24)}
    taken: list[str] = []

    def work() -> None:
        while (held := jobs.lease("one", 30)) is not None:
            taken.append(held.id)
            assert jobs.finish(held, "done", "")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(taken) == sorted(made)


def test_the_same_key_at_once_makes_one_job(engine: Engine) -> None:
    jobs = Jobs(engine)
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(jobs.submit(WANTED, who="ada", key="k")[0].id)) for _ in range(6)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(made) == 6
    assert len(set(made)) == 1


def test_every_change_is_in_the_audit(engine: Engine) -> None:
    jobs = Jobs(engine)
    made, _ = jobs.submit(WANTED, who="ada")
    jobs.cancel(made.id, who="bob")
    assert [(one.who, one.what, one.subject) for one in changes(engine)] == [
        ("bob", "cancel", made.id),
        ("ada", "submit", made.id),
    ]


def test_jobs_that_were_submitted_before_traces_were_kept_go_on(address: str) -> None:
    before = open_database(address, create=True)
    made, _ = Jobs(before).submit(WANTED._replace(trace="00-a-b-01"), who="ada")
    assert made.trace == "00-a-b-01"
    with writing(before) as connection:
        connection.execute(text("ALTER TABLE jobs DROP COLUMN trace"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0007'"))
    before.dispose()
    engine = open_database(address, create=True)
    held = Jobs(engine).lease("one", 30)
    assert held is not None
    assert (held.id, held.trace) == (made.id, "")
    engine.dispose()
