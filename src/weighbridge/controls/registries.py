"""Container registries that models are kept in: C01 who reaches them, C17 what survives a deletion."""

from __future__ import annotations

from weighbridge.controls.base import Check, Result, az, equals, expect, found, is_false, is_true, not_exported, remark
from weighbridge.controls.estate import REGISTRY, ROLE_TAG, Missing, Resource, items, look, shown, tag, walk
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

HOW = "az graph query -q 'resources' > resources.json"


def model_registries(estate: Estate) -> tuple[Resource, ...]:
    """Registries that hold models: those that are said to, or all of them if nobody says which."""
    there = estate.of(REGISTRY)
    named = {key.lower() for key in estate.model_registries}
    marked = [one for one in there if one.key in named or tag(one, ROLE_TAG).lower() == "model-registry"]
    return tuple(marked) or there


def reach(estate: Estate) -> Iterator[Check]:
    """C01: private endpoint, no admin account, nobody anonymous, not from the internet."""
    registries = model_registries(estate)
    if not registries:
        yield from not_exported(estate, "resources", REGISTRY, HOW)
    for one in registries:
        update = ("acr", "update", "--name", one.name, "--resource-group", one.group)
        yield expect(one, "sku.name", equals("Premium"), "Premium", mend=az(*update, "--sku", "Premium"))
        yield expect(
            one,
            "properties.adminUserEnabled",
            is_false,
            "false",
            absent=Result.PASS,
            mend=az(*update, "--admin-enabled", "false"),
        )
        yield expect(
            one,
            "properties.publicNetworkAccess",
            equals("Disabled"),
            "Disabled",
            mend=az(*update, "--public-network-enabled", "false"),
        )
        yield expect(
            one,
            "properties.anonymousPullEnabled",
            is_false,
            "false",
            absent=Result.PASS,
            mend=az(*update, "--anonymous-pull-enabled", "false"),
        )
        yield private_endpoint(one)
        yield from _remarks(one, estate)


def private_endpoint(one: Resource) -> Check:
    """Whether at least one private endpoint is approved."""
    path = "properties.privateEndpointConnections"
    value = look(one, path)
    if value is Missing.UNREAD:
        return expect(one, path, bool, "an approved private endpoint")
    state = ["properties", "privateLinkServiceConnectionState", "status"]
    states = [walk(connection, state) for connection in items(value)]
    states += [walk(connection, state[1:]) for connection in items(value)]
    met = any(isinstance(status, str) and status.lower() == "approved" for status in states)
    said = sorted({status for status in states if isinstance(status, str)})
    mend = az("network", "private-endpoint", "create", "--private-connection-resource-id", one.id)
    wanted = "an approved private endpoint"
    return found(one, path, met, ", ".join(said) or "none", wanted, f"{mend} --group-id registry …")


def soft_delete(estate: Estate) -> Iterator[Check]:
    """C17: a deleted manifest can be had back."""
    registries = model_registries(estate)
    if not registries:
        yield from not_exported(estate, "resources", REGISTRY, HOW)
    for one in registries:
        mend = az(
            "acr", "config", "soft-delete", "update", "--registry", one.name, "--status", "enabled", "--days", "7"
        )
        # Only preview versions of the API give this policy: without it nobody knows.
        path = "properties.policies.softDeletePolicy.status"
        yield expect(one, path, equals("enabled"), "enabled", mend=mend, absent=Result.UNKNOWN)


def _remarks(one: Resource, estate: Estate) -> Iterator[Check]:
    export = look(one, "properties.policies.exportPolicy.status")
    if not (isinstance(export, str) and export.lower() == "disabled"):
        yield remark(one, "properties.policies.exportPolicy.status", shown(export), "disabled: nothing is copied out")
    if is_true(look(one, "properties.policies.azureADAuthenticationAsArmPolicy.status")):
        yield remark(one, "properties.policies.azureADAuthenticationAsArmPolicy.status", "true", "disabled")
    for kind, why in (
        ("tokens", "no tokens of its own: they are no identities"),
        ("cacherules", "no cache rules: what they pull in was never inspected"),
    ):
        for child in estate.below(one, f"{REGISTRY}/{kind}"):
            yield remark(child, kind, child.name, why)
