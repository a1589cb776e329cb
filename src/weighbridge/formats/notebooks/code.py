"""The code of a notebook's cells as one program: what one cell imports, the next one uses.

Every cell is made Python on its own (`magics.py`); one that is none stays unread. What is left is walked like a
file of Python, in order, and everything counts as run by hand (`main`): nothing in a notebook runs when it is opened.
Cells of a shell's kernel are its commands. Cells of other languages stay unread. The text of a fact begins with the
cell and the line; kinds beside those of Python source: `shell`, `magic`, `script`, `foreign`.
"""

from __future__ import annotations

from bisect import bisect_right

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Child, Limit, Oddity, SourceUse, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.json_places import Text, line_places
from weighbridge.formats.notebooks.magics import FILLED, Reading, Use, asked_of_ipython, read_cell
from weighbridge.formats.notebooks.outputs import script_use, shown_file
from weighbridge.formats.python.source import TOKENS, source_marks, syntax_tree, tokens, uses_by_line
from weighbridge.formats.texts.shell import shell_traits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget
    from weighbridge.formats.grammars.json_places import Bytes

SHELLS = frozenset(("bash", "sh", "zsh", "shell", "calysto_bash"))
SHELL_TEXT = 1024 * 1024
"""Characters of different commands that are looked at; each million costs up to four seconds."""
_TAINTS = frozenset(("decoded", "downloaded", "metadata", "hidden"))
_PYTHON = (
    "python",
    "ipython",
    "xpython",
    "xeus-python",
    "pyolite",
    "pyodide",
    "conda-env",
    "venv",
    "sagemath",
    "pyspark",
)


class CodeCell(NamedTuple):
    """A cell of code by its number."""

    number: int
    source: Text


class Program:
    """The cells that are Python, as one text; `where` finds the cell and the line of a line of it."""

    __slots__ = ("_cells", "_parts", "_starts", "_total", "filled")

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._starts: list[int] = []
        self._cells: list[CodeCell] = []
        self._total = 0
        self.filled: set[int] = set()

    def add(self, cell: CodeCell, reading: Reading) -> None:
        """Put a cell behind the others."""
        self._starts.append(self._total)
        self._cells.append(cell)
        self.filled.update(line + self._total for line in reading.filled)
        self._parts.append(reading.code)
        self._total += reading.code.count("\n") + 1

    @property
    def text(self) -> str:
        return "\n".join(self._parts)

    def where(self, line: int) -> tuple[CodeCell, int]:
        """The cell that a line (from 1) of the program is in, and the line in it."""
        index = max(0, bisect_right(self._starts, line - 1) - 1)
        return self._cells[index], line - self._starts[index]


def program_facts(
    cells: list[CodeCell], languages: set[str], document: str, places: Bytes, budget: Budget
) -> Iterator[Fact | Child]:
    """Everything that the code of a notebook does."""
    told = _Told(document, places, budget)
    spoken = {_language(one) for one in languages} or {"python"}
    program = Program()
    for cell in cells:
        if not cell.source.value.strip():
            continue
        if told.full:
            break
        if "python" in spoken:
            yield from told.cell(cell, program)
        if "shell" in spoken:
            yield from told.use(Use("shell", "cell", cell.source.value, 1), cell)
        for language in sorted(spoken - {"python", "shell"}):
            yield told.unread(cell, f"code in {language[:40]!r}, which is not read here")
    yield from told.program(program)
    yield from told.rest()


def _language(name: str) -> str:
    lowered = name.lower().strip()
    if lowered.startswith(_PYTHON) or "python" in lowered or lowered in ("py", "base", ""):
        return "python"
    return "shell" if lowered in SHELLS else lowered


