"""What the variables of a template may hold: constants of the template, texts that it builds, or data from outside.

    {% set x = e %} {% for x in e %} {% with x = e %} {% macro m(x=e) %} m(e) namespace(x=e) {% set n.x = e %}

A variable may be set in many places, and all of them count, whatever their scope and order. What is learned is gone
through again until nothing new is found. Source: Jinja 3.1 documentation, "Template Designer Documentation".
"""

from __future__ import annotations

from jinja2 import nodes

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.templates.fold import TemplateError, every, folded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

ROUNDS = 40
"""How often all variables are gone through. Published templates need 3."""
CONSTANTS = 64
"""Different constants of one expression; beyond them it counts as a text that the template builds."""
DEPTH = 60
"""How deep an expression is followed."""
_BUILDS = frozenset(("join", "format", "replace", "reverse", "urlize", "indent", "center", "wordwrap", "tojson"))
"""Filters whose result is another text than what goes in."""
_METHODS = frozenset(("join", "format", "replace", "zfill", "center", "ljust", "rjust"))
_ARITHMETIC = (nodes.Sub, nodes.Div, nodes.FloorDiv, nodes.Pow, nodes.Neg, nodes.Pos)


class Held(NamedTuple):
    """What an expression may be.

    `constants` are values that stand in the template, `inside` those in its lists and dictionaries; `data` is true if
    it may come from outside, `built` if it may be a text that the template puts together.
    """

    constants: tuple[Any, ...] = ()
    inside: tuple[Any, ...] = ()
    data: bool = False
    built: bool = False


DATA = Held(data=True)
BUILT = Held(built=True)
_NOTHING = Held()
_Source = tuple[str, nodes.Node | None]


