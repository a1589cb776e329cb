"""Reading an export: a folder of JSON files as `az … show`, Resource Graph, ARM and Microsoft Graph write them.

    resources.json            rows of Resource Graph, or whatever `az resource show` gives for each
    policyAssignments.json …  one collection each: see COLLECTIONS; the name says that it is whole
    anything.json             single resources: they count, but what is not there is not known to be absent
    estate.json               what the owners say: stages, model registries, data sets, allowed models

A file holds an object, a list, or `{"value": […]}`, `{"data": […]}`. One that names a next page was exported in part.
What cannot be read is a problem and never nothing. Sizes, counts and depths are bounded.
"""

from __future__ import annotations

import json
import os

from weighbridge.controls import estate as kinds
from weighbridge.controls.estate import Resource, estate_of, fold
from weighbridge.core.artifact import escape_name
from weighbridge.core.errors import SourceError, UsageError, did_you_mean
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.core.strict_json import unique_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from weighbridge.controls.estate import Estate

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of one file, and of all of them eight times as much."""
MOST_FILES = 5_000
MOST_RESOURCES = 200_000
OWNERS_WORD = "estate.json"
SCHEMA = "weighbridge.estate/1"
COLLECTIONS = {
    "resources": "",
    "deployments": "",
    "diagnosticSettings": kinds.DIAGNOSTICS,
    "blobServices": kinds.BLOBS,
    "managedNetworks": kinds.MANAGED_NETWORK,
    "alertRules": kinds.SENTINEL_RULE,
    "policyAssignments": kinds.ASSIGNMENT,
    "policyExemptions": kinds.EXEMPTION,
    "roleAssignments": kinds.ROLE_ASSIGNMENT,
    "locks": kinds.LOCK,
    "pricings": kinds.PRICING,
    "federatedCredentials": kinds.CREDENTIAL,
    "applications": kinds.APPLICATION,
    "servicePrincipals": kinds.PRINCIPAL,
    "appRoleAssignments": kinds.APP_ROLE,
    "owners": kinds.OWNER,
    "datasetLabels": kinds.LABEL,
    "dataRepositories": kinds.REPOSITORY,
}
"""Files whose name says that they hold all there is, and the kind of records that say none themselves."""
_NAMES = {fold(name): name for name in COLLECTIONS} | {"resourcegraph": "resources"}
_NEXT = frozenset(fold(name) for name in ("nextLink", "@odata.nextLink", "$skipToken", "skipToken"))
_LISTS = ("value", "data", "records")
_WORDS = {
    "schema": str,
    "stages": dict,
    "modelRegistries": list,
    "datasets": list,
    "dataRepositories": list,
    "allowedModels": list,
    "environments": list,
    "issuers": list,
}


def read_export(folder: str, now: datetime, owners_word: str = "") -> Estate:
    """Everything in a folder. Raises SourceError if it is no folder or holds no JSON at all, UsageError for an
    `estate.json` (or the file `owners_word` in its place) that says something unknown.
    """
    problems: list[str] = []
    paths = [path for path in _files(folder, problems) if os.path.relpath(path, folder) != OWNERS_WORD]
    found = read_files(paths, now, folder, problems)
    if not found.resources and not found.collected and not found.problems:
        mend = "weighbridge azure audit --help says what it holds"
        raise SourceError(f"there is no export in {plain(folder)!r}", mend)
    return _with_word(found, owners_word or os.path.join(folder, OWNERS_WORD), bool(owners_word))


def read_files(paths: Sequence[str], now: datetime, folder: str = "", problems: Sequence[str] = ()) -> Estate:
    """An estate of these files. What cannot be read is among its problems."""
    resources: list[Resource] = []
    faults = list(problems)
    collected: set[str] = set()
    cut: set[str] = set()
    left = 8 * MOST_BYTES
    for path in paths:
        name = escape_name(os.path.relpath(path, folder) if folder else path)
        collection = _NAMES.get(fold(os.path.basename(path).removesuffix(".json").replace("-", "")), "")
        try:
            document, size = read_json_file(path, min(MOST_BYTES, left))
        except ValueError as error:
            faults.append(f"{name}: {error}")
            cut.update({collection} if collection else ())
            continue
        left -= size
        if collection:
            collected.add(collection)
        for place, record, whole in _records(document):
            if not whole:
                cut.add(collection or name)
                faults.append(f"{name}: it names a next page that is not here")
            elif not isinstance(record, dict):
                faults.append(f"{name}{place}: no object")
                cut.update({collection} if collection else ())
            elif len(resources) >= MOST_RESOURCES:
                raise SourceError(f"the export holds more than {MOST_RESOURCES} resources", "audit it in parts")
            else:
                resources.append(_resource(record, collection, f"{name}{place}"))
    return estate_of(_once(resources), frozenset(collected), now, tuple(faults), frozenset(cut))


def read_json_file(path: str, most: int = MOST_BYTES) -> tuple[Any, int]:
    """A JSON file and its size. Raises ValueError, with a reason for people, if it cannot be read."""
    try:
        with open(path, "rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from error
    if len(raw) > most:
        raise ValueError(f"it has more than {most} bytes")
    try:
        return json.loads(raw.decode("utf-8-sig"), object_pairs_hook=unique_keys), len(raw)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from None


def kind_of(record: Mapping[str, Any]) -> str:
    """What a record is, by its type, its id, or the fields that only its kind has; else an empty string."""
    said = record.get("type")
    if isinstance(said, str) and "/" in said:
        return said.lower()
    keys = {fold(key) for key in record}
    if "issuer" in keys and keys & {"audiences", "subject", "claimsmatchingexpression"}:
        return kinds.CREDENTIAL
    for marks, kind in (
        ({"approleid", "principalid"}, kinds.APP_ROLE),
        ({"appid", "serviceprincipaltype"}, kinds.PRINCIPAL),
        ({"appid", "passwordcredentials"}, kinds.APPLICATION),
        ({"roledefinitionid", "principalid"}, kinds.ROLE_ASSIGNMENT),
        ({"qualifiedname"}, kinds.LABEL),
        ({"protectionrules"}, "github/environments"),
        ({"usedefault", "includeclaimkeys"}, "github/oidc"),
        ({"usedefault"}, "github/oidc"),
    ):
        if marks <= keys:
            return kind
    identity = record.get("id")
    return _kind_in(identity) if isinstance(identity, str) else ""


def _kind_in(identity: str) -> str:
    """The type that an ARM id ends with."""
    _, slash, last = identity.lower().rpartition("/providers/")
    parts = last.split("/")
    return "/".join([parts[0], *parts[1::2]]) if slash and len(parts) > 2 else ""


def _files(folder: str, problems: list[str]) -> Iterator[str]:
    if not os.path.isdir(folder):
        raise SourceError(f"{plain(folder)!r} is no folder", "name the folder with the export")
    count = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            if not name.endswith(".json"):
                continue
            count += 1
            if count > MOST_FILES:
                raise SourceError(f"the export has more than {MOST_FILES} files", "audit it in parts")
            if os.path.islink(path) or not os.path.isfile(path):
                problems.append(f"{escape_name(os.path.relpath(path, folder))}: no plain file")
                continue
            yield path


def _records(document: Any) -> Iterator[tuple[str, Any, bool]]:
    """Where each record stands, the record, and whether it is one: False stands for a page that is missing."""
    if isinstance(document, list):
        for index, record in enumerate(document):
            if isinstance(record, dict) and _is_page(record):
                yield from ((f"#/{index}{place[1:]}", inner, whole) for place, inner, whole in _records(record))
            else:
                yield f"#/{index}", record, True
        return
    if not isinstance(document, dict):
        yield "#", document, True
        return
    if not _is_page(document):
        yield "#", document, True
        return
    for key in _LISTS:
        if isinstance(document.get(key), list):
            for index, record in enumerate(document[key]):
                yield f"#/{key}/{index}", record, True
    more = any(fold(key) in _NEXT and value for key, value in document.items())
    if more or str(document.get("resultTruncated", "")).lower() == "true":
        yield "#", None, False


def _is_page(record: Mapping[str, Any]) -> bool:
    return "id" not in record and any(isinstance(record.get(key), list) for key in _LISTS)


def _resource(record: dict[str, Any], collection: str, source: str) -> Resource:
    kind = kind_of(record) or COLLECTIONS.get(collection, "")
    said = record.get("id") or record.get("appId") or record.get("qualifiedName") or ""
    if kind == kinds.REPOSITORY:
        said = record.get("url") or said
    return Resource(str(said), kind, record, source)


def _once(resources: list[Resource]) -> Iterator[Resource]:
    """Each resource once; a row with properties counts before one without. Two that differ are both judged."""
    whole = {(found.kind, found.key) for found in resources if _has_properties(found)}
    seen: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for found in resources:
        key = (found.kind, found.key)
        if found.key and key in whole and not _has_properties(found):
            continue
        there = seen.setdefault(key, [])
        if not found.key or found.body not in there:
            there.append(found.body)
            yield found


def _has_properties(resource: Resource) -> bool:
    return isinstance(resource.body.get("properties"), dict)


def _with_word(found: Estate, path: str, needed: bool) -> Estate:
    if not needed and not os.path.isfile(path):
        return found
    try:
        said, _ = read_json_file(path, 1024 * 1024)
    except ValueError as error:
        raise UsageError(f"{plain(path)}: {error}", f"write an object with the schema {SCHEMA}") from None
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise UsageError(f"{plain(path)} has not the schema {SCHEMA}", "weighbridge azure audit --help shows one")
    for key, value in said.items():
        if key not in _WORDS:
            raise UsageError(f"{plain(path)}: {plain(key)!r} is unknown", did_you_mean(key, _WORDS, "remove it"))
        texts = value.values() if isinstance(value, dict) else value
        if not isinstance(value, _WORDS[key]) or not all(isinstance(text, str) for text in texts):
            raise UsageError(f"{plain(path)}: {key} is of the wrong type", "see weighbridge azure audit --help")
    stages = {key.lower().rstrip("/"): value for key, value in said.get("stages", {}).items()}
    if odd := [stage for stage in stages.values() if stage not in STAGES]:
        raise UsageError(f"{plain(path)}: {plain(odd[0])!r} is no stage", f"write {', '.join(STAGES)}")
    return found._replace(
        stages=stages,
        model_registries=tuple(said.get("modelRegistries", ())),
        datasets=tuple(said.get("datasets", ())),
        data_repositories=tuple(said.get("dataRepositories", ())),
        allowed_models=tuple(said.get("allowedModels", ())),
        environments=tuple(said.get("environments", ())),
        issuers=tuple(said.get("issuers", ())),
    )
