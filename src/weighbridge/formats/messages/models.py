"""Models in Protocol Buffers without code of their own: sentencepiece, Core ML, Caffe, Paddle.

    sentencepiece  ModelProto    1 pieces {1 piece, 2 score, 3 type}  2 trainer_spec  3 normalizer_spec
    Core ML        Model         1 specificationVersion  2 description  10 isUpdatable  then one model by its number:
                                 202 pipeline, 500 neuralNetwork, 502 mlProgram, 555 customModel, 556 linkedModel, …
    Caffe          NetParameter  1 name  3 input  100 layer {1 name, 2 type, 7 blobs, 130 python_param}
    Paddle         ProgramDesc   1 blocks {1 idx, 2 parent_idx, 3 vars, 4 ops {1 inputs, 2 outputs, 3 type, 4 attrs}}

None has a magic: the first fields tell. What such a model can ask for besides numbers becomes a reference: roads
`caffe-python` (a layer that imports a module), `paddle-py-func`, `coreml-custom` (a class of the app), files `weights`
and `item`. Parameters of ordinary layers are numbers and count as data. Sources: sentencepiece 0.2
`sentencepiece_model.proto`; coremltools 9 `mlmodel/format`; BVLC caffe 1.0 `caffe.proto`; Paddle `framework.proto`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import FileReference, Limit, Metadata, Operator, Reference, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.message_walk import Begin, End, Messages, Value
from weighbridge.formats.grammars.protobuf import BYTES, FIXED32, VARINT, Wire
from weighbridge.formats.messages import schemas as schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo
    from weighbridge.formats.grammars.message_walk import Event
    from weighbridge.formats.grammars.protobuf import Field, Shape

HERE = "@model_path/"
"""How a Core ML program names the folder of its own package."""


class MessageModel:
    """One kind of model, by the shape of its messages."""

    version = 1

    def __init__(
        self,
        name: str,
        extensions: frozenset[str],
        shape: Shape,
        begins: Callable[[Wire, list[Field]], bool],
        see: Callable[[Open, Event], Iterator[Fact]],
    ) -> None:
        self.name = name
        self.extensions = extensions
        self._shape = shape
        self._begins = begins
        self._see = see

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES if the first fields are those of the model; MAYBE by the name."""
        if info.head[:1] in (b"\x08", b"\x0a") and self._begins_here(data):
            return Match.YES
        return Match.MAYBE if info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the messages; fields that nobody defined stay opaque."""
        del info
        messages = Messages(data, budget)
        open_ = Open(budget)
        broken: FormatError | None = None
        try:
            for event in messages.events(self._shape):
                if isinstance(event, Begin | End | Value):
                    yield from open_.keep(self._see(open_, event))
                else:
                    yield event
        except FormatError as error:
            broken = error
        yield from open_.inventory()
        yield from messages.wire.oddities()
        yield from messages.spans(data.size if broken is None else min(broken.offset, data.size))
        if broken is not None:
            raise broken

    def _begins_here(self, data: Reader) -> bool:
        wire = Wire(data)
        first: list[Field] = []
        try:
            for field in wire.fields(0, data.size):
                first.append(field)
                if len(first) == 4:
                    break
            return self._begins(wire, first)
        except FormatError:
            try:
                return len(first) > 1 and self._begins(wire, first)
            except FormatError:
                return False


class Open:
    """What is known of the layer or operator that is open."""

    __slots__ = ("_budget", "_operators", "_over", "fields", "level")

    def __init__(self, budget: Budget) -> None:
        self.fields: dict[str, str] = {}
        self.level = 0
        self._budget = budget
        self._operators: dict[str, tuple[int, int]] = {}
        self._over = False

    def count(self, name: str, offset: int) -> None:
        """One more operator of this name."""
        times, first = self._operators.get(name, (0, offset))
        if times or len(self._operators) < self._budget.facts:
            self._operators[name] = (times + 1, first)
        else:
            self._over = True

    def keep(self, facts: Iterator[Fact]) -> Iterator[Fact]:
        """The facts that there is room for."""
        for fact in facts:
            if self._budget.facts > 0:
                self._budget.facts -= 1
                yield fact
            else:
                self._over = True

    def inventory(self) -> Iterator[Fact]:
        """All operators, and whether there were too many facts."""
        for name, (times, offset) in self._operators.items():
            yield Operator("", name[:200], times, offset)
        if self._over:
            yield Limit("facts", self._budget.limits.facts)


def _sentencepiece(open_: Open, event: Event) -> Iterator[Fact]:
    del open_
    if isinstance(event, Value) and event.shape == "NormalizerSpec" and event.field == "name":
        yield Metadata("normalizer", event.text[:200], event.size, event.offset)


def _coreml(open_: Open, event: Event) -> Iterator[Fact]:
    if not isinstance(event, Value):
        return
    shape, field = event.shape, event.field
    if shape == "NeuralNetworkLayer" and field == "name":
        open_.fields["name"] = event.text
    elif shape in ("CustomLayerParams", "CustomModel") and field == "className":
        key = f"layer {open_.fields.get('name', '')!r}" if shape == "CustomLayerParams" else "model"
        yield Reference("coreml-custom", event.text, key, "", event.offset)
    elif shape == "BlobFileValue" and field == "fileName":
        yield FileReference("weights", event.text.removeprefix(HERE), "blobFileValue", event.offset)
    elif shape == "StringParameter":
        yield FileReference("item", event.text, "linkedModel", event.offset)
    elif shape == "SerializedModel" and field == "model":
        yield UnreadSpan(event.offset, event.size, "a model that is serialized in a form of its own is not read")
    elif shape == "Operation" and field == "type":
        open_.count(event.text, event.offset)


def _caffe(open_: Open, event: Event) -> Iterator[Fact]:
    if isinstance(event, Begin) and event.shape == "LayerParameter":
        open_.fields.clear()
    elif isinstance(event, Value) and event.shape in ("LayerParameter", "PythonParameter"):
        if event.shape == "LayerParameter" and event.field == "type":
            open_.count(event.text, event.offset)
        place = event.field if event.shape == "LayerParameter" else f"python.{event.field}"
        if event.text:
            open_.fields[place] = event.text
            open_.level = event.offset
    elif isinstance(event, End) and event.shape == "LayerParameter":
        yield from python_layer(open_.fields, open_.level)


def python_layer(fields: dict[str, str], offset: int) -> Iterator[Fact]:
    """The reference of a layer of Caffe that is one of Python; of another one, nothing."""
    python = {key: value for key, value in fields.items() if key.startswith("python.")}
    if python or fields.get("type", "").lower() == "python":
        name = f"{python.get('python.module', '?')}.{python.get('python.layer', '?')}"
        key = f"layer {fields.get('name', '')[:100]!r}"
        yield Reference("caffe-python", name, key, python.get("python.param_str", "")[:200], offset)


def _paddle(open_: Open, event: Event) -> Iterator[Fact]:
    if isinstance(event, Begin) and event.shape == "Attr":
        open_.fields.clear()
    elif isinstance(event, Value) and event.shape == "Attr" and event.field in ("name", "s"):
        open_.fields[event.field] = event.text
        if open_.fields.get("name") == "file_path" and open_.fields.get("s"):
            yield FileReference("weights", open_.fields.pop("s"), "file_path", event.offset)
    elif isinstance(event, Value) and event.shape == "OpDesc" and event.field == "type":
        open_.count(event.text, event.offset)
        if event.text == "py_func":
            yield Reference("paddle-py-func", event.text, "operator", "", event.offset)


def _begins_sentencepiece(wire: Wire, fields: list[Field]) -> bool:
    """The first fields are pieces: a text, and a score, which no other message has in this place."""
    for field in fields[:2]:
        if (field.number, field.kind) != (1, BYTES):
            return False
        inside = [(inner.number, inner.kind) for inner in wire.fields(field.offset, field.offset + field.size)]
        if inside[:2] != [(1, BYTES), (2, FIXED32)]:
            return False
    return bool(fields)


def _begins_coreml(wire: Wire, fields: list[Field]) -> bool:
    del wire
    version = fields[:1] and (fields[0].number, fields[0].kind) == (1, VARINT) and 0 < fields[0].value < 100
    model = any(field.kind == BYTES and field.number in schema.COREML_MODELS for field in fields)
    return bool(version) and model


def _begins_caffe(wire: Wire, fields: list[Field]) -> bool:
    layers = [field for field in fields if (field.number, field.kind) == (100, BYTES)]
    if not layers or any(field.number not in (1, 2, 3, 4, 5, 6, 7, 8, 100) for field in fields):
        return False
    inside = [(inner.number, inner.kind) for inner in wire.fields(layers[0].offset, layers[0].offset + layers[0].size)]
    return inside[:2] == [(1, BYTES), (2, BYTES)]


def _begins_paddle(wire: Wire, fields: list[Field]) -> bool:
    if not fields or (fields[0].number, fields[0].kind) != (1, BYTES):
        return False
    inside: list[tuple[int, int]] = []
    for inner in wire.fields(fields[0].offset, fields[0].offset + fields[0].size):
        inside.append((inner.number, inner.kind))
        if len(inside) == 3:
            break
    return inside[:2] == [(1, VARINT), (2, VARINT)] and inside[2:] in ([], [(3, BYTES)], [(4, BYTES)])


MESSAGE_MODELS = (
    MessageModel("sentencepiece", frozenset((".spm",)), schema.SENTENCEPIECE, _begins_sentencepiece, _sentencepiece),
    MessageModel("coreml", frozenset((".mlmodel",)), schema.COREML, _begins_coreml, _coreml),
    MessageModel("caffe", frozenset((".caffemodel",)), schema.CAFFE, _begins_caffe, _caffe),
    MessageModel("paddle", frozenset((".pdmodel",)), schema.PADDLE, _begins_paddle, _paddle),
)
"""All kinds."""
