"""Who may do what: C13 no keys, C14 vaults that a model cannot empty, C15 endpoints with identities of their own."""

from __future__ import annotations

from weighbridge.controls.base import Check, az, equals, expect, found, is_true, not_exported, unknown
from weighbridge.controls.estate import BATCH_ENDPOINT, ENDPOINT, VAULT, Resource, look, shown, within
from weighbridge.controls.network import foundry_accounts
from weighbridge.controls.separation import ROLES, assignments, principals
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

SECRET_ROLES = {
    "key vault secrets user": "4633458b-17de-408a-b874-0445c86b69e6",
    "key vault secrets officer": "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
    "key vault administrator": "00482a5a-887f-4fb3-b363-3b7fe8e74483",
}
"""Built-in roles that read every secret of what they are assigned on. Source: learn.microsoft.com, "Built-in roles"."""
BROAD_ROLES = {
    "owner": "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "contributor": "b24988ac-6180-42a0-ab88-20f7382dd24c",
    "user access administrator": "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
    "role based access control administrator": "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
}
"""Built-in roles that are as good as everything."""
NAMES = {code: name for name, code in (SECRET_ROLES | BROAD_ROLES).items()}


def no_keys(estate: Estate) -> Iterator[Check]:
    """C13: everybody who calls a model is somebody."""
    accounts, endpoints = foundry_accounts(estate), estate.of(ENDPOINT)
    if not accounts and not endpoints:
        yield from not_exported(estate, "resources", "accounts and endpoints", "export resources.json")
    for one in accounts:
        mend = az("resource", "update", "--ids", one.id, "--set", "properties.disableLocalAuth=true")
        yield expect(one, "properties.disableLocalAuth", is_true, "true", mend=mend)
    for one in endpoints:
        workspace = one.id.split("/")[8] if len(one.id.split("/")) > 8 else ""
        base = ("ml", "online-endpoint", "update", "--name", one.name, "--workspace-name", workspace)
        mend = az(*base, "--resource-group", one.group, "--set", "auth_mode=aad_token")
        yield expect(one, "properties.authMode", _is_entra, "AADToken", mend=mend)


def _is_entra(value: object) -> bool:
    """Whether callers have to be somebody. `az ml` writes the mode with an underscore."""
    return str(value).replace("_", "").lower() == "aadtoken"


def vaults(estate: Estate) -> Iterator[Check]:
    """C14: roles instead of access policies, nothing lost for good, not from the internet, no model reads it whole."""
    there = estate.of(VAULT)
    if not there:
        yield from not_exported(estate, "resources", VAULT, "export resources.json")
    for one in there:
        update = ("keyvault", "update", "--name", one.name, "--resource-group", one.group)
        mend = az(*update, "--enable-rbac-authorization", "true")
        yield expect(one, "properties.enableRbacAuthorization", is_true, "true", mend=mend)
        mend = az(*update, "--enable-purge-protection", "true")
        yield expect(one, "properties.enablePurgeProtection", is_true, "true", mend=mend)
        if equals("Deny")(look(one, "properties.networkAcls.defaultAction")):
            seen = "Deny"
            yield found(one, "properties.networkAcls.defaultAction", True, seen, "Deny")
        else:
            mend = az(*update, "--public-network-access", "Disabled")
            yield expect(one, "properties.publicNetworkAccess", equals("Disabled"), "Disabled", mend=mend)
    endpoints = estate.of(ENDPOINT, BATCH_ENDPOINT)
    if there and endpoints:
        yield from not_exported(estate, "roleAssignments", "identities of endpoints", ROLES)
    for endpoint in endpoints:
        for assignment, role, scope in assignments(estate, principals(endpoint)):
            if named(role) in SECRET_ROLES and any(within(vault.key, scope) for vault in there):
                seen = f"{named(role)} on {scope}"
                mend = az("role", "assignment", "delete", "--ids", assignment.id)
                yield found(assignment, "properties.roleDefinitionId", False, seen, "roles on single secrets", mend)


def endpoint_identities(estate: Estate) -> Iterator[Check]:
    """C15: an endpoint goes by an identity made for it, which has no role that is as good as everything."""
    endpoints = estate.of(ENDPOINT, BATCH_ENDPOINT)
    if not endpoints:
        yield from not_exported(estate, "resources", ENDPOINT, "export resources.json")
        return
    yield from not_exported(estate, "roleAssignments", "identities of endpoints", ROLES)
    for one in endpoints:
        kind = look(one, "identity.type")
        met = isinstance(kind, str) and kind.replace("_", "").lower() == "userassigned"
        mend = "create the endpoint again with identity: {type: user_assigned} and an identity of its own"
        yield found(one, "identity.type", met, shown(kind), "UserAssigned", mend)
        if not principals(one):
            how = "export the endpoint as ARM gives it"
            yield unknown(one.id, "identity.principalId", "not in the export", "the ids of its identities", how)
        for assignment, role, scope in assignments(estate, principals(one)):
            yield _least(assignment, role, scope)


def named(role: str) -> str:
    """The name of a built-in role by its id or name, in lower case."""
    return NAMES.get(role, role)


def _least(assignment: Resource, role: str, scope: str) -> Check:
    broad = named(role) in BROAD_ROLES or scope.count("/") < 4
    mend = az("role", "assignment", "delete", "--ids", assignment.id)
    seen = f"{named(role)} on {scope}"
    return found(assignment, "properties.roleDefinitionId", not broad, seen, "a narrow role on single resources", mend)
