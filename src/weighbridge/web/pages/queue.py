"""The front page, and intakes: what waits, what is blocked, what changed."""

from __future__ import annotations

from datetime import timedelta

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.index.jobs import OPEN
from weighbridge.index.models import Index
from weighbridge.index.records import Filters
from weighbridge.web.access import caller_of
from weighbridge.web.api import intake_row, job_of, stamp, submission_of
from weighbridge.web.bodies import BadRequest
from weighbridge.web.catalogue import shown, sight
from weighbridge.web.pages.exemptions import exemption_rows
from weighbridge.web.pages.view import form_rule, page_rule, scope_of

if TYPE_CHECKING:
    from typing import Any

    from starlette.requests import Request

    from weighbridge.index.records import Row
    from weighbridge.web.access import Caller, Rule
    from weighbridge.web.desk import Desk

SHOWN = 12
SOON = 14
"""Days before its end from which an exemption is shown on the front page."""
BLOCKED = ("malicious", "suspicious", "incomplete")


def queue_rules(desk: Desk) -> tuple[Rule, ...]:
    """The front page and the pages of intakes."""
    index, settings = Index(desk.engine), desk.site.settings

    def blocked(caller: Caller) -> list[Row]:
        scope = sight(settings, caller)
        found = [index.page(Filters(verdict=verdict), 0, SHOWN, scope).rows for verdict in BLOCKED]
        return sorted((row for rows in found for row in rows), key=lambda row: -row.changed)

    def everything(request: Request) -> dict[str, Any]:
        caller, scope = caller_of(request), scope_of(request, desk)
        index.follow_log()
        seen = blocked(caller)
        alerts = desk.alerts.listed(caller.tenants, only_open=True, limit=SHOWN + 1)
        until = (desk.site.now() + timedelta(days=SOON)).isoformat()
        expiring = [row for row in exemption_rows(desk, caller) if row["counts"] and row["expires"] < until]
        jobs = desk.jobs.listed(tenants=caller.tenants, limit=4 * SHOWN)
        return {
            "stages": list(STAGES),
            "soon": SOON,
            "jobs": desk.jobs.counts(caller.tenants),
            "open_jobs": [
                intake_row(job) for job in desk.jobs.listed(tenants=caller.tenants, states=OPEN, limit=SHOWN)
            ],
            "ended": [intake_row(job) for job in jobs if job.ended][:SHOWN],
            "blocked": [shown(settings, row) for row in seen[:SHOWN]],
            "more_blocked": len(seen) > SHOWN,
            "open_alerts": [alert.id for alert in alerts[:SHOWN]],
            "more_alerts": len(alerts) > SHOWN,
            "expiring": expiring,
            "counts": index.counts(scope)._asdict(),
            "changed": [shown(settings, row) for row in index.page(Filters(), 0, SHOWN, scope).rows],
        }

    async def front(request: Request) -> dict[str, Any]:
        found: dict[str, Any] = await desk.work(lambda: everything(request))
        return found

    async def intake(request: Request) -> dict[str, Any]:
        job = await job_of(request, desk)
        result = await desk.work(lambda: desk.jobs.result(job.id))
        document = result.document if result is not None else {}
        report = document.get("report")
        found = report.get("findings", []) if isinstance(report, dict) else []
        return {
            "job": intake_row(job),
            "ended": job.ended,
            "digest": str(document.get("digest") or "") if job.state == "done" else "",
            "findings": [{**one, "text": one["evidence"]["text"]} for one in found[:SHOWN]],
            "events": [
                {"at": stamp(event.at), "what": event.what, "detail": event.detail}
                for event in await desk.work(lambda: desk.jobs.events(job.id))
            ],
        }

    async def submit(request: Request, form: dict[str, str]) -> str:
        if set(form) != {"source", "target", "stage"} or form["stage"] not in STAGES:
            raise BadRequest(400, "the form has a source, a target and a stage")
        if not form["source"] or not form["target"]:
            raise BadRequest(400, "an intake takes a source and a target")
        caller = caller_of(request)
        wanted = submission_of(desk, caller, form)
        most = desk.site.settings.server.queue
        job, _ = await desk.work(lambda: desk.jobs.submit(wanted, who=caller.name, most=most))
        return f"/intakes/{job.id}"

    async def cancel(request: Request, form: dict[str, str]) -> str:
        del form
        job = await job_of(request, desk)
        await desk.work(lambda: desk.jobs.cancel(job.id, who=caller_of(request).name))
        return f"/intakes/{job.id}"

    return (
        page_rule(desk, "/", "queue.html", "Queue", front, scope="rows"),
        page_rule(desk, "/intakes/{id}", "intake.html", "Intake", intake, scope="item"),
        form_rule(desk, "/intakes", "Submit an intake", submit, role="submitter"),
        form_rule(desk, "/intakes/{id}/cancel", "Cancel an intake", cancel, role="submitter"),
    )
