"""Requests to addresses on the web, with what may happen on the way bounded: redirects, hosts, encryption, waiting.

The address that a name leads to is looked at before it is connected to, and it is that address that is connected to: a
name cannot lead elsewhere in between. A proxy of the environment does its own looking up.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import random
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from weighbridge import __version__
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from weighbridge.core.settings import HttpsSettings

REDIRECTS = 5
"""Redirects that one request may follow."""
SECONDS = 60
"""Seconds that nothing may come."""
SLOWEST = 1000
"""Bytes a second that have to come on average, once `SECONDS` went by."""
TRIES = 5
"""Times that something is asked for again without a byte having come in between."""
TRIES_AT_ALL = 200
"""Times that the rest of one file is asked for."""
LONGEST_WAIT = 120
"""Seconds that are waited at most, whatever the server asks for."""
AGAIN = frozenset((408, 429, 500, 502, 503, 504))
"""Status codes that may go away by waiting."""
_MOVED = frozenset((301, 302, 303, 307, 308))
_PORTS = {"http": 80, "https": 443}


class Address(NamedTuple):
    """An address on the web. `target` is path and query as they are sent; `login` is `user:password` or empty."""

    scheme: str
    host: str
    port: int
    target: str
    login: str = ""

    def __str__(self) -> str:
        """For people and reports: without login and query, which may be secrets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target.partition('?')[0]}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a login is good for."""
        return self.scheme, self.host, self.port


class Busy(Exception):
    """Something that may go away by waiting. `wait` is the number of seconds that the server asks for, or -1."""

    def __init__(self, why: str, wait: float = -1) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait


class Answer(NamedTuple):
    """The answer to a request: `address` is where it came from in the end."""

    address: Address
    status: int
    headers: http.client.HTTPMessage
    body: http.client.HTTPResponse
    connection: http.client.HTTPConnection
    began: float

    def read(self, most: int, so_far: int) -> bytes:
        """The next bytes of the `so_far` that came, none at the end. Raises Busy if they stop coming, or drip."""
        seconds = time.monotonic() - self.began
        if seconds > SECONDS and so_far < SLOWEST * seconds:
            raise Busy("the transfer is so slow that it would not end")
        try:
            return self.body.read1(most)
        except (OSError, http.client.HTTPException) as error:
            raise Busy(f"the transfer broke off: {_reason(error)}") from error

    def close(self) -> None:
        """Hang up."""
        self.connection.close()


def parse_address(text: str) -> Address:
    """Read an address. Raises UsageError if it is none."""
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise UsageError("the address cannot be read", "write https://HOST/PATH") from error
    if scheme not in _PORTS or not host:
        raise UsageError(f"{scheme or 'this'}:// is no address on the web", "write https://HOST/PATH")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError("the address has characters that no address has", "write them as %XX")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else ""
    return Address(scheme, host, port or _PORTS[scheme], target, login)


def ask(address: Address, headers: Mapping[str, str], settings: HttpsSettings) -> Answer:
    """GET an address, through at most `REDIRECTS` redirects; headers and login go no further than to its own host.

    Raises Busy for what may go away, SourceError for what will not. The caller closes the answer.
    """
    here, asked = address, address
    for _ in range(REDIRECTS + 1):
        check_plain(here, settings)
        own = here.origin == asked.origin
        answer = _get(here, _headers(here if own else here._replace(login=""), headers), asked.host, settings)
        if answer.status in AGAIN:
            wait = retry_after(answer.headers.get("Retry-After", ""), time.time())
            answer.close()
            raise Busy(f"{here} answers {answer.status}", wait)
        if answer.status not in _MOVED:
            return answer
        answer.close()
        here = _next(here, answer.headers.get("Location", ""))
    raise SourceError(f"{asked} leads through more than {REDIRECTS} redirects", "name the address that it ends at")


def _headers(address: Address, headers: Mapping[str, str]) -> dict[str, str]:
    sent = {"User-Agent": f"weighbridge/{__version__}", "Accept-Encoding": "identity", "Accept": "*/*", **headers}
    if address.login:
        sent["Authorization"] = "Basic " + base64.b64encode(address.login.encode()).decode()
    return sent


def _next(here: Address, location: str) -> Address:
    whole = f"{here.scheme}://{f'[{here.host}]' if ':' in here.host else here.host}:{here.port}{here.target}"
    try:
        there = parse_address(urljoin(whole, location)) if location else None
    except (UsageError, ValueError) as error:
        raise SourceError(f"{here} redirects to what is no address", "name the address that it should be") from error
    if there is None:
        raise SourceError(f"{here} redirects to nowhere", "name the address that it should be")
    if here.scheme == "https" and there.scheme == "http":
        raise SourceError(f"{here} redirects to {there}, without encryption", "name an address that stays with https")
    # A login that a server writes into a redirect is nobody's.
    return there._replace(login=here.login if here.origin == there.origin else "")


def check_plain(address: Address, settings: HttpsSettings) -> None:
    """Raise SourceError for an address without encryption that is not on this machine or in the settings."""
    if address.scheme == "https" or address.host in settings.plain_http or is_loopback(address.host):
        return
    mend = f"use https, or add {address.host!r} to [https] plain_http if its network is trusted"
    raise SourceError(f"{address} is not encrypted: anybody on the way could change it", mend)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, by its name or address alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reachable(host: str, port: int, asked: str, settings: HttpsSettings) -> list[str]:
    """The numeric addresses of a host.

    A host that somebody redirected to may not lead into the own network; the one that was `asked` for may.
    Raises SourceError for one that does, Busy if it has no address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Busy(f"{host} has no address: {_reason(error)}") from error
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for number in numbers:
        check_public(host, number, asked, settings)
    return numbers


