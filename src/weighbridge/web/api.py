"""The API of the server: intakes, alerts, tokens, and what it says of itself. Every route is a `Rule`."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.index.accounts import Account
from weighbridge.index.audit import changes
from weighbridge.index.jobs import STATES, KeyTaken, QueueFull, Submission
from weighbridge.web import shapes
from weighbridge.web.access import Query, Rule, caller_of
from weighbridge.web.bodies import BadRequest, answer, read_json
from weighbridge.web.following import follow
from weighbridge.web.metrics import MEDIA
from weighbridge.web.tracing import on_span, trace_here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.index.accounts import Token
    from weighbridge.index.alerts import KeptAlert
    from weighbridge.index.jobs import Job
    from weighbridge.web.access import Caller
    from weighbridge.web.desk import Desk

MOST_BODY = 64 * 1024
MOST_ALERTS = 4 * 1024 * 1024
MOST_PAGE = 200
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_ID = re.compile(r"[0-9a-f]{8,64}")
LIMIT = Query("limit", "How many at the most", {"type": "integer", "minimum": 1, "maximum": MOST_PAGE})
NEXT = Query("before", "The `next` of the page before", {"type": "integer", "minimum": 1})
REPOSITORY = Query("repository", "Only of this repository, and of those below it")


def api_rules(desk: Desk) -> tuple[Rule, ...]:
    """The routes of intakes, alerts, tokens and of the server itself."""
    return (*_intakes(desk), *_alerts(desk), *_tokens(desk), *_itself(desk))


def stamp(seconds: float) -> str:
    """A time for people and programs; empty for one that is not yet."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds else ""


