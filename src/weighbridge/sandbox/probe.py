"""Which walls can be built on this machine, found out by building them around a program that does nothing."""

from __future__ import annotations

import os
import sys

from weighbridge.core.errors import SandboxError
from weighbridge.core.records import NamedTuple
from weighbridge.sandbox import landlock, seccomp
from weighbridge.sandbox.records import Bounds, Outer, Program, Walls
from weighbridge.sandbox.run import ORDER, Refused, attempt, candidates

SECONDS = 10.0


class Wall(NamedTuple):
    """One kind of wall: whether it stands here, with what beside it, and why not."""

    outer: Outer
    landlock: int
    seccomp: bool
    stands: bool
    why: str


def probe() -> tuple[Wall, ...]:
    """Every kind, best first: `run` uses the first that stands."""
    possible = {walls.outer: walls for walls in candidates()}
    return tuple(_wall(outer, possible.get(outer)) for outer in ORDER)


def _wall(outer: Outer, walls: Walls | None) -> Wall:
    if walls is None:
        interface, filtered = landlock.version(), seccomp.available(os.uname().machine)
        why = "bwrap is not installed" if outer == "bubblewrap" else "it takes Landlock and seccomp, and one is missing"
        return Wall(outer, interface, filtered, stands=False, why=why)
    base = os.path.realpath(sys.base_prefix)
    program = Program(
        (os.path.realpath(sys.executable), "-I", "-S", "-c", "pass"), needs=(base,) if base != "/usr" else ()
    )
    try:
        outcome = attempt(program, Bounds(wall_seconds=SECONDS), walls)
    except SandboxError as error:
        return Wall(outer, walls.landlock, walls.seccomp, stands=False, why=error.cause)
    if isinstance(outcome, Refused):
        return Wall(outer, walls.landlock, walls.seccomp, stands=False, why=outcome.why)
    well = outcome.ending == "exit" and outcome.status == 0
    why = "" if well else f"a program that does nothing {outcome.text}"
    return Wall(outer, walls.landlock, walls.seccomp, stands=well, why=why)
