"""The models of the default registry by name, out of the index, and how far the index can be believed.

The registry itself is asked for one model (`/v1/models/NAME`), never for all of them. What the index holds follows from
the last walk over the registry and from every intake and admission since; nobody tells it of what others push.
"""

from __future__ import annotations

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.named import Names, named, of_namespaces
from weighbridge.index.scope import parts
from weighbridge.index.walks import walk_of
from weighbridge.pipelines.admission import internal_place
from weighbridge.web.bodies import BadRequest

if TYPE_CHECKING:
    from typing import Any

    from weighbridge.core.settings import Settings
    from weighbridge.index.models import Index
    from weighbridge.index.records import Row, Scope
    from weighbridge.web.access import Caller

REBUILD = "run weighbridge index rebuild"


def root_of(settings: Settings) -> str:
    """How the whole names of the default registry's repositories begin; empty if there is no such registry."""
    place = internal_place(settings.registry.rstrip("/")) if settings.registry else ""
    return place and place + (":" if place.startswith("oci:") else "/")


def catalogue(
    index: Index, settings: Settings, caller: Caller, *, below: str, after: str, limit: int
) -> tuple[list[dict[str, Any]], str]:
    """Some tags of the caller's repositories, and what to ask for the next with; empty if there are no more.

    Raises BadRequest for an `after` that no page gave, IndexFailed.
    """
    root = root_of(settings)
    if not root:
        return [], ""
    name, colon, tag = after.partition(":")
    if after and (not colon or plain(after, 600) != after):
        raise BadRequest(400, "after is not what a page gave as next")
    wanted = of_namespaces(root, [below] if below else parts(caller.tenants))
    if not below and caller.sees_all:
        wanted = (Names(root, below=True),)
    found = named(index, wanted, (f"{root}{name}", tag) if after else ("", ""), limit + 1)
    rows = [
        {"repository": one.repository.removeprefix(root), "tag": one.tag, "digest": one.manifest}
        for one in found[:limit]
    ]
    return rows, f"{rows[-1]['repository']}:{rows[-1]['tag']}" if len(found) > limit else ""


def believed(index: Index, settings: Settings) -> dict[str, Any]:
    """Whether a list out of the index is whole as far as is known: when the registry was last walked to its end, and
    if models may be missing, one sentence that says so and what mends it.
    """
    if not settings.registry:
        return {"walked": "", "why": "no registry is set"}
    walk = walk_of(index, internal_place(settings.registry))
    why = ""
    if not walk.finished and not walk.after:
        why = f"the index was never made from the registry, so that models may be missing: {REBUILD}"
    elif not walk.finished:
        why = f"a walk over the registry is not at its end, so that models may be missing: {REBUILD}, which goes on"
    elif walk.failed:
        why = f"{walk.failed} models could not be read when the index was made, and are missing: {REBUILD} says why"
    return {"walked": walk.finished, "why": why}


def sight(settings: Settings, caller: Caller) -> Scope:
    """Whose models a caller may see, by whole names: in the default registry, and in others that the settings list,
    where a tenant begins with the host.
    """
    if caller.sees_all:
        return None
    root = root_of(settings)
    found = [f"{root}{name}" for name in caller.tenants] if root else []
    for listed in settings.server.registries:
        place = listed.rstrip("/")
        found += [_whole(name) for name in caller.tenants if name == place or name.startswith(f"{place}/")]
        found += [_whole(place) for name in caller.tenants if place.startswith(f"{name}/")]
    return tuple(found)


def named_here(settings: Settings, repository: str) -> tuple[str, bool]:
    """A repository by its whole name as tenants name it, and whether it is in the default registry, whose models have
    pages.
    """
    root = root_of(settings)
    if root and repository.startswith(root):
        return repository.removeprefix(root), True
    return repository, False


def shown(settings: Settings, row: Row) -> dict[str, Any]:
    """A model in a list, as pages show it: `path` is what its tenants call it, `here` whether it has a page."""
    path, here = named_here(settings, row.repository)
    return {**row._asdict(), "path": path, "here": here}


def _whole(name: str) -> str:
    host, slash, rest = name.partition("/")
    return f"{host.lower()}{slash}{rest}"
