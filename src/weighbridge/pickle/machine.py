"""The symbolic pickle machine: opcodes in, facts out. It runs nothing and imports nothing.

It keeps the stack, the marks and the memo as CPython's unpickler does (`Modules/_pickle.c`), with symbolic values
in place of objects. What would have run before an error has run, so facts gathered before a broken tail all count.
"""

from __future__ import annotations

from struct import unpack_from
from typing import TYPE_CHECKING, NamedTuple

from weighbridge.core.facts import Call, ComputedImport, Import, Limit, Oddity
from weighbridge.pickle.memo import Memo, MemoFull
from weighbridge.pickle.opcodes import COUNTED, FIXED, SIGNED_LENGTH, TEXT, constant_run
from weighbridge.pickle.values import (
    KEPT_ITEMS,
    Bulk,
    Container,
    Global,
    Opaque,
    Persistent,
    Result,
    Run,
    arguments_shape,
    callee_name,
    class_name,
    describe,
    is_composite,
    is_constant,
    shape,
)

if TYPE_CHECKING:
    from weighbridge.core.facts import CallMode, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

FIRST_BUFFER = 4 * 1024
BUFFER = 1024 * 1024
"""Bytes of the stream in memory at a time: few at first, because a file may be many small pickles in a row."""
REFILL = 512
"""Fewer bytes than this left in the buffer: it is moved on, so that short operands never straddle its end."""
SMALL = 1024
"""Bytes of the largest constant that is kept; a command line or a module name is shorter."""
LINE = 1024 * 1024
"""Bytes of the longest text operand."""
RUN_FROM = 64 * 1024
"""Bytes of a stream from which on skipping runs of constants pays for compiling the pattern that does it."""
RUN_LEAST = 64
SHAPES = 256
"""Different argument shapes kept for one callable; further ones are folded with their strings left out."""

_PAYLOADS = (b"\x80", b"PK\x03\x04", b"\x1f\x8b", b"\x78", b"BZh", b"\xfd7zXZ", b"\x93NUMPY", b"\x7fELF", b"MZ")
"""How a constant may begin that is worth a look of its own: pickle, archives, compressed data, arrays, machine code."""


NAME = 1024
"""Characters of the longest dotted name that is believed to be one."""
PAYLOADS = 1000
"""Constants of one stream that are looked into."""


class Broken(Exception):
    """The stream cannot be followed further; the unpickler would stop here too."""


class Exhausted(Exception):
    """A limit was reached: the unpickler would go on, the machine does not."""


class Program(NamedTuple):
    """What one pickle stream does. `end` is the offset behind STOP, or where it broke, and `broken` why.

    `payloads` are places and sizes of constants that begin like a format of their own; `storages` maps the keys of
    torch storages to their class and number of elements.
    """

    facts: tuple[Fact, ...]
    payloads: tuple[tuple[int, int], ...]
    storages: dict[str, tuple[str, int]]
    end: int
    protocol: int
    complete: bool
    broken: str
    exhausted: bool


def interpret(reader: Reader, start: int, budget: Budget) -> Program:
    """Follow the pickle that starts at `start` to its STOP or to where it breaks. Raises nothing on any bytes."""
    machine = _Machine(reader, start, budget)
    broken = ""
    complete = exhausted = False
    try:
        complete = machine.run()
    except Broken as error:
        broken = str(error)
    except (MemoFull, Exhausted) as error:
        exhausted = True
        limit = "memo" if isinstance(error, MemoFull) else str(error)
        machine.oddities.append(Limit(limit, int(getattr(budget.limits, limit)), machine.at))
    end = min(machine.here(), reader.size)
    payloads, storages = tuple(machine.payloads), machine.storages
    return Program(machine.facts(), payloads, storages, end, machine.protocol, complete, broken, exhausted)


