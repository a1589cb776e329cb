"""From what a page shows to bytes: HTML by a template, or the same as JSON with `?as=json`.

Everything that a template prints is hostile. Jinja escapes what it prints, and before that every text is made plain
(`core/plain.py`: no control characters, no marks that turn the direction of writing). Only charts are markup, and they
are made by `render/charts.py`, which escapes by itself. Templates have no `safe` filter: a test holds this.
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import cache
from urllib.parse import parse_qsl, quote, urlencode

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.render.charts import Svg
from weighbridge.render.terminal import size_text
from weighbridge.web.access import Query, Rule, caller_of
from weighbridge.web.bodies import BadRequest, answer
from weighbridge.web.catalogue import sight

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from jinja2 import Environment
    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.index.records import Scope
    from weighbridge.web.desk import Desk

    Shows = Callable[[Request], Awaitable[Mapping[str, Any]]]

MOST_FORM = 16 * 1024
"""Bytes of a form that is sent."""
MOST_FIELDS = 20
MOST_TEXT = 2000
"""Characters of one text on a page."""
FRESH = 1.0
"""Seconds for which what a page shows is shown to others of the same tenants too."""
MOST_KEPT = 500
AS = Query("as", "`json`: what the page shows, for programs", {"enum": ["json"]})


class Kept:
    """What pages showed in the last second. Many who look at the same page at once cost as much as one; whoever
    changes something through a page sees it at once.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: dict[tuple[object, ...], tuple[float, asyncio.Future[Mapping[str, Any]]]] = {}

    async def asked(self, request: Request, shows: Shows) -> Mapping[str, Any]:
        """What a page shows, found now or a moment ago for somebody who may see the same."""
        caller = caller_of(request)
        key = (request.url.path, request.url.query, caller.tenants, caller.sees_all)
        now = self._clock()
        there = self._found.get(key)
        if there is not None and now - there[0] < FRESH:
            return await asyncio.shield(there[1])
        if len(self._found) >= MOST_KEPT:
            self._found.clear()
        finding: asyncio.Future[Mapping[str, Any]] = asyncio.ensure_future(shows(request))
        self._found[key] = (now, finding)
        try:
            return await asyncio.shield(finding)
        except BaseException:
            if self._found.get(key) == (now, finding):  # an error is told to those who wait for it, and to nobody else
                del self._found[key]
            raise

    def forget(self) -> None:
        """Something was changed."""
        self._found.clear()


class Shown(NamedTuple):
    """What every page has around its own."""

    caller: str
    role: str
    signed_in: bool
    here: str
    title: str


def page_rule(
    desk: Desk,
    path: str,
    template: str,
    title: str,
    shows: Shows,
    *,
    role: str = "viewer",
    scope: str = "",
    query: tuple[Query, ...] = (),
) -> Rule:
    """The route of a page that `shows` what its template prints."""

    async def answered(request: Request) -> Response:
        found = await desk.kept.asked(request, shows)
        if request.query_params.get("as") == "json":
            return answer(_document(found))
        return page_of(request, desk, template, title, found)

    return Rule(path, ("GET",), role, answered, title, scope=scope, page=True, query=(*query, AS), media="text/html")


def form_rule(
    desk: Desk,
    path: str,
    title: str,
    does: Callable[[Request, dict[str, str]], Awaitable[str]],
    *,
    role: str,
    scope: str = "item",
) -> Rule:
    """The route of a form: `does` what it asks for, and gives the page to go on at."""

    async def answered(request: Request) -> Response:
        from starlette.responses import RedirectResponse

        there = await does(request, await read_form(request))
        desk.kept.forget()
        return RedirectResponse(there, 303)

    return Rule(path, ("POST",), role, answered, title, scope=scope, page=True, status=303, media="text/html")


def page_of(
    request: Request, desk: Desk, template: str, title: str, values: Mapping[str, Any], status: int = 200
) -> Response:
    """A page as an answer."""
    from starlette.responses import HTMLResponse

    caller = caller_of(request)
    shown = Shown(
        caller=caller.name,
        role=caller.roles[-1] if caller.roles else "",
        signed_in=caller.how == "session",
        here=request.url.path,
        title=title,
    )
    text = _templates().get_template(template).render(page=shown, may=caller.may, local=desk.local, **values)
    return HTMLResponse(text, status)


def problem_page(request: Request, desk: Desk, status: int, cause: str) -> Response:
    """A sentence as a page."""
    return page_of(request, desk, "problem.html", f"{status}", {"status": status, "cause": cause}, status)


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a form. Raises BadRequest."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest(415, "the body must be a form")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM:
            raise BadRequest(413, f"the form is larger than {MOST_FORM} bytes")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise BadRequest(400, "the body is no form") from error
    if len(dict(pairs)) != len(pairs):
        raise BadRequest(400, "a field stands twice")
    return {name: value.strip() for name, value in pairs}


def scope_of(request: Request, desk: Desk) -> Scope:
    """Whose models the caller may see."""
    return sight(desk.site.settings, caller_of(request))


def link(path: str, **query: object) -> str:
    """The address of a page of ours, with everything in it that belongs in one."""
    words = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return quote(path, safe="/") + (f"?{urlencode(words)}" if words else "")


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("weighbridge.web.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_made_plain,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters = {name: made.filters[name] for name in ("join", "length", "upper", "replace", "default", "first")}
    made.filters |= {"size": size_text, "short": _short, "count": "{:,}".format, "day": lambda text: str(text)[:10]}
    made.globals = {"link": link}
    return made


def _made_plain(value: object) -> object:
    if isinstance(value, Svg):
        from markupsafe import Markup

        return Markup(value.text)  # noqa: S704 -- made by render/charts.py, which escapes
    if value is None:
        return ""
    return plain(value, MOST_TEXT) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _short(digest: str) -> str:
    """A digest as people compare it: both of its ends."""
    kind, colon, digits = digest.partition(":")
    return f"{kind}:{digits[:8]}…{digits[-6:]}" if colon and len(digits) > 16 else digest


def _document(found: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in found.items() if not isinstance(value, Svg)}
    document: dict[str, Any] = json.loads(json.dumps(kept, default=_record, ensure_ascii=True))
    return document


def _record(value: object) -> object:
    if isinstance(value, Svg):
        return None
    raise TypeError(f"{type(value).__name__} is not for JSON")
