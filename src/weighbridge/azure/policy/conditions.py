"""The conditions of a rule: what is found on the left, what the rule says on the right.

| condition | holds if | nothing on the left |
|---|---|---|
| equals, notEquals | the texts are the same, whatever their case; numbers and booleans are texts | false, true |
| like, notLike | the whole text fits a pattern with one `*` | false, true |
| match, matchInsensitively, notMatch… | `#` a digit, `?` a letter, `.` any, all else itself | false, true |
| contains, notContains | the text has the part, or the array the element | false, true |
| in, notIn | it is one of an array | false, true |
| containsKey, notContainsKey | the object has the key | false, true |
| less, lessOrEquals, greater, greaterOrEquals | numbers, dates or texts in that order; two kinds are an error | false |
| exists | there is a value, be it empty | `exists: false` |

Source: Learn, "Azure Policy definition structure policy rule", conditions. That nothing is neither less nor greater,
rather than an error, is taken from definitions of Microsoft's that compare properties which may be absent.
"""

from __future__ import annotations

from weighbridge.azure.policy.dates import date_of
from weighbridge.azure.policy.faults import EvaluationError
from weighbridge.azure.policy.values import MISSING, is_number, kind_of, lookup, shown, text_of
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _same(left: Any, right: Any) -> bool:
    first, second = text_of(left), text_of(right)
    if first is None or second is None:
        return False
    return first.casefold() == second.casefold()


def _like(left: Any, right: Any) -> bool:
    pattern, text = _text(right, "like"), text_of(left)
    if pattern.count("*") > 1:
        raise EvaluationError(f"the pattern {pattern[:80]!r} has more than one *")
    if text is None:
        return False
    folded, wanted = text.casefold(), pattern.casefold()
    head, star, tail = wanted.partition("*")
    if not star:
        return folded == wanted
    return len(folded) >= len(head) + len(tail) and folded.startswith(head) and folded.endswith(tail)


def _match(left: Any, right: Any) -> bool:
    pattern, text = _text(right, "match"), text_of(left)
    if text is None or len(text) != len(pattern):
        return False
    return all(map(_fits, pattern, text))


def _match_insensitively(left: Any, right: Any) -> bool:
    text = text_of(left)
    return text is not None and _match(text.lower(), _text(right, "matchInsensitively").lower())


def _fits(sign: str, char: str) -> bool:
    if sign == "#":
        return char.isdecimal()
    if sign == "?":
        return char.isalpha()
    return sign in (".", char)


def _contains(left: Any, right: Any) -> bool:
    if isinstance(left, list):
        return any(_same(item, right) for item in left)
    part, text = _text(right, "contains"), text_of(left)
    if "*" in part:
        raise EvaluationError(f"contains takes no *: {part[:80]!r}")
    return text is not None and part.casefold() in text.casefold()


def _in(left: Any, right: Any) -> bool:
    if not isinstance(right, list):
        raise EvaluationError(f"in wants an array and is given a value of type {kind_of(right)}")
    return any(_same(left, item) for item in right)


def _contains_key(left: Any, right: Any) -> bool:
    return isinstance(left, dict) and lookup(left, _text(right, "containsKey")) is not MISSING


def _order(name: str, work: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(left: Any, right: Any) -> bool:
        if is_number(left) and is_number(right):
            return work(left, right)
        if isinstance(left, str) and isinstance(right, str):
            first, second = date_of(left), date_of(right)
            if first is not None and second is not None:
                return work(first, second)
            # A day alone is a text, as in the version of an API; with a time of day it is a date.
            if not any("T" in text.upper() for text, date in ((left, first), (right, second)) if date is not None):
                return work(left.casefold(), right.casefold())
        raise EvaluationError(f"{name} cannot compare {shown(left, 60)} with {shown(right, 60)}")

    return run


def _text(value: Any, name: str) -> str:
    found = text_of(value)
    if found is None:
        raise EvaluationError(f"{name} wants a text and is given a value of type {kind_of(value)}")
    return found


POSITIVE: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _same,
    "like": _like,
    "match": _match,
    "matchinsensitively": _match_insensitively,
    "contains": _contains,
    "in": _in,
    "containskey": _contains_key,
    "less": _order("less", lambda left, right: left < right),
    "lessorequals": _order("lessOrEquals", lambda left, right: left <= right),
    "greater": _order("greater", lambda left, right: left > right),
    "greaterorequals": _order("greaterOrEquals", lambda left, right: left >= right),
}
NEGATIVE = {
    "notequals": "equals",
    "notlike": "like",
    "notmatch": "match",
    "notmatchinsensitively": "matchinsensitively",
    "notcontains": "contains",
    "notin": "in",
    "notcontainskey": "containskey",
}
OPERATORS = frozenset({*POSITIVE, *NEGATIVE, "exists"})
ORDERED = frozenset({"less", "lessorequals", "greater", "greaterorequals"})


def wanted_to_exist(right: Any) -> bool:
    """What `exists` asks for. Raises EvaluationError if it is neither true nor false."""
    found = text_of(right)
    if found is None or found.lower() not in ("true", "false"):
        raise EvaluationError(f"exists wants true or false and is given {shown(right, 40)}")
    return found.lower() == "true"


def holds(operator: str, left: Any, right: Any) -> bool:
    """Whether a condition holds for one value. `operator` is in lower case; MISSING is nothing, and so is null.

    Raises EvaluationError where Azure's evaluation fails.
    """
    missing = left is MISSING or left is None
    if operator == "exists":
        return missing != wanted_to_exist(right)
    positive = NEGATIVE.get(operator, operator)
    if missing:
        # The right side is looked at all the same: what Azure cannot read is an error whatever stands on the left.
        POSITIVE[positive](None, right) if positive not in ORDERED else None
        return operator in NEGATIVE
    return POSITIVE[positive](left, right) != (operator in NEGATIVE)
