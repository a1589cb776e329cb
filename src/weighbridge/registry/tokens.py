"""Being let in by a registry: its challenge answered with a token, and the token kept for as long as it holds.

    401, WWW-Authenticate: Bearer realm="https://…/token",service="…",scope="repository:NAME:pull"

    with a user and a password    GET realm?service=…&scope=…        Authorization: Basic …
    with an identity token        POST realm  grant_type=refresh_token&service=…&scope=…&refresh_token=…
    with nothing                  GET realm?service=…&scope=…

    → {"token" or "access_token": …, "expires_in": seconds}

A challenge `Basic` is answered with user and password at every request. Azure Container Registry takes a token of
Microsoft Entra ID in exchange for an identity token:

    POST https://HOST/oauth2/exchange  grant_type=access_token&service=HOST&access_token=… → {"refresh_token"}

The realm of a registry that is spoken to over TLS must be one too. No token and no password is in any message.
Sources: github.com/distribution/distribution, docs/spec/auth; github.com/Azure/acr, docs/AAD-OAuth.md.
"""

from __future__ import annotations

import base64
import re
import threading
from urllib.parse import urlencode, urlsplit

from weighbridge.core.errors import RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple, Protocol
from weighbridge.registry.wire import Answer, is_loopback, read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SHORTEST, MARGIN = 60.0, 10.0
"""Seconds that a token holds if nothing is said, and that it is not used before its end."""
LONGEST = 3600.0
CLIENT = "weighbridge"
_CHALLENGE = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_MEND = "log in to the registry (docker login, az login), and check that you may do this there"


class Credential(NamedTuple):
    """What opens a registry: an identity token, or a user and a password. Never shown: `repr` hides them."""

    user: str = ""
    password: str = ""
    identity: str = ""

    def __repr__(self) -> str:
        return "Credential(…)"


class Challenge(NamedTuple):
    """What a registry asks for. `scheme` is `bearer` or `basic`."""

    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


