"""Models in the form of ONNX Runtime: an ONNX graph as a flatbuffer, after the optimizers went over it.

    offset 4          "ORTM"
    InferenceSession  ort_version, which is that of this form
                      model ── opset_import, metadata, graph ── initializers, node_args, nodes, edges between them
                      kernel_type_str_resolver: which kernels the operators need

What it holds is what an .onnx file holds, so it is told in the same facts and judged by the same rules; functions of
the model are resolved before it is written. Optimizations that are still to be done name the operators that they
produce: those count as operators of the graph. Initializers can be kept in another file, which the model does not name:
such a model is not read as a whole. Sources: onnxruntime 1.32, `ort_format_model/ort_flatbuffers_py/fbs` (the schema as
generated Python), `docs/ORT_Format_Model.md`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Graph, Metadata, Operator, OperatorSet, Span, Tensor, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.flat_walk import Blob, Walk
from weighbridge.formats.grammars.flatbuffer import Flat, Table, most_tables, schema
from weighbridge.formats.onnx.schema import BITS
from weighbridge.formats.onnx.tensors import MOST_DIMS, Stored, check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

SCHEMA = schema("""
TypeInfoValue = TensorTypeAndShape SequenceType MapType
Shape dim:[Dimension]
Dimension value:DimensionValue denotation:text
DimensionValue dim_type:i8 dim_value:i64 dim_param:text
TensorTypeAndShape elem_type:i32 shape:Shape
MapType key_type:i32 value_type:TypeInfo
SequenceType elem_type:TypeInfo
TypeInfo denotation:text value_type:type value:<TypeInfoValue>
ValueInfo name:text doc_string:text type:TypeInfo
OperatorSetId domain:text version:i64
Tensor name:text doc_string:text dims:[i64] data_type:i32 raw_data:[u8] string_data:[text] external_data_offset:i64
SparseTensor values:Tensor indices:Tensor dims:[i64]
Attribute name:text doc_string:text type:i32 f:f32 i:i64 s:text t:Tensor g:Graph floats:[f32] ints:[i64] strings:[text]
  tensors:[Tensor] graphs:[Graph]
Node name:text doc_string:text domain:text since_version:i32 index:u32 op_type:text type:i32
  execution_provider_type:text inputs:[text] outputs:[text] attributes:[Attribute] input_arg_counts:[i32]
  implicit_inputs:[text]
NodeEdge node_index:u32 input_edges:[12/4] output_edges:[12/4]
NodesToOptimizeIndices node_indices:[u32] num_inputs:u32 num_outputs:u32 has_variadic_input:bool
  has_variadic_output:bool num_variadic_inputs:u32 num_variadic_outputs:u32
DeprecatedNodeIndexAndKernelDefHash node_index:u32 kernel_def_hash:u64
RuntimeOptimizationRecord action_id:text nodes_to_optimize_indices:NodesToOptimizeIndices
  produced_nodes:[DeprecatedNodeIndexAndKernelDefHash] produced_op_ids:[text]
RuntimeOptimizationRecordContainerEntry optimizer_name:text runtime_optimization_records:[RuntimeOptimizationRecord]
RuntimeOptimizations records:[RuntimeOptimizationRecordContainerEntry]
Graph initializers:[Tensor] node_args:[ValueInfo] nodes:[Node] max_node_index:u32 node_edges:[NodeEdge] inputs:[text]
  outputs:[text] sparse_initializers:[SparseTensor] runtime_optimizations:RuntimeOptimizations
StringStringEntry key:text value:text
Model ir_version:i64 opset_import:[OperatorSetId] producer_name:text producer_version:text domain:text
  model_version:i64 doc_string:text graph:Graph graph_doc_string:text metadata_props:[StringStringEntry]
DeprecatedKernelCreateInfos node_indices:[u32] kernel_def_hashes:[u64]
DeprecatedSubGraphSessionState graph_id:text session_state:DeprecatedSessionState
DeprecatedSessionState kernels:DeprecatedKernelCreateInfos sub_graph_session_states:[DeprecatedSubGraphSessionState]
ArgTypeAndIndex arg_type:i8 index:u32
KernelTypeStrArgsEntry kernel_type_str:text args:[ArgTypeAndIndex]
OpIdKernelTypeStrArgsEntry op_id:text kernel_type_str_args:[KernelTypeStrArgsEntry]
KernelTypeStrResolver op_kernel_type_str_args:[OpIdKernelTypeStrArgsEntry]
InferenceSession ort_version:text model:Model session_state:DeprecatedSessionState
  kernel_type_str_resolver:KernelTypeStrResolver
