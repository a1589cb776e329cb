"""JSON Schemas of what the API takes and gives, for its OpenAPI description, and reading bodies by them."""

from __future__ import annotations

import re

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.setting_tables import ROLES
from weighbridge.core.settings import STAGES
from weighbridge.web.bodies import BadRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}
FLAG = {"type": "boolean"}
STAGE = {"type": "string", "enum": list(STAGES)}
REASON = {"type": "string", "minLength": 1, "maxLength": 1000, "pattern": r"\S"}
REFERENCE = {"type": "string", "minLength": 1, "maxLength": 600}
TENANTS = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 255}, "maxItems": 100}


def record(properties: Mapping[str, Any], *, optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with exactly these keys, all of them there but the optional ones."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": [name for name in properties if name not in optional],
        "additionalProperties": False,
    }


def listing(name: str, item: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, Any]:
    """A page of records, and what to ask for the next one with; empty if there is none."""
    return record({name: {"type": "array", "items": dict(item)}, "next": TEXT, **more})


SUBMISSION = record(
    {
        "source": {"type": "string", "minLength": 1, "maxLength": 2000},
        "target": REFERENCE,
        "stage": STAGE,
        "replace": FLAG,
        "priority": {"type": "integer", "minimum": -10, "maximum": 10},
    },
    optional=("stage", "replace", "priority"),
)
INTAKE = record(
    {
        **dict.fromkeys(("id", "source", "target", "repository", "stage", "submitter", "state", "why", "note"), TEXT),
        "state": {"enum": ["waiting", "running", "done", "refused", "failed", "cancelled"]},
        "replace": FLAG,
        "priority": {"type": "integer"},
        **dict.fromkeys(("attempts", "doneBytes", "version"), COUNT),
        "cancelWanted": FLAG,
        **dict.fromkeys(("submittedAt", "startedAt", "endedAt"), TEXT),
    }
)
RESULT = record({"state": TEXT, "why": TEXT, "intake": {"type": "object"}})
QUEUE = record(dict.fromkeys(("waiting", "running", "done", "refused", "failed", "cancelled"), COUNT))
MODEL = record({"repository": TEXT, "tag": TEXT, "digest": TEXT})
INDEX = record({"walked": TEXT, "why": TEXT})
MODEL_PAGE = record(
    {
        **dict.fromkeys(("repository", "digest"), TEXT),
        "annotations": {"type": "object", "additionalProperties": TEXT},
        "files": {"type": "array", "items": record({"path": TEXT, "size": COUNT, "digest": TEXT, "mediaType": TEXT})},
        "evidence": {"type": "array", "items": record(dict.fromkeys(("kind", "predicateType", "digest"), TEXT))},
    }
)
DECISION = record({"sequence": COUNT, "hash": TEXT, "repository": TEXT, "decision": {"type": "object"}})
ALERTS = {
    "type": "object",
    "properties": {
        "schema": {"const": "weighbridge.alerts/1"},
        "alerts": {"type": "array", "items": {"type": "object"}, "maxItems": 1000},
    },
    "required": ["alerts"],
}
ALERT = record(
    {
        **dict.fromkeys(("id", "tenant", "receivedAt", "acknowledgedAt", "acknowledgedBy", "reason"), TEXT),
        "alert": {"type": "object"},
    }
)
ACKNOWLEDGEMENT = record({"reason": REASON})
GRANT = record(
    {
        "rule": {"type": "string", "minLength": 1, "maxLength": 120},
        "reference": REFERENCE,
        "file": {"type": "string", "minLength": 1, "maxLength": 2000},
        "reason": REASON,
        "expires": {"type": "string", "minLength": 10, "maxLength": 40},
    },
    optional=("file",),
)
REVOCATION = record({"reference": REFERENCE, "reason": REASON})
EXEMPTION = record(
    {
        **dict.fromkeys(("id", "rule", "digest", "reason", "approver", "signer", "made", "expires", "revoked"), TEXT),
        "counts": FLAG,
    }
)
NEW_TOKEN = record(
    {
        "name": {"type": "string", "minLength": 1, "maxLength": 120},
        "role": {"type": "string", "enum": list(ROLES)},
        "tenants": {**TENANTS, "minItems": 1},
        "days": {"type": "integer", "minimum": 1, "maximum": 366},
    },
    optional=("days",),
)
TOKEN = record(
    {
        **dict.fromkeys(("id", "prefix", "name", "role", "madeBy", "madeAt", "until", "revokedAt"), TEXT),
        "tenants": {"type": "array", "items": TEXT},
    }
)
ME = record(
    {"name": TEXT, "roles": {"type": "array", "items": TEXT}, "tenants": {"type": "array", "items": TEXT}, "how": TEXT}
)
CHANGE = record({"sequence": COUNT, **dict.fromkeys(("at", "who", "what", "subject", "detail"), TEXT)})
PROBLEM = record({"schema": {"const": "weighbridge.problem/1"}, "decision": {"const": "none"}, "why": TEXT})


def checked(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document, if it is what a schema of this module says. Raises BadRequest naming the key."""
    _check(document, schema, "the body")
    return document


def _check(value: Any, schema: Mapping[str, Any], where: str) -> None:
    """As much of JSON Schema as the bodies here need."""
    if "const" in schema and value != schema["const"]:
        raise BadRequest(400, f"{where} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        raise BadRequest(400, f"{where} is not one of {', '.join(schema['enum'])}")
    kind = schema.get("type", "")
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    if kind and type(value) is not kinds[kind]:
        raise BadRequest(400, f"{where} is no {kind}")
    if kind == "string":
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10_000):
            raise BadRequest(400, f"{where} is too short or too long")
        if plain(value, 20_000) != value or not re.search(schema.get("pattern", ""), value):
            raise BadRequest(400, f"{where} has characters that nobody can read")
    elif kind == "integer" and not schema.get("minimum", 0) <= value <= schema.get("maximum", 2**31):
        raise BadRequest(400, f"{where} is out of range")
    elif kind == "array":
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 1000):
            raise BadRequest(400, f"{where} has too few or too many entries")
        for item in value:
            _check(item, schema["items"], f"an entry of {where}")
    elif kind == "object" and "properties" in schema:
        for name in schema["required"]:
            if name not in value:
                raise BadRequest(400, f"{where} lacks {name}")
        for name, item in value.items():
            if name in schema["properties"]:
                _check(item, schema["properties"][name], name)
            elif schema.get("additionalProperties") is False:
                raise BadRequest(400, f"{where} has a key that is not known: {plain(name, 80)}")
