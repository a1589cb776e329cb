"""C06: the stages share nothing: no workspace, vault, storage, registry or identity, and no rights from below.

An identity of a sandbox that may write to production makes one stage of the two, whatever their names are.
"""

from __future__ import annotations

from itertools import combinations

from weighbridge.controls.base import Check, Result, az, found, not_exported, unknown
from weighbridge.controls.estate import ROLE_ASSIGNMENT, WORKSPACE, Resource, look, scope_of, within
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

SHARED = ("containerRegistry", "keyVault", "storageAccount", "primaryUserAssignedIdentity")
ROLES = "az role assignment list --all > roleAssignments.json"


def separated(estate: Estate) -> Iterator[Check]:
    """Every workspace has a stage, no two stages share what is below them, no identity reaches up."""
    workspaces = estate.of(WORKSPACE)
    if not workspaces:
        yield from not_exported(estate, "resources", WORKSPACE, "export resources.json")
        return
    for one in workspaces:
        if not estate.stage(one):
            why, mend = (
                "no stage",
                az(
                    "tag",
                    "update",
                    "--operation",
                    "merge",
                    "--tags",
                    "weighbridge.stage=STAGE",
                    "--resource-id",
                    one.id,
                ),
            )
            yield unknown(one.id, "tags.weighbridge.stage", why, "sandbox, staging or production", mend)
    staged = [one for one in workspaces if estate.stage(one)]
    for one in staged:
        if str(one.body.get("kind", "")).lower() != "project" and look(one, "properties.keyVault") is not None:
            yield from _unread(one)
    for left, right in combinations(staged, 2):
        if estate.stage(left) != estate.stage(right):
            yield _pair(left, right, estate)
    yield from not_exported(estate, "roleAssignments", "identities of the sandbox", ROLES)
    for one in staged:
        if estate.stage(one) == "sandbox":
            yield from _rights(one, estate)


def principals(resource: Resource) -> frozenset[str]:
    """The object ids of a resource's managed identities."""
    identity = resource.body.get("identity")
    if not isinstance(identity, dict):
        return frozenset()
    own = identity.get("principalId") or identity.get("principal_id")
    given = identity.get("userAssignedIdentities") or identity.get("user_assigned_identities")
    inner = given.values() if isinstance(given, dict) else given if isinstance(given, list) else ()
    found_ = [entry.get("principalId") or entry.get("principal_id") for entry in inner if isinstance(entry, dict)]
    return frozenset(text.lower() for text in (own, *found_) if isinstance(text, str))


def assignments(estate: Estate, who: frozenset[str]) -> Iterator[tuple[Resource, str, str]]:
    """Role assignments of these identities: the assignment, the role's id or name, and the scope, in lower case."""
    for one in estate.of(ROLE_ASSIGNMENT):
        principal = look(one, "properties.principalId")
        if isinstance(principal, str) and principal.lower() in who:
            scope = look(one, "properties.scope")
            named = look(one, "properties.roleDefinitionName")
            role = named if isinstance(named, str) else look(one, "properties.roleDefinitionId")
            yield (
                one,
                str(role).lower().rpartition("/")[2],
                (scope if isinstance(scope, str) else scope_of(one)).lower(),
            )


def _unread(one: Resource) -> Iterator[Check]:
    value = look(one, "properties.storageAccount")
    if not isinstance(value, str):
        wanted = "the ids of what the workspace uses"
        yield Check(
            Result.UNKNOWN, one.id, "properties.storageAccount", "absent", wanted, one.source, "export it whole"
        )


def _pair(left: Resource, right: Resource, estate: Estate) -> Check:
    shared = [
        f"{name} {value}"
        for name in SHARED
        if isinstance(value := look(left, f"properties.{name}"), str)
        and value.lower() == str(look(right, f"properties.{name}")).lower()
    ]
    hub = look(left, "properties.hubResourceId")
    if isinstance(hub, str) and hub.lower() in (str(look(right, "properties.hubResourceId")).lower(), right.key):
        shared.append(f"hub {hub}")
    shared += [f"identity {one}" for one in sorted(principals(left) & principals(right))]
    wanted = f"nothing in common with {right.name}, which is of {estate.stage(right)}"
    mend = "give each stage a workspace with its own vault, storage, registry and identity"
    return found(left, "properties", not shared, "; ".join(shared) or "nothing in common", wanted, mend)


def _rights(sandbox: Resource, estate: Estate) -> Iterator[Check]:
    for assignment, role, scope in assignments(estate, principals(sandbox)):
        place = estate.find(scope)
        higher = (
            [other for other in estate.resources if estate.stage(other) == "production" and within(other.key, scope)]
            if place is None
            else ([place] if estate.stage(place) == "production" else [])
        )
        mend = az("role", "assignment", "delete", "--ids", assignment.id)
        wanted = "no role on anything of production"
        seen = f"{role} on {scope}"
        yield found(assignment, "properties.scope", not higher, seen, wanted, mend)
