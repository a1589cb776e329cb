"""The command line of bwrap for an order: namespaces and mounts by it, the rest by our last stage inside.

Source: bwrap(1), 0.8. Root keeps the right to become another user until the last stage has done so.
"""

from __future__ import annotations

import os
import sys

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sandbox.order import SYSTEM, SYSTEM_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weighbridge.sandbox.order import Order

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_INSIDE = "/run/weighbridge"
_SHARED = "/dev/shm"  # noqa: S108 -- its own, in its own view


def words(order: Order, source: int, report: int) -> list[str]:
    """The program and its arguments; the last stage reads the order from the descriptor `source`."""
    said = [order.bwrap, "--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox", "--unshare-uts"]
    said += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-cgroup-try"]
    if order.user >= 0:
        said += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        said += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    for path in SYSTEM:
        if os.path.islink(path):
            said += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            said += ["--ro-bind", path, path]
    for path in SYSTEM_FILES:
        said += ["--ro-bind-try", path, path]
    size = str(order.bounds.scratch)
    said += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", size, "--tmpfs", _SHARED]
    said += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp"]  # noqa: S108 -- its own
    base = os.path.realpath(sys.base_prefix)
    own = [
        (f"{_PACKAGE}/__init__.py", f"{_INSIDE}/weighbridge/__init__.py"),
        (f"{_PACKAGE}/sandbox", f"{_INSIDE}/weighbridge/sandbox"),
        *([(base, base)] if base != "/usr" else []),
    ]
    for folder in _above([*(place.inside for place in order.places), *(inside for _, inside in own)]):
        said += ["--perms", "0755", "--dir", folder]
    for place in order.places:
        said += ["--bind" if place.kind == "write" else "--ro-bind", place.host, place.inside]
    for host, inside in own:
        said += ["--ro-bind", host, inside]
    said += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]
    start = f"import sys; sys.path.insert(0, {_INSIDE!r}); from weighbridge.sandbox.inside import main; main()"
    return [*said, order.python, "-I", "-S", "-B", "-c", start, str(source), str(report)]


def _above(paths: Iterable[str]) -> list[str]:
    """Every folder above these, the highest first: bwrap would make those that are missing for root alone."""
    folders = set()
    for path in paths:
        parts = path.split("/")[1:-1]
        folders |= {"/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return sorted(folders - set(SYSTEM) - {"/tmp"})  # noqa: S108 -- its own
