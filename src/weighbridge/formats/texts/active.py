"""Text that does something when somebody evaluates, runs or shows it: Python, shell, markup with scripts.

Words are not enough: a vocabulary holds `eval` and `os.system` too. Python counts only if the whole value, or a line of
it, parses as Python and calls or reaches what runs code; markup only with what a browser executes. Nothing is
evaluated: `ast.parse` builds a tree and stops there.
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    import ast

LONGEST = 64 * 1024
"""Characters of a value that is parsed as Python; longer ones are parsed line by line."""
PARSED = 2000
"""Lines of one value that are parsed. What is not parsed is searched for the same calls."""
NESTING = 60
"""Open brackets of a value that is parsed: the parser of Python is recursive."""
_RUNS = frozenset(("eval", "exec", "compile", "execfile", "__import__", "breakpoint"))
_METHODS = frozenset(
    (
        "system",
        "popen",
        "Popen",
        "check_output",
        "check_call",
        "getoutput",
        "spawn",
        "import_module",
        "run_path",
        "loads",
    )
)
_MODULES = frozenset(
    ("os", "subprocess", "socket", "ctypes", "pty", "shutil", "marshal", "pickle", "runpy", "importlib")
)
_ESCAPES = frozenset(
    ("__class__", "__bases__", "__mro__", "__subclasses__", "__globals__", "__builtins__", "__import__", "__reduce__")
)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    hint = re.compile(r"eval|exec|compile|__\w+__|system|popen|Popen|subprocess|import|spawn|loads|output")
    markup = re.compile(
        r"<\s*(?:script|iframe|object|embed|meta\s[^>]{0,200}refresh)\b|<[^>]{1,500}\son\w+\s*=|(?:java|vb)script\s*:",
        re.IGNORECASE,
    )
    shell = re.compile(
        r"(?:curl|wget)\s[^\n|]{1,500}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|/bin/(?:ba)?sh\s+-[ci]|/dev/tcp/|"
        r"powershell(?:\.exe)?\s+-\w*[eE]|\bnc\s+-\w*e\s|\bbash\s+-i\b"
    )
    return hint, markup, shell


def active_text(value: str) -> tuple[str, str]:
    """What `value` would do: its kind (`python`, `markup`, `shell`) and the part that tells; both empty if nothing."""
    hint, markup, shell = _patterns()
    found = shell.search(value)
    if found:
        return "shell", found[0][:100]
    found = markup.search(value)
    if found:
        return "markup", found[0][:100]
    if hint.search(value):
        pieces = [value] if len(value) <= LONGEST else []
        if not pieces or "\n" in value:
            pieces += value.splitlines()
        for index, piece in enumerate(pieces):
            call = _python(piece.strip(), parsed=index < PARSED) if hint.search(piece) else ""
            if call:
                return "python", call
    return "", ""


def _python(text: str, *, parsed: bool) -> str:
    """The call that tells; of what is too deep, too long or too much to be parsed, what looks like one."""
    import ast
    import warnings

    nested = sum(map(text.count, "([{")) > NESTING or text.count("-") + text.count("not ") > 10 * NESTING
    if nested or not parsed or len(text) > LONGEST:
        found = _calls().search(text)
        return found[0][:100] if found else ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return ""
    except (RecursionError, MemoryError):
        found = _calls().search(text)
        return found[0][:100] if found else ""
    for node in ast.walk(tree):
        if _acts(node):
            return ast.unparse(node)[:100]
    return ""


@cache
def _calls() -> re.Pattern[str]:
    runs, methods, escapes = ("|".join(sorted(names)) for names in (_RUNS, _METHODS, _ESCAPES))
    return re.compile(rf"(?<![.\w])(?:{runs})\s*\(|\.\s*(?:{methods})\s*\(|\.\s*(?:{escapes})\b")


def _acts(node: ast.AST) -> bool:
    import ast

    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Name):
            return function.id in _RUNS
        return isinstance(function, ast.Attribute) and function.attr in _METHODS
    if isinstance(node, ast.Attribute):
        return node.attr in _ESCAPES
    if isinstance(node, ast.Import):
        return any(name.name.partition(".")[0] in _MODULES for name in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in _MODULES
