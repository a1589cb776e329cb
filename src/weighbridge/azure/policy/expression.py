"""The expressions of template language that a policy may hold: `[concat(field('name'), '-', string(3))]`.

    whole string  = "[" expression "]"     a text that begins with "[[" is that text without its first bracket
    expression    = ( text | number | call ) { "." name | "[" expression "]" }
    call          = name "(" [ expression { "," expression } ] ")"
    text          = "'" … "'"              two quotes inside are one

Source: Learn, "Template syntax and expressions" and the limits of "Azure Policy definition structure policy rule".
"""

from __future__ import annotations

import re

from weighbridge.azure.policy.faults import Unsupported
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

MOST_CHARACTERS = 81_920
"""Characters of one expression; Azure refuses longer ones."""
MOST_ARGUMENTS = 128
DEEPEST = 64
"""Functions inside of functions."""


class Literal(NamedTuple):
    """A text or a whole number."""

    value: str | int


class Call(NamedTuple):
    """A function and what it is given."""

    name: str
    arguments: tuple[Expression, ...]


class Access(NamedTuple):
    """A property or an element of a value."""

    of: Expression
    key: Expression


if TYPE_CHECKING:
    Expression: TypeAlias = Literal | Call | Access

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(-?\d+)|([A-Za-z_][A-Za-z0-9_]*)|([()\[\].,]))")


def is_expression(text: str) -> bool:
    """Whether Azure reads a text as an expression and not as itself."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def literal_of(text: str) -> str:
    """What a text that is no expression stands for: `[[x]` is `[x]`."""
    return text[1:] if text.startswith("[[") else text


def parse(text: str) -> Expression:
    """The expression in `text`, which has its brackets. Raises Unsupported for anything that Azure cannot read."""
    if len(text) > MOST_CHARACTERS:
        raise Unsupported(f"an expression of {len(text):,} characters is longer than Azure takes")
    tokens = list(_tokens(text[1:-1], text))
    found, end = _expression(tokens, 0, 0, text)
    if end != len(tokens):
        raise _unreadable(text)
    return found


def calls(found: Expression) -> Iterator[Call]:
    """Every call in an expression."""
    if isinstance(found, Call):
        yield found
        for argument in found.arguments:
            yield from calls(argument)
    elif isinstance(found, Access):
        yield from calls(found.of)
        yield from calls(found.key)


def _tokens(text: str, whole: str) -> Iterator[str]:
    place = 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise _unreadable(whole)
        yield match.group(match.lastindex or 0)
        place = match.end()


def _expression(tokens: list[str], at: int, depth: int, whole: str) -> tuple[Expression, int]:
    if at >= len(tokens):
        raise _unreadable(whole)
    if depth > DEEPEST:
        raise Unsupported(f"functions stand more than {DEEPEST} deep in {plain(whole, 60)}")
    token = tokens[at]
    found: Expression
    if token.startswith("'"):
        found, at = Literal(token[1:-1].replace("''", "'")), at + 1
    elif token.lstrip("-").isdigit():
        if len(token) > 19:
            raise _unreadable(whole)
        found, at = Literal(int(token)), at + 1
    elif (token[0].isalpha() or token[0] == "_") and tokens[at + 1 : at + 2] == ["("]:
        found, at = _call(tokens, at, depth, whole)
    else:
        raise _unreadable(whole)
    while at < len(tokens) and tokens[at] in (".", "["):
        if tokens[at] == ".":
            name = tokens[at + 1] if at + 1 < len(tokens) else ""
            if not (name[:1].isalpha() or name[:1] == "_"):
                raise _unreadable(whole)
            found, at = Access(found, Literal(name)), at + 2
        else:
            key, at = _expression(tokens, at + 1, depth + 1, whole)
            if tokens[at : at + 1] != ["]"]:
                raise _unreadable(whole)
            found, at = Access(found, key), at + 1
    return found, at


def _call(tokens: list[str], at: int, depth: int, whole: str) -> tuple[Call, int]:
    name, at = tokens[at], at + 2
    given: list[Expression] = []
    while tokens[at : at + 1] != [")"]:
        if given:
            if tokens[at : at + 1] != [","]:
                raise _unreadable(whole)
            at += 1
        argument, at = _expression(tokens, at, depth + 1, whole)
        given.append(argument)
        if len(given) > MOST_ARGUMENTS:
            raise Unsupported(f"{plain(name, 40)}() is given more than {MOST_ARGUMENTS} arguments")
    return Call(name, tuple(given)), at + 1


def _unreadable(text: str) -> Unsupported:
    return Unsupported(f"{plain(text, 120)} is not an expression that Azure can read")
