"""What the world is known to contain: data files with a source and a date on each entry, never code.

Files are JSON with one entry per line, so that a change reads well in review and loading costs a millisecond.
The knowledge version in every report is the digest of `index.json`, which names every other file with its own digest:
same bytes and same knowledge give the same report.
"""

from __future__ import annotations

import os
from functools import cached_property

from weighbridge.core.classes import Classes, KnownClass
from weighbridge.core.digests import digest_bytes
from weighbridge.core.errors import UsageError
from weighbridge.core.knowledge_files import FOLDER, read_bytes
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.foreign_names import ForeignNames
    from weighbridge.core.keras_names import KerasNames
    from weighbridge.core.operators import Operators
    from weighbridge.core.r_names import RNames
    from weighbridge.core.tensorflow_operators import TensorflowOperators

_TRUSTS = {
    "inert": ("inert", (), ()),
    "inert-dict": ("inert", (), ("state",)),
    "container": ("container", ("()",), ()),
    "function": ("function", (), ()),
    "review": ("review", (), ()),
    "enum": ("enum", ("(int)", "(str)", "(float)", "(bool)"), ()),
}
"""What is derived of a class, as an entry: its trust, and the shapes of arguments and states that are harmless."""


MANY = 200
"""Names after which it costs less to know where each line is than to search for the next one."""


class GlobalEntry(NamedTuple):
    """What is known about one dotted name that a pickle may import.

    `trust`: `dangerous` runs code, reaches files or the network, or leads to something that does; `callable` may be
    called with any constant arguments, and so may an `enum`; `container` may be filled too; `inert` may be referenced,
    created and given a state, but not called; `function` may only be referenced; `review` runs code of its own that a
    person has to read.
    `arguments`: for `callable`, the argument shapes that are harmless (empty: any constants), in the
    language of `rules/shapes.py`. `states`: the shapes of states that are (empty: any).
    """

    name: str
    trust: str
    why: str
    arguments: tuple[str, ...]
    states: tuple[str, ...] = ()


class Globals:
    """Known globals: exact names, prefixes that end in a dot and hold for everything below them, and derived classes.

    The file has one entry per line. It is searched, not parsed as a whole: a model names a few of the many globals.
    Whoever asks for many gets a list of where each line begins.
    """

    __slots__ = (
        *("_classes", "_entries", "_lookalikes", "_packages", "_raw", "_read", "_renamed", "_rows", "_segments"),
        *("_searched", "_starts"),
    )

    def __init__(self, raw: bytes, classes: Classes | None = None) -> None:
        self._raw = raw
        self._classes = classes
        self._rows: dict[str, dict[str, Any] | None] = {}
        self._entries: dict[str, GlobalEntry | None] = {}
        self._read = False
        self._renamed: dict[str, str] = {}
        self._segments: frozenset[str] = frozenset()
        self._packages: tuple[str, ...] = ()
        self._lookalikes: dict[str, str] = {}
        self._searched = 0
        self._starts: dict[bytes, int] = {}

    def find(self, name: str) -> GlobalEntry | None:
        """The entry for a dotted name; None if it is not known.

        An exact entry comes first, then a class or function whose source was read and found harmless, then the longest
        prefix: a prefix says what a module is for, not what each class in it does.

        An attribute path through another module (`collections._sys.modules`) or into the object model
        (`x.__class__`) is dangerous wherever it starts.

        Raises UsageError if the knowledge file is broken: without knowledge nothing is judged.
        """
        if name not in self._entries:
            self._entries[name] = self._find(name)
        return self._entries[name]

    def _find(self, name: str) -> GlobalEntry | None:
        if not self._read:
            self._read_head()
        name = self._renamed.get(name, name)
        row = self._row(name)
        if row is not None:
            return _entry(row)
        known = self._classes.find(name) if self._classes else None
        if known is not None and known.trust != "review":
            return _derived(name, known)
        end = name.rfind(".")
        while end > 0:
            parent = name[: end + 1]
            renamed = self._renamed.get(parent)
            if renamed is not None:
                return self.find(renamed + name[end + 1 :])
            row = self._row(parent)
            if row is not None:
                return _entry(row)
            end = name.rfind(".", 0, end)
        if known is not None:
            return _derived(name, known)
        through = self._segments.intersection(name.split(".")[1:])
        if through:
            return GlobalEntry(name, "dangerous", f"reaches {min(through)} through another module", ())
        return None

    def mistaken_for(self, name: str) -> str:
        """The well-known package that the top package of a dotted name could be taken for, or an empty string.

        Two names are alike if they differ in one letter or in the order of two, or in letters of another script.
        """
        if not self._read:
            self._read_head()
        top = name.partition(".")[0]
        if top in self._packages:
            return ""
        if top in self._lookalikes:
            return self._lookalikes[top]
        return next((package for package in self._packages if _alike(top, package)), "")

    def package(self, name: str) -> bool:
        """Whether a dotted name lies in a package that is well known or whose source was read."""
        if not self._read:
            self._read_head()
        top, dot, _ = name.partition(".")
        return bool(dot) and (top in self._packages or (self._classes is not None and self._classes.package(top)))

    def _read_head(self) -> None:
        import json

        head, entries, _ = self._raw.partition(b'"entries": [')
        try:
            table: dict[str, Any] = json.loads(head + entries + b"]}")
            self._renamed = table["renamed"]
            self._segments = frozenset(table["segments"])
            self._packages = tuple(table["packages"])
            self._lookalikes = table["lookalikes"]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(f"the knowledge of globals is broken: {error}", "reinstall weighbridge") from error
        self._read = True

    def _row(self, name: str) -> dict[str, Any] | None:
        """The line of an exact name. Names are stored in ASCII, without quotes: anything else has no line."""
        if name not in self._rows:
            self._rows[name] = self._line(name)
        return self._rows[name]

    def _line(self, name: str) -> dict[str, Any] | None:
        if not name.isascii() or not name.isprintable() or '"' in name or "\\" in name:
            return None
        start = self._start(name.encode())
        if not start:
            return None
        import json

        try:
            row: dict[str, Any] = json.loads(self._raw[start : self._raw.index(b"\n", start)].rstrip(b","))
        except ValueError as error:
            raise UsageError(f"the knowledge of globals is broken: {error}", "reinstall weighbridge") from error
        return row

    def _start(self, name: bytes) -> int:
        """Where the line of a name begins; 0 if it has none."""
        if self._searched < MANY:
            self._searched += 1
            return self._raw.find(b'\n{"name": "' + name + b'"') + 1
        if not self._starts:
            import re

            # Whole before anybody sees it: threads share this, and what has no line is not known.
            starts: dict[bytes, int] = {}
            for line in re.finditer(rb'\n\{"name": "([^"\n]*)"', self._raw):
                starts.setdefault(line[1], line.start() + 1)
            self._starts = starts
        return self._starts.get(name, 0)


