"""When functions of a Python file run: on import, if the file calls them there or hands them to what calls them.

What runs: functions that are called by name at the level of the module, those that they call; methods that Python
calls by itself where a class is made, indexed or left (`__init_subclass__`, `__set_name__`, …); functions that are
given to what starts them: at the end of the program, on a signal, in a thread, when an object dies.
"""

from __future__ import annotations

import ast

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.formats.python.names import Names

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
STARTERS = frozenset(
    """atexit.register signal.signal threading.Thread threading.Timer _thread.start_new_thread multiprocessing.Process
    weakref.finalize weakref.ref sys.addaudithook sys.settrace sys.setprofile threading.settrace threading.setprofile
    os.register_at_fork asyncio.run asyncio.ensure_future asyncio.create_task builtins.map builtins.filter
    builtins.sorted builtins.max builtins.min functools.reduce""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Functions and classes that call what they are given."""
_STARTING = frozenset(
    ("submit", "apply_async", "add_done_callback", "call_soon", "call_later", "run_in_executor", "enter", "enterabs")
)
"""Methods that do the same, whatever the object is that has them."""
_HOOKS = frozenset(
    ("sys.excepthook", "sys.displayhook", "sys.unraisablehook", "sys.breakpointhook", "threading.excepthook")
)
_BY_CLASS = frozenset(
    ("__init_subclass__", "__set_name__", "__class_getitem__", "__prepare__", "__mro_entries__", "__instancecheck__")
)
"""Methods that run where a class is made or asked for; nobody has to make an object."""
_BY_OBJECT = frozenset(("__init__", "__new__", "__post_init__", "__del__", "__enter__", "__exit__"))
_BY_MODULE = frozenset(("__getattr__", "__dir__"))
_INSTALLED = frozenset(("run", "initialize_options", "finalize_options", "build_extensions", "build_extension"))
"""Methods of a command of setuptools, which runs them on installation."""


class Started:
    """What of one file runs on import; `functions` are the `id` of each."""

    def __init__(self, tree: ast.Module, names: Names, called: tuple[str, ...] = ()) -> None:
        """`called` is how the names of functions begin that whoever runs the file by its name calls."""
        self.names = names
        self.functions: set[int] = set()
        self._named: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
        self._classes: dict[str, list[ast.ClassDef]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._named.setdefault(node.name, []).append(node)
            elif isinstance(node, ast.ClassDef):
                self._classes.setdefault(node.name, []).append(node)
        self._waiting: list[ast.AST] = [
            node for node in tree.body if not (isinstance(node, ast.If) and is_main(node.test))
        ]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
                node.name in _BY_MODULE or node.name.startswith(called)
            ):
                self._start(node)
        while self._waiting:
            self._look(self._waiting.pop())

    def _look(self, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            if not isinstance(node, ast.Lambda):
                self._waiting.extend(node.decorator_list)
                if any(self._starts(one) for one in node.decorator_list):
                    self._start(node)
            self._waiting.extend((*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)))
            return
        if isinstance(node, ast.ClassDef):
            self._class(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            self._methods(node.value.id, _BY_CLASS)
        elif isinstance(node, ast.Assign) and any(self.names.resolve(one) in _HOOKS for one in node.targets):
            self._given(node.value)
        self._waiting.extend(ast.iter_child_nodes(node))

    def _class(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            if isinstance(base, ast.Name):
                self._methods(base.id, _BY_CLASS)
        for word in node.keywords:
            if word.arg == "metaclass" and isinstance(word.value, ast.Name):
                self._methods(word.value.id, _BY_OBJECT | _BY_CLASS | {"__call__"})

    def _call(self, node: ast.Call) -> None:
        function = node.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        for one in self._named.get(name, ()):
            self._start(one)
        if isinstance(function, ast.Lambda):
            self._start(function)
        if isinstance(function, ast.Name):
            self._methods(name, _BY_OBJECT | _BY_CLASS)
        if self._starts(function):
            for value in (*node.args, *(word.value for word in node.keywords)):
                self._given(value)
        for word in node.keywords:
            if word.arg == "cmdclass" and isinstance(word.value, ast.Dict):
                for value in word.value.values:
                    if isinstance(value, ast.Name):
                        self._methods(value.id, _INSTALLED)

    def _starts(self, function: ast.expr) -> bool:
        return self.names.resolve(function) in STARTERS or (
            isinstance(function, ast.Attribute) and function.attr in _STARTING
        )

    def _given(self, value: ast.expr) -> None:
        """A function that somebody else calls."""
        if isinstance(value, ast.Lambda):
            self._start(value)
            return
        name = value.id if isinstance(value, ast.Name) else getattr(value, "attr", "")
        for one in self._named.get(name, ()):
            self._start(one)

    def _methods(self, class_name: str, wanted: frozenset[str]) -> None:
        for found in self._classes.get(class_name, ()):
            for part in found.body:
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name in wanted:
                    self._start(part)

    def _start(self, function: _Function) -> None:
        if id(function) not in self.functions:
            self.functions.add(id(function))
            body = function.body if isinstance(function.body, list) else [function.body]
            self._waiting.extend(body)


def is_main(test: ast.expr) -> bool:
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
