"""What a policy definition says: its mode, parameters, rule and effect, in any of the forms that it is kept in."""

from __future__ import annotations

from weighbridge.azure.policy.dates import date_of
from weighbridge.azure.policy.values import MISSING, is_number, lookup
from weighbridge.core.errors import UsageError, did_you_mean
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

SIMULATED_MODES = ("microsoft.machinelearningservices.v2.data", "microsoft.cognitiveservices.data")
"""Modes of resource providers whose built-in definitions can be tried on a described component."""


class Parameter(NamedTuple):
    """A parameter of a definition. `default` is MISSING if it has to be given; `allowed` is None if anything may be."""

    name: str
    type: str
    default: Any
    allowed: list[Any] | None


class Definition(NamedTuple):
    """One definition. `rule` is its `if`, `then` the rest; either may be anything in a definition that is broken."""

    name: str
    id: str
    mode: str
    built_in: bool
    parameters: dict[str, Parameter]
    rule: Any
    then: dict[str, Any]


def definitions_in(document: Any) -> list[Any]:
    """The documents of all definitions in a file: one, a list, or those of an ARM template."""
    if isinstance(document, list):
        return [found for item in document for found in definitions_in(item)]
    if isinstance(document, dict):
        resources = lookup(document, "resources")
        if isinstance(resources, list) and lookup(document, "policyRule") is MISSING:
            return [
                _unescaped(item)
                for item in resources
                if isinstance(item, dict) and str(lookup(item, "type")).lower().endswith("/policydefinitions")
            ]
    return [document]


def definition_of(document: Any) -> Definition:
    """A definition: its `properties`, an ARM resource, or no more than its rule.

    Raises UsageError if there is no rule in it, or its parameters are none.
    """
    if not isinstance(document, dict):
        raise UsageError("the policy is no JSON object", "give a policy definition")
    body = lookup(document, "properties")
    body = body if isinstance(body, dict) else document
    rule = lookup(body, "policyRule")
    if rule is MISSING and is_other(document):
        raise UsageError("this is an initiative or an assignment, no definition", "give one of its definitions")
    if rule is MISSING:
        rule = body
    found = lookup(rule, "if") if isinstance(rule, dict) else MISSING
    then = lookup(rule, "then") if isinstance(rule, dict) else MISSING
    if found is MISSING or not isinstance(then, dict):
        raise UsageError("the policy has no rule, so nothing would be assigned", "write policyRule with if and then")
    names = (lookup(document, key) for key in ("name", "id"))
    name, identifier = (value if isinstance(value, str) else "" for value in names)
    mode, kind = lookup(body, "mode"), lookup(body, "policyType")
    return Definition(
        name=name,
        id=identifier,
        mode=mode if isinstance(mode, str) else "All",
        built_in=isinstance(kind, str) and kind.casefold() in ("builtin", "static"),
        parameters=_parameters(lookup(body, "parameters")),
        rule=found,
        then=then,
    )


def is_other(document: Any) -> bool:
    """Whether a document is an initiative or an assignment, which have no rule of their own."""
    body = lookup(document, "properties") if isinstance(document, dict) else MISSING
    tables = [table for table in (document, body) if isinstance(table, dict)]
    return any(
        lookup(table, key) is not MISSING for table in tables for key in ("policyDefinitions", "policyDefinitionId")
    )


def given_parameters(document: Any) -> dict[str, Any]:
    """The values in a parameters file: `{name: value}`, `{name: {"value": value}}`, or a file for a template."""
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError("the parameters are no JSON object", 'write {"effect": {"value": "Deny"}}')
    inner = lookup(document, "parameters")
    table = inner if isinstance(inner, dict) and set(inner) != {"value"} else document
    return {
        name: value["value"] if isinstance(value, dict) and set(value) == {"value"} else value
        for name, value in table.items()
    }


def bound_parameters(definition: Definition, given: dict[str, Any]) -> dict[str, Any]:
    """The value of every parameter, by its name in lower case.

    Raises UsageError where Azure refuses the assignment: a value of another type or not among those that are allowed, a
    parameter that the definition does not have, or one that has no value.
    """
    known = {name.casefold(): parameter for name, parameter in definition.parameters.items()}
    for name in given:
        if name.casefold() not in known:
            mend = did_you_mean(name, definition.parameters, "Azure refuses such an assignment")
            raise UsageError(f"the definition has no parameter {plain(name, 60)!r}", mend)
    bound = {}
    values = {name.casefold(): value for name, value in given.items()}
    for folded, parameter in known.items():
        value = values.get(folded, parameter.default)
        if value is MISSING:
            raise UsageError(f"the parameter {plain(parameter.name, 60)!r} has no value", "give it with --parameters")
        bound[folded] = _checked(parameter, value)
    return bound


def _checked(parameter: Parameter, value: Any) -> Any:
    kinds: dict[str, bool] = {
        "string": isinstance(value, str),
        "array": isinstance(value, list),
        "object": isinstance(value, dict),
        "boolean": isinstance(value, bool),
        "integer": isinstance(value, int) and not isinstance(value, bool),
        "float": is_number(value),
        "datetime": isinstance(value, str) and date_of(value) is not None,
    }
    name = plain(parameter.name, 60)
    if not kinds.get(parameter.type.casefold(), False):
        raise UsageError(f"the parameter {name!r} is not of type {plain(parameter.type, 30)}", "mend its value")
    if parameter.allowed is not None:
        allowed = [_folded(item) for item in parameter.allowed]
        whole_array = isinstance(value, list) and _folded(value) not in allowed
        if any(_folded(item) not in allowed for item in (value if whole_array else [value])):
            raise UsageError(f"the parameter {name!r} has a value that is not allowed", "choose one of allowedValues")
    return value


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _parameters(table: Any) -> dict[str, Parameter]:
    if table is MISSING or table is None:
        return {}
    if not isinstance(table, dict) or not all(isinstance(value, dict) for value in table.values()):
        raise UsageError("the parameters of the policy are no objects", 'write {"effect": {"type": "String"}}')
    found = {}
    for name, value in table.items():
        kind, allowed = lookup(value, "type"), lookup(value, "allowedValues")
        found[name] = Parameter(
            name,
            kind if isinstance(kind, str) else "",
            lookup(value, "defaultValue"),
            allowed if isinstance(allowed, list) else None,
        )
    return found


def _unescaped(value: Any) -> Any:
    """A value of an ARM template as its deployment would write it: `[[x]` becomes `[x]`."""
    if isinstance(value, str):
        return value[1:] if value.startswith("[[") else value
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    if isinstance(value, dict):
        return {key: _unescaped(item) for key, item in value.items()}
    return value
