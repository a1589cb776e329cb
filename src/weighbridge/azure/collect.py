"""An export of what runs in Azure, written as the files that an audit reads. Nothing is changed there.

What one identity may not read is told and leaves its file out: an audit then calls it unknown. Needed are the roles
Reader and Security Reader on the subscriptions, and for applications Directory Reader in Entra ID.
Sources: learn.microsoft.com, "Resource Graph REST API" 2022-10-01, and the API of each resource provider.
"""

from __future__ import annotations

import json
import os

from weighbridge.core.errors import AzureError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from weighbridge.azure.clients import Service

GRAPH_API = "2022-10-01"
QUERIES = {
    "resources": "resources",
    "policyAssignments": "policyresources | where type =~ 'microsoft.authorization/policyassignments'",
    "policyExemptions": "policyresources | where type =~ 'microsoft.authorization/policyexemptions'",
    "roleAssignments": "authorizationresources | where type =~ 'microsoft.authorization/roleassignments'",
}
MOST_ROWS = 200_000
ML, AI = "microsoft.machinelearningservices/workspaces", "microsoft.cognitiveservices/accounts"
LOGGED = (ML, f"{ML}/onlineendpoints", "microsoft.keyvault/vaults", "microsoft.containerregistry/registries", AI)


class Ask(NamedTuple):
    """One list below resources of some kinds: where it goes, what is asked, with which version."""

    file: str
    kinds: tuple[str, ...]
    below: str
    api: str
    single: bool = False


ASKS = (
    Ask("diagnosticSettings", LOGGED, "/providers/Microsoft.Insights/diagnosticSettings", "2021-05-01-preview"),
    Ask("blobServices", ("microsoft.storage/storageaccounts",), "/blobServices/default", "2023-05-01", single=True),
    Ask(
        "diagnosticSettings",
        ("microsoft.storage/storageaccounts",),
        "/blobServices/default/providers/Microsoft.Insights/diagnosticSettings",
        "2021-05-01-preview",
    ),
    Ask("managedNetworks", (AI,), "/managedNetworks", "2026-03-01"),
    Ask("deployments", (f"{ML}/onlineendpoints", f"{ML}/batchendpoints"), "/deployments", "2025-12-01"),
    Ask("deployments", (ML,), "/serverlessEndpoints", "2025-12-01"),
    Ask("deployments", (AI,), "/deployments", "2025-09-01"),
    Ask("deployments", (AI,), "/managedComputeDeployments", "2026-07-15-preview"),
    Ask(
        "alertRules",
        ("microsoft.operationalinsights/workspaces",),
        "/providers/Microsoft.SecurityInsights/alertRules",
        "2024-09-01",
    ),
)
OF_SUBSCRIPTIONS = (
    ("locks", "/providers/Microsoft.Authorization/locks", "2020-05-01"),
    ("pricings", "/providers/Microsoft.Security/pricings", "2024-01-01"),
)
NOTHING_THERE = frozenset(("ResourceNotFound", "NotFound", "404", "NoRegisteredProviderFound", "WorkspaceNotOnboarded"))
"""Answers that mean that there is no such thing, and not that one may not see it."""


def collect(arm: Service, subscriptions: Sequence[str], folder: str) -> list[str]:
    """Write the export; what could not be read is given back, a sentence each."""
    if os.path.isdir(folder) and os.listdir(folder):
        raise UsageError(f"{plain(folder)!r} is not empty", "name a new folder: an export is of one moment")
    problems: list[str] = []
    files: dict[str, list[dict[str, Any]]] = {}
    broken: set[str] = set()

    def keep(name: str, members: Callable[[], Iterator[dict[str, Any]]]) -> None:
        try:
            files.setdefault(name, []).extend(members())
        except AzureError as error:
            if error.code not in NOTHING_THERE:
                problems.append(f"{name}: {error.cause}")
                broken.add(name)

    for name, query in QUERIES.items():
        keep(name, lambda query=query: rows(arm, subscriptions, query))  # type: ignore[misc]
    for name, below, api in OF_SUBSCRIPTIONS:
        for one in subscriptions:
            keep(name, lambda one=one, below=below, api=api: arm.pages(f"/subscriptions/{one}{below}", api))  # type: ignore[misc]
    for ask in ASKS:
        files.setdefault(ask.file, [])
        for row in files.get("resources", []):
            if str(row.get("type", "")).lower() in ask.kinds:
                target = f"{_checked(row)}{ask.below}"
                keep(ask.file, lambda ask=ask, target=target: _asked(arm, ask, target))  # type: ignore[misc]
    _write(folder, {name: members for name, members in files.items() if name not in broken})
    return problems


