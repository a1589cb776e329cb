"""Bills of materials read back: what they say of files and of the model, whoever wrote them.

CycloneDX JSON, SPDX 3 JSON-LD and the short JSON. The document is as hostile as a model: it is bounded, a key that
stands twice is refused, and nothing in it is followed. A bill of another program is read as far as it says the same
things in the same standard: names and digests of files, name and digest of the model, licence, packages, data, bases.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError, UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sbom.minimal import SCHEMA
from weighbridge.sbom.statements import PREFIX, SUBJECTS, Statement

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LARGEST = 16 * 1024 * 1024
"""Bytes of a bill that is read; one of 10,000 files has 6 MB, and its tree takes four times that in memory."""
MOST = 500_000
"""Components or elements of one bill."""
_MARKS = (b'"bomFormat"', b'"sbomVersion"', b'"@graph"')
_MEND = "name a bill in CycloneDX, SPDX 3 or our own JSON"


class ListedFile(NamedTuple):
    """A file as a bill lists it. `sha256` is empty if the bill gives no such digest; `size` is None if it says none."""

    path: str
    sha256: str
    size: int | None = None
    format: str = ""


class ReadBill(NamedTuple):
    """What a bill says. `files` in its order; a path that stands twice stands twice here.

    `subjects` are those that a bill of its kind can speak of: what is not among them was not compared, not left out.
    """

    form: str
    name: str
    digest: str
    files: tuple[ListedFile, ...]
    statements: tuple[Statement, ...]
    subjects: frozenset[str]


def read_bill(raw: bytes) -> ReadBill:
    """Read a bill. Raises UsageError if it is none that can be read."""
    from weighbridge.formats.grammars.json_tree import parse_json

    if len(raw) > LARGEST:
        raise UsageError(f"the bill has {len(raw)} bytes; {LARGEST} are read at most", _MEND)
    try:
        tree, twice = parse_json(raw.removeprefix(b"\xef\xbb\xbf"))
    except FormatError as error:
        raise UsageError(f"the bill is no JSON that could be read: {error.cause}", _MEND) from error
    if twice:
        raise UsageError(f"the bill has the key {twice[0][:60]!r} twice: readers disagree on it", _MEND)
    if isinstance(tree, dict):
        if tree.get("bomFormat") == "CycloneDX":
            return _cyclonedx(tree)
        if tree.get("schema") == SCHEMA:
            return _minimal(tree)
        if isinstance(tree.get("@graph"), list):
            return _spdx(tree["@graph"])
    raise UsageError("the document is no bill of materials that is known here", _MEND)


def is_bill(raw: bytes) -> bool:
    """Whether the bytes look like a bill: what then cannot be read is an error, not a model."""
    head = raw.lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    return head == b"{" and any(mark in raw for mark in _MARKS)


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value[:MOST] if isinstance(row, dict)] if isinstance(value, list) else []


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _str(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _minimal(tree: dict[str, Any]) -> ReadBill:
    files = tuple(
        ListedFile(_str(row.get("filename")), _str(row.get("sha256")), _int(row.get("size")), _str(row.get("format")))
        for row in _rows(tree.get("artifacts"))
    )
    said = tuple(
        Statement(_str(row.get("subject")), _str(row.get("name")), _str(row.get("value")))
        for row in _rows(tree.get("statements"))
    )
    name, digest = _str(tree.get("modelName")), _str(tree.get("modelDigest"))
    return ReadBill("weighbridge", name, digest, files, said, frozenset(SUBJECTS))


def _int(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) <= 20:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# CycloneDX


def _components(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every component, those inside of others too."""
    model = _table(_table(tree.get("metadata")).get("component"))
    stack = [*_rows(model.get("components")), *_rows(tree.get("components"))]
    left = MOST
    while stack and left:
        left -= 1
        component = stack.pop()
        yield component
        stack.extend(_rows(component.get("components")))


def _cyclonedx(tree: dict[str, Any]) -> ReadBill:
    model = _table(_table(tree.get("metadata")).get("component"))
    files, needed, data = [], [], []
    for component in _components(tree):
        kind, name = _str(component.get("type")), _str(component.get("name"))
        if kind == "file":
            own = _properties(component)
            path = _str(component.get("bom-ref"))
            if f"{PREFIX}can-carry-code" in own and path.startswith("file:"):
                name = path.removeprefix("file:")
            files.append(
                ListedFile(
                    name,
                    _sha256(component),
                    _int(own.get(f"{PREFIX}size")),
                    own.get(f"{PREFIX}format", ""),
                )
            )
        elif kind in ("library", "framework", "platform"):
            needed.append(Statement("dependency", name, _str(component.get("version")) or "any version"))
        elif kind == "data":
            version = _str(component.get("version"))
            data.append(Statement("dataset", "training", f"{name}@{version}" if version else name))
    files.sort()
    digest = _sha256(model)
    ours = _own_statements(model)
    name = _str(model.get("name"))
    if ours:
        named = f"sha256:{digest}" if digest else ""
        return ReadBill("CycloneDX", name, named, tuple(files), ours, frozenset(SUBJECTS))
    said = (*sorted(needed), *sorted(data), *_cyclonedx_model(model))
    subjects = frozenset(("dependency", "dataset", "licence", "base-model", "model"))
    return ReadBill("CycloneDX", name, "", tuple(files), said, subjects)


