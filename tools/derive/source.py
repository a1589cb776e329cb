"""The source of one wheel as classes, functions and names that lead to them. Nothing is imported; `ast` only parses.

A name may be bound several times (`try: from a import X` / `except ImportError: X = object`): all bindings count.
A symbol is written `package.module:Qualified.name` if its source is at hand, else as plain dots: `collections.deque`.
"""

from __future__ import annotations

import ast
import builtins
import warnings
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SKIPPED = frozenset(
    (
        "tests",
        "test",
        "testing",
        "conftest",
        "setup",
        "benchmarks",
        "examples",
        "_internal_tests",
        "notebooks",
        "testing_utils",
        "cli",
    )
)
"""Parts of a module's name that no published pickle refers to."""
MOST_SOURCE = 4 * 1024 * 1024
"""Bytes of the longest source file that is parsed."""
DEEP = 40
"""Steps that following one name may take."""


@dataclass(frozen=True, eq=False)
class Class:
    """One class statement. `methods` are its own functions, `setters` the properties that run code when set."""

    module: str
    name: str
    node: ast.ClassDef
    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)
    setters: dict[str, ast.FunctionDef] = field(default_factory=dict)
    getters: dict[str, ast.FunctionDef] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The symbol by which a pickle names it: some packages set another module than the one it stands in."""
        return f"{given_module(self.node) or self.module}:{self.name}"


class Module(NamedTuple):
    """One source file: what each name at its top may stand for, and the classes in it by qualified name."""

    name: str
    package: str
    bindings: dict[str, list[str | ast.expr]]
    stars: list[str]
    classes: dict[str, Class]
    functions: dict[str, ast.FunctionDef]


class Library:
    """The modules of one or several wheels, each parsed when it is first asked for."""

    def __init__(self, wheels: Iterable[str]) -> None:
        self._members: dict[str, tuple[zipfile.ZipFile, str]] = {}
        self._parsed: dict[str, Module | None] = {}
        self._found: dict[tuple[str, str], set[str]] = {}
        for path in wheels:
            archive = zipfile.ZipFile(path)
            for member in archive.namelist():
                if member.endswith(".py") and ".dist-info" not in member and ".data/" not in member:
                    dotted = member.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
                    self._members.setdefault(dotted, (archive, member))

    def names(self, tops: Iterable[str]) -> list[str]:
        """The modules below the packages `tops` that pickles may refer to."""
        wanted = set(tops)
        parts = ((name, name.split(".")) for name in self._members)
        return sorted(name for name, path in parts if path[0] in wanted and not SKIPPED.intersection(path))

    def module(self, name: str) -> Module | None:
        """The parsed module; None if there is none, or if it is not Python that this interpreter can parse."""
        if name not in self._parsed:
            self._parsed[name] = self._parse(name)
        return self._parsed[name]

    def _parse(self, name: str) -> Module | None:
        if name not in self._members:
            return None
        archive, member = self._members[name]
        if archive.getinfo(member).file_size > MOST_SOURCE:
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(archive.read(member))
        except (SyntaxError, ValueError, RecursionError):
            return None
        package = name if member.endswith("/__init__.py") else name.rpartition(".")[0]
        module = Module(name, package, {}, [], {}, {})
        _collect(tree.body, module)
        return module

    def defined(self, symbol: str) -> Class | ast.FunctionDef | None:
        """The class or function that a symbol with a colon stands for."""
        name, colon, qualified = symbol.partition(":")
        module = self.module(name) if colon else None
        if module is None:
            return None
        return module.classes.get(qualified) or module.functions.get(qualified)

    def resolve(self, module: Module, expression: ast.expr, steps: int = DEEP) -> set[str]:
        """All symbols that a name or a dotted name may stand for; an empty set if it is anything else."""
        if isinstance(expression, ast.Name):
            return self.lookup(module, expression.id, steps)
        if isinstance(expression, ast.Attribute):
            owners = self.resolve(module, expression.value, steps - 1)
            return {found for owner in owners for found in self._member(owner, expression.attr, steps - 1)}
        if isinstance(expression, ast.Subscript):  # Generic[T]
            return self.resolve(module, expression.value, steps - 1)
        if isinstance(expression, ast.IfExp):
            return self.resolve(module, expression.body, steps - 1) | self.resolve(module, expression.orelse, steps - 1)
        return set()

    def lookup(self, module: Module, name: str, steps: int = DEEP) -> set[str]:
        """All symbols that a name at the top of a module may stand for."""
        key = (module.name, name)
        if key not in self._found:
            # Modules that import each other in a circle add nothing the second time.
            self._found[key] = set()
            self._found[key] = self._follow(module, name, steps) if steps > 0 else set()
        return self._found[key]

    def _follow(self, module: Module, name: str, steps: int) -> set[str]:
        found: set[str] = set()
        for binding in module.bindings.get(name, ()):
            if not isinstance(binding, str):
                found |= self.resolve(module, binding, steps - 1)
            elif ":" in binding:
                found.add(binding)
            else:
                found |= self.dotted(binding, steps - 1)
        if not found and name not in module.bindings:
            for star in module.stars:
                source = self.module(star)
                if source is not None and (name in source.bindings or source.stars):
                    found |= self.lookup(source, name, steps - 1)
            if not found and hasattr(builtins, name):
                found.add(f"builtins.{name}")
        return found

    def dotted(self, path: str, steps: int = DEEP) -> set[str]:
        """All symbols behind an absolute dotted name."""
        head, dot, last = path.rpartition(".")
        if path in self._members or not dot:
            return {path}
        owners = self.dotted(head, steps - 1) if steps > 0 else set()
        return {found for owner in owners for found in self._member(owner, last, steps - 1)} or {path}

    def _member(self, owner: str, name: str, steps: int) -> set[str]:
        if ":" in owner:
            return {f"{owner}.{name}"}
        module = self.module(owner)
        if module is None:
            return {f"{owner}.{name}"}
        if name in module.bindings or module.stars:
            found = self.lookup(module, name, steps)
            if found:
                return found
        return {f"{owner}.{name}"}


def _collect(body: list[ast.stmt], module: Module) -> None:
    """Note what the statements at the top of a module bind, in both branches of every condition."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            _class(statement, module, "")
            module.bindings.setdefault(statement.name, []).append(f"{module.name}:{statement.name}")
        elif isinstance(statement, ast.FunctionDef):
            module.functions[statement.name] = statement
            module.bindings.setdefault(statement.name, []).append(f"{module.name}:{statement.name}")
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                bound, target = alias.asname or alias.name.partition(".")[0], alias.name
                module.bindings.setdefault(bound, []).append(target if alias.asname else bound)
        elif isinstance(statement, ast.ImportFrom):
            source = absolute(statement, module.package)
            for alias in statement.names:
                if alias.name == "*":
                    module.stars.append(source)
                else:
                    module.bindings.setdefault(alias.asname or alias.name, []).append(f"{source}.{alias.name}")
        elif isinstance(statement, ast.Assign):
            for bound_to in statement.targets:
                if isinstance(bound_to, ast.Name) and (made := _made(bound_to.id, statement.value)):
                    _collect([made], module)
                elif isinstance(bound_to, ast.Name):
                    module.bindings.setdefault(bound_to.id, []).append(statement.value)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            module.bindings.setdefault(statement.target.id, []).append(statement.value)
        else:
            for block in blocks(statement):
                _collect(block, module)


