"""Evaluates the rule of a definition for one resource, as Azure documents it, and says so line by line.

A rule is walked from left to right and no further than needed; what is not looked at cannot fail. `count` goes through
an array with the resource as if the member it is at were the only one.

Source: Learn, "Azure Policy definition structure policy rule" and "Author policies for array properties".
"""

from __future__ import annotations

from weighbridge.azure.policy import expression as language
from weighbridge.azure.policy.conditions import OPERATORS, holds, wanted_to_exist
from weighbridge.azure.policy.dates import formatted, written
from weighbridge.azure.policy.faults import EvaluationError, Unsupported
from weighbridge.azure.policy.functions_collections import FUNCTIONS, OF_THE_REQUEST, access, truth
from weighbridge.azure.policy.functions_text import text
from weighbridge.azure.policy.request import Request
from weighbridge.azure.policy.resource import Resource, group_in, subscription_in
from weighbridge.azure.policy.selection import alias_path, normal_location, select
from weighbridge.azure.policy.values import MISSING, bounded, lookup, shown
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.azure.policy.knowledge import AliasEntry

MOST_ITERATIONS = 100
"""How often the conditions of value counts may be looked at, those of nested ones multiplied."""
MOST_MEMBERS = 20_000
"""How many members of arrays one evaluation goes through before it gives up."""
MOST_LINES = 2_000
DEEPEST_RULE = 100


class Line(NamedTuple):
    """One step of an evaluation: where in the rule, what it says, what came of it and why.

    `result` is `true`, `false`, `error`, `unsupported` or `skipped`.
    """

    path: str
    says: str
    result: str
    why: str


class Scope(NamedTuple):
    """What holds while `count` goes through arrays.

    `pins`: array aliases in lower case → the index of the member. `named`: the members of value counts by name.
    `innermost`: the alias or the name that `current()` means.
    """

    pins: Mapping[str, int] = {}
    named: Mapping[str, Any] = {}
    innermost: str = ""
    iterations: int = 1


class Evaluation(NamedTuple):
    """Everything that one evaluation looks at, and the lines that it writes."""

    resource: Resource
    parameters: Mapping[str, Any]
    request: Request
    now: datetime
    aliases: Mapping[str, AliasEntry]
    lines: list[Line]
    members: list[int]


def evaluation_of(
    resource: Resource,
    parameters: Mapping[str, Any],
    request: Request,
    now: datetime,
    aliases: Mapping[str, AliasEntry],
) -> Evaluation:
    """A fresh evaluation. `parameters` go by their names in lower case."""
    return Evaluation(resource, parameters, request, now, aliases, [], [0])


def decide(run: Evaluation, rule: Any, path: str = "if", scope: Scope = Scope(), depth: int = 0) -> bool:  # noqa: B008
    """Whether a rule holds. Raises EvaluationError where Azure's evaluation fails, or Unsupported."""
    if depth > DEEPEST_RULE:
        raise Unsupported("the rule is nested too deep")
    place = len(run.lines)
    noted = place < MOST_LINES
    if place <= MOST_LINES:
        run.lines.append(Line(path, "", "skipped", "" if noted else "what follows is left out"))

    def note(says: str, result: str, why: str) -> None:
        if noted:
            run.lines[place] = Line(path, says, result, why)

    try:
        result, says, why = _decided(run, rule, path, scope, depth)
    except (EvaluationError, Unsupported) as error:
        outcome = "error" if isinstance(error, EvaluationError) else "unsupported"
        note(_said(rule), outcome, error.cause)
        raise
    note(says, "true" if result else "false", why)
    return result


def resolve(run: Evaluation, value: Any, scope: Scope = Scope()) -> Any:  # noqa: B008
    """A value of the rule with its expressions worked out, those inside of arrays and objects too."""
    if isinstance(value, str):
        if language.is_expression(value):
            return bounded(_value_of(run, language.parse(value), scope))
        return language.literal_of(value)
    if isinstance(value, list):
        return [resolve(run, item, scope) for item in value]
    if isinstance(value, dict):
        return {key: resolve(run, item, scope) for key, item in value.items()}
    return value


