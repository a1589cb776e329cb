"""Work in a process of its own, which may be killed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a child process; gives its id. It ends with status 0 if `work` comes back."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait for the child; its wait status."""
    return os.waitpid(child, 0)[1]
