"""The walk over a Python file: every reference to something that reaches outside, when it runs, and with what.

Not only calls count: `Thread(target=os.system)`, `@os.system` and `{"a": eval}["a"]` reach the same. What stands at the
level of the module or of a class, in decorators and in default arguments runs on import, and so do functions that are
called there.
"""

from __future__ import annotations

import ast
import re

from weighbridge.core.facts import SourceUse
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.python.names import Names, argument, constants, is_namespace
from weighbridge.formats.python.sinks import DECODERS, EXACT, IMPORTERS, MODULES, kind_of_name

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN = 160
NESTED = 3
"""How deep code inside constant texts that are run is looked into."""
CREDENTIALS = (
    "169.254.169.254", "metadata.google.internal", "IDENTITY_ENDPOINT", "MSI_ENDPOINT", "/metadata/identity/oauth2",
    "168.63.129.16",
)  # fmt: skip
"""Addresses and variables by which a machine hands out its own identity (Azure and Google documentation, 2026-11)."""
SECRETS = re.compile(
    r"\.ssh/|\.aws/|\.azure/|\.kube/config|\.netrc|\.docker/config|huggingface/token|/proc/\w+/environ|/etc/shadow|"
    r"/var/run/secrets|\.git-credentials|\.pypirc|id_rsa|id_ed25519"
)
PERSISTENT = re.compile(
    r"site-packages|sitecustomize|usercustomize|\.pth$|\.bashrc|\.bash_profile|\.profile$|\.zshrc|authorized_keys|crontab|"
    r"/etc/cron|/etc/systemd|autostart|LaunchAgents|Startup"
)
WALKED = frozenset(("__subclasses__", "__globals__", "__builtins__", "f_globals", "f_builtins", "tb_frame", "gi_frame"))
PRELOADED = frozenset(("LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "PYTHONSTARTUP", "BASH_ENV"))
"""Variables that make every program that is started from here run something else first."""
_WRITERS = frozenset(("write_text", "write_bytes", "copy", "copyfile", "copy2", "move", "symlink", "symlink_to"))
STARTERS = frozenset(
    """system popen Popen check_output check_call getoutput getstatusoutput startfile execl execle execlp execv execve
    execvp execvpe spawnl spawnle spawnlp spawnv spawnve spawnvp posix_spawn posix_spawnp subprocess_exec
    subprocess_shell load_extension enable_load_extension""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Methods that start programs, whatever the object is that has them."""
_LOOKED_AT = frozenset(
    f"builtins.{name}" for name in ("getattr", "hasattr", "setattr", "delattr", "vars", "isinstance")
)
_NETWORK = ("http", "socket")
_NAMED = frozenset(("run-code", "process", "socket", "pickle", "marshal", "native"))
"""What counts when it is named without being called: it may be called elsewhere."""


class Walk:
    """One file. `uses` collects what is found, equal ones counted."""

    def __init__(self, tree: ast.Module, names: Names, depth: int = 0) -> None:
        self.tree = tree
        self.names = names
        self.depth = depth
        # Whoever can change `__name__` decides what is only a script.
        self.scripts = not names.bound["__name__"] and not any(
            isinstance(node, ast.Call) and is_namespace(names.resolve(node)) for node in ast.walk(tree)
        )
        self.on_import = _called_on_import(tree)
        self.followed = _followed(tree, names)
        self.origins: dict[str, tuple[str, ...]] = {}
        self.uses: dict[tuple[str, str, str, tuple[str, ...]], SourceUse] = {}

    def run(self) -> list[SourceUse]:
        """Everything found. Raises RecursionError for expressions that are nested too deeply."""
        for node in self.tree.body:
            self.visit(node, "import")
        return list(self.uses.values())

    def report(self, kind: str, name: str, node: ast.AST, level: str, traits: tuple[str, ...] = ()) -> None:
        key = (kind, name, level, traits)
        seen = self.uses.get(key)
        if seen is not None:
            self.uses[key] = seen._replace(times=seen.times + 1)
            return
        line = getattr(node, "lineno", 1)
        self.uses[key] = SourceUse(kind, name[:200], _text(node), level, traits, line)

    def visit(self, node: ast.AST, level: str) -> None:
        """Look at one node and what is in it."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.function(node, level)
        elif isinstance(node, ast.Lambda):
            self.arguments(node.args, level)
            self.visit(node.body, "call" if level == "import" else level)
        elif isinstance(node, ast.If) and self.scripts and _is_main(node.test):
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
            self.constant(node, level)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "trust_remote_code" and _is(value, value=True):
                    self.report("remote-code", "trust_remote_code=True", node, level)
            self.each(ast.iter_child_nodes(node), level)
        elif isinstance(node, ast.AnnAssign):
            self.annotation(node.annotation, level)
            self.each((one for one in (node.target, node.value) if one is not None), level)
        else:
            if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
                self.patched(node, level)
            self.each(ast.iter_child_nodes(node), level)

    def each(self, nodes: object, level: str) -> None:
        for node in nodes:  # type: ignore[attr-defined]  # any iterable of nodes
            self.visit(node, level)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, level: str) -> None:
        self.each(node.decorator_list, level)
        self.arguments(node.args, level)
        self.annotation(node.returns, level)
        inner = "import" if level == "import" and node.name in self.on_import else "call"
        self.each(node.body, inner if level != "main" else "main")

    def arguments(self, node: ast.arguments, level: str) -> None:
        """Default values and annotations, which run where the function is defined."""
        self.each((one for one in [*node.defaults, *node.kw_defaults] if one is not None), level)
        every = [*node.posonlyargs, *node.args, *node.kwonlyargs, node.vararg, node.kwarg]
        for one in every:
            self.annotation(one.annotation if one is not None else None, level)

    def annotation(self, node: ast.expr | None, level: str) -> None:
        """Names in an annotation are types; only calls do something."""
        waiting: list[ast.AST] = [node] if node is not None else []
        while waiting:
            part = waiting.pop()
            if isinstance(part, ast.Call):
                self.visit(part, level)
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
            if kind in _NAMED and not name.startswith("types.") and not name.rpartition(".")[2].isupper():
                self.report(kind, name, node, level, (*self.hidden(node), "named"))
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

    def hidden(self, node: ast.expr) -> tuple[str, ...]:
        """Whether the name is put together: by constants that are no plain text of the source."""
        for part in ast.walk(node):
            if isinstance(part, ast.Call):
                function = self.names.resolve(part.func)
                if function in IMPORTERS or function == "builtins.getattr":
                    given = argument(part, 0, "name") if function in IMPORTERS else argument(part, 1, "")
                    if given is not None and not isinstance(given, ast.Constant):
                        return ("hidden",)
            elif (
                isinstance(part, ast.Subscript)
                and not isinstance(part.slice, ast.Constant)
                and self.names.resolve(part)
            ):
                return ("hidden",)
        return ()

    def call(self, node: ast.Call, level: str) -> None:
        name = self.names.resolve(node.func)
        if isinstance(node.func, ast.Name) and not name and self.names.stars:
            name = next(
                (f"{star}.{node.func.id}" for star in self.names.stars if kind_of_name(f"{star}.{node.func.id}")), ""
            )
        kind = self.kind(name)
        if kind:
            self.known(kind, name, node, level)
        else:
            self.unknown(name, node, level)
            self.visit(node.func, level)
            self.escaping(node, level)
        self.each(node.args, level)
        self.each((word.value for word in node.keywords), level)

    def known(self, kind: str, name: str, node: ast.Call, level: str) -> None:
        """A call of something that is looked for: its arguments say how bad it is."""
        taints = self.taints([*node.args, *(word.value for word in node.keywords)])
        words: dict[str | None, ast.expr] = {word.arg: word.value for word in node.keywords}
        first = node.args[0] if node.args else next(iter(words.values()), None)
        folded = self.names.fold(first)
        traits = [*taints, *self.hidden(node.func)]
        if isinstance(first, ast.Constant):
            traits.append("literal")
        elif isinstance(folded, str | bytes):
            traits.append("folded")
        if kind == "torch-load" and _is(words.get("weights_only"), value=True):
            return
        allowed = words.get("allow_pickle") or (node.args[2] if len(node.args) > 2 else None)
        if kind == "numpy-load" and None not in words and (allowed is None or _is(allowed, value=False)):
            return
        if kind == "yaml" and name in ("yaml.load", "yaml.load_all"):
            loader = words.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
            if loader is not None and "Safe" in _text(loader):
                return
        if kind == "keras-load" and _is(words.get("safe_mode"), value=True):
            return
        if kind == "process" and _is(words.get("shell"), value=True):
            traits.append("shell")
        self.report(kind, name, node, level, tuple(sorted(set(traits))))
        if kind == "run-code" and isinstance(folded, str | bytes) and self.depth < NESTED:
            self.inner(folded, level)

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

    def unknown(self, name: str, node: ast.Call, level: str) -> None:
        """Calls that only some arguments make interesting."""
        if name in IMPORTERS:
            self.by_name(name, node, level)
        looked_up = name == "builtins.getattr" and len(node.args) >= 2
        if looked_up and self.names.resolve(node.args[0]) in MODULES:
            self.computed(node, level)
        if name == "builtins.setattr" and node.args and self.names.resolve(node.args[0]) in MODULES:
            self.report("patch", name, node, level)
        if isinstance(node.func, ast.Attribute):
            self.method(node, node.func, level)
        if name == "builtins.open" or (isinstance(node.func, ast.Attribute) and node.func.attr in _WRITERS):
            self.written(name, node, level)
        if name in ("sys.path.insert", "sys.path.append", "sys.path.extend") and node.args:
            place = self.names.fold(node.args[-1])
            if isinstance(place, str) and re.match(r"[/~\\]|[A-Za-z]:", place):
                self.report("import-path", name, node, level)
        whole = [one for one in node.args if self.names.resolve(one) == "os.environ"]
        if whole and name in ("builtins.dict", "builtins.str", "json.dumps", "builtins.list", "builtins.print"):
            self.report("environment", "os.environ", node, level)
        for word in node.keywords:
            if word.arg == "trust_remote_code" and _is(word.value, value=True):
                self.report("remote-code", "trust_remote_code=True", node, level)
        base = node.func
        while isinstance(base, ast.Attribute):
            base = base.value
        if isinstance(base, ast.Name) and base.id == "ops" and not self.names.bound["ops"]:
            self.report("operator", _text(node.func), node, level)

    def by_name(self, name: str, node: ast.Call, level: str) -> None:
        """`__import__(…)` and `import_module(…)`: what is no plain text is worth telling."""
        given = argument(node, 0, "name")
        if isinstance(given, ast.Constant):
            return
        taints = self.taints([*node.args, *(word.value for word in node.keywords)])
        if isinstance(self.names.fold(given), str):
            self.report("import-hidden", name, node, level, taints)
        else:
            self.report("import-computed", name, node, level, (*taints, *(("below",) if _is_below(given) else ())))

    def method(self, node: ast.Call, function: ast.Attribute, level: str) -> None:
        """A method of something: of a dictionary of names, or one that starts programs."""
        owner = self.names.resolve(function.value)
        if function.attr == "__getattribute__" and owner in MODULES:
            if not (node.args and isinstance(self.names.fold(node.args[-1]), str)):
                self.report("getattr-computed", f"{owner}.__getattribute__", node, level)
        elif is_namespace(owner) and function.attr not in ("keys", "update", "__contains__"):
            self.looked_up(node, function.value, node.args[0] if node.args else None, level)
        own = isinstance(function.value, ast.Name) and function.value.id in ("self", "cls")
        defined = own and self.names.bound[function.attr]
        if function.attr in STARTERS and "" in self.names.candidates(function) and not defined:
            self.report("process", f"?.{function.attr}", node, level, ("named",))

    def computed(self, node: ast.Call, level: str) -> None:
        """`getattr(os, …)`: with a constant name it was resolved and is judged by that."""
        if not isinstance(self.names.fold(node.args[1]), str):
            self.report("getattr-computed", "getattr", node, level)

    def written(self, name: str, node: ast.Call, level: str) -> None:
        """Files that are written where something starts by itself."""
        mode = next(
            (self.names.fold(one) for one in [*node.args[1:2], *(w.value for w in node.keywords if w.arg == "mode")]),
            "r",
        )
        if name == "builtins.open" and not (isinstance(mode, str) and set(mode) & set("wax+")):
            return
        for text in constants(node):
            if isinstance(text, str) and PERSISTENT.search(text):
                self.report("persistence", text[:80], node, level)
                return
        folded = self.names.fold(node.args[0]) if node.args else None
        if isinstance(folded, str) and PERSISTENT.search(folded):
            self.report("persistence", folded[:80], node, level)

    def patched(self, node: ast.Assign | ast.AugAssign | ast.Delete, level: str) -> None:
        """`torch.load = mine`, `sys.modules["x"] = y`, `builtins.print = z`."""
        targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
        for target in targets:
            if isinstance(target, ast.Subscript) and self.names.resolve(target.value) == "sys.modules":
                if not (isinstance(target.slice, ast.Name) and target.slice.id == "__name__"):
                    self.report("patch", "sys.modules", node, level)
            elif isinstance(target, ast.Attribute):
                owner = self.names.resolve(target.value)
                if target.attr == "__code__":
                    self.report("patch", "__code__", node, level)
                elif owner in MODULES or f"{owner}.{target.attr}" in (
                    "torch.load",
                    "ssl._create_default_https_context",
                ):
                    self.report("patch", f"{owner}.{target.attr}", node, level)

    def constant(self, node: ast.Constant, level: str) -> None:
        if isinstance(node.value, str):
            for word in CREDENTIALS:
                if word in node.value:
                    self.report("identity", word, node, level)
            if node.value in PRELOADED:
                self.report("preload", node.value, node, level)
            found = SECRETS.search(node.value)
            if found and len(node.value) < 300:
                self.report("secret-file", found[0], node, level)

    def taints(self, nodes: list[ast.expr]) -> tuple[str, ...]:
        """Where the values of these expressions come from."""
        found: set[str] = set()
        for node in nodes:
            for part in ast.walk(node):
                found.update(self.source(part))
                if isinstance(part, ast.Name):
                    found.update(self.origin(part))
        return tuple(sorted(found))

    def origin(self, node: ast.Name) -> tuple[str, ...]:
        """Where the values come from that a name was set to; each name is followed once."""
        if node.id not in self.origins:
            self.origins[node.id] = ()
            self.origins[node.id] = self.taints(self.names.assigned.get(node.id, []))
        return self.origins[node.id]

    def source(self, part: ast.AST) -> Iterator[str]:
        """What one part of an expression brings in."""
        if isinstance(part, ast.Call):
            name = self.names.resolve(part.func)
            attribute = part.func.attr if isinstance(part.func, ast.Attribute) else ""
            if name in DECODERS or attribute in ("b64decode", "fromhex", "decompress"):
                yield "decoded"
            if (name and kind_of_name(name) in _NETWORK) or attribute == "urlopen":
                yield "downloaded"
            if attribute == "metadata" and not part.args:
                yield "metadata"
            if name == "builtins.open" or attribute in ("read_text", "read_bytes"):
                yield "file"
        elif (
            isinstance(part, ast.Subscript)
            and isinstance(part.slice, ast.Constant)
            and part.slice.value == "__metadata__"
        ):
            yield "metadata"
        elif isinstance(part, ast.Attribute) and self.names.resolve(part) in ("os.environ", "os.getenv"):
            yield "environment"


def _called_on_import(tree: ast.Module) -> frozenset[str]:
    """Functions that the module calls at its own level, and those that they call."""
    functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.setdefault(node.name, []).append(node)
    found: set[str] = set()
    waiting: list[ast.AST] = [node for node in tree.body if not (isinstance(node, ast.If) and _is_main(node.test))]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(part.decorator_list)
            continue
        if isinstance(part, ast.Call):
            name = part.func.id if isinstance(part.func, ast.Name) else getattr(part.func, "attr", "")
            if name in functions and name not in found:
                found.add(name)
                waiting.extend(one for function in functions[name] for one in function.body)
        waiting.extend(ast.iter_child_nodes(part))
    return frozenset(found)


def _followed(tree: ast.Module, names: Names) -> frozenset[int]:
    """The `id` of each expression whose value is only looked at, or followed: see `formats/python/names.py`."""
    found: set[int] = set()
    waiting: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Expr):
            waiting.append(node.value)
        elif isinstance(node, ast.Assign | ast.NamedExpr | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if all(isinstance(target, ast.Name | ast.Tuple) for target in targets):
                paired = isinstance(node.value, ast.Tuple) and isinstance(targets[0], ast.Tuple)
                waiting.extend(node.value.elts if paired else [node.value])  # type: ignore[attr-defined]  # a tuple
        elif isinstance(node, ast.Compare):
            waiting.extend(node.comparators)
        elif isinstance(node, ast.Call) and node.args and names.resolve(node.func) in _LOOKED_AT:
            waiting.append(node.args[0])
    while waiting:
        node = waiting.pop()
        found.add(id(node))
        if isinstance(node, ast.IfExp):
            waiting += [node.body, node.orelse]
        elif isinstance(node, ast.BoolOp):
            waiting += node.values
    return frozenset(found)


def _is_below(node: ast.expr | None) -> bool:
    """Whether a name that is put together begins with the name of a package, or relatively: nothing else is reached."""
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        node = node.left
    first = node.value if isinstance(node, ast.Constant) else ""
    return isinstance(first, str) and "." in first and first.partition(".")[0] not in MODULES


def _is_main(test: ast.expr) -> bool:
    """`__name__ == "__main__"`, and nothing else that looks like it."""
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and len(test.ops) == 1
        and isinstance(test.ops[0], ast.Eq)
        and isinstance(test.comparators[0], ast.Constant)
        and test.comparators[0].value == "__main__"
    )


def _is(node: ast.expr | None, *, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _text(node: ast.AST) -> str:
    try:
        return ast.unparse(node)[:SHOWN]
    except (RecursionError, ValueError):
        return type(node).__name__


def walk(tree: ast.Module) -> Iterator[SourceUse]:
    """What a file does, in no order; `offset` is the line."""
    yield from Walk(tree, Names(tree)).run()
