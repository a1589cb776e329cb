"""Attributes of nodes of TensorFlow, looked at once more: texts and functions that they name."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.protobuf import BYTES
from weighbridge.formats.tensorflow.types import STRING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.formats.grammars.protobuf import Wire

NAME = 500
"""Bytes of a name that are kept."""
TEXTS = 64
"""Texts of one constant that are followed."""
STRINGS = 200
"""Characters of an operator's string attributes that are kept."""


class Attribute(NamedTuple):
    """One attribute of a node: its name, and where its AttrValue lies."""

    name: str
    start: int
    end: int


def called(wire: Wire, attribute: Attribute) -> Iterator[bytes]:
    """Functions that an attribute names."""
    for part in wire.fields(attribute.start, attribute.end):
        if part.kind != BYTES:
            continue
        inner = wire.fields(part.offset, part.offset + part.size) if part.number == 1 else iter((part,))
        for place in inner:
            if place.kind != BYTES or place.number != (9 if part.number == 1 else 10):
                continue
            for one in wire.fields(place.offset, place.offset + place.size):
                if one.number == 1 and one.kind == BYTES:
                    yield wire.payload(one.offset, min(one.size, NAME))


def texts(wire: Wire, attribute: Attribute) -> Iterator[str]:
    """Texts that an attribute holds: itself, in a list, or in a constant."""
    count = 0
    for part in wire.fields(attribute.start, attribute.end):
        if part.kind != BYTES or part.number not in (1, 2, 8):
            continue
        places = [part]
        if part.number in (1, 8):
            wanted = 2 if part.number == 1 else 8
            inner = wire.fields(part.offset, part.offset + part.size)
            places = []
            for one in inner:
                if one.number == wanted and one.kind == BYTES:
                    places.append(one)
                elif wanted == 8 and one.number == 1 and one.value not in (STRING, STRING + 100):
                    break
                if len(places) >= TEXTS:
                    break
        for place in places:
            count += 1
            if count <= TEXTS:
                yield _decoded(wire.payload(place.offset, min(place.size, 1000)))


def strings(wire: Wire, start: int, end: int) -> str:
    """The string attributes of a node, shortened."""
    found: list[str] = []
    for field in wire.fields(start, end):
        if field.number != 5 or field.kind != BYTES or len(found) >= 8:
            continue
        name, held = "", None
        for part in wire.fields(field.offset, field.offset + field.size):
            if part.kind == BYTES and part.number == 1:
                name = _decoded(wire.payload(part.offset, min(part.size, 50)))
            elif part.kind == BYTES:
                inner = wire.fields(part.offset, part.offset + part.size)
                held = next((one for one in inner if one.number == 2 and one.kind == BYTES and one.size), held)
        if held is not None and not name.startswith("_"):
            found.append(f"{name}={_decoded(wire.payload(held.offset, min(held.size, 100)))!r}")
    return ", ".join(found)[:STRINGS]


def _decoded(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
