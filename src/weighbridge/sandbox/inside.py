"""The last stage before the program: it gives up what is left to give up, and becomes the program.

    become nobody → limits → no new rights → Landlock → seccomp → exec

Run by itself inside bubblewrap (`main`), or as a function in a fork of the warden.
"""

from __future__ import annotations

import os
import resource
import signal
import sys

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sandbox import landlock, seccomp
from weighbridge.sandbox.kernel import PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, drop_capabilities, prctl
from weighbridge.sandbox.order import DEVICES, SYSTEM, SYSTEM_FILES, from_json

if TYPE_CHECKING:
    from typing import NoReturn

    from weighbridge.sandbox.order import Order

STARTED = b"\1"
"""Written to the report just before the program starts; anything else there is why it could not."""


def become(order: Order, report: int) -> NoReturn:
    """Raise the last walls and become the program; what goes wrong is written to the descriptor `report`."""
    try:
        os.set_inheritable(report, False)
        _give_up(order)
        os.chdir(order.scratch)
        # The report closes by itself when the program starts; a program that cannot be started says so after this byte.
        os.write(report, STARTED)
        os.execve(order.argv[0], list(order.argv), order.environ)  # noqa: S606 -- this is what the walls are for
    except OSError as error:
        os.write(report, f"{error.strerror or error} ({order.argv[0]})".encode(errors="backslashreplace"))
    os._exit(127)


def _give_up(order: Order) -> None:
    if order.user >= 0:
        os.setgroups([])
        os.setresgid(order.user, order.user, order.user)
        os.setresuid(order.user, order.user, order.user)
    elif os.geteuid() == 0:
        drop_capabilities()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.umask(0o077)
    bounds = order.bounds
    for name, most in (
        (resource.RLIMIT_CPU, bounds.cpu_seconds),
        (resource.RLIMIT_DATA, bounds.memory),
        (resource.RLIMIT_AS, bounds.address_space),
        (resource.RLIMIT_FSIZE, bounds.scratch),
        (resource.RLIMIT_NOFILE, bounds.open_files),
        (resource.RLIMIT_NPROC, order.processes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        hardest = resource.getrlimit(name)[1]
        most = most if hardest == resource.RLIM_INFINITY else min(most, hardest)  # noqa: PLW2901 -- never raised
        resource.setrlimit(name, (most, most))
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if order.landlock:
        landlock.restrict(order.landlock, _readable(order), _writable(order))
    if order.seccomp:
        alone = order.outer in ("landlock", "none")
        signals = not alone or order.user >= 0 or order.landlock >= landlock.SCOPES_FROM
        seccomp.restrict(alone=alone, signals=signals)


def _readable(order: Order) -> list[str]:
    places = [place.inside for place in order.places if place.kind != "write"]
    devices = [f"/dev/{name}" for name in DEVICES]
    return [*SYSTEM, *SYSTEM_FILES, *devices, *places, *(["/proc"] if order.outer != "landlock" else [])]


def _writable(order: Order) -> list[str]:
    places = [place.inside for place in order.places if place.kind == "write"]
    shared = ["/dev/shm"] if order.outer != "landlock" else []  # noqa: S108 -- its own, in its own view
    return [order.scratch, *places, "/dev/null", *shared]


def main() -> NoReturn:
    """Read the order from one descriptor, report on the other: both are named on the command line."""
    source, report = int(sys.argv[1]), int(sys.argv[2])
    with open(source, "rb") as file:
        order = from_json(file.read())
    become(order, report)
