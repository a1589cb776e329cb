"""Rules on models as flatbuffers: operators that somebody must bring, bytes that tables lie about, compiled parts."""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Oddity, Operator, Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.operators import OperatorEntry

_CODE = (".bat", ".cmd", ".com", ".dll", ".dylib", ".exe", ".jar", ".js", ".lua", ".msi", ".pickle", ".pkl", ".pl")
_MORE_CODE = (".ps1", ".py", ".pyc", ".pyd", ".rb", ".sh", ".so", ".vbs", ".whl")
"""Ends of names of files that are run."""


def _known(operator: Operator, ctx: RuleContext) -> OperatorEntry | None:
    known = ctx.knowledge.tflite
    if ctx.format == "executorch":
        return known.domain(operator.domain) if operator.domain else None
    return known.find(operator.domain, operator.name) or (known.domain(operator.domain) if operator.domain else None)


def _called(operator: Operator) -> str:
    text = f" ({operator.text[:100]})" if operator.text else ""
    return f"{operator.domain + '::' if operator.domain else ''}{operator.name[:200]}{text}"


@rule("tflite/python-operator", Severity.CRITICAL, on=Operator, refs=("CWE-94", "ATLAS AML.T0011.000"), since="0.1")
def python_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """An operator of the model calls Python.

    What it finds: Operators of TensorFlow that call a function of the Python process, used through the Flex delegate.
    Why it matters: The model decides which function of the serving process is called, with arguments that it computes.
        Nothing of a trained model needs that.
    What to do: Do not load the model. Convert it again without functions of Python.
    Fires on:
        Operator("flex", "PyFunc", 1, 0)
        Operator("flex", "EagerPyFunc", 1, 0)
    Stays silent on:
        Operator("flex", "MatrixDeterminant", 1, 0)
        Operator("", "ADD", 1, 0)
    """
    if ctx.format == "tflite" and operator.domain == "flex":
        entry = ctx.knowledge.tensorflow.find(operator.name)
        if entry is not None and entry.trust == "python":
            yield Hit(f"{_called(operator)}: {entry.why}")


@rule("tflite/flex-operator", Severity.LOW, on=Operator, refs=("CWE-829",), since="0.1")
def flex_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """The model needs TensorFlow inside of its interpreter.

    What it finds: Operators of TensorFlow, which the Flex delegate runs. High if they reach files, the network, other
        machines or native code, or if nobody knows them.
    Why it matters: The delegate brings all of TensorFlow with it, and some of its operators reach outside of the graph.
    What to do: Where the operator is a file's, do not load the model. Otherwise convert it to built-in operators if
        that can be done.
    Fires on:
        Operator("flex", "MatrixDeterminant", 1, 0)
        Operator("flex", "ReadFile", 1, 0)
        Operator("flex", "WriteFile", 0, 0)
        Operator("flex", "NoSuchOperator", 1, 0)
    Stays silent on:
        Operator("", "ADD", 3, 0)
        Operator("custom", "ReadFile", 1, 0)
        Operator("flex", "PyFunc", 1, 0)
    """
    if ctx.format != "tflite" or operator.domain != "flex":
        return
    entry = ctx.knowledge.tensorflow.find(operator.name)
    if entry is None:
        yield Hit(f"{_called(operator)}: nothing is known of such an operator of TensorFlow", Severity.HIGH)
    elif entry.trust in ("standard", "library"):
        yield Hit(f"{_called(operator)}: brought by {entry.why or 'TensorFlow'}")
    elif entry.trust != "python":
        yield Hit(f"{_called(operator)}: it {entry.why}", Severity.HIGH)


