"""Everything that is indexed, judged again with what is known today. No model byte is read, and no evidence either:
the facts lie in the index, where they came from signed evidence.

plan ranges → judge each (processes of this machine, or a Dask cluster) → record it with its changes → the sum

A range is a task: the address of the index and two numbers go out, counts and changes come back. Workers read the
index themselves; this process alone writes.
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from datetime import UTC, datetime
from functools import cache
from itertools import islice

from weighbridge.core.errors import UsageError
from weighbridge.core.evidence import Tool
from weighbridge.core.findings import Severity, judge
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol
from weighbridge.index.database import open_database
from weighbridge.index.sheets import Change, begin, changes_of, done, finish, ranges, read_range, record, verdicts
from weighbridge.pipelines.rejudging import todays_knowledge
from weighbridge.scan.engine import judge_facts
from weighbridge.scan.packed_facts import unpack
from weighbridge.scan.stored_facts import UnknownFacts, outdated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from typing import Any

    from sqlalchemy import Engine

    from weighbridge.index.sheets import SheetRow

SIZE = 2000
"""Models of one task."""
WAITING = 4
"""Tasks that wait for each worker; more would only lie in memory."""
PATIENCE = 5
"""Seconds that a scheduler has to answer."""
MOST_CHANGES = 100_000
ORDER = ("clean", "incomplete", "suspicious", "malicious", "unknown")
"""Verdicts from the best to the worst. `unknown`: the facts could not be judged, so the model has to be indexed
again; that is never a pass.
"""


class Judged(NamedTuple):
    """What came of one range."""

    first: int
    last: int
    models: int
    changes: tuple[Change, ...]


class Swept(NamedTuple):
    """What came of a sweep. `counts`: models by verdict. `judged` are those of this run; the others were
    judged by one that was stopped.
    """

    sweep: int
    knowledge: str
    counts: dict[str, int]
    changes: tuple[Change, ...]
    judged: int

    @property
    def models(self) -> int:
        """How many models there are."""
        return sum(self.counts.values())

    @property
    def worse(self) -> tuple[Change, ...]:
        """Models whose verdict is worse than it was."""
        return tuple(change for change in self.changes if _rank(change.now) > _rank(change.was))

    @property
    def outdated(self) -> tuple[Change, ...]:
        """Models whose facts a newer parser would see differently: they have to be read again."""
        return tuple(change for change in self.changes if change.outdated)


def _rank(verdict: str) -> int:
    return ORDER.index(verdict) if verdict in ORDER else len(ORDER)


class Lanes(Protocol):
    """What runs tasks: a pool of processes, or a cluster."""

    @property
    def width(self) -> int:
        """How many tasks it can work on at a time."""

    def submit(self, address: str, first: int, last: int, within: str, /) -> Future[Judged]:
        """Judge a range, somewhere."""

    def first_done(self, running: set[Future[Judged]], /) -> set[Future[Judged]]:
        """Wait until at least one is done, and give those that are."""

    def close(self) -> None:
        """Stop the workers. What they were at is lost, and is done again by the next sweep."""


def sweep(
    address: str,
    lanes: Lanes,
    *,
    within: str = "",
    size: int = SIZE,
    tell: Callable[[int], None] = lambda _: None,
    now: datetime | None = None,
) -> Swept:
    """Judge every indexed model again whose repository begins with `within`; `tell` hears how many were done.

    A sweep with the same knowledge that was stopped before goes on. Raises IndexFailed.
    """
    engine = open_database(address)
    try:
        knowledge = todays_knowledge().version
        ours = begin(engine, f"{knowledge} {Tool().version}", within, now or datetime.now(UTC))
        before = done(engine, ours)
        models = sum(count for _, _, count in before)
        tell(models)
        judged = 0
        tasks = ranges(engine, size, within, [(first, last) for first, last, _ in before])
        for result in _run(lanes, address, within, tasks):
            record(engine, ours, result.first, result.last, result.models, result.changes)
            judged += result.models
            tell(models + judged)
        finish(engine, ours, now or datetime.now(UTC))
        counts = verdicts(engine, within)
        changes = tuple(changes_of(engine, ours, MOST_CHANGES))
        return Swept(ours.id, knowledge, {name: counts[name] for name in ORDER if name in counts}, changes, judged)
    finally:
        engine.dispose()


def judge_range(address: str, first: int, last: int, within: str = "") -> Judged:
    """One task, in whatever process it runs."""
    models = 0
    changes: list[Change] = []
    for row in read_range(_engine(address), first, last, within):
        verdict, rules, old = judge_row(row)
        models += 1
        if verdict != row.verdict or rules != row.rules or old:
            changes.append(Change(row.repository, row.manifest, row.verdict, verdict, rules, old))
    return Judged(first, last, models, tuple(changes))


def judge_row(row: SheetRow) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Verdict, rules that fire from medium on, and formats that a newer parser would read differently."""
    try:
        sheet = unpack(row.document)
    except UnknownFacts:
        return "unknown", (), ()
    findings = judge_facts(list(sheet.blobs), todays_knowledge(), sheet.files)
    rules = {f"{one.rule} {one.severity.value}" for one in findings if one.severity.rank >= Severity.MEDIUM.rank}
    return judge(findings, unread=sheet.unread).value, tuple(sorted(rules)), outdated(sheet.blobs)


