"""The types of records as JSON Schema: a record is an object, a tuple a list, an enumeration its values.

A schema is never written by hand: a field that is added to a record appears in it. Records are closed (no other
fields); documents are open, because more fields are welcome.
"""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, NamedTuple, NewType, Union, get_args, get_origin, get_type_hints

from weighbridge.azure.policy.effects import Operation
from weighbridge.azure.policy.evaluate import Line
from weighbridge.core.artifact import Artifact, InspectedFile, Unread
from weighbridge.core.claims import Claim
from weighbridge.core.digests import Digest
from weighbridge.core.evidence import Tool
from weighbridge.core.facts import Fact
from weighbridge.core.findings import Finding, Verdict
from weighbridge.core.origin import Origin
from weighbridge.dataset.report import CheckReport
from weighbridge.registry.read import StoredFile
from weighbridge.scan.report import BlobFacts, Envelope

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BASE = "https://weighbridge.dev/schemas"

Hex = NewType("Hex", str)
"""A sha256 digest as 64 digits, without the name of its algorithm."""
NAMES: Mapping[str, Any] = MappingProxyType(
    {
        record.__name__: record
        for record in (
            Artifact,
            BlobFacts,
            CheckReport,
            Claim,
            Digest,
            Envelope,
            Finding,
            InspectedFile,
            Line,
            Operation,
            Origin,
            StoredFile,
            Tool,
            Unread,
            Verdict,
        )
    }
    | {"Fact": Fact, "Mapping": Mapping, "Callable": Callable, "Iterator": Iterator}
)
"""Types that records name without importing them at run time."""


class Shape(NamedTuple):
    """An object of a document: its fields by name, each with its type. `closed` allows no other fields.

    Those in `optional` may be missing.
    """

    name: str
    about: str
    fields: Mapping[str, Any]
    closed: bool = True
    optional: tuple[str, ...] = ()


class ListOf(NamedTuple):
    """A list whose items are all of one kind."""

    item: Any


class OneOf(NamedTuple):
    """Exactly one of several objects."""

    shapes: tuple[Shape, ...]


def fields_of(record: type) -> dict[str, Any]:
    """The fields of a named tuple and their types. Raises NameError for a type that is neither there nor in NAMES."""
    names = {**vars(typing), **NAMES, **vars(sys.modules[record.__module__])}
    return get_type_hints(record, globalns=names)


def shape_of(record: type, **changes: Any) -> Shape:
    """The object that a named tuple is written as. `changes` are fields that are written as another type."""
    return Shape(record.__name__, first_sentence(record.__doc__), {**fields_of(record), **changes})


def schema_of(kind: Any, named: dict[str, Any]) -> dict[str, Any]:
    """The schema of one type. Objects go into `named` (the `$defs` of the schema) and are referred to.

    Knows str, int, float, bool, None, Literal, Enum, Digest, Hex, tuple[X, ...], named tuples, unions, Shape,
    ListOf and OneOf. Raises TypeError for anything else: a type that JSON cannot say must not slip into a document.
    """
    simple = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
    if isinstance(kind, Shape):
        return _referred(kind, named)
    if isinstance(kind, ListOf):
        return {"type": "array", "items": schema_of(kind.item, named)}
    if isinstance(kind, OneOf):
        return {"oneOf": [_referred(shape, named) for shape in kind.shapes]}
    if kind is Digest:
        return {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
    if kind is Hex:
        return {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    if kind in simple:
        return {"type": simple[kind]}
    if get_origin(kind) is Literal:
        values = list(get_args(kind))
        return {"const": values[0]} if len(values) == 1 else {"enum": values}
    if get_origin(kind) in (Union, UnionType):
        return {"anyOf": [schema_of(part, named) for part in get_args(kind)]}
    if get_origin(kind) is tuple and len(get_args(kind)) == 2 and get_args(kind)[1] is Ellipsis:
        return schema_of(ListOf(get_args(kind)[0]), named)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _referred(shape_of(kind), named)
    raise TypeError(f"no schema can be made of {kind!r}")


def _referred(shape: Shape, named: dict[str, Any]) -> dict[str, Any]:
    if shape.name not in named:
        named[shape.name] = {}  # the name is taken before the fields are read: a record may contain itself
        named[shape.name] = _object(shape, named)
    return {"$ref": f"#/$defs/{shape.name}"}


def _object(shape: Shape, named: dict[str, Any]) -> dict[str, Any]:
    return {
        **({"description": shape.about} if shape.about else {}),
        "type": "object",
        "properties": {name: schema_of(kind, named) for name, kind in shape.fields.items()},
        "required": [name for name in shape.fields if name not in shape.optional],
        "additionalProperties": not shape.closed,
    }


def top(name: str, about: str, version: str, fields: Mapping[str, Any]) -> Shape:
    """A document: it names its schema and version, and may grow."""
    return Shape(name, about, {"schema": Literal[version], **fields}, closed=False)


def tops(records: Mapping[str, type]) -> dict[str, Shape]:
    """Documents that are written as their records stand, by the name of their schema."""
    return {
        name: top(record.__name__, first_sentence(record.__doc__), f"weighbridge.{name}/1", fields_of(record))
        for name, record in records.items()
    }


def document(name: str, body: Shape | OneOf) -> dict[str, Any]:
    """A whole schema file."""
    named: dict[str, Any] = {}
    main = schema_of(body, named)
    if isinstance(body, Shape):
        main = named[body.name]
        del named[body.name]
    head = {"$schema": DIALECT, "$id": f"{BASE}/{name}.json", "title": f"weighbridge {name}"}
    return {**head, **main, **({"$defs": dict(sorted(named.items()))} if named else {})}


def first_sentence(text: str | None) -> str:
    """The first sentence of a docstring on one line."""
    paragraph = " ".join((text or "").strip().split("\n\n", 1)[0].split())
    end = paragraph.find(". ")
    return paragraph if end < 0 else paragraph[: end + 1]
