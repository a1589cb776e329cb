"""Cells of IPython as Python: what is no Python in them is taken out and said, line by line.

    !command    x = !command    !!command      a shell runs the command; `{expression}` and `$name` are filled in
    %name rest  x = %name rest                 a line magic
    %%name rest                                a cell magic: the whole cell is its body
    ?name  name?  name??                       help
    ,f a b    ;f a b    /f a b                 calls f with "a", "b"; with "a b"; with a, b
    >>> line    In [1]: line                   prompts, which are taken away

A cell without any of them is left as it is. Lines keep their numbers. A line counts only where a statement can begin,
not inside of brackets or texts. Kinds: `shell`, `magic`, `script` (JavaScript). Sources: IPython 9,
`core/inputtransformer2.py`, `core/magics`, `core/prefilter.py`.
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

MOST_USES, MOST_FILLED = 5000, 200
"""Lines of a cell that are no Python, and expressions in one of them."""
NESTING = 5
"""Cell magics in the bodies of cell magics that are followed."""
PYTHON_BODIES = frozenset(
    ("time", "timeit", "prun", "capture", "memit", "mprun", "lprun", "python", "python3", "pypy", "debug", "heat", "px")
)
"""Cell magics whose body is Python."""
SHELL_BODIES = frozenset(("bash", "sh", "zsh", "system", "sx", "cmd", "!"))
FILE_BODIES = frozenset(("writefile", "file"))
SHOWN_BODIES = {"html": "html", "HTML": "html", "svg": "svg", "SVG": "svg", "markdown": "md", "latex": "txt"}
"""Cell magics that show their body → the extension of what it is."""
SCRIPT_BODIES = frozenset(("javascript", "js"))
FILLED = "__import__('os').system"
"""Stands for the shell in the program, so that what is filled into a command is followed like what `os.system` gets."""
_PYTHON_LINES = frozenset(("time", "timeit", "prun", "memit", "mprun", "lprun"))
_COMMANDS = frozenset(
    "pip pip3 conda mamba micromamba uv ls cat cp mv rm rmdir mkdir ll man more less cd pwd ldir lf lk lx".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Line magics and aliases that are programs of the same name."""
_SHELL_LINES = frozenset(("system", "sx", "!"))
_OPTIONS = re.compile(r"\s*(?:-\w+(?:\s*[\d.]+|\s+[\w.]+(?=\s+-))?\s+)*")
_BREAKS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029\r]")
_PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |$)|In \[\d+\]: ?|\s*\.{3,}: ?")
_ASSIGNED = re.compile(r"(\s*)([^=!%'\"#]{1,200}(?:\[['\"][^'\"]{0,100}['\"]\])?\s*)=\s*(!|%(?=\w))(.*)", re.DOTALL)
_HELP = re.compile(r"\s*(?:%{0,2}[\w.*\[\]'\"]+\s*\?{1,2}|\?{1,2}.*)\s*;?\s*")
_CALLED = re.compile(r"\s*[,;/]\s*([A-Za-z_][\w.]*)\s*(.*)")
_TOKEN = re.compile(r"#[^\n]*|[rRbBuUfF]{0,2}(\"\"\"|''')|[rRbBuUfF]{0,2}(\"|')|[()\[\]{}]|\\$|\n")
_EXPRESSION = re.compile(r"\{\{|\}\}|\{([^{}]{1,500})\}|\$\$|\$(?!\()\{?([A-Za-z_][\w.]*)")


class Use(NamedTuple):
    """Something in a cell that is no Python: `line` counts from 1. `text` is the command, or the rest of the line."""

    kind: str
    name: str
    text: str
    line: int


class Shown(NamedTuple):
    """A part of a cell that is a document or a file of its own: `name` of the file, or only an extension."""

    name: str
    content: str
    line: int


class Reading(NamedTuple):
    """A cell as Python. `unread` says which language stands in it that is none of those read here (empty: none)."""

    code: str
    uses: tuple[Use, ...] = ()
    parts: tuple[Shown, ...] = ()
    unread: str = ""
    filled: frozenset[int] = frozenset()
    """Lines that stand for a command with values of the program in it."""


