"""Functions of the template language that work on arrays, objects and truth, and those that take more than one kind.

Source: Learn, "Array functions", "Object functions", "Comparison functions" and "Logical functions" for ARM templates.
"""

from __future__ import annotations

from weighbridge.azure.policy.faults import EvaluationError
from weighbridge.azure.policy.functions_text import TEXT_FUNCTIONS, string, text, whole
from weighbridge.azure.policy.values import MISSING, is_number, kind_of, lookup
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MOST = 32_768


def truth(value: Any, name: str) -> bool:
    """True or false, or EvaluationError."""
    if not isinstance(value, bool):
        raise EvaluationError(f"{name} wants true or false and is given a value of type {kind_of(value)}")
    return value


def _truths(values: tuple[Any, ...], name: str) -> list[bool]:
    """Every value looked at, also behind one that decides: a wrong one is an error wherever it stands."""
    return [truth(value, name) for value in values]


def same(left: Any, right: Any) -> bool:
    """Whether two values are the same in the template language: of one type, texts letter by letter."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def access(value: Any, key: Any) -> Any:
    """`value.key` or `value[key]`. Raises EvaluationError where Azure's evaluation fails."""
    found = attempt(value, key)
    if found is MISSING:
        raise EvaluationError(f"there is no {string(key)[:60]!r} in a value of type {kind_of(value)}")
    return found


def attempt(value: Any, key: Any) -> Any:
    """What stands at a key or index, or MISSING."""
    if isinstance(value, dict) and isinstance(key, str):
        return lookup(value, key)
    if isinstance(value, list) and isinstance(key, int) and not isinstance(key, bool):
        return value[key] if 0 <= key < len(value) else MISSING
    return MISSING


def _try_get(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = attempt(value, key)
        if value is MISSING:
            return None
    return value


def _concat(*given: Any) -> Any:
    if all(isinstance(value, list) for value in given):
        joined: list[Any] = [item for value in given for item in value]
        return joined
    if all(isinstance(value, str | bool) or is_number(value) for value in given):
        return "".join(string(value) for value in given)
    raise EvaluationError(f"concat cannot join {', '.join(sorted({kind_of(value) for value in given}))}")


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, str):
        return string(item) in container
    if isinstance(container, list):
        return any(same(value, item) for value in container)
    if isinstance(container, dict):
        return lookup(container, text(item, "contains")) is not MISSING
    raise EvaluationError(f"contains cannot look into a value of type {kind_of(container)}")


def _empty(value: Any) -> bool:
    if value is None:
        return True
    if isinstance(value, str | list | dict):
        return not value
    raise EvaluationError(f"empty is given a value of type {kind_of(value)}")


def _length(value: Any) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise EvaluationError(f"length is given a value of type {kind_of(value)}")


def _end(name: str, at: int) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        if isinstance(value, str):
            return value[at] if value else ""
        if isinstance(value, list):
            return value[at] if value else None
        raise EvaluationError(f"{name} is given a value of type {kind_of(value)}")

    return run


def _cut(name: str) -> Callable[[Any, Any], Any]:
    def run(value: Any, count: Any) -> Any:
        size = max(whole(count, name), 0)
        if not isinstance(value, str | list):
            raise EvaluationError(f"{name} is given a value of type {kind_of(value)}")
        return value[size:] if name == "skip" else value[:size]

    return run


def _index(name: str) -> Callable[[Any, Any], int]:
    def run(value: Any, part: Any) -> int:
        if isinstance(value, list):
            places = [place for place, item in enumerate(value) if same(item, part)]
            return (places[0] if name == "indexOf" else places[-1]) if places else -1
        folded, wanted = text(value, name).lower(), text(part, name).lower()
        return folded.find(wanted) if name == "indexOf" else folded.rfind(wanted)

    return run


def _join(values: Any, delimiter: Any) -> str:
    if not isinstance(values, list):
        raise EvaluationError(f"join is given a value of type {kind_of(values)}")
    return text(delimiter, "join").join(string(value) for value in values)


def _union(*given: Any) -> Any:
    if all(isinstance(value, list) for value in given):
        found: list[Any] = []
        for value in given:
            found.extend(item for item in value if not any(same(item, other) for other in found))
            _bounded(len(found))
        return found
    if all(isinstance(value, dict) for value in given):
        merged: dict[str, Any] = {}
        for value in given:
            merged = _merge(merged, value)
        return merged
    raise EvaluationError("union is given neither arrays nor objects")


def _merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    merged = dict(left)
    for key, value in right.items():
        there = merged.get(key)
        merged[key] = _merge(there, value) if isinstance(there, dict) and isinstance(value, dict) else value
    return merged


def _intersection(*given: Any) -> Any:
    first, rest = given[0], given[1:]
    if all(isinstance(value, list) for value in given):
        kept = [item for item in first if all(any(same(item, other) for other in value) for value in rest)]
        return _union(kept)
    if all(isinstance(value, dict) for value in given):
        return {
            key: value
            for key, value in first.items()
            if all(key in other and same(other[key], value) for other in rest)
        }
    raise EvaluationError("intersection is given neither arrays nor objects")


def _create_object(*given: Any) -> dict[str, Any]:
    if len(given) % 2:
        raise EvaluationError("createObject is given a key without a value")
    return {text(given[place], "createObject"): given[place + 1] for place in range(0, len(given), 2)}


