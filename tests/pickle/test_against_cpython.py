"""The symbolic machine against CPython's own unpickler: whatever the one does, the other has seen.

Compared are the imports with their order, how often each callable is called by which road, whether STOP is reached and
where. Arguments are not compared. What a call gave back is compared by what was called first: `m.f(1)(2)` and `m.f()`
both as `m.f()`, since the machine writes arguments down and CPython does not. Of the unpickler written in C only the
imports are compared.

The machine may report more, never less:

* behind an error: a stand-in, a list or a number raised for CPython, and for another class it would not;
* BUILD, APPEND and their like on values of the pickle itself (`a list`, `a bytes`): nothing of the loader is called;
* a frame that ends inside an opcode: loaders disagree on what follows, so it is never complete;
* SETITEMS without items: CPython does nothing, the machine counts the opcode.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from build.opcode_programs import DEEP, Program
from weighbridge.core.facts import Call, Import, Oddity
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.pickle import machine, state
from weighbridge.pickle.machine import interpret

if TYPE_CHECKING:
    from collections.abc import Sequence

REFERENCE = Path(__file__).parents[1] / "build" / "reference_unpickler.py"
BATCH = 700
ROADS = {
    "as it is": {},
    "runs from the start": {"RUNS_AFTER": 0, "RUN_LEAST": 1},
    "small buffers": {"FIRST_BUFFER": 530, "BUFFER": 530},
    "runs and small buffers": {"RUNS_AFTER": 0, "RUN_LEAST": 1, "FIRST_BUFFER": 530, "BUFFER": 530},
}
"""Ways through the machine's code that large files take, opened for small ones."""


class Seen(NamedTuple):
    """What one program does, as the machine tells it."""

    imports: list[str]
    calls: Counter[tuple[str, str]]
    complete: bool
    exhausted: bool
    cut: bool
    end: int


class Expected(NamedTuple):
    """What CPython does: see `reference_unpickler.py`."""

    imports: list[str]
    calls: list[tuple[str, str, int]]
    complete: bool
    end: int
    compiled: list[str]


def seen(raw: bytes, limits: Limits | None = None) -> Seen:
    program = interpret(Reader(MemorySource(raw)), 0, Budget(limits or Limits(), len(raw)))
    calls: Counter[tuple[str, str]] = Counter()
    for fact in program.facts:
        if isinstance(fact, Call):
            calls[first_called(fact.callable), fact.mode] += fact.times
    imports = list(dict.fromkeys(fact.name for fact in program.facts if isinstance(fact, Import)))
    cut = any(isinstance(fact, Oddity) and fact.kind == "frame-cut" for fact in program.facts)
    return Seen(imports, calls, program.complete, program.exhausted, cut, program.end)


def first_called(name: str) -> str:
    return name.partition("(")[0] + "()" if "(" in name else name + "()" if name == "…" else name


def reference(programs: Sequence[bytes]) -> list[Expected]:
    lines = "".join(f"{raw.hex()}\n" for raw in programs)
    done = subprocess.run([sys.executable, "-I", REFERENCE], input=lines, capture_output=True, text=True, check=True)
    return [Expected(**json.loads(line)) for line in done.stdout.splitlines()]


def harmless(call: tuple[str, str], count: int) -> bool:
    """Whether the machine may count this although CPython finished without it."""
    name, mode = call
    return (
        count > 0
        and mode in ("build", "append", "setitem", "additems")
        and (name.startswith("a ") or mode == "setitem")
    )


def compare(raw: bytes, expected: Expected, ours: Seen) -> None:
    imports = expected.imports
    calls = Counter((first_called(name), mode) for name, mode, _ in expected.calls)
    assert set(imports) <= set(ours.imports), raw
    assert calls <= ours.calls, raw
    if ours.cut:
        assert not ours.complete, raw
        return
    assert set(expected.compiled) <= set(ours.imports), raw
    if expected.complete:
        assert ours.complete, raw
        assert ours.end == expected.end, raw
        assert ours.imports == imports, raw
        more = {call: count for call, count in (ours.calls - calls).items() if not harmless(call, count)}
        assert not more, raw


