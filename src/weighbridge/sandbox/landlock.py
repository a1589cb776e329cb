"""Landlock: a process gives up, for itself and all its descendants, every file but those that it lists.

    ruleset    u64 handled file rights, u64 handled network rights, u64 scopes
    rule       u64 allowed rights, i32 descriptor of a file or folder (packed, 12 bytes)

What it does not cover: UDP, connecting to a socket file, chmod, chown, extended attributes, times, stat. The filter of
`sandbox/seccomp.py` refuses the first five where no namespace stands before them.

Source: Landlock, kernel documentation, userspace-api/landlock; linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sandbox.kernel import call

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_READ = _EXECUTE | _READ_FILE | _READ_DIR
SCOPES_FROM = 6
"""The version that keeps abstract sockets and signals inside."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Rule(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("rights", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


def version() -> int:
    """The version of the kernel's interface; 0 if it has none or it is switched off."""
    try:
        return call(_CREATE_RULESET, None, 0, _VERSION, what="landlock_create_ruleset")
    except OSError:
        return 0


def handled(interface: int) -> tuple[int, int, int]:
    """The rights on files and the network and the scopes that this version of the interface can take away."""
    bits = 13
    for since, known in ((2, 14), (3, 15), (5, 16)):
        bits = known if interface >= since else bits
    return (1 << bits) - 1, 3 if interface >= 4 else 0, 3 if interface >= SCOPES_FROM else 0


def restrict(interface: int, readable: Iterable[str], writable: Iterable[str]) -> None:
    """Keep only these files and folders, with everything below; one that does not exist is passed over."""
    files, network, scopes = handled(interface)
    wanted = _Ruleset(files, network, scopes)
    size = 8 if interface < 4 else 16 if interface < SCOPES_FROM else 24
    ruleset = call(_CREATE_RULESET, ctypes.byref(wanted), size, 0, what="landlock_create_ruleset")
    try:
        for path in readable:
            _allow(ruleset, path, files & _READ)
        for path in writable:
            _allow(ruleset, path, files)
        call(_RESTRICT_SELF, ruleset, 0, what="landlock_restrict_self")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_RIGHTS
        rule = _Rule(rights, descriptor)
        call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0, what="landlock_add_rule")
    finally:
        os.close(descriptor)
