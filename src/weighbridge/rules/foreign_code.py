"""Rules on models that bring code or name classes of other worlds than Python's: Lua, Java, Spark."""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule
from weighbridge.rules.paths import escape

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule(
    "file/lua-function", Severity.CRITICAL, on=Reference, refs=("CWE-502", "CWE-94", "ATLAS AML.T0011.000"), since="0.2"
)
def lua_function(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The Torch7 file holds functions of Lua.

    What it finds: Functions among the values of a Torch7 file, as bytecode or as text.
    Why it matters: Loading makes code of them. Bytecode of Lua is not verified: crafted bytecode takes over the process
        when it is called, and models call the functions that they hold.
    What to do: Do not load the file. Ask for the weights alone, as safetensors or ONNX.
    Fires on:
        Reference("torch7-function", "a function of Lua, 120 bytes of bytecode", "value")
    Stays silent on:
        Reference("torch7-class", "nn.Linear", "object")
    """
    del ctx
    if reference.road == "torch7-function":
        yield Hit(reference.name[:200])


@rule("file/lua-class", Severity.HIGH, on=Reference, refs=("CWE-502", "CWE-829"), since="0.2")
def lua_class(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The Torch7 file holds objects of a class that nobody vouches for.

    What it finds: Classes in a Torch7 file that are not those of Torch and its own libraries.
    Why it matters: Loading gives the content to a function of that class, whatever package brought it.
    What to do: Find out which package the class is of, and what its `__read` or `read` does.
    Fires on:
        Reference("torch7-class", "evil.Module", "object")
    Stays silent on:
        Reference("torch7-class", "nn.Linear", "object")
        Reference("torch7-class", "torch.FloatTensor", "object")
        Reference("other", "evil.Module", "object")
    """
    if reference.road == "torch7-class" and ctx.knowledge.foreign.find("lua", reference.name) is None:
        yield Hit(f"{reference.name[:200]}: nothing is known of it")


@rule(
    "file/java-class",
    Severity.HIGH,
    on=Reference,
    refs=("CWE-502", "CVE-2015-7501", "CVE-2022-36944", "ATLAS AML.T0011.000"),
    since="0.2",
)
def java_class(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """Reading the Java stream makes objects of classes that are dangerous or that nobody vouches for.

    What it finds: Classes that a stream of Java names: those that lead from reading to running (critical), classes of
        known libraries whose reading code nobody looked at, unknown classes, proxies, and classes as values.
    Why it matters: Java makes the objects and calls methods of theirs before the program sees anything. Any class on
        the class path of the server can be named, not only those of the model.
    What to do: Do not read the stream. Ask for PMML, ONNX, or what the library writes as JSON. If it must be read, set
        a filter that admits only the classes of the model (`jdk.serialFilter`).
    Fires on:
        Reference("java-class", "org.apache.commons.collections.functors.InvokerTransformer", "class")
        Reference("java-class", "com.example.Model", "class")
        Reference("java-class", "weka.classifiers.trees.J48", "class")
        Reference("java-class", "java.util.Map", "proxy")
    Stays silent on:
        Reference("java-class", "java.util.HashMap", "class")
        Reference("java-class", "java.lang.String", "array")
        Reference("other", "com.example.Model", "class")
    """
    if reference.road != "java-class":
        return
    known = ctx.knowledge.foreign.find("java", reference.name)
    shown = f"{reference.name[:200]} ({reference.key})"
    if known is not None and known.trust == "gadget":
        yield Hit(f"{shown}: {known.why}", Severity.CRITICAL)
    elif reference.key == "proxy":
        yield Hit(f"{shown}: every call of it goes to a handler that the stream chooses")
    elif known is None:
        yield Hit(f"{shown}: nothing is known of it")
    elif known.trust != "plain":
        yield Hit(f"{shown}: {known.why}")


@rule("config/spark-class", Severity.HIGH, on=Reference, refs=("CWE-470", "CWE-829"), since="0.2")
def spark_class(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The metadata of a Spark model names a class that nobody vouches for.

    What it finds: Stages whose class is not one of Spark; medium for classes of well-known libraries.
    Why it matters: Spark loads the class by its name and calls its reader, with the rights of the cluster's driver.
    What to do: Find out which package the class is of, and whether it belongs onto the cluster.
    Fires on:
        Reference("spark-class", "com.example.Stage", "class")
        Reference("spark-class", "com.johnsnowlabs.nlp.DocumentAssembler", "class")
    Stays silent on:
        Reference("spark-class", "org.apache.spark.ml.PipelineModel", "class")
        Reference("other", "com.example.Stage", "class")
    """
    if reference.road != "spark-class":
        return
    known = ctx.knowledge.foreign.find("spark", reference.name)
    if known is None:
        yield Hit(f"{reference.name[:200]}: nothing is known of it")
    elif known.trust != "plain":
        yield Hit(f"{reference.name[:200]}: {known.why}", Severity.MEDIUM)


@rule("file/training-path", Severity.MEDIUM, on=FileReference, refs=("CWE-22", "CWE-200"), since="0.2")
def training_path(reference: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The network definition reads or writes files.

    What it finds: Layers of Caffe that take their data from a file or database or write one, and the files that a
        solver names; medium, since most definitions of a training name the data they were trained on.
    Why it matters: Running the definition reads or writes these files with the rights of the process; a path that is
        absolute or leads upwards is one of the machine, not of the model.
    What to do: Use the definition for inference, which has no such layers.
    Fires on:
        FileReference("caffe-data", "/data/train_lmdb", "data_param.source")
        FileReference("caffe-data", "train_lmdb", "data_param.source")
    Stays silent on:
        FileReference("weights", "/etc/passwd", "weightsManifest.0")
    """
    del ctx
    if reference.road == "caffe-data":
        why = escape(reference.target)
        yield Hit(f"{reference.key} is {reference.target[:200]!r}" + (f": {why}" if why else ""))


RULES = (lua_function, lua_class, java_class, spark_class, training_path)
