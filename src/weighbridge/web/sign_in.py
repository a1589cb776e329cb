"""Signing in by OpenID Connect: the authorization code flow with PKCE, at any issuer that can be discovered.

    GET /sign-in     a random secret into a cookie of this browser; state, nonce and verifier are made from it
    issuer           the person signs in there, and is sent back with a code
    GET /signed-in   state is that of the cookie → code and verifier for an ID token → signature, issuer, audience,
                     time and nonce are checked → claims become role and tenants → a session
    POST /sign-out   the session ends

Nothing is kept here between the first two, so that strangers cannot fill the index. Sessions are rows (hashed), so
that one can be ended. Sources: OpenID Connect Core 1.0 (3.1), Discovery 1.0, RFC 7636, RFC 9207.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from urllib.parse import quote, unquote, urlencode

from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.core.setting_tables import ROLES
from weighbridge.index.accounts import Account, check_tenants
from weighbridge.web.access import PUBLIC, Query, Rule
from weighbridge.web.bodies import BadRequest
from weighbridge.web.fence import COOKIE, SECURE_COOKIE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from starlette.requests import Request
    from starlette.responses import Response

    from weighbridge.core.settings import SignInSettings
    from weighbridge.web.desk import Desk

SECRET = "WEIGHBRIDGE_CLIENT_SECRET"  # noqa: S105 -- the name of a variable, no secret
"""The environment variable with the client's secret, if the issuer gave one; its value is never printed."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519"]
"""What an ID token may be signed with; never `none`, and never a shared secret."""
LEEWAY = 60
"""Seconds that two clocks may differ."""
KEEP = 3600.0
"""Seconds that the issuer's description and keys are kept; keys are asked for again if one is not known."""
AGAIN = 60.0
"""Seconds between two times that unknown keys make us ask."""
MOST_ANSWER = 1024 * 1024
PATIENCE = 10.0
MOST_CLAIMS = 1000
FLOW_SECONDS = 600


class Issuer(NamedTuple):
    """What an issuer says of itself."""

    authorization: str
    token: str
    keys: dict[str, Any]
    basic: bool
    names_itself: bool


