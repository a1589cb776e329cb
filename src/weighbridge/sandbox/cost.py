"""What processes cost together: everything below one of them, however it was started, as `/proc` tells."""

from __future__ import annotations

import os

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    Below = dict[int, tuple[int, list[bytes]]]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(NamedTuple):
    """How many processes and threads there are, their resident memory (bytes), and what they used of processors."""

    processes: int
    memory: int
    cpu_seconds: float


def below(root: int, *, itself: bool = False) -> Below:
    """Every process below `root`, with `itself` that one too: its parent, and the fields of its `stat` from the state
    on. Nothing where there is no `/proc`.
    """
    found: Below = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return found
    for name in names:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        found[int(name)] = (int(fields[1]), fields)
    own = {root}
    mine: Below = {root: found[root]} if itself and root in found else {}
    grown = True
    while grown:
        grown = False
        for number, (parent, fields) in found.items():
            if parent in own and number not in own:
                own.add(number)
                mine[number] = (parent, fields)
                grown = True
    return mine


def cost_of(processes: Iterable[tuple[int, list[bytes]]]) -> Cost:
    """What these cost. Pages that processes share count for each: that errs on the safe side."""
    count = memory = ticks = 0
    for _, fields in processes:
        count += int(fields[17])
        memory += int(fields[21]) * _PAGE
        ticks += sum(map(int, fields[11:15]))
    return Cost(count, memory, ticks / _TICKS)
