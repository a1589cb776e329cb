"""Lines of text in bounded memory, what is wrong with some of them, and JSON Lines.

Nothing is lost silently: a line that cannot be read is counted in `Troubles` with its number. A line longer than
`LONGEST` is passed over in pieces, whatever its length.
"""

from __future__ import annotations

import json

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from weighbridge.dataset.files import DataFile

LONGEST = 16 * 1024 * 1024
"""Bytes of one line, of one cell and of one text that are looked at."""
PIECE = 1024 * 1024
CELLS = 10_000
"""Columns of one table."""


class Trouble(NamedTuple):
    """Rows of one file that are not as they should be. `unread`: what was in them is not known."""

    rule: str
    file: str
    first: int
    rows: int
    why: str
    unread: bool


class Troubles:
    """Troubles by kind and file; a million broken lines are one trouble with a count."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Trouble] = {}

    def note(self, rule: str, file: DataFile, row: int, why: str, *, unread: bool, rows: int = 1) -> None:
        """Count one more."""
        key = (rule, file.path)
        known = self._found.get(key)
        self._found[key] = (
            known._replace(rows=known.rows + rows) if known else Trouble(rule, file.shown, row, rows, why, unread)
        )

    def all(self) -> tuple[Trouble, ...]:
        """Every trouble, in order of rule and file."""
        return tuple(self._found[key] for key in sorted(self._found))


def lines(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of every line, without its end."""
    number, held, passing = 0, b"", False
    while piece := stream.read(PIECE):
        parts = piece.split(b"\n")
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            if not passing:
                held += part
                if len(held) > LONGEST:
                    why = f"a line is longer than {LONGEST} bytes and was passed over"
                    troubles.note("dataset/long-line", file, number + 1, why, unread=True)
                    held, passing = b"", True
            if last:
                continue
            number += 1
            if not passing:
                yield number, held.removesuffix(b"\r")
            held, passing = b"", False
    if held:
        yield number + 1, held.removesuffix(b"\r")


def decoded(raw: bytes, row: int, file: DataFile, troubles: Troubles) -> str:
    """The text of bytes: UTF-8, or else Windows-1252, which is counted."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        why = "bytes are not UTF-8 and were read as Windows-1252: the file mixes encodings"
        troubles.note("dataset/encoding", file, row, why, unread=False)
        return raw.decode("cp1252", "replace")


def json_lines(file: DataFile, stream: BinaryIO, troubles: Troubles) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number and record of each line; a value that is no object is a record with that value."""
    for number, raw in lines(file, stream, troubles):
        if number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 -- the mark of the encoding is no part of the line
        if not raw.strip():
            continue
        text = decoded(raw, number, file, troubles)
        try:
            value = json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)
        except (ValueError, RecursionError) as error:
            why = f"a line is no JSON that all readers understand alike ({str(error)[:100]})"
            troubles.note("dataset/broken-rows", file, number, why, unread=True)
            continue
        if isinstance(value, dict) and len(value) > CELLS:
            troubles.note("dataset/broken-rows", file, number, f"more than {CELLS} keys", unread=True)
            continue
        yield number, value if isinstance(value, dict) else {"value": value}


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once each. Raises ValueError."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def no_constant(text: str) -> Any:
    """Raises ValueError for NaN and the infinities."""
    raise ValueError(f"{text} is not JSON")
