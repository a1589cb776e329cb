"""Routes by what is called: callables that lists of bad names forgot, look-alikes, and the scanners themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from build import pickles as p
from pickle_routes import CALL, INERT, looked_up, pickle, v4

if TYPE_CHECKING:
    from route import Route


def gadget(named: str, about: str, reference: str, *arguments: bytes, tail: bytes = b"") -> Route:
    """One call with constants. `named` is `module:name`; with a dot instead of the colon it is the id."""
    module, _, name = named.partition(":")
    called = p.stack_global(module, name) + p.arguments(*arguments) + b"R"
    return pickle(f"{module}.{name}", "gadget", about, v4(called + tail), reference)


EVASION = "CVE-2026-56315"
"""One advisory for eight functions of seven modules."""
HELPERS = "GHSA-q5qq-mvfm-j35x"
ROUTES = [
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
