"""What a call in a Python file does by its arguments: of what is looked for, and of anything else."""

from __future__ import annotations

import ast
import re
from functools import partial

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.python.hub import pinned, unpinned
from weighbridge.formats.python.names import argument, constants
from weighbridge.formats.python.places import leak, persistent
from weighbridge.formats.python.sinks import BY_PATH, IMPORTERS, MODULES, kind_of_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.formats.python.names import Names

STARTERS = frozenset(
    """system popen Popen check_output check_call getoutput getstatusoutput startfile execl execle execlp execv execve
    execvp execvpe spawnl spawnle spawnlp spawnv spawnve spawnvp posix_spawn posix_spawnp subprocess_exec
    subprocess_shell load_extension enable_load_extension run_line_magic run_cell_magic run_cell""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Methods that start programs, whatever the object is that has them."""
PATCHED = frozenset(
    """load loads _load from_pretrained __call__ __init__ __new__ __setattr__ __getattribute__ forward load_state_dict
    load_file safe_open hf_hub_download snapshot_download urlopen request post _create_default_https_context
    __reduce__ find_class""".split()  # noqa: SIM905 -- as above
)
"""Functions of other packages whose replacement changes what somebody else's code does."""
_WRITERS = frozenset(("write_text", "write_bytes", "copy", "copyfile", "copy2", "move", "symlink", "symlink_to"))
_DUMPS = ("pickle.dumps", "dill.dumps", "cloudpickle.dumps", "cPickle.dumps", "_pickle.dumps")
_SAFE_LOADERS = frozenset(("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"))
_SERIALISERS = frozenset(
    """builtins.dict builtins.str builtins.list builtins.print builtins.repr json.dumps json.dump pickle.dumps
    pickle.dump yaml.dump yaml.safe_dump urllib.parse.urlencode marshal.dumps pprint.pprint pprint.pformat""".split()  # noqa: SIM905 -- as above
)
_WRITES = frozenset(("join", "format", "write", "writelines", "info", "debug", "send", "sendall"))
_PATH = frozenset(("sys.path.insert", "sys.path.append", "sys.path.extend"))
_WORDS = frozenset((*STARTERS, *MODULES, "eval", "exec", "__import__", "__builtins__"))


class Use(NamedTuple):
    """One thing that a call does; `kind` and `traits` are those of `SourceUse`."""

    kind: str
    name: str
    traits: tuple[str, ...] = ()


def known_call(kind: str, name: str, node: ast.Call, names: Names, taints: tuple[str, ...]) -> Use | None:
    """What a call of something that is looked for does; None if its arguments make it harmless."""
    words: dict[str | None, ast.expr] = {word.arg: word.value for word in node.keywords}
    first = node.args[0] if node.args else next(iter(words.values()), None)
    folded = names.fold(first)
    traits = [*taints, *hidden(node.func, names)]
    if isinstance(first, ast.Constant):
        traits.append("literal")
    elif isinstance(folded, str | bytes):
        traits.append("folded")
    if kind == "torch-load":
        if is_constant(words.get("weights_only"), value=True):
            return None
        if "weights_only" in words and not isinstance(words["weights_only"], ast.Constant):
            traits.append("chosen")
    elif kind == "numpy-load":
        allowed = words.get("allow_pickle") or (node.args[2] if len(node.args) > 2 else None)
        if None not in words and (allowed is None or is_constant(allowed, value=False)):
            return None
    elif kind == "yaml" and name in ("yaml.load", "yaml.load_all"):
        if _safe_loader(words.get("Loader") or (node.args[1] if len(node.args) > 1 else None), names):
            return None
    elif kind == "keras-load":
        if is_constant(words.get("safe_mode"), value=True):
            return None
        if is_constant(words.get("safe_mode"), value=False) or name.endswith("enable_unsafe_deserialization"):
            traits.append("unsafe")
    elif kind == "pickle":
        if isinstance(first, ast.Call) and names.certain(first.func) in _DUMPS:
            traits.append("copy")
    elif kind == "process":
        if is_constant(words.get("shell"), value=True):
            traits.append("shell")
    elif kind == "dns":
        if isinstance(first, ast.Constant) or (
            isinstance(first, ast.Call) and names.resolve(first.func) == "socket.gethostname"
        ):
            return None
        if isinstance(first, ast.JoinedStr | ast.BinOp | ast.Call):
            traits.append("computed")
    elif kind == "unpack":
        if names.fold(words.get("filter")) in ("data", "tar") or name.endswith("extraction_filter"):
            return None
    elif kind == "http":
        if pinned(node, names):
            traits.append("pinned")
        if _only_fetches(name, node) and "file" in traits:
            traits.remove("file")
    elif kind == "patch":
        target = names.fold(first)
        if not (isinstance(target, str) and (kind_of_name(target) or target.partition(".")[0] in MODULES)):
            return None
    return Use(kind, name, tuple(sorted(set(traits))))


def _only_fetches(name: str, node: ast.Call) -> bool:
    """A download whose address is no text that is put together here: nothing of a file goes out with it."""
    given = (*node.args, *(word.value for word in node.keywords if word.arg not in ("data", "json", "files", "params")))
    plain = all(isinstance(one, ast.Name | ast.Attribute | ast.Constant) for one in given)
    sends = any(word.arg in ("data", "json", "files", "params") for word in node.keywords)
    last = name.rpartition(".")[2]
    return last in ("snapshot_download", "hf_hub_download") or (
        last in ("get", "head", "urlretrieve") and plain and not sends
    )


def _safe_loader(loader: ast.expr | None, names: Names) -> bool:
    """A loader of YAML that builds nothing, or a class of the file that derives from one only."""
    if loader is None:
        return False
    name = names.certain(loader)
    if name:
        return name.rpartition(".")[2] in _SAFE_LOADERS and name.startswith(("yaml.", "_yaml.", "ruamel."))
    bases = names.bases.get(loader.id, ()) if isinstance(loader, ast.Name) else ()
    return bool(bases) and all(names.certain(base).rpartition(".")[2] in _SAFE_LOADERS for base in bases)


def hidden(node: ast.expr, names: Names) -> tuple[str, ...]:
    """Whether the name is put together: by constants that are no plain text of the source."""
    for part in ast.walk(node):
        if isinstance(part, ast.Call):
            function = names.resolve(part.func)
            if function in IMPORTERS or function == "builtins.getattr" or function in BY_PATH:
                given = argument(part, 1, "") if function == "builtins.getattr" else argument(part, 0, "name")
                if given is not None and not isinstance(given, ast.Constant):
                    return ("hidden",)
        elif isinstance(part, ast.Subscript) and not isinstance(part.slice, ast.Constant) and names.resolve(part):
            return ("hidden",)
    return ()


def other_call(name: str, node: ast.Call, names: Names, taints: tuple[str, ...]) -> Iterator[Use]:
    """What a call of anything else does by its arguments."""
    if name in IMPORTERS:
        yield from _by_name(name, node, names, taints)
    asked = name == "builtins.getattr" and len(node.args) >= 2 and names.resolve(node.args[0]) in MODULES
    if asked and not isinstance(names.fold(node.args[1]), str):
        # With a constant name it was resolved, and is judged by that.
        yield Use("getattr-computed", "getattr")
    if name == "builtins.setattr" and len(node.args) >= 2:
        yield from _set(node, names)
    if isinstance(node.func, ast.Attribute):
        yield from _method(node, node.func, names)
    if name == "builtins.open" or (isinstance(node.func, ast.Attribute) and node.func.attr in _WRITERS):
        yield from _written(name, node, names)
    if name in _PATH and node.args:
        yield from _path(name, node.args[-1], names)
    if (name in _SERIALISERS or (isinstance(node.func, ast.Attribute) and node.func.attr in _WRITES)) and any(
        _whole_environment(one, names) for one in (*node.args, *(word.value for word in node.keywords))
    ):
        yield Use("environment", "os.environ")
    if name in ("logging.config.dictConfig", "logging.config.DictConfigurator"):
        yield from _factories(node, names)
    base = node.func
    while isinstance(base, ast.Attribute):
        base = base.value
    if isinstance(base, ast.Name) and base.id == "ops" and not names.bound["ops"]:
        yield Use("operator", "")


def _switched_on(node: ast.expr, names: Names) -> bool:
    if isinstance(node, ast.Name):
        return names.once("trusts", node.id, lambda: _trusts(node, names))
    return _trusts(node, names)


def _trusts(node: ast.expr, names: Names) -> bool:
    """Whether a dictionary of arguments switches the code of others on."""
    return any(
        isinstance(part, ast.Dict)
        and any(
            isinstance(key, ast.Constant) and key.value == "trust_remote_code" and is_constant(value, value=True)
            for key, value in zip(part.keys, part.values, strict=True)
        )
        for value in (names.assigned.get(node.id, ())[:8] if isinstance(node, ast.Name) else (node,))
        for part in ast.walk(value)
    )


def any_call(name: str, node: ast.Call, names: Names) -> Iterator[Use]:
    """What single arguments do, whatever is called; and what is taken from a hub without a commit."""
    for word in node.keywords:
        if (word.arg == "trust_remote_code" and is_constant(word.value, value=True)) or (
            word.arg is None and _switched_on(word.value, names)
        ):
            yield Use("remote-code", "trust_remote_code=True", ("pinned",) if pinned(node, names) else ())
        elif word.arg == "verify" and is_constant(word.value, value=False):
            yield Use("insecure", "verify=False")
        elif word.arg == "typ" and names.fold(word.value) == "unsafe" and name.startswith("ruamel."):
            yield Use("yaml", name)
        elif word.arg == "cmdclass":
            yield Use("build-hook", "cmdclass")
    if name in ("gc.get_objects", "gc.get_referrers", "gc.get_referents") and names.words & _WORDS:
        yield Use("object-model", name)
    what = unpinned(name, node, names)
    if what:
        yield Use("unpinned", what)


def _by_name(name: str, node: ast.Call, names: Names, taints: tuple[str, ...]) -> Iterator[Use]:
    """`__import__(…)` and `import_module(…)`: what is no plain text is worth telling."""
    given = argument(node, 0, "name")
    if isinstance(given, ast.Constant):
        return
    if isinstance(names.fold(given), str):
        yield Use("import-hidden", name, taints)
    else:
        yield Use("import-computed", name, (*taints, *(("below",) if _is_below(given, names) else ())))


def _is_below(node: ast.expr | None, names: Names) -> bool:
    """Whether a name that is put together begins with the name of a package, or relatively: nothing else is reached.

    The package may be the file's own: `__name__.split(".")[0]`, `f"{__package__}.x"`.
    """
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        node = node.left
    own = node
    while isinstance(own, ast.Attribute | ast.Subscript | ast.Call | ast.FormattedValue):
        own = own.func if isinstance(own, ast.Call) else own.value
    if isinstance(own, ast.Name) and own.id in ("__name__", "__package__") and not names.bound[own.id]:
        return True
    first = node.value if isinstance(node, ast.Constant) else ""
    return isinstance(first, str) and "." in first and first.partition(".")[0] not in MODULES


def _set(node: ast.Call, names: Names) -> Iterator[Use]:
    owner = names.resolve(node.args[0])
    attribute = names.fold(node.args[1])
    if owner == "builtins":
        yield Use("import-hook", "setattr(builtins, …)")
    elif owner in MODULES:
        yield Use("patch", "builtins.setattr")
    elif owner and isinstance(attribute, str) and attribute in PATCHED:
        yield Use("patch", f"{owner}.{attribute}")


def _method(node: ast.Call, function: ast.Attribute, names: Names) -> Iterator[Use]:
    """A method of something: of a module, of the interpreter's lists, or one that starts programs."""
    owner = names.resolve(function.value)
    if function.attr == "__getattribute__" and owner in MODULES:
        if not (node.args and isinstance(names.fold(node.args[-1]), str)):
            yield Use("getattr-computed", f"{owner}.__getattribute__")
    elif owner == "sys.modules" and function.attr in ("update", "setdefault", "__setitem__"):
        yield Use("import-hook", f"sys.modules.{function.attr}")
    elif owner == "builtins.__dict__" and function.attr in ("update", "setdefault", "__setitem__"):
        yield Use("import-hook", f"builtins.__dict__.{function.attr}")
    own = isinstance(function.value, ast.Name) and function.value.id in ("self", "cls")
    defined = own and names.bound[function.attr]
    if function.attr in STARTERS and "" in names.candidates(function) and not defined:
        yield Use("process", f"?.{function.attr}", ("named",))
    if function.attr == "extractall" and not kind_of_name(names.resolve(function)):
        opened = names.fold(argument(node, 99, "filter"))
        if any("tarfile" in one for one in names.modules) and opened not in ("data", "tar"):
            yield Use("unpack", "?.extractall")


def _written(name: str, node: ast.Call, names: Names) -> Iterator[Use]:
    """Files that are written where something starts by itself."""
    mode = next(
        (names.fold(one) for one in [*node.args[1:2], *(w.value for w in node.keywords if w.arg == "mode")]), "r"
    )
    if name == "builtins.open" and not (isinstance(mode, str) and set(mode) & set("wax+")):
        return
    texts: list[object] = list(constants(node))
    for part in (*node.args[:2], node.func.value if isinstance(node.func, ast.Attribute) else None):
        if isinstance(part, ast.Name):
            texts += names.once("starts", part.id, partial(_places, part.id, names))
    owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
    folded = [names.fold(one) for one in (*node.args[:1], *owner)]
    for text in (*texts, *folded):
        if isinstance(text, str) and persistent(text):
            yield Use("persistence", text[:80])
            return


def _places(name: str, names: Names) -> list[object]:
    """The texts in what a name was set to in which something starts by itself."""
    values = names.assigned.get(name, ())[:8]
    return [text for one in values for text in constants(one) if isinstance(text, str) and persistent(text)]


def _path(name: str, place: ast.expr, names: Names) -> Iterator[Use]:
    """A folder that is put on the path of modules: a fixed one, the file's own, or one that is computed."""
    folded = names.fold(place)
    if isinstance(folded, str):
        if re.match(r"[/~\\]|[A-Za-z]:", folded):
            yield Use("import-path", name)
    else:
        yield Use("import-path", name, ("own",) if _from_file(place, names) else ("folder",))


def _from_file(node: ast.AST, names: Names) -> bool:
    """Whether an expression, or what its names were set to, starts from the place of the file itself."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            name = part.id
            if name == "__file__" or names.once("file", name, partial(_is_from_file, name, names)):
                return True
    return False


def _is_from_file(name: str, names: Names) -> bool:
    return any(_from_file(value, names) for value in names.assigned.get(name, ())[:8])


def _followed(node: ast.expr, names: Names, depth: int = 3) -> Iterator[ast.AST]:
    """The parts of an expression, and of what its names were set to."""
    for part in ast.walk(node):
        yield part
        if isinstance(part, ast.Name) and depth:
            for value in names.assigned.get(part.id, ())[:4]:
                yield from _followed(value, names, depth - 1)


def _whole_environment(node: ast.expr, names: Names) -> bool:
    """Whether all variables of the environment are in an expression, not one of them."""
    waiting: list[ast.AST] = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Subscript) and names.resolve(part.value) == "os.environ":
            continue
        if isinstance(part, ast.Attribute) and names.resolve(part.value) == "os.environ":
            if part.attr in ("items", "values", "copy"):
                return True
            continue
        if isinstance(part, ast.Attribute | ast.Name) and names.resolve(part) == "os.environ":
            return True
        waiting.extend(ast.iter_child_nodes(part))
    return False


def _factories(node: ast.Call, names: Names) -> Iterator[Use]:
    """`{"()": "os.system"}` in a configuration of logging: it is called with what stands beside it."""
    for argument_ in (*node.args, *(word.value for word in node.keywords)):
        for part in _followed(argument_, names):
            if not isinstance(part, ast.Dict):
                continue
            for key, value in zip(part.keys, part.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in ("()", "class"):
                    target = names.fold(value)
                    if not isinstance(target, str):
                        target = names.resolve(value)
                    if isinstance(target, str) and kind_of_name(target.replace("ext://", "")):
                        yield Use("run-code", f"logging factory {target[:80]}")


def leaking(text: str) -> Iterator[Use]:
    """A text that reaches for what functions know, when it is formatted."""
    found = leak(text)
    if found:
        yield Use("object-model", found[:80], ("text",))


def is_constant(node: ast.expr | None, *, value: object) -> bool:
    """Whether an expression is this very constant."""
    return isinstance(node, ast.Constant) and node.value is value
