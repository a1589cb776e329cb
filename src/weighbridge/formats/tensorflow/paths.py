"""Which operators of TensorFlow reach files or addresses, and where the name of it comes from.

A name is an input of the operator, seldom an attribute. It is followed back through operators that only pass texts on,
and from the arguments of a function to whoever calls it: to constants, to an asset of the model, or to an input of the
model. Roads of the facts, by what the operator does with the file:

    tf-read      reads it                          tf-write    writes it
    tf-restore   reads tensors of a checkpoint     tf-save     writes a checkpoint
    tf-log       writes summaries, caches, dumps   tf-debug    sends or writes every tensor that passes
    tf-network   connects to an address             tf-default  reads a table from it if nobody names the asset

The target is the constant; `*` if it is computed, empty if it comes from whoever calls the model.
Source: TensorFlow 2.21, definitions of the operators.
"""

from __future__ import annotations

from weighbridge.core.records import NamedTuple

COMPUTED, GIVEN = "*", ""
INPUTS, KEPT = 300_000, 100_000
"""References between nodes, and nodes, that are remembered: about 25 MB each. Beyond them everything is computed."""
USES = 20_000
"""Operators with a name of a file in one model."""
STEPS, ALL_STEPS = 2_000, 500_000
"""Nodes that are looked at for one name, and for all names: about half a second."""
TARGETS, CALLERS = 20, 200
"""Constants that are told for one name, and callers of one function that are followed."""

Source = int | str
"""Where an operator has a name: the number of an input, or an attribute."""

