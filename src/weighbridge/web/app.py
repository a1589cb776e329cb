"""The routes, and the fence around them: an answer is a decision, a denial or a sentence, never a traceback.

POST /v1/admit              {"reference", "stage"} → the decision; 200 whether it allows or denies
POST /admission[/STAGE]     AdmissionReview of Kubernetes; production if no stage is named
GET  /healthz               the process answers
GET  /readyz                it could decide: keys, registry and log are there
"""

from __future__ import annotations

import time

from weighbridge.attest.trusted import trust_of
from weighbridge.core.errors import IndexFailed, NotFound, RegistryError, UsageError, WeighbridgeError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.settings import STAGES
from weighbridge.web.around import Around
from weighbridge.web.bodies import BadRequest, answer, read_json
from weighbridge.web.fence import guarded, of_a_tenant
from weighbridge.web.gate import gate_rules
from weighbridge.web.site import decide_on
from weighbridge.web.tracing import on_span
from weighbridge.web.webhook import Ruling, read_review, review_answer, rule_on

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.web.desk import Desk
    from weighbridge.web.site import Site

    Handler = Callable[[Request], Awaitable[Response]]

MAX_ADMIT = 64 * 1024
MAX_REVIEW = 8 * 1024 * 1024
"""Bytes. An object of Kubernetes has up to 1.5 MiB, and an update carries two."""
WORKERS = 16
"""Decisions that are made at a time; others wait, and are denied when their time is over."""


def build(site: Site, desk: Desk | None = None) -> Starlette:
    """The ASGI application: gate two, and with a desk the rest of the server too."""
    import anyio
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.routing import Route

    lanes = anyio.CapacityLimiter(WORKERS)

    async def in_time(work: Callable[[float], Any]) -> Any:
        """Do blocking work in a thread, which is told when its time is over. TimeoutError then; what it finds is
        nobody's.
        """
        until = time.monotonic() + site.seconds
        with anyio.fail_after(site.seconds):
            return await anyio.to_thread.run_sync(lambda: work(until), abandon_on_cancel=True, limiter=lanes)

    async def body(request: Request, most: int) -> dict[str, Any]:
        with anyio.fail_after(site.seconds):
            return await read_json(request, most)

    async def admit(request: Request) -> Response:
        document = await body(request, MAX_ADMIT)
        reference, stage = document.get("reference"), document.get("stage")
        if set(document) - {"reference", "stage"}:
            raise BadRequest(400, "the body has keys beside reference and stage")
        if not isinstance(reference, str) or not isinstance(stage, str) or stage not in STAGES:
            raise BadRequest(400, f"the body must have a reference, and a stage of {', '.join(STAGES)}")
        of_a_tenant(request, desk, reference)
        decision = await in_time(lambda until: decide_on(site, reference, stage, pinned=False, until=until))
        on_span(request, stage=stage, decision="allow" if decision.allowed else "deny")
        site.log({"path": "/v1/admit", "asked": reference, **decision.document()})
        return answer(decision.document())

    async def review(request: Request) -> Response:
        stage = request.path_params.get("stage", "production")
        if stage not in STAGES:
            raise BadRequest(404, "there is no such stage")
        asked = read_review(await body(request, MAX_REVIEW))
        try:
            ruling: Ruling = await in_time(lambda until: rule_on(asked, site, stage, until))
        except TimeoutError:
            ruling = Ruling((f"there was no answer within {site.seconds:g} seconds",))
        except Exception as error:  # noqa: BLE001 -- the fence: what we cannot judge is denied
            ruling = Ruling((f"an error inside weighbridge ({type(error).__name__}); nothing was decided",))
        on_span(request, stage=stage, decision="allow" if ruling.allowed else "deny")
        site.log(_record(asked.request, stage, ruling))
        return answer(review_answer(asked.uid, ruling))

    async def healthy(request: Request) -> Response:
        del request
        return answer({"status": "ok"})

    async def ready(request: Request) -> Response:
        del request
        try:
            await in_time(lambda _until: _check(site))
        except (WeighbridgeError, TimeoutError) as error:
            return answer({"status": "unready", "why": plain(str(error) or "no answer in time", 300)}, 503)
        return answer({"status": "ok"})

    rules = (*gate_rules(admit, review, healthy, ready), *(desk.rules if desk is not None else ()))
    routes = [
        Route(rule.path, _fenced(guarded(rule, desk), desk if rule.page else None), methods=list(rule.methods))
        for rule in rules
    ]

    async def elsewhere(request: Request, error: Exception) -> Response:
        del request
        return _problem(getattr(error, "status_code", 404), "there is no such route")

    around = [] if desk is None else [Middleware(Around, desk=desk)]
    return Starlette(routes=routes, exception_handlers={HTTPException: elsewhere}, middleware=around)


def _fenced(handler: Handler, pages: Desk | None = None) -> Handler:
    """The third fence, after those of the scan and of the command line. With `pages`, browsers get a page."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001 -- the fence: whoever asks gets a sentence, never a traceback
            status, cause = _said(error)
            headers = dict(error.headers or {}) if isinstance(error, BadRequest) else {}
        if pages is None or "text/html" not in request.headers.get("accept", ""):
            return _problem(status, cause, headers)
        from weighbridge.web.pages.view import problem_page

        shown = problem_page(request, pages, status, plain(cause, 500))
        shown.headers.update(headers)
        return shown

    return answered


def _said(error: Exception) -> tuple[int, str]:
    """The status and the sentence for an error."""
    if isinstance(error, BadRequest):
        return error.status, error.cause
    if isinstance(error, TimeoutError):
        return 504, "there was no answer in time"
    if isinstance(error, WeighbridgeError):
        found = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return found, error.cause
    return 500, f"an error inside weighbridge ({type(error).__name__}); nothing was decided"


_STATUS = ((NotFound, 404), (UsageError, 400), (RegistryError, 502), (IndexFailed, 503))


def _problem(status: int, cause: str, headers: Mapping[str, str] | None = None) -> Response:
    return answer({"schema": "weighbridge.problem/1", "decision": "none", "why": plain(cause, 500)}, status, headers)


def _check(site: Site) -> None:
    trust_of(site.settings)
    if site.gate.log is not None:
        site.gate.log.head()
    if not site.settings.registry and not site.settings.server.registries:
        raise UsageError(
            "no registry is set, so nothing can be admitted",
            "set registry in weighbridge.toml, or WEIGHBRIDGE_REGISTRY",
        )


def _record(request: dict[str, Any], stage: str, ruling: Ruling) -> dict[str, Any]:
    kind, user = request.get("kind"), request.get("userInfo")
    return {
        "path": "/admission",
        "uid": request["uid"],
        "stage": stage,
        "kind": kind.get("kind") if isinstance(kind, dict) else None,
        "namespace": request.get("namespace"),
        "name": request.get("name"),
        "operation": request.get("operation"),
        "user": user.get("username") if isinstance(user, dict) else None,
        "decision": "allow" if ruling.allowed else "deny",
        "digests": list(ruling.digests),
        "recorded": [place._asdict() for place in ruling.recorded],
        "why": list(ruling.problems),
    }
