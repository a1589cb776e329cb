"""The check of a data set: every table, every text, against itself and against the baseline.

Counts decide, not shares: about 250 planted documents are enough for a model of any size. Each check says from how many
planted rows on it can see anything, and one that did not run says so: it is never passed over as passed.
"""

from __future__ import annotations

import json

from weighbridge.core.errors import UsageError
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.content import Search
from weighbridge.dataset.declared import held_against
from weighbridge.dataset.drift import drift
from weighbridge.dataset.gallery import gallery
from weighbridge.dataset.poison import Columns, poison
from weighbridge.dataset.profile import SCHEMA as PROFILE
from weighbridge.dataset.profile import table_profile
from weighbridge.dataset.report import CheckReport, DataFinding, Doubt, Row, Sight, finding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from weighbridge.dataset.database import Table
    from weighbridge.dataset.declared import Declared
    from weighbridge.dataset.tables import DataSet
    from weighbridge.scan.engine import Watcher

MOST_JSON = 256 * 1024 * 1024
_LEVELS = {"dataset/column-count": Severity.MEDIUM, "dataset/schema-differs": Severity.MEDIUM}


class Asked(NamedTuple):
    """What a check is asked to look at: columns by name, a profile, a declaration."""

    columns: Columns = Columns()
    baseline: Mapping[str, Any] | None = None
    schema: Declared | None = None


def read_json(path: str) -> dict[str, Any]:
    """A JSON object from a file of ours. Raises UsageError."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read(MOST_JSON))
    except OSError as error:
        raise UsageError(f"{path!r} cannot be read: {error.strerror}", "name another file") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path!r} is no JSON", "write it again with weighbridge dataset profile") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path!r} is no JSON object", "write it again with weighbridge dataset profile")
    return found


def check(data: DataSet, asked: Asked, watcher: Watcher) -> CheckReport:
    """Look at everything. Raises UsageError for a baseline or a column that is not there, or a missing library."""
    if asked.baseline is not None and asked.baseline.get("schema") != PROFILE:
        raise UsageError("the baseline is no profile", "write it with weighbridge dataset profile")
    for name in asked.columns:
        if name and not any(column.name == name for table in data.tables for column in table.columns):
            raise UsageError(f"there is no column {name!r}", "weighbridge dataset profile lists the columns")
    findings: list[DataFinding] = []
    sight: list[Sight] = []
    unread: list[str] = []
    doubts: list[Doubt] = []
    if asked.schema is not None:
        findings += held_against(data, asked.schema, sight)
    for index, table in enumerate(data.tables):
        findings += _baseline(data, table, index, asked, sight)
        findings += _texts(data, table, sight)
        for told in poison(data.database, table, asked.columns, watcher):
            findings += told.findings
            sight += told.sight
            doubts += told.doubts
    images = [file for file in data.files if file.kind == "image"]
    if images:
        told, why = gallery(images, data.troubles)
        findings += told.findings
        sight += told.sight
        doubts += told.doubts
        if why:
            unread.append(f"{len(images)} images: {why}")
    for trouble in data.troubles.all():
        if trouble.unread:
            unread.append(f"{trouble.file}: {trouble.why} ({trouble.rows})")
        level = Severity.MEDIUM if trouble.unread else _LEVELS.get(trouble.rule, Severity.LOW)
        rows = [Row(trouble.file, trouble.first)]
        findings.append(
            finding(
                trouble.rule.partition("/")[2], level, rows, f"{trouble.file}: {trouble.why}", estimate=trouble.rows
            )
        )
    if not data.tables and not images and not unread:
        unread.append("there are no records: no file is Parquet, JSON Lines, CSV, text or an image")
    findings.sort(key=lambda one: (-one.severity.rank, one.rule, one.why))
    doubts.sort(key=lambda one: (one.probability, one.row))
    records = sum(table.rows for table in data.tables)
    return CheckReport(tuple(findings), tuple(sight), records, tuple(unread), tuple(doubts))


def _baseline(data: DataSet, table: Table, index: int, asked: Asked, sight: list[Sight]) -> list[DataFinding]:
    now = table_profile(data.database, table, asked.columns.label)
    found = []
    if now["duplicates"]["largest"] >= max(10, table.rows // 500):
        why = f"{now['duplicates']['rows']} rows repeat another; one is there {now['duplicates']['largest']} times"
        found.append(finding("duplicates", Severity.MEDIUM, (), why, estimate=now["duplicates"]["rows"]))
    if asked.baseline is None:
        sight.append(Sight("drift", ran=False, looked_at=0, least_rows=0, why="no --baseline"))
        return found
    tables = asked.baseline.get("tables") or []
    if index >= len(tables):
        found.append(finding("schema", Severity.MEDIUM, (), "the baseline has no such table", estimate=table.rows))
        return found
    try:
        found += drift(tables[index], now)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise UsageError("the baseline is damaged", "write it again with weighbridge dataset profile") from error
    least = max(20, int(0.1 * table.rows))
    sight.append(
        Sight("drift", ran=True, looked_at=table.rows, least_rows=least, why="a tenth of the rows has to move")
    )
    found += _outliers(data, table, tables[index])
    return found


def _outliers(data: DataSet, table: Table, before: Mapping[str, Any]) -> list[DataFinding]:
    """Numbers that lie further outside of what the baseline has than that is wide."""
    known = {column["name"]: column for column in before["columns"] if column["kind"] == "number"}
    found = []
    for column in table.columns:
        limits = known.get(column.name, {}).get("range")
        if column.kind != "number" or not limits:
            continue
        width = limits[1] - limits[0] or max(1.0, abs(limits[0]))
        query = (
            f"SELECT {table.file}, {table.row} FROM {table.source} "  # noqa: S608
            f"WHERE NOT (CAST({column.read} AS DOUBLE) BETWEEN ? AND ?)"
        )
        rows = data.database.ask(f"{query} LIMIT 1000", *table.parameters, limits[0] - width, limits[1] + width)
        if rows:
            why = f"{column.name[:80]!r} lies far outside of the {limits[0]:g} to {limits[1]:g} of the baseline"
            places = [Row(table.files[index].shown, number) for index, number in rows]
            found.append(finding("outliers", Severity.MEDIUM, places, why))
    return found


def _texts(data: DataSet, table: Table, sight: list[Sight]) -> list[DataFinding]:
    columns = [column for column in table.columns if column.kind in ("text", "nested")]
    if not columns:
        return []
    search = Search()
    query = f"SELECT {table.file}, {table.row}, {', '.join(c.read for c in columns)} FROM {table.source}"  # noqa: S608
    for index, number, *cells in data.database.each(query, *table.parameters):
        row = Row(table.files[index].shown, number)
        for cell in cells:
            if cell:
                search.look(row, str(cell))
    sight.append(Sight("texts", ran=True, looked_at=table.rows, least_rows=1, why=""))
    return search.findings()
