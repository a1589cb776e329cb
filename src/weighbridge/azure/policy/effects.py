"""From the rule to the outcome: whether the definition concerns the resource at all, and what its effect does.

    disabled → (mode) → if → append, modify → deny → audit, manual → afterwards: auditIfNotExists, deployIfNotExists

| outcome | when |
|---|---|
| `not-applicable` | the mode passes the resource over, its type can never match, or the effect is for another action |
| `compliant` | the rule does not match, or what has to exist beside the resource does |
| `deny`, `audit`, `append`, `modify`, `deploy`, `manual` | it matches, and that is the effect |
| `error-deny` | the evaluation fails: Azure denies, whatever the effect is |
| `not-enforced` | it would be denied, but the assignment says DoNotEnforce |
| `disabled` | the effect is |
| `unknown` | related resources decide, and none were given |
| `unsupported` | Azure would refuse the definition, or it needs what is not known here |

Source: Learn, "Azure Policy definitions effect basics" with its pages, and "What is applicability in Azure Policy?".
"""

from __future__ import annotations

from typing import Literal

from weighbridge.azure.policy.authoring import authoring_faults
from weighbridge.azure.policy.conditions import OPERATORS
from weighbridge.azure.policy.definition import SIMULATED_MODES, Definition, bound_parameters
from weighbridge.azure.policy.evaluate import Evaluation, Line, decide, evaluation_of, resolve
from weighbridge.azure.policy.faults import EvaluationError, Unsupported
from weighbridge.azure.policy.knowledge import AzureKnowledge
from weighbridge.azure.policy.request import Request
from weighbridge.azure.policy.resource import Resource, group_in, subscription_in
from weighbridge.azure.policy.selection import select
from weighbridge.azure.policy.values import MISSING, lookup, shown
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.azure.policy.knowledge import AliasEntry

Outcome = Literal[
    "compliant",
    "not-applicable",
    "disabled",
    "audit",
    "append",
    "modify",
    "deploy",
    "manual",
    "not-enforced",
    "deny",
    "error-deny",
    "unknown",
    "unsupported",
]
SHUT: frozenset[str] = frozenset({"deny", "error-deny", "unknown", "unsupported"})
"""Outcomes with which a request does not pass, or nobody knows whether it would."""
EFFECTS = {
    name.casefold(): name
    for name in (
        "append",
        "audit",
        "auditIfNotExists",
        "deny",
        "denyAction",
        "deployIfNotExists",
        "disabled",
        "manual",
        "modify",
    )
}


class Operation(NamedTuple):
    """One change that append or modify would make: of a field, to a value as JSON."""

    operation: str
    field: str
    value: str


class Judgement(NamedTuple):
    """What a definition makes of a request. `matched`: whether its `if` holds; `effect` as it is after parameters."""

    matched: bool
    outcome: Outcome
    effect: str
    why: str
    operations: tuple[Operation, ...]
    trace: tuple[Line, ...]


class Surroundings(NamedTuple):
    """What is given beside definition and resource. `related` is None if nobody said what else exists."""

    request: Request
    now: datetime
    knowledge: AzureKnowledge
    aliases: Mapping[str, AliasEntry]
    related: Sequence[Resource] | None = None
    enforced: bool = True


def judge(definition: Definition, resource: Resource, given: Mapping[str, Any], around: Surroundings) -> Judgement:
    """The outcome for one resource. Raises UsageError for parameters that Azure would not take."""
    parameters = bound_parameters(definition, dict(given))
    run = evaluation_of(resource, parameters, around.request, around.now, around.aliases)
    effect = ""
    try:
        _check_authoring(run, definition)
        effect = _effect(run, definition)
        mode = definition.mode.casefold()
        if effect == "disabled":
            return _judged(run, False, "disabled", effect, "the effect is disabled, so nothing is looked at")
        if (effect == "denyAction") != (around.request.action.casefold() == "delete"):
            return _judged(
                run, False, "not-applicable", effect, f"the request is to {plain(around.request.action, 20)}"
            )
        passed_over = _passed_over(mode, resource, around.knowledge)
        if passed_over:
            return _judged(run, False, "not-applicable", effect, passed_over)
        if not decide(run, definition.rule):
            return _not_matched(run, definition, effect)
        return _matched(run, definition, effect, around)
    except EvaluationError as error:
        if not around.enforced:
            return _judged(run, False, "not-enforced", effect, f"the evaluation fails: {error.cause}")
        return _judged(run, False, "error-deny", effect, f"the evaluation fails, which denies: {error.cause}")
    except Unsupported as error:
        return _judged(run, False, "unsupported", effect, error.cause)


