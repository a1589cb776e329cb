"""Own namespaces: a new root with nothing in it but what the program may see, and processes of its own.

    unshare → map the user → fork: first process of the new namespace → mounts → new root → fork: the program

Without rights this takes a user namespace, in which the program is user 65534; root makes the others without one
and then becomes another user. The first process waits for the program and ends with it: the kernel then ends all
the others.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sandbox import kernel
from weighbridge.sandbox.inside import become
from weighbridge.sandbox.order import DEVICES, SYSTEM, SYSTEM_FILES

if TYPE_CHECKING:
    from typing import NoReturn

    from weighbridge.sandbox.order import Order, Place

NOBODY = 65534
_SEALED = kernel.RDONLY_ATTRIBUTE | kernel.NOSUID_ATTRIBUTE | kernel.NODEV_ATTRIBUTE


def enter(order: Order, report: int) -> NoReturn:
    """Build the view and run the program in it; ends with the program's status."""
    try:
        _leave_namespaces()
        child = os.fork()
    except OSError as error:
        _complain(report, error)
    if child:
        os.close(report)
        _end_like(child)
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        _build(order)
        program = os.fork()
    except OSError as error:
        _complain(report, error)
    if not program:
        become(order, report)
    os.close(report)
    _end_like(program)


def _leave_namespaces() -> None:
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    flags = kernel.NEWNS | kernel.NEWPID | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP
    user, group = os.geteuid(), os.getegid()
    if user == 0:
        kernel.unshare(flags)
        return
    kernel.unshare(flags | kernel.NEWUSER)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{NOBODY} {user} 1"),
        ("gid_map", f"{NOBODY} {group} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _complain(report: int, error: OSError) -> NoReturn:
    os.write(report, f"{error.strerror or error}".encode(errors="backslashreplace"))
    os._exit(127)


def _end_like(child: int) -> NoReturn:
    """Wait for everything that ends, and end as `child` did."""
    while True:
        ended, status = os.wait()
        if ended == child:
            break
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _build(order: Order) -> None:
    root = f"{order.room}/root"
    kernel.mount("none", "/", "", kernel.RECURSIVE | kernel.PRIVATE)
    kernel.mount("tmpfs", root, "tmpfs", kernel.NOSUID | kernel.NODEV, "mode=0755,size=1m")
    for path in SYSTEM:
        if os.path.islink(path):
            os.symlink(os.readlink(path), f"{root}{path}")
        elif os.path.isdir(path):
            _bind(path, f"{root}{path}", _SEALED)
    for path in SYSTEM_FILES:
        if os.path.exists(path):
            _bind(path, f"{root}{path}", _SEALED)
    _temporary(f"{root}/tmp", order.bounds.scratch)  # noqa: S108 -- its own, in its own view
    _devices(f"{root}/dev", order.bounds.scratch)
    _processes(f"{root}/proc")
    for place in order.places:
        _bind(place.host, f"{root}{place.inside}", _attributes(place))
    kernel.enter_root(root)
    kernel.restrict_mount("/", _SEALED, recursive=False)


def _attributes(place: Place) -> int:
    sealed = kernel.NOSUID_ATTRIBUTE | kernel.NODEV_ATTRIBUTE
    if place.kind == "write":
        return sealed | kernel.NOEXEC_ATTRIBUTE
    return _SEALED if place.kind == "run" else _SEALED | kernel.NOEXEC_ATTRIBUTE


def _bind(source: str, target: str, attributes: int) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    kernel.mount(source, target, "", kernel.BIND | kernel.RECURSIVE)
    kernel.restrict_mount(target, attributes, recursive=True)


def _temporary(target: str, size: int) -> None:
    os.makedirs(target)
    kernel.mount("tmpfs", target, "tmpfs", kernel.NOSUID | kernel.NODEV, f"mode=1777,size={size}")


def _devices(target: str, size: int) -> None:
    os.makedirs(target)
    for name in DEVICES:
        os.close(os.open(f"{target}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
        kernel.mount(f"/dev/{name}", f"{target}/{name}", "", kernel.BIND)
    _temporary(f"{target}/shm", size)
    for name, to in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(to, f"{target}/{name}")


def _processes(target: str) -> None:
    """A view of the new namespace's processes; where a container forbids it there is none."""
    os.makedirs(target)
    with suppress(OSError):
        kernel.mount("proc", target, "proc", kernel.NOSUID | kernel.NODEV)
