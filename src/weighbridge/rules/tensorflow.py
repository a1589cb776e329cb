"""Rules on graphs of TensorFlow: operators that leave the graph, and the files and addresses that they reach."""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Graph, Operator
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule
from weighbridge.rules.paths import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS = "tensorflow"
"""How the formats are called that a graph can come from."""
_TRAINING = "tensorflow-meta-graph"
"""A graph beside a checkpoint: it names the training data of whoever trained it, and nobody serves it."""
_LEAVING = {
    "network": Severity.HIGH,
    "native": Severity.HIGH,
    "configures": Severity.HIGH,
    "review": Severity.HIGH,
    "program": Severity.MEDIUM,
    "cluster": Severity.INFO,
}
_COMPUTED, _GIVEN = "*", ""


def _used(operator: Operator) -> str:
    times = f", {operator.times} times" if operator.times > 1 else ""
    return operator.name[:200] + (f" ({operator.text})" if operator.text else "") + times


@rule("tensorflow/python-operator", Severity.HIGH, on=Operator, refs=("CWE-94", "ATLAS AML.T0011.000"), since="0.1")
def python_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """An operator of the graph calls Python.

    What it finds: PyFunc, PyFuncStateless and EagerPyFunc.
    Why it matters: They call a function that has to be registered in the process under a token of the graph: the model
        is of no use without code that is not part of it, and with that code it is more than a graph. Nothing that was
        exported for others needs them.
    What to do: Ask for a model without Python functions, and for the code that goes with this one.
    Fires on:
        Operator("", "PyFunc", 1, 0, False, "token='pyfunc_0'")
        Operator("", "EagerPyFunc", 1, 0)
        Operator("", "PyFuncStateless", 1, 0, True)
    Stays silent on:
        Operator("", "MatMul", 3, 0)
    """
    if ctx.format.startswith(_FORMATS):
        entry = ctx.knowledge.tensorflow.find(operator.name)
        if entry is not None and entry.trust == "python":
            yield Hit(f"{_used(operator)}: {entry.why}")


