"""Git LFS objects of a server: asked for through the batch API, read over HTTPS, gone on with where a connection broke.

Where the server is follows from the address of the repository. What `.lfsconfig`, a file of the repository, says about
it is not obeyed, redirects are not followed, and nothing is read without encryption but from this machine.
Sources: github.com/git-lfs/git-lfs, docs/api/batch.md, docs/api/server-discovery.md; RFC 9110, section 14.
"""

from __future__ import annotations

import io
import json
import subprocess
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from weighbridge.core.errors import SourceError
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.sources.lfs import LocalLfs, missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from http.client import HTTPResponse
    from typing import Any

    from weighbridge.sources.git_address import Address
    from weighbridge.sources.git_program import Git
    from weighbridge.sources.lfs import Lfs, Opener, Pointer, Readable

BATCH, BATCH_BYTES = 100, 8 * 1024**3
"""Objects asked for at once, and bytes: the addresses that a server gives are good for some minutes only."""
MAX_ANSWER = 4 * 1024 * 1024
MEDIA_TYPE = "application/vnd.git-lfs+json"
TRIES = 4
"""How often one request is made before it is given up."""
BREAKS = 20
"""How often the connection may break within one object."""
_PASSING = (429, 500, 502, 503, 504)
_SECONDS = 60
_SLOWEST = 50_000
"""Bytes in a second; a server that stays below is left after ten minutes."""


class SshLfs(NamedTuple):
    """A server that is asked over ssh where it has its objects; it is asked only if there is a pointer."""

    address: Address
    tool: Git

    def opened(self, pointers: Sequence[Pointer]) -> Iterator[tuple[Pointer, Opener]]:
        if pointers:
            yield from _through_ssh(self.address, self.tool).opened(pointers)


class RemoteLfs(NamedTuple):
    """A server that speaks the batch API. `headers` hold what it takes as proof of who asks; they are never shown."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    authorities: str = ""
    pause: float = 1.0
    """Seconds before the second try; twice as many before each one after."""

    def opened(self, pointers: Sequence[Pointer]) -> Iterator[tuple[Pointer, Opener]]:
        for group in batches(pointers):
            actions = self._batch(group)
            for pointer in group:
                href, headers = _action(actions, pointer) if pointer.size else ("", {})
                yield pointer, partial(self._object, href, headers, pointer)

    def _batch(self, pointers: Sequence[Pointer]) -> dict[str, Any]:
        objects = [{"oid": pointer.sha256, "size": pointer.size} for pointer in pointers]
        body = {"operation": "download", "transfers": ["basic"], "objects": objects, "hash_algo": "sha256"}
        headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, **dict(self.headers)}
        asking = Asking("POST", f"{self.url}/objects/batch", headers, json.dumps(body).encode())
        with ExitStack() as stack:
            try:
                raw = self.ask(asking, "the list of LFS objects", stack).read(MAX_ANSWER + 1)
                listed = json.loads(raw)["objects"]
                return {str(entry["oid"]): entry for entry in listed}
            except (OSError, HTTPException, ValueError, TypeError, KeyError, RecursionError) as error:
                cause = "the LFS server gives an answer that is none"
                raise SourceError(cause, "check the address of the repository") from error

    @contextmanager
    def _object(self, href: str, headers: Mapping[str, str], pointer: Pointer) -> Iterator[Readable]:
        if not pointer.size:
            yield io.BytesIO(b"")
            return
        what = f"the LFS object sha256:{pointer.sha256}"
        if urlsplit(href).scheme != "https" and urlsplit(href)[:2] != urlsplit(self.url)[:2]:
            raise SourceError(f"{what} is to be had only without encryption", "ask the server's owner")
        with ExitStack() as stack:
            yield _Stream(self, Asking("GET", href, headers, None), what, pointer.size, stack)

    def ask(self, asking: Asking, what: str, stack: ExitStack) -> HTTPResponse:
        """An answer of status 200 or 206. What may pass by itself is tried again; whatever was opened goes to `stack`.

        Raises SourceError with what the server says.
        """
        wait, why = self.pause, ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(wait)
                wait *= 2
            stack.close()
            try:
                answer = asking.sent(_connect(asking.url, self.authorities, stack), stack)
            except (OSError, HTTPException, ValueError) as error:
                why = str(error) or type(error).__name__
                continue
            if answer.status in (200, 206):
                return answer
            why = f"the server answers {answer.status}"
            if answer.status not in _PASSING:
                break
        raise SourceError(f"{what} cannot be had: {plain(why, 200)}", "check that the server has it and lets you read")


class Asking(NamedTuple):
    """One request."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    def sent(self, connection: HTTPConnection, stack: ExitStack) -> HTTPResponse:
        """Send it and give back the answer."""
        parts = urlsplit(self.url)
        target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        connection.request(self.method, target, self.body, dict(self.headers))
        return stack.enter_context(connection.getresponse())