""")
MARK = b"ORTM"
_TEXTS = ("producer_name", "producer_version", "domain", "doc_string", "graph_doc_string")
_NUMBERS = ("ir_version", "model_version")
_STANDARD = ("", "ai.onnx.ml")


class Ort:
    """A model in the form of ONNX Runtime."""

    name = "ort"
    version = 1
    extensions = frozenset((".ort",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark; MAYBE by the name."""
        if info.head[4:8] == MARK and 8 <= int.from_bytes(info.head[:4], "little") < data.size:
            return Match.YES
        return Match.MAYBE if info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the flatbuffer; tell the graph as one of ONNX is told."""
        del info
        if data.read(4, 4) != MARK:
            raise FormatError("the mark ORTM is missing", 4)
        flat = Flat(data)
        walk = Walk(flat, SCHEMA, budget)
        root = flat.root()
        for event in walk.events("InferenceSession", root):
            if isinstance(event, Blob):
                yield from walk.program(event.offset, event.size)
                yield Span(event.offset, event.size, "data")
            else:
                yield event
        session = Table(flat, SCHEMA, "InferenceSession", root)
        yield from Model(walk, budget.limits.facts).facts(session)
        yield Span(0, 8, "parsed")
        spans, end = walk.owned(8)
        yield from spans
        yield from walk.tail(end)
        yield from walk.oddities()


class Model:
    """The facts of one model."""

    __slots__ = ("_left", "_most", "_operators", "_walk")

    def __init__(self, walk: Walk, most: int) -> None:
        self._walk = walk
        self._most = most
        self._operators: dict[tuple[str, str], tuple[int, Table]] = {}
        self._left = 0

    def facts(self, session: Table) -> Iterator[Fact]:
        """Metadata, operator sets, graphs, operators, tensors."""
        keep = self._walk.keep
        self._left = most_tables(session.flat.reader.size)
        version = session.text("ort_version")
        yield from keep(Metadata("ort_version", version, len(version), session.place))
        model = session.table("model")
        graph = model.table("graph") if model is not None else None
        if model is None or graph is None:
            yield UnreadSpan(session.place, 0, "the model has no graph: nothing would be run")
            return
        for name in _TEXTS:
            text = model.text(name)
            if text:
                yield from keep(Metadata(name, text, len(text), model.place))
        for name in _NUMBERS:
            yield from keep(Metadata(name, str(model.number(name)), 8, model.place))
        for entry in model.tables("metadata_props"):
            self._step(entry)
            value = entry.text("value")
            yield from keep(Metadata(f"metadata_props.{entry.text('key')}"[:200], value, len(value), entry.place))
        sets = 0
        for entry in model.tables("opset_import"):
            self._step(entry)
            sets += 1
            yield from keep(OperatorSet(entry.text("domain"), entry.number("version"), entry.place))
        yield from self._graph(graph, "main")
        for (domain, operator), (times, node) in self._operators.items():
            shown = domain not in _STANDARD or operator.startswith("Py")
            text = _strings(node) if shown and node.shape.name == "Node" else ""
            yield from keep(Operator(domain, operator, times, node.place, text=text))
        if not sets:
            yield UnreadSpan(model.place, 0, "the model has no list of operator sets: it is no model")

    def _graph(self, graph: Table, role: str) -> Iterator[Fact]:
        nodes = 0
        for node in graph.tables("nodes"):
            self._step(node)
            nodes += 1
            self._count(node.text("domain"), node.text("op_type"), node)
            for attribute in node.tables("attributes"):
                self._step(attribute)
                yield from self._attribute(attribute)
        for tensor in graph.tables("initializers"):
            yield from self._tensor(tensor, tensor.text("name"))
        for sparse in graph.tables("sparse_initializers"):
            for name in ("values", "indices"):
                part = sparse.table(name)
                if part is not None:
                    yield from self._tensor(part, part.text("name") or name)
        waiting = graph.table("runtime_optimizations")
        for entry in waiting.tables("records") if waiting is not None else ():
            for record in entry.tables("runtime_optimization_records"):
                self._step(record)
                for identity in record.texts("produced_op_ids"):
                    domain, _, rest = identity.partition(":")
                    self._count(domain, rest.partition(":")[0], record)
        yield from self._walk.keep(Graph(role, "", "", nodes, graph.place))

    def _attribute(self, attribute: Table) -> Iterator[Fact]:
        name = attribute.text("name")
        inner = attribute.table("t")
        if inner is not None:
            yield from self._tensor(inner, name)
        for tensor in attribute.tables("tensors"):
            yield from self._tensor(tensor, name)
        body = attribute.table("g")
        if body is not None:
            yield from self._graph(body, "body")
        for graph in attribute.tables("graphs"):
            yield from self._graph(graph, "body")

    def _tensor(self, tensor: Table, name: str) -> Iterator[Fact]:
        self._step(tensor)
        dims = tensor.numbers("dims", MOST_DIMS + 1)
        dtype = tensor.number("data_type")
        start, size = tensor.vector("raw_data")
        texts = tensor.vector("string_data")[1]
        if tensor.number("external_data_offset", -1) >= 0:
            yield UnreadSpan(tensor.place, 0, f"tensor {name[:100]!r} is in a file that the model does not name")
        elif tensor.has("raw_data") or tensor.has("string_data"):
            counts = {6: texts} if tensor.has("string_data") else {}
            raw = size if tensor.has("raw_data") else -1
            for found in check(Stored(name, dims, dtype, raw, counts, external=False, entries=(), offset=tensor.place)):
                yield from self._walk.keep(found)
        else:
            for found in check(Stored(name, dims, dtype, -1, {}, external=False, entries=(), offset=tensor.place)):
                yield from self._walk.keep(found)
        kind = BITS.get(dtype, (str(dtype), 0))[0]
        yield from self._walk.keep(Tensor(name, kind, dims, start or tensor.place, size))

    def _count(self, domain: str, name: str, node: Table) -> None:
        key = ("" if domain == "ai.onnx" else domain, name)
        times, first = self._operators.get(key, (0, node))
        # One more than there is room for: then it is said that there were too many.
        if times or len(self._operators) <= self._most:
            self._operators[key] = (times + 1, first)

    def _step(self, table: Table) -> None:
        """Things that are walked once can still be named many times."""
        self._left -= 1
        if self._left < 0:
            raise FormatError(
                "there are more nodes and tensors than bytes for them: some stand in several graphs", table.place
            )


def _strings(node: Table) -> str:
    """The string attributes of a node, shortened."""
    found: list[str] = []
    for attribute in node.tables("attributes"):
        value = attribute.text("s", 100)
        if value and len(found) < 8:
            found.append(f"{attribute.text('name', 50)}={value!r}")
    return ", ".join(found)[:200]
