"""ONNX models: a Protocol Buffers message without a magic, and the other forms in which models are kept.

    ModelProto   1 ir_version  2-6 producer and documentation  7 graph  8 opset_import  14 metadata_props
                 20 training_info  25 functions  26 configuration

A blob is ONNX if its first fields are such fields, its graph begins like a graph, and an IR version or a list of
operator sets goes with it. Other models in Protocol Buffers differ in these places: a SavedModel has no field 7, a
GraphDef, a sentencepiece model and a Caffe net have text or messages in field 1, a CoreML model has fields from 10.

    text     fields as `ir_version: 8 …` or `< ir_version: 8, … >`            JSON     {"irVersion": "8", …}

These two are recognized and not read; the form of ONNX Runtime is that of `ort`. Sources: onnx 1.23, `onnx/onnx.proto`,
`docs/IR.md`, `docs/Syntax.md`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.protobuf import BYTES, VARINT, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

NEWEST = 64
"""The highest IR version that is believed; the newest of onnx 1.23 is 14."""
GLANCE = 64
"""Fields that are looked at to recognize a model."""
_MODEL = {1: VARINT, 5: VARINT} | dict.fromkeys((2, 3, 4, 6, 7, 8, 14, 20, 25, 26), BYTES)
_GRAPH = frozenset((1, 2, 5, 10, 11, 12, 13, 14, 15, 16))
_NODE = frozenset(range(1, 11))
_TAGS = frozenset(number << 3 | kind for number, kind in _MODEL.items() if number < 16) | {0xA2, 0xCA, 0xD2}
"""First bytes that a model can have."""


class Onnx:
    """A model as Protocol Buffers."""

    name = "onnx"
    version = 1
    extensions = frozenset((".onnx",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the first fields are those of a model with a graph; the name alone is a MAYBE."""
        if info.head and info.head[0] in _TAGS and _is_model(data):
            return Match.YES
        return Match.MAYBE if info.extension == ".onnx" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the model; tensors are data, fields that nobody defined stay opaque."""
        from weighbridge.formats.onnx.graph import Walk

        del info
        walk = Walk(data, budget)
        broken: FormatError | None = None
        try:
            yield from walk.model()
        except FormatError as error:
            broken = error
        yield from walk.wire.oddities()
        yield from walk.wire.accounted(walk.data, data.size if broken is None else broken.offset)
        if broken is not None:
            raise broken


class OnnxOtherForms:
    """Models in forms that are recognized and not read: text, JSON."""

    name = "onnx-other"
    version = 2
    extensions = frozenset((".onnxtxt", ".onnxjson"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for text that begins with the IR version."""
        del data
        return Match.YES if _form(info.head) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Say that nothing of it was read."""
        del budget
        why = f"an ONNX model {_form(info.head)} is not read: ask for it as .onnx"
        yield UnreadSpan(0, data.size, why)


def _form(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"{":
        return "as JSON" if text[1:].lstrip(b" \t\r\n").startswith(b'"irVersion"') else ""
    if text[:1] == b"<":
        text = text[1:].lstrip(b" \t\r\n")
    word, colon, rest = text.partition(b":")
    number = rest.lstrip(b" \t")[:1].isdigit()
    return "as text" if colon and number and word.rstrip(b" \t") == b"ir_version" else ""


def _is_model(data: Reader) -> bool:
    wire = Wire(data)
    version = operator_sets = graph = False
    try:
        for seen, field in enumerate(wire.fields(0, data.size)):
            if _MODEL.get(field.number, field.kind) != field.kind or seen >= GLANCE:
                break
            if field.number == 1:
                version = 0 < field.value <= NEWEST
            elif field.number == 7:
                graph = graph or _is_graph(wire, field.offset, field.size, whole=True)
            elif field.number == 8:
                operator_sets = True
            if graph and (version or operator_sets):
                return True
    except FormatError as error:
        # A model that is cut off in its graph is still a model.
        return version and _is_cut_graph(wire, data, error.offset)
    return False


def _is_graph(wire: Wire, offset: int, size: int, *, whole: bool) -> bool:
    """Whether a graph may begin at `offset`: its first field must be known; of a node, so must its first field."""
    try:
        first = next(wire.fields(offset, offset + size), None)
        if first is None:
            return whole
        if first.kind != BYTES or first.number not in _GRAPH:
            return False
        if first.number == 1 and first.size:
            inner = next(wire.fields(first.offset, first.offset + first.size))
            return inner.kind == BYTES and inner.number in _NODE
    except FormatError:
        return not whole
    return True


def _is_cut_graph(wire: Wire, data: Reader, offset: int) -> bool:
    tag = wire.payload(offset, min(12, data.size - offset))
    if tag[:1] != b"\x3a" or len(tag) < 12:
        return False
    length = next((index for index in range(1, 11) if tag[index] < 0x80), 10)
    start = offset + length + 1
    return _is_graph(wire, start, data.size - start, whole=False)