@rule("tensorflow/custom-operator", Severity.HIGH, on=Operator, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def custom_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """The graph needs an operator that is not part of TensorFlow.

    What it finds: Operators that neither TensorFlow nor a function of the model defines; low if they are of a library
        that is known.
    Why it matters: Somebody has to load a native library into the serving process before the model runs, and the
        library is not what is judged here.
    What to do: Find out which library is meant and from whom it comes.
    Fires on:
        Operator("", "NoSuchOperator", 1, 0)
        Operator("", "Evil>Conv2D", 1, 0)
        Operator("", "SentencepieceOp", 1, 0)
    Stays silent on:
        Operator("", "MatMul", 1, 0)
        Operator("", "StatefulPartitionedCall", 1, 0)
        Operator("", "__inference_call_12", 1, 0, True)
    """
    if not ctx.format.startswith(_FORMATS):
        return
    entry = ctx.knowledge.tensorflow.find(operator.name)
    if entry is None and not operator.defined:
        yield Hit(f"{_used(operator)}: nothing is known of such an operator")
    elif entry is not None and entry.trust == "library":
        yield Hit(f"{_used(operator)}: brought by {entry.why}", Severity.LOW)


@rule("tensorflow/leaving-operator", Severity.HIGH, on=Operator, refs=("CWE-829", "CWE-918"), since="0.1")
def leaving_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """An operator leaves the graph.

    What it finds: Operators that connect to other machines, send tensors to a debugger, set up file systems for the
        process, or run compiled code that the graph carries or names. Medium for programs of XLA, which JAX exports and
        which are not read; info for operators that exchange tensors with other devices.
    Why it matters: What such an operator reaches is no part of the model, and nobody has looked at it.
    What to do: Ask for a model without it. Data services, debuggers and servers belong to training.
    Fires on:
        Operator("", "RpcClient", 1, 0)
        Operator("", "DebugIdentityV3", 1, 0)
        Operator("", "DataServiceDatasetV4", 1, 0)
        Operator("", "FileSystemSetConfiguration", 1, 0)
        Operator("", "XlaCustomCallV2", 1, 0)
        Operator("", "TRTEngineOp", 1, 0)
        Operator("", "XlaCallModule", 1, 0)
        Operator("", "CollectiveReduceV2", 1, 0)
    Stays silent on:
        Operator("", "PartitionedCall", 1, 0)
        Operator("", "RestoreV2", 1, 0)
    """
    if ctx.format.startswith(_FORMATS):
        entry = ctx.knowledge.tensorflow.find(operator.name)
        if entry is not None and entry.trust in _LEAVING:
            yield Hit(f"{_used(operator)}: {entry.why}", _LEAVING[entry.trust])


@rule("tensorflow/shadowed-operator", Severity.HIGH, on=Graph, refs=("CWE-436", "ATLAS AML.T0018"), since="0.1")
def shadowed_operator(graph: Graph, ctx: RuleContext) -> Iterator[Hit]:
    """A function of the model replaces an operator that means something else.

    What it finds: Functions of the library with the name of an operator of TensorFlow.
    Why it matters: TensorFlow looks for a function first. Who reads the graph sees an ordinary MatMul; what runs is the
        function. That is how a backdoor hides in plain sight.
    What to do: Do not use the model. Ask why the operator is defined again.
    Fires on:
        Graph("function", "", "MatMul", 3, 0)
    Stays silent on:
        Graph("function", "", "__inference_call_12", 3, 0)
        Graph("main", "", "serve", 3, 0)
    """
    if ctx.format.startswith(_FORMATS) and graph.role == "function":
        entry = ctx.knowledge.tensorflow.find(graph.name)
        if entry is not None:
            yield Hit(f"{graph.name[:200]} is defined again, by {graph.nodes} nodes")


def _target(found: FileReference) -> str:
    if found.target == _COMPUTED:
        return "a file whose name is computed"
    return f"{found.target[:200]!r}" if found.target else "a file that whoever calls the model names"


@rule(
    "tensorflow/file-write",
    Severity.CRITICAL,
    on=FileReference,
    refs=("CWE-73", "CWE-22", "ATLAS AML.T0011.000"),
    since="0.1",
)
def file_write(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The graph writes a file.

    What it finds: WriteFile and Print with a constant name; high if the name is computed or an input of the model. Also
        high: checkpoints, caches, dumps and summaries that are written to an absolute path, upwards or to an address;
        they are medium elsewhere, and in graphs for training.
    Why it matters: Whoever runs the model, and whoever loads it if the operator belongs to what runs while loading,
        writes the file with his own rights: a key of another account, a script that starts with the machine.
    What to do: Do not load the model. What a trained model computes are tensors.
    Fires on:
        FileReference("tf-write", "/etc/cron.d/x", "WriteFile 'x'")
        FileReference("tf-write", "file:///tmp/x", "PrintV2 'x'")
        FileReference("tf-write", "*", "WriteFile 'x'")
        FileReference("tf-write", "", "WriteFile 'x'")
        FileReference("tf-log", "/etc/cron.d", "CreateSummaryFileWriter 'x'")
        FileReference("tf-log", "cache", "CacheDatasetV2 'x'")
        FileReference("tf-save", "/srv/other/model", "SaveV2 'save/SaveV2'")
    Stays silent on:
        FileReference("tf-save", "model", "SaveV2 'save/SaveV2'")
        FileReference("tf-save", "_temp/part", "SaveV2 'SaveV2'")
        FileReference("tf-save", "*", "SaveV2 'SaveV2'")
        FileReference("tf-save", "", "MergeV2Checkpoints 'MergeV2Checkpoints'")
    """
    constant = found.target not in (_COMPUTED, _GIVEN)
    why = escape(found.target) if constant else ""
    if found.road == "tf-write":
        yield Hit(f"{found.key} writes {_target(found)}", Severity.CRITICAL if constant else Severity.HIGH)
    elif found.road == "tf-log":
        serious = why and ctx.format != _TRAINING
        yield Hit(f"{found.key} writes to {_target(found)}", Severity.HIGH if serious else Severity.MEDIUM)
    elif found.road == "tf-save" and why:
        yield Hit(f"{found.key} writes a checkpoint to {_target(found)}: {why}", Severity.HIGH)


@rule("tensorflow/file-read", Severity.HIGH, on=FileReference, refs=("CWE-73", "CWE-200"), since="0.1")
def file_read(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The graph reads a file that is no part of the model.

    What it finds: Operators that read files, records or vocabularies from an absolute path, upwards, from an address,
        or under a name that the graph computes. Medium if whoever calls the model gives the name or if it is a plain
        relative one, for checkpoints, and in graphs for training, which name the data of whoever trained them. Assets
        of the model are none of these; low if the constant that stands for one is an absolute path.
    Why it matters: The model answers with what it reads: passwords and tokens of the serving machine come out as
        outputs, and an address is a way into the network behind it.
    What to do: Do not serve the model before somebody has read the graph. Files that a model needs belong into its
        assets.
    Fires on:
        FileReference("tf-read", "/etc/passwd", "ReadFile 'x'")
        FileReference("tf-read", "https://example.org/x", "ReadFile 'x'")
        FileReference("tf-read", "*", "ReadFile 'x'")
        FileReference("tf-read", "", "ReadFile 'x'")
        FileReference("tf-read", "words.txt", "InitializeTableFromTextFileV2 'x'")
        FileReference("tf-restore", "/srv/model.ckpt", "RestoreV2 'x'")
        FileReference("tf-default", "/tmp/words.txt", "InitializeTableFromTextFileV2 'x'")
    Stays silent on:
        FileReference("tf-restore", "model", "RestoreV2 'save/RestoreV2'")
        FileReference("tf-restore", "*", "RestoreV2 'RestoreV2'")
        FileReference("tf-asset", "words.txt", "asset_file_def")
    """
    why = escape(found.target) if found.target not in (_COMPUTED, _GIVEN) else ""
    if found.road == "tf-read":
        serious = (why or found.target == _COMPUTED) and ctx.format != _TRAINING
        reason = f": {why}" if why else ""
        severity = Severity.HIGH if serious else Severity.MEDIUM
        yield Hit(f"{found.key} reads {_target(found)}{reason}", severity)
    elif found.road == "tf-restore" and why:
        yield Hit(f"{found.key} reads a checkpoint from {_target(found)}: {why}", Severity.MEDIUM)
    elif found.road == "tf-default" and why:
        yield Hit(f"{found.key} reads an asset, or {_target(found)} where nobody names it: {why}", Severity.LOW)


@rule("tensorflow/address", Severity.HIGH, on=FileReference, refs=("CWE-918", "CWE-200"), since="0.1")
def address(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The graph connects to an address.

    What it finds: Addresses of servers, data services and debuggers in operators that connect to them.
    Why it matters: What the model sees, and what it computes, goes to a machine of somebody else.
    What to do: Do not run the model. Look who the address belongs to.
    Fires on:
        FileReference("tf-network", "203.0.113.7:5000", "RpcClient 'x'")
        FileReference("tf-debug", "grpc://203.0.113.7:6064", "DebugIdentityV3 'x'")
    Stays silent on:
        FileReference("tf-read", "/etc/passwd", "ReadFile 'x'")
    """
    del ctx
    if found.road in ("tf-network", "tf-debug"):
        whom = _target(found).replace("a file", "an address")
        yield Hit(f"{found.key} connects to {whom}")


@rule("tensorflow/outside-asset", Severity.HIGH, on=FileReference, refs=("CWE-22", "CWE-73"), since="0.1")
def outside_asset(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The model names an asset outside of its folder.

    What it finds: Assets with an absolute path, a drive, an address, or `..` in their name.
    Why it matters: The loader puts the name behind its folder `assets` and hands the graph what lies there: any file of
        the serving machine.
    What to do: Do not load the model.
    Fires on:
        FileReference("tf-asset", "../../../etc/passwd", "asset_file_def")
        FileReference("tf-asset", "/etc/passwd", "asset_file_def")
        FileReference("tf-asset", "", "asset_file_def")
    Stays silent on:
        FileReference("tf-asset", "vocabulary.txt", "asset_file_def")
        FileReference("tf-asset", "words/en.txt", "asset_file_def")
    """
    del ctx
    if found.road == "tf-asset":
        why = escape(found.target)
        if why:
            yield Hit(f"{found.target[:200]!r}: {why}")


@rule("tensorflow/checkpoint-path", Severity.HIGH, on=FileReference, refs=("CWE-22", "CWE-73"), since="0.1")
def checkpoint_path(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The file `checkpoint` names one outside of its folder.

    What it finds: Paths that lead upwards or are addresses. An absolute path is low: TensorFlow has written the folder
        of the training machine there.
    Why it matters: Who asks for the newest checkpoint loads the one that is named, not the one that was judged.
    What to do: Name the checkpoint when loading, or remove the file.
    Fires on:
        FileReference("tf-checkpoint", "../other/model.ckpt", "model_checkpoint_path")
        FileReference("tf-checkpoint", "gs://bucket/model.ckpt", "model_checkpoint_path")
        FileReference("tf-checkpoint", "/tmp/run/model.ckpt-100", "model_checkpoint_path")
    Stays silent on:
        FileReference("tf-checkpoint", "model.ckpt-100", "model_checkpoint_path")
    """
    del ctx
    if found.road == "tf-checkpoint":
        why = escape(found.target)
        if why:
            absolute = found.target.startswith("/") and ".." not in found.target.split("/")
            yield Hit(f"{found.key} is {found.target[:200]!r}: {why}", Severity.LOW if absolute else Severity.HIGH)


RULES = (
    python_operator,
    custom_operator,
    leaving_operator,
    shadowed_operator,
    file_write,
    file_read,
    address,
    outside_asset,
    checkpoint_path,
)
