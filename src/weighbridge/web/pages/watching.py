"""Alerts of what runs, and the controls of the last audit."""

from __future__ import annotations

import json
import os
from datetime import datetime

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.render.charts import dots, strip
from weighbridge.web.access import caller_of
from weighbridge.web.api import NEXT, number_of, stamp
from weighbridge.web.bodies import BadRequest
from weighbridge.web.pages.view import form_rule, page_rule

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request

    from weighbridge.index.alerts import KeptAlert
    from weighbridge.web.access import Rule
    from weighbridge.web.desk import Desk

SHOWN = 50
MOST_ENTITIES = 12
MOST_AUDIT = 16 * 1024 * 1024
RESULTS = ("pass", "fail", "not-applicable", "unknown")


def watching_rules(desk: Desk) -> tuple[Rule, ...]:
    """The pages of alerts and controls."""

    async def alerts(request: Request) -> dict[str, Any]:
        caller, before = caller_of(request), number_of(request, "before", 0)
        found = await desk.work(lambda: desk.alerts.listed(caller.tenants, before=before, limit=SHOWN + 1))
        rows = [_alert(one) for one in found[:SHOWN]]
        last = found[SHOWN - 1].number if len(found) > SHOWN else 0
        return {"rows": rows, "before": last, "chart": _chart(rows)}

    async def acknowledge(request: Request, form: dict[str, str]) -> str:
        if set(form) != {"reason"} or not form["reason"]:
            raise BadRequest(400, "an answer to an alert has a reason")
        caller, identity = caller_of(request), request.path_params["id"]
        reason = plain(form["reason"], 1000)
        done = await desk.work(
            lambda: desk.alerts.acknowledge(identity, caller.tenants, who=caller.name, reason=reason)
        )
        if done is None:
            raise BadRequest(404, "there is no such alert")
        return "/alerts"

    async def controls(request: Request) -> dict[str, Any]:
        del request
        found: dict[str, Any] = await desk.work(lambda: _controls(desk.site.settings.server.audits))
        return found

    return (
        page_rule(desk, "/alerts", "alerts.html", "Alerts", alerts, scope="rows", query=(NEXT,)),
        form_rule(desk, "/alerts/{id}", "Acknowledge an alert", acknowledge, role="approver"),
        page_rule(desk, "/controls", "controls.html", "Controls", controls),
    )


def _alert(kept: KeptAlert) -> dict[str, Any]:
    said = kept.document
    entities = said.get("entities")
    pairs = list(entities.items()) if isinstance(entities, dict) else []
    return {
        "id": kept.id,
        **{name: str(said.get(name, "")) for name in ("detection", "severity", "why", "first", "last", "count")},
        "entities": [(str(name), str(value)) for name, value in pairs[:MOST_ENTITIES]],
        "received": stamp(kept.received_at),
        "acknowledged_at": stamp(kept.acknowledged_at),
        "acknowledged_by": kept.acknowledged_by,
        "reason": kept.reason,
    }


def _chart(rows: list[dict[str, Any]]) -> Any:
    times = [(row, at) for row in rows if (at := _time(row["last"])) is not None]
    if not times:
        return ""
    first, last = (edge(at for _, at in times) for edge in (min, max))
    span = (last - first).total_seconds() or 1.0
    by: dict[str, list[float]] = {}
    worst: dict[str, str] = {}
    for row, at in times:
        by.setdefault(row["detection"], []).append((at - first).total_seconds() / span)
        worst.setdefault(row["detection"], row["severity"])
    ends = f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"
    drawn = [(name, places, worst[name]) for name, places in by.items()]
    return dots(drawn, f"{len(times)} alerts of {len(by)} detections over time", ends)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _controls(folder: str) -> dict[str, Any]:
    """The newest audit of the folder, and beside each control what the one before it said."""
    nothing: dict[str, Any] = {"rows": [], "name": "", "counts": {}, "chart": ""}
    if not folder:
        none = "No audits are kept: set audits in [server] to a folder that weighbridge azure audit writes to."
        return {**nothing, "nothing": none}
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".json"))
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise UsageError(
            f"the folder of audits cannot be read: {error.strerror}", "see to audits in [server]"
        ) from error
    if not names:
        return {**nothing, "nothing": "There is no audit in the folder yet."}
    now = _audit(os.path.join(folder, names[-1]))
    before = {one["id"]: one["result"] for one in _audit(os.path.join(folder, names[-2]))} if len(names) > 1 else {}
    counts = {result: sum(one["result"] == result for one in now) for result in RESULTS}
    drawn = {name: count for name, count in counts.items() if name != "not-applicable"}
    return {
        "rows": [{**one, "before": before.get(one["id"], "")} for one in now],
        "name": names[-1].removesuffix(".json"),
        "counts": counts,
        "chart": strip(
            drawn, f"{counts['pass']} controls pass, {counts['fail']} fail, {counts['unknown']} unknown", 480
        ),
        "nothing": "",
    }


def _audit(path: str) -> list[dict[str, str]]:
    """The controls of one report. Raises UsageError for a file that is none."""
    try:
        with open(path, "rb") as file:
            controls = json.loads(file.read(MOST_AUDIT))["controls"]
        return [{name: str(one.get(name, "")) for name in ("id", "title", "result", "why", "mend")} for one in controls]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        cause = f"{plain(os.path.basename(path), 80)} is no report of an audit"
        raise UsageError(cause, "weighbridge azure audit --format json writes one") from error
