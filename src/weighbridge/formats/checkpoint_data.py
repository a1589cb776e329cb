"""Tensors in the shards of a checkpoint whose elements have lengths of their own.

    STRING     varint length * count, u32 checksum of the lengths, the elements back to back
    VARIANT    for each: varint length, VariantTensorDataProto, u32 checksum

Elements are searched like text; one that is a format of its own is looked into.
Source: TensorFlow 2.21, `core/util/tensor_bundle/tensor_bundle.cc`, WriteStringTensor and WriteVariantTensor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weighbridge.core.facts import Child, Limit, Span, UnreadSpan
from weighbridge.formats.protobuf import BYTES, Field
from weighbridge.formats.tensorflow_graph import Walk
from weighbridge.formats.tensorflow_schema import VARIANT
from weighbridge.formats.text import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

_STEP = 64 * 1024
_SUM = 4
LONG = 64
"""Bytes of an element that is worth looking into."""


def strings(data: Reader, start: int, size: int, count: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    """The tensor of `count` strings from `start` on. Where it does not add up, it is unread."""
    end = start + size
    long: list[tuple[int, int]] = []
    place, total = start, 0
    for length, after in _lengths(data, start, end, count):
        if length >= LONG and len(long) <= budget.members:
            long.append((total, length))
        total += length
        place = after
        count -= 1
    if count or place + _SUM + total != end:
        yield UnreadSpan(start, size, "the lengths of the strings in it do not add up to the tensor")
        return
    first = place + _SUM
    yield Span(start, first - start, "parsed")
    yield Span(first, total, "data")
    yield from search_strings(data, first, total, "string tensor", budget)
    for shift, length in long:
        if budget.members <= 0:
            yield Limit("members", budget.limits.members, first + shift)
            return
        if not data.peek(first + shift, min(length, LONG)).isascii():
            budget.members -= 1
            yield Child("string", -1, length, data.part(first + shift, length))


def variants(data: Reader, start: int, size: int, count: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    """The tensor of `count` variants from `start` on: messages that hold tensors again."""
    end = place = start
    end += size
    walk = Walk(data, budget)
    for _ in range(count):
        found = next(_lengths(data, place, end, 1), None)
        if found is None or found[1] + found[0] + _SUM > end:
            break
        length, place = found
        yield from walk.plain(Field(0, BYTES, place, length, 0, place), VARIANT, 1)
        place += length + _SUM
    else:
        if place == end and not walk.wire.unknown:
            yield Span(start, size, "data")
            yield from walk.wire.oddities()
            return
    yield UnreadSpan(start, size, "the variants in it do not add up to the tensor, or hold what nobody defined")


def _lengths(data: Reader, start: int, end: int, count: int) -> Iterator[tuple[int, int]]:
    """Numbers from `start` on, each with the offset behind it; fewer than `count` where they break off."""
    raw, base = b"", start
    place = start
    for _ in range(count):
        value = shift = 0
        while True:
            if place - base >= len(raw):
                base, raw = place, data.peek(place, min(_STEP, end - place))
                if not raw:
                    return
            byte = raw[place - base]
            place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                return
        yield value, place