def _decided(run: Evaluation, rule: Any, path: str, scope: Scope, depth: int) -> tuple[bool, str, str]:
    if not isinstance(rule, dict):
        raise Unsupported(f"{path} is no condition")
    keys = {key.casefold(): key for key in rule}
    if len(rule) == 1 and "not" in keys:
        return not decide(run, rule[keys["not"]], f"{path}.not", scope, depth + 1), "not", ""
    for name, stops in (("allof", False), ("anyof", True)):
        if len(rule) == 1 and name in keys:
            parts = rule[keys[name]]
            if not isinstance(parts, list):
                raise Unsupported(f"{path}.{keys[name]} is no array")
            for number, part in enumerate(parts):
                here = f"{path}.{keys[name]}[{number}]"
                if decide(run, part, here, scope, depth + 1) is stops:
                    return stops, keys[name], f"condition {number + 1} of {len(parts)} decides"
            return not stops, keys[name], "" if parts else "empty"
    return _condition(run, rule, keys, path, scope, depth)


def _condition(
    run: Evaluation, rule: dict[str, Any], keys: Mapping[str, str], path: str, scope: Scope, depth: int
) -> tuple[bool, str, str]:
    subjects = [name for name in ("field", "value", "count") if name in keys]
    operators = [name for name in keys if name in OPERATORS]
    if len(subjects) != 1 or len(operators) != 1 or len(rule) != 2:
        raise Unsupported(f"{path} is no condition that Azure knows: {', '.join(plain(key, 30) for key in rule)}")
    subject, operator = rule[keys[subjects[0]]], operators[0]
    right = rule[keys[operator]]
    if subjects[0] == "count":
        count = _count(run, subject, path, scope, depth)
        wanted = resolve(run, right, scope)
        return holds(operator, count, wanted), _said(rule), f"the count is {count}, compared with {shown(wanted)}"
    if subjects[0] == "value":
        left = resolve(run, subject, scope)
        wanted = resolve(run, right, scope)
        return holds(operator, left, wanted), _said(rule), f"{shown(left)}, compared with {shown(wanted)}"
    field = _field_name(run, subject, scope)
    found, collection = select(run.resource, field, scope.pins, run.aliases)
    wanted = resolve(run, right, scope)
    if field.casefold() == "location":
        wanted = normal_location(wanted)
    if not collection:
        return holds(operator, found, wanted), _said(rule), f"{shown(found)}, compared with {shown(wanted)}"
    if operator == "exists":
        if not found:  # a list of conditions on nobody: no member is there
            return not wanted_to_exist(wanted), _said(rule), "the array has no members"
        return all(holds(operator, value, wanted) for value in found), _said(rule), f"{len(found)} members"
    if not found:
        return True, _said(rule), "the array has no members, so all of them are"
    results = [holds(operator, value, wanted) for value in found]  # all of them: one may be an error
    return all(results), _said(rule), f"every one of {len(found)} members, compared with {shown(wanted)}"


def _count(run: Evaluation, subject: Any, path: str, scope: Scope, depth: int) -> int:
    if not isinstance(subject, dict):
        raise Unsupported(f"{path}.count is no object")
    keys = {key.casefold(): key for key in subject}
    strange = keys.keys() - {"field", "value", "name", "where"}
    if strange or ("field" in keys) == ("value" in keys):
        raise Unsupported(f"{path}.count counts neither a field nor a value")
    where = subject[keys["where"]] if "where" in keys else None
    if "field" in keys:
        return _count_field(run, _field_name(run, subject[keys["field"]], scope), where, path, scope, depth)
    values = resolve(run, subject[keys["value"]], scope)
    if not isinstance(values, list):
        raise EvaluationError(f"{path}.count.value is no array but {shown(values, 60)}")
    name = subject.get(keys.get("name", ""), "")
    if not isinstance(name, str) or (not name and scope.innermost):
        raise Unsupported(f"{path}.count is inside of another and has no name")
    iterations = scope.iterations * max(len(values), 1)
    if iterations > MOST_ITERATIONS:
        raise EvaluationError(f"{path}.count goes through {iterations} values, and Azure through {MOST_ITERATIONS}")
    name = name or "default"
    total = 0
    for number, value in enumerate(values):
        _one_more(run)
        inner = Scope(scope.pins, {**scope.named, name.casefold(): value}, name, iterations)
        total += where is None or decide(run, where, f"{path}.count.where({name}={number})", inner, depth + 1)
    return total


