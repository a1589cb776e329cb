"""A pickle written down as the program that it is: one line for everything that has an effect, in its order.

       2  import posix.system
      30  _0 = posix.system('id')
      33  return _0

The machine tells what it does while it follows the opcodes, so that a trace and the findings never disagree. Values
are written when they are used; the result of a call gets a name. What is long is cut, and the lines are counted.
"""

from __future__ import annotations

from weighbridge.core.limits import Budget, Limits
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.machine import interpret
from weighbridge.pickle.values import Bulk, Container, Global, Opaque, Persistent, Result, Run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weighbridge.core.facts import CallMode
    from weighbridge.core.reader import Reader

LINES = 20_000
"""Lines of the longest trace of one artifact; calls that follow are only counted."""
WIDTH = 400
"""Characters of the longest line."""
ITEMS = 12
"""Items of a container that are shown."""
TEXT = 120
"""Characters of a constant that are shown."""
DEEP = 6
VISITS = 300
"""Values that one line may look at: nested and shared ones cannot make it long to write."""


class Statement(NamedTuple):
    """One line: the offset of the opcode that has the effect, and the effect as Python would write it."""

    offset: int
    text: str


class Trace:
    """Collects the statements of the pickles of one artifact."""

    def __init__(self, most: int = LINES) -> None:
        self.statements: list[Statement] = []
        self.more = 0
        self._most = most
        self._visits = VISITS
        self._imported: set[tuple[str, str]] = set()
        self._names: dict[int, tuple[object, str]] = {}

    def imported(self, at: int, dotted: str, how: str) -> None:
        """A global is fetched. The same one is written down once."""
        if (dotted, how) in self._imported:
            return
        self._imported.add((dotted, how))
        if not self._full():
            self._add(at, f"import {dotted}" + (f"  # {how}" if how == "getattr" else ""))

    def called(self, at: int, callee: object, arguments: object, mode: CallMode, result: object) -> None:
        """Something is called or created, and `result` is what comes of it."""
        if self._full():
            return
        name = callee if isinstance(callee, str) else self._written(callee, DEEP)
        values = arguments if isinstance(arguments, tuple) else (arguments,)
        dot_new = ".__new__" if mode == "new" else ""
        inner = ", ".join(([name] if dot_new else []) + [self._written(value, DEEP) for value in values])
        line = f"{name}{dot_new}({inner})"
        if isinstance(result, Result | Persistent):
            given = f"_{len(self._names)}"
            # The value is kept beside its name so that its identity stays its own.
            self._names[id(result)] = (result, given)
            line = f"{given} = {line}"
        self._add(at, line)

    def filled(self, at: int, target: object, mode: CallMode, values: Iterable[object]) -> None:
        """An object is given a state, items or members by a method of its own."""
        if self._full():
            return
        method = {"build": "__setstate__", "append": "extend", "setitem": "update", "additems": "update"}[mode]
        shown = list(values)
        if mode == "build":
            inner = self._written(shown[0], DEEP)
        else:
            inner = f"{{{self._pairs(shown)}}}" if mode == "setitem" else f"[{self._join(shown, DEEP)}]"
        self._add(at, f"{self._written(target, DEEP)}.{method}({inner})")

    def remark(self, at: int, text: str) -> None:
        """Something that is no statement."""
        if not self._full():
            self._add(at, f"# {text}")

    def returned(self, at: int, value: object) -> None:
        """What the pickle leaves."""
        if not self._full():
            self._add(at, f"return {self._written(value, DEEP)}")

    def _full(self) -> bool:
        """Whether no line fits any more. What is not written down is counted, and costs no more than that."""
        if len(self.statements) < self._most:
            return False
        self.more += 1
        return True

    def _add(self, at: int, text: str) -> None:
        self._visits = VISITS
        self.statements.append(Statement(at, plain(text, WIDTH)))

    def _written(self, value: object, depth: int) -> str:
        named = self._names.get(id(value))
        if named is not None:
            return named[1]
        if isinstance(value, str | bytes):
            cut = f"… ({len(value)} in all)" if len(value) > TEXT else ""
            return repr(value[:TEXT]) + cut
        if value is None or isinstance(value, bool | float):
            return repr(value)
        if isinstance(value, int):
            # Decimal digits of a long number take time that grows with its square.
            return str(value) if value.bit_length() <= 256 else f"<a number of {value.bit_length()} bits>"
        if isinstance(value, Global):
            return value.name
        if isinstance(value, Bulk):
            return f"<{value.size} bytes of {value.kind} at {value.offset}>"
        if isinstance(value, Run):
            return f"<constants in {value.end - value.start} bytes at {value.start}>"
        if isinstance(value, Opaque):
            return f"<a {value.kind}>"
        self._visits -= 1
        if depth <= 0 or self._visits <= 0:
            return "…"
        if isinstance(value, tuple):
            return f"({self._join(value, depth - 1)}{',' if len(value) == 1 else ''})"
        if isinstance(value, Container):
            more = ", …" if value.more and len(value.items) <= ITEMS else ""
            if value.kind == "dict":
                return f"{{{self._pairs(value.items, depth - 1)}{more}}}"
            inner = self._join(value.items, depth - 1) + more
            return f"[{inner}]" if value.kind == "list" else f"{value.kind}([{inner}])"
        return f"<a {type(value).__name__.lower()}>"

    def _join(self, values: Iterable[object], depth: int) -> str:
        shown = list(values)
        text = ", ".join(self._written(value, depth) for value in shown[:ITEMS])
        return text + (f", … {len(shown) - ITEMS} more" if len(shown) > ITEMS else "")

    def _pairs(self, values: Iterable[object], depth: int = DEEP) -> str:
        shown = list(values)
        if any(isinstance(value, Run) for value in shown):
            return self._join(shown, depth)
        pairs = list(zip(shown[::2], shown[1::2], strict=False))
        text = ", ".join(f"{self._written(key, depth)}: {self._written(item, depth)}" for key, item in pairs[:ITEMS])
        return text + (f", … {len(pairs) - ITEMS} more" if len(pairs) > ITEMS else "")


def traced(reader: Reader, starts: Iterable[int], limits: Limits, trace: Trace) -> None:
    """Write down the pickles that begin at `starts`. Raises nothing on any bytes; ends where the machine does."""
    budget = Budget(limits, reader.size)
    for start in starts:
        program = interpret(reader, start, budget, trace=trace)
        if program.complete:
            trace.returned(program.end - 1, program.value)
        elif program.exhausted:
            trace.remark(program.end, "a limit was reached: what follows is not shown")
        else:
            trace.remark(program.end, f"the pickle ends here: {program.broken}")
