"""GGUF, the container of llama.cpp: key-value pairs, a table of tensors, the tensors.

    offset 0   "GGUF", u32 version (1, 2, 3; big endian files have it swapped)
    offset 8   u64 number of tensors, u64 number of pairs (u32 each in version 1)
    …          pairs: string key, u32 type, value                                    → formats/gguf_values.py
    …          tensors: string name, u32 dimensions, u64 each of them, u32 type, u64 offset in the data
    …          zeros up to general.alignment (32 if it is not given), then the data of the tensors, each aligned

The older files of ggml ("ggml", "ggmf", "ggjt", "ggla" as little-endian words) are recognized and not read.
Sources: ggml `docs/gguf.md`, llama.cpp `ggml/src/gguf.cpp` and `ggml/src/ggml.c` (`type_traits`).
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import (
    ActiveText,
    FileReference,
    Limit,
    Metadata,
    Native,
    Oddity,
    Span,
    Tensor,
    UnreadSpan,
)
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.gguf_values import STRING, Layout, Value, read_value
from weighbridge.formats.grammars.cursor import Cursor
from weighbridge.formats.magic import machine_code
from weighbridge.formats.templates.template import LONGEST, template_uses
from weighbridge.formats.texts.active import active_text
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

OLDER = {b"lmgg": "ggml", b"fmgg": "ggmf", b"tjgg": "ggjt", b"algg": "ggla"}
TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip
"""Type → name, elements of a block, bytes of a block (gguf 0.19 `constants.py`, GGML_QUANT_SIZES; 2026-11-24). Numbers
that are missing were removed (4, 5, 31 to 33, 36 to 38) or do not exist."""
DIMENSIONS = 4
LONGEST_NAME = 64
"""Bytes of a tensor's name (GGML_MAX_NAME)."""
LONGEST_KEY = 65_535
"""Bytes of a key (docs/gguf.md)."""
ALIGNMENT = 32
WORDS = frozenset(("tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.added_tokens"))
"""Arrays of words: they hold anything, code too, and nobody runs it."""
LONG_WORD = 1024
"""Bytes from which on a word is looked into all the same."""
_SPLIT = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf")
SHARDS = 10_000


