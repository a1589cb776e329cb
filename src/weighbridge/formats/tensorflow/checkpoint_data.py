"""Tensors in the shards of a checkpoint whose elements have lengths of their own.

    STRING     varint length * count, u32 checksum of the lengths, the elements back to back
    VARIANT    for each: varint length, VariantTensorDataProto, u32 checksum

Elements are searched like text; one that is a format of its own is looked into.
Source: TensorFlow 2.21, `core/util/tensor_bundle/tensor_bundle.cc`, WriteStringTensor and WriteVariantTensor.
"""

from __future__ import annotations

from weighbridge.core.facts import Child, Limit, Span, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.grammars.protobuf import BYTES, Field
from weighbridge.formats.tensorflow.graph import Walk
from weighbridge.formats.tensorflow.schema import VARIANT
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import WINDOW, search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader

_STEP, _LONGEST = 64 * 1024, 10
"""Bytes read at a time where many numbers follow, and those of the longest number."""
_SUM = 4
KEY = "string tensor"


def strings(data: Reader, start: int, size: int, count: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    """The tensor of `count` strings from `start` on. Where it does not add up, it is unread."""
    place, total, left = start, 0, count
    for length, after in _lengths(data, start, start + size, count):
        total += length
        place = after
        left -= 1
    first = place + _SUM
    if left or first + total != start + size:
        yield UnreadSpan(start, size, "the lengths of the strings in it do not add up to the tensor")
        return
    yield Span(start, first - start, "parsed")
    yield Span(first, total, "data")
    # One after the other they would run into each other, and an object in one would not be seen.
    batch: list[str] = []
    waiting, place = 0, first
    for length, _ in _lengths(data, start, start + size, count):
        if length > WINDOW:
            yield from search_strings(data, place, length, KEY, budget)
            yield Child(KEY, -1, length, data.part(place, length))
        elif length >= SHORTEST:
            text = data.read(place, length).decode("latin-1")
            batch.append(text)
            waiting += length
            if not text.isprintable():
                if budget.members <= 0:
                    yield Limit("members", budget.limits.members, place)
                    return
                budget.members -= 1
                yield Child(KEY, -1, length, data.part(place, length))
            if waiting > WINDOW:
                yield from embedded_in_text("\n".join(batch), KEY, place, budget)
                batch, waiting = [], 0
        place += length
    yield from embedded_in_text("\n".join(batch), KEY, first, budget)


def variants(data: Reader, start: int, size: int, count: int, budget: Budget) -> Iterator[Fact | Span | Child]:
    """The tensor of `count` variants from `start` on: messages that hold tensors again."""
    end = place = start
    end += size
    walk = Walk(data, budget)
    for _ in range(count):
        found = next(_lengths(data, place, end, 1, _LONGEST), None)
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


def _lengths(data: Reader, start: int, end: int, count: int, step: int = _STEP) -> Iterator[tuple[int, int]]:
    """Numbers from `start` on, each with the offset behind it; fewer than `count` where they break off."""
    raw, base = b"", start
    place = start
    for _ in range(count):
        value = shift = 0
        while True:
            if place - base >= len(raw):
                base, raw = place, data.peek(place, min(step, end - place))
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