def _check_authoring(run: Evaluation, definition: Definition) -> None:
    faults = authoring_faults(definition.rule, definition.then)
    if faults:
        run.lines.extend(Line(fault.path, "", "unsupported", fault.why) for fault in faults[:100])
        raise Unsupported(f"{faults[0].path}: {faults[0].why}")


def _judged(
    run: Evaluation,
    matched: bool,
    outcome: Outcome,
    effect: str,
    why: str,
    operations: tuple[Operation, ...] = (),
) -> Judgement:
    return Judgement(matched, outcome, effect, why, operations, tuple(run.lines))


def _effect(run: Evaluation, definition: Definition) -> str:
    wanted = lookup(definition.then, "effect")
    if wanted is MISSING:
        raise Unsupported("the policy has no effect")
    found = resolve(run, wanted)
    if not isinstance(found, str) or found.casefold() not in EFFECTS:
        raise Unsupported(f"the effect {shown(found, 60)} is not known here")
    return EFFECTS[found.casefold()]


def _passed_over(mode: str, resource: Resource, knowledge: AzureKnowledge) -> str:
    """Why a mode does not look at a resource; empty if it does. Raises Unsupported for modes of providers."""
    kind = resource.type.casefold()
    if mode in SIMULATED_MODES:
        return "" if kind.startswith(mode) else f"the mode is for components of {mode}"
    if mode not in ("all", "indexed"):
        raise Unsupported(f"the mode {plain(mode, 80)} is for Microsoft's own definitions")
    known = knowledge.types.get(kind)
    if mode == "indexed" and known is not None and not known.indexed:
        return f"the mode Indexed passes over {plain(resource.type, 120)}, which has no tags and no location"
    return ""


def _not_matched(run: Evaluation, definition: Definition, effect: str) -> Judgement:
    if effect in ("auditIfNotExists", "deployIfNotExists"):
        return _judged(run, False, "not-applicable", effect, "the rule does not match")
    only_of = _fields(definition.rule)
    considered = only_of & {"type", "name", "kind"}
    if only_of <= considered:  # nothing but what a resource is called: then its type alone counts
        considered = considered & {"type"}
    possible, _ = _possible(run, definition.rule, considered)
    if not possible:
        return _judged(run, False, "not-applicable", effect, "no resource of this type can match the rule")
    return _judged(run, False, "compliant", effect, "the rule does not match")


def _fields(rule: Any) -> set[str]:
    if not isinstance(rule, dict):
        return set()
    found: set[str] = set()
    for key, value in rule.items():
        folded = key.casefold()
        if folded == "not":
            found |= _fields(value)
        elif folded in ("allof", "anyof"):
            found |= {name for part in value for name in _fields(part)}
        elif folded == "field":
            found.add(str(value).casefold())
        elif folded in ("value", "count"):
            found.add(folded)
    return found


def _possible(run: Evaluation, rule: Any, considered: set[str]) -> tuple[bool, bool]:
    """Whether a rule can hold, and whether it can fail to, if only fields in `considered` are looked at."""
    keys = {key.casefold(): key for key in rule}
    if "not" in keys:
        can, can_not = _possible(run, rule[keys["not"]], considered)
        return can_not, can
    for name, every in (("allof", True), ("anyof", False)):
        if name in keys:
            parts = [_possible(run, part, considered) for part in rule[keys[name]]]
            if every:
                return all(can for can, _ in parts), any(can_not for _, can_not in parts)
            return any(can for can, _ in parts), all(can_not for _, can_not in parts)
    if "field" in keys and OPERATORS & keys.keys() and str(rule[keys["field"]]).casefold() in considered:
        quiet = run._replace(lines=[], members=[0])
        try:
            holds = decide(quiet, rule)
        except (EvaluationError, Unsupported):
            return True, True
        return holds, not holds
    return True, True


