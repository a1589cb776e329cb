"""Who asks, and for what: what a rule can learn of a request beside the resource itself."""

from __future__ import annotations

from weighbridge.azure.policy.values import MISSING, lookup
from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

_KNOWN = ("identity", "apiVersion", "resourceGroup", "subscription", "policy", "claims", "action")


class Request(NamedTuple):
    """A request to change a resource. `identity` is None in a compliance scan, when nobody asks.

    What is None is not known: a rule that needs it cannot be judged.
    """

    identity: dict[str, Any] | None = None
    api_version: str | None = None
    resource_group: dict[str, Any] | None = None
    subscription: dict[str, Any] | None = None
    policy: dict[str, Any] | None = None
    claims: dict[str, Any] | None = None
    action: str = "write"


def request_of(document: Any) -> Request:
    """The request in a document: the claims of an identity (`{"idtyp", "appid"}`), or an object with `identity`.

    Raises UsageError for anything else.
    """
    if document is None:
        return Request()
    if not isinstance(document, dict):
        raise UsageError("the identity is no JSON object", 'write {"idtyp": "app", "appid": "…"}')
    inner = lookup(document, "request")
    document = inner if isinstance(inner, dict) and len(document) == 1 else document
    known = {name: lookup(document, name) for name in _KNOWN}
    if all(value is MISSING for value in known.values()):
        return Request(identity=document)
    strange = [key for key in document if key.casefold() not in {name.casefold() for name in _KNOWN}]
    if strange:
        raise UsageError(f"{strange[0][:40]!r} is nothing that a request has", f"known are {', '.join(_KNOWN)}")
    for name in _KNOWN:
        kind = str if name in ("apiVersion", "action") else dict
        if known[name] is not MISSING and known[name] is not None and not isinstance(known[name], kind):
            raise UsageError(f"{name} of the request is of the wrong type", "mend the identity file")
    found = {name: None if value is MISSING else value for name, value in known.items()}
    return Request(
        identity=found["identity"],
        api_version=found["apiVersion"],
        resource_group=found["resourceGroup"],
        subscription=found["subscription"],
        policy=found["policy"],
        claims=found["claims"],
        action=found["action"] or "write",
    )
