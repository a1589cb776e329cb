"""The order that goes from `run` to the warden and on to the last stage: plain data, written as JSON."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sandbox.records import Bounds, Outer, Walls

if TYPE_CHECKING:
    from typing import Literal

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
"""Programs and libraries of the system: readable inside. Links among them stay links."""
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives")
DEVICES = ("null", "zero", "full", "random", "urandom")


class Place(NamedTuple):
    """A file or folder of the host and where it is seen from inside. `write` is for outputs, `run` for programs."""

    host: str
    inside: str
    kind: Literal["read", "write", "run"]


class Order(NamedTuple):
    """Everything that the stages need to know; they ask the parent for nothing more."""

    outer: Outer
    landlock: int
    seccomp: bool
    bounds: Bounds
    argv: tuple[str, ...]
    environ: dict[str, str]
    places: tuple[Place, ...]
    scratch: str
    """The folder for temporary files as it is seen from inside."""
    room: str
    """A private folder of the host: where the new root is mounted, or whose folder `scratch` the program writes in."""
    user: int
    """The user to become; -1 to stay who we are. The kernel does not limit the processes of root."""
    processes: int
    """RLIMIT_NPROC. Where the kernel counts all processes of the user, those that were there before are added."""
    bwrap: str
    python: str

    @property
    def walls(self) -> Walls:
        """The walls that this order asks for."""
        return Walls(self.outer, self.landlock, self.seccomp)


def as_json(order: Order) -> str:
    """`order` for another process."""
    import json

    return json.dumps(order)


def from_json(text: str | bytes) -> Order:
    """What `as_json` wrote. It comes from ourselves, so nothing is checked."""
    import json

    made = Order(*json.loads(text))
    places = tuple(Place(*place) for place in made.places)
    return made._replace(bounds=Bounds(*made.bounds), argv=tuple(made.argv), places=places)
