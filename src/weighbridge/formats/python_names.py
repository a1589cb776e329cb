"""Names and constants of Python source: what an expression stands for, as far as the text itself says.

Imports and assignments are followed inside the file, `getattr` and `__import__` with constant names are looked through,
texts that are put together from constants are folded. Nothing is evaluated but operations on short constants.
"""

from __future__ import annotations

import ast
import binascii
import codecs
from typing import TYPE_CHECKING, Any

from weighbridge.formats.python_sinks import BUILTINS, IMPORTERS, plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDED = 64 * 1024
"""Characters or bytes of a constant that is put together."""
DEPTH = 12
"""How deep expressions and assignments are followed."""
CANDIDATES = 6
"""Assignments to one name that are followed."""
_ENCODINGS = frozenset(("utf-8", "utf8", "ascii", "latin-1", "latin1"))
_METHODS = frozenset(
    """join replace lower upper strip lstrip rstrip format encode decode split swapcase title hex zfill removeprefix
    removesuffix""".split()  # noqa: SIM905 -- words read better than a list of them
)


class Names:
    """What the names of one file are bound to, in any scope: scopes are not kept apart."""

    def __init__(self, tree: ast.AST) -> None:
        self.imports: dict[str, str] = {}
        self.assigned: dict[str, list[ast.expr]] = {}
        self.defined: set[str] = set()
        self.stars: list[str] = []
        # What a name stands for is asked again and again; a name that leads to itself stands for nothing.
        self._resolved: dict[str, str] = {}
        self._constants: dict[str, Any] = {}
        for node in ast.walk(tree):
            self._bind(node)

    def _bind(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for name in node.names:
                self.imports[name.asname or name.name.partition(".")[0]] = (
                    name.name if name.asname else name.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for name in node.names:
                if name.name == "*":
                    self.stars.append(node.module)
                else:
                    self.imports[name.asname or name.name] = f"{node.module}.{name.name}"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._target(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            self._target(node.target, node.value)
        elif isinstance(node, ast.For | ast.comprehension):
            items = node.iter.elts if isinstance(node.iter, ast.List | ast.Tuple) else []
            for item in items[:CANDIDATES]:
                self._target(node.target, item)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            self.defined.add(node.name)
        elif isinstance(node, ast.arg):
            self.defined.add(node.arg)

    def _target(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            self.assigned.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self":
            self.assigned.setdefault(f"self.{target.attr}", []).append(value)
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for one, part in zip(target.elts, value.elts, strict=True):
                self._target(one, part)

    def values(self, node: ast.expr) -> list[ast.expr]:
        """What a name or an attribute of `self` was set to."""
        return self.assigned.get(_key(node), [])[:CANDIDATES]

    def resolve(self, node: ast.expr, depth: int = DEPTH) -> str:
        """The dotted name that an expression stands for, or an empty string."""
        found = self._resolve(node, depth)
        return plain_name(found) if found else ""

    def _resolve(self, node: ast.expr, depth: int) -> str:
        if depth == 0:
            return ""
        if isinstance(node, ast.Name):
            return self._name(node, depth)
        if isinstance(node, ast.Attribute):
            base = self.resolve(node.value, depth - 1)
            return f"{base}.{node.attr}" if base else self._set_to(node, depth)
        if isinstance(node, ast.Call):
            return self._call(node, depth)
        if isinstance(node, ast.Subscript):
            return self._item(node, depth)
        if isinstance(node, ast.IfExp):
            return self.resolve(node.body, depth - 1) or self.resolve(node.orelse, depth - 1)
        if isinstance(node, ast.BoolOp):
            return next(filter(None, (self.resolve(one, depth - 1) for one in node.values)), "")
        if isinstance(node, ast.NamedExpr):
            return self.resolve(node.value, depth - 1)
        return ""

    def _name(self, node: ast.Name, depth: int) -> str:
        if node.id in self.imports:
            return self.imports[node.id]
        found = self._set_to(node, depth)
        if found:
            return found
        if node.id in self.assigned or node.id in self.defined:
            return ""
        if node.id in BUILTINS:
            return f"builtins.{node.id}"
        return "builtins" if node.id == "__builtins__" else ""

    def _set_to(self, node: ast.expr, depth: int) -> str:
        """The first of the values of a name that stands for something."""
        key = _key(node)
        if not key or key not in self.assigned:
            return ""
        if key not in self._resolved:
            self._resolved[key] = ""
            values = (self.resolve(one, depth - 1) for one in self.values(node))
            self._resolved[key] = next(filter(None, values), "")
        return self._resolved[key]

    def _call(self, node: ast.Call, depth: int) -> str:
        function = self.resolve(node.func, depth - 1)
        if function in IMPORTERS and node.args:
            name = self.fold(node.args[0], depth - 1)
            if isinstance(name, str) and name:
                whole = function == "importlib.import_module" or any(word.arg == "fromlist" for word in node.keywords)
                return name if whole or len(node.args) > 3 else name.partition(".")[0]
        if function == "builtins.getattr" and len(node.args) >= 2:
            base, name = self.resolve(node.args[0], depth - 1), self.fold(node.args[1], depth - 1)
            if base and isinstance(name, str):
                return f"{base}.{name}"
        if function in ("builtins.globals", "builtins.locals") or (function == "builtins.vars" and not node.args):
            return "namespace"
        if function == "builtins.vars":
            base = self.resolve(node.args[0], depth - 1)
            return f"{base}.__dict__" if base else ""
        if function.endswith((".__dict__.get", ".__getattribute__", "namespace.get", "sys.modules.get")) and node.args:
            name = self.fold(node.args[-1] if function.endswith("__getattribute__") else node.args[0], depth - 1)
            if isinstance(name, str):
                return self._member(function.rpartition(".")[0], name)
        return ""

    def _item(self, node: ast.Subscript, depth: int) -> str:
        base = self.resolve(node.value, depth - 1)
        key = self.fold(node.slice, depth - 1)
        if base and isinstance(key, str):
            return self._member(base, key)
        held = node.value
        for one in [held, *self.values(held)]:
            if isinstance(one, ast.Dict):
                for name, value in zip(one.keys, one.values, strict=True):
                    if isinstance(name, ast.Constant) and name.value == key:
                        return self.resolve(value, depth - 1)
            elif (
                isinstance(one, ast.List | ast.Tuple) and isinstance(key, int) and -len(one.elts) <= key < len(one.elts)
            ):
                return self.resolve(one.elts[key], depth - 1)
        return ""

    def _member(self, base: str, key: str) -> str:
        if base == "sys.modules":
            return key
        if base == "namespace":
            return (
                "builtins"
                if key == "__builtins__"
                else self.imports.get(key, f"builtins.{key}" if key in BUILTINS else "")
            )
        if base == "builtins" or base.endswith(".__dict__"):
            return f"{base.removesuffix('.__dict__')}.{key}"
        return ""

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
        if isinstance(node, ast.Name | ast.Attribute):
            key = _key(node)
            if key not in self._constants:
                self._constants[key] = None
                values = self.values(node)
                self._constants[key] = self.fold(values[-1], depth) if values else None
            return self._constants[key]
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
            return _formatted(left, right)
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
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            held = self.fold(node.func.value, depth)
            if isinstance(held, str | bytes):
                return _method(held, node.func.attr, arguments)
        function = self.resolve(node.func, depth)
        if function == "builtins.map" and len(node.args) == 2 and self.resolve(node.args[0], depth) == "builtins.chr":
            return [chr(one) for one in arguments[1]]
        if isinstance(node.func, ast.Name) and node.func.id == "reversed" and len(arguments) == 1:
            return arguments[0][::-1]
        if None in arguments:
            return None
        return _decoded(function, arguments)


def _key(node: ast.expr) -> str:
    """Under which key the values of a name, or of an attribute of `self`, are kept."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        return f"self.{node.attr}"
    return ""


def _formatted(pattern: str, values: Any) -> Any:
    # A width would fill the memory.
    if any(character.isdigit() or character == "*" for character in pattern):
        return None
    return pattern % (tuple(values) if isinstance(values, list) else values)


def _method(held: Any, name: str, arguments: list[Any]) -> Any:
    if name == "replace" and len(held) * max(1, len(arguments[1])) > FOLDED:
        return None
    if name == "join" and len(held) * len(arguments[0]) > FOLDED:
        return None
    if name in ("format", "zfill") and any(character.isdigit() for character in str(held)):
        return None
    if (
        name == "decode"
        and arguments
        and codecs.lookup(arguments[0]).name not in ("utf-8", "ascii", "latin-1", "iso8859-1")
    ):
        return None
    return getattr(held, name)(*arguments)


def _decoded(function: str, arguments: list[Any]) -> Any:
    """What a function of the standard library makes of constants."""
    if not arguments:
        return None
    first = arguments[0]
    if function == "builtins.chr":
        return chr(first)
    if function in ("builtins.str", "builtins.bytes") and len(arguments) == 1 and isinstance(first, list | str):
        return bytes(first) if isinstance(first, list) and function == "builtins.bytes" else str(first)
    if function in ("builtins.bytes.fromhex", "builtins.bytearray.fromhex", "binascii.unhexlify", "binascii.a2b_hex"):
        return bytes.fromhex(first if isinstance(first, str) else first.decode("ascii"))
    if function in ("base64.b64decode", "base64.urlsafe_b64decode", "base64.standard_b64decode", "binascii.a2b_base64"):
        raw = first.encode("ascii") if isinstance(first, str) else first
        return binascii.a2b_base64(raw.replace(b"-", b"+").replace(b"_", b"/"))
    if function in ("base64.b32decode", "base64.b16decode", "base64.b85decode", "base64.a85decode"):
        import base64

        return getattr(base64, function.partition(".")[2])(first)
    if function == "codecs.decode" and len(arguments) == 2:
        if str(arguments[1]).replace("_", "").lower() in ("rot13", "rot-13"):
            return codecs.decode(first, "rot13")
        if str(arguments[1]).lower() in ("hex", "hex_codec"):
            return bytes.fromhex(first if isinstance(first, str) else first.decode("ascii"))
        if str(arguments[1]).lower() in ("base64", "base64_codec"):
            return binascii.a2b_base64(first)
    if function == "zlib.decompress":
        import zlib

        return zlib.decompressobj().decompress(first, FOLDED)
    return None


def constants(node: ast.AST) -> Iterator[str | bytes]:
    """The texts and bytes that stand in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str | bytes):
            yield part.value
