"""Records against a JSON Schema, as far as tables need one: what else it demands is said not to be checked.

Understood: type, properties, required, additionalProperties (false), enum, const, minimum, maximum, exclusive…,
minLength, maxLength, pattern. Source: JSON Schema, draft 2020-12, validation vocabulary.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
KNOWN = frozenset(
    (
        "type",
        "properties",
        "required",
        "additionalProperties",
        "enum",
        "const",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "pattern",
        "items",
        "title",
        "description",
        "$schema",
        "$id",
        "default",
        "examples",
        "$comment",
        "format",
    )
)


def not_understood(schema: Mapping[str, Any]) -> list[str]:
    """Keywords of a schema that nothing here checks."""
    found = [word for word in schema if word not in KNOWN]
    for inner in (*schema.get("properties", {}).values(), schema.get("items")):
        if isinstance(inner, dict):
            found += not_understood(inner)
    return sorted(set(found))


def breaches(value: Any, schema: Mapping[str, Any], name: str = "the record") -> Iterator[str]:
    """What of a value a schema forbids."""
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is(value, kind) for kind in kinds):
            yield f"{name} is no {' or '.join(map(str, kinds))}"
            return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{name} is none of the values allowed"
    if "const" in schema and value != schema["const"]:
        yield f"{name} is not the value demanded"
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and value < low) or value <= schema.get("exclusiveMinimum", float("-inf")):
            yield f"{name} is below the least value"
        if (high is not None and value > high) or value >= schema.get("exclusiveMaximum", float("inf")):
            yield f"{name} is above the greatest value"
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{name} is too short or too long"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{name} has not the form demanded"
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for inner in value:
            yield from breaches(inner, schema["items"], f"an entry of {name}")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{key!r} is missing" for key in schema.get("required", ()) if key not in value)
        if schema.get("additionalProperties") is False:
            yield from (f"{key[:80]!r} is not declared" for key in value if key not in properties)
        for key, inner in properties.items():
            if key in value:
                yield from breaches(value[key], inner, repr(key))


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, ()))