def _matched(run: Evaluation, definition: Definition, effect: str, around: Surroundings) -> Judgement:
    details = lookup(definition.then, "details")
    if effect in ("deny", "denyAction"):
        if effect == "denyAction":
            names = details.get("actionNames", ()) if isinstance(details, dict) else ()
            if [str(name).casefold() for name in names] != ["delete"]:
                raise Unsupported("denyAction is for the action delete alone")
        if not around.enforced:
            return _judged(run, True, "not-enforced", effect, "the rule matches; the assignment does not enforce it")
        return _judged(run, True, "deny", effect, "the rule matches")
    if effect == "audit":
        return _judged(run, True, "audit", effect, "the rule matches; the request passes and is marked")
    if effect == "manual":
        return _judged(run, True, "manual", effect, "the rule matches; a person attests")
    if effect == "append":
        return _append(run, details, effect, around)
    if effect == "modify":
        return _modify(run, details, effect, around)
    return _if_not_exists(run, details, effect, around)


def _append(run: Evaluation, details: Any, effect: str, around: Surroundings) -> Judgement:
    entries = details if isinstance(details, list) else [details]
    operations = []
    for entry in entries:
        field, value = _field_and_value(run, entry)
        there, collection = select(run.resource, field, {}, run.aliases)
        if collection:
            operations.append(Operation("append", field, shown(value, 4096)))
        elif there is MISSING:
            operations.append(Operation("add", field, shown(value, 4096)))
        elif there != value:
            if not around.enforced:
                return _judged(run, True, "not-enforced", effect, f"{field} is there with another value")
            return _judged(run, True, "deny", effect, f"append denies: {plain(field, 120)} is there with another value")
    if not around.enforced and operations:
        return _judged(run, True, "not-enforced", effect, "the rule matches; the assignment does not enforce it")
    if not operations:
        return _judged(run, True, "compliant", effect, "what would be appended is there already")
    return _judged(run, True, "append", effect, "the rule matches; the request is changed", tuple(operations))


def _modify(run: Evaluation, details: Any, effect: str, around: Surroundings) -> Judgement:
    entries = lookup(details, "operations") if isinstance(details, dict) else MISSING
    if not isinstance(entries, list) or not entries:
        raise Unsupported("modify has no operations")
    operations = []
    for entry in entries:
        if not isinstance(entry, dict):
            raise Unsupported("an operation of modify is no object")
        condition = lookup(entry, "condition")
        if condition is not MISSING and resolve(run, condition) not in (True, "true", "True"):
            continue
        wanted = str(lookup(entry, "operation")).casefold()
        name = {"add": "add", "addorreplace": "addOrReplace", "remove": "remove"}.get(wanted)
        if name is None:
            raise Unsupported(f"{plain(wanted, 40)} is no operation of modify")
        field, value = _field_and_value(run, entry, needed=name != "remove")
        there, collection = select(run.resource, field, {}, run.aliases)
        missing = not there if collection else there is MISSING
        if (name == "add" and (missing or collection)) or (name == "remove" and not missing):
            operations.append(Operation(name, field, "" if name == "remove" else shown(value, 4096)))
        elif name == "addOrReplace" and there != (value if not collection else [value]):
            operations.append(Operation(name, field, shown(value, 4096)))
    if not around.enforced and operations:
        return _judged(run, True, "not-enforced", effect, "the rule matches; the assignment does not enforce it")
    if not operations:
        return _judged(run, True, "compliant", effect, "nothing is left to change")
    return _judged(run, True, "modify", effect, "the rule matches; the request is changed", tuple(operations))


