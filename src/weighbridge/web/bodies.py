"""JSON that strangers send: read up to a limit, refused if it is anything else, and answers as JSON."""

from __future__ import annotations

import json

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.core.strict_json import no_constant, unique_keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}


class BadRequest(WeighbridgeError):
    """What was sent cannot be answered; `status` is the HTTP status to say it with, `headers` go with it."""

    def __init__(self, status: int, cause: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(cause)
        self.status = status
        self.headers = headers or {}


async def read_json(request: Request, most: int) -> dict[str, Any]:
    """The JSON object of a request. `most` is in bytes. Raises BadRequest."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequest(415, "the body must be application/json")
    if request.headers.get("content-encoding"):
        raise BadRequest(415, "the body must not be encoded")
    if request.headers.get("content-length", "0").isdigit() and int(request.headers.get("content-length", "0")) > most:
        raise BadRequest(413, f"the body is larger than {most} bytes")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise BadRequest(413, f"the body is larger than {most} bytes")
    try:
        document = json.loads(bytes(body).decode(), object_pairs_hook=unique_keys, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise BadRequest(400, f"the body is no JSON: {plain(str(error), 200)}") from error
    if not isinstance(document, dict):
        raise BadRequest(400, "the body is no JSON object")
    return document


def answer(document: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer that nobody keeps, frames or takes for something else."""
    from starlette.responses import Response

    body = json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()
    return Response(body, status, {**HEADERS, **(headers or {})}, "application/json")
