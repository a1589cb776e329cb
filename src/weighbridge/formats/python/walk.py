"""The walk over a Python file: every reference to something that reaches outside, when it runs, and with what.

Not only calls count: `Thread(target=os.system)`, `@os.system` and `{"a": eval}["a"]` reach the same. What stands at the
level of the module or of a class, in decorators and in default arguments runs on import, and so do functions that are
called there or handed to what calls them (`roads.py`). What stands behind a question about who is looking has the trait
`behind-WORD` (`guards.py`).
"""

from __future__ import annotations

import ast

from weighbridge.core.facts import SourceUse
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.python.calls import (
    PATCHED,
    any_call,
    hidden,
    is_constant,
    known_call,
    leaking,
    other_call,
)
from weighbridge.formats.python.constants import PATHS
from weighbridge.formats.python.guards import guarded
from weighbridge.formats.python.names import Names, is_namespace
from weighbridge.formats.python.places import PRELOADED, VAULT, identity, secret_file
from weighbridge.formats.python.roads import Started, is_main
from weighbridge.formats.python.sinks import EXACT, FINDERS, IMPORTERS, MODULES, kind_of_name
from weighbridge.formats.python.taints import Taints, followed_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from weighbridge.formats.python.calls import Use

SHOWN = 160
NESTED = 3
"""How deep code inside constant texts that are run is looked into."""
WALKED = frozenset(("__subclasses__", "__globals__", "__builtins__", "f_globals", "f_builtins", "tb_frame", "gi_frame"))
_NAMED = frozenset(("run-code", "process", "socket", "pickle", "marshal", "native"))
"""What counts when it is named without being called: it may be called elsewhere."""
_GUARDED = frozenset(
    """run-code process socket http pickle marshal native import-computed import-hidden getattr-computed namespace
    object-model persistence identity secret-file environment import-path build torch-load delete dns
    remote-code""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""What somebody who hides would not want to be seen doing."""
_REDUCERS = frozenset(("__reduce__", "__reduce_ex__"))


class Walk:
    """One file. `uses` collects what is found, equal ones counted."""

    def __init__(self, tree: ast.Module, names: Names, depth: int = 0, called: tuple[str, ...] = ()) -> None:
        self.tree = tree
        self.names = names
        self.depth = depth
        # Whoever can change `__name__` decides what is only a script.
        self.scripts = not names.bound["__name__"] and not any(
            isinstance(node, ast.Call) and is_namespace(names.resolve(node)) for node in ast.walk(tree)
        )
        self.started = Started(tree, names, called).functions
        self.followed = followed_values(tree, names)
        self.taints = Taints(names)
        self.uses: dict[tuple[str, str, str, tuple[str, ...]], SourceUse] = {}
        self._around: list[int] = []
        self._guards: dict[int, str] | None = None
        self._folded: set[int] = set()

    def run(self) -> list[SourceUse]:
        """Everything found. Raises RecursionError for expressions that are nested too deeply."""
        for node in self.tree.body:
            self.visit(node, "import")
        return list(self.uses.values())

    def report(self, kind: str, name: str, node: ast.AST, level: str, traits: tuple[str, ...] = ()) -> None:
        behind = self.behind() if kind in _GUARDED else ""
        if behind:
            traits = (*traits, f"behind-{behind}")
        key = (kind, name, level, traits)
        seen = self.uses.get(key)
        if seen is not None:
            self.uses[key] = seen._replace(times=seen.times + 1)
            return
        line = getattr(node, "lineno", 1)
        self.uses[key] = SourceUse(kind, name[:200], _text(node), level, traits, line)

    def behind(self) -> str:
        """The question that the innermost of the nodes around stands behind."""
        if self._guards is None:
            self._guards = guarded(self.tree, self.names)
        guards = self._guards
        return next((guards[one] for one in reversed(self._around) if one in guards), "") if guards else ""

    def visit(self, node: ast.AST, level: str) -> None:
        """Look at one node and what is in it."""
        self._around.append(id(node))
        self.look(node, level)
        self._around.pop()

    def look(self, node: ast.AST, level: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.function(node, level)
        elif isinstance(node, ast.Lambda):
            self.arguments(node.args, level)
            runs = level != "import" or id(node) in self.started
            self.visit(node.body, level if runs else "call")
        elif isinstance(node, ast.If) and self.scripts and is_main(node.test):
            self.each(node.body, "main")
            self.each(node.orelse, level)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a docstring, or nothing at all
        elif isinstance(node, ast.Call):
            self.call(node, level)
        elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            self.reference(node, level)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            self.imported(node, level)
        elif isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                self.text(node.value, node, level)
        elif isinstance(node, ast.BinOp | ast.JoinedStr):
            self.joined(node, level)
        elif isinstance(node, ast.AnnAssign):
            self.annotation(node.annotation, level)
            self.each((one for one in (node.target, node.value) if one is not None), level)
        else:
            self.other(node, level)

    def other(self, node: ast.AST, level: str) -> None:
        """What is only worth a look before its parts are."""
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if (
                    isinstance(key, ast.Constant)
                    and key.value == "trust_remote_code"
                    and is_constant(value, value=True)
                ):
                    self.report("remote-code", "trust_remote_code=True", node, level, ("named",))
        elif isinstance(node, ast.ClassDef):
            for base in node.bases:
                if self.names.resolve(base) in FINDERS:
                    self.report("import-hook", self.names.resolve(base), base, level)
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            self.patched(node, level)
        self.each(ast.iter_child_nodes(node), level)

    def each(self, nodes: Iterable[ast.AST], level: str) -> None:
        for node in nodes:
            self.visit(node, level)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, level: str) -> None:
        self.each(node.decorator_list, level)
        self.arguments(node.args, level)
        self.annotation(node.returns, level)
        if node.name in _REDUCERS:
            self.reducer(node, level)
        elif node.name == "__setstate__":
            self.report("reduce", "__setstate__", node, "call", ("state",))
        inner = "import" if level == "import" and id(node) in self.started else "call"
        self.each(node.body, inner if level != "main" else "main")

    def reducer(self, node: ast.FunctionDef | ast.AsyncFunctionDef, level: str) -> None:
        """`__reduce__` tells every pickle of the object what to call when it is loaded."""
        for part in ast.walk(node):
            given = part.value if isinstance(part, ast.Return) else None
            first = given.elts[0] if isinstance(given, ast.Tuple) and given.elts else None
            name = self.names.resolve(first) if first is not None else ""
            if self.kind(name) or name in IMPORTERS or name == "builtins.getattr":
                self.report("reduce", f"{node.name} gives {name}", part, "call" if level == "import" else level)

    def arguments(self, node: ast.arguments, level: str) -> None:
        """Default values and annotations, which run where the function is defined."""
        self.each((one for one in [*node.defaults, *node.kw_defaults] if one is not None), level)
        every = [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg]
        for one in every:
            self.annotation(one.annotation if one is not None else None, level)

    def annotation(self, node: ast.expr | None, level: str) -> None:
        """Names in an annotation are types; only calls do something, those in a text when somebody asks for types."""
        waiting: list[ast.AST] = [node] if node is not None else []
        while waiting:
            part = waiting.pop()
            if isinstance(part, ast.Call):
                self.visit(part, level)
            elif isinstance(part, ast.Constant) and isinstance(part.value, str) and "(" in part.value:
                if self.depth < NESTED:
                    self.inner(part.value, "call")
            else:
                waiting.extend(ast.iter_child_nodes(part))

    def escaping(self, node: ast.expr, level: str) -> None:
        """A module that reaches out, handed to where it cannot be followed."""
        if id(node) in self.followed:
            return
        name = self.names.resolve(node)
        if name in MODULES or name == "sys.modules" or (is_namespace(name) and name != "namespace"):
            self.report("module-value", name, node, level)

    def imported(self, node: ast.ImportFrom, level: str) -> None:
        """`from os import system as s`: used or not, somebody else may import it from here."""
        for name in node.names:
            dotted = f"{node.module}.{name.name}"
            if kind_of_name(dotted) in ("process", "run-code", "marshal") and dotted in EXACT:
                self.report("reference", dotted, node, "call" if level == "import" else level)

    def reference(self, node: ast.Name | ast.Attribute | ast.Subscript, level: str) -> None:
        """A name that is used without being called here."""
        if not isinstance(node.ctx, ast.Load):
            self.each(ast.iter_child_nodes(node), level)
            return
        name = self.names.resolve(node)
        kind = self.kind(name)
        if kind:
            told = kind in _NAMED and not name.startswith("types.") and not name.rpartition(".")[2].isupper()
            if told or name in ("mmap.PROT_EXEC", "termios.TIOCSTI", "ssl.CERT_NONE"):
                self.report(kind, name, node, level, (*hidden(node, self.names), "named"))
            if isinstance(node, ast.Subscript):
                self.visit(node.slice, level)
            return
        self.escaping(node, level)
        if isinstance(node, ast.Attribute) and node.attr in WALKED:
            self.report("object-model", node.attr, node, level)
        if isinstance(node, ast.Subscript):
            self.looked_up(node, node.value, node.slice, level)
        if name == "os.environ" and isinstance(node, ast.Attribute | ast.Name):
            return
        self.each(ast.iter_child_nodes(node), level)

    def looked_up(self, node: ast.expr, owner: ast.expr, key: ast.expr | None, level: str) -> None:
        """A name that is computed, in a dictionary of names."""
        name = self.names.resolve(owner)
        if not (is_namespace(name) or name == "builtins") or isinstance(self.names.fold(key), str):
            return
        own = isinstance(key, ast.Name) and key.id == "__name__" and not self.names.bound["__name__"]
        if not own and not (isinstance(key, ast.Attribute) and key.attr == "__module__"):
            self.report("namespace", "globals()[…]" if name == "namespace" else f"{name}[…]", node, level)

    def kind(self, name: str) -> str:
        last = name.rpartition(".")[2]
        if not name or last.endswith(("Error", "Exception", "Warning", "Expired")):
            return ""
        for star in self.names.stars if name.startswith("builtins.") else ():
            kind = kind_of_name(f"{star}.{name.partition('.')[2]}")
            if kind:
                return kind
        return kind_of_name(name)

    def call(self, node: ast.Call, level: str) -> None:
        name = self.names.resolve(node.func)
        if isinstance(node.func, ast.Name) and not name and self.names.stars:
            name = next(
                (f"{star}.{node.func.id}" for star in self.names.stars if kind_of_name(f"{star}.{node.func.id}")), ""
            )
        kind = self.kind(name)
        given = [*node.args, *(word.value for word in node.keywords)]
        taints = self.taints.of(given) if kind or name in IMPORTERS else ()
        for use in any_call(name, node, self.names):
            self.told(use, node, level)
        if name in PATHS:
            path = self.names.fold(node)
            if isinstance(path, str):
                self.text(path, node, level)
        if kind:
            self.known(kind, name, node, level, taints)
        else:
            self.unknown(name, node, level, taints)
            self.visit(node.func, level)
            self.escaping(node, level)
        self.each(node.args, level)
        self.each((word.value for word in node.keywords), level)

    def told(self, use: Use, node: ast.AST, level: str) -> None:
        self.report(use.kind, use.name, node, level, use.traits)

    def known(self, kind: str, name: str, node: ast.Call, level: str, taints: tuple[str, ...]) -> None:
        """A call of something that is looked for: its arguments say how bad it is."""
        use = known_call(kind, name, node, self.names, taints)
        if use is not None:
            self.told(use, node, level)
        folded = self.names.fold(node.args[0]) if node.args else None
        if kind == "run-code" and isinstance(folded, str | bytes) and self.depth < NESTED:
            self.inner(folded, level)

    def unknown(self, name: str, node: ast.Call, level: str, taints: tuple[str, ...]) -> None:
        """Calls that only some arguments make interesting."""
        for use in other_call(name, node, self.names, taints):
            if use.kind == "operator":
                self.report("operator", _text(node.func), node, level)
            else:
                self.told(use, node, level)
        if isinstance(node.func, ast.Attribute):
            owner = self.names.resolve(node.func.value)
            passed = ("keys", "update", "__contains__", "__getattribute__", "setdefault", "__setitem__")
            if is_namespace(owner) and node.func.attr not in passed:
                self.looked_up(node, node.func.value, node.args[0] if node.args else None, level)
        if name in ("threading.Thread", "threading.Timer") and level == "import":
            self.report("hook", name, node, level)

    def inner(self, text: str | bytes, level: str) -> None:
        """Code in a constant text that is run: it is looked into like the file itself."""
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return
        names = Names(tree, self.names)
        for use in Walk(tree, names, self.depth + 1).run():
            when = level if use.level == "import" else use.level
            key = (use.kind, use.name, when, use.traits)
            self.uses.setdefault(key, use._replace(level=when))

    def patched(self, node: ast.Assign | ast.AugAssign | ast.Delete, level: str) -> None:
        """`torch.load = mine`, `sys.modules["x"] = y`, `builtins.print = z`."""
        for target in [node.target] if isinstance(node, ast.AugAssign) else node.targets:
            if isinstance(target, ast.Subscript):
                owner = self.names.resolve(target.value)
                own = isinstance(target.slice, ast.Name) and target.slice.id == "__name__"
                if owner == "sys.modules" and not own:
                    kind = "patch" if isinstance(node, ast.Delete) else "import-hook"
                    self.report(kind, "sys.modules", node, level)
                elif owner in ("sys.meta_path", "sys.path_hooks", "builtins.__dict__", "builtins"):
                    self.report("import-hook", owner, node, level)
            elif isinstance(target, ast.Attribute):
                owner = self.names.resolve(target.value)
                name = f"{owner}.{target.attr}"
                if target.attr in ("__code__", "__globals__", "__closure__"):
                    self.report("patch", target.attr, node, level)
                elif owner in ("builtins", "importlib") or name in ("sys.meta_path", "sys.path_hooks", "sys.modules"):
                    self.report("import-hook", name, node, level)
                elif owner in MODULES or (owner and target.attr in PATCHED):
                    self.report("patch", name, node, level)
                elif (
                    target.attr == "check_hostname"
                    and isinstance(node, ast.Assign)
                    and is_constant(node.value, value=False)
                ):
                    self.report("insecure", "check_hostname = False", node, level)
            elif isinstance(node, ast.AugAssign):
                name = self.names.resolve(target)
                if name in ("sys.meta_path", "sys.path_hooks"):
                    self.report("import-hook", name, node, level)

    def joined(self, node: ast.BinOp | ast.JoinedStr, level: str) -> None:
        """A text that is put together; the outermost expression says what it is."""
        if id(node) not in self._folded:
            text = self.names.fold(node)
            if isinstance(text, str):
                self.text(text, node, level)
            self._folded.update(id(part) for part in ast.walk(node) if isinstance(part, ast.BinOp))
        self.each(ast.iter_child_nodes(node), level)

    def text(self, value: str, node: ast.AST, level: str) -> None:
        """What a constant text names."""
        for word in identity(value):
            self.report("identity", word, node, level)
        if VAULT.search(value) and not any(one.startswith("azure.") for one in self.names.modules):
            self.report("identity", "vault.azure.net", node, level)
        if value in PRELOADED:
            self.report("preload", value, node, level)
        found = secret_file(value)
        if found:
            self.report("secret-file", found, node, level)
        for use in leaking(value):
            self.told(use, node, level)


def _text(node: ast.AST) -> str:
    try:
        return ast.unparse(node)[:SHOWN]
    except (RecursionError, ValueError):
        return type(node).__name__


def walk(tree: ast.Module, called: tuple[str, ...] = ()) -> Iterator[SourceUse]:
    """What a file does, in no order; `offset` is the line. `called`: see `roads.py`."""
    yield from Walk(tree, Names(tree), called=called).run()
