"""The last of the seven checks: what a policy definition says of the deployment, evaluated here as Azure would.

A deployment is judged as it will be sent: as the resource that the file describes, by the pipeline's identity. Whatever
is neither compliant nor not about it does not pass; what cannot be evaluated is unknown.
"""

from __future__ import annotations

from functools import partial

from weighbridge.azure.policy.definition import definition_of, definitions_in, given_parameters
from weighbridge.azure.policy.effects import SHUT, Surroundings, judge
from weighbridge.azure.policy.knowledge import load_azure_knowledge
from weighbridge.azure.policy.request import request_of
from weighbridge.azure.policy.resource import resource_of
from weighbridge.azure.policy.stage import judge_stage
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.gate.reason import Reason, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from typing import Any

    from weighbridge.core.settings import AzureSettings

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


def stage_check(
    settings: AzureSettings, stage: str, identity: Any, now: datetime
) -> Callable[[Mapping[str, Any]], Reason]:
    """A check of everything that our own policies say at a stage, with the settings' parameters."""
    knowledge = load_azure_knowledge()
    around = Surroundings(request_of(identity), now, knowledge, knowledge.aliases)
    return partial(_judged_for_stage, settings=settings, stage=stage, around=around)


def _judged_for_stage(body: Mapping[str, Any], settings: AzureSettings, stage: str, around: Surroundings) -> Reason:
    name, needs = "policy", f"policies of {stage} that let it pass (weighbridge azure policy render)"
    try:
        found = judge_stage(settings, stage, resource_of(dict(body)), around)
    except WeighbridgeError as error:
        return Reason(name, Result.UNKNOWN, error.cause, needs)
    shut = [one for one in found if one.judgement.outcome in SHUT]
    unsure = [one for one in shut if one.judgement.outcome in ("unsupported", "unknown")]
    if shut:
        why = ", ".join(f"{one.id}: {one.judgement.outcome}" for one in shut)
        return Reason(name, Result.UNKNOWN if len(unsure) == len(shut) else Result.UNMET, why, needs)
    about = [one for one in found if one.judgement.outcome != "not-applicable"]
    if not about:
        return Reason(name, Result.UNKNOWN, "none of them is about such a deployment", needs)
    told = [one.id for one in about if one.judgement.outcome == "audit"]
    caller = "" if around.request.identity else "; who deploys was not said (--identity)"
    noted = f", {', '.join(told)} would be noted" if told else ""
    return Reason(name, Result.MET, f"{len(about)} of {len(about)} let it pass{noted}{caller}", needs)


def _judged(body: Mapping[str, Any], name: str, definition: Any, given: Any, around: Surroundings) -> Reason:
    requirement = f"policy {name}"
    try:
        outcome = judge(definition, resource_of(dict(body)), given, around).outcome
    except WeighbridgeError as error:
        return Reason(requirement, Result.UNKNOWN, error.cause, NEEDS)
    if outcome == "unsupported":
        return Reason(requirement, Result.UNKNOWN, "it cannot be evaluated here", NEEDS)
    return Reason(requirement, Result.MET if outcome in OPEN else Result.UNMET, f"the outcome is {outcome}", NEEDS)
