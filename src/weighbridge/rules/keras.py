"""Rules on Keras models and HDF5 files: code in a configuration, whose classes it names, files that it reads.

Names are judged by `knowledge/keras.json` and, outside of Keras, by the knowledge of globals. A name that stands in a
configuration is imported by old versions of Keras from wherever it says (before 3.9), by newer ones from Keras and its
own libraries; whatever else it is, the loader has to bring it along.
"""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Oddity, Reference
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.knowledge import Knowledge

_CODE = ("CWE-502", "CWE-94", "ATLAS AML.T0011.000")
_FUNCTIONS = ("keras-function", "keras-lambda")
_NAMES = ("keras-class", *_FUNCTIONS)
_NOBODY = ("", "builtins")
_TORCH = "TorchModuleWrapper"
_FILES = {
    "hdf5-external-link": "a link into another file",
    "hdf5-external-storage": "elements of a dataset in another file",
    "hdf5-virtual-dataset": "a dataset that is made of others",
    "keras-vocabulary": "a vocabulary outside of the model",
    "keras-saved-model": "another model that is loaded with it",
}
_STRUCTURE = ("hdf5-overlap", "hdf5-size", "hdf5-cycle", "hdf5-user-link")


class Named(NamedTuple):
    """A name of a configuration in its parts. `whose`: core, library, nobody (it stands alone), other."""

    module: str
    name: str
    whose: str


def _named(reference: Reference, known: Knowledge) -> Named:
    module, _, name = reference.name.rpartition(".")
    whose = "nobody" if module in _NOBODY else known.keras.module(module) or "other"
    return Named(module, name, whose)


def _danger(reference: Reference, known: Knowledge) -> str:
    """Why one of the names that a reference can stand for is dangerous, or an empty string."""
    module, name, whose = _named(reference, known)
    other = reference.arguments
    for candidate in (name, other) if other and ">" not in other else (name,):
        if whose == "nobody":
            why = known.keras.gadget("builtins", candidate) if reference.road in _FUNCTIONS else ""
        elif whose in ("core", "library"):
            why = known.keras.gadget("keras", candidate) if candidate != _TORCH else ""
        else:
            entry = known.globals.find(f"{module}.{candidate}")
            why = entry.why if entry is not None and entry.trust == "dangerous" else ""
        if why:
            return why
    return ""


def _written(reference: Reference) -> str:
    other = f" (registered as {reference.arguments!r})" if reference.arguments else ""
    return f"{reference.key[-120:] or 'the document'} names {reference.name!r}{other}"


