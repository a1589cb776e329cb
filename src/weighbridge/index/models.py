"""The models of the registry, as they can be asked for: every answer is bounded and comes from an index.

`Index` holds no connection between two calls, and may be used by many threads and processes at once. Whoever answers
for others gives the namespaces that they may see (`scope`) with every question.
"""

from __future__ import annotations

import math
import time

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.index import following, kinship, putting, searching
from weighbridge.index.database import open_database, reading, told, writing
from weighbridge.index.listing import matching, rows_of
from weighbridge.index.records import (
    Counts,
    Edge,
    Filters,
    IndexedEvidence,
    IndexedFile,
    IndexedFinding,
    IndexedModel,
    Known,
    Page,
    Standing,
    Term,
)
from weighbridge.index.scope import is_registry, parts, seen, tenant_of, within
from weighbridge.index.tables import model_tables

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from sqlalchemy import Connection, Engine

    from weighbridge.index.records import Decided, Family, Found, Row, Scope

MOST = 500
"""Rows of one answer, however many were asked for."""
NO_FILTERS = Filters()


class Index:
    """What is known of the models of the registry. Every method raises IndexFailed if the database cannot be used."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.tables = model_tables()

    def put(self, model: IndexedModel) -> None:
        """Write everything that is known of a manifest, in place of what was known before, in one transaction."""
        self.put_all((putting.Expected(model),))

    def put_all(self, models: Iterable[putting.Expected]) -> tuple[IndexedModel, ...]:
        """Write these in one transaction; give those that somebody wrote since they were read, and leave them."""
        with told(), writing(self.engine) as connection:
            return putting.put(connection, self.tables, tuple(models))

    def remove(self, repository: str, manifest: str, touched: int) -> bool:
        """Forget a model, unless somebody wrote it since it was `touched`; whether it was forgotten."""
        with told(), writing(self.engine) as connection:
            return putting.remove(connection, self.tables, repository, manifest, touched)

    def touched(self, repository: str, manifest: str) -> int:
        """The number at which a model was last written; 0 if it is not known."""
        c = self.tables.models.c
        with told(), reading(self.engine) as connection:
            query = self.tables.models.select().where(c.repository == repository, c.manifest == manifest)
            there = connection.execute(query).first()
        return there.touched if there else 0

    def model(self, repository: str, manifest: str, scope: Scope = None) -> Known | None:
        """Everything that is known of one manifest; None if it is not known, or not to be seen."""
        c = self.tables.models.c
        with told(), reading(self.engine) as connection:
            query = self.tables.models.select().where(c.repository == repository, c.manifest == manifest)
            row = connection.execute(query.where(seen(self.tables, scope))).first()
            return self._known(connection, row) if row else None

    def page(self, filters: Filters = NO_FILTERS, after: int = 0, count: int = 50, scope: Scope = None) -> Page:
        """The last changed models that fit, at most `count`; `after` is what the page before gave (0: the first)."""
        count = max(1, min(count, MOST))
        with told(), reading(self.engine) as connection:
            rows = matching(connection, self.tables, filters, after, count + 1, scope)
            more = rows[count - 1].changed if len(rows) > count else 0
            return Page(rows_of(connection, self.tables, rows[:count]), more)

    def changes(self, since: int, count: int = 100, scope: Scope = None) -> tuple[Row, ...]:
        """Models that changed after the change of this number, in the order of their changes."""
        models = self.tables.models
        with told(), reading(self.engine) as connection:
            query = models.select().where(models.c.changed > since, seen(self.tables, scope))
            rows = connection.execute(query.order_by(models.c.changed).limit(max(1, min(count, MOST)))).all()
            return rows_of(connection, self.tables, rows)

    def counts(self, scope: Scope = None) -> Counts:
        """How many models there are, of which verdicts, and how many gate two allows at each stage."""
        from sqlalchemy import func, select

        tables = self.tables
        tallies, models, standing = tables.tallies.c, tables.models.c, tables.standing.c
        found: dict[str, int] = {}
        total = 0
        with told(), reading(self.engine) as connection:
            queries = []
            if scope is None:
                queries.append(select(tallies.verdict, tallies.models, tallies.bytes))
            for prefix in parts(scope or ()):
                if tenant_of(prefix) != prefix or is_registry(prefix):
                    amounts = (func.count(), func.coalesce(func.sum(models.size), 0))
                    mine = select(models.verdict, *amounts).where(within(tables, prefix))
                    queries.append(mine.group_by(models.verdict))
                else:
                    mine = select(tallies.verdict, tallies.models, tallies.bytes)
                    queries.append(mine.where(tallies.tenant == prefix))
            for query in queries:
                for verdict, count, size in connection.execute(query):
                    found[verdict] = found.get(verdict, 0) + int(count)
                    total += int(size)
            deployed = {}
            for stage in STAGES:
                there = (models.manifest == standing.digest) & (models.path == standing.path)
                allowed = select(func.count()).select_from(tables.standing.join(tables.models, there))
                where = (standing.stage == stage, standing.allowed.is_(True), seen(tables, scope))
                deployed[stage] = int(connection.execute(allowed.where(*where)).scalar() or 0)
            sequence = int(connection.execute(tables.state.select().where(tables.state.c.id == 1)).one().sequence)
        kept = {verdict: count for verdict, count in sorted(found.items()) if count}
        return Counts(sum(kept.values()), total, kept, deployed, sequence)

    def search(self, text: str, count: int = 50, scope: Scope = None) -> Found:
        """The models that every word of a text fits: words of names and terms, or how they or digests begin."""
        with told(), reading(self.engine) as connection:
            return searching.search(connection, self.tables, text, max(1, min(count, MOST)), scope)

    def lineage(self, digest: str, scope: Scope = None) -> Family:
        """What the models of a digest (of a manifest or of a model) come from, and what comes from them."""
        with told(), reading(self.engine) as connection:
            return kinship.family(connection, self.tables, digest, scope)

    def history(self, digest: str, count: int = 100) -> tuple[Decided, ...]:
        """The last decisions of the log about a manifest, or about every manifest of a model, the newest first, of
        all repositories: who may see one is whoever may see the repository that it names.
        """
        models = self.tables.models
        with told(), reading(self.engine) as connection:
            mine = models.select().where(models.c.model == digest).limit(MOST)
            digests = [digest, *(row.manifest for row in connection.execute(mine))]
            return following.history(connection, self.tables, digests, max(1, min(count, MOST)))

    def follow_log(self, seconds: float = math.inf) -> int:
        """Take up what the log of decisions says since this was last done; how many entries that were.

        If there is nothing new, nothing is written, so that readers may ask for it. After `seconds` no more are taken
        up: whoever asks next goes on.
        """
        taken, until = 0, time.monotonic() + seconds
        with told(), reading(self.engine) as connection:
            if following.up_to_date(connection, self.tables):
                return taken
        while True:
            with told(), writing(self.engine) as connection:
                more = following.follow(connection, self.tables)
            taken += more
            if not more or time.monotonic() > until:
                return taken

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def _known(self, connection: Connection, row: Any) -> Known:
        tables = self.tables

        def children(name: str, *order: str) -> list[Any]:
            table = getattr(tables, name)
            query = table.select().where(table.c.id == row.id).order_by(*(table.c[one] for one in order))
            return [item._mapping for item in connection.execute(query)]  # noqa: SLF001 -- SQLAlchemy's public name

        def made(kind: Any, name: str, *order: str) -> tuple[Any, ...]:
            return tuple(kind(*(item[field] for field in kind._fields)) for item in children(name, *order))

        terms = tables.terms
        others = terms.select().where(terms.c.id == row.id, terms.c.kind != putting.WORD)
        model = IndexedModel(
            **{name: getattr(row, name) for name in IndexedModel._fields if hasattr(row, name)},
            tags=tuple(item["tag"] for item in children("tags", "tag")),
            files=made(IndexedFile, "files", "path"),
            findings=made(IndexedFinding, "findings", "number"),
            evidence=made(IndexedEvidence, "evidence", "referrer"),
            terms=tuple(
                Term(item.kind, item.value) for item in connection.execute(others.order_by(terms.c.kind, terms.c.value))
            ),
            lineage=made(Edge, "lineage", "relation", "target"),
        )
        c = tables.standing.c
        stands = tables.standing.select().where(c.digest == row.manifest, c.path == row.path).order_by(c.stage)
        standing = tuple(
            Standing(one.stage, bool(one.allowed), one.made, one.sequence) for one in connection.execute(stands)
        )
        return Known(model, standing, row.changed, row.before)


def open_index(address: str, *, create: bool = False) -> Index:
    """The index at an address of SQLAlchemy, with today's tables. Raises UsageError, IndexFailed."""
    return Index(open_database(address, create=create))
