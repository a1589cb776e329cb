"""Rules on Python source: what it reaches for, judged by when it runs and with what."""

from __future__ import annotations

import re

from weighbridge.core.facts import ActiveText, Metadata, Operator, SourceUse
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHEN = {"import": "when it is imported", "call": "when it is called", "main": "when it is run as a script"}
_AMBIGUOUS = frozenset(("decoded", "downloaded", "hidden"))
_RUNS_TEXT = ("run-code", "pickle", "process", "marshal", "import-computed", "yaml")
_KEYS = 5
"""Metadata keys of a file, and files, that a finding names."""
_CRITICAL, _HIGH, _MEDIUM, _LOW = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW


_LIBRARIES = ("azure.identity", "google.auth", "botocore.credentials", "msal", "msrestazure")
"""Libraries that take the machine's identity from where it is kept."""
_ASKED = {
    "host": "the name of the machine",
    "user": "the name of the user",
    "debugger": "a debugger",
    "machine": "a virtual machine or a sandbox",
    "tests": "a run of tests",
    "date": "the date",
    "sleep": "a long sleep",
}


def said(use: SourceUse) -> str:
    """What is used, how often, when, and what it waits for."""
    times = f" ({use.times} times)" if use.times > 1 else ""
    behind = f", behind a question for {_behind(use)}" if _behind(use) else ""
    return f"{use.text}{times}, {_WHEN.get(use.level, use.level)}{behind}"


def _behind(use: SourceUse) -> str:
    word = next((trait.removeprefix("behind-") for trait in use.traits if trait.startswith("behind-")), "")
    return _ASKED.get(word, word)


def _hit(use: SourceUse, severity: Severity) -> Hit:
    """A finding; what hides from whoever looks is one step worse than it would be in the open."""
    order = (Severity.INFO, _LOW, _MEDIUM, _HIGH, _CRITICAL)
    worse = order[min(severity.rank + 1, _CRITICAL.rank)] if _behind(use) else severity
    return Hit(said(use), worse)