def _made(name: str, value: ast.expr) -> ast.ClassDef | None:
    """The class statement that `X = namedtuple("X", …)` and `X = ABCMeta("X", …)` stand for."""
    kind = ast.unparse(value.func).rpartition(".")[2].lower() if isinstance(value, ast.Call) else ""
    base = {"namedtuple": "tuple", "abcmeta": "object"}.get(kind)
    statement = ast.parse(f"class {name}({base}): pass").body[0] if base else None
    return statement if isinstance(statement, ast.ClassDef) else None


def given_module(node: ast.ClassDef | ast.FunctionDef) -> str:
    """The module that `@set_module("numpy")` or `__module__ = "numpy"` gives, or an empty text."""
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("set_module") and decorator.args:
            argument = decorator.args[0]
            return str(argument.value) if isinstance(argument, ast.Constant) else ""
    for statement in node.body if isinstance(node, ast.ClassDef) else ():
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Constant):
            continue
        if ast.unparse(statement.targets[0]) == "__module__":
            return str(statement.value.value)
    return ""


def blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    """The statement lists inside a compound statement."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(statement, name, None)
        if isinstance(block, list):
            yield block
    for handler in getattr(statement, "handlers", ()):
        yield handler.body


def absolute(statement: ast.ImportFrom, package: str) -> str:
    """The absolute name of the module that a `from … import` names."""
    if not statement.level:
        return statement.module or ""
    base = package.split(".")
    base = base[: len(base) - statement.level + 1]
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _class(node: ast.ClassDef, module: Module, outer: str) -> None:
    name = outer + node.name
    found = Class(module.name, name, node)
    # The same name bound twice (in two branches) keeps the definitions of both: each must be harmless.
    earlier = module.classes.get(name)
    for statement in _flat(node.body):
        if isinstance(statement, ast.ClassDef):
            _class(statement, module, f"{name}.")
        elif isinstance(statement, ast.FunctionDef):
            kinds = {ast.unparse(decorator).rpartition(".")[2] for decorator in statement.decorator_list}
            if "setter" in kinds:
                found.setters[statement.name] = statement
            elif kinds & {"property", "cached_property"}:
                found.getters[statement.name] = statement
            else:
                found.methods[statement.name] = statement
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            for target in statement.targets:
                if isinstance(target, ast.Name) and statement.value.id in found.methods:
                    found.methods[target.id] = found.methods[statement.value.id]
    if earlier is not None:
        for own, old in ((found.methods, earlier.methods), (found.setters, earlier.setters)):
            for key, function in old.items():
                own.setdefault(key, function)
    module.classes[name] = found


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for block in blocks(statement):
                yield from _flat(block)
