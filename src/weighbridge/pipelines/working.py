"""A worker: leases one job after the other and has each done by a child of its own, bounded in memory and time.

The child may die of the model, be killed, or hang: the worker lives on, and says of the job what became of it. If the
worker itself dies, its child sees the end of its input and leaves, and the lease runs out. A worker that cannot renew
its lease stops the child before somebody else may take the job over.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

from weighbridge.core.errors import IndexFailed
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.jobs import MOST_DOCUMENT
from weighbridge.sandbox.cost import below, cost_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from weighbridge.index.jobs import Job, Jobs

CHILD = (sys.executable, "-P", "-m", "weighbridge.pipelines.intake_child")
ROUNDS = 5
"""Times that what a job started is looked for before it is killed."""
LOOK = 0.5
"""Seconds between two looks at the memory that a job takes."""
MOST_LINE = 4 * MOST_DOCUMENT
"""Bytes of a line of the child; a longer one is not read."""


class Bounds(NamedTuple):
    """What a job may take: `seconds` of time; `memory_mb` of address space for the process that does it, and of
    resident memory for everything that it starts, together (0: as much as there is); `file_bytes` in one file that it
    writes (0: as many as there is room for); `open_files` at a time.

    `lease` and `beat` are seconds: how long a silent worker keeps a job, and between two heartbeats. `poll` is how
    long one that has nothing to do waits before it asks again.
    """

    seconds: float = 6 * 3600.0
    memory_mb: int = 4096
    file_bytes: int = 0
    open_files: int = 4096
    lease: float = 30.0
    beat: float = 2.0
    poll: float = 0.5


class Ended(NamedTuple):
    """What became of a job here. `state` is empty if it is to be tried again."""

    state: str
    why: str
    document: dict[str, Any] | None = None


class Lost(Exception):
    """The job is another's by now."""


class Stopped(Exception):
    """The worker was told to stop."""


def _untraced(_: Job) -> contextlib.AbstractContextManager[Callable[[str], None]]:
    return contextlib.nullcontext(lambda _: None)