PATHS: dict[bytes, tuple[tuple[str, Source], ...]] = {
    b"WriteFile": (("tf-write", 0),),
    b"PrintV2": (("tf-write", "output_stream"),),
    b"DumpTensor": (("tf-log", "log_dir_path"),),
    b"CalibrationStatisticsSaver": (("tf-log", "output_file_path"),),
    b"SaveDataset": (("tf-log", 1),),
    b"SaveDatasetV2": (("tf-log", 1),),
    b"DistributedSave": (("tf-log", 1), ("tf-network", 2)),
    b"DatasetToTFRecord": (("tf-log", 1),),
    b"ExperimentalDatasetToTFRecord": (("tf-log", 1),),
    b"SnapshotDataset": (("tf-log", 1), ("tf-log", "reader_path_prefix"), ("tf-log", "writer_path_prefix")),
    b"SnapshotDatasetV2": (("tf-log", 1), ("tf-log", "reader_prefix"), ("tf-log", "writer_prefix")),
    b"CacheDataset": (("tf-log", 1),),
    b"CacheDatasetV2": (("tf-log", 1),),
    b"CreateSummaryFileWriter": (("tf-log", 1),),
    b"CreateSummaryDbWriter": (("tf-log", 1),),
    b"ReadFile": (("tf-read", 0),),
    b"MatchingFiles": (("tf-read", 0),),
    b"MatchingFilesDataset": (("tf-read", 0),),
    b"ExperimentalMatchingFilesDataset": (("tf-read", 0),),
    b"ImmutableConst": (("tf-read", "memory_region_name"),),
    b"SqlDataset": (("tf-read", 1),),
    b"ExperimentalSqlDataset": (("tf-read", 1),),
    b"LMDBDataset": (("tf-read", 0),),
    b"ExperimentalLMDBDataset": (("tf-read", 0),),
    b"TextLineDataset": (("tf-read", 0),),
    b"TFRecordDataset": (("tf-read", 0),),
    b"TFRecordDatasetV2": (("tf-read", 0),),
    b"FixedLengthRecordDataset": (("tf-read", 0),),
    b"FixedLengthRecordDatasetV2": (("tf-read", 0),),
    b"CSVDataset": (("tf-read", 0),),
    b"CSVDatasetV2": (("tf-read", 0),),
    b"ExperimentalCSVDataset": (("tf-read", 0),),
    b"LoadDataset": (("tf-read", 0),),
    b"RecordInput": (("tf-read", "file_pattern"),),
    b"Skipgram": (("tf-read", "filename"),),
    b"FixedUnigramCandidateSampler": (("tf-read", "vocab_file"),),
    b"DecodeProtoV2": (("tf-read", "descriptor_source"),),
    b"EncodeProto": (("tf-read", "descriptor_source"),),
    b"InitializeTRTResource": (("tf-read", 1),),
    b"ListSnapshotChunksDataset": (("tf-read", 0),),
    b"SnapshotChunkDataset": (("tf-read", 0),),
    b"SnapshotDatasetReader": (("tf-read", 0),),
    b"SnapshotNestedDatasetReader": (("tf-read", 0),),
    b"InitializeTableFromTextFile": (("tf-read", 1),),
    b"InitializeTableFromTextFileV2": (("tf-read", 1),),
    b"ReaderRead": (("tf-read", 1),),
    b"ReaderReadV2": (("tf-read", 1),),
    b"ReaderReadUpTo": (("tf-read", 1),),
    b"ReaderReadUpToV2": (("tf-read", 1),),
    b"Restore": (("tf-restore", 0),),
    b"RestoreSlice": (("tf-restore", 0),),
    b"RestoreV2": (("tf-restore", 0),),
    b"DTensorRestoreV2": (("tf-restore", 0),),
    b"LoadAndRemapMatrix": (("tf-restore", 0),),
    b"GenerateVocabRemapping": (("tf-read", 0), ("tf-read", 1)),
    b"Save": (("tf-save", 0),),
    b"SaveSlices": (("tf-save", 0),),
    b"SaveV2": (("tf-save", 0),),
    b"MergeV2Checkpoints": (("tf-save", 0), ("tf-save", 1)),
    b"DebugIdentity": (("tf-debug", "debug_urls"),),
    b"DebugIdentityV2": (("tf-debug", "debug_urls"),),
    b"DebugIdentityV3": (("tf-debug", "debug_urls"),),
    b"DebugNanCount": (("tf-debug", "debug_urls"),),
    b"DebugNumericSummary": (("tf-debug", "debug_urls"),),
    b"DebugNumericSummaryV2": (("tf-debug", "debug_urls"),),
    b"RpcClient": (("tf-network", 0),),
    b"RpcServer": (("tf-network", 0),),
    b"DataServiceDataset": (("tf-network", 2),),
    b"DataServiceDatasetV2": (("tf-network", 2),),
    b"DataServiceDatasetV3": (("tf-network", 2),),
    b"DataServiceDatasetV4": (("tf-network", 2),),
    b"RegisterDataset": (("tf-network", 1),),
    b"RegisterDatasetV2": (("tf-network", 1),),
}
"""Operator → what it does with which names."""
ATTRIBUTES = frozenset(source for uses in PATHS.values() for _, source in uses if isinstance(source, str))
"""Attributes that can name a file."""
_TABLES = frozenset((b"InitializeTableFromTextFile", b"InitializeTableFromTextFileV2"))
_NO_FILES = {
    b"DecodeProtoV2": ("local://", "bytes://"),
    b"EncodeProto": ("local://", "bytes://"),
    b"PrintV2": ("stdout", "stderr", "log("),
}
"""Beginnings of what an attribute may say instead of the name of a file."""
_PASSED = frozenset(
    (
        b"Identity",
        b"IdentityN",
        b"ReadVariableOp",
        b"PlaceholderWithDefault",
        b"StopGradient",
        b"EnsureShape",
        b"Reshape",
        b"ExpandDims",
        b"Squeeze",
        b"Pack",
        b"Concat",
        b"ConcatV2",
        b"Fill",
        b"Tile",
        b"Unpack",
        b"StridedSlice",
        b"Gather",
        b"GatherV2",
        b"RandomShuffle",
        b"Select",
        b"SelectV2",
        b"Switch",
        b"Merge",
        b"Assert",
    )
)
"""Operators out of which comes what goes in, or a part of it."""
_JOINED = frozenset(
    (
        b"StringJoin",
        b"ShardedFilename",
        b"ShardedFilespec",
        b"ReduceJoin",
        b"StringFormat",
        b"AsString",
        b"Substr",
        b"StringLower",
        b"StringUpper",
        b"StringStrip",
        b"StringSplit",
        b"StringSplitV2",
        b"RegexReplace",
        b"StaticRegexReplace",
        b"QueueEnqueue",
        b"QueueEnqueueV2",
    )
)
"""Operators that make a new text of what goes in."""
_GIVEN = frozenset((b"Placeholder", b"PlaceholderV2", b"_Arg", b"PlaceholderWithDefault"))
_VARIABLES = frozenset((b"VarHandleOp", b"Variable", b"VariableV2"))
_ASSIGNS = frozenset((b"AssignVariableOp", b"Assign"))
CALLS: dict[bytes, int] = {
    b"PartitionedCall": 0,
    b"StatefulPartitionedCall": 0,
    b"TPUPartitionedCall": 0,
    b"BatchFunction": 0,
    b"SymbolicGradient": 0,
    b"While": 0,
    b"StatelessWhile": 0,
    b"_While": 0,
    b"If": 1,
    b"StatelessIf": 1,
    b"_If": 1,
    b"Case": 1,
    b"StatelessCase": 1,
}
"""Operators that call functions, and which input is the first argument."""


class Node(NamedTuple):
    """A node as far as names need it. `texts` are those of a constant."""

    op: bytes
    inputs: tuple[bytes, ...]
    texts: tuple[str, ...] | None


class Use(NamedTuple):
    """An operator with a name in an input, to be followed when everything was seen."""

    scope: Scope
    op: bytes
    node: bytes
    road: str
    reference: bytes
    offset: int