class _Told:
    """Facts with their places, as long as there is room for them."""

    def __init__(self, document: str, places: Bytes, budget: Budget) -> None:
        self._document = document
        self._places = places
        self._budget = budget
        self._commands: dict[str, tuple[str, ...]] = {}
        self._left = SHELL_TEXT
        self._tokens = 0
        self._lines: dict[int, list[int]] = {}
        self._reached: dict[str, int] = {}

    @property
    def full(self) -> bool:
        """Whether nothing more will be told."""
        return bool({"facts", "tokens"} & set(self._reached))

    def rest(self) -> Iterator[Limit]:
        """What could not be looked at any more."""
        for name, value in self._reached.items():
            yield Limit(name, value)

    def unread(self, cell: CodeCell, why: str) -> UnreadSpan:
        start, end = self._places.at(cell.source.start), self._places.at(cell.source.end)
        return UnreadSpan(start, end - start, f"cell {cell.number}: {why}")

    def cell(self, cell: CodeCell, program: Program) -> Iterator[Fact | Child]:
        """Add a cell to the program and say what in it is no Python."""
        source = cell.source.value
        self._tokens += tokens(source)
        if self._tokens > TOKENS:
            self._reached["tokens"] = TOKENS
            return
        for mark in source_marks(source):
            yield Oddity(mark.kind, f"cell {cell.number}, {mark.detail}", self._places.at(cell.source.start))
        try:
            reading = read_cell(source)
        except FormatError as error:
            yield self.unread(cell, error.cause)
            return
        if reading.unread:
            yield self.unread(cell, f"the body of {reading.unread[:40]} is code that is not read here")
        start, end = self._places.at(cell.source.start), self._places.at(cell.source.end)
        for part in reading.parts:
            named = not part.name.startswith(".") and part.name
            name = f"cell{cell.number}/{part.name[-100:]}" if named else f"cell{cell.number}{part.name}"
            yield from shown_file(name, part.content, f"cell {cell.number}", start, end)
        for use in reading.uses:
            yield from self.use(use, cell)
        program.add(cell, reading)

    def use(self, use: Use, cell: CodeCell) -> Iterator[Fact]:
        """A command, a magic or a script as a fact."""
        if self._spent():
            return
        place = self._place(cell, use.line)
        key = f"cell {cell.number}, line {use.line}"
        if use.kind == "script":
            yield script_use(use.name, use.text, key, place)
            return
        traits = self._traits(use.text) if use.kind == "shell" else ()
        shown = " ".join(use.text[:400].split())
        line_magic = use.kind == "shell" and use.name[0] == "%" and use.name[1] != "%"
        mark = "!" if use.name == "!" else "%" if line_magic else f"{use.name} "
        yield SourceUse(use.kind, use.name[:80], f"{key}: {mark}{shown}"[:300], "main", traits, place)

    def program(self, program: Program) -> Iterator[Fact]:
        """What the Python of all cells does."""
        text = program.text
        if not text.strip():
            return
        tree = syntax_tree(text)
        for use in asked_of_ipython(tree):
            cell, line = program.where(use.line)
            starter = use.name.endswith("()") and use.kind == "shell"
            if not starter or set(self._traits(use.text)) - {"known", "runs-file", "computed"}:
                yield from self.use(use._replace(line=line), cell)
        for fact in uses_by_line(tree):
            if self._spent():
                return
            filled = fact.offset in program.filled
            if filled and isinstance(fact, SourceUse) and fact.kind == "process":
                # It stands for a command that was told of already, but for what is filled in.
                if not _TAINTS & set(fact.traits):
                    continue
                fact = fact._replace(text="what a command fills in: " + fact.text.removeprefix(FILLED))  # noqa: PLW2901
            cell, line = program.where(fact.offset)
            place = self._place(cell, line)
            if isinstance(fact, SourceUse):
                yield fact._replace(text=f"cell {cell.number}, line {line}: {fact.text}", level="main", offset=place)
            else:
                yield fact._replace(offset=place)

    def _place(self, cell: CodeCell, line: int) -> int:
        """The byte at which a line of a cell begins."""
        lines = self._lines.get(cell.source.start)
        if lines is None:
            lines = self._lines[cell.source.start] = line_places(self._document, cell.source)
        return self._places.at(lines[min(line, len(lines)) - 1])

    def _traits(self, command: str) -> tuple[str, ...]:
        known = self._commands.get(command)
        if known is None:
            self._left -= len(command)
            if self._left < 0:
                self._reached["commands"] = SHELL_TEXT
                return ("computed",)
            known = self._commands[command] = shell_traits(command)
        return known

    def _spent(self) -> bool:
        if self._budget.facts <= 0:
            self._reached["facts"] = self._budget.limits.facts
            return True
        self._budget.facts -= 1
        return False
