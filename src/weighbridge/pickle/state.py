"""The state of the symbolic pickle machine: stack, marks, memo, operands, and the facts gathered so far.

Stack, marks and memo are kept as CPython's unpickler keeps them (`Modules/_pickle.c`), with symbolic values in place
of objects. Everything is bounded by the budget of the file.
"""

from __future__ import annotations

from struct import unpack_from

from weighbridge.core.facts import Call, ComputedImport, Import, Oddity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pickle.constants import ENCODED, constant_of
from weighbridge.pickle.listing import listing
from weighbridge.pickle.memo import Memo
from weighbridge.pickle.opcodes import COUNTED, FIXED, constant_run, tuple_run
from weighbridge.pickle.values import (
    Bulk,
    Global,
    Opaque,
    Result,
    Run,
    arguments_shape,
    callee_name,
    describe,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.facts import CallMode, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.pickle.machine import Program
    from weighbridge.pickle.trace import Trace

FIRST_BUFFER = 4 * 1024
BUFFER = 256 * 1024
"""Bytes of the stream in memory at a time: few at first, because a file may be many small pickles in a row."""
REFILL = 512
"""Fewer bytes than this left in the buffer: it is moved on, so that short operands never straddle its end."""
LINE = 1024 * 1024
"""Bytes of the longest text operand."""
SHORT_FRAME = 4
"""Bytes of the shortest frame that a pickler writes (`_FRAME_SIZE_MIN` of CPython's Lib/pickle.py)."""
SHAPES = 256
"""Different argument shapes kept for one callable; further ones are folded with their strings left out."""


MAKERS = ("copyreg._reconstructor", "copy_reg._reconstructor", "copyreg.__newobj__", "copy_reg.__newobj__")
"""Functions that give an object of the class that is their first argument (CPython, Lib/copyreg.py)."""
TEXTS = 5_000
"""Texts of one stream that are looked into because they begin like an encoded object."""
NAME = 1024
"""Characters of the longest dotted name that is believed to be one."""


class Broken(Exception):
    """The stream cannot be followed further; the unpickler would stop here too."""


class Exhausted(Exception):
    """A limit was reached: the unpickler would go on, the machine does not."""


class _Seen:
    """The first time that something was seen, and how often since."""

    __slots__ = ("arguments", "at", "excerpt", "opcodes", "times")

    def __init__(self, arguments: str, at: int, excerpt: str, opcodes: str) -> None:
        self.arguments = arguments
        self.at = at
        self.excerpt = excerpt
        self.opcodes = opcodes
        self.times = 1


class Machine:
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
        self.texts: list[tuple[int, int]] = []
        self.storages: dict[str, tuple[str, int]] = {}
        self.arrays: list[tuple[int, int]] = []
        self.value: object = None
        self.nested: Callable[[Reader, int, Budget], Program] | None = None
        self.trace: Trace | None = None
        self.imports: dict[tuple[str, str], _Seen] = {}
        self.calls: dict[tuple[str, CallMode, str], _Seen] = {}
        self.shapes: dict[tuple[str, str], int] = {}
        self.globals: dict[str, Global] = {}
        self.at = self.anchor = start
        self.last_constant = self.constant_before = self.run_end = -1
        self.room = FIRST_BUFFER
        self.low = self.limit = 0
        self.frame_end = self.cut_at = -1
        self.cost = 0
        self.kept = budget.limits.values
        self.flat: dict[str, Opaque] = {}
        self.weights: dict[int, tuple[object, int]] = {}
        self.heaviest = 1_000_000 + budget.limits.sharing * reader.size

    def here(self) -> int:
        """The absolute offset of the next byte."""
        return self.base + self.pos

    def refill(self) -> None:
        """Move the buffer on so that it begins at the next opcode; only look at the frame if that is all that ended."""
        offset = self.here()
        self.at = offset
        if len(self.stack) + len(self.marks) > self.budget.limits.stack:
            raise Exhausted("stack")
        if 0 <= self.frame_end <= offset:
            if offset > self.frame_end:
                self.cut()
            self.frame_end = -1
            if self.pos < self._fresh_until():
                self._bound()
                return
        self.data = self.reader.peek(offset, self.room)
        self.room = min(BUFFER, self.room * 4)
        self.base, self.pos = offset, 0
        if not self.data:
            raise Broken("the stream ends before STOP")
        if offset + len(self.data) >= self.reader.size:
            # An operand cut off by the end of the file reads as zeros here; the next refill notices that it was.
            self.data += bytes(REFILL)
        self._bound()

    def _fresh_until(self) -> int:
        """Where in the buffer the next opcode needs more of the stream; both ways `REFILL` bytes are behind it."""
        return len(self.data) - REFILL

    def _bound(self) -> None:
        """Set `limit`, the end of what was read, and `low`, where to refill; the frame may end before both."""
        self.low = self._fresh_until()
        self.limit = min(len(self.data), self.reader.size - self.base)
        if self.frame_end >= 0:
            end = self.frame_end - self.base
            self.low, self.limit = min(self.low, end), min(self.limit, end)

    def frame(self, size: int) -> None:
        """A frame of `size` bytes begins here. One that lies inside another changes nothing for the unpickler in C."""
        start, end = self.here(), self.here() + size
        if size < SHORT_FRAME:
            self.note(Oddity("frame-short", f"a frame of {size} bytes", self.at))
        if start < self.frame_end:
            self.note(Oddity("frame-nested", "a frame begins inside of another", self.at))
        if self.frame_end >= 0 and (start > self.frame_end or start < self.frame_end < end):
            self.cut()
        self.frame_end = max(self.frame_end, end)
        self._bound()

    def leave_frame(self) -> None:
        """What follows is read from the file itself: a frame must not have anything left."""
        if self.frame_end > self.here():
            self.cut()
        self.frame_end = -1
        self._bound()

    def cut(self) -> None:
        """Note that an opcode crosses the end of its frame.

        The unpickler written in Python stops there. The one written in C reads on behind the operand, or, from a file
        without `peek`, drops the rest of the frame and takes the operand from behind it: other opcodes altogether.
        """
        if self.cut_at < 0:
            self.cut_at = self.frame_end
            detail = "an opcode crosses the end of its frame: loaders disagree"
            self.oddities.append(Oddity("frame-cut", detail, self.frame_end))

    def skip_run(self, least: int) -> int:
        """Push a run of constants of at least `least` bytes as one value; gives what it costs in operations."""
        end = constant_run().match(self.data, self.pos, self.limit).end()  # type: ignore[union-attr] # may be empty
        if end < self.limit and self.data[end] in (0x85, 0x86, 0x87):
            # These constants become a tuple: it is skipped whole, with those that follow, or not at all.
            end = tuple_run().match(self.data, self.pos, self.limit).end()  # type: ignore[union-attr] # same
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
        """The text operand up to the next line feed, which is taken too.

        At the end of the file unpicklers take what is left without looking, and drop its last byte.
        """
        end = self.data.find(b"\n", self.pos)
        if end < 0 or self.base + end >= self.reader.size:
            rest = self.reader.peek(self.here(), LINE)
            end = rest.find(b"\n")
            if end < 0 and rest and self.here() + len(rest) >= self.reader.size:
                end = len(rest) - 1
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
        try:
            return constant_of(self.reader.peek(offset, ENCODED), offset)
        except ValueError:
            raise Broken("a constant cannot be read") from None

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
        """The topmost value, left where it is. If it ends a run, `last_constant` becomes its place."""
        run = self.stack[-1] if self.stack else None
        value = self.pop()
        self.stack.append(value)
        if isinstance(run, Run):
            self.last_constant = self.constant_before = self.run_end
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
        self.run_end = -1
        while offset < run.end:
            head = self.reader.peek(offset, 9)
            opcode = head[0]
            if opcode not in (0x94, 0x71, 0x72):
                self.run_end = -1 if opcode in (0x85, 0x86, 0x87) else offset
            if opcode in COUNTED:
                width = COUNTED[opcode][1]
                values.append(self.constant_at(offset))
                offset += 1 + width + int.from_bytes(head[1 : 1 + width], "little")
                continue
            operand = head[1 : 1 + FIXED[opcode][1]]
            if opcode in (0x85, 0x86, 0x87):
                count = opcode - 0x84
                values[-count:] = [tuple(values[-count:])]
            elif opcode == 0x4E:
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

    def encoded(self, offset: int, size: int) -> None:
        """Note a text that begins like an encoded object. There are only so many that are looked into."""
        if len(self.texts) >= TEXTS:
            raise Exhausted("facts")
        self.texts.append((offset, size))

    # Facts

    def facts(self) -> tuple[Fact, ...]:
        """Everything seen so far, by offset."""
        found: list[Fact] = list(self.oddities)
        for (name, how), seen in self.imports.items():
            found.append(Import(name, how, seen.at, seen.excerpt, seen.times, seen.opcodes))
        for (name, mode, form), seen in self.calls.items():
            found.append(Call(name, mode, seen.arguments, form, seen.at, seen.excerpt, seen.times, seen.opcodes))
        return tuple(sorted(found, key=_place))

    def excerpt(self) -> str:
        """The bytes that lead up to the present opcode and the opcode itself, as hexadecimal."""
        first = max(0, self.at - 23)
        return self.reader.peek(first, self.at + 1 - first).hex()

    def opcodes(self) -> str:
        """The last opcodes up to the present one, if the last import or the start is near."""
        return listing(self.reader, self.anchor, self.at)

    def name(self, module: object, attribute: object, how: str) -> Global:
        """Import a global. Names that are not constants, or too long to be names, are computed while loading."""
        if isinstance(module, bytes):
            module = module.decode("latin-1")
        if isinstance(attribute, bytes):
            attribute = attribute.decode("latin-1")
        if not isinstance(module, str) or not isinstance(attribute, str) or len(module) + len(attribute) > NAME:
            expression = f"{describe(module)} . {describe(attribute)}"
            self.note(ComputedImport(expression, self.at, self.excerpt(), self.opcodes()))
            return Global("computed." + how.lower())
        return self.imported(f"{module}.{attribute}", how)

    def note(self, fact: Fact) -> None:
        """Keep a fact; raises Exhausted when no more fit."""
        if self.budget.facts <= 0:
            raise Exhausted("facts")
        self.budget.facts -= 1
        self.oddities.append(fact)
        if self.trace is not None:
            self.trace.remark(self.at, getattr(fact, "detail", "") or getattr(fact, "expression", ""))

    def imported(self, dotted: str, how: str) -> Global:
        """Note that `dotted` is imported and give the value that stands for it."""
        entry = self.imports.get((dotted, how))
        if entry is None:
            if self.budget.facts <= 0:
                raise Exhausted("facts")
            self.budget.facts -= 1
            self.imports[dotted, how] = _Seen("", self.at, self.excerpt(), self.opcodes())
        else:
            entry.times += 1
        self.anchor = self.at
        if self.trace is not None:
            self.trace.imported(self.at, dotted, how)
        value = self.globals.get(dotted)
        if value is None:
            value = self.globals[dotted] = Global(dotted)
        return value

    def call(self, name: str, mode: CallMode, arguments: object, form: str) -> None:
        """Note a call; equal ones are counted, not repeated. `form` is the shape of the arguments."""
        key = (name, mode, form)
        entry = self.calls.get(key)
        if entry is None and mode in ("call", "new") and self.shapes.get((name, mode), 0) >= SHAPES:
            key = (name, mode, arguments_shape(arguments, text=False))
            entry = self.calls.get(key)
        if entry is not None:
            entry.times += 1
            return
        if self.budget.facts <= 0:
            raise Exhausted("facts")
        self.budget.facts -= 1
        self.shapes[name, mode] = self.shapes.get((name, mode), 0) + 1
        self.calls[key] = _Seen(describe(arguments), self.at, self.excerpt(), self.opcodes())

    def apply(self, callee: object, arguments: object, mode: CallMode) -> object:
        """Call `callee`; gives the symbolic result. getattr on a global with a constant name gives that attribute."""
        name = callee_name(callee)
        self.call(name, mode, arguments, arguments_shape(arguments))
        result = self._result(name, callee, arguments)
        if self.trace is not None:
            self.trace.called(self.at, callee, arguments, mode, result)
        return result

    def _result(self, name: str, callee: object, arguments: object) -> object:
        if name in ("builtins.getattr", "__builtin__.getattr") and isinstance(arguments, tuple) and len(arguments) == 2:
            owner, attribute = arguments
            if isinstance(attribute, bytes):
                attribute = attribute.decode("latin-1")
            if isinstance(owner, Global) and isinstance(attribute, str):
                return self.imported(f"{owner.name}.{attribute}", "getattr")
        if name == "dill._dill._load_type" and arguments in (("set",), ("frozenset",)):
            return self.imported(f"builtins.{arguments[0]}", "dill")
        if name in MAKERS and isinstance(arguments, tuple) and arguments and isinstance(arguments[0], Global):
            callee = arguments[0]
        if name == "_codecs.encode" and isinstance(arguments, tuple) and len(arguments) == 2:
            # How bytes are written under protocol 2 and older (Modules/_pickle.c, save_bytes).
            text = arguments[0]
            if isinstance(text, Bulk):
                return Bulk("bytes", text.offset, text.size)
            if isinstance(text, str) and arguments[1] in ("latin1", "latin-1"):
                return text.encode("latin-1", "replace")
        if self.kept <= 0:
            return Result(callee if isinstance(callee, Global) else Opaque("callable"), Opaque("arguments"))
        self.kept -= 1
        return Result(callee, arguments)


def _place(fact: Fact) -> tuple[int, str]:
    return (getattr(fact, "offset", 0), type(fact).__name__)