class Flow:
    """The variables of one template. Raises TemplateError where they cannot be told within the bounds."""

    def __init__(self, root: nodes.Template) -> None:
        found = list(every(root))
        self.macros = {node.name for node in found if isinstance(node, nodes.Macro)}
        self._sources: dict[str, list[_Source]] = {}
        for node in found:
            for name, how, value in _bindings(node):
                self._sources.setdefault(name, []).append((how, value))
        self._called(found)
        self.held: dict[str, Held] = {}
        self._seen: dict[int, Held] = {}
        for _ in range(ROUNDS):
            changed = False
            self._seen.clear()
            for name, sources in self._sources.items():
                now = _union((self.held.get(name, _NOTHING), *(self._source(one) for one in sources)))
                changed = changed or now != self.held.get(name)
                self.held[name] = now
            if not changed:
                return
        raise TemplateError("its variables are set to each other without end")

    def is_set(self, name: str) -> bool:
        """Whether the template itself gives this variable a value."""
        return name in self._sources

    def _called(self, found: Iterable[nodes.Node]) -> None:
        """What macros and the blocks of calls are called with: any argument may become any of their parameters."""
        parameters: dict[str, list[str]] = {}
        loops: list[nodes.Node] = []
        for node in found:
            if isinstance(node, nodes.Macro | nodes.CallBlock):
                name = node.name if isinstance(node, nodes.Macro) else "caller"
                parameters.setdefault(name, ["varargs", "kwargs"]).extend(one.name for one in node.args)
            elif isinstance(node, nodes.For) and node.recursive:
                loops.append(node.target)
        for node in found:
            if not isinstance(node, nodes.Call):
                continue
            function = node.node
            name = getattr(function, "attr", "") or getattr(function, "name", "")
            for given in (*node.args, *(pair.value for pair in node.kwargs)):
                for parameter in parameters.get(name, ()):
                    self._sources.setdefault(parameter, []).append(("is", given))
                for target in loops if name == "loop" else ():
                    for key, how, value in _target(target, "element", given):
                        self._sources.setdefault(key, []).append((how, value))

    def _source(self, source: _Source) -> Held:
        how, value = source
        if how == "data" or value is None:
            return DATA
        if how == "block":
            return _block(value)
        held = self.of(value)
        return held if how == "is" else _element(held)

    def of(self, node: nodes.Node | None, depth: int = 0) -> Held:
        """What an expression may be."""
        if node is None:
            return _NOTHING
        if depth > DEPTH:
            return BUILT
        known = self._seen.get(id(node))
        if known is None:
            known = self._seen[id(node)] = self._of(node, depth)
        return known

    def _of(self, node: nodes.Node, depth: int) -> Held:
        if isinstance(node, nodes.Const):
            return Held((node.value,))
        if isinstance(node, nodes.TemplateData):
            return Held((node.data,))
        if isinstance(node, nodes.Name):
            return self.held.get(node.name, DATA)
        if isinstance(node, nodes.Compare | nodes.Not | nodes.Test):
            return DATA
        parts = [self.of(part, depth + 1) for part in _parts(node)]
        constant = self._folded(node, parts)
        return constant if constant is not None else self._combined(node, parts, depth)

    def _folded(self, node: nodes.Node, parts: list[Held]) -> Held | None:
        """The one constant that an expression is, if everything in it is one."""
        if isinstance(node, nodes.CondExpr | nodes.Or | nodes.And) or not parts:
            return None
        if any(len(part.constants) != 1 or part.data or part.built for part in parts):
            return None
        value = folded(node, [part.constants[0] for part in parts])
        return None if value is None else Held((value,), _scalars(value))

    def _combined(self, node: nodes.Node, parts: list[Held], depth: int) -> Held:
        whole = _union(parts)
        if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict | nodes.Pair):
            return Held((), (*whole.constants, *whole.inside)[:CONSTANTS], whole.data, whole.built or _many(whole))
        if isinstance(node, nodes.CondExpr | nodes.Or | nodes.And):
            return whole
        if isinstance(node, _ARITHMETIC):
            return DATA
        if isinstance(node, nodes.Concat):
            return BUILT
        if isinstance(node, nodes.Add | nodes.Mul | nodes.Mod):
            text = whole.built or any(isinstance(one, str) for one in whole.constants)
            return Held((), whole.inside, whole.data, text)
        if isinstance(node, nodes.Getattr):
            named = self.held.get(f"{node.node.name}.{node.attr}") if isinstance(node.node, nodes.Name) else None
            return _union((_element(parts[0]), *([named] if named else [])))
        if isinstance(node, nodes.Getitem):
            named = self.held.get(f"{node.node.name}.*") if isinstance(node.node, nodes.Name) else None
            return _union((_element(parts[0]), *([named] if named else [])))
        if isinstance(node, nodes.Filter):
            built = node.name in _BUILDS
            return _flat(whole, built=built)
        if isinstance(node, nodes.Call):
            return self._call(node, whole, depth)
        return whole

    def _call(self, node: nodes.Call, whole: Held, depth: int) -> Held:
        function = node.node
        if isinstance(function, nodes.Name) and function.name in ("namespace", "dict"):
            return Held((), (*whole.constants, *whole.inside)[:CONSTANTS], whole.data, whole.built)
        if isinstance(function, nodes.Name) and (function.name in self.macros or function.name == "caller"):
            return BUILT
        if isinstance(function, nodes.Getattr):
            if function.attr in self.macros:
                return BUILT
            owner = self.of(function.node, depth + 1)
            return _flat(_union((owner, whole)), built=function.attr in _METHODS)
        return _flat(whole._replace(data=True), built=False)


def _bindings(node: nodes.Node) -> Iterator[tuple[str, str, nodes.Node | None]]:
    """The variables that a node sets, how (`is`, `element`, `block`, `data`), and from what."""
    if isinstance(node, nodes.Assign):
        yield from _target(node.target, "is", node.node)
    elif isinstance(node, nodes.AssignBlock):
        yield from _target(node.target, "block", node)
    elif isinstance(node, nodes.For):
        yield from _target(node.target, "element", node.iter)
    elif isinstance(node, nodes.With):
        for target, value in zip(node.targets, node.values, strict=True):
            yield from _target(target, "is", value)
    elif isinstance(node, nodes.Macro | nodes.CallBlock):
        # Defaults belong to the last parameters.
        plain = len(node.args) - len(node.defaults)
        for index, argument in enumerate(node.args):
            default = node.defaults[index - plain] if index >= plain else None
            yield argument.name, "is" if default is not None else "data", default
    elif isinstance(node, nodes.Import):
        yield node.target, "data", None
    elif isinstance(node, nodes.FromImport):
        for name in node.names:
            yield name if isinstance(name, str) else name[1], "data", None


