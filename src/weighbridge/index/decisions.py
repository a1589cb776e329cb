"""The decisions of the log, the newest first: filtered by the index and read page by page to the very first.

Which entries fit is what the index followed of the log (`index/following.py`); what they say is the log itself. What
proves the log is `index/check.py`.
"""

from __future__ import annotations

import heapq

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import reading, told
from weighbridge.index.log import Entry, begun_in, head_in, log_tables
from weighbridge.index.putting import short
from weighbridge.index.scope import parts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import Connection, Select

    from weighbridge.index.models import Index
    from weighbridge.index.tables import ModelTables


class Wanted(NamedTuple):
    """Which decisions; empty: any. `refused` is a requirement that was not met. `within` are namespaces by their whole
    names (`oci:DIR:team`, `registry.example.com/team`): decisions about repositories in one of them. None: about any.
    """

    stage: str = ""
    allowed: bool | None = None
    refused: str = ""
    within: tuple[str, ...] | None = None


ANY = Wanted()


class Answered(NamedTuple):
    """When a decision was made, in UTC, and what it was."""

    sequence: int
    made: str
    allowed: bool


def entries(index: Index, wanted: Wanted = ANY, *, before: int = 0, limit: int = 50) -> list[Entry]:
    """Entries of the log that fit; `before` is the sequence of the last that was seen (0: the newest). IndexFailed."""
    log = log_tables().entries
    with told(), reading(index.engine) as connection:
        places = [one.sequence for one in _answered(connection, index.tables, wanted, before, limit)]
        rows = connection.execute(log.select().where(log.c.sequence.in_(places)).order_by(log.c.sequence.desc()))
        return [Entry(*row) for row in rows]


def answered(index: Index, wanted: Wanted = ANY, *, limit: int) -> list[Answered]:
    """Of the newest that fit, when they were made and what they were. Raises IndexFailed."""
    with told(), reading(index.engine) as connection:
        return _answered(connection, index.tables, wanted, 0, limit)


def behind(index: Index) -> int:
    """How many entries of the log the index has not followed yet; 0 if there is no log.

    Raises IndexFailed, also if somebody took the log's head away.
    """
    with told(), reading(index.engine) as connection:
        if not begun_in(connection, log_tables()):
            return 0
        head = head_in(connection, log_tables())
        state = connection.execute(index.tables.state.select()).one()
    followed = int(state.followed) if state.log == head.log else 0
    return max(0, int(head.sequence) - followed)


def _answered(connection: Connection, tables: ModelTables, wanted: Wanted, before: int, limit: int) -> list[Answered]:
    """What fits. Namespaces that do not overlap are asked for one by one, so that each question is a walk along the
    end of one index, however many decisions there are of others.
    """
    namespaces: Sequence[str | None] = (None,) if wanted.within is None else parts(wanted.within)
    each = [
        [Answered(*row) for row in connection.execute(_query(tables, wanted, one, before, limit))] for one in namespaces
    ]
    return list(heapq.merge(*each, key=lambda one: -one.sequence))[:limit]


def _query(tables: ModelTables, wanted: Wanted, namespace: str | None, before: int, limit: int) -> Select[Any]:
    from sqlalchemy import exists, false, func, select

    decided, inside, lacks = tables.decided, tables.decided_in, tables.decided_lacks
    refused = short(wanted.refused)
    place = decided.c.sequence
    source: Any = decided
    if namespace is not None:
        place, source = inside.c.sequence, inside.join(decided, decided.c.sequence == inside.c.sequence)
    elif refused:
        place, source = lacks.c.sequence, lacks.join(decided, decided.c.sequence == lacks.c.sequence)
    query = select(place, decided.c.made, decided.c.allowed).select_from(source)
    if namespace is not None:
        query = query.where(inside.c.namespace == short(namespace))
    if refused and namespace is not None:
        query = query.where(exists().where(lacks.c.requirement == refused, lacks.c.sequence == place))
    elif refused:
        query = query.where(lacks.c.requirement == refused)
    alone = source is decided
    if wanted.stage:
        # Beside another table, an index on these would be walked in its place, and everything sorted for one page.
        query = query.where((decided.c.stage if alone else func.coalesce(decided.c.stage, "")) == short(wanted.stage))
    if wanted.allowed is not None:
        column = decided.c.allowed if alone else func.coalesce(decided.c.allowed, false())
        query = query.where(column.is_(wanted.allowed))
    query = query.where(place < before) if before else query
    return query.order_by(place.desc()).limit(limit)
