"""Start one command, wait for it, and say what it cost. A process of its own, and a small one, on purpose.

Linux gives a child the peak memory of the process that started it as its first peak, so whoever measures must be
smaller than what is measured: this file is run with `-I -S` and imports next to nothing.

    python -I -S launch.py SECONDS STDOUT STDERR COMMAND…
    → status user system peak-KiB wall timed-out        on stdout; CPU times include children that were waited for
"""

import os
import resource
import select
import sys
import time

MOST_MEMORY = 12 * 1024**3
"""Bytes of address space that a command may have: what needs more would take the whole machine down with it."""
PATIENCE, OUT, ERR, *COMMAND = sys.argv[1:]

NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
ACTIONS = [
    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
    (os.POSIX_SPAWN_OPEN, 1, OUT, NEW, 0o644),
    (os.POSIX_SPAWN_OPEN, 2, ERR, NEW, 0o644),
]
resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
started = time.monotonic()
child = os.posix_spawn(COMMAND[0], COMMAND, os.environ, file_actions=ACTIONS, setpgroup=0)
waiting = select.poll()
waiting.register(os.pidfd_open(child), select.POLLIN)
late = not waiting.poll(float(PATIENCE) * 1000)
if late:
    os.killpg(child, 9)
_, status, used = os.wait4(child, 0)
wall = time.monotonic() - started
print(os.waitstatus_to_exitcode(status), used.ru_utime, used.ru_stime, used.ru_maxrss, wall, int(late))
