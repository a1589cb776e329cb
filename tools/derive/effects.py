"""What a function does when a pickle makes it run: nothing but moving values about, or more than that.

Only a closed list counts as nothing: storing attributes, building containers, comparing, raising, and calls of
functions for which the same holds. A call of a value (an argument, an attribute that is no method) is never on it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from tools.derive.source import Class, absolute, blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.derive.source import Library, Module

DEEP = 6
"""Calls of own functions that are followed one inside the other."""
HARMLESS_STATEMENTS = (
    ast.Pass,
    ast.Break,
    ast.Continue,
    ast.Global,
    ast.Nonlocal,
    ast.ClassDef,
    ast.FunctionDef,
)
HARMLESS_EXPRESSIONS = (
    ast.Constant,
    ast.Name,
    ast.Lambda,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.BinOp,
    ast.BoolOp,
    ast.UnaryOp,
    ast.Compare,
    ast.IfExp,
    ast.Subscript,
    ast.Slice,
    ast.Starred,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.NamedExpr,
    ast.Attribute,
)


class Lineage(NamedTuple):
    """A class with everything that it inherits from: classes whose source is at hand, and names of all others."""

    symbol: str
    classes: tuple[Class, ...]
    outside: frozenset[str]

    def all_of(self, name: str) -> list[tuple[Class, ast.FunctionDef]]:
        """Every definition of a method in the lineage: which of them runs depends on the order of the bases."""
        return [(owner, owner.methods[name]) for owner in self.classes if name in owner.methods]


class Tables(NamedTuple):
    """What is harmless without a look at its source; see `tables.toml`."""

    functions: frozenset[str]
    builtins: frozenset[str]
    methods: frozenset[str]
    hooks: dict[str, str]
    loggers: frozenset[str]


class Scope(NamedTuple):
    """Where a function stands: its module, its class if any, what it imports and defines, and its values' names."""

    module: Module
    lineage: Lineage | None
    itself: str
    imported: dict[str, set[str]]
    inner: dict[str, ast.FunctionDef]
    values: frozenset[str]


