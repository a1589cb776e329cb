"""The Hub's own client, kept to what it is asked to do.

While we use it: no telemetry, no names of what is installed on this machine, no progress bars; the token goes to the
endpoint and nowhere else; redirects lead neither away from https nor into a private network; answers are not
compressed, and those that are no files are not endless. What it raises becomes a SourceError.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import Any, TypeVar

from weighbridge import __version__
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sources.web import (
    AGAIN,
    REDIRECTS,
    SECONDS,
    TRIES,
    Busy,
    check_plain,
    check_public,
    is_loopback,
    parse_address,
    pause,
    proxy_of,
    reachable,
    rest,
    retry_after,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weighbridge.core.settings import HttpsSettings
    from weighbridge.sources.web import Address

T = TypeVar("T")
MISSING = "pip install 'weighbridge[hub]'"
MOST_ANSWER = 64 * 1024 * 1024
"""Bytes of an answer that is no file: a list of ten thousand files with all that is said of them has ten."""
MOST_CALLS = 20_000
"""Requests of one intake that are for no file: lists come in pages of fifty."""
_QUIET = (
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_PROGRESS_BARS",
    "HF_HUB_DISABLE_XET",
    "HF_HUB_DISABLE_UPDATE_CHECK",
)


class Client(NamedTuple):
    """The client's parts that we use. `endpoint` is the Hub's address; `token` goes into no text whatever."""

    api: Any
    download: Any
    errors: Any
    hub: Any
    endpoint: Address
    sleep: Callable[[float], None]

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with a request for a file."""
        return {"authorization": f"Bearer {self.api.token}"} if self.api.token else {}


def load_client(sleep: Callable[[float], None] = rest) -> Client:
    """Load the client. Raises UsageError if it is not installed."""
    for name in _QUIET:
        os.environ[name] = "1"
    try:
        import huggingface_hub
        from huggingface_hub import constants, errors, file_download
        from huggingface_hub.utils import logging
    except ImportError as error:
        raise UsageError("hf:// needs the Hub's own client, which is not installed", MISSING) from error
    quiet: Callable[[], None] = logging.set_verbosity_error
    quiet()  # its messages quote addresses that are signed
    if constants.is_offline_mode():
        raise SourceError("the Hub may not be asked: HF_HUB_OFFLINE is set", "unset it, or name a folder")
    endpoint = str(constants.ENDPOINT)
    api = huggingface_hub.HfApi(endpoint=endpoint, token=False, library_name="weighbridge")
    return Client(api, file_download, errors, huggingface_hub, parse_address(endpoint), sleep)


@contextmanager
def guarded(client: Client, settings: HttpsSettings) -> Iterator[None]:
    """Watch every request of the client, redirects included, while the block runs; find the token for it."""
    check_plain(client.endpoint, settings)
    session = client.hub.utils.get_session()
    hooks = {kind: list(found) for kind, found in session.event_hooks.items()}
    guard = Guard(client.endpoint, settings)
    redirects = session.max_redirects
    session.event_hooks = {
        "request": [*hooks.get("request", []), guard.request],
        "response": [*hooks.get("response", []), guard.response],
    }
    session.max_redirects = REDIRECTS
    try:
        client.api.token = _token(client) or False
        yield
    finally:
        session.event_hooks = hooks
        session.max_redirects = redirects


def _token(client: Client) -> str:
    """The token of the environment or of the file that logging in wrote; empty if none is to be sent."""
    try:
        return str(client.hub.utils.build_hf_headers().get("authorization", "")).removeprefix("Bearer ")
    except (OSError, ValueError, client.errors.OIDCError) as error:
        cause = f"the Hub's token cannot be had: {type(error).__name__}"
        raise SourceError(cause, "log in again with hf auth login, or set HF_TOKEN") from None


def asked(client: Client, what: str, call: Callable[[], T], *, transfer: bool = False) -> T:
    """Do a call, again if the Hub is busy. Raises SourceError with a sentence for everything that goes wrong.

    With `transfer` the client itself goes on where a connection broke, and is not asked to once more.
    """
    errors = client.errors
    tries = 0
    while True:
        try:
            return call()
        except Busy as busy:
            why, wait = busy.why, busy.wait
        except errors.HfHubHTTPError as error:
            raise _refused(client, what, error) from None
        except errors.HTTPError as error:
            why, wait = f"the connection to the Hub broke: {type(error).__name__}", -1.0
            if transfer:
                raise SourceError(f"{what} cannot be had: {why}", "try again: what came is kept") from None
        except errors.HFValidationError as error:
            raise UsageError(f"{what} is no name of the Hub", "write hf://ORGANISATION/NAME@REVISION") from error
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            cause = f"the Hub answers what cannot be understood about {what}: {type(error).__name__}"
            raise SourceError(cause, "check HF_ENDPOINT") from error
        tries += 1
        why = why if tries >= TRIES else _paused(client, tries, wait)
        if why:
            raise SourceError(f"{what} cannot be had: {why}", "try again later")