@rule("code/metadata-flow", Severity.CRITICAL, on=SourceUse, refs=("CWE-95", "CWE-502"), since="0.1")
def metadata_flow(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """Metadata of a weight file is run as code.

    What it finds: Code that hands what `metadata()` or `__metadata__` gave, the fields of a GGUF file, or a value of a
        JSON, TOML or YAML file to eval, exec, a process or a loader of pickles; metadata to an import too. The finding
        names the weight files of the artifact whose metadata the code would run.
    Why it matters: The weight file looks harmless and is harmless to every other loader. With this one, whoever writes
        a text into its metadata runs code.
    What to do: Do not use this loader. Metadata is read with `json.loads`, or not at all.
    Fires on:
        SourceUse("run-code", "builtins.eval", "eval(f.metadata()['config'])", "call", ("metadata",))
    Stays silent on:
        SourceUse("run-code", "builtins.eval", "eval(x)", "call")
    """
    if ("metadata" in use.traits and use.kind in _RUNS_TEXT) or (
        "configuration" in use.traits
        and use.kind in ("run-code", "process", "pickle", "marshal")
        and use.level != "main"
    ):
        yield Hit(f"{said(use)}{_metadata_here(ctx)}")


def _metadata_here(ctx: RuleContext) -> str:
    """The metadata that lies in the same artifact, file by file; programs among it first."""
    programs = {(place, found.key): found.kind for place, found in ctx.everywhere(ActiveText)}
    files: dict[str, list[tuple[bool, str]]] = {}
    for place, found in ctx.everywhere(Metadata):
        if place.endswith(".safetensors"):
            kind = programs.get((place, found.key))
            text = f"{found.key!r}, which is {kind}: {found.value[:60]!r}" if kind else repr(found.key[:60])
            files.setdefault(place, []).append((kind is None, text))
    said = [
        f"{place} has {', '.join(text for _, text in sorted(keys)[:_KEYS])}" for place, keys in sorted(files.items())
    ]
    return f"; of this artifact, {'; '.join(said[:_KEYS])}" if said else ""


@rule("code/hidden-code", Severity.CRITICAL, on=SourceUse, refs=("CWE-506", "ATLAS AML.T0011"), since="0.1")
def hidden_code(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """Code is hidden, and run.

    What it finds: eval, exec and their likes with what was decoded, decompressed or downloaded; names of dangerous
        functions that are put together from pieces.
    Why it matters: Honest code has no reason to hide from whoever reads it.
    What to do: Do not load the model, and report the publisher.
    Fires on:
        SourceUse("run-code", "builtins.exec", "exec(base64.b64decode(x))", "call", ("decoded",))
        SourceUse("process", "os.system", "getattr(os, 'sys' + 'tem')(x)", "call", ("hidden",))
        SourceUse("marshal", "marshal.loads", "marshal.loads(zlib.decompress(x))", "import", ("decoded",))
    Stays silent on:
        SourceUse("run-code", "builtins.eval", "eval(x)", "call")
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    runs = use.kind in ("run-code", "marshal", "process", "pickle") and ({"decoded", "downloaded"} & set(use.traits))
    if runs or (
        "hidden" in use.traits and use.kind in ("run-code", "process", "marshal", "pickle", "socket", "native")
    ):
        yield _hit(use, _CRITICAL)


@rule("code/runs-code", Severity.HIGH, on=SourceUse, refs=("CWE-95", "ATLAS AML.T0011"), since="0.1")
def runs_code(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source runs text as code.

    What it finds: eval, exec, compile and their likes: high, with a constant text medium; names that are computed and
        looked up where all names are, modules that reach out handed on as values, functions that get other code, and
        texts that walk from a value to what its functions know.
    Why it matters: What is run depends on a value that somebody else may set.
    What to do: Read the place. Ask for code that says what it does.
    Fires on:
        SourceUse("run-code", "builtins.exec", "exec(x)", "import")
        SourceUse("run-code", "builtins.eval", "eval('1 + 1')", "call", ("literal",))
        SourceUse("namespace", "globals()", "globals()[x](y)", "call")
        SourceUse("module-value", "os", "f(os)", "call")
        SourceUse("patch", "__code__", "f.__code__ = g.__code__", "call")
    Stays silent on:
        SourceUse("process", "os.system", "os.system('id')", "call")
        SourceUse("patch", "torch.load", "torch.load = mine", "import")
    """
    del ctx
    if use.kind == "run-code" and not _AMBIGUOUS & set(use.traits):
        # Of a constant text that eval and its likes run, the walk has read every line; of a file it has not.
        read = "literal" in use.traits and use.name.startswith(("builtins.", "timeit."))
        quiet = read or use.level == "main"
        yield _hit(use, _MEDIUM if quiet else _HIGH)
    elif use.kind in ("namespace", "object-model", "getattr-computed", "import-hidden"):
        yield _hit(use, _HIGH)
    elif use.kind == "module-value":
        yield _hit(use, _MEDIUM if use.name in ("pickle", "shutil", "socket") else _HIGH)
    elif use.kind == "patch" and use.name.startswith("__"):
        yield _hit(use, _HIGH)


@rule("code/process", Severity.HIGH, on=SourceUse, refs=("CWE-78", "ATLAS AML.T0011"), since="0.1")
def process(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source starts programs.

    What it finds: os.system, subprocess and their likes: critical on import, high when called, medium in a script. A
        command line that is put together and handed to a shell is critical when called, too.
    Why it matters: Code of a model runs with the rights of whoever loads it. Models need no other programs.
    What to do: Do not load the model if it happens on import. Else find out what is started, and why.
    Fires on:
        SourceUse("process", "os.system", "os.system('id')", "import", ("literal",))
        SourceUse("process", "subprocess.run", "subprocess.run(x)", "call")
        SourceUse("reference", "os.system", "from os import system", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "process" and not _AMBIGUOUS & set(use.traits):
        started = "named" not in use.traits
        shell = "shell" in use.traits and not {"literal", "folded"} & set(use.traits)
        levels = {"import": _CRITICAL if started else _HIGH, "main": _MEDIUM}
        yield _hit(use, levels.get(use.level, _CRITICAL if shell else _HIGH))
    elif use.kind == "reference":
        yield _hit(use, _MEDIUM)


@rule("code/network", Severity.HIGH, on=SourceUse, refs=("CWE-918", "ATLAS AML.T0025"), since="0.1")
def network(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source talks to the network.

    What it finds: Connections: high on import and for plain sockets, medium when called; critical if variables of the
        environment or what gives access go out with it, high for other files. Names that are computed and looked up, by
        which data can be sent too.
    Why it matters: Weights are there already. What a model still has to send or fetch is what nobody inspected.
    What to do: Find out where it connects to, and load the model without a network.
    Fires on:
        SourceUse("http", "requests.post", "requests.post(url, data=os.environ)", "call", ("environment",))
        SourceUse("http", "requests.get", "requests.get(url)", "call")
        SourceUse("socket", "socket.socket", "socket.socket()", "call")
        SourceUse("dns", "socket.gethostbyname", "socket.gethostbyname(x + '.example.org')", "call", ("computed",))
    Stays silent on:
        SourceUse("process", "os.system", "os.system('id')", "call")
    """
    del ctx
    if use.kind in ("http", "socket") and "hidden" not in use.traits:
        if {"environment", "secret", "file"} & set(use.traits) and use.level != "main":
            yield _hit(use, _CRITICAL if {"environment", "secret"} & set(use.traits) else _HIGH)
        elif (use.level == "import" and "named" not in use.traits) or (use.kind == "socket" and use.level == "call"):
            yield _hit(use, _HIGH)
        else:
            yield _hit(use, _MEDIUM if use.level == "call" and "pinned" not in use.traits else _LOW)
    elif use.kind == "dns":
        computed = "computed" in use.traits
        yield _hit(use, _LOW if use.level == "main" else _HIGH if computed else _MEDIUM)


@rule("code/credentials", Severity.HIGH, on=SourceUse, refs=("CWE-522", "ATLAS AML.T0055"), since="0.1")
def credentials(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source reaches for credentials.

    What it finds: The addresses by which a machine hands out its identity (critical), files that hold keys, tokens,
        passwords of browsers or wallets, stores of secrets, the whole environment, libraries that take the machine's
        identity (medium when called), and the token of the hub (low).
    Why it matters: An endpoint's managed identity opens the vault with all other secrets.
    What to do: Do not load the model. If it ran already, revoke what the machine could reach.
    Fires on:
        SourceUse("identity", "169.254.169.254", "'http://169.254.169.254/metadata'", "call")
        SourceUse("secret-file", ".ssh/", "'~/.ssh/id_rsa'", "call")
        SourceUse("environment", "os.environ", "dict(os.environ)", "call")
        SourceUse("secret-store", "keyring.get_password", "keyring.get_password('x', 'y')", "call")
        SourceUse("token", "huggingface_hub.get_token", "get_token()", "call")
        SourceUse("identity", "azure.identity.DefaultAzureCredential", "DefaultAzureCredential()", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "identity":
        library = use.name.startswith(_LIBRARIES)
        yield _hit(use, (_HIGH if use.level == "import" else _MEDIUM) if library else _CRITICAL)
    elif use.kind in ("secret-file", "secret-store", "environment"):
        yield _hit(use, _HIGH)
    elif use.kind == "token":
        yield _hit(use, _LOW)


@rule("code/unsafe-loading", Severity.MEDIUM, on=SourceUse, refs=("CWE-502",), since="0.1")
def unsafe_loading(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source loads files in a way that can run code.

    What it finds: pickle, joblib, dill and marshal (high outside of scripts), torch.load without `weights_only=True`,
        numpy.load with `allow_pickle=True`, yaml.load without a safe loader, Keras without its safe mode (high if it is
        switched off), `trust_remote_code=True`: high on import, low in a script and where the caller chooses. A pickle
        of what was pickled in the same expression copies it (low).
    Why it matters: The file that is loaded decides what runs.
    What to do: Load safetensors. Where this cannot be, inspect the file that is loaded as well.
    Fires on:
        SourceUse("pickle", "pickle.load", "pickle.load(f)", "call")
        SourceUse("torch-load", "torch.load", "torch.load(p)", "call")
        SourceUse("numpy-load", "numpy.load", "np.load(p, allow_pickle=True)", "call")
        SourceUse("yaml", "yaml.load", "yaml.load(f)", "call")
        SourceUse("keras-load", "keras.models.load_model", "load_model(p)", "call")
        SourceUse("remote-code", "trust_remote_code=True", "load(x, trust_remote_code=True)", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    traits = set(use.traits)
    if use.kind in ("pickle", "marshal") and not _AMBIGUOUS & traits and not _JOINED & traits:
        if "copy" in traits:
            yield _hit(use, _LOW)
        else:
            yield _hit(use, _MEDIUM if use.level == "main" or "named" in traits else _HIGH)
    elif use.kind in ("torch-load", "numpy-load", "yaml", "keras-load", "remote-code") and "metadata" not in traits:
        runs = use.level == "import" and "named" not in traits
        called = _LOW if "chosen" in traits else _HIGH if "unsafe" in traits else _MEDIUM
        hit = _hit(use, _LOW if use.level == "main" else _HIGH if runs else called)
        yield hit._replace(text=f"{hit.text}{_here(use, ctx)}")


_JOINED = frozenset(("metadata", "configuration"))


def _here(use: SourceUse, ctx: RuleContext) -> str:
    """Which file of the artifact a call names: that file is judged by itself."""
    named = re.findall(r"'([^']{1,120})'", use.text) if use.kind in ("torch-load", "keras-load") else ()
    found = next((one for name in named if (one := ctx.ending(name))), "")
    return f"; {found} is a file of this artifact and is judged by itself" if found else ""


@rule("code/native", Severity.MEDIUM, on=SourceUse, refs=("CWE-829",), since="0.1")
def native(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source loads or builds native code, or imports by path.

    What it finds: ctypes and libraries of operators (high), extensions that are compiled, modules that are imported
        from a path or by a name that is computed (high on import; low for the folder of the file itself, and for
        names below the file's own package or a fixed one).
    Why it matters: What is loaded that way is not what these rules can read.
    What to do: Find out which library or module is meant, and whether it is part of the model.
    Fires on:
        SourceUse("native", "ctypes.CDLL", "ctypes.CDLL(p)", "call")
        SourceUse("build", "torch.utils.cpp_extension.load", "load(name='x')", "call")
        SourceUse("import-path", "importlib.util.spec_from_file_location", "spec_from_file_location(a, b)", "call")
        SourceUse("import-computed", "importlib.import_module", "import_module(name)", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "native" and "hidden" not in use.traits:
        yield _hit(use, _HIGH if use.level != "main" else _MEDIUM)
    elif use.kind in ("build", "import-path"):
        own = use.level == "main" or "own" in use.traits
        runs = use.level == "import" and not {"named", "folder"} & set(use.traits)
        yield _hit(use, _LOW if own and use.kind == "import-path" else _HIGH if runs else _MEDIUM)
    elif use.kind == "import-computed" and "metadata" not in use.traits:
        yield _hit(use, _LOW if "below" in use.traits or use.level == "main" else _HIGH)


@rule("code/persistence", Severity.CRITICAL, on=SourceUse, refs=("CWE-506", "ATLAS AML.T0011"), since="0.1")
def persistence(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source settles on the machine, or changes what other code does.

    What it finds: Files written where something starts by itself (critical); variables that make other programs load
        a library first (high); functions of others that are replaced, hooks into the interpreter, threads that begin on
        import (medium);
        files that are deleted (low).
    Why it matters: The effect stays when the model is gone, and reaches code that has nothing to do with it.
    What to do: Do not load the model. If it ran already, build the machine anew.
    Fires on:
        SourceUse("persistence", "site-packages", "open('site-packages/x.pth', 'w')", "call")
        SourceUse("preload", "LD_PRELOAD", "'LD_PRELOAD'", "call")
        SourceUse("patch", "torch.load", "torch.load = mine", "import")
        SourceUse("hook", "atexit.register", "atexit.register(f)", "import")
        SourceUse("delete", "shutil.rmtree", "shutil.rmtree(p)", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "persistence":
        yield _hit(use, _CRITICAL)
    elif use.kind == "preload":
        yield _hit(use, _HIGH)
    elif use.kind == "hook" or (use.kind == "patch" and not use.name.startswith("__")):
        yield _hit(use, _MEDIUM)
    elif use.kind == "delete":
        yield _hit(use, _MEDIUM if use.level == "import" else _LOW)


_OWN_OPERATORS = frozenset(
    """ops.prim ops.prims ops.aten ops.quantized ops.quantized_decomposed ops.higher_order ops.torchvision
    ops.torchaudio ops.image""".split()  # noqa: SIM905 -- words read better than a list of them
)
_FILE_OPERATORS = frozenset(
    ("ops.aten.save", "ops.aten.from_file", "ops.aten.load", "ops.image.read_file", "ops.image.write_file")
)


@rule("torchscript/custom-operator", Severity.HIGH, on=Operator, refs=("CWE-829", "CWE-73"), since="0.1")
def custom_operator(operator: Operator, ctx: RuleContext) -> Iterator[Hit]:
    """A program calls an operator that PyTorch does not have, or one that reads or writes files.

    What it finds: Operators of libraries (`ops.LIBRARY.NAME`) other than PyTorch's own, and operators on files.
    Why it matters: Somebody has to load a native library for it, which is not part of the model. Operators on files
        read and write with the rights of the server.
    What to do: Find out which library is meant and from whom it comes.
    Fires on:
        Operator("torch", "ops.evil.run", 1, 0)
        Operator("torch", "ops.aten.save", 1, 0)
    Stays silent on:
        Operator("torch", "ops.prim.data", 1, 0)
        Operator("", "MatMul", 1, 0)
    """
    del ctx
    if operator.domain == "torch":
        library = ".".join(operator.name.split(".")[:2])
        if library not in _OWN_OPERATORS or operator.name in _FILE_OPERATORS:
            yield Hit(operator.name)


RULES = (
    metadata_flow,
    hidden_code,
    runs_code,
    process,
    network,
    credentials,
    unsafe_loading,
    native,
    persistence,
    custom_operator,
)
