"""No fact repeats a secret: what a file was found to hold is struck out of everything else that is said about it.

Parsers shorten values, show bytes as hexadecimal and quote what they could not read, so parts of a secret count too:
any `GRAM` characters of it, as they are, in hexadecimal, and in base64 at each of its three places.
"""

from __future__ import annotations

import binascii

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

GRAM = 8
LONG = 24
"""Characters of the shortest text of a fact that is looked into: secrets with a form are longer."""
_MASK = "…"


def quoted(value: Any) -> Iterator[str]:
    """The secrets in the texts of a record: what a parser quotes without having searched it."""
    if isinstance(value, str):
        if len(value) >= LONG:
            from weighbridge.formats.texts.secrets import leaks

            yield from (leak.value for leak in leaks(value))
    elif isinstance(value, tuple):
        for part in value:
            yield from quoted(part)


class Scrub:
    """Strikes secrets out of texts and records."""

    __slots__ = ("_grams", "_short")

    def __init__(self, secrets: Iterable[str]) -> None:
        self._grams: set[str] = set()
        self._short: list[str] = []
        for secret in sorted(secrets):
            raw = secret.encode("utf-8", "surrogatepass")
            if len(secret) < GRAM:
                self._short += [secret, raw.hex()]
                continue
            forms = [secret, *(_inner(raw, shift) for shift in range(3))]
            escaped = secret.encode("unicode_escape").decode("ascii")
            forms += [escaped] if escaped != secret else []
            for form in forms:
                self._grams.update(form[place : place + GRAM] for place in range(len(form) - GRAM + 1))
            digits = raw.hex()
            self._grams.update(digits[place : place + 2 * GRAM] for place in range(0, len(digits) - 2 * GRAM + 1, 2))

    def text(self, text: str) -> str:
        """`text` with a mark for each part of a secret."""
        for secret in self._short:
            text = text.replace(secret, _MASK)
        covered: list[tuple[int, int]] = []
        for size in (GRAM, 2 * GRAM):
            places = range(len(text) - size + 1)
            covered += [(place, place + size) for place in places if text[place : place + size] in self._grams]
        if not covered:
            return text
        pieces: list[str] = []
        end = 0
        for start, stop in sorted(covered):
            if start > end or not pieces:
                pieces += [text[end:start], _MASK]
            end = max(end, stop)
        return "".join([*pieces, text[end:]])

    def record(self, value: Any) -> Any:
        """A record, tuple or text with every text in it struck out."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, tuple):
            parts = [self.record(part) for part in value]
            return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
        return value


def _inner(raw: bytes, shift: int) -> str:
    """The characters of base64 that `raw` alone decides, if `shift` bytes stand before it."""
    text = binascii.b2a_base64(b"\0" * shift + raw, newline=False).decode("ascii").rstrip("=")
    return text[shift + (shift > 0) : len(text) - (1 if (shift + len(raw)) % 3 else 0)]
