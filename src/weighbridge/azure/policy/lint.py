"""Finds what is wrong with a definition although Azure may take it: rules that miss what they are there to stop.

Each check looks at one definition and at what is known of aliases and types; none evaluates a resource.
"""

from __future__ import annotations

import re

from weighbridge.azure.policy import expression as language
from weighbridge.azure.policy.authoring import (
    Condition,
    authoring_faults,
    calls_in,
    conditions_in,
    without_templates,
)
from weighbridge.azure.policy.conditions import NEGATIVE, ORDERED
from weighbridge.azure.policy.definition import Definition, definition_of, definitions_in, is_other
from weighbridge.azure.policy.effects import EFFECTS
from weighbridge.azure.policy.faults import Unsupported
from weighbridge.azure.policy.lint_rules import LINT_RULES
from weighbridge.azure.policy.logic import contradiction
from weighbridge.azure.policy.selection import PLAIN_FIELDS, alias_path, tag_in
from weighbridge.azure.policy.values import MISSING, lookup, shown
from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from weighbridge.azure.policy.knowledge import AliasEntry, AzureKnowledge

_PARAMETER = re.compile(r"\[\s*parameters\(\s*'([^']*)'\s*\)\s*\]\Z", re.IGNORECASE)
_OPEN_VALUES = {"disabled", "allowinternetoutbound", "allow", "*"}
_MODEL_FIELDS = re.compile(r"/(?:model|model\.assetid|modelsettings\.modelid)\Z", re.IGNORECASE)
_HOST_OF_REGISTRY = re.compile(r"\.azurecr\.(?:io|us|cn)\b", re.IGNORECASE)


class PolicyFinding(NamedTuple):
    """One fault. `policy` is the definition's name, `location` the place in it."""

    rule: str
    severity: Severity
    title: str
    policy: str
    location: str
    evidence: str
    why: str
    mend: str


class Lint(NamedTuple):
    """What one lint looks at. `complete`: whether the aliases are all that there are, as a tenant lists them."""

    definition: Definition
    conditions: tuple[Condition, ...]
    knowledge: AzureKnowledge
    aliases: Mapping[str, AliasEntry]
    complete: bool


def lint_document(
    document: Any, knowledge: AzureKnowledge, snapshot: Mapping[str, AliasEntry] | None = None
) -> list[PolicyFinding]:
    """Every fault of every definition in a document, the worst first. Raises UsageError for an initiative."""
    found = []
    for item in definitions_in(document):
        try:
            definition = definition_of(item)
        except UsageError as error:
            if is_other(item):
                raise
            found.append(_finding("no-rule", "", "policyRule", error.cause))
            continue
        found += lint_definition(definition, knowledge, snapshot)
    if not definitions_in(document):
        found.append(_finding("no-rule", "", "resources", "the template holds no definition"))
    return sorted(found, key=lambda finding: -finding.severity.rank)


def lint_definition(
    definition: Definition, knowledge: AzureKnowledge, snapshot: Mapping[str, AliasEntry] | None = None
) -> list[PolicyFinding]:
    """Every fault of one definition, in the order of its text."""
    faults = authoring_faults(definition.rule, definition.then)
    found = [
        _finding("limit" if fault.code == "limit" else "malformed", definition.name, fault.path, fault.why)
        for fault in faults
    ]
    lint = Lint(
        definition,
        tuple(conditions_in(definition.rule)),
        knowledge,
        knowledge.aliases if snapshot is None else {**knowledge.aliases, **snapshot},
        snapshot is not None,
    )
    known = set(snapshot) if snapshot is not None else None
    for check in (_parameters, _effect, _mode, _tags, _paths, _arrays, _existence, _texts, _functions, _models):
        found += [_finding(name, definition.name, place, says) for name, place, says in check(lint)]
    found += [_finding(name, definition.name, place, says) for name, place, says in _aliases(lint, known)]
    why = contradiction(definition.rule)
    if why:
        found.append(_finding("never-matches", definition.name, "if", why))
    return list(dict.fromkeys(found))


def _finding(name: str, policy: str, place: str, evidence: str) -> PolicyFinding:
    rule = LINT_RULES[name]
    return PolicyFinding(rule.id, rule.severity, rule.title, policy, place, evidence, rule.why, rule.mend)


if TYPE_CHECKING:
    Hits = Iterator[tuple[str, str, str]]


