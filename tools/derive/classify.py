"""What a class is to a pickle: inert under NEWOBJ and BUILD, an enumeration, a container, or in need of review.

A pickle that creates an object and gives it a state makes these run: `__new__`, `__setstate__`, or in its absence
`__getattr__` (asked for `__setstate__`) and, for a slot state, `__setattr__` and properties; `__hash__` and `__eq__` of
keys; `__del__` when the object goes away. (CPython `Modules/_pickle.c`: load_newobj, load_build, do_setitems.)
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from tools.derive.effects import Lineage
from tools.derive.source import Class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tools.derive.effects import Effects
    from tools.derive.source import Library, Module

HOOKS = ("__new__", "__setstate__", "__getattr__", "__getattribute__", "__del__", "__hash__", "__eq__")
FILLING = ("append", "extend", "__setitem__", "add", "update")
"""Methods that APPENDS, SETITEMS and ADDITEMS call."""
CONTAINERS = frozenset(
    (
        "builtins.list",
        "builtins.dict",
        "builtins.set",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.deque",
        "collections.Counter",
        "collections.UserDict",
        "collections.UserList",
    )
)
ENUMS = frozenset(("enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag"))
MOST_CLASSES = 60
MOST_REACHED = 400


class Judgement(NamedTuple):
    """What is said of one class. `trust` is `inert`, `enum`, `container` or `review`; `why` in a few words."""

    trust: str
    why: str


class Rules(NamedTuple):
    """What `tables.toml` says of bases outside the wheels, of capabilities, of single classes, and of modules whose
    functions may be referred to.
    """

    bases: frozenset[str]
    sinks: frozenset[str]
    classes: Mapping[str, str]
    references: tuple[str, ...]


def lineage_of(library: Library, found: Class) -> tuple[Lineage, tuple[str, ...]]:
    """A class with all that it may inherit from, and the bases that lead nowhere."""
    classes: dict[str, Class] = {}
    outside: set[str] = set()
    missing: list[str] = []
    waiting = [found]
    while waiting and len(classes) < MOST_CLASSES:
        each = waiting.pop()
        symbol = f"{each.module}:{each.name}"
        if symbol in classes:
            continue
        classes[symbol] = each
        module = library.module(each.module)
        if module is None:
            continue
        for base in each.node.bases:
            symbols = set().union(*(library.resolve(module, part) for part in _parts(base)))
            if not symbols and not ast.unparse(base).rpartition(")")[0].endswith("with_metaclass(ABCMeta"):
                missing.append(ast.unparse(base)[:60])
            for named in sorted(symbols):
                definition = library.defined(named)
                if isinstance(definition, Class):
                    waiting.append(definition)
                else:
                    outside.add(named.replace(":", "."))
    if waiting:
        missing.append("more bases than are followed")
    return Lineage(f"{found.module}:{found.name}", tuple(classes.values()), frozenset(outside)), tuple(missing)


def _parts(base: ast.expr) -> list[ast.expr]:
    """The bases in `class X(namedtuple("X", …))` and `class X(with_metaclass(M, Base))`."""
    if isinstance(base, ast.Call):
        name = ast.unparse(base.func)
        return base.args[1:] if name.endswith("with_metaclass") else [base.func] if name.endswith("namedtuple") else []
    return [base]


def judge(found: Class, library: Library, effects: Effects, rules: Rules) -> Judgement:
    """What one class is to a pickle."""
    plain = f"{found.module}.{found.name}"
    if plain in rules.classes:
        return Judgement("inert", rules.classes[plain])
    lineage, missing = lineage_of(library, found)
    if missing:
        return Judgement("review", f"its base {missing[0]} leads nowhere")
    unknown = lineage.outside - rules.bases - CONTAINERS - ENUMS
    if unknown:
        return Judgement("review", f"its base {min(unknown)} is not at hand")
    sink = _sink(lineage, library, rules)
    if sink:
        return Judgement("review", sink)
    enum = bool(lineage.outside & ENUMS)
    read: list[str] = []
    for hook in (*HOOKS, "_missing_") if enum else HOOKS:
        if enum and hook == "__new__":
            continue  # it runs once for each member, when the class is made
        if hook in ("__hash__", "__eq__") and not _hashable(lineage):
            continue  # it cannot be a key, and nothing else compares while loading
        for owner, function in lineage.all_of(hook):
            why = effects.worst(function, owner, lineage)
            if why:
                return Judgement("review", f"{hook}: {why}")
            read.append(hook)
    if enum:
        return Judgement("enum", "an enumeration, called with a value")
    hooks = f"its {', '.join(sorted(set(read)))} only move values about" if read else "no code of its own runs"
    if lineage.outside & CONTAINERS and not _filling(lineage, effects):
        return Judgement("container", hooks)
    if effects.setting(lineage, "", 0) and "__setstate__" not in read:
        return Judgement("inert-dict", f"{hooks}, but setting attributes runs more")
    return Judgement("inert", hooks)


def _hashable(lineage: Lineage) -> bool:
    """A class that defines `__eq__` without `__hash__` has no hash (Python's data model, object.__hash__)."""
    return bool(lineage.all_of("__hash__")) or not lineage.all_of("__eq__")


def _filling(lineage: Lineage, effects: Effects) -> str:
    for name in FILLING:
        for owner, function in lineage.all_of(name):
            why = effects.worst(function, owner, lineage)
            if why:
                return why
    return ""


def _sink(lineage: Lineage, library: Library, rules: Rules) -> str:
    """A method that starts programs, runs or loads code: with a state from a pickle it would do so on a later call."""
    found = (sink_of(owner, library, rules.sinks) for owner in lineage.classes)
    return next(filter(None, found), "")


@cache
def sink_of(owner: Class, library: Library, sinks: frozenset[str]) -> str:
    """The first call of a sink in the methods of one class, in words."""
    module = library.module(owner.module)
    last = _last_parts(sinks)
    for name, function in (*owner.methods.items(), *owner.getters.items()) if module else ():
        for node in ast.walk(function):
            if not isinstance(node, ast.Call):
                continue
            callee = node.func
            written = callee.id if isinstance(callee, ast.Name) else getattr(callee, "attr", "")
            if written not in last:
                continue
            for symbol in sorted(library.resolve(module, callee)):  # type: ignore[arg-type] # the loop is empty without one
                plain = symbol.replace(":", ".")
                if plain in sinks:
                    return f"its method {name} calls {plain.removeprefix('builtins.')}"
    return ""


@cache
def _last_parts(sinks: frozenset[str]) -> frozenset[str]:
    return frozenset(sink.rpartition(".")[2] for sink in sinks)


def judge_function(name: str, function: ast.FunctionDef, module: Module, library: Library, rules: Rules) -> Judgement:
    """What a function at the top of a module is to a pickle that only refers to it: `function`, or in need of review.

    Whoever calls it later passes data. It must not reach a call that starts programs, runs or loads code.
    """
    if not f"{module.name}.".startswith(rules.references) or name.startswith("__"):
        return Judgement("review", "its module is not one of numerical functions")
    why = reaches(f"{module.name}:{name}", function, module.name, library, rules.sinks | FILES)
    return Judgement("review", why) if why else Judgement("function", "no call of it leads to code, files or programs")


FILES = frozenset(("builtins.open", "io.open", "os.remove", "os.unlink", "shutil.rmtree", "shutil.move", "os.rename"))


def reaches(symbol: str, function: ast.FunctionDef, module_name: str, library: Library, sinks: frozenset[str]) -> str:
    """The first sink that a function reaches through functions and classes whose source is at hand, in words."""
    waiting: list[tuple[str, ast.AST, str]] = [(symbol, function, module_name)]
    seen = {symbol}
    while waiting and len(seen) < MOST_REACHED:
        at, node, place = waiting.pop()
        module = library.module(place)
        if module is None:
            continue
        for call in ast.walk(node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name | ast.Attribute):
                continue
            for found in sorted(library.resolve(module, call.func)):
                plain = found.replace(":", ".")
                if plain in sinks:
                    return f"{at} calls {plain.removeprefix('builtins.')}"
                definition = library.defined(found)
                if found in seen or definition is None:
                    continue
                seen.add(found)
                inner = definition.node if isinstance(definition, Class) else definition
                waiting.append((found, inner, found.partition(":")[0]))
    return "reaches more than is followed" if waiting else ""
