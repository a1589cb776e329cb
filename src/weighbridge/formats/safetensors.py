"""safetensors: tensors without code, and the places where something else can hide.

    offset 0   u64 little endian: N, the size of the header
    offset 8   N bytes of JSON: {"name": {"dtype", "shape", "data_offsets": [begin, end]}, …, "__metadata__": {…}}
    8 + N      tensor bytes; offsets count from here

The reference implementation demands: N ≤ 100,000,000; the JSON begins with `{` and may end in spaces; tensors lie
back to back from 0 to the end of the file, without holes, overlaps or trailing bytes; every size is the product of
shape and item size; `__metadata__` maps strings to strings. Source: huggingface/safetensors, `tensor.rs`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import ActiveText, Child, Limit, Metadata, Native, Oddity, Span, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.json_tree import parse_json
from weighbridge.formats.magic import machine_code
from weighbridge.formats.texts.active import active_text
from weighbridge.formats.texts.embedded import embedded_in_text, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

BITS = {
    "BOOL": 8,
    "U8": 8,
    "I8": 8,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E8M0": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I64": 64,
    "U64": 64,
    "F64": 64,
    "C64": 64,
}
"""dtype → bits per element."""


class Safetensors:
    """A whole safetensors file."""

    name = "safetensors"
    version = 1
    extensions = frozenset((".safetensors",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the header length fits and JSON begins behind it; the name alone is a MAYBE."""
        head = info.head
        if len(head) >= 9 and head[8] == 0x7B and 2 <= int.from_bytes(head[:8], "little") <= data.size - 8:
            return Match.YES
        return Match.MAYBE if info.extension == ".safetensors" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield tensors and metadata, and every way in which the file breaks the rules of the reference."""
        del info
        size = int.from_bytes(data.read(0, 8), "little")
        if size > budget.limits.header:
            raise FormatError(f"the header says that it is {size} bytes long", 0)
        if size > budget.limits.document:
            yield Limit("document", budget.limits.document, 0)
            return
        raw = data.read(8, size)
        if not raw.startswith(b"{"):
            raise FormatError("the header is not a JSON object", 8)
        tree, duplicates = parse_json(raw.rstrip(b" "), 8)
        for key in duplicates:
            yield Oddity("duplicate-key", f"the header has {key!r} twice; loaders disagree on which counts", 8)
        if not isinstance(tree, dict):
            raise FormatError("the header is not a JSON object", 8)
        yield Span(0, 8 + size, "parsed")
        metadata = tree.pop("__metadata__", None)
        if metadata is not None:
            yield from _metadata(metadata, raw, budget)
        yield from _tensors(tree, data, 8 + size)


GLANCE = 64 * 1024
"""Bytes of a tensor of bytes that are looked at for an object of another format."""


def _metadata(metadata: Any, raw: bytes, budget: Budget) -> Iterator[Fact | Child]:
    if not isinstance(metadata, dict):
        raise FormatError("__metadata__ is not an object", 8)
    for key, value in metadata.items():
        offset = 8 + max(0, raw.find(key.encode("utf-8", "surrogatepass")))
        if not isinstance(value, str):
            yield Oddity("metadata-type", f"the value of {key[:100]!r} is not a string", offset)
            continue
        yield Metadata(key[:200], value[:200], len(value), offset)
        yield from embedded_in_text(value, key, offset, budget)
        kind, text = active_text(value)
        if kind:
            yield ActiveText(key[:200], kind, text, offset)


def _tensors(tree: dict[str, Any], data: Reader, start: int) -> Iterator[Fact | Span | Child]:
    ranges = []
    for name, entry in tree.items():
        tensor = _tensor(name, entry)
        if not name.isprintable() or ".." in name.replace("\\", "/").split("/") or name[:1] in ("/", "\\"):
            yield Oddity("tensor-name", f"the tensor name {name[:100]!r} is a path or is not printable", start)
        if tensor.offset + tensor.size > data.size - start:
            raise FormatError(f"tensor {name[:100]!r} reaches beyond the end of the file", start)
        ranges.append(tensor)
    ranges.sort(key=lambda tensor: (tensor.offset, tensor.size))
    end = 0
    for tensor in ranges:
        place = start + tensor.offset
        yield tensor._replace(offset=place)
        if tensor.offset > end:
            yield Oddity("hole", f"{tensor.offset - end} bytes that belong to no tensor", start + end)
        elif tensor.offset < end and tensor.size:
            yield Oddity("overlap", f"tensor {tensor.name[:100]!r} shares bytes with another one", place)
        kind = machine_code(data.peek(place, 512))
        if kind and tensor.size:
            yield Native(kind, place)
        elif tensor.dtype in ("U8", "I8") and kind_of(data.peek(place, min(tensor.size, GLANCE))):
            yield Child(f"tensor {tensor.name}", place, tensor.size, data.part(place, tensor.size))
        yield Span(place, tensor.size, "data")
        end = max(end, tensor.offset + tensor.size)
    if start + end < data.size:
        yield Oddity("trailing-bytes", f"{data.size - start - end} bytes behind the last tensor", start + end)


def _tensor(name: str, entry: Any) -> Tensor:
    if not isinstance(entry, dict):
        raise FormatError(f"the entry of tensor {name[:100]!r} is not an object", 8)
    dtype, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or dtype not in BITS:
        raise FormatError(f"tensor {name[:100]!r} has a dtype that does not exist", 8)
    lengths, ends = _naturals(shape), _naturals(offsets)
    if lengths is None or ends is None or len(ends) != 2 or ends[0] > ends[1]:
        raise FormatError(f"tensor {name[:100]!r} has no proper shape or offsets", 8)
    elements = 1
    for length in lengths:
        elements *= length
        if elements >= 1 << 64:
            raise FormatError(f"tensor {name[:100]!r} has more elements than fit", 8)
    begin, end = ends
    if (elements * BITS[dtype] + 7) // 8 != end - begin:
        raise FormatError(f"tensor {name[:100]!r} has {end - begin} bytes, which is not its shape", 8)
    return Tensor(name[:200], dtype, lengths, begin, end - begin)


def _naturals(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item < 1 << 63 for item in value):
        return None
    return tuple(value)