class Effects:
    """Reads functions; remembers what it found. `worst(...)` gives why a function is not harmless, or an empty text."""

    def __init__(self, library: Library, tables: Tables) -> None:
        self.library = library
        self.tables = tables
        self._known: dict[tuple[str, str, str], str] = {}

    def worst(self, function: ast.FunctionDef, owner: Class | None, lineage: Lineage | None, depth: int = 0) -> str:
        """Why a function of a class is not harmless, read for objects of `lineage`."""
        symbol = f"{owner.module}:{owner.name}.{function.name}" if owner else function.name
        if symbol in self.tables.hooks:
            return ""
        if depth > DEEP:
            return f"{symbol} calls too deep to follow"
        key = (lineage.symbol if lineage else "", symbol, str(function.lineno))
        if key not in self._known:
            # While it is being read, a function that calls itself adds nothing.
            self._known[key] = ""
            module = self.library.module(owner.module) if owner else None
            self._known[key] = self._read(function, module, lineage, depth) if module else "its source is missing"
        return self._known[key]

    def worst_function(self, symbol: str, depth: int) -> str:
        """The same for a function at the top of a module."""
        module_name, _, name = symbol.partition(":")
        module = self.library.module(module_name)
        function = module.functions.get(name) if module else None
        if module is None or function is None:
            return f"{symbol} is not at hand"
        if depth > DEEP:
            return f"{symbol} calls too deep to follow"
        key = ("", symbol, str(function.lineno))
        if key not in self._known:
            self._known[key] = ""
            self._known[key] = self._read(function, module, None, depth)
        return self._known[key]

    def _read(self, function: ast.FunctionDef, module: Module, lineage: Lineage | None, depth: int) -> str:
        names = _parameters(function)
        itself = names[0] if lineage is not None and names else ""
        values = set(names)
        inner: dict[str, ast.FunctionDef] = {}
        imported: dict[str, set[str]] = {}
        for node in ast.walk(function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                values.add(node.id)
            elif isinstance(node, ast.ImportFrom):
                source = absolute(node, module.package)
                for alias in node.names:
                    imported.setdefault(alias.asname or alias.name, set()).update(
                        self.library.dotted(f"{source}.{alias.name}")
                    )
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    imported.setdefault(bound, set()).add(alias.name if alias.asname else bound)
            elif isinstance(node, ast.FunctionDef) and node is not function:
                values.update(_parameters(node))
                inner[node.name] = node
            elif isinstance(node, ast.ClassDef):
                values.add(node.name)
        scope = Scope(module, lineage, itself, imported, inner, frozenset(values - imported.keys() - inner.keys()))
        return self._block(function.body, scope, depth)

    def _block(self, body: Iterable[ast.stmt], scope: Scope, depth: int) -> str:
        for statement in body:
            why = self._statement(statement, scope, depth)
            if why:
                return why
        return ""

    def _statement(self, statement: ast.stmt, scope: Scope, depth: int) -> str:
        if isinstance(statement, HARMLESS_STATEMENTS):
            return ""
        if isinstance(statement, ast.Import | ast.ImportFrom):
            return ""
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.For):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                why = self._store(target, scope, depth)
                if why:
                    return why
        if isinstance(statement, ast.With):
            for item in statement.items:
                why = self._expression(item.context_expr, scope, depth)
                if why:
                    return why
        elif not isinstance(
            statement,
            ast.Assign | ast.AugAssign | ast.AnnAssign | ast.For | ast.While | ast.If | ast.Try | ast.Return
            | ast.Raise | ast.Expr | ast.Assert | ast.Delete,
        ):  # fmt: skip
            return f"has a statement of the kind {type(statement).__name__}"
        for field in ("value", "iter", "test", "exc", "cause", "msg"):
            expression = getattr(statement, field, None)
            if isinstance(expression, ast.expr):
                why = self._raised(expression, scope, depth) if field == "exc" else ""
                why = why or ("" if field == "exc" else self._expression(expression, scope, depth))
                if why:
                    return why
        for block in blocks(statement):
            why = self._block(block, scope, depth)
            if why:
                return why
        return ""

    def _raised(self, expression: ast.expr, scope: Scope, depth: int) -> str:
        """An exception may be made of anything: only what its text is made of counts."""
        if isinstance(expression, ast.Call):
            expressions = [*expression.args, *(keyword.value for keyword in expression.keywords)]
            return next(filter(None, (self._expression(each, scope, depth) for each in expressions)), "")
        return self._expression(expression, scope, depth)

    def _store(self, target: ast.expr, scope: Scope, depth: int) -> str:
        if isinstance(target, ast.Tuple | ast.List):
            return next(filter(None, (self._store(each, scope, depth) for each in target.elts)), "")
        if isinstance(target, ast.Attribute):
            if isinstance(target.value, ast.Name) and target.value.id == scope.itself and scope.lineage is not None:
                return self.setting(scope.lineage, target.attr, depth)
            return self._expression(target.value, scope, depth)
        if isinstance(target, ast.Subscript):
            return self._expression(target.value, scope, depth) or self._expression(target.slice, scope, depth)
        return ""

    def setting(self, lineage: Lineage, name: str, depth: int) -> str:
        """Why setting an attribute of an object does more than that; an empty name means any attribute."""
        for owner, function in lineage.all_of("__setattr__"):
            why = self.worst(function, owner, lineage, depth + 1)
            if why:
                return why
        for owner in lineage.classes:
            for key, setter in owner.setters.items():
                why = self.worst(setter, owner, lineage, depth + 1) if key == name or not name else ""
                if why:
                    return why
        return ""

    def _expression(self, expression: ast.expr, scope: Scope, depth: int) -> str:
        if isinstance(expression, ast.Call):
            return self._call(expression, scope, depth)
        if not isinstance(expression, HARMLESS_EXPRESSIONS):
            return f"has an expression of the kind {type(expression).__name__}"
        if isinstance(expression, ast.Lambda):
            return ""
        if isinstance(expression, ast.Attribute) and scope.lineage is not None:
            value = expression.value
            if isinstance(value, ast.Name) and value.id == scope.itself:
                for owner in scope.lineage.classes:
                    getter = owner.getters.get(expression.attr)
                    why = self.worst(getter, owner, scope.lineage, depth + 1) if getter else ""
                    if why:
                        return why
        for child in ast.iter_child_nodes(expression):
            if isinstance(child, ast.comprehension):
                parts = [child.iter, *child.ifs]
            else:
                parts = [child] if isinstance(child, ast.expr) else []
            for part in parts:
                why = self._expression(part, scope, depth)
                if why:
                    return why
        return ""

    def _call(self, call: ast.Call, scope: Scope, depth: int) -> str:
        for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
            why = self._expression(argument, scope, depth)
            if why:
                return why
        callee = call.func
        if isinstance(callee, ast.Name):
            return self._named(callee, call, scope, depth)
        if isinstance(callee, ast.Attribute):
            return self._method(callee, scope, depth)
        if isinstance(callee, ast.Lambda):
            return self._expression(callee.body, scope, depth)
        return f"calls a value: {ast.unparse(callee)[:60]}"

    def _named(self, callee: ast.Name, call: ast.Call, scope: Scope, depth: int) -> str:
        name = callee.id
        if name in scope.inner:
            # A function that calls itself is read once: the second time it is no longer among them.
            rest = {key: value for key, value in scope.inner.items() if key != name}
            return self._block(scope.inner[name].body, scope._replace(inner=rest), depth)
        if name in scope.values:
            return f"calls a value: {name}"
        if name == "setattr" and call.args:
            target = call.args[0]
            if isinstance(target, ast.Name) and target.id == scope.itself and scope.lineage is not None:
                return self.setting(scope.lineage, "", depth)
            return "sets an attribute of something else"
        if name == "super":
            return ""
        symbols = scope.imported.get(name) or self.library.lookup(scope.module, name)
        return self._symbols(symbols, name, depth)

    def _symbols(self, symbols: set[str], text: str, depth: int) -> str:
        if not symbols:
            return f"calls {text}, which leads nowhere"
        return next(filter(None, (self._symbol(symbol, depth) for symbol in sorted(symbols))), "")

    def _symbol(self, symbol: str, depth: int) -> str:
        plain = symbol.replace(":", ".")
        # What a package defines deep inside is known by the name under which it gives it out.
        given_out = f"{plain.partition('.')[0]}.{plain.rpartition('.')[2]}"
        if {plain, given_out} & self.tables.functions or plain.removeprefix("builtins.") in self.tables.builtins:
            return ""
        found = self.library.defined(symbol)
        if isinstance(found, ast.FunctionDef):
            return self.worst_function(symbol, depth + 1)
        if isinstance(found, Class):
            from tools.derive.classify import lineage_of

            lineage, missing = lineage_of(self.library, found)
            return f"makes a {plain}, whose bases are not at hand" if missing else self._made(lineage, depth)
        return f"calls {plain}"

    def _made(self, lineage: Lineage, depth: int) -> str:
        """Why making an object of a class does more than filling it."""
        for hook in ("__new__", "__init__", "__post_init__"):
            for owner, function in lineage.all_of(hook):
                why = self.worst(function, owner, lineage, depth + 1)
                if why:
                    return why
        return ""

    def _method(self, callee: ast.Attribute, scope: Scope, depth: int) -> str:
        name, receiver = callee.attr, callee.value
        if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Name) and receiver.func.id == "super":
            # Every definition in the lineage is read when the first of them is.
            return self._own(name, scope, depth, inherited=True)
        if isinstance(receiver, ast.Name):
            if receiver.id == scope.itself and scope.lineage is not None:
                return self._own(name, scope, depth, inherited=False)
            if receiver.id in self.tables.loggers and receiver.id not in scope.values:
                return ""
        if isinstance(receiver, ast.Name | ast.Attribute) and not self._is_value(receiver, scope):
            if self._written(callee, scope) in self.tables.functions:
                return ""
            symbols = self._resolved(callee, scope)
            owners = self._resolved(receiver, scope)
            if owners and symbols:
                classes = [owner for owner in owners if isinstance(self.library.defined(owner), Class)]
                if classes and name.startswith("__"):
                    return self._unbound(classes, name, depth)
                if not classes or name not in self.tables.methods:
                    return self._symbols(symbols, ast.unparse(callee), depth)
        why = self._expression(receiver, scope, depth)
        if why:
            return why
        return "" if name in self.tables.methods else f"calls {ast.unparse(callee)[:60]}"

    def _unbound(self, classes: list[str], name: str, depth: int) -> str:
        from tools.derive.classify import lineage_of

        for symbol in classes:
            found = self.library.defined(symbol)
            if isinstance(found, Class):
                lineage, _ = lineage_of(self.library, found)
                for owner, function in lineage.all_of(name):
                    why = self.worst(function, owner, lineage, depth + 1)
                    if why:
                        return why
        return ""

    def _own(self, name: str, scope: Scope, depth: int, *, inherited: bool) -> str:
        lineage = scope.lineage
        if lineage is None:
            return f"calls super().{name} outside of a class"
        if name == "__class__":
            return self._made(lineage, depth)
        found = lineage.all_of(name)
        for owner, function in found:
            why = self.worst(function, owner, lineage, depth + 1)
            if why:
                return why
        if found or name in self.tables.methods or (inherited and name.startswith("__")):
            return ""
        return f"calls its attribute {name}, which is no method"

    def _written(self, expression: ast.expr, scope: Scope) -> str:
        """A dotted name with only its first part followed: what the documentation of a library calls it."""
        if isinstance(expression, ast.Attribute):
            return f"{self._written(expression.value, scope)}.{expression.attr}"
        if not isinstance(expression, ast.Name):
            return ""
        bound = scope.imported.get(expression.id) or {
            binding for binding in scope.module.bindings.get(expression.id, ()) if isinstance(binding, str)
        }
        return next(iter(bound)) if len(bound) == 1 else f"builtins.{expression.id}"

    def _is_value(self, receiver: ast.expr, scope: Scope) -> bool:
        while isinstance(receiver, ast.Attribute):
            receiver = receiver.value
        return not isinstance(receiver, ast.Name) or receiver.id in scope.values

    def _resolved(self, expression: ast.expr, scope: Scope) -> set[str]:
        if isinstance(expression, ast.Name):
            return scope.imported.get(expression.id) or self.library.lookup(scope.module, expression.id)
        if isinstance(expression, ast.Attribute):
            owners = self._resolved(expression.value, scope)
            return {found for owner in owners for found in self.library.dotted(f"{owner}.{expression.attr}")}
        return set()


def _parameters(function: ast.FunctionDef) -> list[str]:
    arguments = function.args
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    return [argument.arg for argument in every if argument]