class Sender(Protocol):
    """Sends one request without credentials of its own."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer: ...


class Tokens:
    """The tokens of one registry, by what they allow. `credential` is asked again when what it gave is refused."""

    def __init__(
        self, host: str, *, secure: bool, credential: Callable[[Sender], Credential | None], clock: Callable[[], float]
    ) -> None:
        self._host = host
        self._secure = secure
        self._ask = credential
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, ...], tuple[str, float]] = {}
        self._basic = ""
        self._closed: set[tuple[str, ...]] = set()
        """What was refused: asking again would only lock the account."""
        self._credential: Credential | None = None
        self._asked = False
        self.send: Sender | None = None

    def header(self, scopes: tuple[str, ...]) -> str | None:
        """The value of Authorization for requests that need these scopes, if it is known already."""
        with self._lock:
            if self._basic:
                return self._basic
            token, until = self._kept.get(scopes, ("", 0.0))
            return f"Bearer {token}" if token and self._clock() < until else None

    def answer(self, challenges: Sequence[str], scopes: tuple[str, ...], sent: str | None) -> None:
        """Get what a 401 asks for, so that `header` knows it. Raises RegistryError if we are not let in.

        `sent` is the Authorization that was refused: if it is not the newest, another thread was here before.
        """
        challenge = read_challenge(challenges)
        if challenge is None:
            raise RegistryError(f"{plain(self._host)} asks for a login in a way that is not known", _MEND)
        with self._lock:
            kept, _ = self._kept.get(scopes, ("", 0.0))
            if (self._basic or (kept and f"Bearer {kept}")) not in ("", sent):
                return
            if scopes in self._closed:
                raise RegistryError(f"{plain(self._host)} does not let us in", _MEND)
            self._kept.pop(scopes, None)
            credential = self._ours()
            if challenge.scheme == "basic":
                if credential is None or not credential.user or self._basic:
                    self._closed.add(scopes)
                    raise RegistryError(f"{plain(self._host)} does not let us in", _MEND)
                self._basic = _basic(credential)
                return
            self._check_realm(challenge.realm)
            wanted = tuple(dict.fromkeys((*scopes, *challenge.scope.split())))
            answer = self._fetch(challenge, wanted, credential)
            if answer.status in (400, 401, 403) and credential is not None and credential.identity:
                # An identity token ends too: once more with a new one.
                self._asked = False
                answer = self._fetch(challenge, wanted, self._ours())
            if answer.status != 200:
                self._closed.add(scopes)
                where = plain(urlsplit(challenge.realm).netloc, 100)
                raise RegistryError(f"{where} gives no token for {plain(self._host)}: status {answer.status}", _MEND)
            document = read_json(answer, "a token")
            token = document.get("token") or document.get("access_token")
            if not isinstance(token, str) or not token or not (token.isascii() and token.isprintable()):
                raise RegistryError(f"{plain(self._host)} gives an answer without a token", _MEND)
            seconds = document.get("expires_in")
            holds = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else SHORTEST
            self._kept[scopes] = (token, self._clock() + max(min(holds, LONGEST) - MARGIN, 1.0))

    def _ours(self) -> Credential | None:
        if not self._asked:
            self._credential = self._ask(self._sender())
            self._asked = True
        return self._credential

    def _fetch(self, challenge: Challenge, scopes: Sequence[str], credential: Credential | None) -> Answer:
        fields = [("service", challenge.service), *(("scope", scope) for scope in scopes)]
        if credential is not None and credential.identity:
            form = [
                ("grant_type", "refresh_token"),
                ("service", challenge.service),
                ("client_id", CLIENT),
                ("scope", " ".join(scopes)),
                ("refresh_token", credential.identity),
            ]
            return post_form(self._sender(), challenge.realm, form)
        headers = {} if credential is None or not credential.user else {"Authorization": _basic(credential)}
        joint = "&" if "?" in challenge.realm else "?"
        return self._sender()("GET", f"{challenge.realm}{joint}{urlencode(fields)}", headers, None)

    def _sender(self) -> Sender:
        if self.send is None:
            raise RegistryError("tokens are asked for before there is a wire", "this is a mistake in weighbridge")
        return self.send

    def _check_realm(self, realm: str) -> None:
        parts = urlsplit(realm)
        sound = parts.scheme == "https" or (
            parts.scheme == "http" and not self._secure and is_loopback(parts.netloc) == is_loopback(self._host)
        )
        if not sound or not parts.hostname or parts.username or parts.password:
            raise RegistryError(
                f"{plain(self._host)} asks us to log in at {plain(realm, 100)}, which is not safe",
                "the registry must name an https address for its tokens",
            )


def read_challenge(headers: Sequence[str]) -> Challenge | None:
    """The challenge to answer among WWW-Authenticate headers: Bearer before Basic; None if there is neither."""
    found = None
    for header in headers:
        scheme, _, rest = header.strip().partition(" ")
        if scheme.lower() == "bearer":
            fields = {
                key.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for key, quoted, bare in _CHALLENGE.findall(rest)
            }
            return Challenge("bearer", fields.get("realm", ""), fields.get("service", ""), fields.get("scope", ""))
        if scheme.lower() == "basic":
            found = Challenge("basic")
    return found


def exchange(send: Sender, origin: str, host: str, entra_token: str) -> Credential:
    """The identity token of an Azure Container Registry for a token of Microsoft Entra ID. Raises RegistryError."""
    form = [("grant_type", "access_token"), ("service", host), ("access_token", entra_token)]
    answer = post_form(send, f"{origin}/oauth2/exchange", form)
    identity = read_json(answer, "the exchanged token").get("refresh_token") if answer.status == 200 else None
    if not isinstance(identity, str) or not identity:
        raise RegistryError(
            f"{plain(host)} does not take our Azure identity: status {answer.status}",
            "give the identity the role AcrPull or AcrPush on the registry",
        )
    return Credential(identity=identity)


def post_form(send: Sender, url: str, form: Sequence[tuple[str, str]]) -> Answer:
    """Send a form; the fields are in the body, so that no log of addresses has them."""
    return send("POST", url, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode())


def _basic(credential: Credential) -> str:
    raw = f"{credential.user}:{credential.password}".encode()
    return f"Basic {base64.b64encode(raw).decode()}"
