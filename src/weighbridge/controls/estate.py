"""What is known of an Azure estate: its resources as they were exported, and what its owners say of it.

A value that is not there is one of two things: `ABSENT`, the resource was read whole and does not have it, or `UNREAD`,
the export does not hold the part where it would stand. They are never taken for each other, nor for a value.
Keys are compared without regard to case and underscores: Resource Graph, `az resource show`, `az acr show` (which lifts
`properties` out) and `az ml … show` (which writes snake_case) name the same property differently.
Sources: learn.microsoft.com, "Resource Graph query language", "az resource", "ARM resource IDs".
"""

from __future__ import annotations

import json
from enum import Enum
from types import MappingProxyType

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from typing import Any

REGISTRY = "microsoft.containerregistry/registries"
WORKSPACE = "microsoft.machinelearningservices/workspaces"
ENDPOINT = "microsoft.machinelearningservices/workspaces/onlineendpoints"
BATCH_ENDPOINT = "microsoft.machinelearningservices/workspaces/batchendpoints"
ACCOUNT = "microsoft.cognitiveservices/accounts"
VAULT = "microsoft.keyvault/vaults"
STORAGE = "microsoft.storage/storageaccounts"
BLOBS = "microsoft.storage/storageaccounts/blobservices"
MANAGED_NETWORK = "microsoft.cognitiveservices/accounts/managednetworks"
DIAGNOSTICS = "microsoft.insights/diagnosticsettings"
QUERY_RULE = "microsoft.insights/scheduledqueryrules"
SENTINEL_RULE = "microsoft.securityinsights/alertrules"
ASSIGNMENT = "microsoft.authorization/policyassignments"
EXEMPTION = "microsoft.authorization/policyexemptions"
ROLE_ASSIGNMENT = "microsoft.authorization/roleassignments"
LOCK = "microsoft.authorization/locks"
PRICING = "microsoft.security/pricings"
CREDENTIAL = "microsoft.managedidentity/userassignedidentities/federatedidentitycredentials"
APPLICATION = "graph/applications"
PRINCIPAL = "graph/serviceprincipals"
APP_ROLE = "graph/approleassignments"
OWNER = "graph/owners"
LABEL = "purview/assets"
REPOSITORY = "git/protections"
DEPLOYMENTS = (
    "microsoft.machinelearningservices/workspaces/onlineendpoints/deployments",
    "microsoft.machinelearningservices/workspaces/batchendpoints/deployments",
    "microsoft.machinelearningservices/workspaces/serverlessendpoints",
    "microsoft.cognitiveservices/accounts/deployments",
    "microsoft.cognitiveservices/accounts/managedcomputedeployments",
)
"""The kinds of resources that run a model."""

STAGE_TAG, ROLE_TAG = "weighbridge.stage", "weighbridge.role"
"""Tags by which a resource says which stage it is of, and whether it is the `model-registry` or a `dataset`."""
_ENVELOPE = frozenset(
    (
        "changedtime",
        "createdtime",
        "etag",
        "extendedlocation",
        "id",
        "identity",
        "kind",
        "location",
        "managedby",
        "name",
        "plan",
        "properties",
        "provisioningstate",
        "resourcegroup",
        "sku",
        "subscriptionid",
        "systemdata",
        "tags",
        "tenantid",
        "type",
        "zones",
    )
)
"""What a resource has besides its properties."""


class Missing(Enum):
    """Why there is no value."""

    ABSENT = "absent"
    UNREAD = "not in the export"


class Resource(NamedTuple):
    """One resource. `id` is as it was exported, `kind` its type in lower case, `source` the file and place in it."""

    id: str
    kind: str
    body: Mapping[str, Any]
    source: str

    @property
    def key(self) -> str:
        """The id as it is compared."""
        return self.id.lower().rstrip("/")

    @property
    def name(self) -> str:
        """The last part of the id."""
        return self.id.rstrip("/").rpartition("/")[2]

    @property
    def group(self) -> str:
        """The resource group, or an empty string."""
        parts = self.id.split("/")
        return next((parts[at + 1] for at in range(len(parts) - 1) if parts[at].lower() == "resourcegroups"), "")

    @property
    def subscription(self) -> str:
        """The subscription's id, or an empty string."""
        parts = self.id.split("/")
        return parts[2] if len(parts) > 2 and parts[1].lower() == "subscriptions" else ""


