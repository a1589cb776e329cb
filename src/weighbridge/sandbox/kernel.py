"""The few system calls that Python has no name for, by number through the C library.

The only place in the package that loads ctypes. Numbers above 424 are the same on every architecture. Every function
raises OSError with the number that the kernel gave.

Sources: prctl(2), unshare(2), capset(2), mount(2), pivot_root(2), mount_setattr(2).
"""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG = 1
PR_GET_SECCOMP = 21
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

NEWNS = 0x00020000
NEWCGROUP = 0x02000000
NEWUTS = 0x04000000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

BIND, RECURSIVE, PRIVATE = 4096, 16384, 1 << 18
NOSUID, NODEV = 2, 4
RDONLY_ATTRIBUTE, NOSUID_ATTRIBUTE, NODEV_ATTRIBUTE, NOEXEC_ATTRIBUTE = 1, 2, 4, 8

_DETACH = 2
_PR_CAPBSET_DROP = 24
_CAPABILITIES = 64
_CAPABILITY_VERSION = 0x20080522
_CAPSET = {"x86_64": 126, "aarch64": 91}
_AT_RECURSIVE = 0x8000
_AT_FDCWD = -100
_MOUNT_SETATTR = 442
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def call(number: int, *arguments: object, what: str) -> int:
    """Any system call; integers are passed at full width. `what` names it in the error."""
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _checked(_libc().syscall(ctypes.c_long(number), *wide), what)


def prctl(option: int, value: int = 0, address: object = None) -> int:
    """Tell the kernel something about this process, with one number or with a number and an address."""
    arguments = [ctypes.c_ulong(value), address or ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)]
    return _checked(_libc().prctl(ctypes.c_int(option), *arguments), f"prctl {option}")


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` name for new ones."""
    _checked(_libc().unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Put one file system, or one folder, in the place of another; an empty text is passed as none."""
    texts = [os.fsencode(text) or None for text in (source, target, kind)]
    _checked(_libc().mount(*texts, ctypes.c_ulong(flags), os.fsencode(data) or None), f"mount {target}")


def restrict_mount(target: str, attributes: int, *, recursive: bool) -> None:
    """Add read-only, nosuid, nodev or noexec to a mount, and to all mounts below it (Linux 5.12)."""
    wanted = _MountAttributes(attributes, 0, 0, 0)
    path = ctypes.c_char_p(os.fsencode(target))
    flags = _AT_RECURSIVE if recursive else 0
    size = ctypes.sizeof(wanted)
    call(_MOUNT_SETATTR, _AT_FDCWD, path, flags, ctypes.byref(wanted), size, what=f"mount_setattr {target}")


def enter_root(folder: str) -> None:
    """Make `folder`, which is a mount, the root of this mount namespace and let go of the old one."""
    os.chdir(folder)
    here = ctypes.c_char_p(b".")
    number = _PIVOT_ROOT.get(os.uname().machine)
    if number is None:
        raise OSError(38, f"pivot_root is not known for {os.uname().machine}")
    call(number, here, here, what="pivot_root")
    _checked(_libc().umount2(b".", ctypes.c_int(_DETACH)), "umount")
    os.chdir("/")


def drop_capabilities() -> None:
    """Give up every capability for good: for root that has to stay root. The caller sets no_new_privs as well."""
    for number in range(_CAPABILITIES):
        try:
            prctl(_PR_CAPBSET_DROP, number)
        except OSError:
            break
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    number = _CAPSET.get(os.uname().machine, -1)
    call(number, ctypes.byref(header), ctypes.byref(sets), what="capset")
