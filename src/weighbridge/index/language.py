"""The language of `weighbridge query`: comparisons of fields, joined by and, or, not and parentheses.

    query       or
    or          and ("or" and)*
    and         not ("and" not)*
    not         "not" not | "(" or ")" | comparison
    comparison  FIELD                                      it has any
              | FIELD ("=" | "!=" | "<" | "<=" | ">" | ">=") VALUE
              | FIELD ["not"] "in" "(" VALUE ("," VALUE)* ")"
    VALUE       "text" | 'text' | a word without spaces, quotes, parentheses, commas and signs

In a text, `*` stands for anything and `?` for one character; a backslash before one takes that meaning away. A model
can have many of most things: `global = "os.*"` asks whether any fits, and `!=` is the opposite of `=`: none fits.
Reading costs time linear in the length of the query.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.putting import FOLDED

if TYPE_CHECKING:
    from typing import Literal, NoReturn, TypeAlias

    Operator: TypeAlias = Literal["=", "<", "<=", ">", ">=", "any"]

FIELDS = {
    **dict.fromkeys(("global", "reference", "call", "operator", "host", "template", "native", "oddity"), "term"),
    **dict.fromkeys(("format", "framework", "package", "dataset", "base", "licence"), "term"),
    **dict.fromkeys(("rule", "signer", "evidence", "tag", "file", "sha256", "stage", "deployed"), "child"),
    **dict.fromkeys(("verdict", "proof", "source", "revision", "publisher", "name", "repository"), "column"),
    **dict.fromkeys(("manifest", "model", "knowledge", "facts"), "column"),
    "severity": "severity",
    "size": "size",
    "scanned": "time",
}
"""Every field that can be asked for, and how it is compared; `docs/query.md` says what each one is."""
FACTS = frozenset(("global", "reference", "call", "operator", "host", "template", "native", "oddity", "framework"))
"""Fields that come from stored facts: of a model without facts nobody can say whether it has any."""
SIGNS: dict[str, Operator] = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
ORDERED = ("severity", "size", "time")
LONGEST, MOST_PARTS, DEEPEST, MOST_VALUES, MOST_STARS = 4_000, 100, 30, 200, 8
_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*')|(?P<sign>!=|<=|>=|[=<>(),])|(?P<word>[^\s\"'()=<>!,]+))"
)
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(|B|[kKMGT]B|[KMGT]iB)")
_UNITS = {"": 1, "B": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_BINARY = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?")


class Compare(NamedTuple):
    """A field before one of some values (`=`), before one value, or there at all (`any`). Sizes are written out."""

    field: str
    operator: Operator
    values: tuple[str, ...] = ()


class Not(NamedTuple):
    """The opposite."""

    of: Query


class Every(NamedTuple):
    """All of them hold."""

    of: tuple[Query, ...]


class Some(NamedTuple):
    """One of them holds."""

    of: tuple[Query, ...]


Query: TypeAlias = "Compare | Not | Every | Some"


class _Token(NamedTuple):
    kind: str
    text: str
    column: int


def read_query(text: str) -> Query:
    """What a query asks. Raises UsageError that names the column of what is wrong."""
    reader = _Reader(text)
    found = reader.some(0)
    if reader.next.kind != "end":
        _wrong(reader.next, f"{_shown(reader.next)} is not expected here", "join comparisons by and, or")
    return found


def fields_of(query: Query) -> frozenset[str]:
    """The fields that a query asks for."""
    if isinstance(query, Compare):
        return frozenset((query.field,))
    parts = (query.of,) if isinstance(query, Not) else query.of
    return frozenset(field for part in parts for field in fields_of(part))


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens, self._at, self._parts = _tokens(text), 0, 0

    @property
    def next(self) -> _Token:
        return self._tokens[self._at]

    def some(self, depth: int) -> Query:
        parts = [self._every(depth)]
        while self._word("or"):
            parts.append(self._every(depth))
        return parts[0] if len(parts) == 1 else Some(tuple(parts))

    def _every(self, depth: int) -> Query:
        parts = [self._not(depth)]
        while self._word("and"):
            parts.append(self._not(depth))
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _not(self, depth: int) -> Query:
        if depth > DEEPEST:
            _wrong(self.next, f"more than {DEEPEST} things inside each other", "ask in several steps")
        if self._word("not"):
            return Not(self._not(depth + 1))
        if self._sign("("):
            found = self.some(depth + 1)
            self._need(")")
            return found
        return self._comparison()

    def _comparison(self) -> Query:
        token = self._take()
        self._parts += 1
        if self._parts > MOST_PARTS:
            _wrong(token, f"more than {MOST_PARTS} comparisons", "ask in several steps")
        if token.kind != "word" or token.text not in FIELDS:
            _no_field(token)
        negated = self.next.text == "not" and self._tokens[self._at + 1].text == "in" and self._word("not")
        if self._word("in"):
            self._need("(")
            values = [self._value(token.text)]
            while self._sign(","):
                values.append(self._value(token.text))
            self._need(")")
            if len(values) > MOST_VALUES:
                _wrong(token, f"more than {MOST_VALUES} values", "ask in several steps")
            found = Compare(token.text, "=", tuple(values))
            return Not(found) if negated else found
        sign = self.next
        if sign.kind != "sign" or sign.text in "(),":
            return Compare(token.text, "any")
        self._take()
        if sign.text not in ("=", "!=") and FIELDS[token.text] not in ORDERED:
            _wrong(sign, f"{token.text} has no order", "compare it by = or !=")
        value = self._value(token.text)
        if sign.text == "!=":
            return Not(Compare(token.text, "=", (value,)))
        return Compare(token.text, SIGNS[sign.text], (value,))

    def _value(self, field: str) -> str:
        token = self._take()
        if token.kind not in ("text", "word"):
            _wrong(token, f"a value is missing before {_shown(token)}", 'write it as "text"')
        text = token.text[1:-1] if token.kind == "text" else token.text
        text = text.lower() if field in FOLDED else text
        return _typed(text, FIELDS[field], token)

    def _word(self, word: str) -> bool:
        found = self.next.kind == "word" and self.next.text == word
        self._at += found
        return found

    def _sign(self, sign: str) -> bool:
        found = self.next.kind == "sign" and self.next.text == sign
        self._at += found
        return found

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            _wrong(self.next, f"{sign} is missing before {_shown(self.next)}", "every ( needs its )")

    def _take(self) -> _Token:
        token = self.next
        if token.kind != "end":
            self._at += 1
        return token


def _tokens(text: str) -> list[_Token]:
    if len(text) > LONGEST:
        raise UsageError(f"the query has {len(text)} characters", f"write at most {LONGEST}")
    tokens, at = [], 0
    while rest := text[at:].lstrip():
        at = len(text) - len(rest)
        found = _TOKEN.match(text, at)
        if found is None:
            _wrong(_Token("sign", text[at], at + 1), f"{plain(text[at])} is not closed or not known", 'write "text"')
        tokens.append(_Token(str(found.lastgroup), found[str(found.lastgroup)], at + 1))
        at = found.end()
    return [*tokens, _Token("end", "", len(text) + 1)]


def _typed(text: str, kind: str, token: _Token) -> str:
    """The value as it is compared: sizes in bytes, the rest as it is written."""
    if kind == "size":
        found = _SIZE.fullmatch(text)
        if not found:
            _wrong(token, f"{plain(text, 40)!r} is no size", "write 1000, 20MB or 1.5GiB")
        unit = found[2]
        factor = _BINARY[unit[0]] if unit.endswith("iB") else _UNITS[unit[:1]]
        amount = int(float(found[1]) * factor)
        if amount >= 1 << 63:
            _wrong(token, f"{plain(text, 40)!r} is too large", "write a smaller size")
        return str(amount)
    if kind == "time" and not _TIME.fullmatch(text):
        _wrong(token, f"{plain(text, 40)!r} is no day or time", "write 2026-01-31 or 2026-01-31T12:00:00Z")
    if kind == "severity" and text not in (levels := [one.value for one in Severity]):
        _wrong(token, f"{plain(text, 40)!r} is no severity", f"write {', '.join(levels)}")
    if sum(text.count(sign) for sign in "*?") > MOST_STARS:
        _wrong(token, f"more than {MOST_STARS} of * and ?", "write fewer")
    return text


def _no_field(token: _Token) -> NoReturn:
    near = get_close_matches(token.text.lower(), FIELDS, 1, 0.5)
    mend = f"did you mean {near[0]}? " if near else ""
    _wrong(token, f"{_shown(token)} is no field", f"{mend}there are {', '.join(sorted(FIELDS))}")


def _wrong(token: _Token, what: str, mend: str) -> NoReturn:
    raise UsageError(f"column {token.column} of the query: {what}", mend)


def _shown(token: _Token) -> str:
    return plain(token.text, 60) if token.text else "the end"
