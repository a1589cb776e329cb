"""Rules on what a pickle imports and calls. What the knowledge does not know is not trusted."""

from __future__ import annotations

from weighbridge.core.facts import Call, ComputedImport, Import, Oddity
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule
from weighbridge.rules.shapes import fits, is_own

if TYPE_CHECKING:
    from collections.abc import Iterator

_REFERENCES = ("CWE-502", "ATLAS AML.T0011.000", "ATLAS AML.T0018.002")
_CONTAINER_MODES = ("append", "setitem", "additems")


def _written(call: Call) -> str:
    road = {"call": "", "new": " (made with __new__)", "build": " (given a state)", "persistent": ""}
    text = call.arguments if call.arguments.startswith("(") else f"({call.arguments})"
    return f"{call.callable}{text}{road.get(call.mode, f' ({call.mode})')}"


@rule("pickle/dangerous-call", Severity.CRITICAL, on=Call, refs=_REFERENCES, since="0.1")
def dangerous_call(call: Call, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the file runs something dangerous.

    What it finds: A pickle that calls, creates or gives a state to something known to start programs, run code,
        open files or connections, or lead to something that does.
    Why it matters: The call happens while the file is loaded, with the rights of whoever loads it; on an endpoint
        that is the managed identity with all its secrets.
    What to do: Do not load the file. Report the publisher. If the weights are wanted, take a safetensors copy from
        a source that you trust.
    Fires on:
        Call("posix.system", "call", "('id')", "('id')")
        Call("builtins.exec", "call", "('import os')", "('import os')")
    Stays silent on:
        Call("collections.OrderedDict", "call", "()", "()")
    """
    entry = ctx.knowledge.globals.find(call.callable)
    if entry is not None and entry.trust == "dangerous" and not _harmless_getattr(call, ctx):
        yield Hit(f"{_written(call)}: {entry.why}")


@rule("pickle/computed-call", Severity.CRITICAL, on=Call, refs=_REFERENCES, since="0.1")
def computed_call(call: Call, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the file calls something that is itself computed.

    What it finds: A pickle that calls the result of another call, or something that is no global at all.
    Why it matters: What is really called is known only while loading, so that no list of names can judge it; honest
        writers never produce this.
    What to do: Do not load the file. Ask the publisher for safetensors.
    Fires on:
        Call("functools.partial(os.system, 'id')", "call", "()", "()")
    Stays silent on:
        Call("numpy.dtype", "call", "('f8', False, True)", "('f8', bool, bool)")
    """
    del ctx
    if call.mode in ("call", "new") and not _is_name(call.callable):
        yield Hit(_written(call))


@rule("pickle/dangerous-import", Severity.CRITICAL, on=Import, refs=_REFERENCES, since="0.1")
def dangerous_import(found: Import, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the file imports something dangerous.

    What it finds: A pickle that names something known to start programs, run code, or open files or connections,
        without a visible call of it.
    Why it matters: A reference is enough for whoever uses the object later, and there are ways to call that leave
        no trace in the file. No model needs such a reference.
    What to do: Do not load the file. Report the publisher.
    Fires on:
        Import("os.system")
        Import("subprocess.Popen")
    Stays silent on:
        Import("collections.OrderedDict")
    """
    entry = ctx.knowledge.globals.find(found.name)
    if entry is None or entry.trust != "dangerous":
        return
    calls = [fact for fact in ctx.facts if isinstance(fact, Call) and fact.callable == found.name]
    if not calls:
        yield Hit(f"{found.name}, named by {found.how}: {entry.why}")


@rule("pickle/computed-import", Severity.CRITICAL, on=ComputedImport, refs=_REFERENCES, since="0.1")
def computed_import(found: ComputedImport, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the file imports a name that it computes.

    What it finds: A global whose module or name is not a constant of the pickle, or that comes from the extension
        registry of the process that loads it.
    Why it matters: The name can become anything while loading. Honest writers always write names as constants.
    What to do: Do not load the file. Report the publisher.
    Fires on:
        ComputedImport("os.getenv('X') . 'system'")
    """
    del ctx
    yield Hit(found.expression)


@rule("pickle/unknown-global", Severity.HIGH, on=Import, refs=_REFERENCES, since="0.1")
def unknown_global(found: Import, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the file imports code that nobody vouches for.

    What it finds: A global that the knowledge does not contain, or one whose source was read and runs code of its own
        when it is created, given a state or thrown away.
    Why it matters: Importing a module runs it, and a class decides itself what happens when it is created. Known
        attacks use ordinary-looking names outside every list of bad ones.
    What to do: Look at the code that the name stands for. If it is your own, save the weights alone (safetensors,
        or a state dict) instead of whole objects.
    Fires on:
        Import("models.yolo.Model")
    Stays silent on:
        Import("numpy.ndarray")
        Import("os.system")
    """
    entry = ctx.knowledge.globals.find(found.name)
    if entry is not None and entry.trust == "review":
        yield Hit(f"{found.name}, named by {found.how}: {entry.why}")
    elif entry is None and not _is_member(found, ctx):
        yield Hit(f"{found.name}, named by {found.how}")


@rule("pickle/lookalike", Severity.CRITICAL, on=Import, refs=("CWE-829", "ATLAS AML.T0074"), since="0.1")
def lookalike(found: Import, ctx: RuleContext) -> Iterator[Hit]:
    r"""Loading the file imports a package with the name of another one, almost.

    What it finds: A global whose package differs from a well-known one in one letter, in two that changed places, or
        in letters of another script, and names that people type by mistake.
    Why it matters: Packages under such names are made to be installed by mistake, and importing one runs it.
    What to do: Do not load the file. If the package is yours and honest, rename it, or save the weights alone.
    Fires on:
        Import("numpi.ndarray")
        Import("scikitlearn.tree.Tree")
        Import("tor\u0441h.load")
    Stays silent on:
        Import("numpy.ndarray")
        Import("mypackage.Model")
    """
    if ctx.knowledge.globals.find(found.name) is None:
        package = ctx.knowledge.globals.mistaken_for(found.name)
        if package:
            yield Hit(f"{found.name} is not {package}")


@rule("pickle/unexpected-call", Severity.HIGH, on=Call, refs=_REFERENCES, since="0.1")
def unexpected_call(call: Call, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the file uses known code in a way that honest writers do not.

    What it finds: A known class or function that is called although it only ever is created and given a state, or
        called with arguments of another shape than the ones known to be harmless.
    Why it matters: Harmless code becomes a tool when it is given other arguments: a container of functions, a path
        in place of a number.
    What to do: Compare the evidence with what the library writes. If it is your own file, save it again with a
        current version of the library, or convert it to safetensors.
    Fires on:
        Call("torch._utils._rebuild_tensor_v2", "call", "('x')", "('x')")
        Call("numpy.ndarray", "append", "(1)", "constants")
    Stays silent on:
        Call("numpy.dtype", "call", "('f8', False, True)", "('f8', bool, bool)")
        Call("collections.OrderedDict", "setitem", "('a', 1)", "constants")
        Call("_codecs.encode", "call", "('b', 'latin1')", "('b', 'latin1')")
    """
    entry = ctx.knowledge.globals.find(call.callable)
    if entry is None or entry.trust in ("dangerous", "review") or call.mode == "persistent":
        return
    if call.mode == "build":
        if not fits(call.shape, entry.states or ("any",), ctx.knowledge.globals) or not _plain_state(call, ctx):
            yield Hit(f"{_written(call)}: a state of the shape {call.shape} is not known to be harmless")
        return
    if call.mode == "new" and entry.trust not in ("callable", "enum"):
        return
    if call.mode in _CONTAINER_MODES:
        if entry.trust != "container":
            yield Hit(f"{_written(call)}: it is no container")
        return
    if entry.trust in ("inert", "function"):
        yield Hit(f"{_written(call)}: it is created, never called, by honest writers")
    elif not fits(call.shape, entry.arguments, ctx.knowledge.globals):
        yield Hit(f"{_written(call)}: arguments of the shape {call.shape} are not known to be harmless")


@rule("pickle/state-tampering", Severity.CRITICAL, on=Call, refs=_REFERENCES, since="0.1")
def state_tampering(call: Call, ctx: RuleContext) -> Iterator[Hit]:
    """Loading the file replaces what an object is made of.

    What it finds: A BUILD that gives a state to a global itself (a function, a class, a module), or a state with
        names such as `__class__`, `__dict__` or `__reduce__`.
    Why it matters: With such a state the file changes code that is already loaded, and whatever uses that code later
        runs what the file wants.
    What to do: Do not load the file. Report the publisher.
    Fires on:
        Call("collections.OrderedDict", "build", "{…}", "state with __class__")
        Call("torch.load", "build", "{…}", "on the global itself: state")
    Stays silent on:
        Call("sklearn.tree._tree.Tree", "build", "{…}", "state")
    """
    del ctx
    if call.mode == "build" and (call.shape.startswith("on the global itself") or "state with __" in call.shape):
        yield Hit(f"{_written(call)}: {call.shape}")


@rule("pickle/persistent-id", Severity.HIGH, on=Call, refs=("CWE-502", "CVE-2026-24747"), since="0.1")
def persistent_id(call: Call, ctx: RuleContext) -> Iterator[Hit]:
    """The file asks its loader for an object by an id of unknown shape.

    What it finds: A persistent id that is not the one of a torch storage, or of a torch module with its source.
    Why it matters: What happens is up to the loader: it may open files, call what the id contains, or read beyond
        its memory.
    What to do: Find out which program wrote the file. For torch checkpoints ask for safetensors.
    Fires on:
        Call("persistent_load", "persistent", "'file:///etc/passwd'", "str")
    Stays silent on:
        Call("persistent_load", "persistent", "…", "('storage', @torch.FloatStorage, str, str, int)")
    """
    del ctx
    if call.mode != "persistent":
        return
    if call.shape.startswith("('module', @") and call.shape.count("@") == 1:
        return  # the class of a module with its source, as old versions of torch write it: the class is judged
    storage, _, rest = call.shape.removeprefix("('storage', @torch.").partition(", ")
    known = call.shape.startswith("('storage', @torch.") and storage.removeprefix("storage.").endswith("Storage")
    if not known or rest not in ("str, str, int)", "str, str, int, None)", "str, str, int, (str, int, int))"):
        yield Hit(f"{call.callable}({call.arguments})")


@rule("pickle/malformed", Severity.MEDIUM, on=Oddity, refs=("CWE-436",), since="0.1")
def malformed(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """The pickle is built in a way that unpicklers and analysers read differently.

    What it finds: Frames that are longer than the file, shorter than any writer makes them, inside one another or cut
        through by an opcode, and buffers that must come from outside of the file.
    Why it matters: What one reader skips another one runs. With a frame that ends inside of an operand, a file does
        one thing under the unpickler written in C and another under every disassembler.
    What to do: Save the file again with the library that made it. Do not load one whose frames are cut through.
    Fires on:
        Oddity("frame-beyond-end", "a frame of 99 bytes")
        Oddity("frame-cut", "an opcode crosses the end of its frame")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("frame-cut", "frame-nested", "frame-beyond-end"):
        yield Hit(oddity.detail, Severity.HIGH)
    elif oddity.kind in ("frame-short", "out-of-band-buffer"):
        yield Hit(oddity.detail)


def _is_name(callable_: str) -> bool:
    return all(character.isalnum() or character in "._-<>" for character in callable_)


def _is_member(found: Import, ctx: RuleContext) -> bool:
    """A member of a known enumeration: some versions of Python write them as attributes."""
    owner, _, name = found.name.rpartition(".")
    entry = ctx.knowledge.globals.find(owner)
    return entry is not None and entry.trust == "enum" and not name.startswith("_")


def _plain_state(call: Call, ctx: RuleContext) -> bool:
    """A state that is an object of a class of its own would have its methods called for items and lengths."""
    entry = None if is_own(call.shape) else ctx.knowledge.globals.find(call.shape[1:].removesuffix("()"))
    return is_own(call.shape) or (entry is not None and entry.trust == "container")


def _harmless_getattr(call: Call, ctx: RuleContext) -> bool:
    """A constant attribute of a known class, judged as an import of its own; the type of None."""
    if call.callable in ("builtins.type", "__builtin__.type") and call.shape == "(None)":
        return True
    if call.callable not in ("builtins.getattr", "__builtin__.getattr") or call.mode != "call":
        return False
    owner, comma, name = call.shape.strip("()").removeprefix("@").partition(", ")
    plain = name.strip("'")
    entry = ctx.knowledge.globals.find(owner)
    known = entry is not None and entry.trust not in ("dangerous", "review")
    return bool(comma) and known and plain.isidentifier() and not plain.startswith("__")


@rule("pickle/artifact-import", Severity.HIGH, on=Import, refs=_REFERENCES, since="0.1")
def artifact_import(found: Import, ctx: RuleContext) -> Iterator[Hit]:
    """A pickle imports a module that lies beside it.

    What it finds: Globals whose module is a file or a package of the same artifact.
    Why it matters: Importing a module runs it. Where the model's folder is on the path, loading the weights runs code
        that came with them.
    What to do: Read the file, as if it were run by loading the weights. Ask for weights that need none.
    Fires on:
        Import("models.net.Net")
    Stays silent on:
        Import("torch._utils._rebuild_tensor_v2")
        Import("collections.OrderedDict")
    """
    module = found.name.rpartition(".")[0]
    while module:
        for path in (f"{module.replace('.', '/')}.py", f"{module.replace('.', '/')}/__init__.py"):
            if ctx.ending(path):
                yield Hit(f"{found.name}: importing it runs {path} of the artifact")
                return
        module = module.rpartition(".")[0]


RULES = (
    artifact_import,
    dangerous_call,
    computed_call,
    dangerous_import,
    computed_import,
    unknown_global,
    lookalike,
    unexpected_call,
    state_tampering,
    persistent_id,
    malformed,
)