class Knowledge:
    """All knowledge that one run uses, and the version that names it. Tables are opened when they are asked for."""

    def __init__(self, version: str, known: Globals, folder: str, index: bytes) -> None:
        self.version = version
        self.globals = known
        self._folder = folder
        self._index = index

    @cached_property
    def operators(self) -> Operators:
        """Operators of ONNX, by domain."""
        from weighbridge.core.operators import Operators

        return Operators(self._folder, self._index)

    @cached_property
    def keras(self) -> KerasNames:
        """Classes and functions of Keras."""
        from weighbridge.core.keras_names import KerasNames

        return KerasNames(self._folder, self._index)

    @cached_property
    def tensorflow(self) -> TensorflowOperators:
        """Operators of TensorFlow, and what those do that leave the graph."""
        from weighbridge.core.tensorflow_operators import TensorflowOperators

        return TensorflowOperators(self._folder, self._index)

    @cached_property
    def tflite(self) -> Operators:
        """Operators of TFLite."""
        from weighbridge.core.operators import Operators

        return Operators(self._folder, self._index, "tflite")

    @cached_property
    def r(self) -> RNames:
        """Functions of R."""
        from weighbridge.core.r_names import RNames

        return RNames(self._folder, self._index)

    @cached_property
    def foreign(self) -> ForeignNames:
        """Classes of Lua, Java and Spark."""
        from weighbridge.core.foreign_names import ForeignNames

        return ForeignNames(self._folder, self._index)


def load_knowledge(folder: str = FOLDER) -> Knowledge:
    """Open the knowledge files. Raises UsageError if one is missing: without it nothing is judged."""
    raw = read_bytes(os.path.join(folder, "globals.json"))
    index = read_bytes(os.path.join(folder, "index.json"))
    _, _, version = raw[:400].partition(b'"version": "')
    name = version.partition(b'"')[0].decode("ascii", "replace")
    known = Globals(raw, Classes(os.path.join(folder, "classes"), index))
    return Knowledge(f"{name}+{digest_bytes(index).hex[:12]}", known, folder, index)


def _alike(name: str, package: str) -> bool:
    if len(name) != len(package) or len(name) < 5:
        return False
    differ = [place for place in range(len(name)) if name[place] != package[place]]
    if len(differ) == 2:
        first, second = differ
        swapped = name[first] == package[second] and name[second] == package[first]
        return swapped and second == first + 1
    return len(differ) == 1 or all(not name[place].isascii() for place in differ)


def _derived(name: str, known: KnownClass) -> GlobalEntry:
    trust, arguments, states = _TRUSTS[known.trust]
    return GlobalEntry(name, trust, known.why, arguments, states)


def _entry(row: dict[str, Any]) -> GlobalEntry:
    shapes = (tuple(row.get(field, ())) for field in ("arguments", "states"))
    return GlobalEntry(row["name"], row["trust"], row["why"], *shapes)
