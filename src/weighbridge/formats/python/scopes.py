"""Where names of Python source are bound, and which uses of a builtin's name cannot mean the builtin.

Source: Python language reference, section 4.2 (naming and binding).
"""

from __future__ import annotations

import ast

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Binding(NamedTuple):
    """One way in which a name gets a value.

    `values` are the expressions it may get, if the text says so; `imported` the dotted name that is imported; `counts`
    is 0 for what only adds a value to a binding that is counted elsewhere.
    """

    name: str
    values: tuple[ast.expr, ...] = ()
    imported: str = ""
    star: bool = False
    counts: int = 1


def bindings(tree: ast.AST) -> Iterator[Binding]:
    """Every binding and every deletion of a name in a file, and of attributes of `self`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                first = name.name.partition(".")[0]
                yield Binding(name.asname or first, imported=name.name if name.asname else first)
        elif isinstance(node, ast.ImportFrom):
            known = node.module if not node.level else None
            for name in node.names:
                if name.name != "*":
                    yield Binding(name.asname or name.name, imported=f"{known}.{name.name}" if known else "")
                elif known:
                    yield Binding("*", imported=known, star=True)
        elif isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield Binding(node.id)
        elif isinstance(node, ast.arg):
            yield Binding(node.arg)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield Binding(node.name)
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            yield Binding(node.name or "")
        elif isinstance(node, ast.MatchMapping):
            yield Binding(node.rest or "")
        else:
            yield from _values(node)


def _values(node: ast.AST) -> Iterator[Binding]:
    """What is assigned to names that are counted where they stand."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _target(target, (node.value,))
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield from _target(node.target, (node.value,))
    elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
        # What it gives when it is entered may be something else: it counts as bound once more than it is followed.
        yield Binding(node.optional_vars.id, (node.context_expr,))
    elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.List | ast.Tuple | ast.Set):
        yield from _target(node.target, tuple(node.iter.elts))


def _target(target: ast.expr, values: tuple[ast.expr, ...]) -> Iterator[Binding]:
    if not values:
        return
    if isinstance(target, ast.Name):
        yield Binding(target.id, values, counts=0)
    elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
        yield Binding(f"self.{target.attr}", values, counts=0)
    elif isinstance(target, ast.Tuple | ast.List) and all(
        isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts) for value in values
    ):
        for index, one in enumerate(target.elts):
            yield from _target(one, tuple(value.elts[index] for value in values))  # type: ignore[attr-defined]  # seen above


def shadowed(tree: ast.Module, names: frozenset[str]) -> frozenset[int]:
    """The `id` of each use of one of `names` that means a variable of a function around it or a definition above."""
    deleted = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)}
    above = {
        node.name: node.lineno
        for node in reversed(tree.body)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.name in names
        and node.name not in deleted
    }
    found: set[int] = set()
    waiting: list[tuple[ast.AST, frozenset[str]]] = [(tree, frozenset())]
    while waiting:
        node, local = waiting.pop()
        if isinstance(node, ast.Name):
            if node.id in local or node.lineno > above.get(node.id, node.lineno):
                found.add(id(node))
            continue
        if isinstance(node, _FUNCTIONS):
            inner = (local | (_locals(node) & names)) if not isinstance(node, ast.Lambda) else local | _arguments(node)
            body = node.body if isinstance(node.body, list) else [node.body]
            waiting.extend((one, inner) for one in body)
            outside: list[ast.AST] = [node.args]
            if not isinstance(node, ast.Lambda):
                outside += [*node.decorator_list, *([node.returns] if node.returns else [])]
            waiting.extend((one, local) for one in outside)
            continue
        waiting.extend((one, local) for one in ast.iter_child_nodes(node))
    return frozenset(found)


def inside_functions(tree: ast.Module) -> tuple[frozenset[int], frozenset[str]]:
    """The `id` of each call of `locals` whose names are those of a function, and all names that functions bind."""
    calls: set[int] = set()
    names: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, inside = waiting.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "locals" and inside:
            calls.add(id(node))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names |= _locals(node)
            # Decorators, defaults and annotations belong to the scope outside.
            waiting.extend((part, part in node.body) for part in ast.iter_child_nodes(node))
            continue
        if isinstance(node, ast.Lambda):
            names |= _arguments(node)
        within = inside and not isinstance(node, ast.ClassDef)
        waiting.extend((part, within) for part in ast.iter_child_nodes(node))
    return frozenset(calls), frozenset(names)


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> frozenset[str]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return frozenset(one.arg for one in every if one is not None)


def _locals(node: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """Names that are variables of a function: its arguments, and what its own statements bind."""
    found = set(_arguments(node))
    outer: set[str] = set()
    waiting: list[ast.AST] = list(node.body)
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Global | ast.Nonlocal):
            outer.update(part.names)
        elif isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            found.add(part.id)
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(part.name)
            continue
        elif isinstance(part, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        waiting.extend(ast.iter_child_nodes(part))
    return frozenset(found - outer)