def number_of(request: Request, name: str, default: int, most: int = 2**53) -> int:
    """A whole number of the query. Raises BadRequest."""
    text = request.query_params.get(name, "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 17 and 1 <= int(text) <= most):
        raise BadRequest(400, f"{name} is no whole number from 1 to {most}")
    return int(text) if text else default


def page(name: str, rows: Sequence[dict[str, Any]], following: object) -> Response:
    """A page of records."""
    return answer({name: list(rows), "next": str(following or "")})


def intake_row(job: Job) -> dict[str, Any]:
    """A job as the API and the pages show it."""
    return {
        "id": job.id,
        "source": job.source,
        "target": job.target,
        "repository": job.repository,
        "stage": job.stage,
        "replace": job.replaces,
        "submitter": job.submitter,
        "priority": job.priority,
        "state": job.state,
        "why": job.note if job.ended else "",
        "note": "" if job.ended else job.note,
        "attempts": job.attempts,
        "doneBytes": job.done_bytes,
        "version": job.version,
        "cancelWanted": job.cancel_wanted,
        "submittedAt": stamp(job.submitted_at),
        "startedAt": stamp(job.started_at),
        "endedAt": stamp(job.ended_at),
    }


def check_source(source: str, allowed: Sequence[str]) -> None:
    """Raise UsageError unless a source begins in a way that the settings allow, and cannot lead anywhere else."""
    shown = plain(source, 200)
    fits = [one for one in allowed if source.startswith(one)]
    if source.startswith("/"):
        real = os.path.realpath(source)
        fits = [one for one in fits if one.startswith("/") and real.startswith(os.path.realpath(one).rstrip("/") + "/")]
    elif "@" in source.partition("://")[2].partition("/")[0] or "\\" in source:
        fits = []
    if not fits:
        raise UsageError(f"{shown!r} is no source that this server takes", "list its beginning in sources of [server]")


def submission_of(desk: Desk, caller: Caller, asked: Any) -> Submission:
    """What a body asks for, if this caller may. Raises BadRequest, UsageError."""
    settings = desk.site.settings.server
    reference, repository = desk.place(asked["target"])
    if not caller.sees(repository):
        raise BadRequest(404, "there is no such repository")
    if reference.tag is None:
        raise UsageError("the target is a digest, not a place to store at", "write NAME:TAG")
    check_source(asked["source"], settings.sources)
    stage, priority = asked.get("stage", "staging"), asked.get("priority", 0)
    if priority > 0 and not caller.may("approver"):
        raise BadRequest(403, "a priority above 0 takes the role approver")
    return Submission(
        asked["source"],
        asked["target"],
        repository,
        stage,
        asked.get("replace", False),
        priority,
        settings.attempts,
        trace_here(),
    )


async def job_of(request: Request, desk: Desk) -> Job:
    """The job that a path names. Raises BadRequest if there is none that the caller sees."""
    identity = request.path_params["id"]
    job = await desk.work(lambda: desk.jobs.find(identity)) if _ID.fullmatch(identity) else None
    if job is None or not caller_of(request).sees(job.repository):
        raise BadRequest(404, "there is no such intake")
    found: Job = job
    return found


def _intakes(desk: Desk) -> tuple[Rule, ...]:
    most = desk.site.settings.server.queue

    async def submit(request: Request) -> Response:
        asked = shapes.checked(await read_json(request, MOST_BODY), shapes.SUBMISSION)
        caller, key = caller_of(request), request.headers.get("idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise BadRequest(400, "the idempotency key is not 1 to 200 printable characters without spaces")
        wanted = submission_of(desk, caller, asked)
        try:
            job, new = await desk.work(lambda: desk.jobs.submit(wanted, who=caller.name, key=key, most=most))
        except QueueFull as error:
            raise BadRequest(429, error.cause, {"retry-after": str(error.retry_after)}) from error
        except KeyTaken as error:
            raise BadRequest(409, error.cause) from error
        on_span(request, intake=job.id, stage=job.stage)
        return answer(intake_row(job), 202 if new else 200, {"location": f"/v1/intakes/{job.id}"})

    async def listed(request: Request) -> Response:
        states = [one for one in request.query_params.get("state", "").split(",") if one]
        if set(states) - set(STATES):
            raise BadRequest(400, f"state is not one of {', '.join(STATES)}")
        limit, before = number_of(request, "limit", 50, MOST_PAGE), number_of(request, "before", 0)
        rows = await desk.work(
            lambda: desk.jobs.listed(
                tenants=caller_of(request).tenants,
                states=states,
                repository=request.query_params.get("repository", ""),
                before=before,
                limit=limit,
            )
        )
        return page("intakes", [intake_row(job) for job in rows], rows[-1].number if len(rows) == limit else "")

    async def one(request: Request) -> Response:
        return answer(intake_row(await job_of(request, desk)))

    async def result(request: Request) -> Response:
        job = await job_of(request, desk)
        found = await desk.work(lambda: desk.jobs.result(job.id))
        if found is None:
            raise BadRequest(404, "it has not ended yet")
        return answer({"state": found.state, "why": found.why, "intake": found.document})

    async def events(request: Request) -> Response:
        return follow(desk, await job_of(request, desk), request.headers.get("last-event-id", ""))

    async def cancel(request: Request) -> Response:
        job = await job_of(request, desk)
        who = caller_of(request).name
        return answer(intake_row(await desk.work(lambda: desk.jobs.cancel(job.id, who=who))))

    async def queue(request: Request) -> Response:
        return answer(await desk.work(lambda: desk.jobs.counts(caller_of(request).tenants)))

    state = Query("state", "Only those in these states, with commas between", {"type": "string", "maxLength": 80})
    many = shapes.listing("intakes", shapes.INTAKE)
    there = "/v1/intakes/{id}"
    return (
        Rule(
            "/v1/intakes",
            ("POST",),
            "submitter",
            submit,
            "Submit a source for intake",
            scope="item",
            body=shapes.SUBMISSION,
            gives=shapes.INTAKE,
            status=202,
            also=(200, 409),
            parameters=("Idempotency-Key",),
        ),
        Rule(
            "/v1/intakes",
            ("GET",),
            "viewer",
            listed,
            "Intakes, the newest first",
            scope="rows",
            query=(state, REPOSITORY, NEXT, LIMIT),
            gives=many,
        ),
        Rule("/v1/queue", ("GET",), "viewer", queue, "How many intakes are in which state", "rows", gives=shapes.QUEUE),
        Rule(there, ("GET",), "viewer", one, "An intake, and how far it is", "item", gives=shapes.INTAKE),
        Rule(f"{there}/result", ("GET",), "viewer", result, "How an intake ended", "item", gives=shapes.RESULT),
        Rule(
            f"{there}/events",
            ("GET",),
            "viewer",
            events,
            "Follow an intake live (server-sent events)",
            "item",
            media="text/event-stream",
        ),
        Rule(
            f"{there}/cancel",
            ("POST",),
            "submitter",
            cancel,
            "Cancel an intake; one that ended stays as it is",
            "item",
            gives=shapes.INTAKE,
        ),
    )


def _alert_row(kept: KeptAlert) -> dict[str, Any]:
    return {
        "id": kept.id,
        "tenant": kept.tenant,
        "receivedAt": stamp(kept.received_at),
        "acknowledgedAt": stamp(kept.acknowledged_at),
        "acknowledgedBy": kept.acknowledged_by,
        "reason": kept.reason,
        "alert": kept.document,
    }


def _alerts(desk: Desk) -> tuple[Rule, ...]:
    async def listed(request: Request) -> Response:
        limit, before = number_of(request, "limit", 50, MOST_PAGE), number_of(request, "before", 0)
        only_open = request.query_params.get("open", "") == "true"
        tenants = caller_of(request).tenants
        if asked := request.query_params.get("repository", ""):
            tenants = (asked,)
        rows = await desk.work(lambda: desk.alerts.listed(tenants, only_open=only_open, before=before, limit=limit))
        return page("alerts", [_alert_row(row) for row in rows], rows[-1].number if len(rows) == limit else "")

    async def receive(request: Request) -> Response:
        asked = shapes.checked(await read_json(request, MOST_ALERTS), shapes.ALERTS)
        caller, tenant = caller_of(request), request.query_params.get("repository", "")
        if not tenant and not caller.sees_all:
            raise BadRequest(404, "say whose alerts these are: repository in the query")
        if plain(tenant, 255) != tenant:
            raise BadRequest(400, "repository is no namespace")
        new = await desk.work(lambda: desk.alerts.receive(asked["alerts"], tenant=tenant, who=caller.name))
        return answer({"new": new})

    async def acknowledge(request: Request) -> Response:
        asked = shapes.checked(await read_json(request, MOST_BODY), shapes.ACKNOWLEDGEMENT)
        caller, identity = caller_of(request), request.path_params["id"]
        kept = None
        if _ID.fullmatch(identity):
            kept = await desk.work(
                lambda: desk.alerts.acknowledge(identity, caller.tenants, who=caller.name, reason=asked["reason"])
            )
        if kept is None:
            raise BadRequest(404, "there is no such alert")
        return answer(_alert_row(kept))

    only = Query("open", "`true`: only those that nobody acknowledged", {"type": "string", "enum": ["true", "false"]})
    return (
        Rule(
            "/v1/alerts",
            ("GET",),
            "viewer",
            listed,
            "Alerts, the newest first",
            scope="rows",
            query=(only, REPOSITORY, NEXT, LIMIT),
            gives=shapes.listing("alerts", shapes.ALERT),
        ),
        Rule(
            "/v1/alerts",
            ("POST",),
            "submitter",
            receive,
            "Tell alerts: what `weighbridge monitor run --webhook` sends",
            scope="rows",
            query=(Query("repository", "The namespace that they belong to"),),
            body=shapes.ALERTS,
            gives=shapes.record({"new": shapes.COUNT}),
        ),
        Rule(
            "/v1/alerts/{id}/acknowledge",
            ("POST",),
            "approver",
            acknowledge,
            "Acknowledge an alert",
            scope="item",
            body=shapes.ACKNOWLEDGEMENT,
            gives=shapes.ALERT,
        ),
    )


def _token_row(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "prefix": f"wbt_{token.id}",
        "name": token.name,
        "role": token.role,
        "tenants": list(token.tenants),
        "madeBy": token.made_by,
        "madeAt": stamp(token.made_at),
        "until": stamp(token.until),
        "revokedAt": stamp(token.revoked_at),
    }


def _tokens(desk: Desk) -> tuple[Rule, ...]:
    def his(caller: Caller, tenants: Sequence[str]) -> bool:
        return caller.sees_all or ("*" not in tenants and all(map(caller.sees, tenants)))

    async def listed(request: Request) -> Response:
        caller, limit = caller_of(request), number_of(request, "limit", MOST_PAGE, MOST_PAGE)
        last = request.query_params.get("after", "")
        if last and not _ID.fullmatch(last):
            raise BadRequest(400, "after is not what a page gave as next")

        def read(after: str) -> list[Token]:
            found: list[Token] = []
            while len(found) <= limit and (some := desk.accounts.tokens(after=after, limit=MOST_PAGE)):
                found += [one for one in some if his(caller, one.tenants)]
                after = some[-1].id
            return found

        rows = await desk.work(lambda: read(last))
        following = rows[limit - 1].id if len(rows) > limit else ""
        return page("tokens", [_token_row(row) for row in rows[:limit]], following)

    async def add(request: Request) -> Response:
        asked = shapes.checked(await read_json(request, MOST_BODY), shapes.NEW_TOKEN)
        caller = caller_of(request)
        if not his(caller, asked["tenants"]):
            raise BadRequest(404, "there is no such tenant")
        account = Account(asked["name"], asked["role"], tuple(asked["tenants"]))
        days = asked.get("days", 90)
        token, text = await desk.work(lambda: desk.accounts.add_token(account, days=days, who=caller.name))
        return answer({"token": text, **_token_row(token)}, 201)

    async def revoke(request: Request) -> Response:
        caller, identity = caller_of(request), request.path_params["id"]
        known: Token | None = await desk.work(lambda: desk.accounts.token(identity))
        if known is None or not his(caller, known.tenants):
            raise BadRequest(404, "there is no such token")
        await desk.work(lambda: desk.accounts.revoke_token(identity, who=caller.name))
        return answer(_token_row(await desk.work(lambda: desk.accounts.token(identity))))

    made = {**shapes.TOKEN, "properties": {"token": shapes.TEXT, **shapes.TOKEN["properties"]}}
    return (
        Rule(
            "/v1/tokens",
            ("GET",),
            "admin",
            listed,
            "Tokens, the newest first, without their secrets",
            scope="rows",
            query=(Query("after", "The `next` of the page before: the id of the last token that was seen"), LIMIT),
            gives=shapes.listing("tokens", shapes.TOKEN),
        ),
        Rule(
            "/v1/tokens",
            ("POST",),
            "admin",
            add,
            "Make a token; its text is shown this once",
            scope="item",
            body=shapes.NEW_TOKEN,
            gives=made,
            status=201,
        ),
        Rule("/v1/tokens/{id}/revoke", ("POST",), "admin", revoke, "Revoke a token", scope="item", gives=shapes.TOKEN),
    )


def _itself(desk: Desk) -> tuple[Rule, ...]:
    async def me(request: Request) -> Response:
        caller = caller_of(request)
        return answer(
            {"name": caller.name, "roles": list(caller.roles), "tenants": list(caller.tenants), "how": caller.how}
        )

    async def audit(request: Request) -> Response:
        _all_tenants(request)
        limit, before = number_of(request, "limit", 50, MOST_PAGE), number_of(request, "before", 2**62)
        rows = await desk.work(lambda: changes(desk.engine, before=before, limit=limit))
        shown = [{**row._asdict(), "at": stamp(row.at)} for row in rows]
        return page("changes", shown, rows[-1].sequence if len(rows) == limit else "")

    async def metrics(request: Request) -> Response:
        from starlette.responses import Response as Plain

        _all_tenants(request)
        text = await desk.work(lambda: desk.metrics.text(desk.jobs.counts(), desk.jobs.oldest()))
        return Plain(text, 200, {"content-type": MEDIA})

    many = shapes.listing("changes", shapes.CHANGE)
    return (
        Rule("/v1/me", ("GET",), "viewer", me, "Who you are here", gives=shapes.ME),
        Rule("/v1/audit", ("GET",), "admin", audit, "Who changed what", scope="all", query=(NEXT, LIMIT), gives=many),
        Rule("/metrics", ("GET",), "viewer", metrics, "Counters for Prometheus", scope="all", media="text/plain"),
    )


def _all_tenants(request: Request) -> None:
    if not caller_of(request).sees_all:
        raise BadRequest(403, "this is about every tenant")