def _parameters(lint: Lint) -> Hits:
    """Parameters that are missing, unused or open by default."""
    definition = lint.definition
    whole = {"if": definition.rule, "then": definition.then}
    used = set()
    for place, call in calls_in(whole, "policyRule"):
        name = call.arguments[0] if call.name.casefold() == "parameters" and len(call.arguments) == 1 else None
        if isinstance(name, language.Literal):
            used.add(str(name.value).casefold())
            if str(name.value).casefold() not in {known.casefold() for known in definition.parameters}:
                yield "undefined-parameter", place.removeprefix("policyRule."), str(name.value)
    for own, parameter in definition.parameters.items():
        if own.casefold() not in used:
            yield "unused-parameter", f"parameters.{own}", own
        opened = isinstance(parameter.default, str) and parameter.default.casefold() in _OPEN_VALUES
        if opened and not own.casefold().startswith("effect"):
            yield "open-default", f"parameters.{own}", f"by default {shown(parameter.default)}"
        if isinstance(parameter.default, list) and "" in parameter.default:
            yield "open-default", f"parameters.{own}", "by default an empty entry, which is a part of everything"


def _effect(lint: Lint) -> Hits:
    """Effects that are fixed, unknown, or lack what they need."""
    definition = lint.definition
    effect = lookup(definition.then, "effect")
    parameter = _PARAMETER.match(effect) if isinstance(effect, str) else None
    possible: list[str] = []
    if parameter is None:
        if not isinstance(effect, str) or not language.is_expression(effect):
            yield "effect-not-a-parameter", "then.effect", shown(None if effect is MISSING else effect)
            possible = [effect] if isinstance(effect, str) else []
            if not possible or effect.casefold() not in EFFECTS:
                yield "effect-unknown", "then.effect", shown(None if effect is MISSING else effect)
    else:
        names = {name.casefold(): known for name, known in definition.parameters.items()}
        known = names.get(parameter.group(1).casefold())
        allowed = [str(value) for value in (known.allowed or ())] if known else []
        possible = allowed
        if known and "disabled" not in {value.casefold() for value in allowed}:
            yield "effect-values", f"parameters.{known.name}", shown(known.allowed)
        if not definition.built_in:
            for value in allowed:
                if value.casefold() not in EFFECTS:
                    yield "effect-unknown", f"parameters.{parameter.group(1)}", value
    folded = {value.casefold() for value in possible}
    details = lookup(definition.then, "details")
    if folded & {"modify", "deployifnotexists"}:
        roles = lookup(details, "roleDefinitionIds") if isinstance(details, dict) else MISSING
        if not isinstance(roles, list) or not roles:
            yield "no-roles", "then.details", "no roleDefinitionIds"
    operations = lookup(details, "operations") if isinstance(details, dict) else MISSING
    if "modify" in folded and isinstance(operations, list):
        for number, operation in enumerate(operations):
            field = lookup(operation, "field") if isinstance(operation, dict) else MISSING
            if not isinstance(field, str) or field.casefold().startswith(("tags", "[concat('tags", "identity.")):
                continue
            entry = lint.aliases.get(field.casefold())
            if entry is None or not entry.modifiable:
                yield "not-modifiable", f"then.details.operations[{number}]", field


def _mode(lint: Lint) -> Hits:
    """Modes that do not go with what the rule looks at."""
    mode = lint.definition.mode.casefold()
    if mode not in ("all", "indexed"):
        if not lint.definition.built_in:
            yield "mode-not-custom", "mode", lint.definition.mode
        return
    types = _types(lint)
    if mode == "indexed":
        for kind in types:
            entry = lint.knowledge.types.get(kind)
            if entry is not None and not entry.indexed:
                yield "mode-passes-over", "mode", entry.type
    elif not types:
        for condition in lint.conditions:
            field = str(condition.subject).casefold() if condition.kind == "field" else ""
            if field == "location" or field.startswith("tags"):
                yield "mode-all-for-tags", condition.path, str(condition.subject)
    if not types and not any("type" in str(condition.subject).casefold() for condition in lint.conditions):
        yield "always-matches", "if", "no condition on type"


def _tags(lint: Lint) -> Hits:
    """Tags whose value decides."""
    for condition in lint.conditions:
        field = condition.subject if condition.kind == "field" and isinstance(condition.subject, str) else ""
        named = tag_in(field) is not None or field.casefold().startswith("[concat('tags[")
        in_value = condition.kind == "value" and re.search(
            r"field\('tags|\.tags\b", str(condition.subject), re.IGNORECASE
        )
        if (named or in_value) and condition.operator not in ("exists", "containskey", "notcontainskey"):
            yield (
                "forgeable-tag",
                condition.path,
                f"{shown(condition.subject)} {condition.operator} {shown(condition.right)}",
            )


