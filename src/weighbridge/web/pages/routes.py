"""All pages, and the files that they need."""

from __future__ import annotations

import os

from weighbridge.core.digests import digest_bytes
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.web.access import PUBLIC, Rule
from weighbridge.web.bodies import BadRequest
from weighbridge.web.pages.decisions import decision_rules
from weighbridge.web.pages.exemptions import exemption_page_rules
from weighbridge.web.pages.models import model_page_rules
from weighbridge.web.pages.queue import queue_rules
from weighbridge.web.pages.reference import reference_rules
from weighbridge.web.pages.watching import watching_rules

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.web.desk import Desk

STATIC = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}


def pages_of(desk: Desk) -> tuple[Rule, ...]:
    """The routes of every page."""
    return (
        *queue_rules(desk),
        *model_page_rules(desk),
        *decision_rules(desk),
        *watching_rules(desk),
        *exemption_page_rules(desk),
        *reference_rules(desk),
        _static(),
    )


def _static() -> Rule:
    folder = os.path.join(os.path.dirname(__file__), "static")
    files = {}
    for name, media in STATIC.items():
        with open(os.path.join(folder, name), "rb") as file:
            body = file.read()
        files[name] = (body, media, f'"{digest_bytes(body).hex[:32]}"')

    async def static(request: Request) -> Response:
        from starlette.responses import Response as Plain

        found = files.get(request.path_params["name"])
        if found is None:
            raise BadRequest(404, "there is no such file")
        body, media, tag = found
        kept = {"cache-control": "max-age=3600, private", "etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Plain(None, 304, kept)
        return Plain(body, 200, kept, media)

    return Rule("/static/{name}", ("GET",), PUBLIC, static, "Files that pages need", page=True, media="text/css")
