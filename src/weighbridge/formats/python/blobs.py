r"""Constants of Python source that are other files: programs, archives and pickles, however they are written.

    b"\x7fELF…"                 bytes, however they are written
    bytes([127, 69, 76, …])     numbers
    "aGVsbG8…" "d29ybGQ…"       a text in several pieces or lines, which is one for Python

A long constant of letters and digits that is nothing known is told as what it is: nobody can say what is in it.
"""

from __future__ import annotations

import ast
import re
from functools import cache

from weighbridge.core.facts import Address, Child, Embedded, Limit, Secret, SourceUse
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.texts.embedded import kind_of, objects_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget

SHORTEST = 32
"""Bytes of the shortest constant that is looked into."""
SHORTEST_TEXT = 200
"""Characters of the shortest text that is."""
LONG = 2000
"""Characters of a constant from which on it is told though nothing is known of it."""
MOST = 64
"""Constants of one file that are told though nothing is known of them."""
_PLACED = (Embedded, Address, Limit, Secret)
_KEY = "a text of the source"


def constant_objects(tree: ast.Module, text: str, lines: list[int], budget: Budget) -> Iterator[Fact | Child]:
    """Objects in constants; texts that stand in one piece are searched elsewhere. `lines` are where each begins."""
    told = 0
    for node in ast.walk(tree):
        if not isinstance(node, ast.List | ast.Tuple | ast.Constant):
            continue
        place = lines[min(node.lineno, len(lines)) - 1]
        if isinstance(node, ast.List | ast.Tuple):
            yield from _object(_numbers(node), place)
        elif isinstance(node.value, bytes):
            yield from _object(node.value, place)
        elif isinstance(node.value, str) and len(node.value) >= SHORTEST_TEXT and _is_encoded(node.value):
            whole = node.value in text and not any(letter in node.value for letter in " \n")
            found = list(objects_in_text(node.value, _KEY, 0, budget))
            for seen in () if whole else found:
                yield seen._replace(offset=place) if isinstance(seen, _PLACED) else seen
            if not found and len(node.value) >= LONG and told < MOST:
                told += 1
                shown = f"{node.value[:40]!r}… of {len(node.value)} characters"
                yield SourceUse("blob", "text", shown, "import", (), place)


def _is_encoded(text: str) -> bool:
    """Letters and digits, perhaps in lines; words are shorter."""
    return len(text.split(maxsplit=1)[0] if text.strip() else "") >= 40 and _letters().fullmatch(text) is not None


@cache
def _letters() -> re.Pattern[str]:
    return re.compile(r"[A-Za-z0-9+/_\s-]++={0,2}\s*+")


def _numbers(node: ast.List | ast.Tuple) -> bytes:
    """The bytes that a list of small numbers stands for, or none."""
    if len(node.elts) < SHORTEST:
        return b""
    values = [one.value if isinstance(one, ast.Constant) else None for one in node.elts[: 1 << 20]]
    small = [value for value in values if type(value) is int and 0 <= value <= 255]
    return bytes(small) if len(small) == len(values) else b""


def _object(content: bytes, place: int) -> Iterator[Fact | Child]:
    kind = kind_of(content) if len(content) >= SHORTEST else ""
    if kind and kind != "zlib":
        yield Embedded("a constant of the source", "bytes", kind, len(content), "", place, content[:24].hex())
        yield Child("a constant of the source:bytes", -1, len(content), Reader(MemorySource(content)))
