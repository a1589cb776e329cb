"""C02: nothing goes from a public catalog straight to production. A policy denies it, and nothing that runs did.

An assignment counts for a place if it holds there (its scope is above, `notScopes` and exemptions leave the place in),
if it is enforced, if its effect is Deny, and if its parameters let in something but not everything. The parameters are
those of the built-in definitions; an empty entry of `allowedAssetIds` allows every model, one without a slash at its
end also those of a registry whose name merely begins alike.
Source: github.com/Azure/azure-policy, the definitions named below.
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.controls.base import Check, Result, found, not_exported, unknown
from weighbridge.controls.estate import (
    ACCOUNT,
    ASSIGNMENT,
    DEPLOYMENTS,
    EXEMPTION,
    WORKSPACE,
    Resource,
    fold,
    items,
    look,
    scope_of,
    shown,
    walk,
    within,
)
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from weighbridge.controls.estate import Estate

APPROVED_MODELS = "12e5dd16-d201-47ff-849b-8454061c293d"
ONE_REGISTRY = "19539b54-c61e-4196-9a38-67598701be90"
FOUNDRY_MODELS = "aafe3651-cb78-4f68-9f81-e7e41509110f"
OWN = {WORKSPACE: "w-01-online", ACCOUNT: "w-07"}
"""How the names of our own definitions end, as they are rendered, by the kind of place that they guard."""
CATALOGS = frozenset(("azureml", "azure-openai", "azure-huggingface", "huggingface", "nvidia-ai"))
"""Registries of Azure ML that are public catalogs, with all whose names begin with `azureml-`."""
INITIATIVE = "-models"
"""How the name of our initiative ends. It has an effect for each of its members."""
BUILT_IN = {APPROVED_MODELS: WORKSPACE, ONE_REGISTRY: WORKSPACE, FOUNDRY_MODELS: ACCOUNT}
REGISTRIES = "azureml://registries/"
HOW = {
    "policyAssignments": "az policy assignment list --disable-scope-strict-match > policyAssignments.json",
    "policyExemptions": "az policy exemption list --disable-scope-strict-match > policyExemptions.json",
    "deployments": "weighbridge azure audit --live, or az rest --url …/deployments for every endpoint and account",
}


def guarded(estate: Estate) -> Iterator[Check]:
    """Every production workspace and account is guarded, and what runs there comes from an allowed registry."""
    places = [place for place in estate.of(WORKSPACE, ACCOUNT) if _holds_models(place)]
    if not places:
        yield from not_exported(estate, "resources", "workspaces and accounts", "export resources.json")
        return
    if not any(estate.stage(place) == "production" for place in places):
        why = "nobody says which of them are"
        yield unknown("production", "stages", why, "a stage for every workspace", "tag them with weighbridge.stage")
        return
    # A place of no known stage is judged as one of production.
    production = [place for place in places if estate.stage(place) not in ("sandbox", "staging")]
    missing = [
        check
        for name in ("policyAssignments", "policyExemptions", "deployments")
        for check in not_exported(estate, name, "production", HOW[name])
    ]
    yield from missing
    if estate.has("policyAssignments"):
        for place in production:
            yield _guard(place, estate)
    prefixes = allowed_prefixes(estate)
    if not prefixes and not estate.has("policyAssignments"):
        return
    for running in estate.of(*DEPLOYMENTS):
        if estate.stage(running) not in ("sandbox", "staging"):
            yield from _running(running, prefixes, estate)


def allowed_prefixes(estate: Estate) -> tuple[str, ...]:
    """Where models may come from: what the owners say, or else what the assignments that count allow."""
    if estate.allowed_models:
        return tuple(prefix for prefix in estate.allowed_models if prefix.startswith(REGISTRIES) and prefix[-1] == "/")
    found_: list[str] = []
    for assignment in estate.of(ASSIGNMENT):
        name = parameter(assignment, "allowedRegistryName")
        found_ += [f"{REGISTRIES}{name}/"] if isinstance(name, str) and name else []
        for listed in ("allowedAssetIds", "allowedRegistryPrefixes"):
            entries = (entry for entry in items(parameter(assignment, listed)) if isinstance(entry, str))
            found_ += [entry for entry in entries if entry.startswith(REGISTRIES) and entry.endswith("/")]
    return tuple(dict.fromkeys(found_))


def parameter(assignment: Resource, name: str) -> object:
    """The value of a parameter of an assignment."""
    parameters = look(assignment, "properties.parameters")
    return walk(parameters, [name, "value"]) if isinstance(parameters, dict) else None


def _holds_models(place: Resource) -> bool:
    """Whether a place is a workspace or an account that models are deployed in; other AI services have none."""
    return place.kind == WORKSPACE or str(place.body.get("kind", "")).lower() in ("aiservices", "openai", "aihub", "")


def _guard(place: Resource, estate: Estate) -> Check:
    """The assignment that guards a place, or what keeps the nearest one from doing so."""
    wanted = "an enforced assignment with the effect Deny that allows our registries alone"
    mend = "weighbridge azure policy render, and assign what it writes"
    faults = []
    for assignment in estate.of(ASSIGNMENT):
        scope = look(assignment, "properties.scope")
        if not _guards(assignment, place.kind) or not within(
            place.key, scope if isinstance(scope, str) else scope_of(assignment)
        ):
            continue
        fault = _fault(assignment, place, estate)
        if not fault:
            return found(place, "policyAssignments", True, assignment.id, wanted)
        faults.append(f"{assignment.name}: {fault}")
    return found(place, "policyAssignments", False, "; ".join(faults[:3]) or "no such assignment", wanted, mend)


def _guards(assignment: Resource, kind: str) -> bool:
    """Whether an assignment is of a definition that guards this kind of places."""
    definition = _definition(assignment)
    return BUILT_IN.get(definition) == kind or definition.endswith(OWN[kind]) or _is_initiative(assignment)


def _definition(assignment: Resource) -> str:
    """The name or id of what is assigned, in lower case."""
    return str(look(assignment, "properties.policyDefinitionId")).lower().rpartition("/")[2]


def _is_initiative(assignment: Resource) -> bool:
    said = str(look(assignment, "properties.policyDefinitionId")).lower()
    return "/policysetdefinitions/" in said and said.endswith(INITIATIVE)


def _effect(assignment: Resource, kind: str) -> object:
    """The effect that an assignment has on a kind of places; an initiative names it after its member."""
    if not _is_initiative(assignment):
        return parameter(assignment, "effect")
    wanted = OWN[kind].replace("-", "")
    parameters = look(assignment, "properties.parameters")
    for name, value in parameters.items() if isinstance(parameters, dict) else ():
        if name.lower().startswith("effect") and fold(name).replace("-", "").endswith(wanted):
            return walk(value, ["value"])
    return None


def _fault(assignment: Resource, place: Resource, estate: Estate) -> str:
    mode = look(assignment, "properties.enforcementMode")
    if isinstance(mode, str) and mode.lower() != "default":
        return f"enforcementMode is {mode}"
    effect = _effect(assignment, place.kind)
    if not isinstance(effect, str) or effect.lower() != "deny":
        return f"the effect is {shown(effect) if isinstance(effect, str) else 'the default, which does not deny'}"
    if any(
        isinstance(scope, str) and within(place.key, scope) for scope in items(look(assignment, "properties.notScopes"))
    ):
        return "notScopes leaves it out"
    if fault := _parameters(assignment, place.kind):
        return fault
    for exemption in estate.of(EXEMPTION):
        about = look(exemption, "properties.policyAssignmentId")
        same = isinstance(about, str) and about.lower().rstrip("/") == assignment.key
        if same and within(place.key, scope_of(exemption)) and not expired(exemption, estate.now):
            return f"the exemption {exemption.name} leaves it out"
    return ""


def _parameters(assignment: Resource, kind: str) -> str:
    definition = _definition(assignment)
    if definition == ONE_REGISTRY:
        name = parameter(assignment, "allowedRegistryName")
        return "" if isinstance(name, str) and name else "allowedRegistryName is empty"
    ours = "allowedModels" if kind == ACCOUNT else "allowedRegistryPrefixes"
    name = "allowedAssetIds" if definition in (APPROVED_MODELS, FOUNDRY_MODELS) else ours
    entries = items(parameter(assignment, name))
    if not entries:
        return f"{name} is empty"
    if name != "allowedModels":
        for entry in entries:
            if fault := _opens(entry, kind):
                return f"{name} has {shown(entry)!r}, {fault}"
    publishers = items(parameter(assignment, "allowedPublishers"))
    return f"allowedPublishers lets in every model of {shown(publishers[0])}" if publishers else ""


def _opens(entry: object, kind: str) -> str:
    """What an entry lets in that it should not, or an empty string: it allows all whose address has it inside."""
    if not isinstance(entry, str) or not entry.lower().startswith(REGISTRIES):
        return "which is no address in a registry"
    registry, _, below = entry.lower()[len(REGISTRIES) :].partition("/")
    if not registry or not (entry.endswith("/") or "/versions/" in below):
        return "which lets more in than one registry"
    catalog = registry in CATALOGS or registry.startswith("azureml-")
    if catalog and kind == WORKSPACE and "/versions/" not in below:
        return "which is a public catalog"
    return ""


def expired(exemption: Resource, now: datetime) -> bool:
    """Whether an exemption has ended."""
    ends = end_of(exemption)
    return ends is not None and ends <= now


def end_of(exemption: Resource) -> datetime | None:
    """When an exemption ends; None if it says nothing that is a time."""
    said = look(exemption, "properties.expiresOn")
    try:
        ends = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return ends.replace(tzinfo=UTC) if ends is not None and ends.tzinfo is None else ends


def _running(running: Resource, prefixes: tuple[str, ...], estate: Estate) -> Iterator[Check]:
    path = "properties.model"
    model = look(running, path)
    if isinstance(model, dict) and running.kind.endswith("accounts/deployments"):
        yield _catalog_model(running, model, estate)
        return
    if isinstance(model, dict):
        model = walk(model, ["assetId"])
    if running.kind.endswith("serverlessendpoints"):
        path, model = "properties.modelSettings.modelId", look(running, "properties.modelSettings.modelId")
    if not isinstance(model, str):
        wanted = "a model of an allowed registry"
        yield Check(Result.UNKNOWN, running.id, path, shown(model), wanted, running.source, "export it whole")
        return
    pinned = "/versions/" in model.lower() and "/labels/" not in model.lower()
    met = pinned and any(model.lower().startswith(prefix.lower()) for prefix in prefixes)
    wanted = f"a version below {' or '.join(prefixes)}" if prefixes else "a model of an allowed registry"
    yield found(running, path, met, model, wanted, "weighbridge azure publish, and deploy what it names")


def _catalog_model(running: Resource, model: Mapping[str, Any], estate: Estate) -> Check:
    """A Foundry deployment of a model that the service brings: one of those that an assignment names."""
    form, name, version = (str(walk(dict(model), [key])) for key in ("format", "name", "version"))
    assigned = [
        str(entry).lower()
        for assignment in estate.of(ASSIGNMENT)
        for listed in ("allowedModels", "allowedAssetIds")
        for entry in items(parameter(assignment, listed))
    ]
    wanted = f"{form}/{name}/{version}".lower()
    met = any(entry == wanted or f"/models/{name.lower()}/" in f"{entry}/" for entry in assigned)
    mend = "name it in allowedModels, or remove the deployment"
    return found(running, "properties.model", met, f"{form}/{name}/{version}", "a model that an assignment names", mend)
