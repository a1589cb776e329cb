"""Policy definitions, resources and requests to Azure, small enough to be read in a test."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from weighbridge.azure.policy.definition import definition_of
from weighbridge.azure.policy.effects import Judgement, Surroundings, judge
from weighbridge.azure.policy.knowledge import AzureKnowledge, load_azure_knowledge
from weighbridge.azure.policy.request import Request
from weighbridge.azure.policy.resource import resource_of

NOW = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
THING = "Microsoft.Test/things"
GROUP = "/subscriptions/0a/resourceGroups/models/providers/"


@cache
def knowledge() -> AzureKnowledge:
    return load_azure_knowledge()


def policy(
    rule: Any, effect: Any = "deny", /, *, mode: str = "All", details: Any = None, **parameters: Any
) -> dict[str, Any]:
    """A definition. A parameter is its type, or its whole declaration."""
    declared = {name: {"type": value} if isinstance(value, str) else value for name, value in parameters.items()}
    then = {"effect": effect} if details is None else {"effect": effect, "details": details}
    return {"mode": mode, "parameters": declared, "policyRule": {"if": rule, "then": then}}


def thing(kind: str = THING, name: str = "one", **properties: Any) -> dict[str, Any]:
    """A resource. What begins with `at_` stands beside its properties."""
    beside = {key[3:]: value for key, value in properties.items() if key.startswith("at_")}
    inside = {key: value for key, value in properties.items() if not key.startswith("at_")}
    return {"type": kind, "name": name, **beside, "properties": inside}


def judged(
    definition: Any,
    resource: Any,
    given: dict[str, Any] | None = None,
    *,
    related: list[Any] | None = None,
    enforced: bool = True,
    now: datetime = NOW,
    **request: Any,
) -> Judgement:
    known = knowledge()
    around = Surroundings(
        request=Request(**request),
        now=now,
        knowledge=known,
        aliases=known.aliases,
        related=None if related is None else tuple(resource_of(item) for item in related),
        enforced=enforced,
    )
    return judge(definition_of(definition), resource_of(resource), given or {}, around)


def outcome(definition: Any, resource: Any, given: dict[str, Any] | None = None, **more: Any) -> str:
    return judged(definition, resource, given, **more).outcome


def holds(rule: Any, resource: Any, **more: Any) -> bool | str:
    """Whether a rule matches; the outcome if that is neither deny nor a pass."""
    found = outcome(policy(rule), resource, **more)
    return {"deny": True, "compliant": False, "not-applicable": False}.get(found, found)


def value_of(expression: str, resource: Any = None, **more: Any) -> Any:
    """What an expression gives: the value that an append with it would write."""
    import json

    definition = policy(
        {"field": "type", "exists": True},
        "append",
        details=[{"field": f"{THING}/result", "value": f"[createArray({expression[1:-1]})]"}],
    )
    found = judged(definition, thing() if resource is None else resource, **more)
    if found.outcome != "append":
        return found.outcome
    return json.loads(found.operations[0].value)[0]
