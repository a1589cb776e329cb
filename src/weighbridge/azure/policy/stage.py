"""What all definitions of one stage make of a request, with the settings' own parameters and without Azure.

Microsoft's definitions of the initiative are not among them: their rules are theirs, and Azure evaluates them.
"""

from __future__ import annotations

from weighbridge.azure.policy.bundle import initiative_of, stage_parameters
from weighbridge.azure.policy.catalogue import CATALOGUE
from weighbridge.azure.policy.custom import definition_document
from weighbridge.azure.policy.definition import definition_of
from weighbridge.azure.policy.effects import Judgement, Surroundings, judge
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weighbridge.azure.policy.resource import Resource
    from weighbridge.core.settings import AzureSettings


class OfDefinition(NamedTuple):
    """What one definition says. `id` is its number in the catalogue."""

    id: str
    judgement: Judgement


def judge_stage(
    settings: AzureSettings, stage: str, resource: Resource, around: Surroundings
) -> tuple[OfDefinition, ...]:
    """What each definition of ours says of a request at a stage. Outcomes in `effects.SHUT` stop it."""
    declared = initiative_of(settings, around.knowledge)["properties"]["parameters"]
    values = {name: parameter["defaultValue"] for name, parameter in declared.items() if "defaultValue" in parameter}
    values |= {name: given["value"] for name, given in stage_parameters(settings, around.knowledge, stage).items()}
    return tuple(
        OfDefinition(
            custom.id,
            judge(
                definition_of(definition_document(custom, settings.prefix)),
                resource,
                {"effect": values[custom.effect_parameter], **{name: values[name] for name in custom.parameters}},
                around,
            ),
        )
        for custom in CATALOGUE
    )