def _paths(lint: Lint) -> Hits:
    """Some types that run models, and not the others."""
    paths = {kind for kind, entry in lint.knowledge.types.items() if entry.deploys}
    covered = paths & set(_types(lint))
    of_model = any(_MODEL_FIELDS.search(str(condition.subject)) for condition in lint.conditions)
    judged = any(
        condition.kind == "value" or tag_in(str(condition.subject)) is not None for condition in lint.conditions
    )
    # A rule on properties of one type can be about nothing else; the others need rules of their own.
    if covered and covered != paths and judged and not of_model and not _has_aliases(lint):
        left = sorted(lint.knowledge.types[kind].type for kind in paths - covered)
        yield "one-path", "if", f"not covered: {', '.join(left)}"


def _arrays(lint: Lint) -> Hits:
    """Fields with [*] outside of a count."""
    for condition in lint.conditions:
        field = condition.subject if condition.kind == "field" and isinstance(condition.subject, str) else ""
        if "[*]" not in field:
            if condition.negated % 2 and condition.operator in NEGATIVE:
                yield "negated-twice", condition.path, f"not {shown(field or condition.subject)} {condition.operator}"
            continue
        if condition.operator in ("contains", "notcontains"):
            yield "contains-on-array", condition.path, field
        counted = any(field.casefold().startswith(alias) for alias in condition.counting)
        if counted or condition.operator == "exists":
            continue
        if condition.negated and condition.operator in NEGATIVE:
            yield "double-negation", condition.path, f"not {field} {condition.operator} {shown(condition.right)}"
        else:
            yield "vacuous-all", condition.path, f"{field} {condition.operator} {shown(condition.right)}"


def _existence(lint: Lint) -> Hits:
    """Positive conditions on properties that nothing says have to be there."""
    asked = {
        str(condition.subject).casefold()
        for condition in lint.conditions
        if condition.kind == "field" and condition.operator == "exists"
    }
    for condition in lint.conditions:
        field = condition.subject if condition.kind == "field" and isinstance(condition.subject, str) else ""
        if not field or field.casefold() in (*PLAIN_FIELDS, *asked) or field.startswith("[") or condition.counting:
            continue
        negative = (condition.operator in NEGATIVE) != bool(condition.negated % 2)
        if (
            "[*]" not in field
            and condition.operator != "exists"
            and not negative
            and condition.operator not in NEGATIVE
        ) or (condition.operator in ORDERED and "[*]" not in field):
            yield "missing-existence", condition.path, f"{field} {condition.operator} {shown(condition.right)}"


def _texts(lint: Lint) -> Hits:
    """Patterns, arrays and parts of texts."""
    types = {name.casefold(): parameter.type.casefold() for name, parameter in lint.definition.parameters.items()}
    for condition in lint.conditions:
        right = condition.right
        if isinstance(right, str):
            parameter = _PARAMETER.match(right)
            kind = types.get(parameter.group(1).casefold(), "") if parameter else ""
            if kind == "array" and condition.operator not in ("in", "notin"):
                yield "array-needs-in", condition.path, f"{condition.operator} {right}"
            stars = right.count("*") if not language.is_expression(right) else 0
            allowed = 1 if condition.operator in ("like", "notlike") else 0
            if condition.operator in ("like", "notlike", "contains", "notcontains") and stars > allowed:
                yield "wildcards", condition.path, f"{condition.operator} {right}"
        if isinstance(right, list) and condition.operator not in ("in", "notin"):
            yield "array-needs-in", condition.path, f"{condition.operator} {shown(right)}"
        variable = isinstance(right, str) and language.is_expression(right)
        if condition.operator in ("contains", "notcontains") and variable and "[*]" not in str(condition.subject):
            yield "substring", condition.path, f"{shown(condition.subject)} {condition.operator} {right}"


def _functions(lint: Lint) -> Hits:
    """Functions that fail on some requests."""
    whole = {"if": lint.definition.rule, "then": without_templates(lint.definition.then)}
    for place, text in _expressions(whole):
        where = place.removeprefix("policyRule.")
        found = language.parse(text)
        for identity in _claims(found):
            yield "unguarded-identity", where, identity
        guarded = any(call.name.casefold() == "if" for call in language.calls(found))
        for call in language.calls(found):
            name = call.name.casefold()
            inside = [inner.name.casefold() for argument in call.arguments for inner in language.calls(argument)]
            if name in ("substring", "int", "json", "adddays", "iprangecontains") and "field" in inside and not guarded:
                yield "fragile-function", where, text[:120]


def _expressions(whole: Any) -> Iterator[tuple[str, str]]:
    from weighbridge.azure.policy.authoring import texts_in

    for place, text in texts_in(whole, "policyRule"):
        if language.is_expression(text):
            try:
                language.parse(text)
            except Unsupported:
                continue
            yield place, text