def _own_statements(model: dict[str, Any]) -> tuple[Statement, ...]:
    found = []
    for row in _rows(model.get("properties")):
        subject, colon, name = _str(row.get("name")).removeprefix(PREFIX).partition(":")
        if colon and subject in SUBJECTS and _str(row.get("name")).startswith(PREFIX):
            found.append(Statement(subject, name, _str(row.get("value"))))
    return tuple(found)


def _cyclonedx_model(model: dict[str, Any]) -> Iterator[Statement]:
    for row in _rows(model.get("licenses")):
        licence = _table(row.get("license"))
        text = _str(row.get("expression")) or _str(licence.get("id")) or _str(licence.get("name"))
        if text:
            yield Statement("licence", "declared", text)
    for row in _rows(_table(model.get("pedigree")).get("ancestors")):
        yield Statement("base-model", "made of", _str(row.get("name")))
    if version := _str(model.get("version")):
        yield Statement("model", "revision", version)


def _properties(component: dict[str, Any]) -> dict[str, str]:
    return {_str(row.get("name")): _str(row.get("value")) for row in _rows(component.get("properties"))}


def _sha256(component: dict[str, Any]) -> str:
    return next(
        (_str(row.get("content")).lower() for row in _rows(component.get("hashes")) if row.get("alg") == "SHA-256"), ""
    )


# SPDX


def _spdx(graph: list[Any]) -> ReadBill:
    from weighbridge.sbom.spdx import ANNOTATION_TYPE

    rows = _rows(graph)
    by_name = {_str(row.get("spdxId") or row.get("@id")): row for row in rows}
    contained = _related(rows, "contains")
    evidence = _related(rows, "hasEvidence")
    model = next((row for row in rows if _str(row.get("spdxId")) in _roots(rows)), {})
    own: dict[str, Any] = {}
    for row in rows:
        if row.get("type") == "Annotation" and row.get("contentType") == ANNOTATION_TYPE:
            own = _parsed(_str(row.get("statement")))
    known = {_str(entry[0]): entry for entry in own.get("files") or () if isinstance(entry, list) and len(entry) == 5}
    files = []
    for row in rows:
        name = _str(row.get("spdxId"))
        if row.get("type") == "software_File" and name not in evidence - contained:
            entry = known.get(name, [name, _str(row.get("name")), None, "", False])
            files.append(ListedFile(_str(entry[1]), _spdx_sha256(row), _int(entry[2]), _str(entry[3])))
    files.sort()
    digest = _spdx_sha256(model)
    said = tuple(
        Statement(*map(_str, row)) for row in own.get("statements") or () if isinstance(row, list) and len(row) == 3
    )
    if said:
        name = _str(model.get("name"))
        return ReadBill("SPDX", name, f"sha256:{digest}" if digest else "", tuple(files), said, frozenset(SUBJECTS))
    subjects = frozenset(("dependency", "dataset", "licence", "base-model", "model"))
    found = tuple(sorted(_spdx_statements(rows, by_name)))
    return ReadBill("SPDX", _str(model.get("name")), "", tuple(files), found, subjects)


def _parsed(text: str) -> dict[str, Any]:
    from weighbridge.formats.grammars.json_tree import parse_json

    try:
        tree, twice = parse_json(text.encode("utf-8", "replace"))
    except FormatError:
        return {}
    return tree if isinstance(tree, dict) and not twice else {}


def _roots(rows: list[dict[str, Any]]) -> set[str]:
    boms = [row for row in rows if row.get("type") in ("software_Sbom", "Bom")]
    holders = boms or [row for row in rows if row.get("type") == "SpdxDocument"]
    return {
        name for row in holders for name in row.get("rootElement") or () if isinstance(row.get("rootElement"), list)
    }


def _related(rows: list[dict[str, Any]], kind: str) -> set[str]:
    return {
        _str(name)
        for row in rows
        if row.get("type") == "Relationship" and row.get("relationshipType") == kind
        for name in (row["to"] if isinstance(row.get("to"), list) else [row.get("to")])
    }


def _spdx_sha256(row: dict[str, Any]) -> str:
    return next(
        (
            _str(one.get("hashValue")).lower()
            for one in _rows(row.get("verifiedUsing"))
            if one.get("algorithm") == "sha256"
        ),
        "",
    )


def _spdx_statements(rows: list[dict[str, Any]], by_name: dict[str, dict[str, Any]]) -> Iterator[Statement]:
    for kind, subject, name in (
        ("dependsOn", "dependency", ""),
        ("trainedOn", "dataset", "training"),
        ("testedOn", "dataset", "evaluation"),
        ("descendantOf", "base-model", "made of"),
        ("hasDeclaredLicense", "licence", "declared"),
    ):
        for target in _related(rows, kind):
            row = by_name.get(target, {})
            version = _str(row.get("software_packageVersion"))
            text = _str(row.get("name")) or _str(row.get("simplelicensing_licenseExpression"))
            if text and subject == "dependency":
                yield Statement(subject, text, version or "any version")
            elif text:
                yield Statement(subject, name, "@".join(filter(None, (text, version))))
