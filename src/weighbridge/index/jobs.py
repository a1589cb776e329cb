"""The queue of intakes: submitted once, leased by workers, tried again, and each ended exactly once.

    waiting ──lease──▶ running ──finish──▶ done | refused | failed
       ▲  ▲               │ │
       │  └──give back────┘ └──cancel, heard at the next heartbeat──▶ cancelled
       └─────lease over, tries left

A worker holds a job as long as its lease lasts and is renewed. Whoever lost the lease has nothing to say any more: its
random name is compared in the transaction that writes. An end is a row of `job_results`, whose primary key is the job,
written in the same transaction as the state. Nothing is acknowledged before it is on disk.

On PostgreSQL a lease takes a row that nobody else is looking at (`FOR UPDATE SKIP LOCKED`); SQLite has one writer.
"""

from __future__ import annotations

import json
import os
import zlib

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.audit import note_change
from weighbridge.index.database import reading, told, writing
from weighbridge.index.serving_tables import EVERY_TENANT, clock_of, serving_tables, within

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from sqlalchemy import Connection, Engine, Row

    from weighbridge.index.log import Seal

OPEN = ("waiting", "running")
ENDS = ("done", "refused", "failed", "cancelled")
STATES = (*OPEN, *ENDS)
MOST_DOCUMENT = 16 * 1024 * 1024
"""Bytes of one result before it is compressed; of a larger one the report is left out."""
BACKOFF, MOST_BACKOFF = 5.0, 300.0
"""Seconds before the second try, doubled with every further one."""


class QueueFull(WeighbridgeError):
    """So many jobs wait that no further one is taken. `retry_after` is in seconds."""

    def __init__(self, waiting: int, retry_after: int) -> None:
        super().__init__(f"{waiting} intakes are waiting; no more are taken now", "try again later")
        self.retry_after = retry_after


class KeyTaken(WeighbridgeError):
    """The idempotency key names another submission of the same caller."""


class Submission(NamedTuple):
    """What is asked for: take `source` in as `target`, which is in `repository`, by the demands of `stage`.

    `trace` is the context of OpenTelemetry that it is asked in, as `traceparent` has it; empty if there is none.
    """

    source: str
    target: str
    repository: str
    stage: str
    replaces: bool = False
    priority: int = 0
    most_attempts: int = 3
    trace: str = ""


class Job(NamedTuple):
    """One submission and how far it is. Times are seconds since 1970, 0 if it did not happen yet.

    `version` is raised by everything that happens to it.
    """

    number: int
    id: str
    source: str
    target: str
    repository: str
    stage: str
    replaces: bool
    submitter: str
    key: str | None
    priority: int
    state: str
    attempts: int
    most_attempts: int
    not_before: float
    lease: str
    lease_until: float
    worker: str
    cancel_wanted: bool
    note: str
    done_bytes: int
    version: int
    submitted_at: float
    started_at: float
    ended_at: float
    trace: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDS


class JobEvent(NamedTuple):
    """Something that happened to a job: submitted, started, retried, given back, cancel wanted, or its end."""

    number: int
    at: float
    what: str
    detail: str


class JobResult(NamedTuple):
    """How a job ended. `document` is that of the intake; empty if there was none."""

    state: str
    why: str
    document: dict[str, Any]


