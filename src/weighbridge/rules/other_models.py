"""Rules on the less common model formats: what they let a loader import, call or hand to somebody else."""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Oddity, Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule
from weighbridge.rules.paths import escape

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("file/extension-type", Severity.HIGH, on=Oddity, refs=("CWE-502", "CWE-829"), since="0.1")
def extension_type(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The file holds values of a type that is not its format's own.

    What it finds: Extension types in MessagePack that are not those of Flax or of the format itself.
    Why it matters: A loader hands such a value to whatever was registered for its number, and there are libraries that
        unpickle it.
    What to do: Find out which program wrote the file and what it does with the type. Ask for safetensors.
    Fires on:
        Oddity("extension-type", "'a' is of the extension type 42, 12 bytes")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "extension-type":
        yield Hit(oddity.detail)


_CALLED = frozenset(
    ("DictNode", "ListNode", "SetNode", "NdArrayNode", "RandomStateNode", "RandomGeneratorNode", "LossNode", "TreeNode")
)
"""Nodes of skops that call their class without arguments, or with what is in them."""
_FETCHED = frozenset(
    (
        "BytearrayNode",
        "BytesNode",
        "CachedNode",
        "DTypeNode",
        "DefaultDictNode",
        "FunctionNode",
        "JsonNode",
        "MaskedArrayNode",
        "ObjectNode",
        "QuantileForestNode",
        "SliceNode",
        "SparseMatrixNode",
        "TupleNode",
        "TypeNode",
        "_DictWithDeprecatedKeysNode",
    )
)
"""Nodes of skops that only fetch their class, or create it without calling it."""
_GENERATORS = frozenset(f"numpy.random.{name}" for name in ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"))


@rule(
    "file/skops-type",
    Severity.HIGH,
    on=Reference,
    refs=("CWE-502", "CVE-2024-37065", "CVE-2025-54412", "CVE-2025-54413", "ATLAS AML.T0011.000"),
    since="0.1",
)
def skops_type(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the skops file uses code that is dangerous or that nobody vouches for.

    What it finds: Classes and functions that a node names and the knowledge says are dangerous (critical) or does not
        contain; methods of objects, functions put together with arguments, and functions of the module operator other
        than itemgetter (critical, if they lead into the object model or are called while loading).
    Why it matters: Loading imports what is named, creates or calls it, and gives it a state. Whoever passes the list
        of unknown types on as trusted, as tutorials do, runs all of it.
    What to do: Look at the code that the name stands for. If it is your own, save the parameters and build the object
        in code. Use a current version of skops.
    Fires on:
        Reference("skops", "os.system", "FunctionNode")
        Reference("skops", "mypackage.Model", "ObjectNode")
        Reference("skops", "sklearn.svm._classes.SVC.__reduce__", "MethodNode", "__reduce__")
        Reference("skops", "operator.call", "OperatorFuncNode", "")
        Reference("skops", "functools.partial", "PartialNode")
        Reference("skops", "numpy.mean", "NdArrayNode")
        Reference("skops", "sklearn.svm._classes.SVC", "NoSuchNode")
    Stays silent on:
        Reference("skops", "sklearn.svm._classes.SVC", "ObjectNode")
        Reference("skops", "operator.itemgetter", "OperatorFuncNode", "0")
        Reference("skops", "numpy.random._generator.Generator", "RandomGeneratorNode")
        Reference("other", "os.system", "FunctionNode")
    """
    if reference.road != "skops":
        return
    name, loader = reference.name, reference.key
    shown = f"{name[:200]} ({loader[:60]})"
    if loader == "OperatorFuncNode":
        harmless = name == "operator.itemgetter"
        worst = name not in ("operator.attrgetter", "operator.methodcaller") or "__" in reference.arguments
        if not harmless:
            yield Hit(f"{shown}: {reference.arguments}", Severity.CRITICAL if worst else None)
        return
    if loader == "RandomGeneratorNode" and name in (*_GENERATORS, "numpy.random._generator.Generator"):
        return
    entry = ctx.knowledge.globals.find(name.rpartition(".")[0] if loader == "MethodNode" else name)
    inner = "__" in reference.arguments or ".__" in name
    if loader == "PartialNode" and name == "functools.partial":
        yield Hit(f"{shown}: a function with arguments, which the object calls later")
    elif (entry is not None and entry.trust == "dangerous") or inner:
        yield Hit(f"{shown}: {entry.why if entry is not None else 'reaches into the object model'}", Severity.CRITICAL)
    elif entry is None or entry.trust == "review":
        yield Hit(f"{shown}: {entry.why if entry is not None else 'nothing is known of it'}")
    elif loader == "MethodNode":
        yield Hit(f"{shown}: a method, which the object calls later")
    elif loader == "ConstructorFromReduceNode" and entry.trust not in ("callable", "container", "enum"):
        yield Hit(f"{shown}: it is called with arguments, which is not known to be harmless")
    elif (loader in _CALLED or loader == "ObjectNode") and entry.trust == "function":
        yield Hit(f"{shown}: a function in place of a class")
    elif loader not in _CALLED and loader not in _FETCHED and loader != "ConstructorFromReduceNode":
        yield Hit(f"{shown}: a node of an unknown kind")


@rule("file/skops-structure", Severity.MEDIUM, on=Oddity, refs=("CWE-436",), since="0.1")
def skops_structure(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The schema of a skops file is not one that skops writes.

    What it finds: A schema without the version of its protocol.
    Why it matters: Loaders choose by it how nodes are read; without it different versions do different things.
    What to do: Save the object again with a current version of skops.
    Fires on:
        Oddity("skops-node", "the schema has no protocol")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "skops-node":
        yield Hit(oddity.detail)


_HANDLERS = frozenset(("image_classifier", "image_segmenter", "object_detector", "text_classifier", "base_handler"))


@rule("config/torchserve-code", Severity.HIGH, on=Reference, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def torchserve_code(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """Serving the model runs code that comes with it.

    What it finds: In a TorchServe archive: a handler that is not one of TorchServe's own, the source of the model, and
        requirements that are installed (medium).
    Why it matters: The server imports the handler and calls it for every request, with all rights of the server.
    What to do: Review the code, which is part of the artifact, before the archive is served.
    Fires on:
        Reference("torchserve", "handler.py", "model.handler")
        Reference("torchserve", "model.py", "model.modelFile")
        Reference("torchserve", "requirements.txt", "model.requirementsFile")
    Stays silent on:
        Reference("torchserve", "image_classifier", "model.handler")
        Reference("target", "handler.py", "model.handler")
    """
    del ctx
    if reference.road == "torchserve" and reference.name not in _HANDLERS:
        severity = Severity.MEDIUM if reference.key.endswith("requirementsFile") else None
        yield Hit(f"{reference.key} is {reference.name[:200]!r}", severity)


@rule("file/outside-path", Severity.HIGH, on=FileReference, refs=("CWE-22", "CWE-73", "CWE-918"), since="0.1")
def outside_path(reference: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The model reads a file from outside of its folder.

    What it finds: Weights and parts of a model whose path is absolute, leads upwards, or names a drive or an address.
    Why it matters: Loading the model reads another file of the serving machine, or asks an address.
    What to do: Do not load the model.
    Fires on:
        FileReference("weights", "../../etc/passwd", "weightsManifest.0")
        FileReference("item", "/etc/passwd", "itemInfoEntries.a")
    Stays silent on:
        FileReference("weights", "group1-shard1of1.bin", "weightsManifest.0")
        FileReference("other", "/etc/passwd", "a")
    """
    del ctx
    if reference.road in ("weights", "item"):
        why = escape(reference.target)
        if why:
            yield Hit(f"{reference.key} is {reference.target[:200]!r}: {why}")


@rule("file/python-layer", Severity.CRITICAL, on=Reference, refs=("CWE-94", "ATLAS AML.T0011.000"), since="0.1")
def python_layer(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A layer of the model runs Python or another program.

    What it finds: Layers and operators that name a module, a class or a function for the runtime to import and call:
        Python layers of Caffe, `py_func` of Paddle. High for such that only work if the program has registered them
        before: custom operators of MXNet, custom layers and models of Core ML.
    Why it matters: Whoever controls the file decides which code the serving process runs. Nothing of a trained model
        needs that.
    What to do: Do not load the model. Ask for one that uses standard layers only.
    Fires on:
        Reference("caffe-python", "evil.Layer", "layer 'data'")
        Reference("paddle-py-func", "py_func", "block 0")
        Reference("mxnet-custom", "softmax", "out")
        Reference("coreml-custom", "MyLayer", "layer 'a'")
    Stays silent on:
        Reference("target", "evil.Layer", "a")
    """
    del ctx
    if reference.road in ("caffe-python", "paddle-py-func"):
        yield Hit(f"{reference.key}: {reference.name[:200]} {reference.arguments[:200]}".rstrip())
    elif reference.road in ("mxnet-custom", "coreml-custom"):
        yield Hit(f"{reference.key}: {reference.name[:200]} {reference.arguments[:200]}".rstrip(), Severity.HIGH)


@rule("file/pickle-codec", Severity.HIGH, on=Oddity, refs=("CWE-502", "CVE-2023-47248"), since="0.1")
def pickle_codec(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """Reading the arrays unpickles them.

    What it finds: Codecs of Zarr and extension types of Arrow that keep objects as pickles.
    Why it matters: The file looks like a table of numbers, and reading it runs what the pickles call.
    What to do: Do not read the file. Ask for one without objects.
    Fires on:
        Oddity("pickle-codec", "a codec 'pickle'")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "pickle-codec":
        yield Hit(oddity.detail)


RULES = (
    extension_type,
    skops_type,
    skops_structure,
    torchserve_code,
    outside_path,
    python_layer,
    pickle_codec,
)
