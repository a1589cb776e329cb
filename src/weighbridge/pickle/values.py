"""What stands on the simulated stack, and how it is written down.

Constants are Python constants (None, bool, int, float, str, bytes) and Python tuples of values. Everything else is
one of the classes here. None of them is ever called or imported.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KEPT_ITEMS = 32
"""Items of a list, dict or set that are remembered; how many there are is not limited by it."""
_TEXT = 200
_DEPTH = 4
_VISITED = 64
_SCALARS: dict[type, str] = {int: "int", float: "float", bool: "bool", bytes: "bytes", type(None): "None"}


class Global:
    """A name that the pickle imports. `name` is module and attribute path joined by dots."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Result:
    """What a call gave back. `callee` is what was called."""

    __slots__ = ("arguments", "callee")

    def __init__(self, callee: object, arguments: object) -> None:
        self.callee = callee
        self.arguments = arguments


class Container:
    """A list, dict or set made by the pickle itself.

    `items` are the first of its items (a dict: keys and values in turn), `more` says that there are others, `constant`
    that all of them are constants, `objects` that some are neither constants nor containers; `dunder` are keys such as
    `__class__`, `runs` the skipped runs not yet searched for such keys; `weight` is the number of values inside it when
    shared ones are counted each time.
    """

    __slots__ = ("constant", "dunder", "items", "kind", "more", "objects", "runs", "weight")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.items: tuple[object, ...] = ()
        self.more = False
        self.constant = True
        self.objects = False
        self.dunder: tuple[str, ...] = ()
        self.runs: tuple[Run, ...] = ()
        self.weight = 0


