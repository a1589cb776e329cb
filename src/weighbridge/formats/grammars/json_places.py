"""JSON that is read from front to back with the place of every value, without a tree of the whole document.

    value = { "key": value, … } | [ value, … ] | "text" | number | true | false | null

A `Cursor` stands before a value. Whoever asks for its members or items goes through them one by one and reads each;
what he does not read is passed over. Keys that stand twice come twice: readers of JSON disagree on which one counts.
Places are characters of the text; `Bytes` turns them into bytes of its UTF-8. Source: RFC 8259.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from weighbridge.core.errors import FormatError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.grammars.json_tree import CONTAINERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

VALUES = 300_000
"""Values of a document that are read one by one; a notebook of 16 MB has as many lines. Each costs 200 bytes."""
STEP = 1 << 16
_SPACE = re.compile(r"[ \t\r\n]*")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


class Text(NamedTuple):
    """A text, which a document may write as one string or as a list of them.

    `start` and `end` are characters of the document. `parts` says where each string of the list begins: in the text and
    in the document.
    """

    value: str
    start: int
    end: int
    parts: tuple[tuple[int, int], ...]


class Cursor:
    """A place in a document. Every method raises FormatError where the document is no JSON; offsets are characters."""

    __slots__ = ("_left", "_read", "_scan", "index", "text", "twice")

    def __init__(self, text: str) -> None:
        import json

        if text.count("[") + text.count("{") > CONTAINERS:
            raise FormatError(f"the document has more than {CONTAINERS} lists and objects", 0)
        self.text = text
        self.twice: list[str] = []
        """Keys that one object has twice, up to a hundred."""
        self._left = VALUES
        self._read = 0
        decoder = json.JSONDecoder(object_pairs_hook=self._pairs, parse_constant=_refuse)
        self._scan = decoder.scan_once  # type: ignore[attr-defined]  # what `raw_decode` calls
        self.index = self._space(0)

    def begins(self) -> str:
        """The first character of the value that comes next."""
        return self.text[self.index : self.index + 1]

    def plain(self) -> Any:
        """Read the value that comes next as a whole."""
        self._count()
        try:
            value, self.index = self._scan(self.text, self.index)
        except StopIteration:
            raise FormatError("the JSON is broken: a value is missing", self.index) from None
        except RecursionError:
            raise FormatError("the JSON is nested too deeply", self.index) from None
        except ValueError as error:
            place = getattr(error, "pos", self.index)
            raise FormatError(f"the JSON is broken: {getattr(error, 'msg', error)}"[:200], place) from None
        self._read += 1
        return value

    def members(self) -> Iterator[str]:
        """The keys of the object that comes next; the cursor stands before the value of each."""
        self._count()
        self.index = self._space(self.index + 1)
        seen: set[str] = set()
        while self.begins() != "}":
            if seen:
                self._expect(",")
            if self.begins() != '"':
                raise FormatError("the JSON is broken: a key is missing", self.index)
            key = self.plain()
            if key in seen:
                self._note(key)
            seen.add(key)
            self.index = self._space(self.index)
            self._expect(":")
            read = self._read
            yield key
            if self._read == read:
                self.plain()
            self.index = self._space(self.index)
        self.index += 1
        self._read += 1

    def items(self) -> Iterator[int]:
        """The numbers of the items of the list that comes next; the cursor stands before each."""
        self._count()
        self.index = self._space(self.index + 1)
        number = 0
        while self.begins() != "]":
            if number:
                self._expect(",")
            read = self._read
            yield number
            if self._read == read:
                self.plain()
            number += 1
            self.index = self._space(self.index)
        self.index += 1
        self._read += 1

    def joined(self) -> Text | None:
        """The text that comes next, or the list of texts; None if it is neither, then it was passed over."""
        start = self.index
        if self.begins() == '"':
            value = self.plain()
            return Text(value, start, self.index, ((0, start),))
        if self.begins() != "[":
            self.plain()
            return None
        strings: list[str] = []
        parts: list[tuple[int, int]] = []
        size = 0
        honest = True
        for _ in self.items():
            place = self.index
            value = self.plain()
            if isinstance(value, str):
                strings.append(value)
                parts.append((size, place))
                size += len(value)
            else:
                honest = False
        return Text("".join(strings), start, self.index, tuple(parts) or ((0, start),)) if honest else None

    def end(self) -> None:
        """Nothing but space may follow."""
        self.index = self._space(self.index)
        if self.index < len(self.text):
            raise FormatError("something follows the JSON", self.index)

    def _space(self, index: int) -> int:
        found = _SPACE.match(self.text, index)
        return found.end() if found else index

    def _expect(self, mark: str) -> None:
        if self.begins() != mark:
            raise FormatError(f"the JSON is broken: {mark!r} is missing", self.index)
        self.index = self._space(self.index + 1)

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise FormatError(f"the document has more than {VALUES} values", self.index)

    def _pairs(self, items: list[tuple[str, Any]]) -> dict[str, Any]:
        table: dict[str, Any] = {}
        for key, value in items:
            if key in table:
                self._note(key)
                # Both count for whoever searches: the first one is kept under a name of its own.
                table[f"{key}\0{len(table)}"] = table[key]
            table[key] = value
        return table

    def _note(self, key: str) -> None:
        if len(self.twice) < 100:
            self.twice.append(key[:200])


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Bytes:
    """Characters of a text as bytes of its UTF-8, in any order."""

    __slots__ = ("_ascii", "_marks", "_shift", "_text")

    def __init__(self, text: str, shift: int = 0) -> None:
        self._text = text
        self._shift = shift
        self._ascii = text.isascii()
        self._marks: list[int] = []
        if not self._ascii:
            total = 0
            for start in range(0, len(text), STEP):
                self._marks.append(total)
                total += len(text[start : start + STEP].encode("utf-8", "surrogatepass"))

    def at(self, index: int) -> int:
        """The byte at which a character begins."""
        if self._ascii:
            return index + self._shift
        step = min(index // STEP, len(self._marks) - 1)
        return self._shift + self._marks[step] + len(self._text[step * STEP : index].encode("utf-8", "surrogatepass"))


def line_places(document: str, text: Text) -> list[int]:
    """The characters of `document` at which the lines of a text begin; lines end with a newline."""
    places = [text.parts[0][1]]
    ends = [*(begin for begin, _ in text.parts[1:]), len(text.value)]
    for (begin, place), end in zip(text.parts, ends, strict=True):
        inside = text.value.count("\n", begin, end)
        last = inside and text.value[end - 1] == "\n"
        if inside - bool(last):
            # Newlines inside of a string: each is one escape of it.
            for escape in _ESCAPE.finditer(document, place + 1, text.end):
                if escape[2] == "n" or (escape[1] or "").lower() == "000a":
                    places.append(escape.end())
                    inside -= 1
                    if not inside:
                        break
        elif last:
            places.append(place)
        if last and end < len(text.value):
            places[-1] = text.parts[bisect_right(text.parts, (end, len(document))) - 1][1]
    return places