def check_public(host: str, number: str, asked: str, settings: HttpsSettings) -> None:
    """Raise SourceError if a host that was redirected to has a `number` in a private network. Names are no numbers."""
    if host == asked or host in settings.private_hosts:
        return
    try:
        address = ipaddress.ip_address(number.partition("%")[0])
    except ValueError:
        return
    mapped = getattr(address, "ipv4_mapped", None)
    if not (mapped or address).is_global or address.is_multicast:
        mend = f"add {host!r} to [https] private_hosts if this is right"
        raise SourceError(f"{asked} redirects to {host}, which is {number} in a private network", mend)


def proxy_of(address: Address) -> str:
    """The proxy of the environment that stands before an address, or nothing."""
    if is_loopback(address.host) or proxy_bypass(address.host):
        return ""
    proxies = getproxies()
    return proxies.get(address.scheme) or proxies.get("all", "")


def _get(address: Address, headers: Mapping[str, str], asked: str, settings: HttpsSettings) -> Answer:
    connection = _connect(address, asked, settings)
    try:
        connection.request("GET", _target(address, connection), headers=dict(headers))
        body = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            cause = f"{address} does not prove who it is: {error.verify_message}"
            raise SourceError(cause, "check the address; a certificate of your own goes into SSL_CERT_FILE") from error
        raise Busy(f"{address} does not answer: {_reason(error)}") from error
    return Answer(address, body.status, body.headers, body, connection, time.monotonic())


def _target(address: Address, connection: http.client.HTTPConnection) -> str:
    if address.scheme == "http" and not isinstance(connection, _Straight):
        host = f"[{address.host}]" if ":" in address.host else address.host
        return f"http://{host}:{address.port}{address.target}"  # a proxy wants it whole
    return address.target


class _Straight(http.client.HTTPConnection):
    """A connection to the addresses that were looked at, and to no others."""

    def __init__(self, address: Address, numbers: list[str], context: ssl.SSLContext | None) -> None:
        super().__init__(address.host, address.port, timeout=SECONDS)
        self._numbers = numbers
        self._context = context

    def connect(self) -> None:
        problem: OSError = OSError("it has no address")
        for number in self._numbers:
            try:
                plain = socket.create_connection((number, self.port), timeout=SECONDS)
            except OSError as error:
                problem = error
                continue
            try:
                self.sock = self._context.wrap_socket(plain, server_hostname=self.host) if self._context else plain
            except BaseException:
                plain.close()
                raise
            return
        raise problem


def _connect(address: Address, asked: str, settings: HttpsSettings) -> http.client.HTTPConnection:
    context = ssl.create_default_context() if address.scheme == "https" else None
    proxy = proxy_of(address)
    if not proxy:
        return _Straight(address, reachable(address.host, address.port, asked, settings), context)
    check_public(address.host, address.host, asked, settings)
    via = parse_address(proxy if "://" in proxy else f"http://{proxy}")
    login = {"Proxy-Authorization": "Basic " + base64.b64encode(via.login.encode()).decode()} if via.login else {}
    if context is None:
        return http.client.HTTPConnection(via.host, via.port, timeout=SECONDS)
    connection = http.client.HTTPSConnection(via.host, via.port, timeout=SECONDS, context=context)
    connection.set_tunnel(address.host, address.port, login)
    return connection


def retry_after(value: str, now: float) -> float:
    """Seconds that a Retry-After header asks for, by number or by date; -1 if it asks for nothing."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return -1.0


def pause(tries: int, wanted: float, sleep: Callable[[float], None]) -> None:
    """Wait before the next try: what the server wants, else longer each time; never exactly as long as everybody else.

    Raises Busy if the server wants more than `LONGEST_WAIT`.
    """
    if wanted > LONGEST_WAIT:
        raise Busy(f"the server wants to be left alone for {wanted:.0f} seconds", wanted)
    wait = wanted if wanted >= 0 else min(0.5 * 2**tries, 16.0)
    sleep(wait + random.uniform(0, 0.25) * max(wait, 1.0))  # noqa: S311 -- nobody has to be unable to guess it


def rest(seconds: float) -> None:
    """Wait."""
    time.sleep(seconds)


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or type(error).__name__)
