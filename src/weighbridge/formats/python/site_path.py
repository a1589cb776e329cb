"""Path files of Python's `site`: each line of a `.pth` beside the packages is a folder, or is run.

    import os; …        run by every Python that starts
    ../folder           put on the path of modules
    # comment

Weights of PyTorch have the same extension and are binary. Source: CPython 3.13 `Lib/site.py`, `addpackage`.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import FileReference, Limit, Native, Oddity, SourceUse, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.python.source import source_marks, syntax_tree, tokens, uses_by_line
from weighbridge.formats.texts.embedded import embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

LONGEST = 64 * 1024
"""Bytes of a path file; that of setuptools has 200."""
LINES = 1000


class SitePath:
    """A path file."""

    name = "site-path"
    version = 2
    extensions: frozenset[str] = frozenset()

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES for text with a line that is run, MAYBE for other short text, both only under the extension."""
        if (
            info.extension != ".pth"
            or data.size > LONGEST
            or b"\0" in info.head
            or info.head.startswith((b"\x80", b"PK"))
        ):
            return Match.NO
        try:
            text = data.read(0, data.size).decode("utf-8-sig")
        except UnicodeDecodeError:
            return Match.NO
        if not text.replace("\n", "").replace("\r", "").replace("\t", "").isprintable():
            return Match.NO
        return Match.YES if any(_runs(line) for line in text.split("\n")) else Match.MAYBE

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Yield the lines that are run, as the source that they are, and the folders."""
        del info
        text = data.read(0, data.size).decode("utf-8-sig", "replace")
        yield from source_marks(text)
        yield from embedded_in_text(text, "text", 0, budget)
        offset = 0
        for number, line in enumerate(text.split("\n"), 1):
            if number > LINES:
                yield Limit("lines", LINES, offset)
                return
            if _runs(line):
                yield Native("python-path", offset)
                yield Oddity(
                    "runs-at-start", f"line {number} is run by every Python that starts: {line.strip()[:160]}", offset
                )
                if tokens(line) < 20_000:
                    yield from _source(line, offset)
                else:
                    raise FormatError("a line that is run is too long", offset)
            elif line.strip() and not line.startswith("#"):
                yield FileReference("site-path", line.strip()[:300], f"line {number}", offset)
            offset += len(line.encode()) + 1
        yield Span(0, data.size, "parsed")


def _runs(line: str) -> bool:
    return line.lstrip("\ufeff").startswith(("import ", "import\t"))


def _source(line: str, offset: int) -> Iterator[Fact]:
    for use in uses_by_line(syntax_tree(line.strip())):
        if isinstance(use, SourceUse):
            yield use._replace(offset=offset)
