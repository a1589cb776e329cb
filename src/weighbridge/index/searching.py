"""A search across everything: the models that every word of a text fits.

A word fits a model by how one of its words begins (of its name, its repository, its tags, its terms, its files), or,
if it looks like a digest, by how the digest of the manifest, of the model or of one of its files begins.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.listing import rows_of
from weighbridge.index.putting import WORD, words_of
from weighbridge.index.records import Found
from weighbridge.index.scope import begins, seen

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection
    from sqlalchemy.sql.selectable import CompoundSelect, Select

    from weighbridge.index.records import Scope
    from weighbridge.index.tables import ModelTables

MOST_WORDS = 8
"""Words of a question that count."""
MOST_TRIED = 10_000
"""Models that the rarest word fits, beyond which no more are tried."""
_HEX = re.compile(r"(?:sha256:)?([0-9a-f]{6,64})")


def search(connection: Connection, tables: ModelTables, text: str, count: int, scope: Scope) -> Found:
    """The models that all words of a text fit, at most `count`."""
    from sqlalchemy import func, select

    words = _asked(text)
    if not words:
        return Found((), more=False)
    sized = []
    for word in words:
        few = _fitting(tables, word).limit(MOST_TRIED + 1).subquery()
        sized.append((int(connection.execute(select(func.count()).select_from(few)).scalar() or 0), word))
    sized.sort()
    rarest = _fitting(tables, sized[0][1]).limit(MOST_TRIED).subquery()
    models = tables.models
    query = models.select().join(rarest, rarest.c.id == models.c.id)
    for _, word in sized[1:]:
        query = query.where(_fits(tables, word))
    rows = connection.execute(query.where(seen(tables, scope)).limit(count + 1)).all()
    more = len(rows) > count or sized[0][0] > MOST_TRIED
    rows = sorted(rows[:count], key=lambda row: -row.changed)
    return Found(rows_of(connection, tables, rows), more)


def _asked(text: str) -> list[str]:
    """The words of a question; digests stay whole."""
    words: list[str] = []
    for part in text.lower().split():
        digest = _HEX.fullmatch(part)
        words += [digest[1]] if digest else words_of(part)
    return list(dict.fromkeys(words))[:MOST_WORDS]


def _fitting(tables: ModelTables, word: str) -> Select[tuple[int]] | CompoundSelect[tuple[int]]:
    """The ids of the models that a word fits."""
    from sqlalchemy import select, union

    terms, models, files = tables.terms.c, tables.models.c, tables.files.c
    named = select(terms.id).where(terms.kind == WORD, begins(terms.value, word))
    if not _HEX.fullmatch(word):
        return named.distinct()
    digest = f"sha256:{word}"
    return union(
        named,
        select(models.id).where(begins(models.manifest, digest)),
        select(models.id).where(begins(models.model, digest)),
        select(files.id).where(begins(files.sha256, word)),
    )


def _fits(tables: ModelTables, word: str) -> ColumnElement[bool]:
    """Whether a word fits the model of the row."""
    from sqlalchemy import exists, or_

    terms, models, files = tables.terms.c, tables.models.c, tables.files.c
    named = exists().where(terms.id == models.id, terms.kind == WORD, begins(terms.value, word))
    if not _HEX.fullmatch(word):
        return named
    digest = f"sha256:{word}"
    of_files = exists().where(files.id == models.id, begins(files.sha256, word))
    return or_(named, begins(models.manifest, digest), begins(models.model, digest), of_files)