def _range(start: Any, count: Any) -> list[int]:
    first, size = whole(start, "range"), whole(count, "range")
    if not 0 <= size <= 10_000:
        raise EvaluationError("range is given a length that it does not take")
    return list(range(first, first + size))


def _extreme(name: str, work: Callable[[list[int]], int]) -> Callable[..., int]:
    def run(*given: Any) -> int:
        values = given[0] if len(given) == 1 and isinstance(given[0], list) else list(given)
        if not values:
            raise EvaluationError(f"{name} is given nothing")
        return work([whole(value, name) for value in values])

    return run


def _flatten(value: Any) -> list[Any]:
    if not isinstance(value, list) or not all(isinstance(item, list) for item in value):
        raise EvaluationError("flatten is not given an array of arrays")
    return [inner for item in value for inner in item]


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise EvaluationError(f"{name} wants an object and is given a value of type {kind_of(value)}")
    return value


def _shallow_merge(values: Any) -> dict[str, Any]:
    if not isinstance(values, list):
        raise EvaluationError("shallowMerge is not given an array of objects")
    merged: dict[str, Any] = {}
    for value in values:
        merged |= _object(value, "shallowMerge")
    return merged


def _items(value: Any) -> list[dict[str, Any]]:
    table = _object(value, "items")
    return [{"key": key, "value": table[key]} for key in sorted(table, key=str.lower)]


def _compare(name: str, work: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def run(left: Any, right: Any) -> bool:
        both_texts = isinstance(left, str) and isinstance(right, str)
        if not both_texts and not (is_number(left) and is_number(right)):
            raise EvaluationError(f"{name} cannot compare {kind_of(left)} with {kind_of(right)}")
        return work(left, right)

    return run


def _bounded(count: int) -> None:
    if count > _MOST:
        raise EvaluationError("an array is longer than Azure's functions take")


COLLECTION_FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "concat": (_concat, 1, 128),
    "contains": (_contains, 2, 2),
    "empty": (_empty, 1, 1),
    "length": (_length, 1, 1),
    "first": (_end("first", 0), 1, 1),
    "last": (_end("last", -1), 1, 1),
    "skip": (_cut("skip"), 2, 2),
    "take": (_cut("take"), 2, 2),
    "indexof": (_index("indexOf"), 2, 2),
    "lastindexof": (_index("lastIndexOf"), 2, 2),
    "join": (_join, 2, 2),
    "array": (lambda value: value if isinstance(value, list) else [value], 1, 1),
    "createarray": (lambda *given: list(given), 0, 128),
    "createobject": (_create_object, 0, 128),
    "union": (_union, 1, 128),
    "intersection": (_intersection, 2, 128),
    "range": (_range, 2, 2),
    "min": (_extreme("min", min), 1, 128),
    "max": (_extreme("max", max), 1, 128),
    "flatten": (_flatten, 1, 1),
    "items": (_items, 1, 1),
    "objectkeys": (lambda value: sorted(_object(value, "objectKeys"), key=str.lower), 1, 1),
    "shallowmerge": (_shallow_merge, 1, 1),
    "tryget": (_try_get, 2, 128),
    "coalesce": (lambda *given: next((value for value in given if value is not None), None), 1, 128),
    "equals": (same, 2, 2),
    "less": (_compare("less", lambda left, right: left < right), 2, 2),
    "lessorequals": (_compare("lessOrEquals", lambda left, right: left <= right), 2, 2),
    "greater": (_compare("greater", lambda left, right: left > right), 2, 2),
    "greaterorequals": (_compare("greaterOrEquals", lambda left, right: left >= right), 2, 2),
    "and": (lambda *given: all(_truths(given, "and")), 2, 128),
    "or": (lambda *given: any(_truths(given, "or")), 2, 128),
    "not": (lambda value: not truth(value, "not"), 1, 1),
    "true": (lambda: True, 0, 0),
    "false": (lambda: False, 0, 0),
    "null": (lambda: None, 0, 0),
}
"""Name in lower case → the function, and how many arguments it takes at least and at most."""

FUNCTIONS = TEXT_FUNCTIONS | COLLECTION_FUNCTIONS
"""Every function that needs nothing but its arguments."""

OF_THE_REQUEST: dict[str, tuple[int, int]] = {
    "if": (3, 3),
    "parameters": (1, 1),
    "field": (1, 1),
    "current": (0, 1),
    "requestcontext": (0, 0),
    "resourcegroup": (0, 0),
    "subscription": (0, 0),
    "policy": (0, 0),
    "claims": (0, 0),
    "utcnow": (0, 1),
}
"""Functions that need the rest of the evaluation; `evaluate.py` has them."""

FORBIDDEN = frozenset(
    {
        *("copyindex", "datetimeadd", "datetimefromepoch", "datetimetoepoch", "deployment", "environment"),
        *("extensionresourceid", "lambda", "filter", "map", "mapvalues", "reduce", "sort", "groupby", "todictionary"),
        *("toobject", "listaccountsas", "listkeys", "listsecrets", "managementgroup", "newguid", "pickzones"),
        *("providers", "reference", "resourceid", "subscriptionresourceid", "tenantresourceid", "tenant", "variables"),
    }
)
"""Functions of templates that a policy rule may not use; so are all that begin with `list`."""