class Jobs:
    """The queue in one index. May be used by many processes and threads at once."""

    def __init__(self, engine: Engine, now: Callable[[], float] | None = None, *, seal: Seal | None = None) -> None:
        """`now` stands in for the clock of the database; `seal` signs the log of changes."""
        self._engine, self._seal = engine, seal
        self._tables = serving_tables()
        self._clock = now

    # Reading

    def find(self, identity: str) -> Job | None:
        """The job of this id."""
        jobs = self._tables.jobs
        with told(), reading(self._engine) as connection:
            row = connection.execute(jobs.select().where(jobs.c.id == identity)).first()
        return Job._make(row) if row is not None else None

    def listed(
        self,
        *,
        tenants: tuple[str, ...] = (EVERY_TENANT,),
        states: Sequence[str] = (),
        repository: str = "",
        submitter: str = "",
        before: int = 0,
        limit: int = 50,
    ) -> list[Job]:
        """Jobs of these tenants, the newest first; `before` is the number of the last that was seen."""
        jobs = self._tables.jobs
        query = jobs.select().where(within(jobs.c.repository, tenants))
        query = query.where(jobs.c.state.in_(states)) if states else query
        query = query.where(within(jobs.c.repository, (repository,))) if repository else query
        query = query.where(jobs.c.submitter == submitter) if submitter else query
        query = query.where(jobs.c.number < before) if before else query
        with told(), reading(self._engine) as connection:
            rows = connection.execute(query.order_by(jobs.c.number.desc()).limit(limit)).all()
        return [Job._make(row) for row in rows]

    def counts(self, tenants: tuple[str, ...] = (EVERY_TENANT,)) -> dict[str, int]:
        """How many jobs there are in each state."""
        from sqlalchemy import func, select

        jobs = self._tables.jobs
        query = select(jobs.c.state, func.count()).where(within(jobs.c.repository, tenants)).group_by(jobs.c.state)
        with told(), reading(self._engine) as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {state: found.get(state, 0) for state in STATES}

    def oldest(self) -> float:
        """For how many seconds the first of those that wait has done so."""
        from sqlalchemy import func, select

        jobs = self._tables.jobs
        with told(), reading(self._engine) as connection:
            first = connection.execute(select(func.min(jobs.c.submitted_at)).where(jobs.c.state == "waiting")).scalar()
            return max(0.0, self._now(connection) - first) if first is not None else 0.0

    def result(self, identity: str) -> JobResult | None:
        """How a job ended; None if it did not."""
        jobs, results = self._tables.jobs, self._tables.job_results
        query = results.select().join(jobs, jobs.c.number == results.c.job).where(jobs.c.id == identity)
        with told(), reading(self._engine) as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return JobResult(row.state, row.why, json.loads(zlib.decompress(row.document)) if row.document else {})

    def events(self, identity: str, after: int = 0) -> list[JobEvent]:
        """What happened to a job, in order; only what came after the event of this number."""
        jobs, events = self._tables.jobs, self._tables.job_events
        query = events.select().join(jobs, jobs.c.number == events.c.job).where(jobs.c.id == identity)
        with told(), reading(self._engine) as connection:
            rows = connection.execute(query.where(events.c.number > after).order_by(events.c.number)).all()
        return [JobEvent(row.number, row.at, row.what, row.detail) for row in rows]

    # Asking for something

    def submit(self, wanted: Submission, *, who: str, key: str | None = None, most: int = 1000) -> tuple[Job, bool]:
        """Put a job into the queue, and whether it is new: the same key of the same caller gives the same job.

        Raises QueueFull if `most` are open, KeyTaken if the key stands for something else.
        """
        from sqlalchemy import func, select
        from sqlalchemy.exc import IntegrityError

        jobs = self._tables.jobs
        identity = os.urandom(16).hex()
        for _ in range(2):
            try:
                with told_but_once(), writing(self._engine) as connection:
                    earlier = self._earlier(connection, who, key)
                    if earlier is not None:
                        return _same(earlier, wanted), False
                    waiting = connection.execute(
                        select(func.count()).select_from(jobs).where(jobs.c.state.in_(OPEN))
                    ).scalar_one()
                    if waiting >= most:
                        raise QueueFull(waiting, min(300, max(5, waiting // 10)))
                    moment = self._now(connection)
                    values = dict(
                        **wanted._asdict(),
                        id=identity,
                        submitter=who,
                        key=key,
                        state="waiting",
                        attempts=0,
                        not_before=0.0,
                        lease="",
                        lease_until=0.0,
                        worker="",
                        cancel_wanted=False,
                        note="",
                        done_bytes=0,
                        version=1,
                        submitted_at=moment,
                        started_at=0.0,
                        ended_at=0.0,
                    )
                    connection.execute(jobs.insert().values(values))
                    row = connection.execute(jobs.select().where(jobs.c.id == identity)).one()
                    self._happened(connection, row.number, moment, "submitted", who)
                    detail = f"{wanted.source} to {wanted.target}"
                    note_change(connection, who, "submit", identity, detail, seal=self._seal)
                    made = Job._make(row)
                return made, True
            except IntegrityError:  # the same key, from somebody who was faster
                continue
        raise KeyTaken("the idempotency key is used by another submission", "use another key")

    def cancel(self, identity: str, *, who: str) -> Job | None:
        """End a job that waits, and ask the worker of one that runs to end it; nothing happens to one that ended."""
        with told(), writing(self._engine) as connection:
            job = self._locked(connection, identity)
            if job is None or job.ended or job.cancel_wanted:
                return job
            note_change(connection, who, "cancel", identity, seal=self._seal)
            if job.state == "waiting":
                self._end(connection, job, "cancelled", f"cancelled by {plain(who, 200)}", {})
            else:
                self._change(connection, job, cancel_wanted=True)
                self._happened(connection, job.number, self._now(connection), "cancel wanted", who)
            return self._locked(connection, identity)

    # Working

    def lease(self, worker: str, seconds: float) -> Job | None:
        """Take the most urgent job for so many seconds; None if there is nothing to do.

        A job whose worker fell silent is taken over, or ended if it had its tries.
        """
        jobs = self._tables.jobs
        with told(), writing(self._engine) as connection:
            while True:
                moment = self._now(connection)
                ready = (jobs.c.state == "waiting") & (jobs.c.not_before <= moment)
                silent = (jobs.c.state == "running") & (jobs.c.lease_until < moment)
                query = jobs.select().where(ready | silent).order_by(jobs.c.priority.desc(), jobs.c.number).limit(1)
                row = connection.execute(query.with_for_update(skip_locked=True)).first()
                if row is None:
                    return None
                job = Job._make(row)
                if job.cancel_wanted:
                    self._end(connection, job, "cancelled", "cancelled, and its worker fell silent", {})
                elif job.attempts >= job.most_attempts:
                    why = f"its worker ended without a result {job.attempts} times; the last was {job.worker}"
                    self._end(connection, job, "failed", why, {})
                else:
                    return self._take(connection, job, worker, moment, seconds)

    def beat(self, job: Job, seconds: float, *, note: str = "", done_bytes: int = 0) -> str:
        """Renew a lease, and tell how far the work is. Gives `go`, `cancel`, or `lost` if it is another's by now."""
        with told(), writing(self._engine) as connection:
            held = self._held(connection, job)
            if held is None:
                return "lost"
            until = self._now(connection) + seconds
            told_of = {"note": plain(note, 300), "done_bytes": max(0, min(done_bytes, 2**62))}
            raised = (held.note, held.done_bytes) != tuple(told_of.values())
            self._change(connection, held, raised=raised, lease_until=until, **told_of)
            return "cancel" if held.cancel_wanted else "go"

    def finish(self, job: Job, state: str, why: str, document: dict[str, Any] | None = None) -> bool:
        """End a job that is held. False if it is another's by now: then nothing is written."""
        with told(), writing(self._engine) as connection:
            held = self._held(connection, job)
            if held is None:
                return False
            self._end(connection, held, state, why, document or {})
            return True

    def retry(self, job: Job, why: str) -> bool:
        """Let a job that is held be tried again later; it fails if it had its tries. False if it is another's."""
        with told(), writing(self._engine) as connection:
            held = self._held(connection, job)
            if held is None:
                return False
            if held.cancel_wanted:
                self._end(connection, held, "cancelled", "cancelled while it ran", {})
            elif held.attempts >= held.most_attempts:
                self._end(connection, held, "failed", f"{why} ({held.attempts} tries)", {})
            else:
                moment = self._now(connection)
                wait = min(MOST_BACKOFF, BACKOFF * 2.0 ** (held.attempts - 1))
                self._change(
                    connection, held, state="waiting", lease="", lease_until=0.0, not_before=moment + wait, note=""
                )
                self._happened(connection, held.number, moment, "retried", why)
            return True

    def give_back(self, job: Job) -> bool:
        """Let go of a job that is held, as if it had not been taken: the worker is told to stop."""
        with told(), writing(self._engine) as connection:
            held = self._held(connection, job)
            if held is None:
                return False
            self._change(
                connection,
                held,
                state="waiting",
                lease="",
                lease_until=0.0,
                attempts=max(0, held.attempts - 1),
                note="",
            )
            self._happened(connection, held.number, self._now(connection), "given back", held.worker)
            return True

    # Within a transaction

    def _take(self, connection: Connection, job: Job, worker: str, moment: float, seconds: float) -> Job:
        taken: dict[str, Any] = {
            "state": "running",
            "attempts": job.attempts + 1,
            "lease": os.urandom(16).hex(),
            "lease_until": moment + seconds,
            "worker": worker,
            "started_at": job.started_at or moment,
            "note": "",
            "done_bytes": 0,
        }
        self._change(connection, job, **taken)
        self._happened(connection, job.number, moment, "started", f"{worker}, try {job.attempts + 1}")
        return job._replace(**taken, version=job.version + 1)

    def _end(self, connection: Connection, job: Job, state: str, why: str, document: dict[str, Any]) -> None:
        moment, said = self._now(connection), plain(why, 1000)
        raw = json.dumps(document).encode() if document else b""
        if len(raw) > MOST_DOCUMENT:
            kept = {key: value for key, value in document.items() if key not in ("report", "provenance")}
            raw = json.dumps(kept).encode()
        packed = zlib.compress(raw, 3) if raw else b""
        results = self._tables.job_results
        connection.execute(results.insert().values(job=job.number, state=state, why=said, document=packed))
        self._change(connection, job, state=state, lease="", lease_until=0.0, ended_at=moment, note=said)
        self._happened(connection, job.number, moment, state, said)

    def _change(self, connection: Connection, job: Job, *, raised: bool = True, **values: Any) -> None:
        jobs = self._tables.jobs
        version = jobs.c.version + (1 if raised else 0)
        connection.execute(jobs.update().where(jobs.c.number == job.number).values(**values, version=version))

    def _happened(self, connection: Connection, number: int, at: float, what: str, detail: str) -> None:
        events = self._tables.job_events
        connection.execute(events.insert().values(job=number, at=at, what=what, detail=plain(detail, 1000)))

    def _locked(self, connection: Connection, identity: str) -> Job | None:
        jobs = self._tables.jobs
        row = connection.execute(jobs.select().where(jobs.c.id == identity).with_for_update()).first()
        return Job._make(row) if row is not None else None

    def _held(self, connection: Connection, job: Job) -> Job | None:
        found = self._locked(connection, job.id)
        return found if found is not None and found.state == "running" and found.lease == job.lease else None

    def _earlier(self, connection: Connection, who: str, key: str | None) -> Row[Any] | None:
        if key is None:
            return None
        jobs = self._tables.jobs
        return connection.execute(jobs.select().where(jobs.c.submitter == who, jobs.c.key == key)).first()

    def _now(self, connection: Connection) -> float:
        return self._clock() if self._clock is not None else clock_of(self._engine, connection)


class told_but_once(told):  # noqa: N801 -- read as a word: with told errors, but for what stands there already
    """As `told`, and lets through that a value which must be the only one is there already."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from sqlalchemy.exc import IntegrityError

        if not isinstance(error, IntegrityError):
            super().__exit__(kind, error, trace)


def _same(row: Row[Any], wanted: Submission) -> Job:
    job = Job._make(row)
    meant = (job.source, job.target, job.stage, job.replaces)
    if meant != (wanted.source, wanted.target, wanted.stage, wanted.replaces):
        raise KeyTaken("the idempotency key is used by another submission", "use another key")
    return job
