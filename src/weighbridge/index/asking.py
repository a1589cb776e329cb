"""A query as SQL: every value is bound, every field is a condition that an index answers, and the answer is bounded."""

from __future__ import annotations

import re

from weighbridge.core.findings import Severity
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.index.database import reading, told
from weighbridge.index.language import FACTS, FIELDS, Compare, Every, Not, Some, fields_of
from weighbridge.index.listing import rows_of
from weighbridge.index.putting import short
from weighbridge.index.scope import begins, seen

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import ColumnElement

    from weighbridge.index.language import Query
    from weighbridge.index.models import Index
    from weighbridge.index.records import Row, Scope
    from weighbridge.index.tables import ModelTables

MOST = 10_000
"""Models of one answer."""
COUNTED = 10_000
"""Models without facts that are counted; beyond that, it is only said that there are more."""
_PIECE = re.compile(r"\\(.)|([*?])|([^\\*?]+|\\)", re.DOTALL)


class Answer(NamedTuple):
    """The models that a query fits, in the order in which they came into the index. `more`: there are others.

    `unknown` counts models of which nobody can say, because the query asks for facts and theirs are missing, cannot be
    read, or are more than the index keeps; 0 if it asks for nothing of the kind.
    """

    rows: tuple[Row, ...]
    more: bool
    unknown: int


def ask(index: Index, query: Query, *, count: int = 1000, scope: Scope = None) -> Answer:
    """The models that a query fits, at most `count`. Raises IndexFailed."""
    from sqlalchemy import func, select

    tables = index.tables
    models = tables.models
    postgres = index.engine.dialect.name == "postgresql"
    count = max(1, min(count, MOST))
    wanted = models.select().where(_condition(tables, query, postgres=postgres), seen(tables, scope))
    with told(), reading(index.engine) as connection:
        rows = connection.execute(wanted.order_by(models.c.id).limit(count + 1)).all()
        unknown = 0
        if fields_of(query) & FACTS:
            without = models.c.facts_state.in_(("missing", "unreadable", "cut"))
            few = select(models.c.id).where(without, seen(tables, scope)).limit(COUNTED).subquery()
            unknown = int(connection.execute(select(func.count()).select_from(few)).scalar() or 0)
        found = [
            row
            for start in range(0, count, 500)
            for row in rows_of(connection, tables, rows[:count][start : start + 500])
        ]
        return Answer(tuple(found), len(rows) > count, unknown)


def _condition(tables: ModelTables, query: Query, *, postgres: bool) -> ColumnElement[bool]:
    from sqlalchemy import and_, not_, or_

    if isinstance(query, Not):
        return not_(_condition(tables, query.of, postgres=postgres))
    if isinstance(query, Every):
        # Beside something that looks few models up, a range is a condition on those; alone it is looked up itself.
        ranges = [part for part in query.of if isinstance(part, Compare) and FIELDS[part.field] in ("size", "time")]
        others = [part for part in query.of if part not in ranges]
        direct = any(isinstance(part, Compare) for part in others)
        return and_(
            *(_condition(tables, part, postgres=postgres) for part in others),
            *(_range(tables, part, direct=direct) for part in ranges),
        )
    if isinstance(query, Some):
        return or_(*(_condition(tables, part, postgres=postgres) for part in query.of))
    return _compared(tables, query, postgres=postgres)


def _compared(tables: ModelTables, query: Compare, *, postgres: bool) -> ColumnElement[bool]:
    from sqlalchemy import and_

    kind = FIELDS[query.field]
    if kind == "term":
        terms = tables.terms
        return _has(tables, terms, terms.c.value, query, terms.c.kind == query.field, postgres=postgres)
    if kind in ("size", "time"):
        return _range(tables, query, direct=False)
    if kind == "severity":
        return _severity(tables, query)
    if kind == "child":
        return _of_child(tables, query, postgres=postgres)
    column = tables.models.c[_COLUMNS.get(query.field, query.field)]
    known = column != ""  # nothing is known there, so that it fits nothing
    return known if query.operator == "any" else and_(known, _fits(column, query.values, postgres=postgres))


def _range(tables: ModelTables, query: Compare, *, direct: bool) -> ColumnElement[bool]:
    """Whether a size or a time lies where it should: of the row, or looked up by itself."""
    from sqlalchemy import select

    models = tables.models if direct else tables.models.alias("ranged")
    if FIELDS[query.field] == "time":
        fits = _time(models.c.scanned, query)
    else:
        sizes = [int(value) for value in query.values]
        one = sizes[0] if sizes else 0
        fits = models.c.size.in_(sizes) if query.operator == "=" else _ordered(models.c.size, query.operator, one)
    return fits if direct else tables.models.c.id.in_(select(models.c.id).where(fits))


