"""The lineage of a model: what it comes from, and what comes from it, step by step and bounded."""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.records import Family, Kin
from weighbridge.index.scope import seen

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sqlalchemy import Connection

    from weighbridge.index.records import Scope
    from weighbridge.index.tables import ModelTables

MOST_STEPS, MOST_EDGES = 8, 300
DATASET = "dataset"
"""The relation that is not followed: two models of the same data are no kin."""


def family(connection: Connection, tables: ModelTables, digest: str, scope: Scope) -> Family:
    """The edges around the models of a digest, nearest first."""
    from sqlalchemy import or_, select

    models, lineage = tables.models, tables.lineage
    start = connection.execute(
        models.select()
        .where(or_(models.c.manifest == digest, models.c.model == digest), seen(tables, scope))
        .limit(MOST_EDGES)
    ).all()
    known = {row.id: row for row in start}
    edges: dict[tuple[int, str, str], Kin] = {}
    here = list(start)
    more = False
    for _ in range(MOST_STEPS):
        if not here or len(edges) >= MOST_EDGES:
            break
        up = select(lineage).where(lineage.c.id.in_([row.id for row in here]))
        down = select(lineage).where(
            lineage.c.target.in_(sorted({name for row in here for name in _names(row)})), lineage.c.relation != DATASET
        )
        found = [
            *connection.execute(up.limit(MOST_EDGES + 1)).all(),
            *connection.execute(down.limit(MOST_EDGES + 1)).all(),
        ]
        more = more or len(found) > MOST_EDGES
        children = _models(connection, tables, models.c.id.in_({edge.id for edge in found} - known.keys()), scope)
        new = {row.id: row for row in children}
        targets = sorted({edge.target for edge in found if edge.relation != DATASET})
        named = or_(models.c.manifest.in_(targets), models.c.model.in_(targets), models.c.name.in_(targets))
        parents = _models(connection, tables, named, scope)
        new |= {row.id: row for row in parents if row.id not in known}
        known |= new
        for edge in found:
            if edge.id in known and len(edges) < MOST_EDGES:
                mine = tuple(row.manifest for row in parents if edge.target in _names(row) and row.id != edge.id)
                if edge.relation == DATASET:
                    mine = ()
                child = known[edge.id]
                edges[edge.id, edge.relation, edge.target] = Kin(
                    child.repository, child.manifest, edge.relation, edge.target, edge.proof, mine
                )
        here = list(new.values())
    return Family(tuple(edges.values()), more or bool(here) or len(edges) >= MOST_EDGES)


def _names(row: Any) -> Iterable[str]:
    """By what a model may be named as the origin of another."""
    return [name for name in (row.manifest, row.model, row.name) if name]


def _models(connection: Connection, tables: ModelTables, where: Any, scope: Scope) -> list[Any]:
    return list(connection.execute(tables.models.select().where(where, seen(tables, scope)).limit(MOST_EDGES)).all())