class Processes:
    """A pool of processes on this machine."""

    def __init__(self, count: int = 0) -> None:
        import multiprocessing

        self.width = count or os.cpu_count() or 1
        self._pool = ProcessPoolExecutor(self.width, multiprocessing.get_context("spawn"))

    def submit(self, address: str, first: int, last: int, within: str, /) -> Future[Judged]:
        return self._pool.submit(judge_range, address, first, last, within)

    def first_done(self, running: set[Future[Judged]], /) -> set[Future[Judged]]:
        return wait(running, return_when=FIRST_COMPLETED).done

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class Cluster:
    """The workers of a Dask scheduler. They need this program and a way to the index."""

    def __init__(self, scheduler: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise UsageError("a Dask cluster needs dask", "pip install 'weighbridge[dask]'") from None
        try:
            self._client: Any = Client(scheduler, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError) as error:
            cause = f"the Dask scheduler {plain(scheduler, 120)} does not answer"
            raise UsageError(cause, "start one with `dask scheduler`, or sweep without --engine") from error
        self.width = max(1, sum(self._client.nthreads().values()))

    def submit(self, address: str, first: int, last: int, within: str, /) -> Future[Judged]:
        future: Future[Judged] = self._client.submit(judge_range, address, first, last, within, pure=False)
        return future

    def first_done(self, running: set[Future[Judged]], /) -> set[Future[Judged]]:
        from distributed import wait as wait_for

        with self._client.as_current():
            found: set[Future[Judged]] = wait_for(list(running), return_when="FIRST_COMPLETED").done
        return found

    def close(self) -> None:
        self._client.close()


def open_lanes(engine: str, jobs: int = 0) -> Lanes:
    """What `--engine` and `--jobs` name: `processes`, or `dask://HOST:PORT`. Raises UsageError."""
    if engine == "processes":
        return Processes(jobs)
    scheme, _, place = engine.partition("://")
    if scheme != "dask" or not place:
        raise UsageError(f"{plain(engine, 80)!r} is no engine", "write processes, or dask://HOST:PORT")
    return Cluster(f"tcp://{place}")


def _run(lanes: Lanes, address: str, within: str, tasks: Iterator[tuple[int, int]]) -> Iterator[Judged]:
    running: set[Future[Judged]] = set()
    while True:
        wanted = lanes.width * WAITING - len(running)
        running.update(lanes.submit(address, first, last, within) for first, last in islice(tasks, wanted))
        if not running:
            return
        ready = lanes.first_done(running)
        running -= ready
        for future in ready:
            yield future.result()


@cache
def _engine(address: str) -> Engine:
    """The index as a worker reads it, opened once in a process."""
    return open_database(address)