class Gguf:
    """A model of llama.cpp."""

    name = "gguf"
    version = 2
    extensions = frozenset((".gguf",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the magic."""
        del data
        return Match.YES if info.head.startswith((b"GGUF", *OLDER)) and len(info.head) > 8 else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield metadata, what templates do, and the tensors; what belongs to no tensor and is no zero stays opaque."""
        older = OLDER.get(data.peek(0, 4))
        if older:
            yield UnreadSpan(0, data.size, f"a file of the old form {older} is not read: convert it to GGUF")
            return
        cursor = Cursor(data, 4)
        layout, version = _layout(cursor)
        tensors = cursor.unsigned(layout.width, layout.order)
        pairs = cursor.unsigned(layout.width, layout.order)
        if version not in (1, 2, 3):
            raise FormatError(f"version {version} of the format does not exist", 4)
        alignment, split = ALIGNMENT, 0
        seen: set[str] = set()
        for _ in range(pairs):
            key, value = _pair(cursor, layout)
            if key in seen:
                yield Oddity("gguf-twice", f"the key {key[:100]!r} stands twice; loaders disagree", value.offset)
            seen.add(key)
            yield from _told(key, value, data, budget)
            if budget.facts <= 0:
                yield Limit("facts", budget.limits.facts, cursor.place)
                return
            if key == "general.alignment":
                alignment = value.number
            elif key == "split.count":
                split = value.number
        if not 1 <= alignment <= 1 << 20 or alignment & (alignment - 1):
            raise FormatError(f"the alignment is {alignment}, which is no power of two", 0)
        yield from _shards(split, info.name)
        table: list[Tensor] = []
        names: set[str] = set()
        for _ in range(tensors):
            tensor, facts = _tensor(cursor, layout)
            yield from facts
            if tensor.name in names:
                yield Oddity("gguf-twice", f"the tensor {tensor.name[:100]!r} stands twice", cursor.place)
            names.add(tensor.name)
            table.append(tensor)
        end = cursor.place
        start = (end + alignment - 1) // alignment * alignment
        yield Span(0, end, "parsed")
        if budget.facts < len(table):
            yield Limit("facts", budget.limits.facts, end)
            return
        budget.facts -= len(table)
        yield from _padding(data, end, min(start, data.size))
        yield from _data(table, data, start, alignment)


def _layout(cursor: Cursor) -> tuple[Layout, int]:
    version = cursor.unsigned(4)
    order = "little"
    if version and not version & 0xFFFF:
        version, order = int.from_bytes(version.to_bytes(4, "little"), "big"), "big"
    return Layout(4 if version == 1 else 8, order), version


def _pair(cursor: Cursor, layout: Layout) -> tuple[str, Value]:
    at = cursor.place
    length = cursor.unsigned(layout.width, layout.order)
    if not 0 < length <= LONGEST_KEY:
        raise FormatError(f"a key of {length} bytes", at)
    key = cursor.take(length).decode("utf-8", "replace")
    type_ = cursor.unsigned(4, layout.order)
    shortest = LONG_WORD if key in WORDS else SHORTEST
    return key, read_value(cursor, type_, layout, LONGEST * 4, shortest)


def _told(key: str, value: Value, data: Reader, budget: Budget) -> Iterator[Fact | Child]:
    """The pair as metadata, and what its texts hide."""
    budget.facts -= 1
    yield Metadata(key[:200], value.text[:200], value.size, value.offset)
    if value.type == STRING:
        yield from _text(key, value.text, value.offset, value.size, budget)
    for place, size in value.strings:
        text = data.read(place, min(size, LONGEST * 4)).decode("utf-8", "replace")
        yield from _text(key, text, place, size, budget)


def _text(key: str, text: str, offset: int, size: int, budget: Budget) -> Iterator[Fact | Child]:
    if size > LONGEST * 4:
        yield UnreadSpan(offset, size, f"the value of {key[:100]!r} is too long to be searched")
    if "chat_template" in key:
        yield from template_uses(text, key, offset, budget)
        return
    yield from embedded_in_text(text, key, offset, budget)
    kind, part = active_text(text)
    if kind:
        yield ActiveText(key[:200], kind, part, offset)


def _shards(count: int, name: str) -> Iterator[Fact]:
    """The other files of a model that was split: loaders open them by their names."""
    match = _SPLIT.fullmatch(name)
    if match and 1 < count <= SHARDS:
        for number in range(1, count + 1):
            yield FileReference("weight-shard", f"{match[1]}-{number:05}-of-{count:05}.gguf", "split.count")
    elif count > 1:
        yield Oddity("gguf-split", f"one of {count} files, and {name[:100]!r} does not say which")


def _tensor(cursor: Cursor, layout: Layout) -> tuple[Tensor, list[Fact]]:
    at = cursor.place
    facts: list[Fact] = []
    length = cursor.unsigned(layout.width, layout.order)
    if length > LONGEST_KEY:
        raise FormatError(f"the name of a tensor has {length} bytes", at)
    name = cursor.take(length).decode("utf-8", "replace")
    if not 0 < length < LONGEST_NAME or not name.isprintable():
        facts.append(Oddity("gguf-name", f"the name {name[:100]!r} is empty, too long or not printable", at))
    count = cursor.unsigned(4, layout.order)
    if count > DIMENSIONS:
        raise FormatError(f"tensor {name[:100]!r} has {count} dimensions", at)
    shape = tuple(cursor.unsigned(layout.width if layout.width == 8 else 4, layout.order) for _ in range(count))
    type_ = cursor.unsigned(4, layout.order)
    offset = cursor.unsigned(8, layout.order)
    elements = 1
    for length in shape:
        elements *= length
    if elements >= 1 << 63:
        raise FormatError(f"tensor {name[:100]!r} has more elements than fit", at)
    known = TYPES.get(type_)
    if known is None:
        facts.append(Oddity("gguf-type", f"tensor {name[:100]!r} has the type {type_}, which nobody knows", at))
        return Tensor(name[:200], str(type_), shape, offset, -1), facts
    kind, block, size = known
    if (shape[0] if shape else 1) % block:
        facts.append(Oddity("gguf-range", f"rows of tensor {name[:100]!r} are no whole blocks of {kind}", at))
    return Tensor(name[:200], kind, shape, offset, (elements + block - 1) // block * size), facts


def _data(tensors: list[Tensor], data: Reader, start: int, alignment: int) -> Iterator[Fact | Span]:
    """Account for the data: tensors, zeros between them, and what is neither."""
    place = start
    for tensor in sorted(tensors, key=lambda one: (one.offset, one.size)):
        begin = start + tensor.offset
        yield tensor._replace(offset=begin)
        if tensor.size < 0:
            continue
        if tensor.offset % alignment:
            yield Oddity("gguf-alignment", f"tensor {tensor.name!r} begins at {tensor.offset}", begin)
        if begin + tensor.size > data.size:
            raise FormatError(f"tensor {tensor.name!r} reaches beyond the end of the file", min(begin, data.size))
        if begin < place and tensor.size:
            yield Oddity("gguf-overlap", f"tensor {tensor.name!r} shares bytes with another one", begin)
        elif begin > place:
            yield from _padding(data, place, begin)
            if begin - place >= alignment:
                yield Oddity("gguf-hole", f"{begin - place} bytes that belong to no tensor", place)
        kind = machine_code(data.peek(begin, min(512, tensor.size)))
        if kind:
            yield Native(kind, begin)
        yield Span(begin, tensor.size, "data")
        place = max(place, begin + tensor.size)
    if place < data.size and all(tensor.size >= 0 for tensor in tensors):
        tail = min(data.size, (place + alignment - 1) // alignment * alignment)
        yield from _padding(data, place, tail)
        if tail < data.size:
            yield Oddity("trailing-bytes", f"{data.size - tail} bytes behind the last tensor", tail)


def _padding(data: Reader, start: int, end: int) -> Iterator[Fact | Span]:
    """Zeros that fill up to the next aligned place."""
    if start >= end:
        return
    if end - start <= 1 << 20 and not data.read(start, end - start).strip(b"\0"):
        yield Span(start, end - start, "parsed")
    else:
        yield Oddity("gguf-padding", f"{end - start} bytes between tensors that are not zero", start)
