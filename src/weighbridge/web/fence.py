"""What stands before every handler: who asks, whether he may, from where, how often, and about whose things.

A browser sends cookies, and reaches this machine, for any page that asks it to. So what changes something is refused
unless the browser says that a page of ours asked (`Sec-Fetch-Site`, or `Origin`); and a server without sign-in answers
only to names of this machine, or else a page could give it a name of its own.
"""

from __future__ import annotations

import re

from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.web.access import CALLER, GATE, NOBODY, PUBLIC, Caller, caller_of, up_to
from weighbridge.web.bodies import BadRequest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.index.accounts import Account
    from weighbridge.web.access import Handler, Rule
    from weighbridge.web.desk import Desk

SAFE = ("GET", "HEAD", "OPTIONS")
ROUTE = "weighbridge.route"
"""Where a request's scope keeps the path of its rule."""
_HERE = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")
COOKIE, SECURE_COOKIE = "weighbridge", "__Host-weighbridge"
"""The session's cookie, without and with TLS: the prefix makes browsers refuse one that another host set."""


def guarded(rule: Rule, desk: Desk | None) -> Handler:
    """The handler of a rule behind all that its rule demands; without a desk, only gate two is served, to anybody."""
    if desk is None:
        return rule.handler

    async def answered(request: Request) -> Response:
        request.scope[ROUTE] = rule.path
        if desk.local:
            _from_here(request)
        caller = await caller_asking(request, desk)
        request.scope[CALLER] = caller
        wait = desk.rates.wait(caller.name or (request.client.host if request.client else ""))
        if wait:
            raise BadRequest(429, "too many requests", {"retry-after": str(int(wait) + 1)})
        if refused := _refused(rule, caller, desk):
            status, cause = refused
            if status == 401 and rule.page and request.method in SAFE and desk.sign_in is not None:
                return _to_sign_in(request)
            headers = {"www-authenticate": 'Bearer realm="weighbridge"'} if status == 401 else {}
            raise BadRequest(status, cause, headers)
        if request.method not in SAFE and caller.how != "token":
            _from_our_pages(request, desk)
        if rule.scope in ("path", "rows"):
            asked = request.path_params.get("repository") or request.query_params.get("repository", "")
            if asked and (plain(asked, 600) != asked or not caller.sees(asked)):
                raise BadRequest(404, "there is no such repository")
        return await rule.handler(request)

    return answered


def of_a_tenant(request: Request, desk: Desk | None, text: str) -> None:
    """Raise BadRequest unless a reference is in a tenant of the caller's. Gate two's is everybody's without sign-in."""
    caller = caller_of(request)
    if desk is None or (desk.open_gate and not caller.how) or caller.sees_all:
        return
    text = text.removeprefix("oci://")
    if not caller.sees(desk.place(text)[1]):
        raise BadRequest(404, "there is no such repository")


async def caller_asking(request: Request, desk: Desk) -> Caller:
    """Who asks. Raises BadRequest for a token that is none."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind:
        account = await desk.work(lambda: desk.accounts.of_token(text.strip())) if kind.lower() == "bearer" else None
        if account is None:
            raise BadRequest(401, "the token is not valid", {"www-authenticate": 'Bearer error="invalid_token"'})
        return _caller(account, "token")
    secret = request.cookies.get(SECURE_COOKIE if _is_secure(desk) else COOKIE, "")
    if secret and desk.sign_in is not None:
        account = await desk.work(lambda: desk.accounts.of_session(secret))
        if account is not None:
            return _caller(account, "session")
    return desk.caller_here() if desk.local else NOBODY


def _caller(account: Account, how: str) -> Caller:
    return Caller(account.name, up_to(account.role), account.tenants, how)


def _is_secure(desk: Desk) -> bool:
    return desk.site.settings.server.sign_in.url.startswith("https://")


def _refused(rule: Rule, caller: Caller, desk: Desk) -> tuple[int, str] | None:
    if rule.role == PUBLIC or (rule.role == GATE and desk.open_gate and not caller.how):
        return None
    if not caller.how:
        return 401, "sign in, or send a token" if desk.sign_in is not None else "send a token"
    role = "viewer" if rule.role == GATE else rule.role
    return None if caller.may(role) else (403, f"this takes the role {role}")


def _from_here(request: Request) -> None:
    if not _HERE.fullmatch(request.headers.get("host", "")):
        raise BadRequest(421, "without sign-in this server answers as localhost only")
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        raise BadRequest(403, "something forwards requests of others to this server: set up sign-in first")


def _from_our_pages(request: Request, desk: Desk) -> None:
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise BadRequest(403, "another site asked for this")
        return
    origin = request.headers.get("origin")
    if origin is None:  # no browser: those send one with everything that changes something
        return
    url = desk.site.settings.server.sign_in.url.rstrip("/")
    ours = {url} if url else {f"{scheme}://{request.headers.get('host', '')}" for scheme in ("http", "https")}
    if origin not in ours:
        raise BadRequest(403, "another site asked for this")


def _to_sign_in(request: Request) -> Response:
    from urllib.parse import quote

    from starlette.responses import RedirectResponse

    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(there, safe='')}", 303, {"cache-control": "no-store"})
