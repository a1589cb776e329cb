"""What the identity of a pipeline may do: FIC-08 to FIC-12.

A secret beside a federated credential is the way around it; whoever may change the application may add another
credential; a role that is too broad makes the pipeline the owner.
Sources: learn.microsoft.com, "Microsoft Graph permissions reference", "Azure built-in roles".
"""

from __future__ import annotations

from datetime import UTC, datetime

from weighbridge.controls.base import Check, az, found, remark, unknown
from weighbridge.controls.estate import APP_ROLE, APPLICATION, OWNER, PRINCIPAL, Missing, Resource, look, shown
from weighbridge.controls.identities import BROAD_ROLES, named
from weighbridge.controls.separation import assignments
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.controls.estate import Estate

USER_ASSIGNED = "microsoft.managedidentity/userassignedidentities"
GRAPH_ROLES = {
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "06b708a9-e830-4db3-a914-8e69da51d44f": "AppRoleAssignment.ReadWrite.All",
    "19dbc75e-c2e2-444c-a770-ec69d8559fc7": "Directory.ReadWrite.All",
    "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8": "RoleManagement.ReadWrite.Directory",
}
"""Application roles of Microsoft Graph that lead to every other one."""
PUSH = {"8311e382-0749-4cb8-b61a-304f252e45ec", "acrpush"}
DEPLOY = {"f6c7c914-8db3-469d-8ca1-694a8f32e121", "azureml data scientist"}


def no_secrets(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-08: no application and no principal has a secret or a certificate."""
    del strict
    there = estate.of(APPLICATION, PRINCIPAL)
    if not there and not estate.of(USER_ASSIGNED):
        how = "az ad app show --id … > applications.json; az ad sp show --id … > servicePrincipals.json"
        yield unknown("applications", "passwordCredentials", "not in the export", "none", how)
    for one in there:
        for key in ("passwordCredentials", "keyCredentials"):
            value = one.body.get(key)
            if not isinstance(value, list):
                if one.kind == APPLICATION or key == "passwordCredentials":
                    yield unknown(one.id, key, "not in the export", "none", "export it with this field")
                continue
            live = [entry for entry in value if not _ended(entry, estate.now)]
            if len(live) < len(value):
                yield remark(one, key, f"{len(value) - len(live)} ended", "none: remove what has ended")
            app = str(one.body.get("appId", one.id))
            first = str(live[0].get("keyId", "KEY_ID")) if live and isinstance(live[0], dict) else "KEY_ID"
            mend = az(
                "ad",
                "app",
                "credential",
                "delete",
                "--id",
                app,
                "--key-id",
                first,
                *(("--cert",) if key[0] == "k" else ()),
            )
            yield found(one, key, not live, f"{len(live)}", "none", mend)


def owners(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-09: nobody owns the application who could add a credential to it."""
    del strict
    if estate.of(APPLICATION) and not estate.has("owners"):
        how = "az rest --url https://graph.microsoft.com/v1.0/applications/{id}/owners > owners.json"
        yield unknown("applications", "owners", "not in the export", "none, or an account for emergencies", how)
    for one in estate.of(OWNER):
        seen = shown(one.body.get("displayName") or one.id)
        yield found(one, "owners", False, seen, "none, or an account for emergencies", "az ad app owner remove")
    for app in estate.of(APPLICATION) if estate.has("owners") and not estate.of(OWNER) else ():
        yield found(app, "owners", True, "none", "none")


def pipeline_principals(estate: Estate) -> dict[str, Resource]:
    """Object ids of the identities that pipelines go by."""
    there = {one.id.lower(): one for one in estate.of(PRINCIPAL)}
    for one in estate.of(USER_ASSIGNED):
        principal = look(one, "properties.principalId")
        if isinstance(principal, str) and any(
            other.key.startswith(f"{one.key}/federatedidentitycredentials/") for other in estate.resources
        ):
            there[principal.lower()] = one
    return there


def scoped(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-10: its roles are narrow, and on resources or a group."""
    del strict
    yield from _known(estate, "roleAssignments", "az role assignment list --assignee … --all > roleAssignments.json")
    for who in pipeline_principals(estate) if estate.has("roleAssignments") else ():
        for assignment, role, scope in assignments(estate, frozenset((who,))):
            broad = named(role) in BROAD_ROLES or scope.count("/") < 4
            admin = "access administrator" in named(role) or "access control administrator" in named(role)
            if admin and look(assignment, "properties.condition") is not Missing.ABSENT and scope.count("/") >= 4:
                broad = False
            seen, wanted = f"{named(role)} on {scope}", "a narrow role on resources or a group"
            mend = az("role", "assignment", "delete", "--ids", assignment.id)
            yield found(assignment, "properties.roleDefinitionId", not broad, seen, wanted, mend)


def graph_roles(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-11: it has no application role of Graph that leads to every other one."""
    del strict
    yield from _known(estate, "appRoleAssignments", "az rest --url …/servicePrincipals/{id}/appRoleAssignments")
    for one in estate.of(APP_ROLE):
        code = str(one.body.get("appRoleId", "")).lower()
        seen = GRAPH_ROLES.get(code, code)
        yield found(one, "appRoleId", code not in GRAPH_ROLES, seen, "none of these", "remove the app role assignment")
    if estate.has("appRoleAssignments") and not estate.of(APP_ROLE):
        for one in pipeline_principals(estate).values():
            yield found(one, "appRoleAssignments", True, "none", "none of these")


def apart(estate: Estate, strict: bool) -> Iterator[Check]:
    """FIC-12: who pushes models does not deploy them."""
    del strict
    yield from _known(estate, "roleAssignments", "az role assignment list --all > roleAssignments.json")
    for who, one in pipeline_principals(estate).items() if estate.has("roleAssignments") else ():
        roles = {role for _, role, _ in assignments(estate, frozenset((who,)))}
        both = bool(roles & PUSH) and bool(roles & DEPLOY)
        seen = "pushes and deploys" if both else "one of the two at most"
        yield found(
            one, "roles", not both, seen, "one identity each to scan, push and deploy", "make a second identity"
        )


def _known(estate: Estate, name: str, how: str) -> Iterator[Check]:
    if not estate.has(name):
        yield unknown("pipelines", f"{name}.json", "not in the export", "all of them", how)
    elif not pipeline_principals(estate):
        how = "az ad sp show --id … > servicePrincipals.json"
        yield unknown("pipelines", "servicePrincipals.json", "no identity is in the export", "those of pipelines", how)


def _ended(entry: object, now: datetime) -> bool:
    ends = entry.get("endDateTime") if isinstance(entry, dict) else None
    try:
        moment = datetime.fromisoformat(ends) if isinstance(ends, str) else None
    except ValueError:
        return False
    if moment is None:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) <= now
