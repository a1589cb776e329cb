"""Records against a JSON Schema, as far as tables need one: what else it demands is said not to be checked.

Understood: type, properties, patternProperties, required, additionalProperties, items, enum, const, minimum, maximum,
exclusive…, multipleOf, minLength, maxLength, pattern, minItems, maxItems, uniqueItems, allOf, anyOf, oneOf, not, and
$ref into $defs or definitions of the same file. `format` says something and demands nothing, as the draft has it.
Source: JSON Schema, draft 2020-12, core and validation vocabulary.
"""

from __future__ import annotations

import json
import re

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

DEEPEST = 40
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}
_TOLD = ("title", "description", "$schema", "$id", "default", "examples", "$comment", "format", "deprecated")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_SIZES = ("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems")
_OBJECTS = ("properties", "patternProperties", "required", "additionalProperties", "items")
_LISTS = ("allOf", "anyOf", "oneOf")
KNOWN = frozenset(
    (*_TOLD, *_NUMBERS, *_SIZES, *_OBJECTS, *_LISTS, "type", "enum", "const", "not", "$ref", "$defs", "definitions")
)


def not_understood(schema: Any, depth: int = 0) -> list[str]:
    """Keywords of a schema that nothing here checks."""
    if isinstance(schema, bool):
        return []
    if not isinstance(schema, dict) or depth > DEEPEST:
        return ["a schema that is none"]
    found = [word for word in schema if word not in KNOWN]
    if not str(schema.get("$ref", "#/$defs/")).startswith(("#/$defs/", "#/definitions/")):
        found.append(f"$ref {str(schema['$ref'])[:80]}")
    inner = [schema[key] for key in ("items", "not", "additionalProperties") if key in schema]
    inner += [one for key in _LISTS for one in schema.get(key, ())]
    for key in ("properties", "patternProperties", "$defs", "definitions"):
        inner += schema.get(key, {}).values()
    for one in inner:
        found += not_understood(one, depth + 1)
    return sorted(set(found))


def breaches(
    value: Any, schema: Any, name: str = "the record", root: Mapping[str, Any] | None = None, depth: int = 0
) -> Iterator[str]:
    """What of a value a schema forbids."""
    if schema is True or schema is False or depth > DEEPEST:
        if schema is not True:
            yield f"{name} is not allowed"
        return
    top = schema if root is None else root
    if "$ref" in schema:
        kind, _, key = str(schema["$ref"])[2:].partition("/")
        yield from breaches(value, top.get(kind, {}).get(key, False), name, top, depth + 1)
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        if not any(_is(value, kind) for kind in kinds):
            yield f"{name} is no {' or '.join(map(str, kinds))}"
            return
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield f"{name} is none of the values allowed"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{name} is not the value demanded"
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number(value, schema, name)
    elif isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{name} is too short or too long"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{name} has not the form demanded"
    elif isinstance(value, list):
        yield from _list(value, schema, name, top, depth)
    elif isinstance(value, dict):
        yield from _object(value, schema, top, depth)
    yield from _combined(value, schema, name, top, depth)


def _number(value: float, schema: Mapping[str, Any], name: str) -> Iterator[str]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if (low is not None and value < low) or value <= schema.get("exclusiveMinimum", float("-inf")):
        yield f"{name} is below the least value"
    if (high is not None and value > high) or value >= schema.get("exclusiveMaximum", float("inf")):
        yield f"{name} is above the greatest value"
    if "multipleOf" in schema and (value / schema["multipleOf"]) % 1:
        yield f"{name} is no multiple of {schema['multipleOf']}"


def _list(value: list[Any], schema: Mapping[str, Any], name: str, top: Mapping[str, Any], depth: int) -> Iterator[str]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{name} has too few or too many entries"
    if schema.get("uniqueItems") and len({json.dumps(_whole(one), sort_keys=True) for one in value}) != len(value):
        yield f"{name} has an entry twice"
    if "items" in schema:
        for inner in value:
            yield from breaches(inner, schema["items"], f"an entry of {name}", top, depth + 1)


def _object(value: dict[str, Any], schema: Mapping[str, Any], top: Mapping[str, Any], depth: int) -> Iterator[str]:
    properties, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    yield from (f"{key!r} is missing" for key in schema.get("required", ()) if key not in value)
    more = schema.get("additionalProperties", True)
    for key, inner in value.items():
        wanted = [properties[key]] if key in properties else []
        wanted += [one for pattern, one in patterns.items() if re.search(pattern, key)]
        if not wanted and more is False:
            yield f"{key[:80]!r} is not declared"
        for one in wanted or ([] if isinstance(more, bool) else [more]):
            yield from breaches(inner, one, repr(key[:80]), top, depth + 1)


def _combined(value: Any, schema: Mapping[str, Any], name: str, top: Mapping[str, Any], depth: int) -> Iterator[str]:
    for one in schema.get("allOf", ()):
        yield from breaches(value, one, name, top, depth + 1)

    def meets(one: Any) -> bool:
        return next(breaches(value, one, name, top, depth + 1), None) is None

    if "anyOf" in schema and not any(map(meets, schema["anyOf"])):
        yield f"{name} is none of what is allowed"
    if "oneOf" in schema and sum(map(meets, schema["oneOf"])) != 1:
        yield f"{name} is not exactly one of what is allowed"
    if "not" in schema and meets(schema["not"]):
        yield f"{name} is what is not allowed"


def _whole(value: Any) -> Any:
    """The same with 2 for 2.0, which is one number in JSON."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return {key: _whole(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, ()))
