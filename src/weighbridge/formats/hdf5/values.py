"""What is in the values of an HDF5 file: texts, bytes, and what a heap keeps for them.

Numbers are data and not looked into, except where a loader could take them for bytes: elements of one byte, opaque
elements, and texts are searched for serialized objects. Opaque bytes that are of no known format stay unread if they
are more than a number has; NumPy marks its own types (dates) with a tag. Every value in a global heap is looked at
once, however many elements name it. Numbers of one byte are searched as text only if they begin like one.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Embedded, UnreadSpan
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.hdf5.file import UNDEFINED
from weighbridge.formats.hdf5.heaps import collection
from weighbridge.formats.hdf5.types import Datatype, Slot, holds, slots
from weighbridge.formats.texts.embedded import embedded_in_text, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.formats.hdf5.file import Hdf5File

ELEMENTS = 1000
"""Opaque elements of one value that are looked into; more stay unread."""
NUMBER = 16
"""Bytes of the longest opaque element that is taken for a number: bfloat16 and its like are written so."""
KEPT = 10_000
"""Datatypes of which something is remembered at a time."""
_BYTES = ("integer", "enum", "bitfield")


class About(NamedTuple):
    """What a datatype lets hide. `slots`: its references into heaps; `texts`, `opaque`: whether it has such parts."""

    type: Datatype
    searched: bool
    slots: list[Slot]
    texts: bool
    opaque: bool


def about(file: Hdf5File, kind: Datatype) -> About:
    """What is known of a datatype: it may have thousands of parts, and elements are many."""
    known = file.about.get(id(kind))
    if known is None or known.type is not kind:
        texts, opaque, places = holds(kind, ("string",)), holds(kind, ("opaque",)), slots(kind)
        byte = kind.size == 1 and kind.kind in _BYTES
        known = About(kind, bool(byte or texts or opaque or places), places, texts, opaque)
        if len(file.about) >= KEPT:
            file.about.clear()
        file.about[id(kind)] = known
    return known


def values(file: Hdf5File, key: str, kind: Datatype, raw: bytes, offset: int) -> Iterator[Fact | Child]:
    """Look into elements of one type that stand back to back at `offset`. Raises FormatError for broken references."""
    yield from _contents(file, key, kind, raw, offset)
    places = about(file, kind).slots
    if any(slot.base is not None and about(file, slot.base).slots for slot in places):
        raise FormatError("sequences of sequences are not read", offset)
    for start in range(0, len(raw) - kind.size + 1, kind.size) if places and kind.size else ():
        for slot in places:
            at = start + slot.offset
            length = 0 if slot.base is None else int.from_bytes(raw[at : at + 4], "little")
            found = _heap_value(file, raw, at + (0 if slot.base is None else 4), length, slot.base)
            if found is not None and slot.text:
                yield from _hidden(file, key, *found)
            elif found is not None and slot.base is not None:
                yield from _contents(file, key, slot.base, *found)


def leftovers(file: Hdf5File) -> Iterator[Fact | Child]:
    """Look into the values of global heaps that nobody names: a heap is read as a whole, so all of it is looked at."""
    for address, objects in file.collections.items():
        for index, (place, size) in objects.items():
            if (address, index) not in file.followed:
                yield from _hidden(file, "a heap", file.data.read(place, size), place)


def heap_texts(file: Hdf5File, kind: Datatype, raw: bytes) -> list[str]:
    """The texts that elements of a variable length stand for. Raises FormatError for broken references."""
    found = []
    for start in range(0, len(raw) - kind.size + 1, kind.size):
        length = int.from_bytes(raw[start : start + 4], "little")
        address = file.address(raw, start + 4)
        index = int.from_bytes(raw[start + 4 + file.offsets : start + kind.size], "little")
        if length and index:
            place, size = collection(file, address).get(index, (0, 0))
            content = file.data.read(place, min(length, max(size, 0)))
            file.texts -= len(content)
            if file.texts < 0:
                raise FormatError("values share the same text too often", place)
            found.append(content.rstrip(b"\0").decode("utf-8", "replace"))
        else:
            found.append("")
    return found


def _heap_value(file: Hdf5File, raw: bytes, place: int, length: int, base: Datatype | None) -> tuple[bytes, int] | None:
    """The value that a reference leads to, and where it stands; None if there is none or it was seen before."""
    address = file.address(raw, place)
    index = int.from_bytes(raw[place + file.offsets : place + file.offsets + 4], "little")
    if index == 0 or address in (UNDEFINED, 0) or (address, index) in file.followed:
        return None
    file.followed.add((address, index))
    objects = collection(file, address)
    offset, size = objects.get(index, (0, -1))
    wanted = length * base.size if base is not None else max(size, 0)
    if wanted != size:
        raise FormatError("a value is not in its heap", file.base + address)
    return file.data.read(offset, wanted), offset


def _contents(file: Hdf5File, key: str, kind: Datatype, raw: bytes, offset: int) -> Iterator[Fact | Child]:
    known = about(file, kind)
    if kind.kind == "opaque" and kind.size > NUMBER and not kind.tag.startswith("NUMPY:"):
        yield from _opaque(file, key, kind, raw, offset)
    elif kind.kind in ("string", "opaque"):
        yield from _hidden(file, key, raw, offset)
    elif kind.size == 1 and kind.kind in _BYTES:
        yield from _hidden(file, key, raw, offset, text=raw[:512].isascii())
    elif known.texts or known.opaque:
        yield from _hidden(file, key, raw, offset)
        if known.opaque:
            yield UnreadSpan(offset, len(raw), f"opaque bytes in {key[:100]!r} are inside of other elements")


def _opaque(file: Hdf5File, key: str, kind: Datatype, raw: bytes, offset: int) -> Iterator[Fact | Child]:
    count = len(raw) // kind.size
    for index in range(min(count, ELEMENTS)):
        start = index * kind.size
        piece = raw[start : start + kind.size]
        known = False
        for found in _hidden(file, key, piece, offset + start):
            known = True
            yield found
        if not known and piece.count(0) != len(piece):
            yield UnreadSpan(offset + start, len(piece), f"opaque bytes in {key[:100]!r} are of no known format")
    if count > ELEMENTS:
        rest = ELEMENTS * kind.size
        yield UnreadSpan(offset + rest, len(raw) - rest, f"{key[:100]!r} has more opaque elements than are read")


def _hidden(file: Hdf5File, key: str, raw: bytes, offset: int, *, text: bool = True) -> Iterator[Fact | Child]:
    """A serialized object or a program that bytes are, or hold as `text`."""
    kind = kind_of(raw)
    if kind == "zlib":
        yield Child(f"{key[:200]}:plain", -1, len(raw), Reader(MemorySource(raw)))
    elif kind:
        yield Embedded(key[:200], "plain", kind, len(raw), "", offset, raw[:24].hex())
        yield Child(f"{key[:200]}:plain", -1, len(raw), Reader(MemorySource(raw)))
    elif text:
        yield from embedded_in_text(raw.replace(b"\0", b"\n").decode("utf-8", "replace"), key, offset, file.budget)
