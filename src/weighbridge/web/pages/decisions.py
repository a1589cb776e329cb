"""The log of decisions as a page, as JSON and as CSV."""

from __future__ import annotations

import csv
import io
from collections import Counter
from functools import partial

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.index.decisions import answered
from weighbridge.index.following import refused_of
from weighbridge.index.log import ChainedLog, log_tables
from weighbridge.index.models import Index
from weighbridge.render.charts import stacks
from weighbridge.web.access import Query, Rule, caller_of
from weighbridge.web.api import REPOSITORY, number_of
from weighbridge.web.decided import listed as decisions_of
from weighbridge.web.decided import take_up, wanted_by
from weighbridge.web.pages.view import page_rule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.index.decisions import Answered, Wanted
    from weighbridge.index.records import Decided
    from weighbridge.web.decided import Listed, Shown
    from weighbridge.web.desk import Desk

DRAWN = 2000
"""Newest decisions that are counted by day."""
SHOWN = 50
DAYS = 30
ROWS = 500
"""Rows of a table that are read at a time."""
FIELDS = ("sequence", "decision", "stage", "digest", "reference", "path", "made", "refused")
FILTERS = ("stage", "decision", "refused")


def decision_rules(desk: Desk) -> tuple[Rule, ...]:
    """The page of decisions, and the same rows as CSV."""
    log, index = ChainedLog(desk.engine, log_tables()), Index(desk.engine)

    def end() -> str:
        if not log.begun():
            return "No decision was recorded."
        head = log.head()
        signed = "signed" if head.bundle else "not signed"
        return f"The chain has {head.sequence} entries, and its end is {signed}: {head.hash}."

    def asked_for(request: Request) -> tuple[dict[str, str], Wanted]:
        asked = {name: request.query_params.get(name, "")[:100] for name in FILTERS}
        asked["decision"] = asked["decision"] if asked["decision"] in ("allow", "deny") else ""
        below = request.query_params.get("repository", "")
        return asked, wanted_by(desk.site.settings, caller_of(request), below, **asked)

    async def listed(request: Request) -> dict[str, Any]:
        asked, wanted = asked_for(request)
        before, caller = number_of(request, "before", 0), caller_of(request)

        def read() -> tuple[str, int, Listed, list[Answered]]:
            said, left = end(), take_up(index)
            page = decisions_of(desk, index, caller, wanted, before=before, limit=SHOWN)
            return said, left, page, answered(index, wanted, limit=DRAWN)

        said, left, page, drawn = await desk.work(read)
        days: dict[str, Counter[bool]] = {}
        for one in reversed(drawn):
            days.setdefault(one.made[:10], Counter())[one.allowed] += 1
        last = [(day, {"allow": counts[True], "deny": counts[False]}) for day, counts in days.items()][-DAYS:]
        return {
            "log": said if caller.sees_all else "",
            "behind": left,
            "rows": [_row(one) for one in page.rows],
            "before": page.following,
            "asked": asked,
            "stages": list(STAGES),
            "rows_drawn": len(drawn),
            "days": list(reversed(last)),
            "chart": stacks(last, f"{len(drawn)} decisions by day, allowed and denied"),
        }

    async def exported(request: Request) -> Response:
        from starlette.responses import StreamingResponse

        _, wanted = asked_for(request)
        before, caller = number_of(request, "before", 0), caller_of(request)

        def some(earlier: int) -> Listed:
            return decisions_of(desk, index, caller, wanted, before=earlier, limit=ROWS)

        await desk.work(lambda: take_up(index))
        first: Listed = await desk.work(lambda: some(before))

        async def lines() -> AsyncIterator[str]:
            found = first
            yield _lines([FIELDS])
            while True:
                yield _lines([_cell(row[name]) for name in FIELDS] for row in map(_row, found.rows))
                if not found.following:
                    return
                found = await desk.work(partial(some, found.following))

        named = {"content-disposition": 'attachment; filename="decisions.csv"'}
        return StreamingResponse(lines(), 200, named, "text/csv")

    filters = (Query("stage", "Only of this stage"), Query("decision", "allow or deny"))
    more = (Query("refused", "Only where this requirement was not met"), Query("before", "Only older than this number"))
    query = (REPOSITORY, *filters, *more)
    return (
        page_rule(desk, "/decisions", "decisions.html", "Decisions", listed, scope="rows", query=query),
        Rule(
            *("/decisions.csv", ("GET",), "viewer", exported, "Decisions as CSV"),
            scope="rows",
            page=True,
            query=query,
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


def _row(one: Shown) -> dict[str, Any]:
    said = one.said
    return {
        "sequence": one.entry.sequence,
        "decision": str(said.get("decision")),
        "stage": str(said.get("stage")),
        "digest": str(said.get("digest")),
        "reference": str(said.get("reference", "")),
        "path": one.repository,
        "made": str(said.get("madeAt")),
        "refused": list(refused_of(said)),
    }


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = plain(", ".join(value) if isinstance(value, list) else str(value), 1000)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
