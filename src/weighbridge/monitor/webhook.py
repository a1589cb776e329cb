"""Alerts to a webhook: one POST of JSON, tried again while the other side is busy or away."""

from __future__ import annotations

import os
import re
import time

from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TRIES = 5
SECONDS = 10.0
"""Patience with one try."""
MOST_WAIT = 60.0
"""Seconds between two tries at the most, whatever the other side asks for."""
TOKEN = "WEIGHBRIDGE_WEBHOOK_TOKEN"  # noqa: S105 -- the name of a variable, no secret
"""The environment variable with a bearer token for the webhook; its value is never printed."""


def checked_address(address: str) -> str:
    """`address`, if it is https or of this machine. Raises UsageError."""
    if re.match(r"https://[^\s@/]+(?:/\S*)?$", address):
        return address
    if re.match(r"http://(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:/\S*)?$", address):
        return address
    raise UsageError(f"{address!r} is no address that alerts may be sent to", "write https://HOST/PATH")


def post(address: str, body: bytes, sleep: Callable[[float], None] = time.sleep) -> None:
    """Send `body`. Raises SourceError if it is refused, or nobody took it in five tries.

    The address is not shown whole, for many webhooks have their secret in it.
    """
    import urllib3

    place = re.sub(r"^(https?://[^/]+).*", r"\1/…", address)
    headers = {"Content-Type": "application/json", "User-Agent": "weighbridge-monitor"}
    token = os.environ.get(TOKEN)
    if token:
        headers["Authorization"] = f"Bearer {token}"
    why, wait = "", 0.0
    with urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(SECONDS)) as pool:
        for attempt in range(TRIES):
            if attempt:
                sleep(min(MOST_WAIT, wait))
            wait = 2.0**attempt
            try:
                answer = pool.request("POST", checked_address(address), body=body, headers=headers, redirect=False)
            except urllib3.exceptions.HTTPError as error:
                why = type(error).__name__
                continue
            if 200 <= answer.status < 300:
                return
            why = f"status {answer.status}"
            if answer.status not in (408, 425, 429) and answer.status < 500:
                break
            asked = answer.headers.get("Retry-After", "")
            wait = float(asked) if asked.isdigit() and len(asked) < 6 else wait
    raise SourceError(
        f"the webhook {place} did not take the alerts: {why}", "they count as not told, and the next run tells them"
    )
