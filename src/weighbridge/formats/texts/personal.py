"""Data about people in texts and configurations: lists of addresses, numbers of cards and accounts, security numbers.

Only the number of different values is told, never a value. A number counts if its check digits are right and it is
written as people write it. The beginning of a text is looked at, `MOST` characters: this is a remark, not a gate.
Sources: ISO/IEC 7812 (Luhn), ISO 13616 (IBAN), Social Security Administration, "Randomization" (numbers never given).
"""

from __future__ import annotations

import re
from functools import cache

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 256 * 1024
PEOPLE = 25
"""Different e-mail addresses that make a list; a file of authors has fewer."""


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(r"@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b"),
        re.compile(
            r"(?<![\d.-])(?:3[47]\d{2}([ -])\d{6}\1\d{5}"
            r"|(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})([ -])\d{4}\2\d{4}\2\d{4})(?![\d.-])"
        ),
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b"),
        re.compile(
            r"(?:ssn|social security)[^\n]{0,40}?(?<!\d)(?!000|666|9)(\d{3})-(?!00)(\d{2})-(?!0000)(\d{4})(?!\d)",
            re.IGNORECASE,
        ),
    )


def personal(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind, number of different values, and the place of the first."""
    text = text[:MOST]
    mail, card, account, security = _patterns()
    if text.count("@") >= PEOPLE:
        people = {_before(text, match.start()) + match[0].lower() for match in mail.finditer(text)}
        people = {one for one in people if not one.startswith("@") and "example" not in one and "noreply" not in one}
        if len(people) >= PEOPLE:
            yield "e-mail addresses", len(people), text.index("@")
    yield from _told("card numbers", [match for match in card.finditer(text) if _luhn(match[0])])
    yield from _told("account numbers (IBAN)", [match for match in account.finditer(text) if _iban(match[0])])
    if "ssn" in text.lower() or "ocial" in text:
        yield from _told("social security numbers", list(security.finditer(text)))


def _told(kind: str, found: list[re.Match[str]]) -> Iterator[tuple[str, int, int]]:
    if found:
        yield kind, len({match[0] for match in found}), found[0].start()


def _before(text: str, place: int) -> str:
    window = text[max(0, place - 64) : place]
    return window[len(window.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-")) :].lower()


def _luhn(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if len(set(digits)) < 4 or "".join(map(str, digits)) in (
        "4242424242424242",
        "4111111111111111",
        "5555555555554444",
    ):
        return False
    doubled = [digit * 2 - 9 * (digit > 4) if index % 2 else digit for index, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _iban(text: str) -> bool:
    letters = text.replace(" ", "")
    if not 15 <= len(letters) <= 34 or letters[4:].isalpha():
        return False
    return int("".join(str(int(char, 36)) for char in letters[4:] + letters[:4])) % 97 == 1