def read_cell(source: str) -> Reading:
    """What IPython makes of a cell. Raises FormatError if no Python comes out; the offset is a line then."""
    if not _BREAKS.search(source):
        return _read(source)
    # IPython parts lines where Python does not, and Python where editors do not.
    try:
        return _read("\n".join(source.splitlines()))
    except FormatError:
        if _parsed(source) is not None:
            raise
        return Reading(
            source, (Use("magic", "line-breaks", "characters that only some programs take for new lines", 1),)
        )


def _read(source: str, depth: int = 0) -> Reading:
    automatic = _automatic(source)
    if automatic is not None:
        return automatic
    if _parsed(source) is None:
        return Reading(source)
    lines = source.split("\n")
    first = next((index for index, line in enumerate(lines) if line.strip()), None)
    if first is None:
        return Reading("")
    indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
    if indent:
        lines = [line.removeprefix(indent) for line in lines]
    if _PROMPT.match(lines[first]):
        lines = [_PROMPT.sub("", line, count=1) for line in lines]
    if lines[first].startswith("%%") and not lines[first].rstrip().endswith("?"):
        return _cell_magic(lines, first, depth)
    return _checked(_lines(lines))


def _checked(reading: Reading) -> Reading:
    problem = _parsed(reading.code)
    if problem is not None:
        raise problem
    return reading


