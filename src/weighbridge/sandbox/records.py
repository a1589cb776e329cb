"""What is run behind walls, what it may cost, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

KIB = 1024
MIB = 1024 * KIB

Outer = Literal["bubblewrap", "namespaces", "landlock", "none"]
"""What keeps files and the network away: namespaces (made by bwrap or by us), Landlock with seccomp, or nothing."""
Ending = Literal["exit", "signal", "time", "cpu", "memory", "processes", "scratch", "output"]
"""Why the program is no longer there: it ended, or one of its bounds was reached and it was killed."""


class Bounds(NamedTuple):
    """What one run may cost, all of its processes together unless the line says otherwise."""

    wall_seconds: float = 300.0
    cpu_seconds: int = 600
    memory: int = 2048 * MIB
    """Resident bytes together, and bytes that each process may have as data of its own."""
    address_space: int = 16384 * MIB
    """Bytes of address space of each process; runtimes reserve much that they never use."""
    processes: int = 64
    """Processes and threads."""
    output: int = 32 * MIB
    """Bytes of standard output and standard error."""
    scratch: int = 512 * MIB
    """Bytes of temporary files, and of each file that is written."""
    open_files: int = 256


class Program(NamedTuple):
    """A program to run.

    A word of `argv` or `environ` may begin with `{NAME}`: where that input or output is seen from inside.
    """

    argv: tuple[str, ...]
    inputs: Mapping[str, str] = {}
    """Files and folders that may be read, by name."""
    outputs: Mapping[str, str] = {}
    """Folders that may be written, by name."""
    needs: tuple[str, ...] = ()
    """Folders of the program itself, readable where they are. The system's own programs and libraries always are."""
    environ: Mapping[str, str] = {}
    """The whole environment, beside PATH, HOME, TMPDIR and LANG."""


class Walls(NamedTuple):
    """The walls around one run. `landlock` is the version of the kernel's interface, 0 for none."""

    outer: Outer
    landlock: int
    seccomp: bool

    @property
    def closed(self) -> bool:
        """Whether they keep network and writes out; Landlock alone does not stop UDP."""
        if self.outer in ("bubblewrap", "namespaces"):
            return True
        return self.outer == "landlock" and self.landlock > 0 and self.seccomp

    @property
    def text(self) -> str:
        """For people: `bubblewrap, landlock 7, seccomp`."""
        names: list[str] = [self.outer] if self.outer in ("bubblewrap", "namespaces") else []
        names += [f"landlock {self.landlock}"] if self.landlock else []
        names += ["seccomp"] if self.seccomp else []
        return ", ".join(names) or "none"


class Outcome(NamedTuple):
    """What a run left. `status` is the exit status, or the number of the signal that ended the program."""

    ending: Ending
    status: int
    out: bytes
    err: bytes
    walls: Walls
    places: Mapping[str, str]
    """Where each input and output was seen from inside."""

    @property
    def text(self) -> str:
        """Why it ended, for people."""
        if self.ending == "exit":
            return f"ended with status {self.status}"
        if self.ending == "signal":
            return f"was ended by signal {self.status}"
        return f"was ended: it reached its limit of {_BOUND[self.ending]}"


_BOUND = {
    "time": "time",
    "cpu": "processor time",
    "memory": "memory",
    "processes": "processes",
    "scratch": "temporary files",
    "output": "output",
}
