"""The symbolic pickle machine: opcodes in, facts out. It runs nothing and imports nothing.

What would have run before an error has run, so facts gathered before a broken tail all count.
"""

from __future__ import annotations

from functools import partial
from struct import Struct

from weighbridge.core.facts import Limit
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.constants import ENCODINGS, LETTERS
from weighbridge.pickle.instructions import INSTRUCTIONS
from weighbridge.pickle.memo import LONG, Later, MemoFull
from weighbridge.pickle.state import Broken, Exhausted, Machine
from weighbridge.pickle.values import Container, Run

if TYPE_CHECKING:
    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.pickle.trace import Trace

RUNS_AFTER = 20_000
"""Opcodes after which skipping runs of constants pays for compiling the pattern that does it."""
RUN_LEAST = 64
"""Bytes of the shortest run behind a MARK that is skipped in one go."""

SIMPLE: dict[int, object] = {0x4E: None, 0x88: True, 0x89: False, 0x29: ()}
"""Opcodes without an operand that push a constant."""
EMPTY = {0x5D: "list", 0x7D: "dict", 0x8F: "set"}
"""Opcodes that push an empty container."""
unpack_double = Struct(">d").unpack_from


class Program(NamedTuple):
    """What one pickle stream does. `end` is the offset behind STOP, or where it broke, and `broken` why.

    `payloads` are places and sizes of constants that begin like a format of their own, `texts` of those that begin like
    the text form of one; `storages` maps the keys of
    torch storages to their class and number of elements; `arrays` are places and sizes of raw bytes between the
    opcodes; `value` is what the pickle leaves, symbolically.
    """

    facts: tuple[Fact, ...]
    payloads: tuple[tuple[int, int], ...]
    texts: tuple[tuple[int, int], ...]
    storages: dict[str, tuple[str, int]]
    arrays: tuple[tuple[int, int], ...]
    value: object
    end: int
    protocol: int
    complete: bool
    broken: str
    exhausted: bool


def interpret(
    reader: Reader, start: int, budget: Budget, *, arrays: bool = True, trace: Trace | None = None
) -> Program:
    """Follow the pickle that starts at `start` to its STOP or to where it breaks. Raises nothing on any bytes.

    With `arrays`, raw bytes that joblib put between the opcodes are skipped as its loader does; without, they are
    taken for opcodes as every other loader does. A `trace` is told of everything that has an effect, in its order.
    """
    machine = Machine(reader, start, budget)
    machine.nested = partial(interpret, trace=trace) if arrays else None
    machine.trace = trace
    broken = ""
    complete = exhausted = False
    try:
        complete = _follow(machine)
    except Broken as error:
        broken = str(error)
        if 0 <= machine.frame_end < machine.here():
            machine.cut()
    except (MemoFull, Exhausted) as error:
        exhausted = True
        limit = "memo" if isinstance(error, MemoFull) else str(error)
        machine.oddities.append(Limit(limit, int(getattr(budget.limits, limit)), machine.at))
    end = min(machine.here(), reader.size)
    if machine.cut_at >= 0:
        # From there on this is only one of the readings: its facts count, but it is not all that may happen.
        complete, broken, end = False, broken or "an opcode crosses the end of its frame", machine.cut_at
    return Program(
        machine.facts(),
        tuple(machine.payloads),
        tuple(machine.texts),
        machine.storages,
        tuple(machine.arrays),
        machine.value,
        end,
        machine.protocol,
        complete,
        broken,
        exhausted,
    )