def _field_and_value(run: Evaluation, entry: Any, *, needed: bool = True) -> tuple[str, Any]:
    field = resolve(run, lookup(entry, "field")) if isinstance(entry, dict) else MISSING
    value = lookup(entry, "value") if isinstance(entry, dict) else MISSING
    if not isinstance(field, str) or (needed and value is MISSING):
        raise Unsupported("an operation has no field or no value")
    return field, None if value is MISSING else resolve(run, value)


def _if_not_exists(run: Evaluation, details: Any, effect: str, around: Surroundings) -> Judgement:
    kind = resolve(run, lookup(details, "type")) if isinstance(details, dict) else MISSING
    if not isinstance(kind, str):
        raise Unsupported(f"{effect} does not say which type has to exist")
    if around.related is None:
        return _judged(run, True, "unknown", effect, f"whether {plain(kind, 120)} exists was not said: give --related")
    name, group = (resolve(run, lookup(details, key)) for key in ("name", "resourceGroupName"))
    scope = resolve(run, lookup(details, "existenceScope"))
    whole = isinstance(scope, str) and scope.casefold() == "subscription"
    condition = lookup(details, "existenceCondition")
    candidates = [
        resource
        for resource in around.related
        if resource.type.casefold() == kind.casefold()
        and _named(resource, name)
        and _within(resource, run.resource, group, whole=whole)
    ]
    for number, candidate in enumerate(candidates):
        if condition is MISSING:
            return _judged(run, True, "compliant", effect, f"{plain(candidate.full_name, 120)} exists")
        # field() on the right of an existence condition is still of the resource that is judged.
        inner = run._replace(resource=candidate)
        settled = _settle_fields(run, condition)
        if decide(inner, settled, f"then.details.existenceCondition({number})"):
            return _judged(run, True, "compliant", effect, f"{plain(candidate.full_name, 120)} is as it has to be")
    why = f"{len(candidates)} of type {plain(kind, 120)}, none as it has to be"
    if effect == "auditIfNotExists":
        return _judged(run, True, "audit", effect, why)
    return _judged(run, True, "deploy" if around.enforced else "not-enforced", effect, why)


def _settle_fields(run: Evaluation, condition: Any) -> Any:
    """A condition with the right sides and values worked out on the resource that the rule matched."""
    if not isinstance(condition, dict):
        return condition
    settled = {}
    for key, value in condition.items():
        folded = key.casefold()
        if folded in ("allof", "anyof") and isinstance(value, list):
            settled[key] = [_settle_fields(run, part) for part in value]
        elif folded == "not":
            settled[key] = _settle_fields(run, value)
        elif folded in ("field", "count"):
            settled[key] = value
        else:
            settled[key] = _as_text(resolve(run, value))
    return settled


def _as_text(value: Any) -> Any:
    """A value that is worked out, such that it is not taken for an expression again."""
    if isinstance(value, str):
        return "[" + value if value.startswith("[") else value
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return value


def _named(resource: Resource, name: Any) -> bool:
    if not isinstance(name, str):
        return True
    wanted, there = name.casefold().split("/"), resource.full_name.casefold().split("/")
    if len(wanted) == 1:
        return wanted[0] in ("?", there[-1])
    return len(wanted) == len(there) and all(part in ("?", own) for part, own in zip(wanted, there, strict=True))


def _within(resource: Resource, judged: Resource, group: Any, *, whole: bool) -> bool:
    """Whether a related resource is where the definition looks. One without an identifier was given on purpose."""
    if not resource.id or not judged.id:
        return True
    if resource.id.casefold().startswith(judged.id.casefold().rstrip("/") + "/"):
        return True
    if resource.type.casefold().startswith(judged.type.casefold() + "/"):
        return False
    if subscription_in(resource.id).casefold() != subscription_in(judged.id).casefold():
        return False
    wanted = group if isinstance(group, str) else group_in(judged.id)
    return (whole and not isinstance(group, str)) or group_in(resource.id).casefold() == wanted.casefold()
