"""The file of weights beside a Core ML program (`weights/weight.bin` in an `.mlpackage`).

    offset 0     u32 number of blobs, u32 version (2), 56 bytes of zeros
    offset 64    for each blob, at a multiple of 64:
                   u32 0xDEADBEEF, u32 type, u64 size, u64 offset, u64 bits of padding, 32 bytes of zeros
                 then its data at that offset, and zeros up to the next multiple of 64

Everything is little endian. The program names a blob by the offset of its description, so each of them is read where
the one before it ends. Source: coremltools 9.0, `mlmodel/src/MILBlob/Blob/StorageFormat.hpp` and `BlobDataType.hpp`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.magic import machine_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

BLOCK = 64
"""Bytes of the header and of a description; everything begins at a multiple of it."""
SENTINEL = 0xDEADBEEF
BITS = {1: 16, 2: 32, 3: 8, 4: 8, 5: 16, 6: 16, 7: 16, 8: 4, 9: 1, 10: 2, 11: 4, 12: 3, 13: 6, 14: 32, 15: 32}
BITS |= {16: 8, 17: 8}
"""Number of a type → bits of an element."""


class MilWeights:
    """Weights of a Core ML program."""

    name = "mil-weights"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the header is followed by the mark of a description."""
        del data
        head = info.head
        whole = head[4:8] == b"\2\0\0\0" and not any(head[8:BLOCK]) and len(head) >= 2 * BLOCK
        return Match.YES if whole and _number(head, BLOCK, 4) == SENTINEL else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Every blob is data of exactly the size that its description says."""
        del info
        place = BLOCK
        yield Span(0, BLOCK, "parsed")
        for index in range(_number(data.read(0, 4), 0, 4)):
            described = data.read(place, BLOCK)
            kind, size = _number(described, 4, 4), _number(described, 8, 8)
            offset, padding = _number(described, 16, 8), _number(described, 24, 8)
            if _number(described, 0, 4) != SENTINEL or kind not in BITS or any(described[32:]):
                raise FormatError(f"blob {index} has no proper description", place)
            if offset != place + BLOCK or size > data.size - offset or padding > 7:
                raise FormatError(f"blob {index} is not behind its description, or too long", place)
            yield Span(place, BLOCK, "parsed")
            program = machine_code(data.peek(offset, min(size, 512)))
            if program:
                yield Native(program, offset)
            elif budget.facts > 0:
                budget.facts -= 1
                yield Tensor(f"@{place}", str(kind), ((8 * size - padding) // BITS[kind],), offset, size)
            else:
                yield Limit("facts", budget.limits.facts, offset)
                return
            yield Span(offset, size, "data")
            place = min(-(-(offset + size) // BLOCK) * BLOCK, data.size)
            if not any(data.read(offset + size, place - offset - size)):
                yield Span(offset + size, place - offset - size, "parsed")
        if place < data.size:
            yield Oddity("trailing-bytes", f"{data.size - place} bytes behind the last blob", place)


def _number(raw: bytes, place: int, size: int) -> int:
    return int.from_bytes(raw[place : place + size], "little")
