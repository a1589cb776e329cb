"""The symbolic machine against CPython's own unpickler: whatever the one does, the other has seen.

The machine may report more (it goes on where a stand-in would raise, and names the class of what it fills); it may
never report less, and on a program that CPython finishes both must import, call and end the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from build.opcode_programs import Program
from weighbridge.core.facts import Call, Import
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.pickle import machine
from weighbridge.pickle.machine import interpret

REFERENCE = Path(__file__).parents[1] / "build" / "reference_unpickler.py"
BATCH = 1000


def seen(raw: bytes) -> tuple[set[str], set[tuple[str, str]], bool, int]:
    program = interpret(Reader(MemorySource(raw)), 0, Budget(Limits(), len(raw)))
    imports = {fact.name for fact in program.facts if isinstance(fact, Import)}
    calls = {
        (fact.callable, "make" if fact.mode in ("call", "new") else fact.mode)
        for fact in program.facts
        if isinstance(fact, Call)
    }
    return imports, calls, program.complete, program.end


@pytest.mark.parametrize("batch", range(6))
def test_nothing_that_cpython_does_is_missed(batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if batch % 2:
        # Every second batch with runs of constants skipped from the first opcode on.
        monkeypatch.setattr(machine, "RUNS_AFTER", 0)
        monkeypatch.setattr(machine, "RUN_LEAST", 1)
    programs = [Program(batch * BATCH + number).whole() for number in range(BATCH)]
    lines = "".join(f"{raw.hex()}\n" for raw in programs)
    done = subprocess.run([sys.executable, "-I", REFERENCE], input=lines, capture_output=True, text=True, check=True)
    finished = 0
    for raw, line in zip(programs, done.stdout.splitlines(), strict=True):
        imports, calls, complete, end = json.loads(line)
        our_imports, our_calls, our_complete, our_end = seen(raw)
        # A GLOBAL at the very end of the file has neither module nor name: "." names nothing.
        assert set(imports) - {"."} <= our_imports, raw
        assert {tuple(call) for call in calls} <= our_calls, raw
        if complete:
            finished += 1
            assert our_complete, raw
            assert our_end == end, raw
            assert our_imports == set(imports), raw
            assert our_calls == {tuple(call) for call in calls}, raw
    assert finished > BATCH // 2
