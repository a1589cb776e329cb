"""Python source: modelling code, tokenizers, scripts, and the code inside TorchScript archives.

It is parsed into its syntax tree (`ast.parse`) and neither compiled nor run. A file that cannot be parsed, is not in an
encoding that its readers agree on, or is nested too deeply stays unread. Texts in it are searched for hidden objects.
Sources: PEP 263 (encodings), CVE-2021-42574 (marks that reverse the reading direction).
"""

from __future__ import annotations

import re
from functools import cache
from itertools import islice

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Oddity, Operator, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.python.blobs import constant_objects
from weighbridge.formats.python.sinks import BUILTINS, MODULES
from weighbridge.formats.texts.embedded import embedded_in_text
from weighbridge.formats.texts.searched import searched

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact, SourceUse
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

LONGEST = 4 * 1024 * 1024
"""Bytes of a file that is parsed; the longest of transformers has 400,000. A tree takes a hundred times as much."""
TOKENS = 200_000
"""Words and signs of a program that is followed; the longest file of pandas has 150,000, of transformers 100,000. Each
takes 700 bytes and 13 microseconds."""
LONG_TEXT = 200
"""Characters of a constant text that is looked into for a hidden object."""
EXTENSIONS = (".py", ".pyi", ".pyw")
_CALLED = {"conftest.py": ("pytest_",)}
"""How the names of functions begin that whoever runs a file by its name calls at once."""
_ALIKE = frozenset((*BUILTINS, *MODULES, "system", "popen", "Popen", "run", "loads", "__builtins__", "__globals__"))
_ENCODINGS = frozenset(("utf-8", "ascii", "us-ascii", "latin-1", "iso-8859-1", "iso-latin-1"))


class PythonSource:
    """A file of Python."""

    name = "python"
    version = 2
    extensions = frozenset(EXTENSIONS)

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """By name, or by a first line that calls Python."""
        del data
        if b"\0" in info.head:
            return Match.NO
        first = info.head.partition(b"\n")[0]
        called = first.startswith(b"#!") and b"python" in first
        return Match.YES if info.extension in EXTENSIONS or called else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield what the code reaches for, and what its texts hide."""
        if data.size > LONGEST:
            yield Limit("source", LONGEST)
            return
        raw = data.read(0, data.size)
        text = _decoded(raw)
        if too_long(text):
            yield Limit("tokens", TOKENS)
            return
        yield from source_marks(text)
        lines = _line_starts(raw)
        tree = syntax_tree(text)
        for fact in uses_by_line(tree, _CALLED.get(info.name, ())):
            if budget.facts <= 0:
                yield Limit("facts", budget.limits.facts)
                return
            budget.facts -= 1
            yield fact._replace(offset=lines[min(fact.offset, len(lines)) - 1])
        yield from searched(text, "text", 0, budget)
        yield from _texts(text, budget)
        yield from constant_objects(tree, text, lines, budget)
        yield Span(0, data.size, "parsed")


def _decoded(raw: bytes) -> str:
    """The text of a source file. Raises FormatError for an encoding that hides what it says."""
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    except SyntaxError as error:
        raise FormatError(f"the encoding cannot be told: {error}"[:200], 0) from None
    if encoding.removesuffix("-sig") not in _ENCODINGS:
        raise FormatError(f"the encoding {encoding[:40]!r} makes other text of these bytes than people see", 0)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise FormatError("the text is not in its encoding", error.start) from None


def too_long(text: str) -> bool:
    """Whether a program has more bytes or more tokens than are followed."""
    return len(text) > LONGEST or tokens(text) > TOKENS


def tokens(text: str) -> int:
    """Words and signs of a text, those in constants and comments too; no more than one over TOKENS are counted."""
    found = re.finditer(r"\w+|[^\w\s]", text)
    return sum(1 for _ in islice(found, TOKENS + 1))


def syntax_tree(text: str) -> ast.Module:
    """The tree of a program. Raises FormatError if it is none, or too deep."""
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        raise FormatError(f"line {error.lineno} is not Python: {error.msg}"[:200], 0) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise FormatError(f"the code cannot be parsed: {type(error).__name__}", 0) from None


def uses_by_line(tree: ast.Module, called: tuple[str, ...] = ()) -> list[SourceUse | Operator]:
    """What the code does, by line; operators of TorchScript that no library of PyTorch itself has are operators."""
    from weighbridge.formats.python.walk import walk

    try:
        found = sorted(walk(tree, called), key=lambda use: (use.offset, use.kind, use.name))
    except RecursionError:
        raise FormatError("the code is nested too deeply", 0) from None
    facts: list[SourceUse | Operator] = []
    for use in found:
        if use.kind == "operator":
            facts.append(Operator("torch", use.text.partition("(")[0][:200], use.times, use.offset))
        else:
            facts.append(use)
    return facts


def _line_starts(raw: bytes) -> list[int]:
    starts = [0]
    starts.extend(match.end() for match in re.finditer(rb"\r\n|\r|\n", raw))
    return starts


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile("[\u202a-\u202e\u2066-\u2069]|[\u200b\u2060\ufeff\U000e0000-\U000e007f]|[^\\s#]\\s{150,}[^\\s#]")


def source_marks(text: str) -> Iterator[Oddity]:
    """Characters that show people another text than Python reads, once of each kind."""
    yield from _alike(text)
    seen = set()
    for match in _pattern().finditer(text.removeprefix("\ufeff")):
        mark = match[0]
        kind = (
            "reverses the reading direction"
            if mark[0] in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
            else ("cannot be seen" if len(mark) == 1 else "stands far behind the right edge")
        )
        if len(mark) > 1 and "\n" in mark:
            continue
        if kind not in seen:
            seen.add(kind)
            line = text.count("\n", 0, match.start()) + 1
            yield Oddity(
                "source-marks", f"line {line} holds something that {kind}", len(text[: match.start()].encode())
            )


@cache
def _foreign() -> re.Pattern[str]:
    return re.compile(r"\w*[^\W\x00-\x7f]\w*")


def _alike(text: str) -> Iterator[Oddity]:
    """Names in other letters that Python takes for those of a builtin or of a module that reaches out."""
    import unicodedata

    if text.isascii():
        return
    for match in _foreign().finditer(text):
        plain = unicodedata.normalize("NFKC", match[0])
        if plain != match[0] and plain in _ALIKE:
            line = text.count("\n", 0, match.start()) + 1
            place = len(text[: match.start()].encode("utf-8", "surrogatepass"))
            yield Oddity(
                "source-marks", f"line {line} holds {plain} in other letters, which Python takes for it", place
            )
            return


def _texts(text: str, budget: Budget) -> Iterator[Fact | Child]:
    """Long constants, where objects are hidden."""
    for match in re.finditer(rf"[A-Za-z0-9+/_=\\-]{{{LONG_TEXT},}}", text):
        offset = len(text[: match.start()].encode("utf-8", "surrogatepass"))
        yield from embedded_in_text(match[0], "a text of the source", offset, budget)