@pytest.mark.parametrize("road", ROADS)
def test_nothing_that_cpython_does_is_missed(road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(road, monkeypatch)
    first = list(ROADS).index(road) * BATCH
    programs = [Program(first + number).whole() for number in range(BATCH)]
    finished = 0
    for raw, expected in zip(programs, reference(programs), strict=True):
        compare(raw, expected, seen(raw))
        finished += expected.complete
    assert BATCH // 2 < finished < BATCH


@pytest.mark.parametrize("road", ["as it is", "runs from the start"])
def test_a_small_memo_stops_the_machine_and_never_mistakes_one_name_for_another(
    road: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(road, monkeypatch)
    programs = [Program(10_000 + number).whole() for number in range(BATCH)]
    stopped = 0
    for raw, expected in zip(programs, reference(programs), strict=True):
        # Arguments and callables behind the limit keep only their kind, so calls are not compared.
        ours = seen(raw, Limits(memo=3, values=20))
        imports = expected.imports
        stopped += ours.exhausted
        if expected.complete and not ours.cut:
            assert set(ours.imports) <= set(imports), raw
        if not ours.exhausted:
            assert set(imports) <= set(ours.imports), raw
    assert 0 < stopped < BATCH


def take(road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ROADS[road].items():
        monkeypatch.setattr(machine if name.startswith("RUN") else state, name, value)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


ONE_NAME_FOR_ANOTHER = {
    "key of seventy digits": text("math") + b"p5\n0" + text("os") + b"p" + b"0" * 70 + b"5\n0g5\n" + text("system") + b"\x93.",
    "run memoized twice": text("os") + text("getpid") + b"(" + text(DEEP) + b"q\x00q\x011" + b"0h\x01\x93.",
    "run memoized twice, key in text": text("os") + text("getpid") + b"(" + text(DEEP) + b"q\x00p1\n10h\x01\x93.",
    "opcodes inside a text that is not memoized": (
        text("os") + b"q\x000" + text("system") + b"q\x010("
        + text(text("math").decode() + "q\0" + text("sin").decode() + "q\x01") + b"1h\x00h\x01\x93."
    ),
    "opcodes inside a number that is not memoized": (
        text("os") + b"q\x000" + text("system") + b"q\x010(GK\x01q\x00NNNN1h\x00h\x01\x93."
    ),
}  # fmt: skip
"""Programs that import from os, and that a machine with another memo than CPython's takes for something else."""


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("case", ONE_NAME_FOR_ANOTHER)
def test_one_name_is_never_taken_for_another(case: str, road: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(road, monkeypatch)
    raw = ONE_NAME_FOR_ANOTHER[case]
    expected = reference([raw])[0]
    assert expected.complete
    assert expected.imports in (["os.system"], [f"os.{DEEP}"])
    compare(raw, expected, seen(raw))


def frame(size: int) -> bytes:
    return b"\x95" + struct.pack("<Q", size)


CUT = {
    "a memo key": b"Vmath\np5\n0Vos\n" + frame(2) + b"p15\n0g5\nVsystem\n\x93.",
    "the name of a global": frame(5) + b"cmathos\nsystem\n.",
    "a text": frame(7) + b"\x8c\x14AAAAA" + b"B" * 15 + b"X\x0c\x00\x00\x00" + b"cos\nsystem\n." + b".",
    "the length of a frame": frame(9 + 4) + frame(30) + b"\x8c\x20XXNcos\nsystem\n." + b"Z" * 40 + b".",
}
"""Frames that end inside an opcode. From a file without `peek` the unpickler written in C drops what the frame has left."""


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("case", CUT)
def test_a_frame_that_ends_inside_an_opcode_is_never_complete(
    case: str, road: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(road, monkeypatch)
    ours = seen(CUT[case])
    assert (ours.cut, ours.complete) == (True, False)
    assert ours.end == CUT[case].index(b"\x95") + 9 + CUT[case][CUT[case].index(b"\x95") + 1]


def test_loaders_disagree_on_a_frame_that_ends_inside_an_opcode() -> None:
    results = reference(list(CUT.values()))
    assert not any(expected.complete for expected in results)
    assert all(expected.compiled == ["os.system"] for expected in results)


def test_a_frame_that_ends_between_two_opcodes_is_ordinary() -> None:
    raw = frame(4) + b"K\x01K\x02" + frame(1) + b"\x86" + frame(0) + b"."
    ours = seen(raw)
    assert (ours.cut, ours.complete, ours.end) == (False, True, len(raw))
    compare(raw, reference([raw])[0], ours)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("filler", range(1, 12))
def test_runs_that_end_where_their_frame_ends(road: str, filler: int, monkeypatch: pytest.MonkeyPatch) -> None:
    take(road, monkeypatch)
    body = b"(" + text("a" * filler) * 90
    tail = b"t0" + text("os") + text("getpid") + b"\x93)R."
    raw = frame(len(body)) + body + frame(len(body)) + body + frame(len(tail)) + b"t" + tail[1:]
    compare(raw, reference([raw])[0], seen(raw))
    assert seen(raw).imports == ["os.getpid"]


def test_frames_that_no_writer_makes_are_odd() -> None:
    program = interpret(Reader(MemorySource(raw := frame(12) + frame(3) + b"NNN.")), 0, Budget(Limits(), len(raw)))
    kinds = [fact.kind for fact in program.facts if isinstance(fact, Oddity)]
    assert sorted(kinds) == ["frame-nested", "frame-short"]
    assert program.complete


def test_behind_the_memo_limit_the_last_value_of_a_key_counts() -> None:
    earlier = b"".join(text(name) + b"q%c0" % key for key, name in enumerate(["a", "b", "math"]))
    raw = earlier + text("os") + b"q\x020h\x02" + text("system") + b"\x93."
    ours = seen(raw, Limits(memo=2))
    assert (ours.imports, ours.complete) == (reference([raw])[0].imports, True) == (["os.system"], True)


def test_the_unpickler_written_in_c_reads_a_memo_key_up_to_a_zero_byte() -> None:
    raw = text("os") + b"p5\0x\n0" + b"g5\n" + text("system") + b"\x93."
    expected = reference([raw])[0]
    assert (expected.imports, expected.compiled) == ([], ["os.system"])
    assert seen(raw).imports == ["os.system"]


def test_a_persistent_id_cut_off_by_the_end_is_asked_for() -> None:
    compare(b"P", reference([b"P"])[0], seen(b"P"))
    assert seen(b"P").calls == Counter({("persistent_load", "persistent"): 1})