class _Machine:
    """The state between opcodes. `base` + `pos` is the absolute offset of the next opcode."""

    def __init__(self, reader: Reader, start: int, budget: Budget) -> None:
        self.reader = reader
        self.budget = budget
        self.base = start
        self.pos = 0
        self.data = b""
        self.stack: list[object] = []
        self.marks: list[int] = []
        self.memo = Memo(budget.limits.memo, reader.read, self.constant_at)
        self.protocol = 0
        self.oddities: list[Fact] = []
        self.payloads: list[tuple[int, int]] = []
        self.storages: dict[str, tuple[str, int]] = {}
        self.imports: dict[tuple[str, str], list[object]] = {}
        self.calls: dict[tuple[str, str, str], list[object]] = {}
        self.shapes: dict[tuple[str, str], int] = {}
        self.globals: dict[str, Global] = {}
        self.at = start
        self.last_constant = -1
        self.room = FIRST_BUFFER
        self.low = self.limit = 0
        self.cost = 0
        self.kept = budget.limits.values
        self.flat: dict[str, Opaque] = {}

    def here(self) -> int:
        """The absolute offset of the next byte."""
        return self.base + self.pos

    def run(self) -> bool:
        """Execute until STOP; true if it was reached. Raises Broken, Exhausted or MemoFull."""
        skip_runs = self.reader.size - self.base >= RUN_FROM
        steps = self.budget.operations
        handlers = _HANDLERS
        stack, marks, memo = self.stack, self.marks, self.memo
        data = self.data
        pos = low = 0
        while steps > 0:
            steps -= 1
            if pos >= low:
                self.pos = pos
                self.refill()
                if skip_runs and stack and isinstance(stack[-1], Run):
                    steps -= self.skip_run(1)
                pos, data, low = self.pos, self.data, self.low
                if pos >= low:
                    continue
            opcode = data[pos]
            if opcode == 0x4B:  # BININT1
                stack.append(data[pos + 1])
                self.last_constant = self.base + pos
                pos += 2
            elif opcode == 0x71:  # BINPUT
                if len(stack) <= (marks[-1] if marks else 0):
                    raise Broken("nothing on the stack to memoize")
                memo.put(data[pos + 1], stack[-1], self.last_constant)
                pos += 2
            elif opcode == 0x68:  # BINGET
                self.pos = pos
                self.fetch(data[pos + 1])
                pos += 2
            elif opcode == 0x94:  # MEMOIZE
                if len(stack) <= (marks[-1] if marks else 0):
                    raise Broken("nothing on the stack to memoize")
                memo.memoize(stack[-1], self.last_constant)
                pos += 1
            elif opcode == 0x8C:  # SHORT_BINUNICODE
                end = pos + 2 + data[pos + 1]
                self.last_constant = self.base + pos
                self.pos = pos
                stack.append(self.text(data[pos + 2 : end]))
                pos = end
            elif opcode == 0x28:  # MARK
                marks.append(len(stack))
                pos += 1
                if skip_runs:
                    self.pos = pos
                    steps -= self.skip_run(RUN_LEAST)
                    pos = self.pos
            else:
                handler = handlers.get(opcode)
                self.pos = pos
                if handler is None:
                    raise Broken(f"0x{opcode:02x} is no opcode")
                self.at = self.base + pos
                self.last_constant = -1
                if handler(self, opcode):
                    self.budget.operations = steps
                    return True
                if opcode == 0x95 and skip_runs:  # FRAME: the pickler cuts long runs into frames
                    steps -= self.skip_run(1 if stack and isinstance(stack[-1], Run) else RUN_LEAST)
                steps -= self.cost
                self.cost = 0
                pos, data, low = self.pos, self.data, self.low
        self.pos = pos
        self.at = self.base + pos
        self.budget.operations = 0
        raise Exhausted("operations_floor")

    def refill(self) -> None:
        """Move the buffer on so that it begins at the next opcode."""
        offset = self.here()
        self.at = offset
        if len(self.stack) + len(self.marks) > self.budget.limits.stack:
            raise Exhausted("stack")
        self.data = self.reader.peek(offset, self.room)
        self.room = min(BUFFER, self.room * 4)
        self.base, self.pos = offset, 0
        if not self.data:
            raise Broken("the stream ends before STOP")
        self.limit = len(self.data)
        self.low = self.limit - REFILL
        if offset + self.limit >= self.reader.size:
            # An operand cut off by the end of the file reads as zeros here; the next refill notices that it was.
            self.low = self.limit
            self.data += bytes(REFILL)

    def skip_run(self, least: int) -> int:
        """Push a run of constants of at least `least` bytes as one value; gives what it costs in operations."""
        end = constant_run().match(self.data, self.pos, self.limit).end()  # type: ignore[union-attr] # may be empty
        size = end - self.pos
        if size < least:
            return 0
        run = Run(self.base + self.pos, self.base + end)
        self.stack.append(run)
        self.memo.skipped(run)
        self.pos = end
        return size >> 6

    # Operands

    def take(self, size: int) -> bytes:
        """The next `size` bytes behind the opcode and whatever was taken before; moves on."""
        if self.here() + size > self.reader.size:
            raise Broken("an operand reaches beyond the end")
        if self.pos + size <= len(self.data):
            taken = self.data[self.pos : self.pos + size]
            self.pos += size
            return taken
        taken = self.reader.read(self.here(), size)
        self.skip(size)
        return taken

    def skip(self, size: int) -> None:
        """Move on by `size` bytes, which must exist."""
        if self.here() + size > self.reader.size:
            raise Broken("an operand reaches beyond the end")
        self.pos += size
        if self.pos > len(self.data):
            self.base += self.pos
            self.pos = self.low = self.limit = 0
            self.data = b""

    def line(self) -> bytes:
        """The text operand up to the next line feed, which is taken too."""
        end = self.data.find(b"\n", self.pos)
        if end < 0 or self.base + end >= self.reader.size:
            rest = self.reader.peek(self.here(), LINE)
            end = rest.find(b"\n")
            if end < 0:
                raise Broken("a text operand has no end")
            self.skip(end + 1)
            self.cost += end >> 6
            return rest[:end]
        taken = self.data[self.pos : end]
        self.pos = end + 1
        return taken

    def text(self, raw: bytes) -> str:
        """Decode a unicode operand as the unpickler does."""
        try:
            return raw.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise Broken("a string operand is not UTF-8") from None

    def constant_at(self, offset: int) -> object:
        """Decode the constant whose opcode stands at `offset`; used for memo entries that keep only their place."""
        head = self.reader.peek(offset, 9 + SMALL)
        opcode = head[0]
        if opcode in COUNTED:
            _, width, kind = COUNTED[opcode]
            size = int.from_bytes(head[1 : 1 + width], "little")
            if size > SMALL:
                return Bulk(kind, offset + 1 + width, size)
            raw = head[1 + width : 1 + width + size]
            return (
                self.text(raw)
                if kind == "str"
                else int.from_bytes(raw, "little", signed=True)
                if kind == "int"
                else raw
            )
        return 0

    # Stack

    def pop(self) -> object:
        """Take the topmost value of the innermost mark's part of the stack."""
        stack = self.stack
        if len(stack) <= (self.marks[-1] if self.marks else 0):
            raise Broken("the stack is empty")
        value = stack.pop()
        if isinstance(value, Run):
            stack.extend(self.expand(value))
            return stack.pop()
        return value

    def top(self) -> object:
        """The topmost value, left where it is."""
        value = self.pop()
        self.stack.append(value)
        return value

    def pop_mark(self) -> list[object]:
        """Everything above the innermost mark, and the mark itself."""
        if not self.marks:
            raise Broken("there is no mark")
        start = self.marks.pop()
        values = self.stack[start:]
        del self.stack[start:]
        return values

    def expand(self, run: Run) -> list[object]:
        """The constants of a skipped run, one by one; needed when one of them is used and not just collected."""
        values: list[object] = []
        offset = run.start
        while offset < run.end:
            head = self.reader.peek(offset, 9)
            opcode = head[0]
            if opcode in COUNTED:
                width = COUNTED[opcode][1]
                values.append(self.constant_at(offset))
                offset += 1 + width + int.from_bytes(head[1 : 1 + width], "little")
                continue
            operand = head[1 : 1 + FIXED[opcode][1]]
            if opcode == 0x4E:
                values.append(None)
            elif opcode in (0x88, 0x89):
                values.append(opcode == 0x88)
            elif opcode == 0x47:
                values.append(unpack_from(">d", operand)[0])
            elif opcode not in (0x94, 0x71, 0x72):
                values.append(int.from_bytes(operand, "little", signed=opcode == 0x4A))
            offset += 1 + len(operand)
        self.cost += len(values)
        return values

    def expanded(self, values: list[object]) -> list[object]:
        """`values` with every run among them replaced by its constants."""
        if not any(isinstance(value, Run) for value in values):
            return values
        flat: list[object] = []
        for value in values:
            flat.extend(self.expand(value) if isinstance(value, Run) else (value,))
        return flat

    def fetch(self, key: int) -> None:
        """Push a memo entry."""
        try:
            self.stack.append(self.memo.get(key))
        except KeyError:
            raise Broken(f"memo entry {key} was never stored") from None
        self.last_constant = -1

    # Facts

    def facts(self) -> tuple[Fact, ...]:
        """Everything seen so far, by offset."""
        found: list[Fact] = list(self.oddities)
        found.extend(Import(name, how, at, raw, count) for (name, how), (at, raw, count) in self.imports.items())  # type: ignore[arg-type]
        for (name, mode, form), (arguments, at, raw, count) in self.calls.items():
            found.append(Call(name, mode, arguments, form, at, raw, count))  # type: ignore[arg-type]
        return tuple(sorted(found, key=_place))

    def excerpt(self) -> str:
        """The bytes that lead up to the present opcode and the opcode itself, as hexadecimal."""
        first = max(0, self.at - 23)
        return self.reader.peek(first, self.at + 1 - first).hex()

    def name(self, module: object, attribute: object, how: str) -> Global:
        """Import a global. Names that are not constants, or too long to be names, are computed while loading."""
        if isinstance(module, bytes):
            module = module.decode("latin-1")
        if isinstance(attribute, bytes):
            attribute = attribute.decode("latin-1")
        if not isinstance(module, str) or not isinstance(attribute, str) or len(module) + len(attribute) > NAME:
            expression = f"{describe(module)} . {describe(attribute)}"
            self.note(ComputedImport(expression, self.at, self.excerpt()))
            return Global("computed." + how.lower())
        return self.imported(f"{module}.{attribute}", how)

    def note(self, fact: Fact) -> None:
        """Keep a fact; raises Exhausted when no more fit."""
        if self.budget.facts <= 0:
            raise Exhausted("facts")
        self.budget.facts -= 1
        self.oddities.append(fact)

    def imported(self, dotted: str, how: str) -> Global:
        """Note that `dotted` is imported and give the value that stands for it."""
        entry = self.imports.get((dotted, how))
        if entry is None:
            if self.budget.facts <= 0:
                raise Exhausted("facts")
            self.budget.facts -= 1
            self.imports[dotted, how] = [self.at, self.excerpt(), 1]
        else:
            entry[2] += 1  # type: ignore[operator]
        value = self.globals.get(dotted)
        if value is None:
            value = self.globals[dotted] = Global(dotted)
        return value

    def call(self, name: str, mode: CallMode, arguments: object, form: str, *, plain_form: str = "") -> None:
        """Note a call; equal ones are counted, not repeated."""
        key = (name, mode, form)
        entry = self.calls.get(key)
        if entry is None and plain_form and self.shapes.get((name, mode), 0) >= SHAPES:
            key = (name, mode, plain_form)
            entry = self.calls.get(key)
        if entry is not None:
            entry[3] += 1  # type: ignore[operator]
            return
        if self.budget.facts <= 0:
            raise Exhausted("facts")
        self.budget.facts -= 1
        self.shapes[name, mode] = self.shapes.get((name, mode), 0) + 1
        self.calls[key] = [describe(arguments), self.at, self.excerpt(), 1]

    def apply(self, callee: object, arguments: object, mode: CallMode) -> object:
        """Call `callee`; gives the symbolic result. getattr on a global with a constant name gives that attribute."""
        name = callee_name(callee)
        form = arguments_shape(arguments)
        self.call(name, mode, arguments, form, plain_form=arguments_shape(arguments, text=False))
        if name in ("builtins.getattr", "__builtin__.getattr") and isinstance(arguments, tuple) and len(arguments) == 2:
            owner, attribute = arguments
            if isinstance(owner, Global) and isinstance(attribute, str):
                return self.imported(f"{owner.name}.{attribute}", "getattr")
        if self.kept <= 0:
            return Result(callee if isinstance(callee, Global) else Opaque("callable"), Opaque("arguments"))
        self.kept -= 1
        return Result(callee, arguments)

    def flattened(self, values: list[object]) -> tuple[object, ...]:
        """A tuple of `values`; once enough nested values are kept, those inside keep only their shape."""
        self.kept -= sum(map(is_composite, values)) + (len(values) >> 3)
        if self.kept > 0:
            return tuple(values)
        if len(values) > KEPT_ITEMS:
            return (Opaque("tuple", "constants" if all(map(is_constant, values)) else "@…"),)
        return tuple(self.flat_value(value) if is_composite(value) else value for value in values)

    def flat_value(self, value: object) -> Opaque:
        """The one shared stand-in for all values of this shape."""
        form = shape(value)
        if len(self.flat) > self.budget.limits.facts or len(form) > NAME:
            form = "@…"
        stand_in = self.flat.get(form)
        if stand_in is None:
            stand_in = self.flat[form] = Opaque(form.removeprefix("@"), form)
        return stand_in

    def grow(self, target: object, values: list[object], mode: CallMode) -> None:
        """Put values into a container: harmless for those made by the pickle itself, a method call for all others."""
        self.cost += len(values)
        if isinstance(target, Container):
            room = KEPT_ITEMS - len(target.items) if self.kept > 0 else 0
            plain = [value for value in values if not isinstance(value, Run)]
            if len(plain) < len(values):
                target.runs = (*target.runs, *(value for value in values if isinstance(value, Run)))
                if len(target.runs) > KEPT_ITEMS:
                    self.search_runs(target)
            target.more = target.more or len(plain) > room or len(plain) < len(values)
            target.constant = target.constant and all(map(is_constant, plain))
            if room > 0 and plain:
                target.items = (*target.items, *plain[:room])
                self.kept -= min(room, len(plain))
            if mode == "setitem":
                for key in plain[::2]:
                    if isinstance(key, str) and key.startswith("__") and len(target.dunder) < 8:
                        target.dunder = (*target.dunder, key)
            return
        self.call(class_name(target), mode, tuple(values[:4]), _growth_shape(values))

    def state_shape(self, state: object) -> str:
        """The shape of a BUILD state: `state` for attributes with ordinary names, else what is unusual about it."""
        if isinstance(state, Container) and state.kind == "dict":
            self.search_runs(state)
            return f"state with {', '.join(sorted(set(state.dunder)))}" if state.dunder else "state"
        if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], Container) and state[1].kind == "dict":
            slots = self.state_shape(state[1])
            return slots if state[0] is None else f"({self.state_shape(state[0])}, {slots})"
        return shape(state, text=False)

    def search_runs(self, container: Container) -> None:
        """Look for keys such as `__class__` in skipped runs, each of which is searched once."""
        runs, container.runs = container.runs, ()
        for run in runs:
            if b"__" not in self.reader.read(run.start, run.end - run.start):
                continue
            # Keys cannot be told from values without counting; a value that looks like such a key counts too.
            found = (value for value in self.expand(run) if isinstance(value, str) and value.startswith("__"))
            container.dunder = tuple(sorted({*container.dunder, *found}))[:8]


