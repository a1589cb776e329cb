"""Keeps whole what the machine shortens: everything that goes into containers and objects, in its order.

A scan needs the shapes of values; whoever takes the values out needs all of them. The machine tells a keeper of each
filling while it follows the opcodes, so that what is taken out is what was judged.
"""

from __future__ import annotations

from weighbridge.core.limits import Limits
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.state import Exhausted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from weighbridge.core.facts import CallMode

MOST = 1_000_000
"""Values that are kept of one pickle; a checkpoint of 100,000 tensors has 900,000."""


class Filling(NamedTuple):
    """Values that were put into one container or object at once: keys and items in turn for `setitem`."""

    mode: CallMode
    values: tuple[object, ...]


class Keeper:
    """The fillings of one pickle, by what was filled."""

    def __init__(self, most: int = MOST) -> None:
        self._left = most
        self._of: dict[int, tuple[object, list[Filling]]] = {}
        self._raw: dict[int, tuple[int, int]] = {}

    def filled(self, target: object, mode: CallMode, values: Sequence[object]) -> None:
        """Something is filled. Raises Exhausted when no more values are kept."""
        self._left -= 1 + len(values)
        if self._left < 0:
            raise Exhausted("values")
        # The target is kept beside its fillings so that its identity stays its own.
        self._of.setdefault(id(target), (target, []))[1].append(Filling(mode, tuple(values)))

    def followed(self, target: object, start: int, size: int) -> None:
        """Raw bytes of the array `target` stand in the stream at `start`."""
        self._raw[id(target)] = (start, size)

    def raw(self, target: object) -> tuple[int, int] | None:
        """Place and size of the raw bytes that follow `target` in the stream, as joblib writes them."""
        return self._raw.get(id(target))

    def targets(self) -> Iterator[object]:
        """Everything that was filled."""
        return (target for target, _ in self._of.values())

    def of(self, target: object) -> Sequence[Filling]:
        """What was put into `target`, in order."""
        return self._of.get(id(target), (None, ()))[1]


def kept_limits(limits: Limits) -> Limits:
    """Limits under which the machine lets go of no value before the keeper is full."""
    return limits._replace(values=max(limits.values, 2 * MOST), memo=max(limits.memo, 2 * MOST))
