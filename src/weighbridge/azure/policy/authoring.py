"""What Azure refuses when a definition is created: forbidden functions, unknown conditions, limits.

A definition with such a fault protects nothing, because it never comes to be. Nothing is said of resources then.
"""

from __future__ import annotations

from weighbridge.azure.policy import expression as language
from weighbridge.azure.policy.conditions import OPERATORS
from weighbridge.azure.policy.faults import Unsupported
from weighbridge.azure.policy.functions_collections import FORBIDDEN, FUNCTIONS, OF_THE_REQUEST
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

MOST_CONDITIONS = 4096
MOST_CONDITIONS_IN_THEN = 128
MOST_FUNCTIONS = 2048
MOST_COUNTS_OF_ONE_ARRAY = 5
MOST_VALUE_COUNTS = 10
DEEPEST = 100


class Fault(NamedTuple):
    """Something that Azure refuses. `code` is `malformed`, `function` or `limit`."""

    path: str
    code: str
    why: str


class Condition(NamedTuple):
    """One condition of a rule, with what stands around it.

    `operator` and the `subject`'s kind are in lower case. `negated` counts the `not` around it. `counting` holds the
    array aliases, in lower case, and names of the counts that it is inside of.
    """

    path: str
    kind: str
    subject: Any
    operator: str
    right: Any
    negated: int
    counting: tuple[str, ...]


def conditions_in(rule: Any, path: str = "if") -> Iterator[Condition]:
    """Every condition that can be told apart, counts before what is inside of them. Broken ones are passed over."""
    yield from _conditions(rule, path, 0, (), 0)