def _growth_shape(values: list[object]) -> str:
    return "constants" if all(isinstance(value, Run) or "@" not in shape(value) for value in values[:64]) else "@…"


def _place(fact: Fact) -> tuple[int, str]:
    return (getattr(fact, "offset", 0), type(fact).__name__)


# One function per family of opcodes. Each finds `machine.pos` at its opcode and leaves it behind the operand.


def _counted(machine: _Machine, opcode: int) -> None:
    _, width, kind = COUNTED[opcode]
    start = machine.here()
    machine.pos += 1
    size = int.from_bytes(machine.take(width), "little", signed=opcode in SIGNED_LENGTH)
    if size < 0:
        raise Broken("a length is negative")
    offset = machine.here()
    if size <= SMALL and (size <= 64 or len(machine.stack) < 50_000):
        raw = machine.take(size)
        value: object = raw
        if kind == "str":
            value = machine.text(raw)
        elif kind == "int":
            value = int.from_bytes(raw, "little", signed=True)
    else:
        raw = machine.reader.peek(offset, 8)
        machine.skip(size)
        value = Bulk(kind, offset, size)
    if kind == "bytes" and size >= 8 and raw.startswith(_PAYLOADS):
        if len(machine.payloads) >= PAYLOADS:
            raise Exhausted("facts")
        machine.payloads.append((offset, size))
    machine.last_constant = start
    machine.stack.append(value)


