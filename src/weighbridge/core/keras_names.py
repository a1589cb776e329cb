"""What is known of names in Keras configurations: whose modules they are, public classes and functions, gadgets.

`keras.json` is read at the first look-up, so that a scan without a Keras model does not pay for it. `index.json` names
it with its SHA-256: the version of the knowledge covers it.
"""

from __future__ import annotations

from weighbridge.core.knowledge_files import read_table
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

NAME = "keras"


class _Table(NamedTuple):
    modules: dict[str, str]
    gadgets: dict[tuple[str, str], str]
    classes: frozenset[str]
    functions: frozenset[str]
    plain: frozenset[str]


class KerasNames:
    """Known names of Keras."""

    __slots__ = ("_folder", "_index", "_table")

    def __init__(self, folder: str, index: bytes) -> None:
        self._folder = folder
        self._index = index
        self._table: _Table | None = None

    def module(self, name: str) -> str:
        """Whose module it is: `core` for Keras itself, `library` for one that goes with it, else empty.

        Raises UsageError if the knowledge file is missing, broken, or not the one that the index names.
        """
        modules = self._read().modules
        while name:
            if name in modules:
                return modules[name]
            name = name.rpartition(".")[0]
        return ""

    def gadget(self, package: str, name: str) -> str:
        """Why a function or class is dangerous; empty if it is not known to be. Raises UsageError like `module`.

        `package`: `keras` (any module of it), `builtins`, `tensorflow` (a part of a dotted name).
        """
        return self._read().gadgets.get((package, name), "")

    def is_class(self, name: str) -> bool:
        """Whether Keras has a public class of this name. Raises UsageError like `module`."""
        return name in self._read().classes

    def is_function(self, name: str, *, plain: bool = False) -> bool:
        """Whether Keras has a public function of this name. Raises UsageError like `module`.

        `plain`: one that goes by its name alone, as activations, losses and metrics do.
        """
        table = self._read()
        return name in (table.plain if plain else table.functions)

    def _read(self) -> _Table:
        if self._table is None:
            self._table = read_table(self._folder, NAME, "Keras", _known, self._index)
        return self._table


def _known(table: dict[str, Any]) -> _Table:
    names = [(row["kind"], row["module"], row["names"].split()) for row in table["names"]]
    functions = [(module, name) for kind, module, found in names if kind == "functions" for name in found]
    return _Table(
        {row["module"]: row["trust"] for row in table["modules"]},
        {(row["package"], name): row["why"] for row in table["gadgets"] for name in row["names"].split()},
        frozenset(name for kind, _, found in names if kind == "classes" for name in found),
        frozenset(name for _, name in functions),
        frozenset(name for module, name in functions if module != "keras.ops"),
    )
