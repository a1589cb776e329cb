"""What SavedModels and training graphs hold besides their graphs, the small files beside them, and graphs as text."""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, FileReference, Limit, Metadata, Span, UnreadSpan
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.grammars.message_walk import Begin, End, Messages, Value
from weighbridge.formats.grammars.protobuf import BYTES
from weighbridge.formats.grammars.text_message import encoded
from weighbridge.formats.keras.config import config_in_text
from weighbridge.formats.tensorflow import saved_model_schema as schema
from weighbridge.formats.tensorflow.graph import Walk
from weighbridge.formats.tensorflow.schema import FINGERPRINT_DEF, GRAPH_DEF
from weighbridge.formats.tensorflow.types import NAMES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.grammars.protobuf import Field

_INIT = (b"saved_model_main_op", b"legacy_init_op", b"saved_model_init_op")
"""Collections that name what a loader runs."""
_BESIDE = {
    "fingerprint.pb": FINGERPRINT_DEF,
    "keras_metadata.pb": schema.KERAS_METADATA,
    "tfhub_module.pb": schema.HUB_MODULE,
}
_SHAPES = {shape.name: shape for shape in (GRAPH_DEF, schema.META_GRAPH_DEF, schema.SAVED_MODEL)}


def parsed(data: Reader, budget: Budget, kind: str) -> Iterator[Fact | Span | Child]:
    """A whole blob as a message of this kind."""
    walk = Walk(data, budget)
    broken: FormatError | None = None
    try:
        if kind == GRAPH_DEF.name:
            yield from walk.graph(0, data.size, "", 1)
        elif kind == schema.META_GRAPH_DEF.name:
            yield from _meta_graph(walk, 0, data.size, 1)
        else:
            yield from _saved_model(walk, data.size)
        yield from walk.finish()
    except FormatError as error:
        broken = error
        yield from walk.finish()
    yield from walk.wire.oddities()
    yield from walk.wire.accounted(walk.data, data.size if broken is None else min(broken.offset, data.size))
    if broken is not None:
        raise broken


def _saved_model(walk: Walk, size: int) -> Iterator[Fact | Child]:
    graphs = 0
    for field in walk.wire.fields(0, size, schema.SAVED_MODEL):
        if field.number == 2:
            graphs += 1
            yield from _meta_graph(walk, field.offset, field.offset + field.size, 2)
        else:
            yield from walk.keep(Metadata("saved_model_schema_version", str(field.value), field.size, field.offset))
    if not graphs:
        yield UnreadSpan(size, 0, "the model has no graph: it is cut off, or no model")


def _meta_graph(walk: Walk, start: int, end: int, depth: int) -> Iterator[Fact | Child]:
    messages = schema.META_GRAPH_DEF.messages
    title = ""
    for field in walk.wire.fields(start, end, schema.META_GRAPH_DEF):
        number, _, offset, size, _, _ = field
        if number == 2:
            yield from walk.graph(offset, offset + size, title, depth + 1)
            continue
        if number == 1:
            title = yield from _information(walk, field)
        elif number in (4, 5):
            yield from _entry(walk, field)
        elif number == 6:
            yield from _asset(walk, field)
        yield from walk.plain(field, messages[number], depth + 1)
    yield from walk.follow()


def _information(walk: Walk, field: Field) -> Generator[Fact, None, str]:
    """Tags and versions; the tags come back."""
    tags = []
    for part in walk.wire.fields(field.offset, field.offset + field.size):
        if part.kind == BYTES and part.number in (4, 5, 6):
            text = _decoded(walk, part, 200)
            tags += [text] * (part.number == 4)
            name = {4: "tag", 5: "tensorflow_version", 6: "tensorflow_git_version"}[part.number]
            yield from walk.keep(Metadata(name, text, part.size, part.offset))
    return ",".join(tags[:8])


def _entry(walk: Walk, field: Field) -> Iterator[Fact]:
    """Signatures, and collections that name what a loader runs."""
    key = method = ""
    for part in walk.wire.fields(field.offset, field.offset + field.size):
        if part.kind == BYTES and part.number == 1:
            key = _decoded(walk, part, 200)
        elif part.kind == BYTES and field.number == 5:
            for inner in walk.wire.fields(part.offset, part.offset + part.size):
                if inner.kind == BYTES and inner.number == 3:
                    method = _decoded(walk, inner, 200)
    if field.number == 5:
        yield from walk.keep(Metadata(f"signature {key}", method, field.size, field.offset))
    elif key.encode() in _INIT:
        yield from walk.keep(Metadata("run while loading", key, field.size, field.offset))


def _asset(walk: Walk, field: Field) -> Iterator[Fact]:
    """A file of the folder `assets`; the constant that holds its name is set by the loader."""
    for part in walk.wire.fields(field.offset, field.offset + field.size):
        if part.kind == BYTES and part.number == 2:
            yield from walk.keep(FileReference("tf-asset", _decoded(walk, part, 1000), "asset_file_def", part.offset))
        elif part.kind == BYTES and part.number == 1:
            for inner in walk.wire.fields(part.offset, part.offset + part.size):
                if inner.kind == BYTES and inner.number == 1 and len(walk.names.assets) < 10_000:
                    name = walk.wire.payload(inner.offset, min(inner.size, 500))
                    walk.names.assets.add(name.partition(b":")[0])


def _decoded(walk: Walk, field: Field, most: int) -> str:
    return walk.wire.payload(field.offset, min(field.size, most)).decode("utf-8", "replace")


def small(data: Reader, budget: Budget, file: str) -> Iterator[Fact | Span | Child]:
    """A file beside a model, by its name."""
    messages = Messages(data, budget)
    broken: FormatError | None = None
    try:
        for event in messages.events(_BESIDE[file]):
            if not isinstance(event, Begin | End | Value):
                yield event
            elif isinstance(event, Value) and event.shape == "SavedObject" and event.field == "metadata":
                if event.size > budget.limits.document:
                    yield Limit("document", budget.limits.document, event.offset)
                    continue
                text = messages.wire.payload(event.offset, event.size).decode("utf-8", "replace")
                yield from config_in_text(text, "metadata", event.offset, budget, certain=bool(text))
            elif isinstance(event, Value) and event.field == "uuid":
                yield Metadata(event.field, event.text[:200], event.size, event.offset)
    except FormatError as error:
        broken = error
    yield from messages.wire.oddities()
    yield from messages.spans(data.size if broken is None else min(broken.offset, data.size))
    if broken is not None:
        raise broken


def from_text(data: Reader, budget: Budget, kind: str) -> Iterator[Fact | Span | Child]:
    """A message as text. It is a child: what is not read of it, is not read of the text."""
    if data.size > budget.limits.document:
        yield Limit("document", budget.limits.document)
        return
    types = {f"DT_{name}".encode(): number for number, name in NAMES.items()}
    types |= {name + b"_REF": number + 100 for name, number in types.items()}
    raw = encoded(data.read(0, data.size), _SHAPES[kind], types)
    yield Child("message", 0, data.size, Reader(MemorySource(raw)))
