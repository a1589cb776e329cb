"""Following an intake live: server-sent events, one whenever something changed, until it ended.

    id: VERSION
    event: intake
    data: {the intake as GET /v1/intakes/ID gives it}

A client that lost the connection sends `Last-Event-ID`, and is told only what is newer. A comment keeps the connection
open while nothing changes.
"""

from __future__ import annotations

import json
import time

from weighbridge.core.errors import IndexFailed
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.web.bodies import BadRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.responses import Response

    from weighbridge.index.jobs import Job
    from weighbridge.web.desk import Desk

INTERVAL = 0.4
"""Seconds between two looks at the index."""
QUIET = 15.0
"""Seconds after which silence is broken."""
LONGEST = 3600.0
"""Seconds after which the connection ends; clients come again by themselves."""


def follow(desk: Desk, job: Job, seen: str) -> Response:
    """The stream of an intake. Raises BadRequest if too many are open."""
    from starlette.responses import StreamingResponse

    from weighbridge.web.desk import MOST_STREAMS

    if desk.metrics.streams >= MOST_STREAMS:
        raise BadRequest(429, "too many follow something live", {"retry-after": "5"})
    last = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 10 else 0
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(desk, job, last), 200, headers, "text/event-stream")


async def _events(desk: Desk, job: Job, last: int) -> AsyncIterator[bytes]:
    import anyio

    from weighbridge.web.api import intake_row

    desk.metrics.streams += 1
    began = said = time.monotonic()
    try:
        found: Job | None = job
        while found is not None and time.monotonic() - began < LONGEST:
            if found.version > last:
                last, said = found.version, time.monotonic()
                text = json.dumps(intake_row(found), ensure_ascii=True, separators=(",", ":"))
                yield f"id: {last}\nevent: intake\ndata: {text}\n\n".encode()
            elif time.monotonic() - said > QUIET:
                said = time.monotonic()
                yield b": still here\n\n"
            if found.ended:
                return
            await anyio.sleep(INTERVAL)
            try:
                found = await desk.work(lambda: desk.jobs.find(job.id))
            except (IndexFailed, TimeoutError):
                continue  # it is looked at again
    finally:
        desk.metrics.streams -= 1