class Scope:
    """One graph or function: its nodes by name, and its arguments."""

    __slots__ = ("arguments", "assigned", "function", "nodes")

    def __init__(self, function: bytes) -> None:
        self.assigned: dict[bytes, list[bytes]] = {}
        """What variables are set to in this graph."""
        self.function = function
        self.nodes: dict[bytes, Node] = {}
        self.arguments: dict[bytes, int] = {}


class Names:
    """What is known of all graphs and functions of one model."""

    __slots__ = ("_callers", "_full", "_left", "_room", "_steps", "assets", "over", "uses")

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.assets: set[bytes] = set()
        self._callers: dict[bytes, list[tuple[Scope, tuple[bytes, ...]] | None]] = {}
        self.over = False
        """Whether there were more uses than could be remembered."""
        self._full = False
        self._left = INPUTS
        self._room = KEPT
        self._steps = ALL_STEPS

    def wanted(self, op: bytes) -> bool:
        """Whether a node of this operator has to be added."""
        known = op in PATHS or op in _PASSED or op in _JOINED or op in _GIVEN
        return known or op == b"Const" or op in _VARIABLES or op in _ASSIGNS

    def add(self, scope: Scope, name: bytes, node: Node) -> None:
        """Remember a node."""
        if self._room > 0 and self._left >= len(node.inputs):
            self._room -= 1
            self._left -= len(node.inputs)
            if node.op in _ASSIGNS and len(node.inputs) > 1:
                scope.assigned.setdefault(node.inputs[0].partition(b":")[0], []).append(node.inputs[1])
            else:
                scope.nodes[name] = node

    def use(self, use: Use) -> None:
        """Remember that an operator has a name in an input."""
        if len(self.uses) < USES:
            self.uses.append(use)
        else:
            self.over = True

    def argument(self, scope: Scope, name: bytes) -> None:
        """Remember the next argument of a function."""
        if self._left > 0:
            self._left -= 1
            scope.arguments[name] = len(scope.arguments)

    def call(self, scope: Scope, op: bytes, function: bytes, inputs: tuple[bytes, ...]) -> None:
        """Remember that a function is called."""
        callers = self._callers.get(function)
        if callers is None:
            if len(self._callers) >= KEPT:
                self._full = True
                return
            callers = self._callers[function] = []
        first = CALLS.get(op, 0 if op == function else -1)
        if len(callers) > CALLERS:
            return
        if len(callers) == CALLERS or first < 0 or self._left < len(inputs):
            callers.append(None)
        else:
            self._left -= len(inputs)
            callers.append((scope, inputs[first:]))

    def targets(self, use: Use) -> list[tuple[str, str]]:
        """Road and name of every file that an operator can get: constants, `COMPUTED`, `GIVEN`.

        An asset is none of these. A loader names it while it initializes; a constant in its place counts otherwise.
        """
        defaults: dict[str, None] = {}
        constants: dict[str, None] = {}
        unknown = given = False
        pending = [(use.scope, use.reference)]
        seen: set[tuple[int, bytes]] = set()
        while pending:
            scope, reference = pending.pop()
            name = reference.partition(b":")[0]
            if reference.startswith(b"^") or (id(scope), name) in seen:
                continue
            seen.add((id(scope), name))
            self._steps -= 1
            if len(seen) > STEPS or self._steps <= 0:
                unknown = True
                break
            node = scope.nodes.get(name)
            if not scope.function and name in self.assets and not (node is not None and node.texts):
                continue
            if node is None:
                if name in scope.arguments:
                    callers = self._callers.get(scope.function, [])
                    index = scope.arguments[name]
                    given = given or not callers
                    unknown = unknown or self._full
                    for caller in callers:
                        if caller is None or index >= len(caller[1]):
                            unknown = True
                        else:
                            pending.append((caller[0], caller[1][index]))
                else:
                    unknown = True
            elif node.texts is not None:
                asset = not scope.function and name in self.assets and use.op in _TABLES
                for text in node.texts:
                    if len(constants) < TARGETS:
                        (defaults if asset else constants)[text] = None
            else:
                given = given or node.op in _GIVEN
                if node.op in _PASSED or node.op in _JOINED:
                    pending.extend((scope, inner) for inner in node.inputs)
                elif node.op in _VARIABLES and name in scope.assigned:
                    pending.extend((scope, inner) for inner in scope.assigned[name])
                elif node.op not in _GIVEN:
                    unknown = True
        found = [(use.road, text) for text in constants if text]
        if unknown:
            found.append((use.road, COMPUTED))
        elif given and not found:
            found.append((use.road, GIVEN))
        return found + [("tf-default", text) for text in defaults if text]


def names_file(op: bytes, text: str) -> bool:
    """Whether what an attribute says is the name of a file."""
    return bool(text) and not text.startswith(_NO_FILES.get(op, ("\0",)))