class _Stream:
    """The bytes of one object. If a connection breaks, the rest is asked for with a Range.

    A server that then sends the whole again is heard out, and what is known already is passed over.
    """

    def __init__(self, place: RemoteLfs, asking: Asking, what: str, size: int, stack: ExitStack) -> None:
        self._place = place
        self._asking = asking
        self._what = what
        self._size = size
        self._stack = stack
        self._at = 0
        self._breaks = 0
        self._end = time.monotonic() + 600 + size / _SLOWEST
        self._answer = place.ask(asking, what, stack)

    def read(self, size: int, /) -> bytes:
        while True:
            if time.monotonic() > self._end:
                raise SourceError(f"{self._what} comes too slowly", "try again later")
            try:
                piece = self._answer.read(size)
            except (OSError, HTTPException):
                piece = b""
            if piece or self._at >= self._size:
                self._at += len(piece)
                return piece
            if self._breaks >= BREAKS or not self._resumed():
                return b""

    def _resumed(self) -> bool:
        """Whether there is more to come, after the connection ended too early."""
        self._breaks += 1
        headers = {**self._asking.headers, "Range": f"bytes={self._at}-"}
        self._answer = self._place.ask(self._asking._replace(headers=headers), self._what, self._stack)
        if self._answer.status == 206:
            # What a wrong range would give has another sha256 in the end.
            return True
        left = self._at
        try:
            while left and (passed := self._answer.read(min(left, 1024 * 1024))):
                left -= len(passed)
        except (OSError, HTTPException):
            return False
        return not left


def lfs_of(address: Address, folder: str, tool: Git) -> Lfs:
    """Where the objects of a repository are. `folder` is its git folder if it is on this machine."""
    if address.scheme == "file":
        return LocalLfs(folder)
    authorities = tool.environ.get("SSL_CERT_FILE", "")
    if address.scheme == "ssh":
        return SshLfs(address, tool)
    return RemoteLfs(f"{address.url.removesuffix('.git')}.git/info/lfs", (), authorities)


def batches(pointers: Sequence[Pointer]) -> Iterator[list[Pointer]]:
    """The pointers in groups that are asked for at once."""
    group: list[Pointer] = []
    size = 0
    for pointer in pointers:
        if group and (len(group) >= BATCH or size + pointer.size > BATCH_BYTES):
            yield group
            group, size = [], 0
        group.append(pointer)
        size += pointer.size
    if group:
        yield group


def _through_ssh(address: Address, tool: Git) -> RemoteLfs:
    """Ask over ssh where the objects are and with what right: `git-lfs-authenticate PATH download`."""
    words = tool.environ["GIT_SSH_COMMAND"].split()
    port = ("-p", address.port[1:]) if address.port else ()
    host = f"{address.user}@{address.host}" if address.user else address.host
    command = [*words, *port, "--", host, f"git-lfs-authenticate {address.path} download"]
    try:
        done = subprocess.run(  # noqa: S603 -- a path without quotes and blanks, see git_address
            command, capture_output=True, timeout=_SECONDS, env=tool.environ, check=True, stdin=subprocess.DEVNULL
        )
        answer = json.loads(done.stdout[:MAX_ANSWER])
        href, headers = str(answer["href"]), answer.get("header") or {}
        if urlsplit(href).scheme != "https":
            raise SourceError("the server names LFS objects without encryption", "ask the server's owner")
        return RemoteLfs(href.rstrip("/"), tuple((str(key), str(value)) for key, value in headers.items()))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError, KeyError, AttributeError) as error:
        cause = "the server does not say over ssh where its LFS objects are"
        raise SourceError(cause, "use its git+https:// address") from error


def _action(entries: dict[str, Any], pointer: Pointer) -> tuple[str, dict[str, str]]:
    entry = entries.get(pointer.sha256)
    if not isinstance(entry, dict):
        raise missing(pointer, "the server does not speak of it")
    if isinstance(entry.get("error"), dict):
        raise missing(pointer, f"the server says {plain(str(entry['error'].get('message', '')), 120)!r}")
    if entry.get("size", pointer.size) != pointer.size:
        raise SourceError(
            f"the LFS object sha256:{pointer.sha256} has {plain(str(entry['size']), 30)} bytes at the server, "
            f"{pointer.size} in the pointer",
            "do not use this repository",
        )
    try:
        action = entry["actions"]["download"]
        headers = {str(key): str(value) for key, value in (action.get("header") or {}).items()}
        return str(action["href"]), headers
    except (TypeError, KeyError, AttributeError):
        raise missing(pointer, "the server does not say where it is") from None


def _connect(url: str, authorities: str, stack: ExitStack) -> HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1"):
        connection = HTTPConnection(parts.hostname, parts.port, timeout=_SECONDS)
    elif parts.scheme == "https" and parts.hostname:
        import ssl

        context = ssl.create_default_context(cafile=authorities or None)
        connection = HTTPSConnection(parts.hostname, parts.port, timeout=_SECONDS, context=context)
    else:
        shown = plain(url.partition("?")[0], 120)
        raise SourceError(f"{shown!r} is no address for LFS objects", "ask the server's owner")
    stack.callback(connection.close)
    return connection
