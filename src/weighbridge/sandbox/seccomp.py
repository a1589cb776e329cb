"""A filter on system calls: what an inspecting program never needs is refused, for all its descendants too.

    instruction   u16 code, u8 jump if true, u8 jump if false, u32 operand     (classic BPF)
    data          u32 number, u32 architecture, u64 instruction pointer, u64 arguments[6]

Refused is every socket (not a pair of connected ones, which event loops need), everything that reaches into another
process or the kernel, and every change of mounts or namespaces. Where no namespace stands around the program (`alone`),
changing modes, owners and times and talking to other processes by signals or System V memory are refused as well.

Sources: seccomp(2); the system call tables of the kernel for x86_64 and arm64.
"""

from __future__ import annotations

import ctypes
import os
import struct

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sandbox.kernel import PR_GET_SECCOMP, prctl

if TYPE_CHECKING:
    from collections.abc import Iterable

_PR_SET_SECCOMP = 22
_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NOT_PERMITTED, _NO_SUCH_CALL = 1, 38
_NUMBER_AT, _ARCHITECTURE_AT, _FIRST_ARGUMENT_AT, _SECOND_ARGUMENT_AT = 0, 4, 16, 24
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020080
_TERMINAL_INPUT = (0x5412, 0x541C)
"""ioctl requests that put characters into a terminal (TIOCSTI, TIOCLINUX)."""

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_COLUMN = {"x86_64": 0, "aarch64": 1}

_EVERYWHERE = {
    "pidfd_getfd": 438,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "process_madvise": 440,
    "mount_setattr": 442,
    "quotactl_fd": 443,
    "memfd_secret": 447,
    "process_mrelease": 448,
    "open_tree_attr": 467,
}
_REFUSED: dict[str, tuple[int, int]] = {
    # name: number on x86_64, on arm64; -1 where there is none
    "socket": (41, 198),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "unshare": (272, 97),
    "setns": (308, 268),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "personality": (135, 92),
    "vhangup": (153, 58),
    "iopl": (172, -1),
    "ioperm": (173, -1),
    "modify_ldt": (154, -1),
    "uselib": (134, -1),
    "lookup_dcookie": (212, 18),
}
_REFUSED_ALONE: dict[str, tuple[int, int]] = {
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "truncate": (76, 45),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
_SIGNALS: dict[str, tuple[int, int]] = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
}
_CLONE, _CLONE3, _IOCTL, _PRLIMIT = (56, 220), (435, 435), (16, 29), (302, 261)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def available(machine: str) -> bool:
    """Whether the kernel filters calls and the numbers of this machine's calls are known."""
    try:
        return machine in _ARCHITECTURES and prctl(PR_GET_SECCOMP) >= 0
    except OSError:
        return False


def restrict(*, alone: bool, signals: bool) -> None:
    """Put the filter on this process; no_new_privs must be set. `signals` false refuses them all."""
    code = program(os.uname().machine, alone=alone, signals=signals)
    wanted = _Program(len(code) // 8, code)
    prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(wanted))


def program(machine: str, *, alone: bool, signals: bool) -> bytes:
    """The filter as classic BPF."""
    column = _COLUMN[machine]
    code = [_jump(_LOAD, _ARCHITECTURE_AT), _jump(_EQUAL, _ARCHITECTURES[machine], 1, 0), _jump(_RETURN, _KILL)]
    code += [_jump(_LOAD, _NUMBER_AT)]
    if machine == "x86_64":
        code += [_jump(_AT_LEAST, _X32, 0, 1), _jump(_RETURN, _KILL)]
    for number in _numbers(column, alone=alone, signals=signals):
        code += [_jump(_EQUAL, number, 0, 1), _jump(_RETURN, _ERRNO | _NOT_PERMITTED)]
    code += [_jump(_EQUAL, _CLONE3[column], 0, 1), _jump(_RETURN, _ERRNO | _NO_SUCH_CALL)]
    code += [_jump(_EQUAL, _CLONE[column], 0, 4), _jump(_LOAD, _FIRST_ARGUMENT_AT)]
    code += [_jump(_ANY_BIT, _NEW_NAMESPACES, 0, 1), _jump(_RETURN, _ERRNO | _NOT_PERMITTED), _jump(_RETURN, _ALLOW)]
    code += [_jump(_EQUAL, _IOCTL[column], 0, 5), _jump(_LOAD, _SECOND_ARGUMENT_AT)]
    code += [_jump(_EQUAL, _TERMINAL_INPUT[0], 1, 0), _jump(_EQUAL, _TERMINAL_INPUT[1], 0, 1)]
    code += [_jump(_RETURN, _ERRNO | _NOT_PERMITTED), _jump(_RETURN, _ALLOW)]
    if alone:
        # Another process of the same user could have its limits taken away.
        code += [_jump(_EQUAL, _PRLIMIT[column], 0, 4), _jump(_LOAD, _FIRST_ARGUMENT_AT)]
        code += [_jump(_EQUAL, 0, 1, 0), _jump(_RETURN, _ERRNO | _NOT_PERMITTED), _jump(_RETURN, _ALLOW)]
    return b"".join([*code, _jump(_RETURN, _ALLOW)])


def _numbers(column: int, *, alone: bool, signals: bool) -> Iterable[int]:
    yield from _EVERYWHERE.values()
    tables = [_REFUSED, *([_REFUSED_ALONE] if alone else []), *([] if signals else [_SIGNALS])]
    for table in tables:
        yield from (numbers[column] for numbers in table.values() if numbers[column] >= 0)


def _jump(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
