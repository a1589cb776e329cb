"""Lists of models, the last changed first."""

from __future__ import annotations

import heapq

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.records import Row
from weighbridge.index.scope import begins, parts, within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import ColumnElement, Connection

    from weighbridge.index.records import Filters, Scope
    from weighbridge.index.tables import ModelTables


def matching(
    connection: Connection, tables: ModelTables, filters: Filters, after: int, count: int, scope: Scope
) -> list[Any]:
    """Rows of models that fit, at most `count`, changed before the change `after` (0: any)."""
    models = tables.models
    query = models.select().where(*_conditions(tables, filters)).order_by(models.c.changed.desc()).limit(count)
    if after:
        query = query.where(models.c.changed < after)
    if scope is None:
        return list(connection.execute(query).all())
    each = [connection.execute(query.where(within(tables, prefix))).all() for prefix in parts(scope)]
    return list(heapq.merge(*each, key=lambda row: -row.changed))[:count]


def rows_of(connection: Connection, tables: ModelTables, rows: Sequence[Any]) -> tuple[Row, ...]:
    """Rows of the table as records, with their tags and with where they are allowed."""
    from sqlalchemy import select

    tags, c = tables.tags, tables.standing.c
    named: dict[int, list[str]] = {row.id: [] for row in rows}
    for item in connection.execute(tags.select().where(tags.c.id.in_(named)).order_by(tags.c.tag)):
        named[item.id].append(item.tag)
    allowed: dict[tuple[str, str], list[str]] = {(row.manifest, row.path): [] for row in rows}
    digests = [digest for digest, _ in allowed]
    for item in connection.execute(select(tables.standing).where(c.digest.in_(digests)).order_by(c.stage)):
        if item.allowed and (item.digest, item.path) in allowed:
            allowed[item.digest, item.path].append(item.stage)
    return tuple(
        Row(
            *(row.repository, row.path, row.manifest, row.model, row.name, tuple(named[row.id]), row.verdict),
            *(row.proof, row.scanned, row.size, row.source, row.publisher, row.licence),
            *(tuple(allowed[row.manifest, row.path]), row.newest, row.changed, row.before),
        )
        for row in rows
    )


def _conditions(tables: ModelTables, filters: Filters) -> list[ColumnElement[bool]]:
    from sqlalchemy import select

    models, standing = tables.models.c, tables.standing.c
    wanted = [models[name] == value for name in _EQUAL if (value := getattr(filters, name))]
    if filters.name:
        wanted += [begins(models.path, filters.name)]
    if filters.stage:
        there = (models.manifest == standing.digest) & (models.path == standing.path)
        allowed = select(models.id).select_from(tables.standing.join(tables.models, there))
        wanted += [models.id.in_(allowed.where(standing.stage == filters.stage, standing.allowed.is_(True)))]
    return wanted


_EQUAL = ("verdict", "proof", "publisher", "source")
