"""Who asks, and what a route is open to: the records that all routes, pages and machines alike, are declared with.

Roles build on each other: a viewer reads, a submitter also submits, an approver also grants and acknowledges, an admin
also hands out tokens. Tenants are namespaces of the registry: `team` is `team` and everything below `team/`.

A route is one `Rule`. What stands in it is enforced before its handler runs (`web/fence.py`), described in the OpenAPI
document, and tested: nobody, a caller of a lower role and a caller of another tenant are tried on every rule.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.setting_tables import ROLES
from weighbridge.index.serving_tables import EVERY_TENANT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    Handler = Callable[[Request], Awaitable[Response]]

PUBLIC = ""
"""As the role of a rule: whoever can reach it."""
GATE = "gate"
"""As the role of a rule: a viewer; and whoever can reach it as long as nobody set up sign-in."""
CALLER = "weighbridge.caller"
"""Where a request's scope keeps its caller."""


class Caller(NamedTuple):
    """Who asks. `roles` are all that he has; `how` is `local`, `session`, `token` or empty."""

    name: str
    roles: tuple[str, ...]
    tenants: tuple[str, ...]
    how: str = ""

    def may(self, role: str) -> bool:
        """Whether the role, or a higher one, is his."""
        return role in self.roles

    def sees(self, repository: str) -> bool:
        """Whether a repository of the registry lies in one of his tenants."""
        return EVERY_TENANT in self.tenants or any(
            repository == one or repository.startswith(f"{one}/") for one in self.tenants if one
        )

    @property
    def sees_all(self) -> bool:
        """Whether every tenant is his."""
        return EVERY_TENANT in self.tenants


NOBODY = Caller("", (), ())


def up_to(role: str) -> tuple[str, ...]:
    """A role and all that are below it; none if it is no role."""
    return ROLES[: ROLES.index(role) + 1] if role in ROLES else ()


def caller_of(request: Request) -> Caller:
    """Who asks; NOBODY on a public route that was asked without signing in."""
    found: Caller = request.scope.get(CALLER, NOBODY)
    return found


class Query(NamedTuple):
    """A parameter of a query."""

    name: str
    about: str
    schema: Mapping[str, Any] = {"type": "string", "maxLength": 300}


class Rule(NamedTuple):
    """One route.

    `scope`: what keeps tenants apart here. `path`: the parameter `repository` of the path, checked before the handler.
    `rows`: the handler gives only rows of the caller's tenants, and a query `repository` of another one is 404.
    `item`: the handler answers 404 for a thing of another tenant. Empty: nothing here belongs to a tenant.
    `page`: answers HTML for people, so that who is not signed in is sent to sign in, and errors are pages.
    """

    path: str
    methods: tuple[str, ...]
    role: str
    handler: Handler
    summary: str
    scope: str = ""
    page: bool = False
    query: tuple[Query, ...] = ()
    body: Mapping[str, Any] | None = None
    """The JSON Schema of what is sent."""
    gives: Mapping[str, Any] | None = None
    """The JSON Schema of a good answer; None: any JSON object."""
    status: int = 200
    also: tuple[int, ...] = ()
    """What else it may answer, beside 400, 401, 403, 404, 413, 415, 429, 500, 502, 503 and 504."""
    media: str = "application/json"
    parameters: tuple[str, ...] = ()
    """Names of headers that are read, beside those of everybody."""
