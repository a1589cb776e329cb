"""Places in a text as bytes of its UTF-8."""

from __future__ import annotations


class Offsets:
    """Places of one text. Those that are asked for from front to back cost nothing twice; one further back than the
    last is told as the last.
    """

    __slots__ = ("_ascii", "_bytes", "_index", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._ascii = text.isascii()
        self._index = self._bytes = 0

    def at(self, index: int) -> int:
        """The byte that a character of the text begins at."""
        if self._ascii:
            return min(index, len(self._text))
        if index >= self._index:
            self._bytes += len(self._text[self._index : index].encode("utf-8", "surrogatepass"))
            self._index = index
        return self._bytes

    def find(self, what: str) -> int:
        """Where the beginning of some words stands first; 0 if nowhere."""
        place = self._text.find(what[:24]) if what else -1
        return len(self._text[:place].encode("utf-8", "surrogatepass")) if place > 0 else 0
