"""How far a walk over a registry came, and what the index has below a place in it."""

from __future__ import annotations

import json

from weighbridge.core.digests import canonical_json
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import reading, told, writing
from weighbridge.index.scope import begins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.index.models import Index

PAGE = 500


class Walk(NamedTuple):
    """A walk over a registry: the last repository that is done (in the order of names), and what was met so far.

    `finished` is when it came to its end (UTC), empty if it did not yet; `failed` counts models that could not be read.
    """

    registry: str
    after: str = ""
    repositories: int = 0
    models: int = 0
    removed: int = 0
    failed: int = 0
    finished: str = ""


class Met(NamedTuple):
    """A model that the index knows, and when it was last written."""

    manifest: str
    touched: int


def walk_of(index: Index, registry: str) -> Walk:
    """How far the last walk over a registry came."""
    walks = index.tables.walks
    with told(), reading(index.engine) as connection:
        row = connection.execute(walks.select().where(walks.c.registry == registry)).first()
    return _walk(row.registry, row.after, row.counts) if row else Walk(registry)


def walks(index: Index) -> tuple[Walk, ...]:
    """The last walk over each registry."""
    table = index.tables.walks
    with told(), reading(index.engine) as connection:
        rows = connection.execute(table.select().order_by(table.c.registry).limit(PAGE)).all()
    return tuple(_walk(row.registry, row.after, row.counts) for row in rows)


def note(index: Index, walk: Walk) -> None:
    """Write how far a walk came."""
    table = index.tables.walks
    counts = canonical_json(
        {name: value for name, value in walk._asdict().items() if name not in ("registry", "after")}
    )
    with told(), writing(index.engine) as connection:
        done = connection.execute(
            table.update().where(table.c.registry == walk.registry).values(after=walk.after, counts=counts)
        )
        if not done.rowcount:
            connection.execute(table.insert().values(registry=walk.registry, after=walk.after, counts=counts))


def known_models(index: Index, repository: str) -> Iterator[Met]:
    """Every manifest of a repository that the index knows, page by page."""
    from sqlalchemy import select

    c = index.tables.models.c
    after = ""
    while True:
        with told(), reading(index.engine) as connection:
            query = select(c.manifest, c.touched).where(c.repository == repository, c.manifest > after)
            rows = [Met(*row) for row in connection.execute(query.order_by(c.manifest).limit(PAGE))]
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1].manifest


def known_repositories(index: Index, start: str) -> Iterator[str]:
    """The repositories of the index whose whole name begins like this."""
    from sqlalchemy import func, select

    c = index.tables.models.c
    after = ""
    while True:
        with told(), reading(index.engine) as connection:
            query = select(func.min(c.repository)).where(begins(c.repository, start), c.repository > after)
            found = connection.execute(query).scalar()
        if found is None:
            return
        yield found
        after = found


def _walk(registry: str, after: str, counts: bytes) -> Walk:
    said = json.loads(counts)
    kept = {name: said[name] for name in Walk._fields if name in said}
    return Walk(registry=registry, after=after)._replace(**kept)
