"""A server, its workers and its database, killed at random while somebody submits; and the count of what came of it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx2
from sqlalchemy import text

from weighbridge.core.errors import IndexFailed
from weighbridge.index.database import open_database, reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from build.postgres import Server

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHONPATH = os.pathsep.join([os.path.join(os.path.dirname(HERE), "src"), HERE])


class Counted(NamedTuple):
    """What was acknowledged, how each ended, and how often; what was killed."""

    acknowledged: int
    states: dict[str, int]
    wrong: list[str]
    killed: dict[str, int]


class Yard:
    """The processes. `quick`: workers that inspect nothing."""

    def __init__(self, folder: Path, address: str, database: Server | None, *, quick: bool) -> None:
        self.folder, self.address, self.database, self._quick = folder, address, database, quick
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = int(one.getsockname()[1])
        self.server: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_server(self) -> None:
        words = ["-P", "-m", "weighbridge", "serve", "--port", str(self.port), "--workers", "0", "--quiet"]
        self.server = self._start(words)

    def start_worker(self) -> None:
        kind = "--quick" if self._quick else "--real"
        self.workers.append(
            self._start(["-m", "build.killed_worker", self.address, f"{self.folder}/weighbridge.toml", kind])
        )

    def _start(self, words: list[str]) -> subprocess.Popen[bytes]:
        environ = {**os.environ, "PYTHONPATH": PYTHONPATH}
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen([sys.executable, *words], cwd=self.folder, env=environ, stderr=log, stdout=log)

    def kill(self, what: str) -> None:
        """Kill one of them at once, and start it again."""
        if what == "server":
            assert self.server is not None
            self.server.kill()
            self.server.wait()
            self.start_server()
        elif what == "worker":
            one = self.workers.pop(0)
            one.kill()
            one.wait()
            self.start_worker()
        elif what == "child":
            for child in children_of([one.pid for one in self.workers])[:1]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        else:
            assert self.database is not None
            self.database.kill()
            time.sleep(0.2)
            self.database.start()

    def end(self) -> None:
        for one in (self.server, *self.workers):
            if one is not None:
                one.kill()
                one.wait()


def children_of(pids: list[int]) -> list[int]:
    done = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], check=True, capture_output=True, text=True)
    pairs = [line.split() for line in done.stdout.splitlines()]
    return [int(pid) for pid, parent in pairs if int(parent) in pids]


def submit_until(
    yard: Yard, over: threading.Event, body: Callable[[int], dict[str, Any]], kept: dict[str, str]
) -> None:
    """Submit one after the other, each until it is acknowledged, with a key of its own."""
    number = 0
    with httpx2.Client(base_url=f"http://127.0.0.1:{yard.port}", timeout=20) as client:
        while not over.is_set():
            number += 1
            while not over.is_set():
                try:
                    got = client.post("/v1/intakes", json=body(number), headers={"idempotency-key": f"k{number}"})
                except httpx2.HTTPError:
                    time.sleep(0.05)
                    continue
                if got.status_code in (200, 202):
                    earlier = kept.setdefault(f"k{number}", got.json()["id"])
                    assert earlier == got.json()["id"]
                    break
                assert got.status_code in (429, 500, 503, 504), got.text
                time.sleep(0.05)
            over.wait(0.1)


def killed(
    folder: Path, address: str, database: Server | None, *, kills: int, quick: bool, seed: int, pause: float
) -> Counted:
    """Submit to a project in `folder`, kill `kills` times, wait until everything ended, and count."""
    chance = random.Random(seed)
    yard = Yard(folder, address, database, quick=quick)
    what = ["server", "worker", "child", *(["database"] if database is not None else [])]
    order = [what[number % len(what)] for number in range(kills)]
    chance.shuffle(order)
    over, kept = threading.Event(), {}
    problems: list[BaseException] = []

    def body(number: int) -> dict[str, Any]:
        return {"source": f"{folder}/incoming/net", "target": f"net/m{number}:v1", "stage": "sandbox"}

    def submitting() -> None:
        try:
            submit_until(yard, over, body, kept)
        except BaseException as error:
            problems.append(error)
            raise

    try:
        yard.start_server()
        yard.start_worker()
        yard.start_worker()
        submitter = threading.Thread(target=submitting)
        submitter.start()
        wait_for(lambda: len(kept) > 2 or bool(problems), 60)
        for one in order:
            time.sleep(chance.uniform(0.1, pause))
            yard.kill(one)
        before = len(kept)
        wait_for(lambda: len(kept) > before or bool(problems), 60)
        over.set()
        submitter.join()
        assert not problems, problems
        engine = open_database(address)
        try:
            wait_for(lambda: open_jobs(engine) == 0, 300)
            with reading(engine) as connection:
                ends = connection.execute(
                    text(
                        "SELECT j.id, j.state, j.number, (SELECT count(*) FROM job_results r WHERE r.job = j.number),"
                        " (SELECT count(*) FROM job_events e WHERE e.job = j.number"
                        " AND e.what IN ('done', 'refused', 'failed', 'cancelled')) FROM jobs j"
                    )
                ).all()
        finally:
            engine.dispose()
    finally:
        over.set()
        yard.end()
    found = {row[0]: row for row in ends}
    states: dict[str, int] = {}
    for row in ends:
        states[row[1]] = states.get(row[1], 0) + 1
    wrong = [key for key, identity in kept.items() if identity not in found]
    wrong += [row[0] for row in ends if (row[3], row[4]) != (1, 1)]
    return Counted(len(kept), states, wrong, {one: order.count(one) for one in what})


def open_jobs(engine: Any) -> int:
    with contextlib.suppress(IndexFailed), reading(engine) as connection:
        return int(connection.execute(text("SELECT count(*) FROM jobs WHERE state IN ('waiting', 'running')")).scalar())
    return 1


def wait_for(good: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.05)