def _follow(machine: Machine) -> bool:
    """Execute until STOP; true if it was reached. Raises Broken, Exhausted or MemoFull."""
    skip_runs = RUNS_AFTER == 0
    steps = before = machine.budget.operations
    stack, marks, memo = machine.stack, machine.marks, machine.memo
    kept, keep, simple = memo.kept, memo.keep, SIMPLE
    data = machine.data
    pos = low = 0
    while steps > 0:
        steps -= 1
        if pos >= low:
            machine.pos = pos
            machine.refill()
            skip_runs = skip_runs or before - steps >= RUNS_AFTER
            if skip_runs and stack and isinstance(stack[-1], Run):
                steps -= machine.skip_run(1)
            pos, data, low = machine.pos, machine.data, machine.low
            if pos >= low:
                continue
        opcode = data[pos]
        if opcode == 0x68:  # BINGET
            value = kept.get(data[pos + 1])
            if value is None or type(value) is Later or memo.pending:
                machine.pos = pos
                machine.fetch(data[pos + 1])
            else:
                stack.append(value)
            machine.last_constant = -1
            pos += 2
        elif opcode == 0x94 or opcode == 0x71:  # MEMOIZE, BINPUT  # noqa: PLR1714 -- faster than a set
            if len(stack) <= (marks[-1] if marks else 0):
                raise Broken("nothing on the stack to memoize")
            value = stack[-1]
            kind = type(value)
            if kind is Run:
                value = machine.top()
            if opcode == 0x71:
                memo.put(data[pos + 1], value, machine.last_constant)
                pos += 2
            else:
                long = (kind is str or kind is bytes) and len(value) > LONG  # type: ignore[arg-type] # both have a length
                if long or memo.pending or len(kept) >= keep:
                    memo.memoize(value, machine.last_constant)
                else:
                    kept[len(kept)] = value
                pos += 1
                if kind is tuple and skip_runs:
                    machine.pos = pos
                    steps -= machine.skip_run(RUN_LEAST)
                    pos = machine.pos
        elif opcode == 0x4B:  # BININT1
            stack.append(data[pos + 1])
            machine.last_constant = machine.base + pos
            pos += 2
        elif opcode == 0x8C:  # SHORT_BINUNICODE
            end = pos + 2 + data[pos + 1]
            machine.last_constant = machine.base + pos
            machine.pos = pos
            if data[pos + 1] >= LETTERS and data.startswith(ENCODINGS, pos + 2):
                machine.encoded(machine.base + pos + 2, data[pos + 1])
            stack.append(machine.text(data[pos + 2 : end]))
            pos = end
        elif opcode == 0x47:  # BINFLOAT
            stack.append(unpack_double(data, pos + 1)[0])
            machine.last_constant = -1
            pos += 9
        elif opcode == 0x4A or opcode == 0x4D:  # BININT, BININT2  # noqa: PLR1714 -- faster than a set
            size = 5 if opcode == 0x4A else 3
            stack.append(int.from_bytes(data[pos + 1 : pos + size], "little", signed=size == 5))
            machine.last_constant = -1
            pos += size
        elif opcode in EMPTY:
            stack.append(Container(EMPTY[opcode]))
            machine.last_constant = -1
            pos += 1
        elif opcode in simple:
            stack.append(simple[opcode])
            machine.last_constant = -1
            pos += 1
        elif opcode == 0x28:  # MARK
            marks.append(len(stack))
            pos += 1
            if skip_runs:
                machine.pos = pos
                steps -= machine.skip_run(RUN_LEAST)
                pos = machine.pos
        else:
            handler = INSTRUCTIONS.get(opcode)
            machine.pos = pos
            if handler is None:
                raise Broken(f"0x{opcode:02x} is no opcode")
            machine.at = machine.base + pos
            machine.constant_before = machine.last_constant
            machine.last_constant = -1
            if handler(machine, opcode):
                machine.budget.operations = steps
                return True
            if opcode == 0x95 and skip_runs:  # FRAME: the pickler cuts long runs into frames
                steps -= machine.skip_run(1 if stack and isinstance(stack[-1], Run) else RUN_LEAST)
            steps -= machine.cost
            machine.cost = 0
            pos, data, low = machine.pos, machine.data, machine.low
    machine.pos = pos
    machine.at = machine.base + pos
    machine.budget.operations = 0
    raise Exhausted("operations_floor")
