"""Names and constants of Python source: what an expression may stand for, as far as the text itself says.

A name may be bound many times: all of its values count, and whoever asks gets the worst of them. Imports and
assignments are followed inside the file until nothing new is learned, `getattr` and `__import__` with constant names
are looked through, texts that are put together from constants are folded. Nothing is evaluated but operations on short
constants, and a name folds only if it is bound once in the whole file.
"""

from __future__ import annotations

import ast
import binascii
from collections import Counter

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.python.constants import FOLDED, METHODS, decoded, formatted, method
from weighbridge.formats.python.scopes import Binding, bindings, inside_functions, shadowed
from weighbridge.formats.python.sinks import BUILTINS, BY_PATH, IMPORTERS, INSTANCES, MODULES, kind_of_name, plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, TypeVar

    _Answer = TypeVar("_Answer")

DEPTH = 40
"""How deep expressions are folded; what is deeper counts as computed."""
ROUNDS = 30
"""How often all assignments are gone through until nothing new is learned. Files of transformers need 4."""
FORGETTING = 8
"""Rounds in which a name may lose what it was thought to stand for, as more becomes known."""
CANDIDATES = 256
"""Different things that one name may stand for."""
ELEMENTS = 4096
"""Parts of the dictionaries and lists that one name may hold, as far as they stand for something."""
ANY = object()
"""The key of a part whose key is computed."""
PARTS = 8
"""Parts of a dotted name; `m = m.nn` would go on for ever."""
UNKNOWN = ("",)
_WORST = ("process", "run-code", "marshal", "pickle", "native", "socket")
_HARMLESS = len(_WORST) + 2


