"""What a registry remembers of models that were taken in before: for what changed since, and for who a base model is.

Only evidence that somebody trusted has signed is remembered. What cannot be read or verified leaves a comparison out
and proves nothing; whether it is whole is the business of `registry verify` and of gate two.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError, NotFound, RegistryError, Rejected
from weighbridge.core.evidence import CONVERSION_PREDICATE, PROVENANCE_PREDICATE
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pipelines.proved import proved
from weighbridge.provenance.lineage import Known
from weighbridge.provenance.signals import Earlier
from weighbridge.registry.read import load_model
from weighbridge.sources.git_objects import ObjectFolder, parse_commit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from typing import Any

    from weighbridge.attest.trust import TrustPolicy
    from weighbridge.core.origin import Origin
    from weighbridge.registry.base import Store
    from weighbridge.registry.read import StoredModel

MOST_TAGS = 50
"""Tags of one repository that are looked at, the last by name."""
MOST_COMMITS = 1000
"""Commits that are followed from a revision back to an earlier one."""


class _Taken(NamedTuple):
    """One model that was taken in, by its signed provenance report."""

    made: str
    place: str
    asked: str
    revision: str
    digest: str
    claims: list[Any]
    files: dict[str, str]


def remembered(store: Store, origin: Origin, trust: TrustPolicy, now: datetime) -> Earlier | None:
    """What was taken in from the same place before; None if nothing was."""
    taken = sorted((one for one in _taken(store, trust, now) if one.place == origin.place), key=lambda one: one.made)
    if not taken:
        return None
    resolutions = {one.asked: one.revision for one in taken if one.revision}
    objects = origin.objects
    return Earlier(resolutions, taken[-1].files, (lambda old, new: _leads(objects, old, new)) if objects else None)


def knower(find: Callable[[str], Store | None], trust: TrustPolicy, now: datetime) -> Callable[[str], Known | None]:
    """A function that says what is stored of the model that people call `org/name`.

    `find` gives the repository that a name has here, or None. A model counts only if its signed report says that it
    came from a place of that very name: a repository of ours can be called anything.
    """

    def known(name: str) -> Known | None:
        store = find(name)
        found = [one for one in _taken(store, trust, now) if _is_place_of(one.place, name)] if store else []
        if not found:
            return None
        newest = max(found, key=lambda one: one.made)
        told = dict(_flat(newest.claims))
        bases = told.get("lineage", "")
        return Known(
            name=name,
            digest=newest.digest,
            revision=newest.revision,
            bases=tuple(base.strip() for base in bases.split(",") if base.strip() and base != "none"),
            licence=told.get("licence", ""),
            regulated=tuple(sorted(key.partition("/")[2] for key in told if key.startswith("regulated-data/"))),
        )

    return known


def _is_place_of(place: str, name: str) -> bool:
    return "/" in name and place.lower().rstrip("/").endswith(f"/{name.lower()}")


def _taken(store: Store, trust: TrustPolicy, now: datetime) -> Iterator[_Taken]:
    try:
        tags = sorted(store.tags())[-MOST_TAGS:]
    except NotFound:
        return
    for tag in tags:
        try:
            model = load_model(store, store.reference(tag=tag))
        except (RegistryError, Rejected):
            continue
        report = _signed(model, PROVENANCE_PREDICATE, trust, now)
        source = report.get("source") if report else None
        if not report or not isinstance(source, dict):
            continue
        envelope = report.get("envelope")
        claims = report.get("claims")
        yield _Taken(
            made=str(envelope.get("finished", "")) if isinstance(envelope, dict) else "",
            place=str(source.get("place", "")),
            asked=str(source.get("asked", "")),
            revision=str(source.get("revision", "")),
            digest=str(report.get("digest", "")),
            claims=claims if isinstance(claims, list) else [],
            files=_files(model, _signed(model, CONVERSION_PREDICATE, trust, now)),
        )


def _signed(model: StoredModel, kind: str, trust: TrustPolicy, now: datetime) -> dict[str, Any] | None:
    return next((found.statement.predicate for found in proved(model, kind, trust, now)), None)


def _files(model: StoredModel, conversion: dict[str, Any] | None) -> dict[str, str]:
    """The files as they came: what was converted is known by the record of its conversion."""
    side = conversion.get("from") if conversion else None
    files = side.get("files") if isinstance(side, dict) else None
    if isinstance(files, list):
        return {str(file.get("path")): str(file.get("sha256")) for file in files if isinstance(file, dict)}
    return {file.path: file.digest.hex for file in model.files}


def _flat(claims: list[Any]) -> Iterator[tuple[str, str]]:
    stack = list(claims)
    while stack:
        claim = stack.pop()
        if isinstance(claim, dict):
            yield str(claim.get("claim")), str(claim.get("value"))
            parts = claim.get("parts")
            stack.extend(parts if isinstance(parts, list) else [])


def _leads(objects: str, old: str, new: str) -> bool | None:
    """Whether the commit `new` descends from `old`, as far as the objects are here; None if they end before that."""
    kept = ObjectFolder(objects)
    seen, waiting, whole = {new}, [new], True
    while waiting and len(seen) <= MOST_COMMITS:
        commit = waiting.pop(0)
        if commit == old:
            return True
        try:
            parents = parse_commit(kept.get(commit, "commit")).parents
        except (NotFound, FormatError):
            whole = False
            continue
        waiting.extend(parent for parent in parents if parent not in seen)
        seen.update(parents)
    return False if whole and not waiting else None