def _count_field(run: Evaluation, alias: str, where: Any, path: str, scope: Scope, depth: int) -> int:
    stars = alias_path(alias).stars
    if not stars or not alias.endswith("[*]"):
        raise Unsupported(f"{path}.count counts {plain(alias, 80)}, which does not end in [*]")
    total = 0
    for pins in _members(run, alias, stars, dict(scope.pins)):
        _one_more(run)
        inner = Scope(pins, scope.named, alias, scope.iterations)
        at = ",".join(str(pins[star]) for star in stars)
        total += where is None or decide(run, where, f"{path}.count.where([{at}])", inner, depth + 1)
    return total


def _members(run: Evaluation, alias: str, stars: tuple[str, ...], pins: dict[str, int]) -> list[dict[str, int]]:
    """Where each member of an array stands, as pins; outer arrays first."""
    found = [pins]
    for star in stars:
        longer = []
        for known in found:
            if star in known:
                longer.append(known)
                continue
            members, _ = select(run.resource, alias[: len(star)], known, run.aliases)
            longer += [{**known, star: place} for place in range(len(members))]
            if len(longer) > MOST_MEMBERS:
                raise Unsupported("the arrays of the resource have more members than are looked at")
        found = longer
    return found


def _one_more(run: Evaluation) -> None:
    run.members[0] += 1
    if run.members[0] > MOST_MEMBERS:
        raise Unsupported("the arrays of the resource have more members than are looked at")


def _field_name(run: Evaluation, value: Any, scope: Scope) -> str:
    found = resolve(run, value, scope)
    if not isinstance(found, str):
        raise Unsupported("a field is named by no text")
    return found


def _value_of(run: Evaluation, found: language.Expression, scope: Scope) -> Any:
    if isinstance(found, language.Literal):
        return found.value
    if isinstance(found, language.Access):
        key = _value_of(run, found.key, scope)
        known = _inferred(run, found.of)
        if known is None:
            return access(_value_of(run, found.of, scope), key)
        if not isinstance(key, str) or lookup(known, key) is MISSING:
            asked = found.of.name if isinstance(found.of, language.Call) else "it"
            raise Unsupported(f"{plain(str(key), 40)} of {asked}() is not known: give it in the identity file")
        return lookup(known, key)
    name = found.name.casefold()
    if name in OF_THE_REQUEST:
        least, most = OF_THE_REQUEST[name]
        _check_count(found, least, most)
        if name == "if":
            chosen = truth(_value_of(run, found.arguments[0], scope), "if")
            return _value_of(run, found.arguments[1 if chosen else 2], scope)
        given = [_value_of(run, argument, scope) for argument in found.arguments]
        return _OF_THE_REQUEST[name](run, scope, *given)
    if name not in FUNCTIONS:
        raise Unsupported(f"the function {plain(found.name, 40)}() is not known here")
    work, least, most = FUNCTIONS[name]
    _check_count(found, least, most)
    return bounded(work(*[bounded(_value_of(run, argument, scope)) for argument in found.arguments]))


def _check_count(found: language.Call, least: int, most: int) -> None:
    if not least <= len(found.arguments) <= most:
        raise EvaluationError(f"{found.name} is given {len(found.arguments)} arguments")


def _parameter(run: Evaluation, _scope: Scope, name: Any) -> Any:
    wanted = text(name, "parameters").casefold()
    if wanted not in run.parameters:
        raise EvaluationError(f"there is no parameter {plain(wanted, 60)!r}")
    return run.parameters[wanted]