def _parsed(code: str) -> FormatError | None:
    """Why a text is no Python; None if it is."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except SyntaxError as error:
        return FormatError(f"line {error.lineno} is not Python: {error.msg}"[:200], error.lineno or 1)
    except (ValueError, RecursionError, MemoryError) as error:
        return FormatError(f"the code cannot be parsed: {type(error).__name__}", 1)
    return None


def _automatic(source: str) -> Reading | None:
    """A cell of one line that begins with the name of a magic is one without its `%` too."""
    line = source.strip()
    if not line or "\n" in line or len(line) > 10_000 or not line[0].isalpha():
        return None
    name, _, rest = line.partition(" ")
    rest = rest.strip()
    if not rest or rest[0] in "=.,([" or name not in _COMMANDS | {"run", "load_ext", "system", "sx"}:
        return None
    start = source[: len(source) - len(source.lstrip())].count("\n")
    use, code = _line_magic(name, rest, start + 1)
    return Reading("\n" * start + code, (use,) if use else (), filled=frozenset((start + 1,)))


def _cell_magic(lines: list[str], first: int, depth: int) -> Reading:
    if depth > NESTING:
        raise FormatError("magics are nested too deeply", first + 1)
    name, _, rest = lines[first][2:].strip().partition(" ")
    name, rest = name.strip(), rest.strip()
    line = first + 1
    body = "\n".join(lines[line:])
    before = "\n" * line
    if name == "script":
        program = rest.rpartition("--")[2].split()
        called = [word.rpartition("/")[2] for word in program if word != "env" and not word.startswith("-")][:1]
        name, rest = (called[0] if called else "script"), " ".join(program[1:])
    if name.startswith("!"):
        return Reading("", (Use("shell", "!", f"{name[1:]} {rest}\n{body}", line),))
    if name in SHELL_BODIES:
        return Reading("", (Use("shell", f"%%{name}", f"{rest}\n{body}" if name in ("system", "sx") else body, line),))
    if name in PYTHON_BODIES or re.fullmatch(r"python[\d.]*", name):
        inner = _read(body, depth + 1)
        setup = rest if name in ("timeit", "time") and _parsed(rest) is None else ""
        shifted = tuple(use._replace(line=use.line + line) for use in inner.uses)
        parts = tuple(part._replace(line=part.line + line) for part in inner.parts)
        filled = frozenset(number + line for number in inner.filled)
        code = "\n" * first + setup + "\n" + inner.code
        return _checked(Reading(code, (Use("magic", f"%%{name}", rest, line), *shifted), parts, inner.unread, filled))
    use = Use("magic", f"%%{name}", rest, line)
    if name in FILE_BODIES:
        words = [word for word in rest.split() if not word.startswith("-")]
        return Reading(before, (use,), (Shown(words[0].strip("\"'") if words else "", body, line + 1),))
    if name in SHOWN_BODIES:
        return Reading(before, (use,), (Shown(f".{SHOWN_BODIES[name]}", body, line + 1),))
    if name in SCRIPT_BODIES:
        return Reading(before, (Use("script", f"%%{name}", body, line),))
    return Reading(before, (use._replace(text=f"{rest}\n{body}"),), unread=f"%%{name}" if body.strip() else "")


def _lines(lines: list[str]) -> Reading:
    """Take commands and magics out of the lines of a cell."""
    code: list[str] = []
    uses: list[Use] = []
    filled: set[int] = set()
    state = _State()
    index = 0
    while index < len(lines):
        line = lines[index]
        last = index
        if state.neutral:
            while lines[last].endswith("\\") and last + 1 < len(lines) and _is_escape(line):
                last += 1
            whole = " ".join(part.removesuffix("\\") for part in lines[index : last + 1])
            found = _escape(whole, index + 1)
            if found is not None:
                new, use = found
                code.append(new)
                code.extend("" for _ in range(last - index))
                if use is not None:
                    if len(uses) >= MOST_USES:
                        raise FormatError("more lines are no Python than are looked at", index + 1)
                    uses.append(use)
                    filled.add(index + 1)
                index = last + 1
                continue
        state.feed(line)
        code.append(line)
        index += 1
    return Reading("\n".join(code), tuple(uses), filled=frozenset(filled))


class _State:
    """Whether a statement can begin on the next line."""

    __slots__ = ("_depth", "_joined", "_quote")

    def __init__(self) -> None:
        self._depth = 0
        self._joined = False
        self._quote = ""

    @property
    def neutral(self) -> bool:
        return not self._depth and not self._quote and not self._joined

    def feed(self, line: str) -> None:
        """Go over one line."""
        place = 0
        self._joined = line.endswith("\\")
        while place < len(line):
            if self._quote:
                end = _closing(line, place, self._quote)
                if end < 0:
                    return
                place, self._quote = end, ""
                continue
            token = _TOKEN.search(line, place)
            if token is None:
                return
            place = token.end()
            if token[1]:
                self._quote = token[1]
            elif token[2]:
                end = _closing(line, place, token[2])
                place = end if end >= 0 else len(line)
            elif token[0] in "([{":
                self._depth += 1
            elif token[0] in ")]}":
                self._depth = max(0, self._depth - 1)
            elif token[0].startswith("#"):
                return


def _closing(line: str, place: int, quote: str) -> int:
    """Where a text that is open at `place` ends in this line; -1 if it does not."""
    while True:
        end = line.find(quote, place)
        if end < 0:
            return -1
        slashes = 0
        while end - slashes > place and line[end - slashes - 1] == "\\":
            slashes += 1
        if slashes % 2 == 0:
            return end + len(quote)
        place = end + 1


def _is_escape(line: str) -> bool:
    stripped = line.lstrip()
    return stripped.startswith(("!", "%")) or bool(_ASSIGNED.fullmatch(line))


def _escape(line: str, number: int) -> tuple[str, Use | None] | None:
    """What a line that is no Python does, and the Python in its place; None if it may be Python."""
    stripped = line.lstrip()
    indent = line[: len(line) - len(stripped)]
    if stripped.startswith(("!", "%")) and not _HELP.fullmatch(line):
        if stripped.startswith("!"):
            command = stripped.lstrip("!").strip()
            return indent + _filled(command), Use("shell", "!", command, number)
        name, _, rest = stripped.lstrip("%").partition(" ")
        use, code = _line_magic(name.strip(), rest.strip(), number)
        return indent + code, use
    assigned = _ASSIGNED.fullmatch(line)
    if assigned and not assigned[2].rstrip().endswith(("<", ">", "!", ":")):
        target = f"{assigned[1]}{assigned[2].rstrip()} = "
        if assigned[3] == "!":
            command = assigned[4].strip().removeprefix("!")
            filled = _filled(command)
            return target + ("None" if filled == "pass" else filled), Use("shell", "!", command, number)
        name, _, rest = assigned[4].partition(" ")
        use, code = _line_magic(name, rest.strip(), number)
        return target + ("None" if code in ("pass", "") or _parsed(f"x = {code}") else code), use
    if ("?" in line and _HELP.fullmatch(line)) or stripped.startswith("?"):
        return indent + "pass", None
    called = _CALLED.fullmatch(line)
    if called:
        given = called[2]
        words = [repr(word) for word in given.split()] if stripped[0] == "," else [repr(given)]
        return f"{indent}{called[1]}({given if stripped[0] == '/' else ', '.join(words)})", None
    return None


def _line_magic(name: str, rest: str, number: int) -> tuple[Use | None, str]:
    """A line magic as what it does and the Python in its place."""
    if name in _SHELL_LINES:
        return Use("shell", f"%{name}", rest, number), _filled(rest)
    if name in _COMMANDS and rest:
        return Use("shell", f"%{name}", f"{name} {rest}", number), _filled(rest)
    use = Use("magic", f"%{name}", rest, number)
    if name in _PYTHON_LINES:
        inner = _escape(rest, number) if rest.startswith(("!", "%")) else None
        if inner is not None:
            return inner[1], inner[0]
        code = _OPTIONS.sub("", rest, count=1)
        for text in (code, rest):
            if _parsed(text) is None:
                return use, text or "pass"
        return use._replace(name=f"%{name}?"), "pass"
    return use, _filled(rest)


def _filled(command: str) -> str:
    """Python that stands for a command: what it fills in is handed to something that is known to start programs."""
    values: list[str] = []
    for found in _EXPRESSION.finditer(command):
        if len(values) > MOST_FILLED:
            raise FormatError("a command is filled in from too many places", 1)
        value = (found[1] or found[2] or "").strip()
        if value and _parsed(f"({value})") is None:
            values.append(f"({value})")
    return f"{FILLED}({', '.join(values)})" if values else "pass"


def asked_of_ipython(tree: ast.Module) -> Iterator[Use]:
    """Commands and magics that the program asks for by calling: `get_ipython().system("…")`, `os.system("…")`."""
    import ast

    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        given = [_constant(one) for one in node.args]
        if name in ("run_line_magic", "run_cell_magic") and given:
            magic, rest = given[0], given[1:]
            if magic is None or None in rest:
                yield Use("magic", f"{name}(…)", ast.unparse(node)[:300], node.lineno)
                continue
            cell = name == "run_cell_magic"
            text = f"%%{magic} " + "\n".join(map(str, rest)) if cell else f"%{magic} {' '.join(map(str, rest))}"
            yield from _asked(text, node.lineno)
        elif name in ("magic", "run_cell", "run_cell_async", "ex", "ev") and _is_ipython(function):
            text_ = given[0] if given else None
            if text_ is None:
                yield Use("magic", f"{name}(…)", ast.unparse(node)[:300], node.lineno)
            else:
                yield from _asked(f"%{text_}" if name == "magic" else text_, node.lineno)
        elif name in _STARTERS and given and given[0]:
            yield Use("shell", f"{name}()", given[0], node.lineno)


_STARTERS = frozenset(
    """system getoutput system_raw system_piped popen Popen run call check_output check_call getstatusoutput""".split()  # noqa: SIM905 -- words read better than a list of them
)


def _asked(text: str, line: int) -> Iterator[Use]:
    try:
        reading = read_cell(text)
    except FormatError:
        yield Use("magic", "run_cell(…)", text[:300], line)
        return
    for use in reading.uses:
        yield use._replace(line=line)
    if reading.unread:
        yield Use("magic", reading.unread, text[:300], line)


def _is_ipython(node: ast.AST) -> bool:
    import ast

    if not isinstance(node, ast.Attribute):
        return False
    words = ast.unparse(node.value)[:200].lower()
    return "ipython" in words or words in ("ip", "shell", "self.shell", "ipy")


def _constant(node: ast.expr) -> str | None:
    """The text of a constant, or of a list of constants as one command line."""
    import ast

    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.List | ast.Tuple) and all(isinstance(one, ast.Constant) for one in node.elts):
        return " ".join(str(one.value) for one in node.elts if isinstance(one, ast.Constant))
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{…}" for part in node.values)
    return None
