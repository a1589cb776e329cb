"""Croissant metadata of a data set, JSON-LD, read as data: no @context and no contentUrl is ever fetched.

    distribution   FileObject {"@id", "contentUrl", "sha256"}, FileSet {"@id", "includes": pattern or patterns}
    recordSet      {"@id", "name", "key": {"@id"}, "field": [{"@id", "name", "dataType", "isArray" or "repeated",
                    "source": {"fileObject" or "fileSet": {"@id"}, "extract": {"column" or "jsonPath"}}}]}

Terms are known by their last part, however they are prefixed. A record set is held against the files that its fields
come from; a FileObject must be here, with the bytes that its sha256 names; one without is not pinned to any.
Source: docs.mlcommons.org/croissant, Croissant 1.0 and 1.1; mlcroissant 1.1.1.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.declared import TIME, Declared, NamedFile, Part

if TYPE_CHECKING:
    from typing import Any

KINDS: dict[str, dict[str, Any]] = {
    "Text": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "Integer": {"type": "integer"},
    "Float": {"type": "number"},
    "Number": {"type": "number"},
    "Date": {"type": "string", "pattern": TIME},
    "DateTime": {"type": "string", "pattern": TIME},
    "URL": {"type": "string"},
}
_WIDTHS = re.compile(r"(U?Int)(8|16|32|64)|Float(16|32|64)")
DEEPEST = 30


def of_croissant(found: dict[str, Any]) -> Declared:
    """Raises ValueError, TypeError or AttributeError for what is no such metadata."""
    plain = _plain(found, 0)
    places: dict[str, tuple[str, ...]] = {}
    files = []
    for one in _items(plain.get("distribution")):
        if _term(one.get("@type")) == "FileSet":
            places[str(one.get("@id"))] = tuple(map(str, _items(one.get("includes"))))
            continue
        path = re.split(r"[?#]", str(one.get("contentUrl") or one.get("name") or ""))[0]
        if "://" in path:
            path = path.rpartition("/")[2]
        places[str(one.get("@id"))] = (path, path.rpartition("/")[2])
        if not one.get("containedIn"):
            files.append(NamedFile(path, str(one.get("sha256") or "").lower()))
    sets = [one for one in _items(plain.get("recordSet")) if not one.get("data")]
    unknown: list[str] = []
    parts = tuple(_part(one, places, unknown) for one in sets)
    if not parts and not files:
        raise ValueError("it describes no files and no records")
    return Declared("Croissant", parts, tuple(sorted(set(unknown))), tuple(files))


def _part(records: dict[str, Any], places: dict[str, tuple[str, ...]], unknown: list[str]) -> Part:
    properties: dict[str, Any] = {}
    columns: dict[str, str] = {}
    files: dict[str, None] = {}
    for field in _items(records.get("field")):
        source = field.get("source") or {}
        origin = source.get("fileObject") or source.get("fileSet") or {}
        files.update(dict.fromkeys(places.get(str(origin.get("@id")), ())))
        extract = source.get("extract") or {}
        if extract.get("fileProperty") or source.get("transform"):
            continue  # made of something else than a column
        path = re.fullmatch(r"\$\.([A-Za-z_]\w*)(?:\[\*\])?", str(extract.get("jsonPath") or ""))
        column = str(extract.get("column") or (path[1] if path else "") or field.get("name") or "")
        columns[str(field.get("@id"))] = column
        kind = _kind(field, unknown)
        many = field.get("repeated") or field.get("isArray") or field.get("subField")
        properties[column] = {} if field.get("subField") else {"type": "array", "items": kind} if many else kind
    keys = [str(one.get("@id") if isinstance(one, dict) else one) for one in _items(records.get("key"))]
    unique = tuple(columns.get(key, key.rpartition("/")[2]) for key in keys)
    name = str(records.get("name") or records.get("@id") or "records")
    row = {"type": "object", "properties": properties}
    return Part(tuple(files), row, tuple(properties), (), (unique,) if unique else (), name)


def _kind(field: dict[str, Any], unknown: list[str]) -> dict[str, Any]:
    """The first type that is known: the others say what a value means."""
    terms = [_term(one) for one in _items(field.get("dataType"))]
    for term in terms:
        if term in KINDS:
            return KINDS[term]
        if width := _WIDTHS.fullmatch(term):
            return {"type": "number" if width[3] else "integer", **({"minimum": 0} if term.startswith("U") else {})}
    known = ("ImageObject", "AudioObject", "VideoObject", "BoundingBox", "Split", "SegmentationMask", "Enumeration")
    if terms and not set(terms) & set(known):
        unknown.append(f"the type {terms[0][:60]}")
    return {}


def _plain(value: Any, depth: int) -> Any:
    """The same with terms instead of prefixed names and addresses."""
    if depth > DEEPEST:
        raise ValueError("it is nested too deeply")
    if isinstance(value, dict):
        return {
            key if key.startswith("@") else _term(key): _plain(inner, depth + 1)
            for key, inner in value.items()
            if key != "@context"
        }
    if isinstance(value, list):
        return [_plain(inner, depth + 1) for inner in value]
    return value


def _term(name: Any) -> str:
    return re.split(r"[/#:]", str(name))[-1]


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