@rule("tflite/custom-operator", Severity.HIGH, on=Operator, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def custom_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """The model needs an operator that its runtime does not bring.

    What it finds: In models of TensorFlow Lite and ExecuTorch: operators that the program must register before it can
        load the model, calls by name, and built-in operators that do not exist. High if nobody knows the operator or if
        it hides a compiled program; low if a known library brings it; info if it is part of every interpreter.
    Why it matters: Somebody has to link native code into the serving process, and that code is not what is judged here.
    What to do: Find out which library is meant and from whom it comes. Prefer a model with built-in operators only.
    Fires on:
        Operator("custom", "MyOperator", 1, 0)
        Operator("custom", "edgetpu-custom-op", 1, 0)
        Operator("custom", "Convolution2DTransposeBias", 1, 0)
        Operator("custom", "TFLite_Detection_PostProcess", 1, 0)
        Operator("stablehlo", "my.call", 1, 0)
        Operator("", "operator 5000", 1, 0)
        Operator("", "DELEGATE", 1, 0)
        Operator("mylib", "encode.out", 1, 0)
        Operator("llama", "custom_sdpa.out", 1, 0)
    Stays silent on:
        Operator("", "CONV_2D", 12, 0)
        Operator("aten", "add.out", 2, 0)
        Operator("flex", "ReadFile", 1, 0)
    """
    if ctx.format not in ("tflite", "executorch") or operator.domain == "flex":
        return
    entry = _known(operator, ctx)
    if entry is None:
        yield Hit(f"{_called(operator)}: nothing is known of such an operator")
    elif entry.trust == "review":
        yield Hit(f"{_called(operator)}: {entry.why}")
    elif entry.trust == "library":
        yield Hit(f"{_called(operator)}: brought by {entry.why}", Severity.LOW)
    elif entry.trust == "builtin":
        yield Hit(f"{_called(operator)}: part of {entry.why}", Severity.INFO)


@rule("tflite/buffer", Severity.HIGH, on=Oddity, refs=("CWE-125", "CWE-787", "CVE-2022-23594"), since="0.1")
def buffer(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """Bytes of the model are not what its tables say.

    What it finds: Tensors with more or fewer bytes than their shape and type ask for, numbers of tensors, operators,
        buffers and segments that do not exist, bytes beyond the end of the file or in two places.
    Why it matters: Interpreters have trusted such numbers and have read or written outside of their buffers.
    What to do: Do not load the model.
    Fires on:
        Oddity("buffer-size", "tensor 'w' has 3 bytes instead of 4")
        Oddity("buffer-range", "bytes of the model should be behind the end of the file")
        Oddity("buffer-twice", "a buffer has its bytes inside and behind the flatbuffer")
        Oddity("graph-index", "inputs of a Operator name a tensor that does not exist")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("buffer-size", "buffer-range", "buffer-twice", "graph-index"):
        yield Hit(oddity.detail)


@rule("tflite/unused-bytes", Severity.MEDIUM, on=Oddity, refs=("CWE-912",), since="0.1")
def unused_bytes(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The model carries bytes that no tensor uses.

    What it finds: Buffers and segments that belong to nothing, or to two things of different kinds.
    Why it matters: No interpreter looks at them, so that they can be anything: a place to carry something in.
    What to do: Ask what they are for, or write the model again with the library of its format.
    Fires on:
        Oddity("unused-buffer", "buffer 7 of 4096 bytes belongs to no tensor and to no metadata")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "unused-buffer":
        yield Hit(oddity.detail)


@rule("tflite/file-with-code", Severity.HIGH, on=FileReference, refs=("CWE-829",), since="0.1")
def file_with_code(reference: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The files that come with the model are programs.

    What it finds: Among the associated files, in the zip at the end of the model or in its metadata, names of programs,
        libraries, scripts and pickles.
    Why it matters: Applications unpack these files beside the model. Labels and vocabularies are text; nothing that is
        run belongs there.
    What to do: Do not unpack the model. Ask for one whose files are text.
    Fires on:
        FileReference("tflite-file", "setup.py", "associated files")
        FileReference("tflite-file", "lib/libhelper.so", "associated files")
        FileReference("tflite-described", "labels.pkl", "associated_files")
    Stays silent on:
        FileReference("tflite-file", "labels.txt", "associated files")
        FileReference("weights", "a.so", "model")
    """
    del ctx
    ours = reference.road in ("tflite-file", "tflite-described")
    if ours and reference.target.lower().endswith(_CODE + _MORE_CODE):
        yield Hit(f"{reference.target[:200]!r} of the {reference.key}")


@rule("file/flatbuffer-structure", Severity.HIGH, on=Oddity, refs=("CWE-436", "CWE-125"), since="0.1")
def flatbuffer_structure(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A flatbuffer is not laid out as its writers do it.

    What it finds: Two things that share some of their bytes, bytes that nothing refers to (medium), and numbers that
        are not aligned (medium).
    Why it matters: Programs that read the same bytes as two things disagree about what the model is, and what nothing
        refers to is seen by nobody. Loaders that do not check the alignment crash on some machines.
    What to do: Write the model again with the library of its format, and compare.
    Fires on:
        Oddity("flat-overlap", "two things of the file share some of their bytes")
        Oddity("flat-unreached", "there are bytes that nothing in the file refers to")
        Oddity("flat-alignment", "something is not aligned as its kind asks for")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "flat-overlap":
        yield Hit(oddity.detail)
    elif oddity.kind in ("flat-unreached", "flat-alignment"):
        yield Hit(oddity.detail, Severity.MEDIUM)


_PORTABLE = frozenset(("XnnpackBackend",))
"""Back ends whose payload is a graph of operators of a fixed list, not machine code."""


@rule("tflite/compiled-part", Severity.HIGH, on=Reference, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def compiled_part(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A part of the model is compiled for a back end, and is not read.

    What it finds: Delegates of ExecuTorch: a name of a back end and a payload that only this one understands. Medium
        for XNNPACK, whose payload is a graph of known operators and no machine code.
    Why it matters: What runs is in the payload, which can be a program for a processor of its own, and nobody who reads
        the graph sees it.
    What to do: Ask for the model before it was lowered, and compile it yourself. The payload stays unread.
    Fires on:
        Reference("executorch-delegate", "QnnBackend", "forward", "segment 0, 4096 bytes")
        Reference("executorch-delegate", "XnnpackBackend", "forward", "segment 0, 4096 bytes")
    Stays silent on:
        Reference("target", "QnnBackend", "forward")
    """
    del ctx
    if reference.road == "executorch-delegate":
        severity = Severity.MEDIUM if reference.name in _PORTABLE else None
        yield Hit(f"{reference.key} uses {reference.name[:100]!r}: {reference.arguments[:200]}", severity)


RULES = (
    python_operator,
    flex_operator,
    custom_operator,
    buffer,
    unused_bytes,
    file_with_code,
    flatbuffer_structure,
    compiled_part,
)