class Names:
    """What the names of one file may be bound to. Raises RecursionError where this cannot be told within the bounds."""

    def __init__(self, tree: ast.Module, outer: Names | None = None) -> None:
        self.imports: dict[str, list[str]] = {key: list(names) for key, names in outer.imports.items()} if outer else {}
        self.assigned: dict[str, list[ast.expr]] = {}
        self.stars: list[str] = list(outer.stars) if outer else []
        self.bound: Counter[str] = Counter()
        """How often a name is bound or deleted, in any way."""
        self._followed: Counter[str] = Counter()
        self._shadowed = shadowed(tree, BUILTINS)
        self._table: dict[str, tuple[str, ...]] = {}
        self._parts: dict[str, tuple[tuple[Any, str], ...]] = {}
        self._seen: dict[int, tuple[str, ...]] = {}
        self._constants: dict[str, Any] = {}
        self._locals: tuple[frozenset[int], frozenset[str]] = (frozenset(), frozenset())
        for found in bindings(tree):
            self._bind(found)
        self.modules: set[str] = {name for names in self.imports.values() for name in names} | set(self.stars)
        """Everything that is imported, by its dotted name."""
        self.words: set[str] = set()
        """Short constant texts of the file."""
        self._once: dict[tuple[str, str], Any] = {}
        self.bases: dict[str, list[ast.expr]] = {}
        """The classes of the file, and what they derive from."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 20:
                self.words.add(node.value)
            elif isinstance(node, ast.ClassDef):
                self.bases.setdefault(node.name, []).extend(node.bases)
        if any(isinstance(node, ast.Name) and node.id == "locals" for node in ast.walk(tree)):
            self._locals = inside_functions(tree)
        self._settle()

    def _bind(self, found: Binding) -> None:
        self.bound[found.name] += found.counts
        if found.star:
            self.stars.append(found.imported)
        elif found.imported:
            self.imports.setdefault(found.name, []).append(found.imported)
            self._followed[found.name] += 1
        elif found.values:
            self.assigned.setdefault(found.name, []).extend(found.values)
            self._followed[found.name] += 1

    def _settle(self) -> None:
        for turn in range(ROUNDS):
            changed = False
            self._seen.clear()
            self._constants.clear()
            for key, values in self.assigned.items():
                before, parts_before = self._table.get(key, ()), self._parts.get(key, ())
                # Names that are set to each other may go round for ever: from here on nothing is forgotten.
                kept, kept_parts = (before, parts_before) if turn >= FORGETTING else ((), ())
                found = tuple(dict.fromkeys((*kept, *(one for value in values for one in self.candidates(value)))))
                parts = tuple(dict.fromkeys((*kept_parts, *(one for value in values for one in self._elements(value)))))
                if len(found) > CANDIDATES or len(parts) > ELEMENTS:
                    raise RecursionError
                changed = changed or set(found) != set(before) or set(parts) != set(parts_before)
                self._table[key], self._parts[key] = found, parts
            if not changed:
                return
        raise RecursionError

    def _elements(self, held: ast.expr) -> Iterator[tuple[Any, str]]:
        """What the parts of a dictionary or list may stand for, by key (ANY if that is computed) or by index."""
        if isinstance(held, ast.Dict):
            for key, value in zip(held.keys, held.values, strict=True):
                name = key.value if isinstance(key, ast.Constant) else ANY
                yield from ((name, one) for one in self.candidates(value) if one)
        elif isinstance(held, ast.List | ast.Tuple):
            for index, value in enumerate(held.elts):
                for one in self.candidates(value):
                    if one:
                        yield index, one
                        yield index - len(held.elts), one

    def once(self, question: str, name: str, answer: Callable[[], _Answer]) -> _Answer:
        """The answer to a question about what a name was set to, which is found once however often it is asked."""
        key = (question, name)
        if key not in self._once:
            self._once[key] = None  # for a name that is set to itself
            self._once[key] = answer()
        found: _Answer = self._once[key]
        return found

    def resolve(self, node: ast.expr) -> str:
        """The worst of the dotted names that an expression may stand for, or an empty string."""
        found = self.candidates(node)
        return found[0] if len(found) == 1 else min(found, key=_harm)

    def certain(self, node: ast.expr) -> str:
        """The dotted name that an expression stands for if it can stand for nothing else, or an empty string."""
        found = self.candidates(node)
        return found[0] if len(found) == 1 else ""

    def candidates(self, node: ast.expr) -> tuple[str, ...]:
        """All dotted names that an expression may stand for; an empty one if it may be something else."""
        known = self._seen.get(id(node))
        if known is None:
            known = tuple(dict.fromkeys(plain_name(one) if one else "" for one in self._candidates(node))) or UNKNOWN
            self._seen[id(node)] = known
        return known

    def _candidates(self, node: ast.expr) -> tuple[str, ...]:
        if isinstance(node, ast.Name):
            return self._name(node)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return tuple(one for function in self.candidates(node.func) for one in self._result(function, node))
        if isinstance(node, ast.Subscript):
            return self._item(node)
        if isinstance(node, ast.IfExp):
            return self.candidates(node.body) + self.candidates(node.orelse)
        if isinstance(node, ast.BoolOp):
            return tuple(found for one in node.values for found in self.candidates(one))
        if isinstance(node, ast.NamedExpr):
            return self.candidates(node.value)
        return UNKNOWN

    def _name(self, node: ast.Name) -> tuple[str, ...]:
        name = node.id
        found = [*self.imports.get(name, ()), *self._table.get(name, ())]
        if name in BUILTINS and id(node) not in self._shadowed:
            found.append(f"builtins.{name}")
        if name == "__builtins__":
            found.append("builtins")
        if self.bound[name] > self._followed[name]:
            found.append("")
        return tuple(found)

    def _attribute(self, node: ast.Attribute) -> tuple[str, ...]:
        found = [
            f"{base}.{node.attr}" if base and base.count(".") < PARTS else "" for base in self.candidates(node.value)
        ]
        return (*found, *self._table.get(_key(node), ()))

    def _result(self, function: str, node: ast.Call) -> tuple[str, ...]:
        """What a call of `function` gives."""
        if function in IMPORTERS:
            name = self.fold(argument(node, 0, "name"))
            if not isinstance(name, str) or not name:
                return UNKNOWN
            whole = function == "importlib.import_module" or any(word.arg == "fromlist" for word in node.keywords)
            return (name if whole or len(node.args) > 3 else name.partition(".")[0],)
        if function in INSTANCES:
            return (function,)
        if function in BY_PATH:
            name = self.fold(argument(node, 0, "name"))
            return (name.replace(":", "."),) if isinstance(name, str) and name else UNKNOWN
        if function == "builtins.getattr" and len(node.args) >= 2:
            name = self.fold(node.args[1])
            if isinstance(name, str):
                return tuple(f"{base}.{name}" if base else "" for base in self.candidates(node.args[0]))
        if function == "builtins.locals" and id(node) in self._locals[0] and not self._harmful_locals():
            return UNKNOWN
        if function in ("builtins.globals", "builtins.locals") or (function == "builtins.vars" and not node.args):
            return ("namespace",)
        if function == "builtins.vars":
            return tuple(f"{base}.__dict__" if base else "" for base in self.candidates(node.args[0]))
        owner, _, attribute = function.rpartition(".")
        if node.args and (attribute == "__getattribute__" or (attribute in _GETTERS and is_namespace(owner))):
            name = self.fold(node.args[-1 if attribute == "__getattribute__" else 0])
            if isinstance(name, str):
                return self._member(owner, name)
        return UNKNOWN

    def _harmful_locals(self) -> bool:
        """Whether a name that some function binds may stand for something that reaches outside of the program."""
        return any(
            _harm(one) < _HARMLESS
            for name in self._locals[1]
            for one in (*self.imports.get(name, ()), *self._table.get(name, ()))
        )

    def _item(self, node: ast.Subscript) -> tuple[str, ...]:
        key = self.fold(node.slice)
        found: list[str] = []
        for base in self.candidates(node.value):
            found.extend(self._member(base, key) if base and isinstance(key, str) else UNKNOWN)
        for name, one in (*self._elements(node.value), *self._parts.get(_key(node.value), ())):
            if key is None or name is ANY or name == key:
                found.append(one)
        return tuple(found)

    def _member(self, base: str, key: str) -> tuple[str, ...]:
        if base == "sys.modules":
            return (key,)
        if base == "namespace":
            if key == "__builtins__":
                return ("builtins",)
            found = [*self.imports.get(key, ()), *self._table.get(key, ())]
            return (*found, f"builtins.{key}" if key in BUILTINS else "")
        if base == "builtins" or base.endswith(".__dict__"):
            return (f"{base.removesuffix('.__dict__')}.{key}",)
        return (f"{base}.{key}",) if base in MODULES else UNKNOWN

    def fold(self, node: ast.expr | None, depth: int = DEPTH) -> Any:
        """The constant that an expression is, or None. Texts and bytes are at most FOLDED long."""
        if node is None or depth <= 0:
            return None
        if isinstance(node, ast.Constant):
            return node.value
        try:
            value = self._folded(node, depth - 1)
        except (
            ValueError,
            TypeError,
            IndexError,
            KeyError,
            LookupError,
            AttributeError,
            OverflowError,
            binascii.Error,
        ):
            return None
        if isinstance(value, str | bytes | list | tuple) and len(value) > FOLDED:
            return None
        return value

    def _folded(self, node: ast.expr, depth: int) -> Any:
        if isinstance(node, ast.Name):
            if node.id not in self._constants:
                self._constants[node.id] = None
                self._constants[node.id] = self._only_value(node.id, depth)
            return self._constants[node.id]
        if isinstance(node, ast.BinOp):
            return self._operation(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -self.fold(node.operand, depth)
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            parts = [self.fold(one, depth) for one in node.elts[:FOLDED]]
            return None if None in parts else parts
        if isinstance(node, ast.JoinedStr):
            parts = [self.fold(one.value if isinstance(one, ast.FormattedValue) else one, depth) for one in node.values]
            return None if None in parts else "".join(map(str, parts))
        if isinstance(node, ast.Subscript):
            held = self.fold(node.value, depth)
            if isinstance(node.slice, ast.Slice):
                cut = [self.fold(one, depth) for one in (node.slice.lower, node.slice.upper, node.slice.step)]
                return held[slice(*cut)]
            return held[self.fold(node.slice, depth)]
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return self._each(node, depth)
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        return None

    def _operation(self, node: ast.BinOp, depth: int) -> Any:
        left, right = self.fold(node.left, depth), self.fold(node.right, depth)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Mod) and isinstance(left, str):
            return formatted(left, right)
        if isinstance(node.op, ast.Div) and isinstance(left, str) and isinstance(right, str):
            return f"{left}/{right}"  # of two texts only paths can be made so
        if isinstance(left, int) and isinstance(right, int) and abs(left) < 1 << 32 and abs(right) < 1 << 16:
            whole = {ast.Sub: int.__sub__, ast.BitXor: int.__xor__, ast.Mult: int.__mul__, ast.Mod: int.__mod__}
            return whole[type(node.op)](left, right)
        if isinstance(node.op, ast.Mult) and isinstance(right, int) and 0 <= right * len(left) <= FOLDED:
            return left * right
        return None

    def _each(self, node: ast.ListComp | ast.GeneratorExp, depth: int) -> Any:
        """`chr(c ^ 7) for c in [1, 2]`: one loop over constants, with one variable."""
        (loop,) = node.generators
        items = self.fold(loop.iter, depth)
        if not isinstance(loop.target, ast.Name) or loop.ifs or len(items) > FOLDED // 16:
            return None
        name = loop.target.id
        found = []
        for item in items:
            self._constants[name] = item
            found.append(self.fold(node.elt, depth))
        self._constants.pop(name, None)
        return None if None in found else found

    def _called(self, node: ast.Call, depth: int) -> Any:
        arguments = [self.fold(one, depth) for one in node.args]
        if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
            held = self.fold(node.func.value, depth)
            if isinstance(held, str | bytes):
                return method(held, node.func.attr, arguments)
        function = self.certain(node.func)
        if function == "builtins.map" and len(node.args) == 2 and self.certain(node.args[0]) == "builtins.chr":
            return [chr(one) for one in arguments[1]]
        if function == "builtins.reversed" and len(arguments) == 1:
            return arguments[0][::-1]
        if None in arguments or node.keywords:
            return None
        return decoded(function, arguments)

    def _only_value(self, name: str, depth: int) -> Any:
        """The constant that a name stands for wherever it is used: bound once, and nothing that can be changed."""
        values = self.assigned.get(name, [])
        if len(values) != 1 or self.bound[name] != 1 or name in self.imports:
            return None
        value = self.fold(values[0], depth)
        return value if isinstance(value, str | bytes | int) else None


_GETTERS = frozenset(("get", "pop", "__getitem__", "setdefault"))


def is_namespace(owner: str) -> bool:
    """Whether a dotted name is a dictionary of names: of the module, all modules, or a module that reaches out."""
    return owner in ("namespace", "sys.modules") or (
        owner.endswith(".__dict__") and owner.removesuffix(".__dict__") in (*MODULES, "namespace")
    )


def argument(node: ast.Call, index: int, name: str) -> ast.expr | None:
    """An argument by its place or its name."""
    if len(node.args) > index:
        return node.args[index]
    return next((word.value for word in node.keywords if word.arg == name), None)


def _harm(name: str) -> int:
    kind = kind_of_name(name)
    if kind:
        return _WORST.index(kind) if kind in _WORST else len(_WORST)
    if name in MODULES or is_namespace(name) or name in IMPORTERS or name == "builtins.getattr":
        return len(_WORST) + 1
    return _HARMLESS + (0 if name else 1)


def _key(node: ast.expr) -> str:
    """Under which key the values of a name, or of an attribute of `self`, are kept."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return ""


def constants(node: ast.AST) -> Iterator[str | bytes]:
    """The texts and bytes that stand in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
            yield part.value