@rule("keras/bytecode", Severity.CRITICAL, on=Reference, refs=(*_CODE, "CVE-2024-3660", "CVE-2025-9905"), since="0.1")
def bytecode(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The model brings Python bytecode.

    What it finds: Lambda layers, and any other place of a configuration, with a marshalled code object.
    Why it matters: The code runs in the process that loads or calls the model. The safe mode of Keras refuses it, but
        not in HDF5 files, not in old versions, and not for who has switched it off.
    What to do: Do not load the model. Ask for one without Lambda layers; what they compute can be a layer of Keras.
    Fires on:
        Reference("keras-bytecode", "__lambda__", "config.layers.1.config.function", "4wEAAAAAAAAA")
    Stays silent on:
        Reference("keras-class", "keras.layers.Lambda", "config.layers.1")
        Reference("auto_map", "modeling.Net", "auto_map.AutoModel")
    """
    del ctx
    if reference.road == "keras-bytecode":
        yield Hit(f"{reference.key[-120:]} is code: {reference.arguments}")


@rule(
    "keras/unsafe-function",
    Severity.CRITICAL,
    on=Reference,
    refs=("CWE-94", "CWE-470", "CVE-2025-1550", "CVE-2025-8747", "CVE-2025-9906", "CVE-2025-12060"),
    since="0.1",
)
def unsafe_function(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The model names a function that it has no business with.

    What it finds: Functions and classes that are known to start programs, run code, fetch or write files, or to switch
        the safe mode of Keras off, as well as functions of Python itself. High for functions that nobody knows.
    Why it matters: Keras imports what the configuration names and calls it with arguments that stand beside it. That
        was enough to run programs with the safe mode on.
    What to do: Do not load the model. Report the publisher.
    Fires on:
        Reference("keras-function", "subprocess.run", "config.layers.0.config.activation")
        Reference("keras-lambda", "os.system", "config.layers.0.config.function")
        Reference("keras-function", "keras.utils.get_file", "config.layers.0.config.function")
        Reference("keras-function", "keras.config.enable_unsafe_deserialization", "config.layers.0")
        Reference("keras-class", "keras.src.utils.file_utils.get_file", "config.layers.0")
        Reference("keras-function", "builtins.eval", "config.layers.0.config.activation", "function")
        Reference("keras-function", "builtins.print", "config.layers.0.config.activation")
        Reference("keras-function", "builtins.relu", "config.layers.0.config.activation", "exec")
        Reference("keras-tf-op", "io.write_file", "config.layers.0.config.function")
        Reference("keras-function", "mypackage.layers.step", "config.layers.0.config.activation")
        Reference("keras-function", "keras.utils.something_new", "config.layers.0.config.activation")
    Stays silent on:
        Reference("keras-function", "builtins.relu", "config.layers.0.config.activation")
        Reference("keras-function", "keras.activations.gelu", "config.layers.0.config.activation")
        Reference("keras-function", "keras.losses.binary_crossentropy", "compile_config.loss")
        Reference("keras-class", "keras.layers.Dense", "config.layers.0")
        Reference("keras-tf-op", "math.multiply", "config.layers.0.config.function")
        Reference("keras-function", "builtins.my_activation", "config.layers.0.config.activation")
    """
    known = ctx.knowledge
    if reference.road == "keras-tf-op":
        why = next(filter(None, (known.keras.gadget("tensorflow", part) for part in reference.name.split("."))), "")
        if why:
            yield Hit(f"{_written(reference)}: {why}")
        return
    if reference.road not in _NAMES:
        return
    why = _danger(reference, known)
    if why:
        yield Hit(f"{_written(reference)}: {why}")
    elif reference.road == "keras-function":
        _, name, whose = _named(reference, known)
        strange = whose == "core" and not known.keras.is_function(name)
        if strange or whose == "other":
            yield Hit(f"{_written(reference)}, of which nothing is known", Severity.HIGH)


@rule("keras/lambda-layer", Severity.HIGH, on=Reference, refs=("CWE-470", "CVE-2024-3660"), since="0.1")
def lambda_layer(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A Lambda layer calls a function by its name.

    What it finds: Lambda layers with a named function that is not known to be dangerous: low for one of Keras, high for
        any other.
    Why it matters: The layer computes whatever stands behind the name where the model is loaded. Nobody sees from the
        file what that is.
    What to do: Find out which function is meant and look at it. Prefer a layer of Keras.
    Fires on:
        Reference("keras-lambda", "builtins.my_step", "config.layers.1.config.function")
        Reference("keras-lambda", "__main__.step", "config.layers.1.config.function")
        Reference("keras-lambda", "keras.ops.relu", "config.layers.1.config.function")
    Stays silent on:
        Reference("keras-lambda", "os.system", "config.layers.1.config.function")
        Reference("keras-function", "builtins.relu", "config.layers.1.config.activation")
    """
    known = ctx.knowledge
    if reference.road == "keras-lambda" and not _danger(reference, known):
        _, name, whose = _named(reference, known)
        own = whose == "core" or (whose == "nobody" and known.keras.is_function(name, plain=True))
        calm = own and known.keras.is_function(name) and ">" not in reference.arguments
        yield Hit(_written(reference), Severity.LOW if calm else None)


@rule("keras/torch-module", Severity.CRITICAL, on=Reference, refs=("CWE-502", "CVE-2025-49655"), since="0.1")
def torch_module(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The model holds a pickled module of PyTorch.

    What it finds: The layer TorchModuleWrapper, whose configuration is a pickle in base64.
    Why it matters: Loading the model unpickles it, with whatever it calls; Keras 3.11.0 to 3.11.2 did so in safe mode
        as well. The pickle itself is inspected like a file of its own.
    What to do: Do not load the model. Ask for the weights alone.
    Fires on:
        Reference("keras-class", "keras.layers.TorchModuleWrapper", "config.layers.1")
        Reference("keras-class", "keras.src.utils.torch_utils.TorchModuleWrapper", "config.layers.1")
        Reference("keras-class", "TorchModuleWrapper", "config.layers.1")
    Stays silent on:
        Reference("keras-class", "keras.layers.Dense", "config.layers.1")
    """
    del ctx
    names = (reference.name.rpartition(".")[2], reference.arguments.rpartition(">")[2])
    if reference.road in _NAMES and _TORCH in names:
        yield Hit(_written(reference))


@rule("keras/custom-object", Severity.HIGH, on=Reference, refs=("CWE-829", "ATLAS AML.T0011.000"), since="0.1")
def custom_object(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """The model needs a class or function that is not part of Keras.

    What it finds: Classes of modules outside of Keras and its libraries (high), and classes and functions that the
        loader has to bring along because no module is named or they are registered by name (medium).
    Why it matters: Somebody has to install or write that code before the model can be loaded, and it is not what is
        judged here. Old versions of Keras import the module by themselves.
    What to do: Find out which code is meant and from whom it comes. Prefer models of Keras layers alone.
    Fires on:
        Reference("keras-class", "mypackage.layers.Net", "config.layers.1")
        Reference("keras-class", "mypackage.layers.Net", "config.layers.1", "mypackage>Net")
        Reference("keras-class", "MyLayer", "config.layers.1")
        Reference("keras-function", "builtins.my_activation", "config.layers.1.config.activation")
        Reference("keras-function", "builtins.relu", "config.layers.1.config.activation", "mypackage>relu")
    Stays silent on:
        Reference("keras-class", "keras.layers.Dense", "config.layers.1")
        Reference("keras-class", "Dense", "config.layers.1")
        Reference("keras-class", "keras_hub.src.models.bert.Bert", "config.layers.1", "keras_hub>Bert")
        Reference("keras-class", "evil.Dense", "config.layers.1")
    """
    known = ctx.knowledge
    if (
        reference.road not in ("keras-class", "keras-function")
        or _danger(reference, known)
        or _shadows(reference, known)
    ):
        return
    _, name, whose = _named(reference, known)
    if whose == "nobody" and name != _TORCH:
        own = known.keras.is_class(name) or known.keras.is_function(name, plain=True)
        if not own or ">" in reference.arguments:
            yield Hit(_written(reference), Severity.MEDIUM)
    elif whose == "other" and reference.road == "keras-class":
        yield Hit(_written(reference), Severity.MEDIUM if ">" in reference.arguments else None)


@rule("keras/shadowed-layer", Severity.HIGH, on=Reference, refs=("CWE-436", "CWE-694", "ATLAS AML.T0018"), since="0.1")
def shadowed_layer(reference: Reference, ctx: RuleContext) -> Iterator[Hit]:
    """A class goes by the name of a layer of Keras, or replaces one.

    What it finds: Classes of other modules that are called like one of Keras, and classes of Keras with a registered
        name of somebody else.
    Why it matters: Who reads the configuration sees an ordinary Dense; what is built is the registered class, which
        Keras looks for first. That is how a backdoor hides in plain sight.
    What to do: Do not use the model. Ask why the class goes by that name.
    Fires on:
        Reference("keras-class", "evil.Dense", "config.layers.1")
        Reference("keras-class", "Dense", "config.layers.1", "evil>Dense")
        Reference("keras-class", "keras.layers.Dense", "config.layers.1", "evil>Backdoor")
        Reference("keras-class", "evil>Conv2D", "config.layers.1")
    Stays silent on:
        Reference("keras-class", "keras.layers.Dense", "config.layers.1")
        Reference("keras-class", "keras_hub.src.layers.Dense", "config.layers.1", "keras_hub>Dense")
        Reference("keras-class", "MyLayer", "config.layers.1", "mine>MyLayer")
        Reference("keras-class", "Custom>Adam", "metadata.training_config.optimizer_config")
    """
    if reference.road == "keras-class" and not _danger(reference, ctx.knowledge) and _shadows(reference, ctx.knowledge):
        yield Hit(_written(reference))


def _shadows(reference: Reference, known: Knowledge) -> bool:
    if reference.road != "keras-class":
        return False
    _, name, whose = _named(reference, known)
    package, mark, bare = name.rpartition(">")
    if package == "Custom" and reference.key.endswith(".optimizer_config"):
        # The last releases of Keras 2 register their own optimizers so.
        return False
    other, registered, alias = reference.arguments.rpartition(">")
    if whose == "library" or known.keras.module(package or other):
        return False
    if whose == "core":
        return bool(reference.arguments)
    foreign = bool(mark or registered) or whose == "other"
    return foreign and (known.keras.is_class(bare) or known.keras.is_class(alias))


@rule(
    "keras/external-file",
    Severity.HIGH,
    on=FileReference,
    refs=("CWE-73", "CWE-200", "CWE-918", "CVE-2026-1669", "CVE-2025-12058"),
    since="0.1",
)
def external_file(reference: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """The model makes its loader read another file or address.

    What it finds: Links, elements and virtual datasets of an HDF5 file that lie in other files, vocabularies that are
        given as a path or an address, and models that are loaded from elsewhere. Medium for a virtual dataset of
        datasets of the same file.
    Why it matters: Loading the model reads a file of the serving machine, or asks an address for it, and its content
        comes out as weights or tokens.
    What to do: Do not load the model. Ask for one that has everything inside.
    Fires on:
        FileReference("hdf5-external-link", "/etc/passwd:/x", "layers/dense/vars/0")
        FileReference("hdf5-external-storage", "/etc/passwd", "layers/dense/vars/0")
        FileReference("hdf5-virtual-dataset", "other.h5:/x", "layers/dense/vars/0")
        FileReference("keras-vocabulary", "https://example.org/v.txt", "config.layers.0.config.vocabulary")
        FileReference("keras-saved-model", "/models/other", "config.layers.0.config.filepath")
    Stays silent on:
        FileReference("tokenizer-file", "vocab.txt", "vocab_file")
    """
    del ctx
    if reference.road in _FILES:
        own = reference.road == "hdf5-virtual-dataset" and reference.target.startswith(".:")
        what = f"{_FILES[reference.road]}: {reference.target[:300]!r} in {reference.key[-120:]!r}"
        yield Hit(what, Severity.MEDIUM if own else None)


@rule("keras/plugin-filter", Severity.HIGH, on=Oddity, refs=("CWE-114", "CWE-829"), since="0.1")
def plugin_filter(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """Reading the weights loads a native library.

    What it finds: Datasets of an HDF5 file that are packed by a filter which is not part of HDF5.
    Why it matters: HDF5 looks for the filter in a folder of the machine and loads it as machine code into the process.
        The chunks themselves cannot be inspected.
    What to do: Ask for the file without compression, or with gzip.
    Fires on:
        Oddity("hdf5-plugin-filter", "'w' needs the native plug-in of filter 32001 'blosc'")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "hdf5-plugin-filter":
        yield Hit(oddity.detail)


@rule("keras/oversized-shape", Severity.HIGH, on=Oddity, refs=("CWE-789", "CWE-770", "CVE-2026-0897"), since="0.1")
def oversized_shape(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A dataset has a shape that is far larger than its content.

    What it finds: Datasets of an HDF5 file that would take more than 256 MiB and a thousand times what is stored.
    Why it matters: Reading it asks for all that memory at once and can bring the loader down.
    What to do: Do not load the model. Ask for one whose weights are stored.
    Fires on:
        Oddity("hdf5-shape", "'w' has a shape for 8000000000000 bytes, and 0 are stored")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "hdf5-shape":
        yield Hit(oddity.detail)


@rule("keras/structure", Severity.HIGH, on=Oddity, refs=("CWE-436",), since="0.1")
def structure(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The model is not built like one that Keras or HDF5 wrote.

    What it finds: In an archive: members that are no part of a model. In HDF5: bytes with two owners, elements that do
        not have the size of their shape, groups inside of themselves, links that need code of their own. Medium: soft
        links, which Keras refuses.
    Why it matters: What a loader makes of it depends on its version, and a member that Keras does not read waits for
        somebody else who does.
    What to do: Ask the publisher for a file that the library itself wrote.
    Fires on:
        Oddity("keras-member", "'setup.py' is no part of a Keras model")
        Oddity("hdf5-overlap", "12 bytes have two owners")
        Oddity("hdf5-size", "'w' has 12 bytes instead of 16")
        Oddity("hdf5-cycle", "'a/b' leads back to a group around it")
        Oddity("hdf5-user-link", "'a' is a link of the type 65")
        Oddity("hdf5-soft-link", "'a' stands for '/b'")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "keras-member" or oddity.kind in _STRUCTURE:
        yield Hit(oddity.detail)
    elif oddity.kind == "hdf5-soft-link":
        yield Hit(oddity.detail, Severity.MEDIUM)


RULES = (
    bytecode,
    unsafe_function,
    lambda_layer,
    torch_module,
    custom_object,
    shadowed_layer,
    external_file,
    plugin_filter,
    oversized_shape,
    structure,
)