class SignIn:
    """Sign-in at one issuer. `secret` is the client's; empty if it has none."""

    def __init__(self, settings: SignInSettings, secret: str, clock: Callable[[], float] = time.time) -> None:
        self.settings, self._secret, self._clock = settings, secret, clock
        self._known: Issuer | None = None
        self._known_at = self._asked_at = 0.0
        self._lock = threading.Lock()

    @property
    def secure(self) -> bool:
        """Whether people come over TLS."""
        return self.settings.url.startswith("https://")

    @property
    def here(self) -> str:
        """Where the issuer sends people back to."""
        return f"{self.settings.url.rstrip('/')}/signed-in"

    def address(self, secret: str) -> str:
        """Where to send a browser whose cookie holds `secret`. Raises SourceError."""
        verifier = base64.urlsafe_b64encode(hashlib.sha256(_part(secret, "verifier").encode()).digest())
        words = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.here,
            "scope": " ".join(self.settings.scopes),
            "state": _part(secret, "state"),
            "nonce": _part(secret, "nonce"),
            "code_challenge": verifier.decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        there = self.issuer().authorization
        return f"{there}{'&' if '?' in there else '?'}{urlencode(words)}"

    def account(self, secret: str, query: Mapping[str, str]) -> Account:
        """Whose code it is that the issuer sent a browser back with. Raises BadRequest, SourceError."""
        if not secret or not hmac.compare_digest(query.get("state", ""), _part(secret, "state")):
            raise BadRequest(403, "this sign-in was not begun in this browser, or too long ago: begin again")
        issuer = self.issuer()
        if query.get("iss", self.settings.issuer) != self.settings.issuer or (
            issuer.names_itself and "iss" not in query
        ):
            raise BadRequest(403, "the answer is of another issuer")
        if query.get("error"):
            raise BadRequest(403, f"the issuer did not sign you in: {plain(query['error'], 80)}")
        token = self._redeem(issuer, query.get("code", ""), _part(secret, "verifier"))
        return account_of(self._claims(token, _part(secret, "nonce")), self.settings)

    def issuer(self, *, anew: bool = False) -> Issuer:
        """The issuer, asked again from time to time. Raises SourceError."""
        with self._lock:
            now = self._clock()
            stale = self._known is None or now - self._known_at > KEEP
            if self._known is None or stale or (anew and now - self._asked_at > AGAIN):
                self._asked_at = now
                self._known, self._known_at = self._discover(), now
            return self._known

    def _discover(self) -> Issuer:
        said = self._ask("GET", f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if said.get("issuer") != self.settings.issuer:
            raise SourceError("the issuer calls itself by another name than the settings do", "write it as it does")
        there = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
        here = self.settings.issuer.startswith("http://")
        if not all(isinstance(one, str) and (one.startswith("https://") or here) for one in there):
            raise SourceError("the issuer does not say where to sign in over https", "see to the issuer")
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return Issuer(
            str(there[0]),
            str(there[1]),
            self._ask("GET", str(there[2])),
            "client_secret_post" not in methods,
            said.get("authorization_response_iss_parameter_supported") is True,
        )

    def _redeem(self, issuer: Issuer, code: str, verifier: str) -> str:
        words = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.here,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        headers = {}
        if self._secret and issuer.basic:
            pair = f"{quote(self.settings.client_id, safe='')}:{quote(self._secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        elif self._secret:
            words["client_secret"] = self._secret
        token = self._ask("POST", issuer.token, words, headers).get("id_token")
        if not isinstance(token, str):
            raise SourceError("the issuer gave no ID token", "see to the issuer")
        return token

    def _claims(self, token: str, nonce: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        decoded = None
        for anew in (False, True):
            try:
                keys: Any = self.issuer(anew=anew).keys
                decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=ALGORITHMS)
                break
            except (JoseError, ValueError, KeyError, TypeError) as error:
                if anew:
                    raise BadRequest(403, f"the ID token is not valid ({type(error).__name__})") from error
        claims: dict[str, Any] = dict(decoded.claims) if decoded is not None else {}
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._clock()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            raise BadRequest(403, f"the ID token is not for this sign-in ({type(error).__name__})") from error
        audience = claims["aud"]
        several = isinstance(audience, list) and len(audience) > 1
        if claims.get("azp", self.settings.client_id) != self.settings.client_id or (several and "azp" not in claims):
            raise BadRequest(403, "the ID token was given to another")
        return claims

    def _ask(
        self,
        method: str,
        address: str,
        words: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        import urllib3

        body = urlencode(words).encode() if words is not None else None
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            with urllib3.PoolManager(
                retries=False, timeout=urllib3.Timeout(PATIENCE), ca_certs=self.settings.ca_file or None
            ) as pool:
                got = pool.request(method, address, body=body, headers=sent, redirect=False, preload_content=False)
                raw = got.read(MOST_ANSWER)
                status = got.status
                got.close()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise SourceError(f"the issuer does not answer: {type(error).__name__}", "try again later") from error
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            found = None
        if status == 400 and words is not None:
            raise BadRequest(403, "the issuer does not know this code: begin again")
        if status != 200 or not isinstance(found, dict):
            raise SourceError(f"the issuer answers with status {status} or no JSON", "see to the issuer")
        return found


def account_of(claims: Mapping[str, Any], settings: SignInSettings) -> Account:
    """What the claims of an ID token make of a person. Raises BadRequest for one who has no role here."""
    roles = {settings.roles[one] for one in _values(claims, settings.roles_claim) if one in settings.roles}
    if not roles:
        raise BadRequest(403, "you are signed in at the issuer, and have no role here: ask whoever runs this server")
    tenants = {
        name for one in (*_values(claims, settings.tenants_claim), "*") for name in settings.tenants.get(one, ())
    }
    shown = claims.get(settings.name_claim)
    name = plain(shown, 120) if isinstance(shown, str) and shown else ""
    subject = plain(str(claims["sub"]), 120)
    return Account(
        f"{name} ({subject})" if name else subject, max(roles, key=ROLES.index), check_tenants(sorted(tenants))
    )


def _values(claims: Mapping[str, Any], name: str) -> list[str]:
    found = claims.get(name, [])
    values = found if isinstance(found, list) else [found]
    return [one for one in values[:MOST_CLAIMS] if isinstance(one, str) and one != "*"]


def _part(secret: str, name: str) -> str:
    made = hmac.new(secret.encode(), name.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def open_sign_in(settings: SignInSettings) -> SignIn | None:
    """Sign-in as the settings say; None if they say nothing. Raises UsageError."""
    if not settings.issuer:
        return None
    try:
        import joserfc  # noqa: F401 -- asked for now, and not when the first person comes
    except ImportError:
        raise UsageError("sign-in needs joserfc", "pip install 'weighbridge[server]'") from None
    if not settings.roles:
        raise UsageError("sign-in gives nobody a role", 'write [server.sign_in.roles] and VALUE = "viewer"')
    for names in settings.tenants.values():
        check_tenants(names)
    return SignIn(settings, os.environ.get(SECRET, ""))


def sign_in_rules(desk: Desk) -> tuple[Rule, ...]:
    """The routes of signing in and out."""
    sign_in = desk.sign_in
    if sign_in is None:
        return ()
    flow = "__Host-weighbridge-flow" if sign_in.secure else "weighbridge-flow"
    session = SECURE_COOKIE if sign_in.secure else COOKIE

    def put(response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(name, value, seconds, path="/", secure=sign_in.secure, httponly=True, samesite="lax")

    def to(place: str) -> Response:
        from starlette.responses import RedirectResponse

        return RedirectResponse(place, 303, {"cache-control": "no-store"})

    async def begin(request: Request) -> Response:
        secret = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
        response = to(await desk.work(lambda: sign_in.address(secret)))
        put(response, flow, f"{secret}.{quote(inside(request.query_params.get('next', '')), safe='')}", FLOW_SECONDS)
        return response

    async def back(request: Request) -> Response:
        secret, _, there = request.cookies.get(flow, "").partition(".")
        account = await desk.work(lambda: sign_in.account(secret, request.query_params))
        seconds = sign_in.settings.session_hours * 3600
        made = await desk.work(lambda: desk.accounts.begin_session(account, seconds=seconds))
        response = to(inside(unquote(there)))
        put(response, session, made, seconds)
        put(response, flow, "", 0)
        return response

    async def out(request: Request) -> Response:
        secret = request.cookies.get(session, "")
        if secret:
            await desk.work(lambda: desk.accounts.end_session(secret))
        response = to("/")
        put(response, session, "", 0)
        return response

    about = "Where to go afterwards: a path here"
    return (
        Rule("/sign-in", ("GET",), PUBLIC, begin, "Sign in", page=True, query=(Query("next", about),)),
        Rule("/signed-in", ("GET",), PUBLIC, back, "Where the issuer sends people back to", page=True),
        Rule("/sign-out", ("POST",), PUBLIC, out, "Sign out", page=True),
    )


def inside(place: str) -> str:
    """A path on this server, or `/`: never an address of another."""
    good = place.startswith("/") and not place.startswith(("//", "/\\")) and place.isprintable() and len(place) < 2000
    return place if good and "\\" not in place else "/"
