"""The wire to one registry: requests over HTTP(S), repeated when that can help, never further than they may go.

- Repeated with growing, jittered pauses: broken connections, 408, 429 and 5xx; `Retry-After` is obeyed up to a minute.
- Redirects are followed for reading only, at most five. `Authorization` goes to the registry's own origin and no
  further, and no redirect leads from https to http.
- Proxies come from the environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY); this machine itself is never asked through one.
- Certificates are verified with the system's authorities, or with those of one file alone if the settings name it.
- Answers are read up to a limit; one that trickles is given up.

Source: github.com/opencontainers/distribution-spec, spec.md (1.1).
"""

from __future__ import annotations

import json
import random
import time
from urllib.parse import urljoin, urlsplit

from weighbridge.core.errors import NotFound, RegistryError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, NoReturn, Self

    from urllib3 import BaseHTTPResponse, PoolManager

    from weighbridge.core.settings import RegistrySetting
    from weighbridge.registry.tokens import Tokens

TRIES = 6
"""Attempts at one request in all."""
LONGEST_PAUSE = 60.0
"""Seconds that one pause may take, whatever the registry asks for."""
REDIRECTS = 5
CONNECT_SECONDS, IDLE_SECONDS = 10.0, 60.0
"""How long to wait for a connection, and for the next byte on it."""
SLOWEST = 1024
"""Bytes per second, on the average of a minute, below which an answer is given up."""
MAX_ANSWER = 64 * 1024
"""Bytes read of an answer that is only looked at for what went wrong."""
PIECE = 1024 * 1024
PASSING = frozenset((408, 429, 500, 502, 503, 504))
"""Statuses after which the same request may succeed."""
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))


class BrokenWire(RegistryError):
    """The connection failed or broke; the same request may succeed."""


