"""Secrets in texts: keys and tokens by their form, with its checksum if it has one, and values that are assigned.

A secret is never repeated: a fact has its kind, its place, its length and the first digits of its SHA-256. Values that
documentation gives as examples, and such as nobody could have been given, are left out.
Sources: `knowledge/secrets.json`, entry by entry.
"""

from __future__ import annotations

import math
import re
from functools import cache

from weighbridge.core.digests import digest_bytes
from weighbridge.core.known_texts import examples, forms
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.formats.texts.anchors import Anchors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.known_texts import Form

DIGITS = 12
"""Hexadecimal digits of the SHA-256 that are shown: enough to recognise a secret that one has, not to find it out."""
BEFORE = 160
"""Characters before an anchor in which what belongs to it may begin."""
ASSIGNED = "assigned-secret"
_KEYWORDS = [
    "assword",
    "ASSWORD",
    "ecret",
    "ECRET",
    "pi_key",
    "PI_KEY",
    "pikey",
    "piKey",
    "PIKEY",
    "ccess_token",
    "CCESS_TOKEN",
    "ccessToken",
    "uth_token",
    "UTH_TOKEN",
]
_BITS = ((20, 3.6), (12, 3.2))
"""From this length on: bits for each character of an assigned value. Words have less, keys drawn by chance more."""
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Leak(NamedTuple):
    """One secret in a text. `value` stays in this process."""

    kind: str
    value: str
    place: int
    checked: bool = False


@cache
def _index() -> tuple[Anchors, dict[str, tuple[Form, ...]]]:
    by_anchor: dict[str, tuple[Form, ...]] = {}
    for form in forms():
        for anchor in form.anchors:
            by_anchor[anchor] = (*by_anchor.get(anchor, ()), form)
    return Anchors((*by_anchor, *_KEYWORDS)), by_anchor


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    return (
        re.compile(
            r"(?:pass(?:word|wd)|secret(?:[_-]?key)?|api[_-]?key|(?:access|auth)[_-]?token|client[_-]?secret|private[_-]?key)"
            r"[\"']?\s{0,4}(?:=>|:=|[:=])\s{0,4}(?:[bru]{0,2}[\"']([^\"'\s\\]{12,200})[\"']|([A-Za-z0-9+/_.~=-]{16,200})(?=[\s,;}\"']|$))",
            re.IGNORECASE,
        ),
        re.compile(
            r"example|sample|placeholder|dummy|changeme|change[_-]?me|redacted|your[_-]?|my[_-]?(?:secret|token|key|pass)|insert|replace"
            r"|s00pers3cret|supersecret|password|username|x{4,}|\*{3,}|\.{3}|0{6,}|12345678|abcdefgh|<|>|\$\{|\{\{|%\(|environ|getenv|secrets?\.",
            re.IGNORECASE,
        ),
        re.compile(r"[a-z]+(?:[_.-][a-z]+)*|[A-Z]+(?:_[A-Z]+)*|(?:[A-Z]?[a-z]+)+|[\d.]+"),
        re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|sha\d{3}-.*"),
    )


def leaks(text: str) -> Iterator[Leak]:
    """Every secret in a text, first by form and then by assignment."""
    anchors, by_anchor = _index()
    seen: set[tuple[str, int]] = set()
    done: dict[tuple[str, str], int] = {}
    for anchor, place in anchors.found(text):
        for form in by_anchor.get(anchor, ()):
            # What lies behind an anchor is looked at once, however many anchors lie there too.
            if place < done.get((form.kind, anchor), 0):
                continue
            done[form.kind, anchor] = place + form.span
            for match in _matches(form, text, place):
                if (form.kind, match.start(1)) not in seen:
                    seen.add((form.kind, match.start(1)))
                    yield from _judged(form, match, text)
        if anchor not in by_anchor:
            leak = _assigned(text, place)
            if leak is not None and (ASSIGNED, leak.place) not in seen:
                seen.add((ASSIGNED, leak.place))
                yield leak


def _matches(form: Form, text: str, place: int) -> Iterator[re.Match[str]]:
    """Whatever has the form around an anchor, as far as the next anchor that is looked at."""
    begin = max(0, place - min(form.span, BEFORE))
    pattern = re.compile(form.pattern)
    for match in pattern.finditer(text, begin, min(len(text), place + 2 * form.span)):
        if match.start() > place + form.span:
            return
        yield match


def digest(value: str) -> str:
    """How the SHA-256 of a secret begins."""
    return digest_bytes(value.encode("utf-8", "surrogatepass")).hex[:DIGITS]


def _judged(form: Form, match: re.Match[str], text: str) -> Iterator[Leak]:
    value = match[1]
    if form.near and not re.search(form.near, text[max(0, match.start() - BEFORE) : match.end() + BEFORE]):
        return
    if invented(value, words=form.kind == "address-password"):
        return
    checked = False
    if form.check == "crc32-base62":
        checked = _crc(value)
        if not checked:
            return
    elif form.check == "jwt-header":
        checked = _is_jwt(value)
        if not checked:
            return
    yield Leak(form.kind, value, match.start(1), checked)


def _assigned(text: str, place: int) -> Leak | None:
    begin = max(0, place - 16)
    for match in _patterns()[0].finditer(text, begin, min(len(text), place + 280)):
        if match.start() > place + 16:
            return None
        group = 1 if match[1] else 2
        value = match[group]
        _, _, word, name = _patterns()
        if name.fullmatch(value.lower()) and "pass" not in match[0][:12].lower():
            return None
        if not invented(value) and not word.fullmatch(value) and _by_chance(value) and _mixed(value):
            return Leak(ASSIGNED, value, match.start(group))
    return None


def invented(value: str, *, words: bool = False) -> bool:
    """Whether a value is an example or a placeholder. `words`: a short one that people chose, not a key."""
    if digest_bytes(value.encode("utf-8", "surrogatepass")).hex in examples():
        return True
    if _patterns()[1].search(value):
        return True
    if words:
        return (
            value.lower() in ("pass", "pwd", "secret", "token", "pw", "test", "guest", "admin", "root")
            or len(set(value)) < 4
        )
    return len(set(value)) < 8


def _mixed(value: str) -> bool:
    """Letters and digits, and no path, call or sentence."""
    return (
        any(map(str.isdigit, value))
        and any(map(str.isalpha, value))
        and not re.search(r"[()\[\]{}\s]|^/|^\.|://|\.\w{1,4}$", value)
    )


def _by_chance(value: str) -> bool:
    """Whether its characters are spread as if they were drawn by chance."""
    least = next((bits for length, bits in _BITS if len(value) >= length), 8.0)
    return least <= -sum(n / len(value) * math.log2(n / len(value)) for n in map(value.count, set(value)))


def _crc(value: str) -> bool:
    """Whether the last six characters are the CRC-32 of those between the prefix and them, in base 62."""
    import binascii

    body, tail = value[value.index("_") + 1 : -6], value[-6:]
    number = binascii.crc32(body.encode("ascii", "replace"))
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0") == tail


def _is_jwt(value: str) -> bool:
    import binascii
    import json

    head = value.partition(".")[0].replace("-", "+").replace("_", "/")
    try:
        found = json.loads(binascii.a2b_base64(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "alg" in found