def _field(run: Evaluation, scope: Scope, name: Any) -> Any:
    found, collection = select(run.resource, text(name, "field"), scope.pins, run.aliases)
    if collection:
        return [None if value is MISSING else value for value in found]
    return "" if found is MISSING else found


def _current(run: Evaluation, scope: Scope, name: Any = None) -> Any:
    if not scope.innermost:
        raise EvaluationError("current() stands outside of a count")
    wanted = scope.innermost if name is None else text(name, "current")
    if wanted.casefold() in scope.named and "/" not in wanted:
        return scope.named[wanted.casefold()]
    if "/" not in wanted:
        raise EvaluationError(f"no count has the name {plain(wanted, 60)!r}")
    path = alias_path(wanted)
    if not path.stars or path.stars[0] not in scope.pins:
        raise EvaluationError(f"no count goes through {plain(wanted, 80)}")
    found, _ = select(run.resource, wanted, scope.pins, run.aliases)
    if all(star in scope.pins for star in path.stars):
        return None if not found or found[0] is MISSING else found[0]
    return [None if value is MISSING else value for value in found]


def _inferred(run: Evaluation, found: language.Expression) -> dict[str, Any] | None:
    """What is known of a request that was not described, for functions that would otherwise give an object of it."""
    name = found.name.casefold() if isinstance(found, language.Call) and not found.arguments else ""
    if name == "resourcegroup" and run.request.resource_group is None:
        group = group_in(run.resource.id)
        return {"name": group, "id": run.resource.id[: run.resource.id.casefold().find("/providers/")]} if group else {}
    if name == "subscription" and run.request.subscription is None:
        known = subscription_in(run.resource.id)
        return {"subscriptionId": known, "id": f"/subscriptions/{known}"} if known else {}
    if name == "requestcontext":
        return _request_context(run, Scope())
    return None


def _request_context(run: Evaluation, _scope: Scope) -> dict[str, Any]:
    version = run.request.api_version or lookup(run.resource.body, "apiVersion")
    found: dict[str, Any] = {"identity": run.request.identity}
    return {**found, "apiVersion": version} if isinstance(version, str) else found


def _resource_group(run: Evaluation, _scope: Scope) -> Any:
    if run.request.resource_group is None:
        raise Unsupported("resourceGroup() is not known: give it in the identity file")
    return {"name": group_in(run.resource.id), **run.request.resource_group}


def _subscription(run: Evaluation, _scope: Scope) -> Any:
    if run.request.subscription is None:
        raise Unsupported("subscription() is not known: give it in the identity file")
    return {"subscriptionId": subscription_in(run.resource.id), **run.request.subscription}


def _policy(run: Evaluation, _scope: Scope) -> Any:
    if run.request.policy is None:
        raise Unsupported("policy() is not known: give it in the identity file")
    return run.request.policy


def _claims(run: Evaluation, _scope: Scope) -> Any:
    if run.request.claims is None:
        raise Unsupported("claims() is not known: give them in the identity file")
    return run.request.claims


def _now(run: Evaluation, _scope: Scope, pattern: Any = None) -> str:
    return written(run.now) if pattern is None else formatted(run.now, text(pattern, "utcNow"))


_OF_THE_REQUEST: dict[str, Callable[..., Any]] = {
    "parameters": _parameter,
    "field": _field,
    "current": _current,
    "requestcontext": _request_context,
    "resourcegroup": _resource_group,
    "subscription": _subscription,
    "policy": _policy,
    "claims": _claims,
    "utcnow": _now,
}


def _said(rule: Any) -> str:
    """What a part of a rule says, on one line and without what is inside of a count."""
    if isinstance(rule, dict):
        rule = {
            key: {inner: "..." if inner.casefold() == "where" else what for inner, what in value.items()}
            if key.casefold() == "count" and isinstance(value, dict)
            else value
            for key, value in rule.items()
        }
    return shown(rule, 240, in_order=True)
