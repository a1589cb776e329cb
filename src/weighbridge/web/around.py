"""What is around every answer: headers that bind browsers, a number to find it by, a log line, counters, a trace."""

from __future__ import annotations

import os
import time

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.web.access import CALLER, NOBODY
from weighbridge.web.fence import ROUTE
from weighbridge.web.tracing import span_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from weighbridge.web.desk import Desk

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""What a page of ours may do: nothing inline, nothing from elsewhere."""
EVERYWHERE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
UNSAID = ("/healthz", "/readyz", "/metrics", "/v1/admit", "/admission", "/admission/{stage}")
"""Routes that machines ask all the time and that are not worth a line, or that have one with the decision."""


class Around:
    """The outermost layer."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk
        self._secure = desk.site.settings.server.sign_in.url.startswith("https://")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, number, status = time.monotonic(), os.urandom(8).hex(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._headers(message["headers"], number)
            await send(message)

        with span_of(scope, number) as ended:
            try:
                await self._app(scope, receive, sent)
            finally:
                seconds, route = time.monotonic() - began, scope.get(ROUTE, "elsewhere")
                ended(route, status)
                self._desk.metrics.answered(route, scope["method"], status, seconds)
                if route not in UNSAID:
                    caller = scope.get(CALLER, NOBODY)
                    self._desk.site.log(
                        {
                            "request": number,
                            "method": plain(scope["method"], 20),
                            "route": route,
                            "status": status,
                            "milliseconds": round(seconds * 1000, 1),
                            "caller": plain(caller.name, 200),
                        }
                    )

    def _headers(self, given: list[tuple[bytes, bytes]], number: str) -> list[tuple[bytes, bytes]]:
        names = {name.lower() for name, _ in given}
        kind = next((value for name, value in given if name.lower() == b"content-type"), b"")
        wanted = {**EVERYWHERE, "x-request-id": number}
        if kind.startswith(b"text/html"):
            wanted["content-security-policy"] = PAGE_POLICY
        if self._secure:
            wanted["strict-transport-security"] = "max-age=31536000"
        more = [(name.encode(), value.encode()) for name, value in wanted.items() if name.encode() not in names]
        return [*given, *more]
