"""How values go into other values: tuples, containers of the pickle itself, states, and what that weighs.

Everything else that is filled is a method call of the loader, and noted as one.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.pickle.opcodes import dunder_string
from weighbridge.pickle.state import NAME, Exhausted
from weighbridge.pickle.values import (
    CONSTANTS,
    KEPT_ITEMS,
    Container,
    Opaque,
    Run,
    all_constant,
    class_name,
    is_composite,
    shape,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.facts import CallMode
    from weighbridge.pickle.state import Machine

NOTES = frozenset(("__doc__", "__name__", "__module__", "__qualname__", "__orig_class__", "__version__"))
"""Names of the object model that only describe: libraries keep them among the attributes of an object."""
OWN = CONSTANTS | {tuple, Container}
"""Types of the values that a pickle makes without calling anything."""


def flattened(machine: Machine, values: list[object]) -> tuple[object, ...]:
    """A tuple of `values`; once enough nested values are kept, those inside keep only their shape."""
    machine.kept -= 1 + (len(values) >> 3)
    if machine.kept > 0:
        made = tuple(values)
        kinds = list(map(type, values))
        inner = kinds.count(tuple) + kinds.count(Container)
        if inner:
            weight = weigh(machine, values)
            if weight > inner:
                # The tuple is kept beside its weight so that its identity stays its own.
                machine.weights[id(made)] = (made, weight + 1)
        return made
    if len(values) > KEPT_ITEMS:
        return (Opaque("tuple", "constants" if all_constant(values) else "@…"),)
    return tuple(_flat_value(machine, value) if is_composite(value) else value for value in values)


def weigh(machine: Machine, values: Sequence[object]) -> int:
    """The number of values inside `values`, shared ones counted each time. Raises Exhausted if it is absurd."""
    total = 0
    for value in values:
        kind = type(value)
        if kind is Container:
            total += 1 + value.weight  # type: ignore[attr-defined] # it is a Container
        elif kind is tuple:
            known = machine.weights.get(id(value))
            total += known[1] if known else 1 + sum(type(item) in (tuple, Container) for item in value)  # type: ignore[attr-defined] # a tuple
    if total > machine.heaviest:
        raise Exhausted("sharing")
    return total


def _flat_value(machine: Machine, value: object) -> Opaque:
    """The one shared stand-in for all values of this shape."""
    form = shape(value)
    if len(machine.flat) > machine.budget.limits.facts or len(form) > NAME:
        form = "@…"
    stand_in = machine.flat.get(form)
    if stand_in is None:
        stand_in = machine.flat[form] = Opaque(form.removeprefix("@"), form)
    return stand_in


def grow(machine: Machine, target: object, values: list[object], mode: CallMode) -> None:
    """Put values into a container: harmless for those made by the pickle itself, a method call for all others."""
    machine.cost += len(values)
    if isinstance(target, Container):
        room = KEPT_ITEMS - len(target.items) if machine.kept > 0 else 0
        plain = values
        if Run in set(map(type, values)):
            plain = [value for value in values if not isinstance(value, Run)]
            target.runs = (*target.runs, *(value for value in values if isinstance(value, Run)))
            if len(target.runs) > KEPT_ITEMS:
                _search_runs(machine, target)
        target.more = target.more or len(plain) > room or len(plain) < len(values)
        if not all_constant(plain):
            target.constant = False
            target.objects = target.objects or not OWN.issuperset(map(type, plain))
            target.weight += weigh(machine, plain)
            if target.weight > machine.heaviest:
                raise Exhausted("sharing")
        if room > 0 and plain:
            target.items = (*target.items, *plain[:room])
            machine.kept -= min(room, len(plain))
        if mode == "setitem":
            for key in plain[::2]:
                # Text of Python 2 is kept as bytes, and the unpickler makes text of it.
                if isinstance(key, str | bytes) and key[:2] in ("__", b"__") and len(target.dunder) < 8:
                    name = key if isinstance(key, str) else key.decode("latin-1")
                    target.dunder = (*target.dunder, name) if name not in NOTES else target.dunder
        return
    machine.call(class_name(target), mode, tuple(values[:4]), _growth_shape(values))
    if machine.trace is not None:
        machine.trace.filled(machine.at, target, mode, values)


def state_shape(machine: Machine, state: object) -> str:
    """The shape of a BUILD state: `state` for attributes with ordinary names, else what is unusual about it."""
    if isinstance(state, Container) and state.kind == "dict":
        _search_runs(machine, state)
        return f"state with {', '.join(sorted(set(state.dunder)))}" if state.dunder else "state"
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], Container) and state[1].kind == "dict":
        slots = state_shape(machine, state[1])
        return f"({'None' if state[0] is None else state_shape(machine, state[0])}, {slots})"
    return shape(state, text=False)


def _search_runs(machine: Machine, container: Container) -> None:
    """Look for keys such as `__class__` in skipped runs, each of which is searched once."""
    runs, container.runs = container.runs, ()
    for run in runs:
        data = machine.reader.read(run.start, run.end - run.start)
        if b"__" not in data or not dunder_string().search(data):
            continue
        # Keys cannot be told from values without counting; a value that looks like such a key counts too.
        found = {value for value in machine.expand(run) if isinstance(value, str) and value.startswith("__")}
        container.dunder = tuple(sorted({*container.dunder, *(found - NOTES)}))[:8]


def _growth_shape(values: list[object]) -> str:
    return "constants" if all(isinstance(value, Run) or "@" not in shape(value) for value in values[:64]) else "@…"