def _paused(client: Client, tries: int, wait: float) -> str:
    """Wait; why that would take too long, or nothing."""
    try:
        pause(tries, wait, client.sleep)
    except Busy as busy:
        return busy.why
    return ""


def _refused(client: Client, what: str, error: Any) -> SourceError:
    """Why the Hub refuses, in our words: its own may quote addresses that are signed."""
    errors = client.errors
    status = getattr(error.response, "status_code", 0)
    if isinstance(error, errors.GatedRepoError):
        return SourceError(
            f"{what} is gated: the Hub wants its terms accepted by an account",
            "accept them on its page, and set HF_TOKEN to a token of that account that may read gated repositories",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return SourceError(f"{what} does not have this revision", "name a branch, a tag or a commit that is there")
    if isinstance(error, errors.DisabledRepoError):
        return SourceError(f"{what} was disabled by the Hub", "nobody can have it")
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 404):
        return SourceError(
            f"the Hub does not have {what}, or not for this account ({status})",
            "check the name; for a private one set HF_TOKEN",
        )
    if status == 403:
        return SourceError(f"the Hub does not let this account have {what} (403)", "use a token that may read it")
    return SourceError(f"the Hub answers {status} for {what}", "try again later")


class Guard:
    """What every request and every answer has to keep to."""

    def __init__(self, endpoint: Address, settings: HttpsSettings) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._seen: set[str] = {endpoint.host}
        self._calls = 0

    def request(self, request: Any) -> None:
        """Look at a request before it is sent. Raises SourceError for one that must not be."""
        address = parse_address(str(request.url))
        if address.target.startswith("/api/agent-harnesses"):
            raise SourceError("the Hub's client asks for more than the model", "report this")
        if address.origin != self._endpoint.origin:
            request.headers.pop("authorization", None)
            request.headers.pop("cookie", None)
            if self._endpoint.scheme == "https" and address.scheme == "http":
                raise SourceError(f"the Hub redirects to {address}, without encryption", "nothing was asked for there")
            check_plain(address, self._settings)
        if address.target.startswith("/api/"):
            self._calls += 1
            if self._calls > MOST_CALLS:
                raise SourceError("the list of the Hub's files does not end", "check HF_ENDPOINT")
        if address.host not in self._seen:
            # The client looks the name up again by itself; a name that changes in between is not noticed here.
            private_hub = is_loopback(self._endpoint.host) and is_loopback(address.host)
            if proxy_of(address):
                check_public(address.host, address.host, self._endpoint.host, self._settings)
            elif not private_hub:
                try:
                    reachable(address.host, address.port, self._endpoint.host, self._settings)
                except Busy as busy:
                    raise SourceError(busy.why, "check the network") from busy
            self._seen.add(address.host)
        request.headers["user-agent"] = f"weighbridge/{__version__}; hf_hub"
        request.headers["accept-encoding"] = "identity"
        times = dict(request.extensions.get("timeout") or {})
        limits = {kind: times.get(kind) or SECONDS for kind in ("connect", "read", "write", "pool")}
        request.extensions = {**request.extensions, "timeout": limits}

    def response(self, response: Any) -> None:
        """Look at an answer before its body is read. Raises SourceError for one that must not be read."""
        if response.status_code in AGAIN:
            # The client would wait as long as it is told to; how long we wait is up to us.
            wanted = retry_after(response.headers.get("retry-after", ""), time.time())
            raise Busy(f"the Hub answers {response.status_code}", wanted)
        if response.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise SourceError("the Hub sends compressed answers although it was asked not to", "try again later")
        if response.request.url.path.startswith("/api/"):
            response.stream = _bounded(response.stream, MOST_ANSWER)


def _bounded(stream: Any, most: int) -> Any:
    """A stream of bytes that ends in an error if it is too long."""
    import httpx2

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            left = most
            for piece in stream:
                left -= len(piece)
                if left < 0:
                    raise SourceError("an answer of the Hub does not end", "try again later")
                yield piece

        def close(self) -> None:
            stream.close()

    return Bounded()
