"""Elements put into their order: what a transposed, sliced or repeated tensor is when it is written.

The output is made block by block. For each block, the source is read in windows that span its densest dimensions, and
whole rows of elements move by strided slices of memory, which is one operation each: a row may run along any
dimension, so the longest is taken. Memory is one block and one window, whatever the tensor.
"""

from __future__ import annotations

from itertools import product

from weighbridge.convert.region import swapped
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from weighbridge.convert.region import Region
    from weighbridge.convert.views import View

BLOCK = 8 * 1024 * 1024
"""Bytes of output that are put together at a time."""
WINDOW = 4 * 1024 * 1024
"""Bytes of the source that are read at a time."""
_FORMATS: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Axis(NamedTuple):
    """A dimension of a block: its length, and the steps in elements, of the source and of the block."""

    length: int
    source: int
    target: int


def ordered(view: View, region: Region) -> Iterator[memoryview]:
    """The bytes of a tensor in the order of its elements, in blocks."""
    if view.elements == 0:
        return
    lengths, steps = folded(view.shape, view.strides)
    inner = view.elements
    depth = 0
    # The leading dimensions are walked until what is left of them fits into a block.
    while inner * view.item > BLOCK and depth < len(lengths):
        inner //= lengths[depth]
        depth += 1
    rows = max(1, BLOCK // (inner * view.item)) if depth else 1
    lead, cut = lengths[: max(0, depth - 1)], lengths[depth - 1] if depth else 1
    step = steps[depth - 1] if depth else 0
    for place in product(*map(range, lead)):
        base = view.offset + sum(index * stride for index, stride in zip(place, steps, strict=False))
        for row in range(0, cut, rows):
            count = min(rows, cut - row)
            axes = _axes((count, *lengths[depth:]), (step, *steps[depth:]))
            block = bytearray(count * inner * view.item)
            _fill(memoryview(block).cast(_FORMATS[view.item]), axes, base + row * step, view.item, region)
            yield memoryview(block)


def folded(shape: Sequence[int], strides: Sequence[int]) -> tuple[list[int], list[int]]:
    """The same elements in fewer dimensions: those of length 1 go, and neighbours that are one run become one."""
    lengths: list[int] = []
    steps: list[int] = []
    for length, stride in zip(shape, strides, strict=True):
        if length == 1:
            continue
        if lengths and steps[-1] == length * stride:
            lengths[-1] *= length
            steps[-1] = stride
        else:
            lengths.append(length)
            steps.append(stride)
    return lengths, steps


def _axes(lengths: Sequence[int], steps: Sequence[int]) -> list[Axis]:
    """The dimensions of a block, those with the largest step in the source first."""
    axes = []
    target = 1
    for length, step in zip(reversed(lengths), reversed(steps), strict=True):
        axes.append(Axis(length, step, target))
        target *= length
    return sorted((axis for axis in axes if axis.length > 1), key=lambda axis: -axis.source)


def _fill(block: memoryview, axes: list[Axis], base: int, item: int, region: Region) -> None:
    """Copy the elements of one block. Dimensions whose span does not fit into a window are walked one by one."""
    window = WINDOW // item
    spread = 0
    while spread < len(axes) and _span(axes[spread:]) > window:
        spread += 1
    inner, far = axes[spread:], axes[:spread]
    span = _span(inner)
    buffer = memoryview(bytearray((max(span, window) if far else span) * item))
    # Of the last dimension that does not fit, as many steps as do fit are read at once.
    last = far[-1] if far else Axis(1, 0, 0)
    together = max(1, min(last.length, (window - span) // last.source + 1)) if last.source else last.length
    for place in product(*(range(axis.length) for axis in far[:-1])):
        source = base + sum(index * axis.source for index, axis in zip(place, far, strict=False))
        target = sum(index * axis.target for index, axis in zip(place, far, strict=False))
        for first in range(0, last.length, together):
            count = min(together, last.length - first)
            here = [*([Axis(count, last.source, last.target)] if count > 1 else []), *inner]
            read = buffer[: _span(here) * item]
            region.into(read, (source + first * last.source) * item)
            _scatter(block[target + first * last.target :], swapped(read, region.swap).cast(_FORMATS[item]), here)


def _span(axes: Sequence[Axis]) -> int:
    """Elements of the source from the first to the last of these dimensions."""
    return 1 + sum((axis.length - 1) * axis.source for axis in axes)


def _scatter(block: memoryview, source: memoryview, axes: Sequence[Axis]) -> None:
    """Copy all elements of these dimensions, one strided slice for each row along the longest."""
    if not axes:
        block[0] = source[0]
        return
    along = max(axes, key=lambda axis: axis.length)
    others = [axis for axis in axes if axis is not along]
    reach = (along.length - 1) * along.target + 1
    span = (along.length - 1) * along.source + 1
    for place in product(*(range(axis.length) for axis in others)):
        first = sum(index * axis.source for index, axis in zip(place, others, strict=True))
        target = sum(index * axis.target for index, axis in zip(place, others, strict=True))
        if along.source:
            block[target : target + reach : along.target] = source[first : first + span : along.source]
        else:
            same = memoryview(source[first : first + 1].tobytes() * along.length)
            block[target : target + reach : along.target] = same.cast(_FORMATS[source.itemsize])
