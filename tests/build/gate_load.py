"""A served gate in a process of its own, and clients that ask it all at once, while it may be killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from weighbridge.index.check import Checked, check
from weighbridge.index.log import Head, open_log

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SRC = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "src")


class Server(NamedTuple):
    """A server that runs. `one` is its process."""

    one: subprocess.Popen[str]
    port: int


class Answer(NamedTuple):
    """A decision that a client was told: its place in the log, what it says, the seconds that it took."""

    sequence: int
    hash: str
    allowed: bool
    seconds: float


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def server(folder: str, *words: str, environ: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`weighbridge serve` in a folder with settings, until the block ends."""
    port = free_port()
    call = [sys.executable, "-P", "-m", "weighbridge", "serve", "--port", str(port), *words]
    surroundings = {**os.environ, **(environ or {}), "PYTHONPATH": SRC}
    pipe = subprocess.PIPE
    with subprocess.Popen(call, cwd=folder, env=surroundings, stdout=pipe, stderr=pipe, text=True) as one:
        try:
            for _ in range(600):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert one.poll() is None, one.communicate()
                time.sleep(0.05)
            yield Server(one, port)
        finally:
            one.kill()


def ask_all(
    port: int,
    reference: str,
    clients: int,
    each: int,
    *,
    stage: str = "production",
    told: Callable[[int], object] | None = None,
) -> list[Answer]:
    """Every client asks one question after the other; who gets no answer stops. `told` hears how many were answered."""
    answers: list[Answer] = []
    lock = threading.Lock()
    body = json.dumps({"reference": reference, "stage": stage})

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for _ in range(each):
                began = time.perf_counter()
                connection.request("POST", "/v1/admit", body, {"Content-Type": "application/json"})
                got = connection.getresponse()
                document = json.loads(got.read())
                assert got.status == 200, document
                place = document["recorded"]
                spent = time.perf_counter() - began
                with lock:
                    answers.append(Answer(place["sequence"], place["hash"], document["decision"] == "allow", spent))
                    if told is not None:
                        told(len(answers))
        except (OSError, http.client.HTTPException):
            return  # the server is gone
        finally:
            connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def killed_in_the_middle(
    folder: str, reference: str, clients: int, count: int, *words: str, environ: Mapping[str, str] | None = None
) -> tuple[list[Answer], float]:
    """`count` answered decisions of clients at once, the server killed after half of them and started again; and the
    seconds that clients were asking.
    """
    answers: list[Answer] = []
    spent = 0.0
    with server(folder, "--quiet", *words, environ=environ) as first:

        def halfway(answered: int) -> None:
            if answered == count // 2:
                first.one.send_signal(signal.SIGKILL)

        began = time.perf_counter()
        answers += ask_all(first.port, reference, clients, count, told=halfway)
        spent += time.perf_counter() - began
    left = count - len(answers)
    with server(folder, "--quiet", *words, environ=environ) as second:
        began = time.perf_counter()
        answers += ask_all(second.port, reference, clients, -(-left // clients))
        spent += time.perf_counter() - began
    return answers, spent


def held_against(address: str, answers: list[Answer], opens: Callable[[Head], str]) -> tuple[Checked, list[Answer]]:
    """The proof of the log, and the answers that are not in it at the place that was told."""
    log = open_log(address)
    try:
        there = {entry.sequence: entry.hash for entry in log.whole() if not isinstance(entry, Head)}
        return check(log, opens), [one for one in answers if there.get(one.sequence) != one.hash]
    finally:
        log.close()
