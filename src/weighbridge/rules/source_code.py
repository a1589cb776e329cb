"""Rules on Python source: what it reaches for, judged by when it runs and with what."""

from __future__ import annotations

from weighbridge.core.facts import ActiveText, Metadata, Oddity, Operator, SourceUse
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHEN = {"import": "when it is imported", "call": "when it is called", "main": "when it is run as a script"}
_AMBIGUOUS = frozenset(("decoded", "downloaded", "hidden"))
_KEYS = 5
"""Metadata keys of a file, and files, that a finding names."""
_CRITICAL, _HIGH, _MEDIUM, _LOW = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW


def _said(use: SourceUse) -> str:
    times = f" ({use.times} times)" if use.times > 1 else ""
    return f"{use.text}{times}, {_WHEN.get(use.level, use.level)}"


@rule("code/metadata-flow", Severity.CRITICAL, on=SourceUse, refs=("CWE-95", "CWE-502"), since="0.1")
def metadata_flow(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """Metadata of a weight file is run as code.

    What it finds: Code that hands what `metadata()` or `__metadata__` gave to eval, exec, an import, a process or a
        loader of pickles. The finding names the weight files of the artifact whose metadata the code would run.
    Why it matters: The weight file looks harmless and is harmless to every other loader. With this one, whoever writes
        a text into its metadata runs code.
    What to do: Do not use this loader. Metadata is read with `json.loads`, or not at all.
    Fires on:
        SourceUse("run-code", "builtins.eval", "eval(f.metadata()['config'])", "call", ("metadata",))
    Stays silent on:
        SourceUse("run-code", "builtins.eval", "eval(x)", "call")
    """
    if "metadata" in use.traits and use.kind in ("run-code", "pickle", "process", "marshal", "import-computed", "yaml"):
        yield Hit(f"{_said(use)}{_metadata_here(ctx)}")


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
        yield Hit(_said(use))


@rule("code/runs-code", Severity.HIGH, on=SourceUse, refs=("CWE-95", "ATLAS AML.T0011"), since="0.1")
def runs_code(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source runs text as code.

    What it finds: eval, exec, compile and their likes: high, with a constant text medium; names that are computed and
        looked up where all names are, and modules that reach out handed on as values.
    Why it matters: What is run depends on a value that somebody else may set.
    What to do: Read the place. Ask for code that says what it does.
    Fires on:
        SourceUse("run-code", "builtins.exec", "exec(x)", "import")
        SourceUse("run-code", "builtins.eval", "eval('1 + 1')", "call", ("literal",))
        SourceUse("namespace", "globals()", "globals()[x](y)", "call")
        SourceUse("module-value", "os", "f(os)", "call")
    Stays silent on:
        SourceUse("process", "os.system", "os.system('id')", "call")
    """
    del ctx
    if use.kind == "run-code" and not _AMBIGUOUS & set(use.traits):
        # Of a constant text that eval and its likes run, the walk has read every line; of a file it has not.
        read = "literal" in use.traits and use.name.startswith(("builtins.", "timeit."))
        quiet = read or use.level == "main"
        yield Hit(_said(use), _MEDIUM if quiet else None)
    elif use.kind in ("namespace", "object-model", "getattr-computed", "import-hidden"):
        yield Hit(_said(use))
    elif use.kind == "module-value":
        yield Hit(_said(use), _MEDIUM if use.name in ("pickle", "shutil", "socket") else None)


@rule("code/process", Severity.HIGH, on=SourceUse, refs=("CWE-78", "ATLAS AML.T0011"), since="0.1")
def process(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source starts programs.

    What it finds: os.system, subprocess and their likes: critical on import, high when called, medium in a script.
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
        yield Hit(_said(use), {"import": _CRITICAL if started else _HIGH, "main": _MEDIUM}.get(use.level))
    elif use.kind == "reference":
        yield Hit(_said(use), _MEDIUM)


@rule("code/network", Severity.HIGH, on=SourceUse, refs=("CWE-918", "ATLAS AML.T0025"), since="0.1")
def network(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source talks to the network.

    What it finds: Connections: high on import and for plain sockets, medium when called; critical if variables of the
        environment or files go out with it.
    Why it matters: Weights are there already. What a model still has to send or fetch is what nobody inspected.
    What to do: Find out where it connects to, and load the model without a network.
    Fires on:
        SourceUse("http", "requests.post", "requests.post(url, data=os.environ)", "call", ("environment",))
        SourceUse("http", "requests.get", "requests.get(url)", "call")
        SourceUse("socket", "socket.socket", "socket.socket()", "call")
    Stays silent on:
        SourceUse("process", "os.system", "os.system('id')", "call")
    """
    del ctx
    if use.kind in ("http", "socket") and "hidden" not in use.traits:
        if {"environment", "file"} & set(use.traits) and use.level != "main":
            yield Hit(_said(use), _CRITICAL if "environment" in use.traits else _HIGH)
        elif (use.level == "import" and "named" not in use.traits) or (use.kind == "socket" and use.level == "call"):
            yield Hit(_said(use))
        else:
            yield Hit(_said(use), _MEDIUM if use.level == "call" else _LOW)


@rule("code/credentials", Severity.HIGH, on=SourceUse, refs=("CWE-522", "ATLAS AML.T0055"), since="0.1")
def credentials(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source reaches for credentials.

    What it finds: The addresses by which a machine hands out its identity (critical), files that hold keys and tokens,
        the whole environment, and libraries that take the machine's identity (medium when called).
    Why it matters: An endpoint's managed identity opens the vault with all other secrets.
    What to do: Do not load the model. If it ran already, revoke what the machine could reach.
    Fires on:
        SourceUse("identity", "169.254.169.254", "'http://169.254.169.254/metadata'", "call")
        SourceUse("secret-file", ".ssh/", "'~/.ssh/id_rsa'", "call")
        SourceUse("environment", "os.environ", "dict(os.environ)", "call")
        SourceUse("identity", "azure.identity.DefaultAzureCredential", "DefaultAzureCredential()", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "identity":
        library = "." in use.name and not use.name[0].isdigit() and "metadata" not in use.name
        yield Hit(_said(use), (None if use.level == "import" else _MEDIUM) if library else _CRITICAL)
    elif use.kind in ("secret-file", "environment"):
        yield Hit(_said(use))


@rule("code/unsafe-loading", Severity.MEDIUM, on=SourceUse, refs=("CWE-502",), since="0.1")
def unsafe_loading(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source loads files in a way that can run code.

    What it finds: pickle, joblib, dill and marshal (high outside of scripts), torch.load without `weights_only=True`,
        numpy.load with `allow_pickle=True`, yaml.load without a safe loader, Keras without its safe mode,
        `trust_remote_code=True`: high on import, low in a script.
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
    del ctx
    if use.kind in ("pickle", "marshal") and not _AMBIGUOUS & set(use.traits) and "metadata" not in use.traits:
        yield Hit(_said(use), None if use.level == "main" or "named" in use.traits else _HIGH)
    elif use.kind in ("torch-load", "numpy-load", "yaml", "keras-load", "remote-code") and "metadata" not in use.traits:
        yield Hit(_said(use), {"main": _LOW, "import": _HIGH}.get(use.level))


@rule("code/native", Severity.MEDIUM, on=SourceUse, refs=("CWE-829",), since="0.1")
def native(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source loads or builds native code, or imports by path.

    What it finds: ctypes and libraries of operators (high), extensions that are compiled, modules that are imported
        from a path or by a name that is computed (high on import).
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
        yield Hit(_said(use), _HIGH if use.level != "main" else None)
    elif use.kind in ("build", "import-path"):
        yield Hit(_said(use), _HIGH if use.level == "import" and "named" not in use.traits else None)
    elif use.kind == "import-computed" and "metadata" not in use.traits:
        yield Hit(_said(use), _LOW if "below" in use.traits or use.level == "main" else _HIGH)


@rule("code/persistence", Severity.CRITICAL, on=SourceUse, refs=("CWE-506", "ATLAS AML.T0011"), since="0.1")
def persistence(use: SourceUse, ctx: RuleContext) -> Iterator[Hit]:
    """The source settles on the machine, or changes what other code does.

    What it finds: Files written where something starts by itself (critical); variables that make other programs load
        a library first (high); modules and functions of others that are replaced, hooks into the interpreter (medium);
        files that are deleted (low).
    Why it matters: The effect stays when the model is gone, and reaches code that has nothing to do with it.
    What to do: Do not load the model. If it ran already, build the machine anew.
    Fires on:
        SourceUse("persistence", "site-packages", "open('site-packages/x.pth', 'w')", "call")
        SourceUse("preload", "LD_PRELOAD", "'LD_PRELOAD'", "call")
        SourceUse("patch", "torch.load", "torch.load = mine", "import")
        SourceUse("hook", "sys.meta_path", "sys.meta_path.insert(0, x)", "import")
        SourceUse("delete", "shutil.rmtree", "shutil.rmtree(p)", "call")
    Stays silent on:
        SourceUse("http", "requests.get", "requests.get(url)", "call")
    """
    del ctx
    if use.kind == "persistence":
        yield Hit(_said(use))
    elif use.kind == "preload":
        yield Hit(_said(use), _HIGH)
    elif use.kind in ("patch", "hook"):
        yield Hit(_said(use), _MEDIUM)
    elif use.kind == "delete":
        yield Hit(_said(use), _MEDIUM if use.level == "import" else _LOW)


@rule("code/marks", Severity.HIGH, on=Oddity, refs=("CVE-2021-42574", "CWE-451"), since="0.1")
def marks(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The source shows people another text than Python reads.

    What it finds: Marks that reverse the reading direction, characters that cannot be seen, code far behind the right
        edge.
    Why it matters: A reviewer reads one program, and Python another.
    What to do: Do not use the file. Look at it in an editor that shows such characters.
    Fires on:
        Oddity("source-marks", "line 3 holds something that cannot be seen")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "source-marks":
        yield Hit(oddity.detail)


@rule("code/runs-by-name", Severity.MEDIUM, on=Oddity, refs=("CWE-829",), since="0.1")
def runs_by_name(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A file has a name by which tools run it.

    What it finds: `sitecustomize.py`, `conftest.py`, `setup.py` and their likes; lines of path files that are run
        (high).
    Why it matters: It runs without anybody asking for the model.
    What to do: Read the file. A model does not need it.
    Fires on:
        Oddity("runs-by-name", "setup.py is run by its name: pip runs it")
        Oddity("runs-at-start", "line 1 is run by every Python that starts: import os; os.remove('x')")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("runs-by-name", "runs-at-start"):
        yield Hit(oddity.detail, _HIGH if oddity.kind == "runs-at-start" else None)


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
    marks,
    runs_by_name,
    custom_operator,
)