def _target(target: nodes.Node, how: str, value: nodes.Node) -> Iterator[tuple[str, str, nodes.Node | None]]:
    if isinstance(target, nodes.Name):
        yield target.name, how, value
        if isinstance(value, nodes.Call):
            for pair in value.kwargs:
                yield f"{target.name}.{pair.key}", "is", pair.value
                yield f"{target.name}.*", "is", pair.value
    elif isinstance(target, nodes.NSRef):
        yield f"{target.name}.{target.attr}", how, value
        yield f"{target.name}.*", how, value
    elif isinstance(target, nodes.Tuple | nodes.List):
        parts = value.items if isinstance(value, nodes.Tuple | nodes.List) and how == "is" else []
        for index, part in enumerate(target.items):
            if len(parts) == len(target.items):
                yield from _target(part, how, parts[index])
            else:
                yield from _target(part, "element", value)


def _parts(node: nodes.Node) -> list[nodes.Node]:
    """The expressions that the value of an expression is made of."""
    if isinstance(node, nodes.CondExpr):
        return [part for part in (node.expr1, node.expr2) if part is not None]
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name):
        return [*node.args, *(pair.value for pair in node.kwargs)]
    return list(node.iter_child_nodes())


def _block(node: nodes.Node) -> Held:
    """`{% set x %}…{% endset %}`: a text; a constant if it is one piece of text without a filter."""
    if isinstance(node, nodes.AssignBlock) and node.filter is None and len(node.body) == 1:
        (output,) = node.body
        if isinstance(output, nodes.Output) and all(isinstance(part, nodes.TemplateData) for part in output.nodes):
            return Held(("".join(part.data for part in output.nodes if isinstance(part, nodes.TemplateData)),))
    return BUILT


def _element(held: Held) -> Held:
    """What a part of it may be."""
    found = (*held.inside, *(one for value in held.constants for one in _scalars(value)))
    # A part of a text that is one character builds nothing by itself.
    return _limited(found, held.inside, data=held.data or not found, built=held.built)


def _flat(held: Held, *, built: bool) -> Held:
    """What a call or a filter makes of it: any part, or another text."""
    scalars = (*held.constants, *(one for value in held.constants for one in _scalars(value)))
    return _limited((*scalars, *held.inside), held.inside, data=held.data, built=held.built or built)


def _scalars(value: Any) -> tuple[Any, ...]:
    """The constants in a list or tuple, at any depth."""
    found: list[Any] = []
    waiting = list(value) if isinstance(value, list | tuple) else []
    while waiting and len(found) <= CONSTANTS:
        one = waiting.pop(0)
        if isinstance(one, list | tuple):
            waiting.extend(one)
        else:
            found.append(one)
    return tuple(found)


def _union(parts: Iterable[Held]) -> Held:
    every_part = list(parts)
    return _limited(
        [one for part in every_part for one in part.constants],
        [one for part in every_part for one in part.inside],
        data=any(part.data for part in every_part),
        built=any(part.built for part in every_part),
    )


def _limited(constants: Iterable[Any], inside: Iterable[Any], *, data: bool, built: bool) -> Held:
    first, second = _distinct(constants), _distinct(inside)
    much = len(first) > CONSTANTS or len(second) > CONSTANTS
    return Held(tuple(first[:CONSTANTS]), tuple(second[:CONSTANTS]), data, built or much)


def _many(held: Held) -> bool:
    return len(held.constants) + len(held.inside) > CONSTANTS


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Each value once, in order; lists are compared by how they are written."""
    return list({(type(value), repr(value)): value for value in values}.values())