def texts_in(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text in a part of a rule, with its place."""
    if isinstance(value, str):
        yield path, value
    elif depth < DEEPEST and isinstance(value, dict):
        for key, inner in value.items():
            yield from texts_in(inner, f"{path}.{key}", depth + 1)
    elif depth < DEEPEST and isinstance(value, list):
        for number, inner in enumerate(value):
            yield from texts_in(inner, f"{path}[{number}]", depth + 1)


def calls_in(value: Any, path: str) -> Iterator[tuple[str, language.Call]]:
    """Every call of a function in a part of a rule, with its place. Texts that cannot be read are passed over."""
    for place, text in texts_in(value, path):
        if language.is_expression(text):
            try:
                found = language.parse(text)
            except Unsupported:
                continue
            yield from ((place, call) for call in language.calls(found))


def authoring_faults(rule: Any, then: dict[str, Any]) -> list[Fault]:
    """Everything that Azure refuses in a rule. Templates of deployments are theirs and not looked at."""
    judged = without_templates(then)
    faults = [*_shape(rule, "if", 0), *_texts(rule, "if"), *_texts(judged, "then")]
    details = _get(judged, "details")
    existence = _get(details, "existenceCondition") if isinstance(details, dict) else None
    if existence is not None:
        faults += _shape(existence, "then.details.existenceCondition", 0)
        count = sum(1 for _ in conditions_in(existence))
        if count > MOST_CONDITIONS_IN_THEN:
            faults.append(Fault("then", "limit", f"{count} conditions, and Azure takes {MOST_CONDITIONS_IN_THEN}"))
    return [*faults, *_limits(rule, judged)]


def without_templates(then: dict[str, Any]) -> dict[str, Any]:
    """A `then` without the template that a deployment would use."""
    return {
        key: {name: inner for name, inner in value.items() if name.casefold() != "deployment"}
        if isinstance(value, dict)
        else value
        for key, value in then.items()
    }


def _conditions(rule: Any, path: str, negated: int, counting: tuple[str, ...], depth: int) -> Iterator[Condition]:
    if not isinstance(rule, dict) or depth > DEEPEST:
        return
    keys = {key.casefold(): key for key in rule}
    if "not" in keys:
        yield from _conditions(rule[keys["not"]], f"{path}.not", negated + 1, counting, depth + 1)
    for name in ("allof", "anyof"):
        parts = rule[keys[name]] if name in keys else ()
        for number, part in enumerate(parts if isinstance(parts, list) else ()):
            yield from _conditions(part, f"{path}.{keys[name]}[{number}]", negated, counting, depth + 1)
    subject = next((name for name in ("field", "value", "count") if name in keys), None)
    operator = next((name for name in keys if name in OPERATORS), None)
    if subject is None or operator is None:
        return
    found = rule[keys[subject]]
    yield Condition(path, subject, found, operator, rule[keys[operator]], negated, counting)
    if subject == "count" and isinstance(found, dict):
        inside = _get(found, "field") or _get(found, "name") or "default"
        where = _get(found, "where")
        yield from _conditions(where, f"{path}.count.where", negated, (*counting, str(inside).casefold()), depth + 1)


def _shape(rule: Any, path: str, depth: int) -> Iterator[Fault]:
    if not isinstance(rule, dict) or depth > DEEPEST:
        yield Fault(path, "malformed", "here is no condition" if depth <= DEEPEST else "nested too deep")
        return
    keys = {key.casefold(): key for key in rule}
    if len(rule) == 1 and "not" in keys:
        yield from _shape(rule[keys["not"]], f"{path}.not", depth + 1)
        return
    for name in ("allof", "anyof"):
        if len(rule) == 1 and name in keys:
            parts = rule[keys[name]]
            if not isinstance(parts, list):
                yield Fault(path, "malformed", f"{keys[name]} is no array")
                return
            for number, part in enumerate(parts):
                yield from _shape(part, f"{path}.{keys[name]}[{number}]", depth + 1)
            return
    subjects = [name for name in ("field", "value", "count") if name in keys]
    if len(subjects) != 1 or len(rule) != 2 or not OPERATORS & keys.keys():
        names = ", ".join(plain(key, 30) for key in rule)
        yield Fault(path, "malformed", f"no condition that Azure knows: {names or 'nothing'}")
    elif subjects[0] == "count":
        count = rule[keys["count"]]
        if not isinstance(count, dict):
            yield Fault(path, "malformed", "count is no object")
        elif (where := _get(count, "where")) is not None:
            yield from _shape(where, f"{path}.count.where", depth + 1)


def _texts(value: Any, path: str) -> Iterator[Fault]:
    for place, text in texts_in(value, path):
        if not language.is_expression(text):
            continue
        try:
            found = language.parse(text)
        except Unsupported as error:
            yield Fault(place, "malformed", error.cause)
            continue
        for call in language.calls(found):
            name = call.name.casefold()
            if name in FORBIDDEN or name.startswith("list"):
                yield Fault(place, "function", f"{call.name}() may not be used in a policy rule")
            elif name not in FUNCTIONS and name not in OF_THE_REQUEST:
                yield Fault(place, "function", f"{plain(call.name, 40)}() is not known here")


def _limits(rule: Any, then: dict[str, Any]) -> Iterator[Fault]:
    found = list(conditions_in(rule))
    if len(found) > MOST_CONDITIONS:
        yield Fault("if", "limit", f"{len(found)} conditions, and Azure takes {MOST_CONDITIONS}")
    functions = sum(1 for part in (rule, then) for _ in calls_in(part, ""))
    if functions > MOST_FUNCTIONS:
        yield Fault("if", "limit", f"{functions} functions, and Azure takes {MOST_FUNCTIONS}")
    counted = [condition.subject for condition in found if condition.kind == "count"]
    arrays = [str(_get(subject, "field")).casefold() for subject in counted if _get(subject, "field") is not None]
    for array in sorted(set(arrays)):
        if arrays.count(array) > MOST_COUNTS_OF_ONE_ARRAY:
            yield Fault("if", "limit", f"{plain(array, 80)} is counted more than {MOST_COUNTS_OF_ONE_ARRAY} times")
    values = sum(1 for subject in counted if _get(subject, "value") is not None)
    if values > MOST_VALUE_COUNTS:
        yield Fault("if", "limit", f"{values} counts of values, and Azure takes {MOST_VALUE_COUNTS}")


def _get(value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        return None
    return next((inner for key, inner in value.items() if key.casefold() == name.casefold()), None)