def collect_applications(graph: Service, applications: Sequence[str], folder: str) -> list[str]:
    """Write what Entra ID knows of the applications that pipelines log in as."""
    names = ("applications", "federatedCredentials", "owners", "servicePrincipals", "appRoleAssignments")
    files: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    try:
        for app in applications:
            if not set(app) <= set("0123456789abcdefABCDEF-"):
                raise UsageError(f"{plain(app, 60)!r} is no application id", "give the appId, a GUID")
            for one in graph.pages(f"/v1.0/applications?$filter=appId%20eq%20'{app}'"):
                files["applications"].append(one)
                base = f"/beta/applications/{one['id']}"  # v1.0 does not show flexible credentials
                files["federatedCredentials"] += graph.pages(f"{base}/federatedIdentityCredentials")
                files["owners"] += graph.pages(f"/v1.0/applications/{one['id']}/owners")
            for one in graph.pages(f"/v1.0/servicePrincipals?$filter=appId%20eq%20'{app}'"):
                files["servicePrincipals"].append(one)
                files["appRoleAssignments"] += graph.pages(f"/v1.0/servicePrincipals/{one['id']}/appRoleAssignments")
    except AzureError as error:
        return [f"applications: {error.cause}"]
    _write(folder, files)
    return []


def rows(arm: Service, subscriptions: Sequence[str], query: str) -> Iterator[dict[str, Any]]:
    """All rows of a Resource Graph query, over all pages."""
    token = ""
    count = 0
    while True:
        options = {"resultFormat": "objectArray", "$top": 1000, **({"$skipToken": token} if token else {})}
        body = {"subscriptions": list(subscriptions), "query": f"{query} | order by id asc", "options": options}
        page = arm.post("/providers/Microsoft.ResourceGraph/resources", GRAPH_API, body)
        data = page.get("data")
        if not isinstance(data, list):
            raise AzureError("Resource Graph gives rows that are none", "try again", "")
        yield from (row for row in data if isinstance(row, dict))
        count += len(data)
        following = page.get("$skipToken")
        if not following:
            if str(page.get("resultTruncated", "false")).lower() == "true":
                raise AzureError("Resource Graph cut its answer off", "export one subscription at a time", "")
            return
        if following == token or count > MOST_ROWS:
            raise AzureError("Resource Graph does not come to an end", "export one subscription at a time", "")
        token = str(following)


def _asked(arm: Service, ask: Ask, target: str) -> Iterator[dict[str, Any]]:
    if ask.single:
        yield arm.get(target, ask.api)
    else:
        yield from arm.pages(target, ask.api)


def _checked(row: dict[str, Any]) -> str:
    """The id of a row, which becomes part of an address."""
    identity = str(row.get("id", ""))
    if not identity.startswith("/subscriptions/") or not identity.isprintable() or set("?#\\ ") & set(identity):
        raise AzureError(f"the id {plain(identity, 120)!r} is none", "", "")
    return identity


def _write(folder: str, files: dict[str, list[dict[str, Any]]]) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
        for name, members in files.items():
            with open(os.path.join(folder, f"{name}.json"), "x", encoding="utf-8") as file:
                json.dump({"value": members}, file, indent=1)
                file.write("\n")
    except OSError as error:
        raise UsageError(f"{plain(folder)!r} cannot be written: {error.strerror}", "name another folder") from error
