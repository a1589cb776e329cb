"""The hardening checklist: twelve controls, and six that are worth having besides.

audit   →   C01 … C12, C13 … C18   →   Audited: results, Defender's coverage, what changed since last time
"""

from __future__ import annotations

from functools import partial

from weighbridge.controls import (
    alerts,
    allowed_models,
    datasets,
    defender,
    evidence,
    federated,
    guardrails,
    identities,
    network,
    registries,
    separation,
)
from weighbridge.controls.base import Check, Control, Judged, Result, judge
from weighbridge.controls.knowledge import Mapping as Mapped
from weighbridge.controls.knowledge import mappings
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from weighbridge.controls.defender import Covered
    from weighbridge.controls.estate import Estate
    from weighbridge.controls.evidence import Holdings


class Drift(NamedTuple):
    """A control whose result is not what it was."""

    id: str
    before: str
    now: str


class Audited(NamedTuple):
    """What an audit came to. `problems` are parts of the export that could not be read."""

    controls: tuple[Judged, ...]
    defender: tuple[Covered, ...]
    drift: tuple[Drift, ...]
    problems: tuple[str, ...]
    mappings: Mapping[str, tuple[Mapped, ...]]
    made_at: str

    @property
    def holds(self) -> bool:
        """Whether nothing fails and nothing is unknown."""
        return not any(one.result in (Result.FAIL, Result.UNKNOWN) for one in self.controls)


def controls(holdings: Holdings | None) -> tuple[Control, ...]:
    """All controls, those that our own evidence proves asked of `holdings`."""

    def proved(ask: Callable[[Holdings | None], Iterable[Check]]) -> Callable[[Estate], Iterable[Check]]:
        return partial(_of_holdings, ask=ask, holdings=holdings)

    empty = "the registry holds no model"
    return (
        Control("C01", "The model registry is private and has no shared account", registries.reach, "no registry"),
        Control("C02", "Nothing goes from a catalog straight to production", allowed_models.guarded, "no workspaces"),
        Control("C03", "Every model is scanned before it is pushed", proved(evidence.scanned), empty),
        Control("C04", "No pickles: blocked or converted", proved(evidence.no_pickles), empty),
        Control("C05", "A bill of materials lies beside every model", proved(evidence.listed), empty),
        Control("C06", "Sandbox, staging and production share nothing", separation.separated, "no workspaces"),
        Control("C07", "Pipelines log in with federated credentials only", federated.only_federated, "no pipelines"),
        Control("C08", "Only approved destinations are reached", network.isolated, "no workspaces, no accounts"),
        Control("C09", "Detections are deployed and their logs are kept", alerts.alerted, "nothing to watch"),
        Control("C10", "Training data is versioned and labelled", datasets.kept, "no storage"),
        Control("C11", "The origin of every model is verified", proved(evidence.proven), empty),
        Control("C12", "Defender for Cloud watches the AI services", defender.watched, "nothing to watch"),
        Control("C13", "Nobody calls a model with a key", identities.no_keys, "no accounts, no endpoints"),
        Control("C14", "No model can empty a Key Vault", identities.vaults, "no vaults"),
        Control("C15", "Endpoints have identities of their own", identities.endpoint_identities, "no endpoints"),
        Control("C16", "Exemptions from policies end", guardrails.exemptions, "no exemptions"),
        Control("C17", "Deleted models can be had back", registries.soft_delete, "no registry"),
        Control("C18", "What must stay is locked", guardrails.locks, "nothing to lock"),
    )


def audit(estate: Estate, holdings: Holdings | None, baseline: Mapping[str, str] | None = None) -> Audited:
    """Judge an estate. `baseline` has the results of last time by control."""
    judged = tuple(_readable(judge(control, estate), estate) for control in controls(holdings))
    before = baseline or {}
    drift = tuple(
        Drift(one.id, before[one.id], one.result.value)
        for one in judged
        if one.id in before and before[one.id] != one.result.value
    )
    made = f"{estate.now:%Y-%m-%dT%H:%M:%SZ}"
    return Audited(judged, defender.coverage(estate), drift, estate.problems, mappings(), made)


def _readable(judged: Judged, estate: Estate) -> Judged:
    """A pass over an export that could not be read whole is none: what was not read may have spoken against it."""
    if judged.result not in (Result.PASS, Result.NOT_APPLICABLE) or judged.id in ("C03", "C04", "C05", "C11"):
        return judged
    if not estate.problems:
        return judged
    why = f"the export cannot be read whole: {estate.problems[0]}"
    return judged._replace(result=Result.UNKNOWN, why=why, mend="export it again", resources=())


def _of_holdings(
    estate: Estate, ask: Callable[[Holdings | None], Iterable[Check]], holdings: Holdings | None
) -> Iterable[Check]:
    del estate
    return ask(holdings)
