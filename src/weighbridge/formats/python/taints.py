"""Where values of a Python file come from, and which of them are followed to where they go.

They come decoded or downloaded, out of metadata, a configuration, the environment or a file, or give access.
"""

from __future__ import annotations

import ast

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.python.constants import PATHS
from weighbridge.formats.python.places import identity, secret_file
from weighbridge.formats.python.sinks import DECODERS, kind_of_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.formats.python.names import Names

_NETWORK = ("http", "socket")
_CONFIGURATIONS = frozenset(
    """json.load json.loads tomllib.load tomllib.loads yaml.safe_load configparser.ConfigParser toml.load toml.loads
    transformers.AutoConfig.from_pretrained transformers.PretrainedConfig.from_pretrained""".split()  # noqa: SIM905 -- words read better than a list of them
)
_METADATA = frozenset(("gguf.GGUFReader.fields", "gguf.GGUFReader.get_field", "gguf.gguf_reader.GGUFReader.fields"))


_LOOKED_AT = frozenset(
    f"builtins.{name}" for name in ("getattr", "hasattr", "setattr", "delattr", "vars", "isinstance")
)


class Taints:
    """The origins of one file's values. Each name is followed once."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self._origins: dict[str, tuple[str, ...]] = {}

    def of(self, nodes: list[ast.expr]) -> tuple[str, ...]:
        """Where the values of these expressions come from, sorted."""
        found: set[str] = set()
        for node in nodes:
            for part in ast.walk(node):
                found.update(self._source(part))
                if isinstance(part, ast.Name):
                    found.update(self._origin(part.id))
        return tuple(sorted(found))

    def _origin(self, name: str) -> tuple[str, ...]:
        if name not in self._origins:
            self._origins[name] = ()
            self._origins[name] = self.of(self.names.assigned.get(name, []))
        return self._origins[name]

    def _source(self, part: ast.AST) -> Iterator[str]:
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
            if name in _CONFIGURATIONS:
                yield "configuration"
            if name in PATHS and _gives_access(self.names.fold(part)):
                yield "secret"
            if name == "builtins.open" or attribute in ("read_text", "read_bytes"):
                yield "file"
        elif isinstance(part, ast.Subscript):
            if isinstance(part.slice, ast.Constant) and part.slice.value == "__metadata__":
                yield "metadata"
        elif isinstance(part, ast.Attribute):
            name = self.names.resolve(part)
            if name in ("os.environ", "os.getenv"):
                yield "environment"
            elif name in _METADATA:
                yield "metadata"
        elif isinstance(part, ast.BinOp):
            if _gives_access(self.names.fold(part)):
                yield "secret"
        elif isinstance(part, ast.Constant) and _gives_access(part.value):
            yield "secret"


def _gives_access(text: object) -> bool:
    return isinstance(text, str) and bool(secret_file(text) or identity(text))


def followed_values(tree: ast.Module, names: Names) -> frozenset[int]:
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
