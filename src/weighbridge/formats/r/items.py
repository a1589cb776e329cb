"""The items of a serialized value of R, one after the other, with a stack of what is still to come.

Every function that code inside the value calls is told once for each kind of code; names of variables are not. Of the
order of the items see `formats/r/data.py`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Reference, Span
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import spans_of
from weighbridge.formats.r.calls import COMPUTED, HOOKS, NAME, SHOWN, Called, Place, Scope
from weighbridge.formats.texts.embedded import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.r.stream import Source

SYMBOL, PAIRS, CLOSURE, ENVIRONMENT, PROMISE, CALL, SPECIAL, BUILTIN, STRING = range(1, 10)
DOTS, STRINGS, LISTS, EXPRESSIONS, CODE, POINTER, WEAK, BYTES, S4 = 17, 16, 19, 20, 21, 22, 23, 24, 25
REFERENCE, PERSISTENT, PACKAGE, NAMESPACE, COMPACT = 255, 243, 250, 249, 238
SHARED, SHARED_USE, CALL_WITH, PAIRS_WITH = 244, 243, 240, 239
UNBOUND = 252
_WIDTHS = {10: 4, 13: 4, 14: 8, 15: 16}
_CONSTANTS = frozenset((254, 253, 252, 251, 247, 242, 241))
_NODES = frozenset((PAIRS, CLOSURE, PROMISE, CALL, DOTS))
_PARTS = frozenset((CALL, PAIRS, SHARED, SHARED_USE, CALL_WITH, PAIRS_WITH))
ATTRIBUTES, TAG, ACTIVE = 1 << 9, 1 << 10, 1 << 27
"""Bits of the flags; the last is the level that marks a binding which calls a function."""
LARGE = 1024
"""Bytes from which on a vector of numbers counts as data; the ranges of smaller ones would cost more than they say."""
RANGES = 50_000
NESTING = 100_000
"""Tasks that may wait: three for each level, and R itself does not come back from some ten thousand."""
LONGEST_NAME = 64
"""Characters of a symbol that are remembered: no function that is known has as many."""


class Items:
    """Reads one value. `label` and `kind` are those of the item that was finished last."""

    __slots__ = (
        "_budget",
        "_data",
        "_facts",
        "_kind",
        "_label",
        "_over",
        "_refs",
        "_seen",
        "_source",
        "_tasks",
        "_top",
        "_workspace",
        "stopped",
    )

    def __init__(self, source: Source, budget: Budget, *, workspace: bool) -> None:
        self._source = source
        self._budget = budget
        self._workspace = workspace
        self._tasks: list[Callable[[], None]] = []
        self._refs: list[str] = []
        self._data: list[tuple[int, int]] = []
        self._facts: list[Fact | Child] = []
        self._seen: set[tuple[str, str, str]] = set()
        self._label = ""
        self._kind = 0
        self._top = ""
        self._over = False
        self.stopped = False

    def walk(self) -> Iterator[Fact | Child]:
        """The facts of the whole value."""
        place = Place(Scope("value", 0), top=self._workspace)
        self._tasks.append(lambda: self._item(place))
        while self._tasks:
            self._tasks.pop()()
            if self._facts:
                yield from self._facts
                self._facts.clear()
            if len(self._tasks) > NESTING:
                raise FormatError("values are nested too deeply", self._source.cursor.place)
            if len(self._refs) > self._budget.limits.stack:
                yield Limit("stack", self._budget.limits.stack, self._source.cursor.place)
                self.stopped = True
                return
        if self._over:
            yield Limit("facts", self._budget.limits.facts)

    def spans(self, end: int) -> Iterator[Span]:
        """What was read: large vectors of numbers as data, the rest as parsed."""
        return spans_of(self._data, end)

    def _then(self, *tasks: Callable[[], None]) -> None:
        """These are next, in this order."""
        self._tasks.extend(reversed(tasks))

    def _done(self, kind: int, label: str = "") -> None:
        self._kind = kind
        self._label = label

    def _tell(self, road: str, name: str, key: str, arguments: str, offset: int) -> None:
        """Keep one reference of each road, name and key."""
        if (road, name, key) in self._seen and road not in ("r-closure", "r-bytecode"):
            return
        if self._budget.facts <= 0:
            self._over = True
            return
        self._budget.facts -= 1
        self._seen.add((road, name, key))
        self._facts.append(Reference(road, name[:200], key[:200], arguments, offset))

    def _item(self, at: Place) -> None:
        source = self._source
        offset = source.cursor.place
        flags = source.integer()
        kind = flags & 0xFF
        if kind in _NODES:
            self._node(kind, flags, offset, at)
            return
        attributes = bool(flags & ATTRIBUTES)
        plain = Place(at.scope if at.scope.kind != "value" else Scope("value", offset))
        if kind == STRINGS:
            self._strings(attributes, plain)
        elif kind == STRING:
            self._done(STRING, self._string())
            self._attributes(attributes, plain)
        elif kind in _WIDTHS:
            count = source.length()
            start, size = source.numbers(count, _WIDTHS[kind])
            if size >= LARGE and len(self._data) < RANGES:
                self._data.append((start, size))
            self._done(kind)
            self._attributes(attributes, plain)
        elif kind == BYTES:
            self._bytes(offset)
            self._attributes(attributes, plain)
        elif kind in (LISTS, EXPRESSIONS):
            inner = at if at.frame else Place(Scope("language", offset) if kind == EXPRESSIONS else plain.scope)
            self._attributes(attributes, plain)
            self._many(source.length(), lambda: self._item(inner))
        elif kind == SYMBOL:
            self._then(lambda: self._item(Place(at.scope)), self._symbol)
        elif kind == REFERENCE:
            index = flags >> 8 or source.integer()
            if not 0 < index <= len(self._refs):
                raise FormatError(f"there is no value {index} to refer to", offset)
            name = self._refs[index - 1]
            self._done(SYMBOL if name else REFERENCE, name)
        elif kind in _CONSTANTS:
            self._done(kind)
        elif kind == ENVIRONMENT:
            self._environment(offset)
        elif kind in (BUILTIN, SPECIAL):
            name = source.text(self._size(source.integer(), 200)).decode("utf-8", "replace")
            self._done(BUILTIN, name)
            self._tell("r-call", name, "primitive", "", offset)
            self._attributes(attributes, plain)
        elif kind == S4:
            self._done(S4)
            self._attributes(attributes, plain)
        elif kind in (POINTER, WEAK):
            self._refs.append("")
            self._attributes(attributes, plain)
            if kind == POINTER:
                self._tell("r-external", "pointer", self._top, "", offset)
                self._then(lambda: self._item(plain), lambda: self._item(plain))
        elif kind in (PERSISTENT, NAMESPACE, PACKAGE):
            self._named(kind, offset)
        elif kind == COMPACT:
            self._compact(offset, plain)
        elif kind == CODE:
            self._code(attributes, offset, at, plain)
        else:
            raise FormatError(f"there is no type {kind}", offset)

    def _attributes(self, there: bool, at: Place) -> None:
        """Attributes follow the value; the label stays that of the value."""
        if there:
            self._then(lambda: self._item(at))

    def _many(self, count: int, task: Callable[[], None]) -> None:
        def step() -> None:
            nonlocal count
            if count:
                count -= 1
                self._tasks.append(step)
                task()
            else:
                self._done(LISTS)

        self._tasks.append(step)

    def _node(self, kind: int, flags: int, offset: int, at: Place) -> None:
        """Pairs and everything that is built of two."""
        scope = at.scope
        beside = Place(scope)
        tasks: list[Callable[[], None]] = []
        if flags & ATTRIBUTES:
            tasks.append(lambda: self._item(beside))
        if flags & TAG:
            tasks.append(lambda: self._item(beside))
        else:
            tasks.append(lambda: self._done(0))
        if kind == CALL:
            tasks.extend(self._call_tasks(self._item, at, offset))
        elif kind == CLOSURE:
            inner = Scope("closure", offset)
            inside = Place(inner)
            tasks += [lambda: self._item(inside), lambda: self._item(inside), lambda: self._closed(inner, at)]
        elif kind == PROMISE:
            tasks += [lambda: self._item(beside), lambda: self._promise(offset, at)]
        else:
            tasks.append(lambda: self._pair(flags, offset, at))
        self._then(*tasks)

    def _call_tasks(self, read: Callable[[Place], None], at: Place, offset: int) -> list[Callable[[], None]]:
        """The tasks that read a call behind its tag: the function, the arguments, what follows from both."""
        scope = at.scope if at.scope.kind != "value" else Scope("language", offset)
        call = Called(scope, offset, at.call)

        def head() -> None:
            named = self._kind in (SYMBOL, BUILTIN, STRING, STRINGS) or (self._kind == CALL and "(" not in self._label)
            call.head = self._label if named and self._label else COMPUTED

        return [
            lambda: read(Place(scope, Called(scope, offset))),
            head,
            lambda: read(Place(scope, call)),
            lambda: self._called(call),
        ]

    def _pair(self, flags: int, offset: int, at: Place) -> None:
        """The tag was read: the first, then the rest, which is one more pair and no deeper."""
        tag = self._label if self._kind == SYMBOL else ""
        if at.top:
            self._top = tag
            if tag in HOOKS:
                self._tell("r-hook", tag, "", "", offset)
        if at.frame and flags & ACTIVE:
            self._tell("r-active", tag, self._top, "", offset)
        first = Place(at.scope, at.call, frame=at.frame)

        def seen() -> None:
            if tag == "package" and self._kind in (STRING, STRINGS):
                self._tell("r-package", self._label, "class", "", offset)
            if at.call is not None:
                self._argument(at.call)

        self._then(lambda: self._item(first), seen, lambda: self._item(at))

    def _argument(self, call: Called) -> None:
        """An argument of a call was read."""
        label = self._label
        if len(call.arguments) < SHOWN:
            call.arguments.append(label)
        if not call.head or call.qualified:
            return
        if self._kind in (SYMBOL, STRING, STRINGS, BUILTIN):
            if call.indirect and NAME.fullmatch(label):
                self._calls(call, label)
            elif NAME.fullmatch(label):
                self._tell("r-argument", label, call.through(), call.scope.kind, call.offset)
        elif self._kind == CALL and call.indirect:
            self._calls(call, COMPUTED)

    def _calls(self, call: Called, name: str) -> None:
        call.scope.calls(name)
        self._tell("r-call", name, call.scope.kind, call.shown(), call.offset)

    def _called(self, call: Called) -> None:
        """A call was read to its end."""
        if call.qualified:
            self._done(CALL, f"{call.arguments[0]}::{call.arguments[1]}")
            return
        self._calls(call, call.head)
        self._done(CALL, f"{call.head}()")

    def _closed(self, scope: Scope, at: Place) -> None:
        self._tell("r-closure", self._top or "function", at.scope.kind, scope.listed(), scope.offset)
        self._done(CLOSURE, "function()")

    def _promise(self, offset: int, at: Place) -> None:
        """The value of a promise was read, and its expression follows: it counts if there is no value yet."""
        waiting = self._kind == UNBOUND
        scope = Scope("promise" if waiting else "forced", offset)

        def told() -> None:
            kind = {CALL: "call", CODE: "bytecode", SYMBOL: "symbol", PROMISE: "promise"}.get(self._kind, "constant")
            if waiting:
                self._tell("r-promise", kind, "bound" if at.frame else "loose", scope.listed(), offset)
            self._done(PROMISE)

        self._then(lambda: self._item(Place(scope)), told)

    def _environment(self, offset: int) -> None:
        self._source.integer()
        self._refs.append("")
        plain, frame = Place(Scope("value", offset)), Place(Scope("value", offset), frame=True)
        self._then(
            lambda: self._item(plain),
            lambda: self._item(frame),
            lambda: self._item(frame),
            lambda: self._item(plain),
            lambda: self._done(ENVIRONMENT),
        )

    def _named(self, kind: int, offset: int) -> None:
        if self._source.integer() != 0:
            raise FormatError("a reference by name has names of its own", offset)
        names = [self._element() for _ in range(self._size(self._source.integer(), 1000))]
        self._refs.append("")
        road = "r-persistent" if kind == PERSISTENT else "r-package"
        self._tell(road, names[0] if names else "", "namespace" if kind == NAMESPACE else "package", "", offset)
        self._done(kind)

    def _compact(self, offset: int, plain: Place) -> None:
        """A vector that keeps a recipe: its class, the package that brings it, and the state to begin with."""
        info = Called(plain.scope, offset)

        def told() -> None:
            names = [*info.arguments, "", ""]
            self._tell("r-altrep", f"{names[1]}::{names[0]}", self._top, "", offset)

        self._then(
            lambda: self._item(Place(plain.scope, info)),
            told,
            lambda: self._item(plain),
            lambda: self._item(plain),
            lambda: self._done(COMPACT),
        )

    def _code(self, attributes: bool, offset: int, at: Place, plain: Place) -> None:
        self._size(self._source.integer(), 1 << 24)
        scope = at.scope if at.scope.kind in ("closure", "promise") else Scope("bytecode", offset)

        def told() -> None:
            self._tell("r-bytecode", self._top or "function", at.scope.kind, scope.listed(), offset)
            self._done(CODE)

        self._then(lambda: self._program(scope, offset), told)
        if attributes:
            self._then_last(plain)

    def _then_last(self, plain: Place) -> None:
        """Attributes of bytecode stand behind all of it: below the two tasks that were just put on the stack."""
        self._tasks.insert(len(self._tasks) - 2, lambda: self._item(plain))

    def _program(self, scope: Scope, offset: int) -> None:
        """Instructions, then constants."""
        place = Place(scope)

        def constant() -> None:
            kind = self._source.integer()
            if kind == CODE:
                self._program(scope, offset)
            elif kind in _PARTS:
                self._part(kind, place)
            else:
                self._then(lambda: self._item(place), symbol)

        def symbol() -> None:
            if self._kind == SYMBOL and self._label:
                self._tell("r-call", self._label, "bytecode", "", offset)
                if scope.kind != "closure":
                    scope.calls(self._label)

        def constants() -> None:
            self._many(self._size(self._source.integer(), 1 << 24), constant)

        self._then(lambda: self._item(place), constants)

    def _part(self, kind: int, at: Place) -> None:
        """A call or pairs among the constants of bytecode."""
        offset = self._source.cursor.place
        if kind == SHARED_USE:
            self._source.integer()
            self._done(CALL)
            return
        if kind == SHARED:
            self._source.integer()
            kind = self._source.integer()
        if kind not in (CALL, PAIRS, CALL_WITH, PAIRS_WITH):
            raise FormatError(f"there is no constant of the type {kind}", offset)
        beside = Place(at.scope)
        tasks: list[Callable[[], None]] = []
        if kind in (CALL_WITH, PAIRS_WITH):
            tasks.append(lambda: self._item(beside))
        tasks.append(lambda: self._item(beside))
        if kind in (CALL, CALL_WITH):
            tasks += self._call_tasks(self._any_part, at, offset)
        else:

            def seen() -> None:
                if at.call is not None:
                    self._argument(at.call)

            tasks += [lambda: self._any_part(at), seen, lambda: self._any_part(at)]
        self._then(*tasks)

    def _any_part(self, at: Place) -> None:
        kind = self._source.integer()
        if kind in _PARTS:
            self._part(kind, at)
        else:
            self._item(at)

    def _symbol(self) -> None:
        if self._kind != STRING:
            raise FormatError("the name of a symbol is no string", self._source.cursor.place)
        self._refs.append(self._label[:LONGEST_NAME])
        self._done(SYMBOL, self._label)

    def _string(self) -> str:
        size = self._source.integer()
        if size == -1:
            return "NA"
        return self._source.text(self._size(size, 1 << 31)).decode("utf-8", "replace")

    def _element(self) -> str:
        place = self._source.cursor.place
        flags = self._source.integer()
        if flags & 0xFF != STRING or flags & ATTRIBUTES:
            raise FormatError("an element of a character vector is no string", place)
        return self._string()

    def _strings(self, attributes: bool, plain: Place) -> None:
        count = self._source.length()
        first = ""
        for index in range(count):
            text = self._element()
            first = first if index else text
        self._done(STRINGS, first)
        if attributes:
            self._then(lambda: self._item(plain), lambda: self._done(STRINGS, first))

    def _bytes(self, offset: int) -> None:
        """Bytes that begin like an object are one; all others are data."""
        count = self._source.length()
        self._done(BYTES)
        most = self._budget.limits.embedded
        if self._source.words:
            content = self._source.digits(count, most)
            if kind_of(content):
                self._facts.append(Child(f"bytes@{offset}", -1, len(content), Reader(MemorySource(content))))
                if count > most:
                    self._facts.append(Limit("embedded", most, offset))
            return
        start = self._source.cursor.skip(count)
        reader = self._source.cursor.reader.part(start, count)
        if kind_of(reader.peek(0, 64 * 1024)):
            self._facts.append(Child(f"bytes@{start}", start, count, reader))
        elif count >= LARGE and len(self._data) < RANGES:
            self._data.append((start, count))

    def _size(self, size: int, most: int) -> int:
        if not 0 <= size <= min(most, self._source.cursor.left):
            raise FormatError(f"a length of {size} does not fit into what is left", self._source.cursor.place)
        return size