class Answer(NamedTuple):
    """A whole answer. `url` is where it came from, after redirects."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Pace(NamedTuple):
    """Time and chance, so that tests have neither."""

    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


class Wire:
    """Requests to one registry host. May be used by several threads at once."""

    def __init__(self, host: str, setting: RegistrySetting, tokens: Tokens | None, pace: Pace) -> None:
        self.host = host
        self.origin = f"{'http' if is_plain(host, setting) else 'https'}://{host}"
        self.pace = pace
        self.tokens = tokens
        self._ca_file = setting.ca_file
        self._pools: dict[str, PoolManager] = {}

    def request(
        self,
        method: str,
        target: str,
        *,
        scopes: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        expect: tuple[int, ...] = (200,),
        most: int = MAX_ANSWER,
    ) -> Answer:
        """Send a request that may be repeated, and read its answer, `most` bytes at the utmost.

        `target` is a path or a URL of this registry. Raises NotFound for a 404 that is not in `expect`, BrokenWire
        when all tries failed, and RegistryError for any other status that is not in `expect`.
        """
        tries = 0
        while True:
            tries += 1
            try:
                with self.stream(method, target, scopes=scopes, headers=headers, body=body) as answer:
                    if answer.status in PASSING and answer.status not in expect and tries < TRIES:
                        self.pause(tries, answer.headers.get("Retry-After"))
                        continue
                    whole = Answer(answer.status, answer.headers, answer.read_all(most), answer.url)
            except BrokenWire:
                if tries >= TRIES:
                    raise
                self.pause(tries, None)
                continue
            if whole.status not in expect:
                self.refuse(whole, method)
            return whole

    def stream(
        self,
        method: str,
        target: str,
        *,
        scopes: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
    ) -> Incoming:
        """Send a request once (once more with fresh credentials if the registry asks) and open its answer.

        A body that is no `bytes` cannot be sent twice: then the answer may be a 401, and the caller begins again.
        Raises BrokenWire if the connection fails.
        """
        url = self.own(target)
        sent = self._authorised(url, scopes, headers)
        answer = self._follow(method, url, sent, body)
        if answer.status == 401 and self.tokens is not None and self.is_own(answer.url):
            challenges = answer.challenges
            answer.close()
            self.tokens.answer(challenges, scopes, sent.get("Authorization"))
            if body is None or isinstance(body, bytes):
                answer = self._follow(method, url, self._authorised(url, scopes, headers), body)
        return answer

    def own(self, target: str) -> str:
        """The URL of a path or a `Location` of this registry. Raises RegistryError if it leads elsewhere."""
        url = urljoin(f"{self.origin}/", target)
        if not self.is_own(url):
            raise RegistryError(
                f"{plain(self.host)} sends us to {plain(url.partition('?')[0], 120)}, which is not the registry",
                "name the registry by the host that it answers as",
            )
        return url

    def is_own(self, url: str) -> bool:
        """Whether a URL has the registry's scheme, host and port."""
        return _origin(url) == _origin(self.origin)

    def pause(self, tries: int, asked: str | None) -> None:
        """Wait before the next try: what the registry asked for, or a random part of a doubling second."""
        wait = 0.25 * 2**tries * (0.5 + self.pace.chance() / 2)
        if asked and asked.strip().isdigit():
            wait = max(float(asked), wait)
        self.pace.sleep(min(wait, LONGEST_PAUSE))

    def refuse(self, answer: Answer, what: str) -> NoReturn:
        """Raise what an unexpected answer means."""
        said = _said(answer.body)
        where = f"{plain(self.host)} answered {answer.status}{f' ({said})' if said else ''} to {what}"
        if answer.status == 404:
            raise NotFound(where, "check the name, the tag or the digest")
        if answer.status in (401, 403):
            raise RegistryError(
                where, "log in to the registry (docker login, az login), and check that you may do this there"
            )
        if answer.status in PASSING:
            raise BrokenWire(where, "the registry is busy or broken: try again later")
        raise RegistryError(where, "see what the registry says of it")

    def send_plainly(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """For logging in: no credentials but those in `headers`, no redirects; repeated like any other request."""
        tries = 0
        while True:
            tries += 1
            try:
                with self._once(method, url, headers, body) as answer:
                    if answer.status not in PASSING or tries >= TRIES:
                        return Answer(answer.status, answer.headers, answer.read_all(MAX_ANSWER * 4), url)
                    self.pause(tries, answer.headers.get("Retry-After"))
            except BrokenWire:
                if tries >= TRIES:
                    raise
                self.pause(tries, None)

    def _authorised(self, url: str, scopes: tuple[str, ...], headers: Mapping[str, str] | None) -> dict[str, str]:
        sent = {"Accept-Encoding": "identity", "User-Agent": "weighbridge", **(headers or {})}
        known = self.tokens.header(scopes) if self.tokens is not None and self.is_own(url) else None
        return {**sent, "Authorization": known} if known else sent

    def _follow(self, method: str, url: str, headers: dict[str, str], body: bytes | Iterable[bytes] | None) -> Incoming:
        for _ in range(REDIRECTS + 1):
            answer = self._once(method, url, headers, body)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            answer.close()
            target = urljoin(url, answer.headers.get("Location", ""))
            if method not in ("GET", "HEAD") or urlsplit(target).scheme not in ("http", "https"):
                raise RegistryError(f"{plain(self.host)} redirects where it may not", "name the registry itself")
            if url.startswith("https:") and not target.startswith("https:"):
                raise RegistryError(
                    f"{plain(self.host)} redirects from https to http", "the registry must serve its blobs over https"
                )
            if _origin(target) != _origin(url):
                headers = {key: value for key, value in headers.items() if key != "Authorization"}
            url = target
        raise RegistryError(f"{plain(self.host)} redirects more than {REDIRECTS} times", "see where it leads")

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes] | None
    ) -> Incoming:
        from urllib3.exceptions import HTTPError

        try:
            response = self._pool(url).urlopen(
                method,
                url,
                body=body,
                headers=dict(headers),
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
            )
        except (HTTPError, OSError) as error:
            raise BrokenWire(
                f"{plain(urlsplit(url).netloc)} cannot be reached: {_cause(error)}",
                "check the name, the network, the proxy and the certificate authority",
            ) from error
        return Incoming(response, url, self.pace)

    def _pool(self, url: str) -> PoolManager:
        proxy = _proxy(url)
        if proxy not in self._pools:
            import urllib3

            from weighbridge.registry.whole_answers import POOLS

            options: dict[str, Any] = {
                "timeout": urllib3.Timeout(connect=CONNECT_SECONDS, read=IDLE_SECONDS),
                "maxsize": 8,
                "blocksize": PIECE,
                **({"ca_certs": self._ca_file} if self._ca_file else {}),
            }
            pools = urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)
            pools.pool_classes_by_scheme = POOLS
            self._pools[proxy] = pools
        return self._pools[proxy]


