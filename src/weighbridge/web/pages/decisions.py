"""The log of decisions as a page, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.index.log import ChainedLog, log_tables
from weighbridge.render.charts import stacks
from weighbridge.web.access import Query, Rule, caller_of
from weighbridge.web.api import number_of
from weighbridge.web.pages.view import page_rule

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.index.log import Entry
    from weighbridge.index.records import Decided
    from weighbridge.web.desk import Desk

LOOKED_AT = 2000
"""Newest decisions that the page looks through."""
SHOWN = 50
DAYS = 30
FIELDS = ("sequence", "decision", "stage", "digest", "reference", "path", "made", "refused")


def decision_rules(desk: Desk) -> tuple[Rule, ...]:
    """The page of decisions, and the same rows as CSV."""
    log = ChainedLog(desk.engine, log_tables())

    def newest() -> tuple[list[Entry], str]:
        if not log.begun():
            return [], "No decision was recorded."
        head = log.head()
        signed = "signed" if head.bundle else "not signed"
        said = f"The chain has {head.sequence} entries, and its end is {signed}: {head.hash}."
        return log.newest(LOOKED_AT), said

    def rows(request: Request) -> tuple[list[dict[str, Any]], str]:
        caller = caller_of(request)
        entries, said = newest()
        found = []
        for entry in entries:
            row = _row(desk, entry)
            if caller.sees(row["path"]) if row["path"] else caller.sees_all:
                found.append(row)
        return found, said if caller.sees_all else ""

    def fitting(request: Request, found: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, str]]:
        asked = {name: request.query_params.get(name, "")[:100] for name in ("stage", "decision", "refused")}
        before = number_of(request, "before", 0)
        return [
            row
            for row in found
            if (not asked["stage"] or row["stage"] == asked["stage"])
            and (not asked["decision"] or row["decision"] == asked["decision"])
            and (not asked["refused"] or asked["refused"] in row["refused"])
            and (not before or row["sequence"] < before)
        ], asked

    async def listed(request: Request) -> dict[str, Any]:
        found, said = await desk.work(lambda: rows(request))
        fits, asked = fitting(request, found)
        days: dict[str, Counter[str]] = {}
        for row in reversed(found):
            days.setdefault(row["made"][:10], Counter())[row["decision"]] += 1
        last = list(days.items())[-DAYS:]
        return {
            "log": said,
            "rows": fits[:SHOWN],
            "before": fits[SHOWN - 1]["sequence"] if len(fits) > SHOWN else 0,
            "asked": asked,
            "stages": list(STAGES),
            "rows_drawn": len(found),
            "days": [(day, {"allow": counts["allow"], "deny": counts["deny"]}) for day, counts in reversed(last)],
            "chart": stacks(last, f"{len(found)} decisions by day, allowed and denied"),
        }

    async def exported(request: Request) -> Response:
        from starlette.responses import Response as Plain

        fits, _ = fitting(request, (await desk.work(lambda: rows(request)))[0])
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(FIELDS)
        writer.writerows([_cell(row[name]) for name in FIELDS] for row in fits)
        named = {"content-disposition": 'attachment; filename="decisions.csv"'}
        return Plain(text.getvalue(), 200, named, "text/csv")

    filters = (Query("stage", "Only of this stage"), Query("decision", "allow or deny"))
    more = (Query("refused", "Only where this requirement was not met"), Query("before", "Only older than this number"))
    return (
        page_rule(desk, "/decisions", "decisions.html", "Decisions", listed, scope="rows", query=(*filters, *more)),
        Rule(
            *("/decisions.csv", ("GET",), "viewer", exported, "Decisions as CSV"),
            scope="rows",
            page=True,
            query=(*filters, *more),
            media="text/csv",
        ),
    )


def decision_row(one: Decided, path: str) -> dict[str, Any]:
    """A decision that the index followed, as the pages show it."""
    return {
        "sequence": one.sequence,
        "decision": "allow" if one.allowed else "deny",
        "stage": one.stage,
        "digest": one.digest,
        "reference": one.reference,
        "path": path,
        "made": one.made,
        "refused": list(one.refused),
    }


def _row(desk: Desk, entry: Entry) -> dict[str, Any]:
    said = json.loads(entry.document)
    reference = str(said.get("reference", ""))
    try:
        path = desk.place(reference)[1]
    except UsageError:
        path = ""
    reasons = said.get("reasons", [])
    return {
        "sequence": entry.sequence,
        "decision": str(said.get("decision")),
        "stage": str(said.get("stage")),
        "digest": str(said.get("digest")),
        "reference": reference,
        "path": path,
        "made": str(said.get("madeAt")),
        "refused": [str(one["requirement"]) for one in reasons if one.get("result") != "met"],
    }


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = plain(", ".join(value) if isinstance(value, list) else str(value), 1000)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
