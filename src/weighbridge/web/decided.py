"""Decisions of the log that a caller may see: filtered in the database, and read page by page to the very first."""

from __future__ import annotations

import json

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.decisions import Wanted, behind, entries

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.settings import Settings
    from weighbridge.index.log import Entry
    from weighbridge.index.models import Index
    from weighbridge.web.access import Caller
    from weighbridge.web.desk import Desk

FOLLOWING = 2.0
"""Seconds for which one answer takes up what is new in the log; of a long log, the next one goes on."""


class Shown(NamedTuple):
    """An entry, the repository that it is about as tenants name it (empty: in no registry of ours), what it says."""

    entry: Entry
    repository: str
    said: dict[str, Any]


class Listed(NamedTuple):
    """Some decisions, and the sequence to go on before; 0: there are no more."""

    rows: tuple[Shown, ...]
    following: int


def wanted_by(
    settings: Settings, caller: Caller, below: str = "", *, stage: str = "", decision: str = "", refused: str = ""
) -> Wanted:
    """What a caller asks for, in namespaces of his only. `below` is one that he may see; `decision` allow or deny."""
    within = None
    if below or not caller.sees_all:
        within = _whole_names(settings, (below,) if below else caller.tenants)
    return Wanted(stage, {"allow": True, "deny": False}.get(decision), refused, within)


def take_up(index: Index) -> int:
    """Have the index follow the log for a moment; how many entries it is still behind.

    Raises IndexFailed, also if somebody took the log's head away.
    """
    if not behind(index):
        return 0
    index.follow_log(FOLLOWING)
    return behind(index)


def listed(desk: Desk, index: Index, caller: Caller, wanted: Wanted, *, before: int, limit: int) -> Listed:
    """The newest that fit. Raises IndexFailed."""
    found = entries(index, wanted, before=before, limit=limit + 1)
    rows = [_shown(desk, entry) for entry in found[:limit]]
    # What the index says of an entry is no proof of whose it is; what the entry itself says decides.
    mine = tuple(row for row in rows if (caller.sees(row.repository) if row.repository else caller.sees_all))
    return Listed(mine, found[limit - 1].sequence if len(found) > limit else 0)


def _shown(desk: Desk, entry: Entry) -> Shown:
    said = json.loads(entry.document)
    try:
        repository = desk.place(str(said.get("reference", "")))[1]
    except UsageError:
        repository = ""
    return Shown(entry, repository, said)


def _whole_names(settings: Settings, names: tuple[str, ...]) -> tuple[str, ...]:
    """Namespaces as tenants name them (`Desk.place`) by their whole names: in the default registry, and in others
    that the settings list, where a tenant begins with the host.
    """
    found = []
    if settings.registry.startswith("oci:"):
        found += [f"{settings.registry}:{name}" for name in names]
    elif settings.registry:
        found += [f"{settings.registry.rstrip('/')}/{name}" for name in names]
    for listed_place in settings.server.registries:
        place = listed_place.rstrip("/")
        found += [name for name in names if name == place or name.startswith(f"{place}/")]
        found += [place for name in names if place.startswith(f"{name}/")]
    return tuple(found)
