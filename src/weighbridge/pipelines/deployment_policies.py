"""The last of the seven checks: what a policy definition says of the deployment, evaluated here as Azure would.

A deployment is judged as it will be sent: as the resource that the file describes, by the pipeline's identity. Whatever
is neither compliant nor not about it does not pass; what cannot be evaluated is unknown.
"""

from __future__ import annotations

from functools import partial

from weighbridge.azure.policy.definition import definition_of, definitions_in, given_parameters
from weighbridge.azure.policy.effects import Surroundings, judge
from weighbridge.azure.policy.knowledge import load_azure_knowledge
from weighbridge.azure.policy.request import request_of
from weighbridge.azure.policy.resource import resource_of
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.reason import Reason, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

OPEN = ("compliant", "not-applicable")
NEEDS = "a policy that lets it pass"


def policy_checks(
    documents: Mapping[str, Any], parameters: Any, identity: Any, now: datetime
) -> tuple[Callable[[Mapping[str, Any]], Reason], ...]:
    """A check for each definition in these documents, by the names of their files. Raises UsageError for none."""
    knowledge = load_azure_knowledge()
    around = Surroundings(request_of(identity), now, knowledge, knowledge.aliases)
    given = given_parameters(parameters)
    checks = []
    for name, document in documents.items():
        for one in definitions_in(document):
            definition = definition_of(one)
            checks.append(partial(_judged, name=name, definition=definition, given=given, around=around))
    return tuple(checks)


def _judged(body: Mapping[str, Any], name: str, definition: Any, given: Any, around: Surroundings) -> Reason:
    requirement = f"policy {name}"
    try:
        outcome = judge(definition, resource_of(dict(body)), given, around).outcome
    except WeighbridgeError as error:
        return Reason(requirement, Result.UNKNOWN, error.cause, NEEDS)
    if outcome == "unsupported":
        return Reason(requirement, Result.UNKNOWN, "it cannot be evaluated here", NEEDS)
    return Reason(requirement, Result.MET if outcome in OPEN else Result.UNMET, f"the outcome is {outcome}", NEEDS)