def _of_child(tables: ModelTables, query: Compare, *, postgres: bool) -> ColumnElement[bool]:
    from sqlalchemy import select, true

    if query.field in ("stage", "deployed"):
        standing, models = tables.standing, tables.models
        there = (models.c.manifest == standing.c.digest) & (models.c.path == standing.c.path)
        allowed = standing.c.allowed.in_([True] if query.field == "deployed" else [True, False])
        where = _fits(standing.c.stage, query.values, postgres=postgres) if query.operator != "any" else true()
        return models.c.id.in_(select(models.c.id).select_from(standing.join(models, there)).where(where, allowed))
    evidence = tables.evidence
    holds = evidence.c.result == "verified"
    table, column, more = {
        "rule": (tables.findings, tables.findings.c.rule, true()),
        "signer": (evidence, evidence.c.signer, holds),
        "evidence": (evidence, evidence.c.kind, holds),
        "tag": (tables.tags, tables.tags.c.tag, true()),
        "file": (tables.files, tables.files.c.path, true()),
        "sha256": (tables.files, tables.files.c.sha256, true()),
    }[query.field]
    return _has(tables, table, column, query, more, postgres=postgres)


def _has(
    tables: ModelTables,
    table: Any,
    column: ColumnElement[str],
    query: Compare,
    more: ColumnElement[bool],
    *,
    postgres: bool,
) -> ColumnElement[bool]:
    """Whether a row that hangs on the model fits."""
    from sqlalchemy import select

    found = select(table.c.id).where(more)
    if query.operator != "any":
        found = found.where(_fits(column, query.values, postgres=postgres))
    return tables.models.c.id.in_(found)


def _severity(tables: ModelTables, query: Compare) -> ColumnElement[bool]:
    levels = [one.value for one in Severity]
    if query.operator not in ("=", "any"):
        rank = Severity(query.values[0]).rank
        tests = {"<": rank.__gt__, "<=": rank.__ge__, ">": rank.__lt__, ">=": rank.__le__}
        levels = [one.value for one in Severity if tests[query.operator](one.rank)]
    elif query.operator == "=":
        levels = list(query.values)
    from sqlalchemy import select

    findings = tables.findings
    return tables.models.c.id.in_(select(findings.c.id).where(findings.c.severity.in_(levels)))


def _time(column: ColumnElement[str], query: Compare) -> ColumnElement[bool]:
    """A time that is not known is neither before nor after any other."""
    from sqlalchemy import and_, or_

    if query.operator == "any":
        return column != ""
    if query.operator == "=":
        return or_(*(begins(column, value) for value in query.values))
    value = query.values[0]
    moment = value if "T" in value else f"{value}T00:00:00Z"
    return and_(column != "", _ordered(column, query.operator, moment))


def _ordered(column: ColumnElement[Any], operator: str, value: object) -> ColumnElement[bool]:
    from sqlalchemy import true

    if operator == "any":
        return true()
    compared: ColumnElement[bool] = {
        "=": column == value,
        "<": column < value,
        "<=": column <= value,
        ">": column > value,
        ">=": column >= value,
    }[operator]
    return compared


def _fits(column: ColumnElement[str], values: tuple[str, ...], *, postgres: bool) -> ColumnElement[bool]:
    """Whether text is one of these, `*` and `?` counting as in the language."""
    from sqlalchemy import and_, or_

    exact, others = [], []
    for value in values:
        pieces = pieces_of(value)
        if all(literal for _, literal in pieces):
            exact.append(short("".join(text for text, _ in pieces)))
            continue
        start = pieces[0][0] if pieces[0][1] else ""
        if [literal for _, literal in pieces] in ([True, False], [False]) and pieces[-1][0] == "*":
            others.append(begins(column, start))
        elif postgres:
            others.append(and_(begins(column, start), column.like(_like(pieces), escape="\\")))
        else:
            others.append(and_(begins(column, start), column.op("GLOB", is_comparison=True)(_glob(pieces))))
    if exact:
        others.append(column.in_(exact) if len(exact) > 1 else column == exact[0])
    return or_(*others)


def pieces_of(value: str) -> list[tuple[str, bool]]:
    """A value as runs of text (True) and as `*` and `?` (False); a backslash before a sign makes it text."""
    pieces: list[tuple[str, bool]] = []
    for escaped, sign, text in _PIECE.findall(value):
        if sign:
            pieces.append((sign, False))
            continue
        said = text or (escaped if escaped in "*?\\\"'" else f"\\{escaped}")
        if pieces and pieces[-1][1]:
            pieces[-1] = (pieces[-1][0] + said, True)
        else:
            pieces.append((said, True))
    return [(plain(text) if literal else text, literal) for text, literal in pieces] or [("", True)]


def _glob(pieces: list[tuple[str, bool]]) -> str:
    return "".join(re.sub(r"[*?\[]", r"[\g<0>]", text) if literal else text for text, literal in pieces)


def _like(pieces: list[tuple[str, bool]]) -> str:
    signs = {"*": "%", "?": "_"}
    return "".join(re.sub(r"[%_\\]", r"\\\g<0>", text) if literal else signs[text] for text, literal in pieces)


_COLUMNS = {"repository": "path", "facts": "facts_state"}
