"""Where values of a Python file come from: decoded, downloaded, from metadata, a configuration, the environment, a file."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

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
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and (
            secret_file(part.value) or identity(part.value)
        ):
            yield "secret"
