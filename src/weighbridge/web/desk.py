"""What the server has beside gate two: queue, accounts, alerts, sign-in, and how much of everything one may ask for."""

from __future__ import annotations

import getpass
import time

from weighbridge.core.errors import UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.setting_tables import ROLES
from weighbridge.index.accounts import Accounts
from weighbridge.index.alerts import Alerts
from weighbridge.index.jobs import Jobs
from weighbridge.index.serving_tables import EVERY_TENANT
from weighbridge.registry.base import parse_reference
from weighbridge.web.access import Caller, Rule
from weighbridge.web.metrics import Metrics
from weighbridge.web.site import is_ours

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sqlalchemy import Engine

    from weighbridge.registry.base import Reference
    from weighbridge.web.pages.view import Kept
    from weighbridge.web.sign_in import SignIn
    from weighbridge.web.site import Site

MOST_CALLERS = 10_000
"""Callers whose rates are kept; of more, those are forgotten who asked the longest ago."""
BURST = 4
"""Seconds' worth of requests that may come at once."""
MOST_STREAMS = 200
"""Callers that follow something live at a time."""
THREADS = 14
"""Requests that read or write the index or the registry at a time; the index gives out one connection more."""


class Rates:
    """A bucket of requests for each caller, filled at a steady rate."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = per_second, clock
        self._left: dict[str, tuple[float, float]] = {}

    def wait(self, caller: str) -> float:
        """Take one request out: 0, or the seconds after which there will be one."""
        if not self._rate:
            return 0.0
        now, most = self._clock(), float(self._rate * BURST)
        left, seen = self._left.pop(caller, (most, now))
        left = min(most, left + (now - seen) * self._rate)
        good = left >= 1.0
        self._left[caller] = (left - 1.0 if good else left, now)
        if len(self._left) > MOST_CALLERS:
            del self._left[next(iter(self._left))]
        return 0.0 if good else (1.0 - left) / self._rate


class Desk(NamedTuple):
    """What the routes beside gate two answer from.

    `local`: nobody signs in, and whoever can ask is the person at this machine. `rules` are all routes but gate two's.
    """

    site: Site
    engine: Engine
    jobs: Jobs
    accounts: Accounts
    alerts: Alerts
    metrics: Metrics
    rates: Rates
    sign_in: SignIn | None
    local: bool
    kept: Kept
    rules: tuple[Rule, ...] = ()

    @property
    def open_gate(self) -> bool:
        """Whether gate two answers whoever reaches it, because nobody set up sign-in."""
        return self.local or self.sign_in is None

    async def work(self, do: Callable[[], Any]) -> Any:
        """Do blocking work in a thread. TimeoutError when its time is over."""
        import anyio

        with anyio.fail_after(self.site.seconds):
            return await anyio.to_thread.run_sync(do, abandon_on_cancel=True, limiter=self.metrics.lanes())

    def caller_here(self) -> Caller:
        """The person at this machine."""
        return Caller(f"local:{_user()}", ROLES, (EVERY_TENANT,), "local")

    def place(self, text: str) -> tuple[Reference, str]:
        """A reference in a registry of ours, and the repository as tenants name it: below the default registry's
        prefix, or with the host before it in any other. Raises UsageError.
        """
        settings = self.site.settings
        reference = parse_reference(text, settings.registry)
        if not is_ours(reference, settings):
            raise UsageError(f"{plain(text, 200)!r} is not in a registry of ours", "list it in registries of [server]")
        if reference.kind == "layout":
            return reference, reference.name
        full = f"{reference.place}/{reference.name}"
        return reference, full.removeprefix(f"{settings.registry.rstrip('/')}/") if settings.registry else full


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this number, as in many containers
        return "unknown"


def open_desk(site: Site, engine: Engine, *, local: bool, sign_in: SignIn | None = None) -> Desk:
    """The desk with all its routes."""
    from weighbridge.web.api import api_rules
    from weighbridge.web.api_models import model_rules
    from weighbridge.web.openapi import openapi_rule
    from weighbridge.web.pages.routes import pages_of
    from weighbridge.web.pages.view import Kept
    from weighbridge.web.sign_in import sign_in_rules

    seal = site.gate.sealing()
    jobs, accounts, alerts = Jobs(engine, seal=seal), Accounts(engine, seal=seal), Alerts(engine, seal)
    rates = Rates(0 if local else site.settings.server.rate)
    desk = Desk(site, engine, jobs, accounts, alerts, Metrics(THREADS), rates, sign_in, local, Kept())
    rules = (*api_rules(desk), *model_rules(desk), *sign_in_rules(desk))
    return desk._replace(rules=(*rules, openapi_rule(rules), *pages_of(desk)))
