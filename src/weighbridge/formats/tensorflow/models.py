"""TensorFlow: SavedModels, frozen graphs, training graphs, and the small files beside them.

    saved_model.pb      SavedModel     1 saved_model_schema_version  2 meta_graphs
    *.meta              MetaGraphDef   1 meta_info_def  2 graph_def  3 saver_def  4 collection_def  5 signature_def
                                       6 asset_file_def  7 object_graph_def
    *.pb                GraphDef       1 node {1 name, 2 op, 3 input, 5 attr}  2 library  4 versions
    keras_metadata.pb   SavedMetadata  1 nodes {2 node_id, 3 node_path, 4 identifier, 5 metadata: JSON}
    fingerprint.pb      FingerprintDef: hashes of the parts and a version
    tfhub_module.pb     ModuleDef: 1 format, which is 3

None has a magic: the first fields tell, or the name. Of each of the first three there is a form as text (`*.pbtxt`).
Checkpoints are in `checkpoint`. Source: TensorFlow 2.21, `tensorflow/core/protobuf/saved_model.proto`,
`meta_graph.proto`, `core/framework/graph.proto`; `cc/saved_model/loader.cc` for what is run while loading.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.protobuf import BYTES, VARINT, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, Span
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo
    from weighbridge.formats.grammars.protobuf import Field

SAVED_MODEL, META_GRAPH, GRAPH = "SavedModel", "MetaGraphDef", "GraphDef"
GLANCE = 64
"""Fields that are looked at to recognize a graph."""
OPERATOR = re.compile(rb"[A-Z_][A-Za-z0-9_]*(?:>[A-Za-z0-9_>]+)?")
"""How operators are named."""
_VERSION = re.compile(rb"\d+\.\d+[\w.+-]*")
_GRAPH = {1: BYTES, 2: BYTES, 3: VARINT, 4: BYTES, 5: BYTES}
_TEXT = {
    **dict.fromkeys((b"node", b"library", b"versions"), GRAPH),
    **dict.fromkeys((b"meta_info_def", b"graph_def"), META_GRAPH),
    **dict.fromkeys((b"saved_model_schema_version", b"meta_graphs"), SAVED_MODEL),
}
"""First fields of the messages that are kept as text."""
_WORD = re.compile(rb"(?:\s|#[^\n]*\n)*+(\w+)\s*[:{<]")


class SavedModel:
    """`saved_model.pb`."""

    name = "tensorflow-saved-model"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for a schema version and graphs with their information; MAYBE by the name."""
        if _is_saved_model(data):
            return Match.YES
        return Match.MAYBE if info.name == "saved_model.pb" else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk every graph; fields that nobody defined stay opaque."""
        del info
        yield from _walked(data, budget, SAVED_MODEL)


class MetaGraph:
    """A training graph beside a checkpoint: `*.meta`."""

    name = "tensorflow-meta-graph"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for information and a graph; MAYBE by the name of one beside a checkpoint."""
        if _is_meta_graph(Wire(data), 0, data.size):
            return Match.YES
        return Match.MAYBE if info.name.endswith(".ckpt.meta") else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the graph; fields that nobody defined stay opaque."""
        del info
        yield from _walked(data, budget, META_GRAPH)


class FrozenGraph:
    """A graph with its constants: `*.pb`."""

    name = "tensorflow-graph"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for nodes with operators; MAYBE for a `.pb` whose first field a graph could have."""
        wire = Wire(data)
        if _is_graph(wire, 0, data.size):
            return Match.YES
        return Match.MAYBE if info.extension == ".pb" and _could_be_graph(wire, data.size) else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the graph; fields that nobody defined stay opaque."""
        del info
        yield from _walked(data, budget, GRAPH)


class SmallMessage:
    """A file beside a SavedModel, which only its name tells."""

    version = 1
    extensions: frozenset[str] = frozenset()

    def __init__(self, name: str, file: str) -> None:
        self.name = name
        self._file = file

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name."""
        del data
        return Match.MAYBE if info.name == self._file else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the message; texts that are a configuration of Keras are read as one."""
        from weighbridge.formats.tensorflow.saved_model import small

        del info
        yield from small(data, budget, self._file)


class TextGraph:
    """A graph as text: written again as bytes, and read as those."""

    name = "tensorflow-text"
    version = 1
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for text that begins with a field of a graph."""
        del data
        word = _WORD.match(info.head)
        return Match.YES if word and word[1] in _TEXT and info.extension in (".pbtxt", ".pbtext") else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """The message is a child: what is not read of it, is not read of the text."""
        from weighbridge.formats.tensorflow.saved_model import from_text

        word = _WORD.match(info.head)
        yield from from_text(data, budget, _TEXT[word[1]] if word else GRAPH)