class Incoming:
    """An answer whose body is still on the wire; read as a raw stream. Close it, or use it as a context."""

    def __init__(self, response: BaseHTTPResponse, url: str, pace: Pace) -> None:
        self._response = response
        self._pace = pace
        self._began = pace.clock()
        self._got = 0
        self.url = url
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers

    @property
    def challenges(self) -> list[str]:
        """The values of all WWW-Authenticate headers."""
        return list(self._response.headers.getlist("WWW-Authenticate"))

    def read(self, size: int = PIECE) -> bytes:
        """Up to `size` bytes; none at the end. Raises BrokenWire if it breaks, ends early, or trickles."""
        from urllib3.exceptions import HTTPError

        if size <= 0:
            return b""
        try:
            piece = self._response.read1(size, decode_content=False)
        except (HTTPError, OSError) as error:
            raise BrokenWire(f"the answer of {self._host} broke off: {_cause(error)}", "try again") from error
        self._got += len(piece)
        seconds = self._pace.clock() - self._began
        if seconds > IDLE_SECONDS and self._got < SLOWEST * seconds:
            raise BrokenWire(f"{self._host} sends less than {SLOWEST} bytes in a second", "try again later")
        return piece

    def read_all(self, most: int) -> bytes:
        """The whole body. Raises RegistryError if it is longer than `most` bytes."""
        pieces, count = [], 0
        while count <= most and (piece := self.read(min(PIECE, most + 1 - count))):
            pieces.append(piece)
            count += len(piece)
        if count > most:
            raise RegistryError(
                f"an answer of {self._host} is longer than {most} bytes", "it is no answer of a registry"
            )
        return b"".join(pieces)

    def close(self) -> None:
        """Let the connection be used again if the body was read, else close it."""
        self._response.close()
        self._response.release_conn()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        left = self._response.length_remaining
        if left is not None and left <= MAX_ANSWER:
            # Even an empty body has to be read, or the connection cannot be used again.
            self._response.drain_conn()
            self._response.release_conn()
        else:
            self.close()

    @property
    def _host(self) -> str:
        return plain(urlsplit(self.url).netloc)


def is_plain(host: str, setting: RegistrySetting) -> bool:
    """Whether a registry is spoken to without TLS: as the settings say; else only on this machine itself."""
    if setting.plain_http is not None:
        return setting.plain_http
    return is_loopback(host) and not setting.ca_file


def is_loopback(host: str) -> bool:
    """Whether HOST or HOST:PORT is this machine."""
    name = urlsplit(f"//{host}").hostname or ""
    return name in LOOPBACK or (name.startswith("127.") and name.replace(".", "").isdigit())


def read_json(answer: Answer, what: str) -> dict[str, Any]:
    """The JSON object of an answer. Raises RegistryError."""
    try:
        value = json.loads(answer.body)
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"{what} is not JSON", "is this the address of a registry?") from error
    if not isinstance(value, dict):
        raise RegistryError(f"{what} is not a JSON object", "is this the address of a registry?")
    return value


def next_page(answer: Answer) -> str | None:
    """The URL of the next page, from `Link: <URL>; rel="next"`."""
    for link in answer.headers.get("Link", "").split(","):
        target, _, rest = link.partition(";")
        if 'rel="next"' in rest.replace(" ", "") or "rel=next" in rest.replace(" ", ""):
            return urljoin(answer.url, target.strip().strip("<>"))
    return None


def _origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    return parts.scheme, parts.hostname or "", port or {"http": 80, "https": 443}.get(parts.scheme, 0)


def _proxy(url: str) -> str:
    from urllib.request import getproxies_environment, proxy_bypass

    parts = urlsplit(url)
    if is_loopback(parts.netloc) or proxy_bypass(parts.netloc):
        return ""
    proxies = getproxies_environment()
    found: str = proxies.get(parts.scheme, proxies.get("all", ""))
    return found if not found or "://" in found else f"http://{found}"


def _said(body: bytes) -> str:
    """What a registry says of an error: `{"errors": [{"code", "message"}]}`."""
    try:
        first = json.loads(body)["errors"][0]
        return plain(f"{first.get('code', '')} {first.get('message', '')}".strip(), 200)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return ""


def _cause(error: BaseException) -> str:
    """What went wrong in few words: the innermost reason, without addresses of objects."""
    reason = getattr(error, "reason", None)
    if isinstance(reason, BaseException):
        return _cause(reason)
    text = str(error.args[-1] if error.args else error)
    return plain(text.rpartition("object at 0x")[2].partition(">: ")[2] or text, 200)
