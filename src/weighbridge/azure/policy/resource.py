"""What a request would change: one resource, in any of the forms that Azure's tools write.

| form | how it is known | what becomes of it |
|---|---|---|
| `show` and REST JSON, a resource of an ARM template, a row of Resource Graph | `type` | as it is |
| a template | `resources` | its only resource |
| an answer of `what-if` | `changes` | the only `after` |
| a deployment file of the ML command line | no `type`, but `model` or `endpoint_name` | the body that it would send |

Names may be of the last segment or of all of them (`parent/child`); the identifier gives what the name lacks.
"""

from __future__ import annotations

import json
import re

from weighbridge.azure.policy.values import MISSING, lookup
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

MOST_BYTES = 4 * 1024 * 1024
"""ARM takes requests of up to 4 MB."""
DEEPEST = 100
_ONLINE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments"
_BATCH = "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments"
_OF_DEPLOYMENT_FILES = {"name", "tags", "location", "identity", "$schema", "endpoint_name", "type"}


class Resource(NamedTuple):
    """One resource. `template` says that its values may be expressions that only Azure can work out."""

    body: dict[str, Any]
    type: str
    name: str
    full_name: str
    id: str
    template: bool


def load_json(raw: bytes, what: str, most: int = MOST_BYTES) -> Any:
    """The JSON in `raw`. Raises UsageError for anything else, and for two keys that Azure takes for one."""
    if len(raw) > most:
        raise UsageError(f"{what} is larger than {most // 1024**2} MB", "name another file")
    try:
        document = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_pairs, parse_constant=_no_number)
    except RecursionError:
        raise UsageError(f"{what} is nested too deep to be read", "name another file") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"{what} cannot be read as JSON: {error}", "mend the file") from None
    _check_depth(document, what)
    return document


def resource_of(document: Any) -> Resource:
    """The resource in a document. Raises UsageError if there is none, or more than one."""
    if isinstance(document, list) and len(document) == 1:
        document = document[0]
    if not isinstance(document, dict):
        raise UsageError("the resource is no JSON object", "give the resource as az … show writes it")
    changes, resources = lookup(document, "changes"), lookup(document, "resources")
    if isinstance(lookup(document, "properties"), dict) and changes is MISSING:
        changes = lookup(document["properties"], "changes") if "properties" in document else MISSING
    if isinstance(changes, list):
        return resource_of(_only([change.get("after") for change in changes if isinstance(change, dict)], "changes"))
    if isinstance(resources, list) and lookup(document, "type") is MISSING:
        found = resource_of(_only(resources, "resources"))
        return found._replace(template=True)
    kind = lookup(document, "type")
    if not isinstance(kind, str) or "/" not in kind:
        document = _deployment_file(document, kind)
        kind = document["type"]
    identifier, name = lookup(document, "id"), lookup(document, "name")
    identifier = identifier if isinstance(identifier, str) else ""
    full_name = name if isinstance(name, str) else ""
    if "/" not in full_name:
        full_name = _name_in(identifier, kind) or full_name
    return Resource(
        body=document,
        type=kind,
        name=full_name.rpartition("/")[2],
        full_name=full_name,
        id=identifier,
        template=isinstance(lookup(document, "apiVersion"), str),
    )


def subscription_in(identifier: str) -> str:
    """The subscription in the identifier of a resource; empty if there is none."""
    found = re.match(r"/subscriptions/([^/]+)", identifier, re.IGNORECASE)
    return found.group(1) if found else ""


def group_in(identifier: str) -> str:
    """The resource group in the identifier of a resource; empty if there is none."""
    found = re.match(r"/subscriptions/[^/]+/resourceGroups/([^/]+)", identifier, re.IGNORECASE)
    return found.group(1) if found else ""


def _name_in(identifier: str, kind: str) -> str:
    """The names along an identifier (`parent/child`); empty if it is not of that type."""
    segments = re.split("/providers/", identifier, flags=re.IGNORECASE)[-1].split("/") if identifier else []
    types, names = segments[:1] + segments[1::2], segments[2::2]
    return "/".join(names) if "/".join(types).casefold() == kind.casefold() and names else ""


def _only(found: list[Any], what: str) -> Any:
    there = [item for item in found if isinstance(item, dict)]
    if len(there) != 1:
        raise UsageError(f"the document has {len(there)} resources in {what}", "give one resource at a time")
    return there[0]


def _deployment_file(document: dict[str, Any], kind: Any) -> dict[str, Any]:
    """The body that the ML command line would send for a deployment file. Models by path stay what they are."""
    if not {"model", "endpoint_name", "environment"} & document.keys():
        raise UsageError("the resource has no type", "give the resource as az … show writes it")
    schema = str(document.get("$schema", ""))
    batch = "batch" in schema.lower() or kind == "batch"
    properties = {
        _camel(key): value
        for key, value in document.items()
        if key not in _OF_DEPLOYMENT_FILES and key != "environment"
    }
    if "environment" in document:
        properties["environmentId"] = document["environment"]
    if "model" in properties:
        model = properties["model"]
        if isinstance(model, str) and model.startswith("azureml:azureml://"):
            properties["model"] = model = model.removeprefix("azureml:")
        if batch and isinstance(model, str):
            properties["model"] = {"referenceType": "Id", "assetId": model}
    names = [str(document[key]) for key in ("endpoint_name", "name") if key in document]
    kept: dict[str, Any] = {key: document[key] for key in ("tags", "location", "identity") if key in document}
    return {"type": _BATCH if batch else _ONLINE, "name": "/".join(names), **kept, "properties": properties}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    folded = {key.casefold() for key in table}
    if len(folded) != len(pairs):
        names = [key for key, _ in pairs]
        again = next(key for place, key in enumerate(names) if key.casefold() in map(str.casefold, names[:place]))
        raise ValueError(f"the key {again[:60]!r} stands twice, and Azure takes one of them")
    return table


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _check_depth(document: Any, what: str) -> None:
    level = [document]
    for _ in range(DEEPEST):
        level = [
            inner
            for item in level
            if isinstance(item, dict | list)
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise UsageError(f"{what} is nested more than {DEEPEST} deep", "name another file")