GRAPHS = (SavedModel(), MetaGraph(), FrozenGraph(), TextGraph())
BESIDE = (
    SmallMessage("tensorflow-fingerprint", "fingerprint.pb"),
    SmallMessage("keras-metadata", "keras_metadata.pb"),
    SmallMessage("tensorflow-hub-module", "tfhub_module.pb"),
)


def _walked(data: Reader, budget: Budget, kind: str) -> Iterator[Fact | Span | Child]:
    from weighbridge.formats.tensorflow.saved_model import parsed

    yield from parsed(data, budget, kind)


# Recognizing


def _is_saved_model(data: Reader) -> bool:
    wire = Wire(data)
    version = graph = False
    try:
        for seen, field in enumerate(wire.fields(0, data.size)):
            if seen >= GLANCE or (field.number, field.kind) not in ((1, VARINT), (2, BYTES)):
                break
            if field.number == 1:
                version = 0 < field.value < 100
            else:
                graph = graph or _is_meta_graph(wire, field.offset, field.offset + field.size)
            if version and graph:
                return True
    except FormatError as error:
        # Cut off in its graph it is still a model.
        return version and data.peek(error.offset, 1) == b"\x12" and error.offset < 32
    return False


def _is_meta_graph(wire: Wire, start: int, end: int) -> bool:
    """Whether the fields are those of a MetaGraphDef: information with a version, and a graph."""
    information = graph = False
    try:
        for seen, field in enumerate(wire.fields(start, end)):
            if seen >= GLANCE or field.kind != BYTES or not 1 <= field.number <= 7:
                return False
            if field.number == 1:
                information = information or _is_information(wire, field)
            elif field.number == 2:
                graph = graph or _is_graph(wire, field.offset, field.offset + field.size, empty=True)
            if information and graph:
                return True
    except FormatError:
        return information
    return False


def _is_information(wire: Wire, field: Field) -> bool:
    kinds = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: BYTES, 6: BYTES, 7: VARINT, 8: BYTES}
    marks = 0
    for part in wire.fields(field.offset, field.offset + field.size):
        if kinds.get(part.number) != part.kind:
            return False
        if part.number == 2 and part.size:
            # A list of operators: of a node, this would be the name of one.
            marks += wire.payload(part.offset, 1) == b"\x0a"
        elif part.number == 5:
            marks += bool(_VERSION.fullmatch(wire.payload(part.offset, min(part.size, 50))))
    return marks > 0


def _is_graph(wire: Wire, start: int, end: int, *, empty: bool = False) -> bool:
    """Whether the fields are those of a GraphDef, with a node that has an operator."""
    seen = 0
    try:
        for field in wire.fields(start, end):
            if seen >= GLANCE or _GRAPH.get(field.number) != field.kind:
                return False
            seen += 1
            if field.number == 1:
                return _is_node(wire, field.offset, field.offset + field.size)
            if field.number == 2 and _is_library(wire, field):
                return True
    except FormatError:
        return False
    return empty


def _is_node(wire: Wire, start: int, end: int) -> bool:
    name = operator = False
    for seen, field in enumerate(wire.fields(start, end)):
        if seen >= GLANCE or field.kind != BYTES or not 1 <= field.number <= 7:
            return False
        if field.number == 1:
            name = True
        elif field.number == 2:
            operator = bool(OPERATOR.fullmatch(wire.payload(field.offset, min(field.size, 200))))
        if name and operator:
            return True
    return False


def _is_library(wire: Wire, field: Field) -> bool:
    """Whether a function with a signature and nodes begins here."""
    for function in wire.fields(field.offset, field.offset + field.size):
        if function.kind != BYTES or function.number not in (1, 2, 3):
            return False
        if function.number == 1:
            for part in wire.fields(function.offset, function.offset + function.size):
                if part.number == 3 and part.kind == BYTES:
                    return _is_node(wire, part.offset, part.offset + part.size)
    return False


def _could_be_graph(wire: Wire, size: int) -> bool:
    try:
        first = next(wire.fields(0, size), None)
    except FormatError:
        return False
    return first is not None and _GRAPH.get(first.number) == first.kind
