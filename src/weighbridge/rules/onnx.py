"""Rules on graphs of operators: what runs outside of a graph, what replaces an operator, tensors in other files."""

from __future__ import annotations

from weighbridge.core.facts import ExternalData, Graph, Oddity, Operator
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule
from weighbridge.rules.paths import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

_FORMATS = ("onnx", "ort")
_OWN = ("standard", "deprecated")
_UNSTABLE = ("experimental", "removed")
_MEMORY = "*/_ORT_MEM_ADDR_/*"
"""A location by which ONNX Runtime and OpenVINO mean an address in their own memory."""


def _called(operator: Operator) -> str:
    name = f"{operator.domain}::{operator.name}" if operator.domain else operator.name
    return name[:200] + (f" ({operator.text})" if operator.text else "")


@rule("onnx/python-operator", Severity.CRITICAL, on=Operator, refs=("CWE-94", "ATLAS AML.T0011.000"), since="0.1")
def python_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """An operator of the model runs Python.

    What it finds: Operators such as PyOp, which name a module and a class for the runtime to import and call.
    Why it matters: Whoever controls the file decides which Python code the serving process imports. Nothing of a
        trained model needs that.
    What to do: Do not load the model. Ask for one that uses standard operators only.
    Fires on:
        Operator("pyopmulti_1", "PyOp", 1, 0, False, "module='mymodule', class_name='Multi_1'")
        Operator("", "PyOp", 1, 0, True)
    Stays silent on:
        Operator("", "Add", 3, 0)
        Operator("com.microsoft", "Gelu", 3, 0)
    """
    if ctx.format in _FORMATS:
        entry = ctx.knowledge.operators.find(operator.domain, operator.name)
        if entry is not None and entry.trust == "python":
            yield Hit(f"{_called(operator)}: {entry.why}")