def _fixed_constant(machine: _Machine, opcode: int) -> None:
    start = machine.here()
    machine.pos += 1
    raw = machine.take(FIXED[opcode][1])
    value: object = None
    if opcode in (0x4A, 0x4D):
        value = int.from_bytes(raw, "little", signed=opcode == 0x4A)
    elif opcode == 0x47:
        value = unpack_from(">d", raw)[0]
    elif opcode in (0x88, 0x89):
        value = opcode == 0x88
    elif opcode == 0x29:
        value = ()
    machine.last_constant = start if isinstance(value, int | float) and not isinstance(value, bool) else -1
    machine.stack.append(value)


def _text_constant(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    raw = machine.line()
    try:
        if opcode == 0x49:
            value: object = {b"00": False, b"01": True}.get(raw)
            if value is None:
                value = int(raw, 0) if len(raw) <= 64 else Bulk("int", machine.at + 1, len(raw))
        elif opcode == 0x4C:
            digits = raw.removesuffix(b"L")
            value = int(digits, 0) if len(digits) <= 64 else Bulk("int", machine.at + 1, len(raw))
        elif opcode == 0x46:
            value = float(raw)
        elif opcode == 0x56:
            value = raw.decode("raw-unicode-escape")
        else:
            value = _python2_string(raw)
    except ValueError:
        raise Broken(f"the operand of {TEXT[opcode]} cannot be read") from None
    if isinstance(value, str | bytes) and len(value) > SMALL:
        value = Bulk(type(value).__name__, machine.at + 1, len(raw))
    machine.stack.append(value)


def _python2_string(raw: bytes) -> str:
    import codecs

    if len(raw) < 2 or raw[0] != raw[-1] or raw[0] not in b"'\"":
        raise Broken("a STRING operand is not in quotes")
    decoded, _ = codecs.escape_decode(raw[1:-1])
    return decoded.decode("latin-1")


def _empty(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    machine.stack.append(Container({0x5D: "list", 0x7D: "dict", 0x8F: "set"}[opcode]))


def _tuple(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    if opcode == 0x74:
        values = machine.pop_mark()
        if sum(value.end - value.start for value in values if isinstance(value, Run)) <= 4 * SMALL:
            values = machine.expanded(values)
        machine.stack.append(machine.flattened(values))
        return
    taken = [machine.pop() for _ in range(opcode - 0x84)]
    taken.reverse()
    machine.stack.append(machine.flattened(taken))


def _collect(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    values = machine.pop_mark()
    container = Container({0x6C: "list", 0x64: "dict", 0x91: "frozenset"}[opcode])
    machine.grow(container, values, "setitem" if opcode == 0x64 else "append")
    machine.stack.append(container)


def _grow_many(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    values = machine.pop_mark()
    target = machine.top()
    mode: CallMode = "append" if opcode == 0x65 else "setitem" if opcode == 0x75 else "additems"
    machine.grow(target, values, mode)


def _grow_one(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    value = machine.pop()
    if opcode == 0x61:
        machine.grow(machine.top(), [value], "append")
    else:
        key = machine.pop()
        machine.grow(machine.top(), [key, value], "setitem")


def _drop(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    fence = machine.marks[-1] if machine.marks else 0
    if opcode == 0x31:
        machine.pop_mark()
    elif opcode == 0x32:
        machine.stack.append(machine.top())
    elif len(machine.stack) > fence:
        machine.pop()
    elif machine.marks:
        # POP with nothing above the mark takes the mark away, in both unpicklers.
        machine.marks.pop()
    else:
        raise Broken("the stack is empty")


def _memo_get(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    machine.fetch(_memo_key(machine, opcode, 0x67))


def _memo_put(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    key = _memo_key(machine, opcode, 0x70)
    machine.memo.put(key, machine.top(), -1)


def _memo_key(machine: _Machine, opcode: int, text_opcode: int) -> int:
    if opcode != text_opcode:
        return int.from_bytes(machine.take(FIXED[opcode][1]), "little")
    try:
        key = int(machine.line()[:64])
    except ValueError:
        raise Broken("a memo key is not a number") from None
    if key < 0:
        raise Broken("a memo key is negative")
    return key


def _global(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    try:
        module, attribute = machine.line().decode("utf-8"), machine.line().decode("utf-8")
    except UnicodeDecodeError:
        raise Broken("the name of a global is not UTF-8") from None
    value = machine.name(module, attribute, TEXT[opcode])
    if opcode == 0x63:
        machine.stack.append(value)
        return
    arguments = tuple(machine.expanded(machine.pop_mark()))
    machine.stack.append(machine.apply(value, arguments, "call"))


def _stack_global(machine: _Machine, _: int) -> None:
    machine.pos += 1
    attribute, module = machine.pop(), machine.pop()
    machine.stack.append(machine.name(module, attribute, "STACK_GLOBAL"))


def _extension(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    code = int.from_bytes(machine.take(FIXED[opcode][1]), "little", signed=opcode == 0x84)
    expression = f"extension {code} of the loader's copyreg registry"
    machine.note(ComputedImport(expression, machine.at, machine.excerpt()))
    machine.stack.append(Global(f"copyreg.extension_{code}"))


def _reduce(machine: _Machine, _: int) -> None:
    machine.pos += 1
    arguments, callee = machine.pop(), machine.pop()
    machine.stack.append(machine.apply(callee, arguments, "call"))


def _new(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    keywords = machine.pop() if opcode == 0x92 else None
    arguments, callee = machine.pop(), machine.pop()
    if keywords is not None and isinstance(arguments, tuple) and not _is_empty(keywords):
        arguments = (*arguments, keywords)
    machine.stack.append(machine.apply(callee, arguments, "new"))


def _is_empty(value: object) -> bool:
    return isinstance(value, Container) and not value.items and not value.more


def _object(machine: _Machine, _: int) -> None:
    machine.pos += 1
    values = machine.expanded(machine.pop_mark())
    if not values:
        raise Broken("OBJ without a class")
    machine.stack.append(machine.apply(values[0], tuple(values[1:]), "call"))


def _build(machine: _Machine, _: int) -> None:
    machine.pos += 1
    state, target = machine.pop(), machine.top()
    form = machine.state_shape(state)
    if isinstance(target, Global):
        form = f"on the global itself: {form}"
    machine.call(class_name(target), "build", state, form)


def _persistent(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    if opcode == 0x50:
        pid: object = machine.line().decode("latin-1")
    else:
        pid = machine.pop()
    form = arguments_shape(pid, text=False)
    if isinstance(pid, tuple) and pid and isinstance(pid[0], str):
        form = form.replace("(str", "(" + shape(pid[0]), 1)
    machine.call("persistent_load", "persistent", pid, form)
    _note_storage(machine, pid)
    machine.kept -= 1
    machine.stack.append(Persistent(pid if machine.kept > 0 else Opaque("id")))


def _note_storage(machine: _Machine, pid: object) -> None:
    """Torch: ('storage', class, key, location, number of elements[, view])."""
    if not isinstance(pid, tuple) or len(pid) not in (5, 6) or pid[0] != "storage":
        return
    kind, key, elements = pid[1], pid[2], pid[4]
    if not (isinstance(kind, Global) and isinstance(key, str) and isinstance(elements, int)):
        return
    if machine.storages.setdefault(key, (kind.name, elements)) != (kind.name, elements):
        machine.note(Oddity("storage-twice", f"storage {key[:100]!r} is asked for in two ways", machine.at))


def _protocol(machine: _Machine, _: int) -> None:
    machine.pos += 1
    version = machine.take(1)[0]
    if version > 5:
        raise Broken(f"protocol {version} does not exist")
    machine.protocol = max(machine.protocol, version)


def _frame(machine: _Machine, _: int) -> None:
    machine.pos += 1
    size = int.from_bytes(machine.take(8), "little")
    if size > machine.reader.size - machine.here():
        machine.note(Oddity("frame-beyond-end", f"a frame of {size} bytes", machine.at))


def _buffer(machine: _Machine, opcode: int) -> None:
    machine.pos += 1
    if opcode == 0x97:
        machine.note(Oddity("out-of-band-buffer", "the loader must supply a buffer", machine.at))
        machine.stack.append(Bulk("bytes", machine.at, 0))
    else:
        machine.top()


def _stop(machine: _Machine, _: int) -> bool:
    machine.pos += 1
    machine.pop()
    return True


_HANDLERS = {
    **dict.fromkeys(COUNTED, _counted),
    **dict.fromkeys((0x4A, 0x4D, 0x47, 0x4E, 0x88, 0x89, 0x29), _fixed_constant),
    **dict.fromkeys((0x46, 0x49, 0x4C, 0x53, 0x56), _text_constant),
    **dict.fromkeys((0x5D, 0x7D, 0x8F), _empty),
    **dict.fromkeys((0x74, 0x85, 0x86, 0x87), _tuple),
    **dict.fromkeys((0x6C, 0x64, 0x91), _collect),
    **dict.fromkeys((0x65, 0x75, 0x90), _grow_many),
    **dict.fromkeys((0x61, 0x73), _grow_one),
    **dict.fromkeys((0x30, 0x31, 0x32), _drop),
    **dict.fromkeys((0x67, 0x6A), _memo_get),
    **dict.fromkeys((0x70, 0x72), _memo_put),
    **dict.fromkeys((0x63, 0x69), _global),
    0x93: _stack_global,
    **dict.fromkeys((0x82, 0x83, 0x84), _extension),
    0x52: _reduce,
    **dict.fromkeys((0x81, 0x92), _new),
    0x6F: _object,
    0x62: _build,
    **dict.fromkeys((0x50, 0x51), _persistent),
    0x80: _protocol,
    0x95: _frame,
    **dict.fromkeys((0x97, 0x98), _buffer),
    0x2E: _stop,
}