class Estate(NamedTuple):
    """Everything that was exported. `collected` are the names of the files that were there, without their ends.

    `problems` are files, or parts of them, that could not be read; `cut` are collections that were exported in part.
    `stages` maps the beginning of an id to its stage; `now` is when it is judged.
    """

    resources: tuple[Resource, ...]
    collected: frozenset[str]
    now: datetime
    problems: tuple[str, ...] = ()
    cut: frozenset[str] = frozenset()
    stages: Mapping[str, str] = MappingProxyType({})
    model_registries: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    data_repositories: tuple[str, ...] = ()
    allowed_models: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    by_kind: Mapping[str, tuple[Resource, ...]] = MappingProxyType({})
    by_key: Mapping[str, Resource] = MappingProxyType({})
    """The same resources, to be found quickly: `estate_of` fills both."""

    def of(self, *kinds: str) -> tuple[Resource, ...]:
        """All resources of these kinds."""
        return tuple(found for kind in kinds for found in self.by_kind.get(kind, ()))

    def has(self, name: str) -> bool:
        """Whether a whole collection is in the export, so that what is not in it does not exist."""
        return name in self.collected and name not in self.cut

    def find(self, key: str) -> Resource | None:
        """The resource with this id."""
        return self.by_key.get(key.lower().rstrip("/"))

    def below(self, resource: Resource, *kinds: str) -> tuple[Resource, ...]:
        """Resources of these kinds whose id begins with that of `resource`."""
        return tuple(found for found in self.of(*kinds) if found.key.startswith(f"{resource.key}/"))

    def stage(self, resource: Resource) -> str:
        """`sandbox`, `staging`, `production`, or an empty string if nobody says.

        What the owners say of ids counts before tags: whoever may write a resource may write its tags.
        """
        said = [prefix for prefix in self.stages if within(resource.key, prefix)]
        if said:
            return self.stages[max(said, key=len)]
        for place in (resource, *self._above(resource)):
            tagged = tag(place, STAGE_TAG)
            if tagged:
                return tagged.lower()
        return ""

    def _above(self, resource: Resource) -> Iterator[Resource]:
        hub = look(resource, "properties.hubResourceId")
        parents = [hub] if isinstance(hub, str) else []
        parts = resource.key.split("/")
        parents += ["/".join(parts[:end]) for end in range(len(parts) - 2, 7, -2)]
        yield from (found for parent in parents if (found := self.find(parent)) is not None)


def estate_of(
    resources: Iterable[Resource],
    collected: frozenset[str],
    now: datetime,
    problems: tuple[str, ...] = (),
    cut: frozenset[str] = frozenset(),
) -> Estate:
    """An estate of these resources. Of two with one id the first is found by it; both are judged."""
    whole = tuple(resources)
    kinds: dict[str, list[Resource]] = {}
    keys: dict[str, Resource] = {}
    for found in whole:
        kinds.setdefault(found.kind, []).append(found)
        keys.setdefault(found.key, found)
    by_kind = {kind: tuple(members) for kind, members in kinds.items()}
    return Estate(whole, collected, now, problems, cut, by_kind=by_kind, by_key=keys)


def scope_of(resource: Resource) -> str:
    """What an extension resource is about: its id without its own last part. Lower case."""
    return resource.key.rpartition("/providers/")[0]


def within(key: str, scope: str) -> bool:
    """Whether an id lies in a scope: is it, or stands below it. Both in any case."""
    inner, outer = key.lower().rstrip("/"), scope.lower().rstrip("/")
    return inner == outer or inner.startswith(f"{outer}/")


def tag(resource: Resource, name: str) -> str:
    """The value of a tag, or an empty string."""
    tags = resource.body.get("tags")
    if not isinstance(tags, dict):
        return ""
    return next((str(value) for key, value in tags.items() if key.lower() == name), "")


def look(resource: Resource, path: str) -> Any:
    """The value at a path of keys joined by dots, or `Missing`. A null is absent."""
    keys = path.split(".")
    body: Any = resource.body
    if keys[0] == "properties" and not (isinstance(body.get("properties"), dict) and body["properties"]):
        if not any(fold(key) not in _ENVELOPE for key in body):
            return Missing.UNREAD
        keys = keys[1:]
    return walk(body, keys)


def walk(value: Any, keys: list[str]) -> Any:
    """The value that keys lead to from an object, or `Missing.ABSENT`."""
    for key in keys:
        if not isinstance(value, dict):
            return Missing.ABSENT
        wanted = fold(key)
        value = next((inner for name, inner in value.items() if fold(name) == wanted), None)
    return Missing.ABSENT if value is None else value


def fold(key: str) -> str:
    """A key as it is compared."""
    return key.replace("_", "").lower()


def items(value: Any) -> list[Any]:
    """The members of a list; nothing of anything else."""
    return value if isinstance(value, list) else []


def shown(value: Any) -> str:
    """A value for people."""
    if isinstance(value, Missing):
        return value.value
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 200 else f"{text[:199]}…"