@rule("onnx/custom-operator", Severity.HIGH, on=Operator, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def custom_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """The model needs an operator that is not part of ONNX.

    What it finds: Operators that neither ONNX nor a function of the model defines. High if nobody knows the operator,
        or if it runs something that cannot be inspected; low if a known library brings it; info if it is built into a
        runtime.
    Why it matters: Somebody has to load a native library into the serving process before the model runs, and the
        library is not what is judged here.
    What to do: Find out which library is meant and from whom it comes. Prefer a model that was exported to standard
        operators, or with its operators as functions.
    Fires on:
        Operator("com.example", "Foo", 1, 0)
        Operator("", "NoSuchOperator", 1, 0)
        Operator("com.microsoft", "EPContext", 1, 0)
        Operator("ai.onnx.contrib", "BertTokenizer", 1, 0)
        Operator("com.microsoft", "Gelu", 1, 0)
    Stays silent on:
        Operator("", "MatMul", 1, 0)
        Operator("ai.onnx.ml", "Scaler", 1, 0)
        Operator("com.example", "Foo", 1, 0, True)
    """
    if ctx.format not in _FORMATS:
        return
    known = ctx.knowledge.operators
    entry = known.find(operator.domain, operator.name)
    if entry is None:
        whose = known.domain(operator.domain)
        # The names of a standard domain are all known: another one there is somebody's own.
        entry = whose if whose is not None and whose.trust != "standard" else None
    if entry is not None and entry.trust == "review":
        yield Hit(f"{_called(operator)}: {entry.why}")
    elif operator.defined or (entry is not None and entry.trust in (*_OWN, *_UNSTABLE, "python")):
        return
    elif entry is None:
        domain = f"the domain {operator.domain[:100]!r}" if operator.domain else "ONNX"
        yield Hit(f"{_called(operator)}: nothing is known of such an operator of {domain}")
    elif entry.trust == "library":
        yield Hit(f"{_called(operator)}: brought by {entry.why}", Severity.LOW)
    else:
        yield Hit(f"{_called(operator)}: built into {entry.why}", Severity.INFO)


@rule("onnx/unstable-operator", Severity.INFO, on=Operator, refs=(), since="0.1")
def unstable_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """The model uses an operator that may change or was removed.

    What it finds: Experimental and training operators, and such that ONNX no longer has.
    Why it matters: What they compute can differ from one version of a runtime to the next.
    What to do: Pin the version of the runtime, or export the model again.
    Fires on:
        Operator("ai.onnx.preview.training", "Gradient", 1, 0)
        Operator("", "Affine", 1, 0)
    Stays silent on:
        Operator("", "MatMul", 1, 0)
    """
    if ctx.format in _FORMATS and not operator.defined:
        known = ctx.knowledge.operators
        entry = known.find(operator.domain, operator.name) or known.domain(operator.domain)
        if entry is not None and entry.trust in _UNSTABLE:
            yield Hit(f"{_called(operator)} is {entry.trust}")


@rule("onnx/shadowed-operator", Severity.HIGH, on=Graph, refs=("CWE-436", "ATLAS AML.T0018"), since="0.1")
def shadowed_operator(graph: Graph, ctx: RuleContext) -> Iterator[Hit]:
    """A function of the model replaces an operator that means something else.

    What it finds: Functions in the domain of ONNX itself or of a known runtime.
    Why it matters: Who reads the graph sees an ordinary MatMul; what runs is the function, in some runtimes and not in
        others. That is how a backdoor hides in plain sight.
    What to do: Do not use the model. Ask why the operator is defined again.
    Fires on:
        Graph("function", "", "MatMul", 3, 0)
        Graph("function", "ai.onnx", "MatMul", 3, 0)
        Graph("function", "ai.onnx.ml", "Scaler", 3, 0)
        Graph("function", "com.microsoft", "Gelu", 3, 0)
    Stays silent on:
        Graph("function", "pkg.onnxscript.torch_lib", "aten_gelu", 3, 0)
        Graph("main", "", "MatMul", 3, 0)
    """
    if ctx.format in _FORMATS and graph.role == "function":
        domain = "" if graph.domain == "ai.onnx" else graph.domain
        entry = ctx.knowledge.operators.domain(domain)
        if entry is not None and entry.trust in ("standard", "experimental", "builtin"):
            name = f"{domain or 'ai.onnx'}::{graph.name}"
            yield Hit(f"{name[:200]} is defined again, by {graph.nodes} nodes")


@rule("onnx/training-info", Severity.LOW, on=Graph, refs=(), since="0.1")
def training_info(graph: Graph, ctx: RuleContext) -> Iterator[Hit]:
    """The model carries graphs for training.

    What it finds: An algorithm or an initialization besides the graph that is run (training_info).
    Why it matters: Serving does not need it. A runtime that trains changes the weights that were inspected.
    What to do: Export the model for inference.
    Fires on:
        Graph("training", "", "step", 12, 0)
    Stays silent on:
        Graph("main", "", "net", 12, 0)
    """
    if ctx.format in _FORMATS and graph.role == "training":
        yield Hit(f"{graph.name[:100]!r} with {graph.nodes} nodes")


@rule(
    "onnx/external-data-escape",
    Severity.HIGH,
    on=ExternalData,
    refs=("CWE-22", "CWE-73", "CWE-822", "CVE-2022-25882", "CVE-2024-27318", "CVE-2025-51480"),
    since="0.1",
)
def external_data_escape(data: ExternalData, ctx: RuleContext) -> Iterator[Hit]:
    """A tensor is read from outside of the model's folder.

    What it finds: Locations that are absolute, lead upwards, name a drive, a share, an address or a place in memory, or
        are no names at all.
    Why it matters: Loading the model reads a file of the serving machine, and what it says can come out as weights;
        saving it again overwrites that file.
    What to do: Do not load the model.
    Fires on:
        ExternalData("w", "../../etc/passwd", 0, 16, 16, "", 0)
        ExternalData("w", "/etc/passwd", 0, 16, 16, "", 0)
        ExternalData("w", "a" + chr(92) + ".." + chr(92) + "w.bin", 0, 16, 16, "", 0)
        ExternalData("w", "C:weights.bin", 0, 16, 16, "", 0)
        ExternalData("w", 2 * chr(92) + "host", 0, 16, 16, "", 0)
        ExternalData("w", "file:///etc/passwd", 0, 16, 16, "", 0)
        ExternalData("w", "*/_ORT_MEM_ADDR_/*", 4096, 16, 16, "", 0)
        ExternalData("w", "w.bin", 0, 16, 16, "/etc", 0)
        ExternalData("w", "", 0, 16, 16, "", 0)
    Stays silent on:
        ExternalData("w", "model.onnx.data", 0, 16, 16, "", 0)
        ExternalData("w", "./weights/layer..1.bin", 0, 16, 16, "", 0)
    """
    del ctx
    if data.location == _MEMORY:
        yield Hit(f"tensor {data.tensor!r} is read from the address {data.start} in the memory of the process")
        return
    why = escape(data.location) or (escape(data.base) if data.base else "")
    if why:
        place = f"{data.location[:200]!r}" + (f" below {data.base[:200]!r}" if data.base else "")
        yield Hit(f"tensor {data.tensor!r} lies in {place}: {why}")


@rule("onnx/external-data", Severity.HIGH, on=Oddity, refs=("CWE-125", "CWE-915", "CVE-2026-34445"), since="0.1")
def external_data(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A tensor asks for bytes of another file that it cannot have.

    What it finds: Places that are no numbers or lie beyond the end of the file, tensors that share some of their bytes,
        and keys that the format does not define.
    Why it matters: Loaders have read beyond buffers on such numbers, and have set unknown keys as attributes of their
        own objects.
    What to do: Do not load the model. Ask for one with its weights inside.
    Fires on:
        Oddity("external-key", "tensor 'w' has a key '__class__' for its file")
        Oddity("external-range", "tensor 'w' ends at 4096 of 'w.bin', which has 1024 bytes")
        Oddity("external-overlap", "tensors 'v' and 'w' share some bytes of 'w.bin'")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("external-key", "external-range", "external-overlap"):
        yield Hit(oddity.detail)


@rule("onnx/tensor-size", Severity.HIGH, on=Oddity, refs=("CWE-125", "CWE-190", "CWE-787"), since="0.1")
def tensor_size(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A tensor does not have what its shape and type ask for.

    What it finds: More or fewer bytes than the shape needs, dimensions that are negative or too large, types that do
        not exist, elements in two places or only a segment of them.
    Why it matters: Runtimes trust the shape and read beyond the buffer, and what stands in the second place is seen by
        some loaders only.
    What to do: Do not load the model.
    Fires on:
        Oddity("tensor-size", "tensor 'w' has 3 bytes instead of 4")
        Oddity("tensor-type", "tensor 'w' has the data type 99")
        Oddity("tensor-twice", "tensor 'w' has its elements in float_data, raw_data")
        Oddity("tensor-segment", "a tensor is only a segment of a larger one")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("tensor-size", "tensor-type", "tensor-twice", "tensor-segment"):
        yield Hit(oddity.detail)


@rule("file/message-structure", Severity.HIGH, on=Oddity, refs=("CWE-436",), since="0.1")
def message_structure(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A message holds what its format does not define.

    What it finds: In Protocol Buffers: a singular field twice, groups, fields that the format does not know (medium),
        and numbers written with more bytes than they need (medium).
    Why it matters: Loaders take the last of two values or merge them, and skip what they do not know; tools that show
        the model may do otherwise. Unknown fields can carry anything.
    What to do: Write the model again with the library of its format, and compare. Unknown fields may also come from a
        version that is newer than the knowledge.
    Fires on:
        Oddity("duplicate-field", "ModelProto.graph stands twice")
        Oddity("group", "NodeProto has a group 30, which it does not define")
        Oddity("unknown-field", "NodeProto does not define a field 77 of wire type 2")
        Oddity("overlong-varint", "a number is written with more bytes than it needs or has")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("duplicate-field", "group"):
        yield Hit(oddity.detail)
    elif oddity.kind in ("unknown-field", "overlong-varint"):
        yield Hit(oddity.detail, Severity.MEDIUM)


RULES = (
    python_operator,
    custom_operator,
    unstable_operator,
    shadowed_operator,
    training_info,
    external_data_escape,
    external_data,
    tensor_size,
    message_structure,
)
