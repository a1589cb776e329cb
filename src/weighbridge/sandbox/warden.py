"""The warden: a process between us and the program. It starts it, watches what it costs, and leaves nothing behind.

    run.py ──order──▶ warden ──▶ bwrap, own namespaces, or nothing ──▶ last stage ──▶ program
           ◀─report──

The descriptor that the order comes through stays open: when it closes, because we ask for the end or are gone
ourselves, everything below the warden is killed. Orphans of the program become children of the warden, so that
none can leave by forking twice or by starting a session.

Report: one JSON object with `ending` and `status`, or `failed` with the reason why the program could not be started.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sandbox.cost import below, cost_of
from weighbridge.sandbox.disks import Disks
from weighbridge.sandbox.inside import STARTED, become
from weighbridge.sandbox.kernel import PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG, prctl
from weighbridge.sandbox.order import as_json, from_json

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from weighbridge.sandbox.cost import Cost
    from weighbridge.sandbox.order import Order

_LOOK_EVERY = 0.1
"""Seconds between two looks at what the program costs."""
_LOOKING = 4
"""How much longer than a look itself the time to the next one is: many files must not make the warden the cost."""
_SHORTEST = 0.002
_CLEARING = 5.0
"""Seconds that killing may take; a process in the kernel's hands dies when it comes back."""


def main() -> NoReturn:
    """Take the order from standard input (one line) and report to the descriptor on the command line."""
    import json

    report = int(sys.argv[1])
    os.set_inheritable(report, False)
    order = from_json(_line(0))
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o022)
    said: dict[str, Any] = {"failed": "the warden failed", "started": True}
    try:
        said = _guarded(order)
    finally:
        # Whatever the program brought about, nothing of it may be left.
        _clear()
        os.write(report, json.dumps(said).encode())
        os._exit(0)


def _line(descriptor: int) -> bytes:
    """Bytes up to a line feed, and not one more: what follows is the sign to stop."""
    taken = bytearray()
    while piece := os.read(descriptor, 65536):
        taken += piece
        if taken.endswith(b"\n"):
            return bytes(taken)
    os._exit(1)


def _guarded(order: Order) -> dict[str, Any]:
    reader, report = os.pipe()
    try:
        child = os.fork()
    except OSError as error:
        return {"failed": str(error)}
    if not child:
        os.close(reader)
        _start(order, report)
    os.close(report)
    ending, status = _watch(order, child)
    said = bytearray()
    os.set_blocking(reader, False)
    while len(said) < 4096:
        try:
            piece = os.read(reader, 4096)
        except BlockingIOError:
            break
        if not piece:
            break
        said += piece
    if ending == "exit" and not said.startswith(STARTED):
        return {"failed": said.decode(errors="replace") or f"{order.outer} ended with status {status}"}
    if ending == "exit" and len(said) > len(STARTED):
        return {"failed": said[len(STARTED) :].decode(errors="replace"), "started": True}
    return {"ending": ending, "status": status}


def _start(order: Order, report: int) -> NoReturn:
    """In the child: nothing of the warden's goes further than it must."""
    from weighbridge.sandbox import bubblewrap, view

    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        if order.outer == "namespaces":
            view.enter(order, report)
        if order.outer != "bubblewrap":
            become(order, report)
        source = os.memfd_create("order", 0)
        os.write(source, as_json(order).encode())
        os.lseek(source, 0, os.SEEK_SET)
        os.set_inheritable(report, True)
        os.execve(order.bwrap, bubblewrap.words(order, source, report), {})  # noqa: S606 -- an absolute path
    except OSError as error:
        os.write(report, str(error).encode(errors="backslashreplace"))
    os._exit(127)


def _watch(order: Order, child: int) -> tuple[str, int]:
    """How the program ended, or which bound it reached, and its status."""
    bounds = order.bounds
    started = time.monotonic()
    looked, pause = started, _LOOK_EVERY
    disks = Disks(order)
    wait = _SHORTEST
    while True:
        ready, _, _ = select.select([0], [], [], wait)
        if ready:
            return "cancelled", 0
        wait = min(wait * 2, _LOOK_EVERY)
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == 0:
                break
            if ended == child:
                return _ending(os.waitstatus_to_exitcode(status))
        now = time.monotonic()
        if now - started >= bounds.wall_seconds:
            return "time", 0
        if now - looked >= pause:
            processes = below(os.getpid())
            reached = _reached(order, cost_of(processes.values())) or ("scratch" if disks.full(processes) else "")
            if reached:
                return reached, 0
            looked = time.monotonic()
            pause = max(_LOOK_EVERY, _LOOKING * (looked - now))


def _ending(code: int) -> tuple[str, int]:
    """The first process of a namespace can only pass a signal on as 128 and its number."""
    number = -code if code < 0 else code - 128
    if number in (signal.SIGXCPU, signal.SIGXFSZ):
        return ("cpu" if number == signal.SIGXCPU else "scratch"), number
    return ("signal", number) if 0 < number < signal.NSIG else ("exit", code)


def _reached(order: Order, cost: Cost) -> str:
    bounds = order.bounds
    if cost.processes > bounds.processes:
        return "processes"
    if cost.memory > bounds.memory:
        return "memory"
    return "cpu" if cost.cpu_seconds > bounds.cpu_seconds else ""


def _clear() -> None:
    """Kill everything below the warden until nothing is left."""
    until = time.monotonic() + _CLEARING
    while time.monotonic() < until:
        left = below(os.getpid())
        for number, (_, fields) in left.items():
            if fields[0] != b"Z":
                try:
                    os.kill(number, signal.SIGKILL)
                except OSError:
                    continue
        if _reap():
            return
        time.sleep(_SHORTEST)


def _reap() -> bool:
    """Whether no child is left."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return False
        except ChildProcessError:
            return True


if __name__ == "__main__":
    main()
