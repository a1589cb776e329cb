"""What is in a data set, column by column: small enough to keep, and enough to tell later versions from this one.

    {"schema": "weighbridge.dataset-profile/1",
     "tables": [{"files", "rows", "label", "duplicates": {"rows", "largest"}, "near": {"looked_at", "rows", "largest"},
                 "columns": [{"name", "kind", "nulls", "distinct", "range": [least, greatest], "mean", "deviation",
                              "quantiles": [101 numbers], "lengths": [101], "values": [{"value", "count"}],
                              "scripts": {"Latin": share, …}}]}],
     "images": {"files", "bytes", "folders": [{"value", "count"}]}, "incomplete": ["why", …]}

One pass of DuckDB over the numbers of all columns, one over the values of columns that have few; `distinct`, quantiles
and lengths are approximate (HyperLogLog, t-digest). Scripts and near-duplicates are those of `SAMPLE` rows, the same
ones each time. No value is kept of a column that has more than `FEW` of them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from functools import cache

from weighbridge.core.artifact import escape_name
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.dataset.nearby import clusters
from weighbridge.dataset.roles import label_column

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from weighbridge.dataset.database import Column, Database, Table
    from weighbridge.dataset.tables import DataSet

SCHEMA = "weighbridge.dataset-profile/1"
FEW = 100
"""Different values up to which a column is one of categories."""
SAMPLE = 20_000
LONG_VALUE = 200
_GRID = [step / 100 for step in range(101)]
SCRIPTS = {
    "Latin": "A-Za-z\u00c0-\u024f",
    "Cyrillic": "\u0400-\u04ff",
    "Greek": "\u0370-\u03ff",
    "Arabic": "\u0600-\u06ff",
    "Hebrew": "\u0590-\u05ff",
    "Devanagari": "\u0900-\u097f",
    "Han and kana": "\u3040-\u30ff\u4e00-\u9fff",
    "Hangul": "\uac00-\ud7af",
}


def profile(data: DataSet, label: str = "") -> dict[str, Any]:
    """The profile of a data set, as JSON."""
    images = [file for file in data.files if file.kind == "image"]
    folders = Counter(escape_name(file.label) for file in images)
    return {
        "schema": SCHEMA,
        "tables": [table_profile(data.database, table, label) for table in data.tables],
        "images": {
            "files": len(images),
            "bytes": sum(file.size for file in images),
            "folders": [{"value": name, "count": count} for name, count in sorted(folders.items())[:FEW]],
        },
        "incomplete": [f"{one.file}: {one.why} ({one.rows})" for one in data.troubles.all() if one.unread],
    }


def table_profile(database: Database, table: Table, label: str = "") -> dict[str, Any]:
    """The profile of one table."""
    found = [column for part in _parts(table.columns) for column in _numbers(database, table, part)]
    for column, numbers in zip(table.columns, found, strict=True):
        if 0 < numbers["distinct"] <= FEW * 1.1 and column.kind in ("number", "text", "boolean"):
            numbers["values"] = _values(database, table, column)
    _sampled(database, table, found)
    row, largest = database.ask(
        f"SELECT coalesce(sum(n - 1), 0), coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM {table.source} "  # noqa: S608
        f"GROUP BY {_hash(table.columns)})",
        *table.parameters,
    )[0]
    labels = label_column(table, label)
    return {
        "files": [file.shown for file in table.files[:FEW]],
        "rows": table.rows,
        "label": labels.name if labels else "",
        "duplicates": {"rows": int(row), "largest": int(largest)},
        "near": _near(database, table),
        "columns": found,
    }


def _parts(columns: Sequence[Column]) -> list[Sequence[Column]]:
    return [columns[place : place + 200] for place in range(0, len(columns), 200)]


def _hash(columns: Sequence[Column]) -> str:
    return f"hash({', '.join(column.read for column in columns[:1000])})"


def _numbers(database: Database, table: Table, columns: Sequence[Column]) -> list[dict[str, Any]]:
    asked = []
    for column in columns:
        asked += [f"count({column.read})", f"approx_count_distinct({column.read})"]
        if column.kind == "number":
            value = f"CAST({column.read} AS DOUBLE)"
            whole = f"FILTER (WHERE isfinite({value}))"
            asked += [f"{name}({value}) {whole}" for name in ("min", "max", "avg", "stddev_pop")]
            asked += [f"approx_quantile({value}, {_GRID}) {whole}", f"count(*) FILTER (WHERE NOT isfinite({value}))"]
        elif column.kind in ("text", "nested"):
            asked.append(f"approx_quantile(length({column.read}), {_GRID})")
        elif column.kind == "time":
            asked += [f"CAST(min({column.read}) AS VARCHAR)", f"CAST(max({column.read}) AS VARCHAR)"]
    answer = iter(database.ask(f"SELECT {', '.join(asked)} FROM {table.source}", *table.parameters)[0])  # noqa: S608
    found = []
    for column in columns:
        count, distinct = next(answer), next(answer)
        one: dict[str, Any] = {
            "name": column.name,
            "kind": column.kind,
            "nulls": table.rows - count,
            "distinct": min(distinct, count),
        }
        if column.kind == "number":
            low, high, mean, deviation, quantiles, odd = (next(answer) for _ in range(6))
            one["range"] = [] if low is None else [_plain(low), _plain(high)]
            one["mean"], one["deviation"] = _plain(mean), _plain(deviation)
            one["quantiles"] = [_plain(value) for value in quantiles or []]
            one["not_finite"] = odd
        elif column.kind in ("text", "nested"):
            one["lengths"] = list(next(answer) or [])
        elif column.kind == "time":
            one["range"] = [value for value in (next(answer), next(answer)) if value is not None]
        found.append(one)
    return found


def _plain(value: float | None) -> float | None:
    return float(f"{value:.12g}") if value is not None and math.isfinite(value) else None


def _values(database: Database, table: Table, column: Column) -> list[dict[str, Any]]:
    rows = database.ask(
        f"SELECT CAST({column.read} AS VARCHAR) AS v, count(*) FROM {table.source} WHERE {column.read} IS NOT NULL "  # noqa: S608
        f"GROUP BY v ORDER BY count(*) DESC, v LIMIT {FEW + 1}",
        *table.parameters,
    )
    if len(rows) > FEW or any(len(value) > LONG_VALUE for value, _ in rows):
        return []
    return [{"value": value, "count": count} for value, count in rows]


def sampled(database: Database, table: Table, columns: Sequence[Column], most: int) -> list[tuple[Any, ...]]:
    """The same `most` rows each time: those with the least hash of what is asked for."""
    reads = ", ".join(column.read for column in columns)
    where = ""
    if table.rows > most:
        share = int(min(1.0, 1.2 * most / table.rows) * 2**32)
        where = f"WHERE hash({reads}) >> 32 < {share}"
    return database.ask(f"SELECT {reads} FROM {table.source} {where} LIMIT {most}", *table.parameters)  # noqa: S608


def _sampled(database: Database, table: Table, found: list[dict[str, Any]]) -> None:
    for column, numbers in zip(table.columns, found, strict=True):
        if column.kind not in ("text", "nested") or not numbers["distinct"]:
            continue
        counts: Counter[str] = Counter()
        for (text,) in sampled(database, table, [column], 2000):
            if text:
                counts.update(name for name, pattern in _scripts() if pattern.search(text[:2000]))
        looked = min(table.rows, 2000)
        numbers["scripts"] = {name: round(count / looked, 4) for name, count in sorted(counts.items())}


@cache
def _scripts() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(f"[{letters}]")) for name, letters in SCRIPTS.items())


def _near(database: Database, table: Table) -> dict[str, int]:
    texts = [column for column in table.columns if column.kind == "text"]
    if not texts:
        return {"looked_at": 0, "rows": 0, "largest": 0}
    rows = sampled(database, table, texts, SAMPLE // 4)
    found = clusters([" ".join(str(cell)[:4000] for cell in row if cell) for row in rows])
    return {
        "looked_at": len(rows),
        "rows": sum(len(cluster) for cluster in found),
        "largest": max((len(cluster) for cluster in found), default=0),
    }