class Run:
    """Constants of the stream that were skipped in one go: offsets of their first byte and behind their last."""

    __slots__ = ("end", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Bulk:
    """A constant too large to keep: `kind` is bytes, str or int; place and size in bytes."""

    __slots__ = ("kind", "offset", "size")

    def __init__(self, kind: str, offset: int, size: int) -> None:
        self.kind = kind
        self.offset = offset
        self.size = size


class Persistent:
    """An object that the loader fetches by an id of its own (PERSID, BINPERSID)."""

    __slots__ = ("pid",)

    def __init__(self, pid: object) -> None:
        self.pid = pid


class Opaque:
    """A value whose content was let go of to bound memory: its `kind` in words, and its `shape` if that was kept."""

    __slots__ = ("kind", "shape")

    def __init__(self, kind: str, shape: str = "@…") -> None:
        self.kind = kind
        self.shape = shape


def callee_name(value: object) -> str:
    """The dotted name of a callable or of the class of an object; an expression if it is computed."""
    if isinstance(value, Global):
        return value.name
    if isinstance(value, Result):
        return describe(value, 2)
    return describe(value, 1)


def class_name(value: object) -> str:
    """The name that stands for what an object is: of what made it, or of its kind."""
    if isinstance(value, Result):
        return callee_name(value.callee)
    if isinstance(value, Container | Opaque):
        return f"a {value.kind}"
    if isinstance(value, Global):
        return value.name
    return f"a {type(value).__name__.lower()}"


class _Allowance:
    """Values that one description may still visit: nested and shared values cannot make it long."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


def describe(value: object, depth: int = _DEPTH, allowance: _Allowance | None = None) -> str:
    """A value as text for people, at most some hundred characters."""
    allowance = allowance or _Allowance(_VISITED)
    allowance.left -= 1
    if isinstance(value, str):
        return repr(value if len(value) <= _TEXT else value[:_TEXT] + "…")
    if isinstance(value, bytes):
        return repr(value if len(value) <= _TEXT else value[:_TEXT]) + ("" if len(value) <= _TEXT else "…")
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if -(1 << 64) < value < 1 << 64 else "a large int"
    if isinstance(value, Global):
        return value.name
    if isinstance(value, Bulk):
        return f"{value.size} bytes of {value.kind}"
    if isinstance(value, Opaque):
        return f"a {value.kind}"
    if isinstance(value, Run):
        return "constants"
    if depth <= 0 or allowance.left <= 0:
        return "…"
    if isinstance(value, tuple):
        return f"({_join(value, depth, allowance)})"
    if isinstance(value, Result):
        arguments = value.arguments if isinstance(value.arguments, tuple) else (value.arguments,)
        return f"{describe(value.callee, depth - 1, allowance)}({_join(arguments, depth, allowance)})"
    if isinstance(value, Persistent):
        return f"persistent_load({describe(value.pid, depth - 1, allowance)})"
    if isinstance(value, Container):
        text = _join(value.items, depth, allowance) + (", …" if value.more else "")
        return f"[{text}]" if value.kind == "list" else f"{{{text}}}"
    return "…"


def _join(values: Sequence[object], depth: int, allowance: _Allowance) -> str:
    shown = ", ".join(describe(value, depth - 1, allowance) for value in values[:8])
    return shown + ", …" if len(values) > 8 else shown


def shape(value: object, *, text: bool = True, depth: int = _DEPTH, allowance: _Allowance | None = None) -> str:
    """A value as rules see it: constants by their type, short strings in quotes, globals and results after an `@`.

    A shape without `@` is made of constants alone (strings have theirs escaped). Tuples and lists of integers only,
    the empty ones too, are `ints`, those of strings `strs`; what is too deep or too large to look at is `@…`, or `@[…]`
    if it is a container without objects directly in it.
    """
    scalar = _SCALARS.get(type(value))
    if scalar is not None:
        return scalar
    if isinstance(value, str):
        if not text or len(value) > 32:
            return "str"
        return repr(value).replace("@", "\\x40")
    if isinstance(value, Global):
        return "@" + value.name
    if isinstance(value, Bulk):
        return value.kind
    if isinstance(value, Opaque):
        return value.shape
    if isinstance(value, Run):
        return "constants"
    if isinstance(value, Persistent):
        return "persistent"
    if isinstance(value, Result):
        return f"@{callee_name(value.callee)}()"
    allowance = allowance or _Allowance(_VISITED)
    if depth <= 0 or allowance.left <= 0:
        return "@…"
    if isinstance(value, tuple):
        return _sequence(value, "()", text, depth, allowance)
    if isinstance(value, Container):
        if value.more:
            return f"{value.kind} of constants" if value.constant else "@…" if value.objects else "@[…]"
        return _sequence(value.items, "[]" if value.kind == "list" else "{}", text, depth, allowance)
    return "@…"


def _sequence(values: tuple[object, ...], brackets: str, text: bool, depth: int, allowance: _Allowance) -> str:
    if len(values) > KEPT_ITEMS:
        return "@…"
    allowance.left -= len(values)
    if all(type(value) is int for value in values):
        return "ints"
    if all(type(value) is str for value in values):
        return "strs"
    parts = ", ".join(shape(value, text=text, depth=depth - 1, allowance=allowance) for value in values)
    return brackets[0] + parts + brackets[1]


def arguments_shape(arguments: object, *, text: bool = True) -> str:
    """The shape of what a callable is given: each argument by itself, never folded into `ints` as a whole."""
    if not isinstance(arguments, tuple):
        return shape(arguments, text=text)
    if len(arguments) > KEPT_ITEMS:
        return "@…"
    allowance = _Allowance(_VISITED)
    return "(" + ", ".join(shape(value, text=text, allowance=allowance) for value in arguments) + ")"


CONSTANTS: frozenset[type] = frozenset((type(None), bool, int, float, str, bytes, Bulk, Run))


def all_constant(values: Iterable[object]) -> bool:
    """Whether all of these values are constants of the stream itself."""
    return CONSTANTS.issuperset(map(type, values))


def is_composite(value: object) -> bool:
    """Whether a value holds other values."""
    return isinstance(value, tuple | Container | Result | Persistent)