class Worker:
    """One worker. `config` is the settings file that its children read; `log` takes one record for each job.

    Each try is done within what `around` gives for the job, which is told at the end what became of it.
    """

    def __init__(
        self,
        jobs: Jobs,
        config: str,
        *,
        name: str,
        bounds: Bounds,
        log: Callable[[Mapping[str, Any]], None],
        child: Sequence[str] = CHILD,
        around: Callable[[Job], contextlib.AbstractContextManager[Callable[[str], None]]] = _untraced,
    ) -> None:
        self._jobs, self._config, self._name, self._bounds, self._log = jobs, config, name, bounds, log
        self._child, self._around = child, around
        self.stop = threading.Event()

    def run(self, *, until_idle: bool = False) -> None:
        """Work until `stop` is set, or with `until_idle` until there is nothing to do."""
        while not self.stop.is_set():
            try:
                job = self._jobs.lease(self._name, self._bounds.lease)
            except IndexFailed as error:
                self._log({"worker": self._name, "error": error.cause})
                self.stop.wait(self._bounds.beat)
                continue
            if job is not None:
                with self._around(job) as ended:
                    ended(self._do(job))
            elif until_idle:
                return
            else:
                self.stop.wait(self._bounds.poll)

    def _do(self, job: Job) -> str:
        """Do one job, and give what became of it as the log has it."""
        began = time.monotonic()
        try:
            ended = self._inspect(job)
        except Stopped:
            self._say(lambda: self._jobs.give_back(job))
            return self._record(job, "given back", "the worker was told to stop", began)
        except Lost:
            return self._record(job, "lost", "the lease could not be renewed", began)
        if ended.state:
            good = self._say(lambda: self._jobs.finish(job, ended.state, ended.why, ended.document))
        else:
            good = self._say(lambda: self._jobs.retry(job, ended.why))
        return self._record(job, (ended.state or "again") if good else "lost", ended.why, began)

    def _inspect(self, job: Job) -> Ended:
        """Have the child do it. Raises Lost, Stopped; the child is gone when this returns or raises."""
        asked = {
            "config": self._config,
            "source": job.source,
            "target": job.target,
            "stage": job.stage,
            "replaces": job.replaces,
            "memory_mb": self._bounds.memory_mb,
            "file_bytes": self._bounds.file_bytes,
            "open_files": self._bounds.open_files,
        }
        pipe = subprocess.PIPE
        child = subprocess.Popen(self._child, stdin=pipe, stdout=pipe, start_new_session=True)  # noqa: S603 -- ours
        try:
            assert child.stdin is not None  # noqa: S101 -- for the type checker
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(asked).encode() + b"\n")
                child.stdin.flush()
            return self._follow(job, child)
        finally:
            _kill(child)

    def _follow(self, job: Job, child: subprocess.Popen[bytes]) -> Ended:
        lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_read, args=(child, lines), daemon=True).start()
        deadline = time.monotonic() + self._bounds.seconds
        renewed = beaten = looked = time.monotonic()
        note, done = "", 0
        while True:
            try:
                line = lines.get(timeout=min(0.2, self._bounds.beat))
            except queue.Empty:
                line = None
            if line == b"":
                status = child.wait()
                how = f"signal {-status}" if status < 0 else f"status {status}"
                return Ended("", f"the process that inspected it ended with {how} and without a result")
            said = _said(line) if line is not None else {}
            if "end" in said:
                return _ended(said)
            note, done = str(said.get("note", note)), int(said.get("done", done))
            now = time.monotonic()
            if self.stop.is_set():
                raise Stopped
            if now > deadline:
                return Ended("failed", f"it took more than {self._bounds.seconds:g} seconds, which an intake has here")
            if now - looked >= LOOK:
                looked = now
                if why := self._too_much(child.pid):
                    return Ended("failed", why)
            if now - beaten < self._bounds.beat:
                continue
            beaten = now
            try:
                heard = self._jobs.beat(job, self._bounds.lease, note=note, done_bytes=done)
            except IndexFailed:
                # Half of the lease is left for the child to die in: nobody else may have the job before.
                if now - renewed > self._bounds.lease / 2:
                    raise Lost from None
                continue
            renewed = now
            if heard == "lost":
                raise Lost
            if heard == "cancel":
                return Ended("cancelled", "cancelled while it ran")

    def _too_much(self, child: int) -> str:
        """Why what a job takes in memory is too much, all of its processes together; empty if it is not."""
        most = self._bounds.memory_mb
        if not most or cost_of(below(child, itself=True).values()).memory <= most * 1024 * 1024:
            return ""
        return f"its processes together needed more than {most} MB of memory, which an intake may have here"

    def _say(self, write: Callable[[], bool]) -> bool:
        """Write what became of a job, again and again while the index is away. It decides whether it is still ours."""
        end = time.monotonic() + 10 * self._bounds.lease
        while True:
            try:
                return write()
            except IndexFailed as error:
                if time.monotonic() > end:
                    self._log({"worker": self._name, "error": error.cause})
                    return False
                time.sleep(min(1.0, self._bounds.beat))

    def _record(self, job: Job, state: str, why: str, began: float) -> str:
        self._log(
            {
                "worker": self._name,
                "job": job.id,
                "try": job.attempts,
                "state": state,
                "why": plain(why, 300),
                "seconds": round(time.monotonic() - began, 3),
            }
        )
        return state


def _read(child: subprocess.Popen[bytes], lines: queue.SimpleQueue[bytes]) -> None:
    assert child.stdout is not None  # noqa: S101 -- for the type checker
    with contextlib.suppress(OSError, ValueError):
        while line := child.stdout.readline(MOST_LINE):
            lines.put(line)
    lines.put(b"")


def _said(line: bytes) -> dict[str, Any]:
    """A line of the child, or nothing: it has read hostile bytes, and may be no longer what it was."""
    try:
        found = json.loads(line)
        return found if isinstance(found, dict) and type(found.get("done", 0)) is int else {}
    except (ValueError, RecursionError):
        return {}


def _ended(said: dict[str, Any]) -> Ended:
    state, why, document = said.get("end"), str(said.get("why", "")), said.get("document")
    if said.get("again") is True:
        return Ended("", why)
    if state not in ("done", "refused", "failed") or (document is not None and not isinstance(document, dict)):
        return Ended("failed", "the process that inspected it said something that is no result")
    return Ended(state, why, document)


def _kill(child: subprocess.Popen[bytes]) -> None:
    """The child and everything that it started, also what left its group. They are stopped before they are killed, or
    one could start another behind our back and be gone itself, so that nobody knows whose that is.
    """
    stopped: set[int] = set()
    for _ in range(ROUNDS):
        if child.returncode is not None:  # its number may be another's by now
            break
        there = below(child.pid, itself=True).keys() - stopped
        if not there:
            break
        _signal(there, signal.SIGSTOP)
        stopped |= there
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    _signal(stopped, signal.SIGKILL)
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def _signal(numbers: Iterable[int], which: signal.Signals) -> None:
    for number in numbers:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(number, which)