def _claims(found: language.Expression) -> Iterator[str]:
    """Claims of the caller that are read as if there always was one."""
    if isinstance(found, language.Access):
        of = found.of
        if (
            isinstance(of, language.Access)
            and isinstance(of.of, language.Call)
            and of.of.name.casefold() == "requestcontext"
            and isinstance(of.key, language.Literal)
            and str(of.key.value).casefold() == "identity"
        ):
            claim = found.key.value if isinstance(found.key, language.Literal) else "…"
            yield f"requestContext().identity.{claim}"
        yield from _claims(of)
        yield from _claims(found.key)
    elif isinstance(found, language.Call):
        for argument in found.arguments:
            yield from _claims(argument)


def _models(lint: Lint) -> Hits:
    """Rules on the model of a deployment that leave something open, or compare it with what it never is."""
    of_model = [
        condition
        for condition in lint.conditions
        if condition.kind == "field" and isinstance(condition.subject, str) and _MODEL_FIELDS.search(condition.subject)
    ]
    for condition in of_model:
        if isinstance(condition.right, str | list) and _HOST_OF_REGISTRY.search(str(condition.right)):
            yield (
                "never-matches",
                condition.path,
                "a deployment names a model asset, never an image of a container registry",
            )
    for name, parameter in lint.definition.parameters.items():
        if of_model and _HOST_OF_REGISTRY.search(str(parameter.default)):
            why = "a deployment names a model asset, never an image of a container registry"
            yield "never-matches", f"parameters.{name}", why
    custom = [condition for condition in of_model if not condition.subject.casefold().split("/")[0].endswith(".data")]
    exact = all(condition.operator in ("equals", "in", "exists") for condition in of_model)
    if custom and not exact and not any("/versions/" in str(condition.right).casefold() for condition in of_model):
        yield "unpinned-model", custom[0].path, "no condition asks for /versions/"
    for condition in lint.conditions:
        if str(condition.subject).casefold().endswith("/model.registryname") and condition.operator == "exists":
            yield "local-models", condition.path, "only models with a registryName are judged"


def _aliases(lint: Lint, known: set[str] | None) -> Hits:
    """Aliases that do not exist, that nobody has seen, or that are of another type."""
    types = _types(lint)
    for condition in lint.conditions:
        field = condition.subject
        if condition.kind == "count" and isinstance(field, dict):
            field = next((value for key, value in field.items() if key.casefold() == "field"), None)
        elif condition.kind == "value":
            continue
        if not isinstance(field, str) or field.startswith("[") or field.casefold() in PLAIN_FIELDS:
            continue
        if tag_in(field) is None:
            yield from _alias(lint, condition.path, field, types, known)
    for place, call in calls_in({"if": lint.definition.rule}, "policyRule"):
        name = call.arguments[0] if call.name.casefold() == "field" and len(call.arguments) == 1 else None
        if isinstance(name, language.Literal) and "/" in str(name.value):
            yield from _alias(lint, place.removeprefix("policyRule."), str(name.value), types, known)


def _alias(lint: Lint, place: str, field: str, types: list[str], known: set[str] | None) -> Hits:
    try:
        path = alias_path(field)
    except Unsupported as error:
        yield "alias-unknown", place, error.cause
        return
    entry = lint.aliases.get(field.casefold())
    if known is not None and field.casefold() not in known:
        yield "alias-unknown", place, f"{field} is not in the list of the tenant"
    elif entry is None:
        near = _near(lint, field)
        yield "alias-unknown", place, f"{field}{f'; there is {near}' if near else ' is not known'}"
    elif entry.certainty != "alias":
        yield "alias-unverified", place, f"{field} ({entry.source}, {entry.date})"
    if types and "/" in path.type and path.type.casefold() not in types:
        yield "alias-of-other-type", place, f"{field}, and the rule is about {', '.join(types)}"


def _near(lint: Lint, field: str) -> str:
    import difflib

    near = difflib.get_close_matches(field.casefold(), list(lint.aliases), 1, 0.85)
    return lint.aliases[near[0]].alias if near else ""


def _types(lint: Lint) -> list[str]:
    """The types that a rule names, in lower case."""
    found: list[str] = []
    for condition in lint.conditions:
        if (
            condition.kind == "field"
            and str(condition.subject).casefold() == "type"
            and condition.operator in ("equals", "in")
        ):
            values = condition.right if isinstance(condition.right, list) else [condition.right]
            found += [value.casefold() for value in values if isinstance(value, str) and not value.startswith("[")]
    return found


def _has_aliases(lint: Lint) -> bool:
    in_values = any(
        call.name.casefold() == "field" and "/" in str(call.arguments[0].value)
        for _, call in calls_in(lint.definition.rule, "if")
        if call.arguments and isinstance(call.arguments[0], language.Literal)
    )
    return in_values or any(
        condition.kind == "field" and "/" in str(condition.subject) and condition.operator != "exists"
        for condition in lint.conditions
    )
