"""Git LFS: what a pointer in the tree stands for, from the folder of a checkout or through the batch API.

    version https://git-lfs.github.com/spec/v1
    oid sha256:<64 hex digits>
    size <bytes>

Where the objects are follows from the address of the repository alone. What `.lfsconfig`, a file of the repository,
says about it is not obeyed. The bytes are checked against the pointer by whoever copies them.
Sources: github.com/git-lfs/git-lfs, docs/spec.md, docs/api/batch.md, docs/api/server-discovery.md.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias
from urllib.parse import urlsplit

from weighbridge.core.errors import FormatError, SourceError
from weighbridge.core.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from http.client import HTTPConnection, HTTPResponse
    from typing import BinaryIO

    from weighbridge.sources.git_address import Address
    from weighbridge.sources.git_program import Git

MAX_POINTER = 1024
"""Bytes; the specification demands fewer."""
BATCH = 100
"""Objects asked for at once, as git-lfs does."""
MAX_ANSWER = 4 * 1024 * 1024
TRIES = 4
MEDIA_TYPE = "application/vnd.git-lfs+json"
_FIRST = (b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/")
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (0|[1-9]\d{0,17})\n?"
)
_SECONDS = 60
_PASSING = (429, 500, 502, 503, 504)


class Pointer(NamedTuple):
    """The object that a pointer stands for."""

    sha256: str
    size: int


def read_pointer(blob: bytes) -> Pointer | None:
    """The pointer that a blob is, or None if it is none.

    Raises FormatError for one that is not written as the specification demands: others might read it as a pointer to
    something else than we do.
    """
    if not blob.startswith(_FIRST) or len(blob) >= MAX_POINTER:
        return None
    found = _POINTER.fullmatch(blob)
    if not found:
        raise FormatError("a Git LFS pointer that is not written as its specification demands", 0)
    return Pointer(found[1].decode(), int(found[2]))


class Readable(Protocol):
    """Bytes, one piece after another."""

    def read(self, size: int, /) -> bytes: ...


Opener: TypeAlias = "Callable[[], AbstractContextManager[Readable]]"


class Lfs(Protocol):
    """A place with objects."""

    def opened(self, pointers: Sequence[Pointer]) -> Iterator[tuple[Pointer, Opener]]:
        """For each pointer what opens its object for reading. Raises SourceError, which names a missing one."""
        ...


class LocalLfs(NamedTuple):
    """The objects that a repository on this machine has: `lfs/objects/ab/cd/abcd…` in its git folder."""

    folder: str

    def opened(self, pointers: Sequence[Pointer]) -> Iterator[tuple[Pointer, Opener]]:
        for pointer in pointers:
            yield pointer, partial(self._open, pointer)

    @contextmanager
    def _open(self, pointer: Pointer) -> Iterator[BinaryIO]:
        name = pointer.sha256
        path = os.path.join(self.folder, "lfs", "objects", name[:2], name[2:4], name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise missing(pointer, "the checkout does not have it") from error
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise missing(pointer, "what has its name in the checkout is no file")
            yield file


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
        for start in range(0, len(pointers), BATCH):
            group = pointers[start : start + BATCH]
            actions = self._batch(group)
            for pointer in group:
                if pointer.size == 0:
                    yield pointer, _nothing
                    continue
                href, headers = _action(actions, pointer)
                yield pointer, partial(self._get, href, headers, pointer)

    def _batch(self, pointers: Sequence[Pointer]) -> dict[str, Any]:
        objects = [{"oid": pointer.sha256, "size": pointer.size} for pointer in pointers]
        body = {"operation": "download", "transfers": ["basic"], "objects": objects, "hash_algo": "sha256"}
        headers = {"Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE, **dict(self.headers)}
        url = f"{self.url}/objects/batch"
        with self._asked("POST", url, json.dumps(body).encode(), headers, "the list of LFS objects") as answer:
            raw = answer.read(MAX_ANSWER + 1)
        try:
            listed = json.loads(raw)["objects"]
            return {str(entry["oid"]): entry for entry in listed}
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            cause = "the LFS server gives an answer that is none"
            raise SourceError(cause, "check the address of the repository") from error

    @contextmanager
    def _get(self, href: str, headers: Mapping[str, str], pointer: Pointer) -> Iterator[HTTPResponse]:
        what = f"the LFS object sha256:{pointer.sha256}"
        if urlsplit(href).scheme != "https" and not _same_host(href, self.url):
            raise SourceError(f"{what} is to be had only without encryption", "ask the server's owner")
        with self._asked("GET", href, None, headers, what) as answer:
            yield answer

    @contextmanager
    def _asked(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], what: str
    ) -> Iterator[HTTPResponse]:
        """An answer of status 200. Redirects are not followed; what may pass by itself is tried again."""
        wait, why, again = self.pause, "", True
        for attempt in range(TRIES):
            if attempt:
                time.sleep(wait)
                wait *= 2
            with ExitStack() as stack:
                try:
                    answer = _ask(_connect(url, self.authorities, stack), method, url, body, headers, stack)
                    why, again = f"the server answers {answer.status}", answer.status in _PASSING
                except (OSError, HTTPException) as error:
                    why, again = str(error) or type(error).__name__, True
                else:
                    if answer.status == 200:
                        try:
                            yield answer
                        except (OSError, HTTPException) as error:
                            raise SourceError(f"{what} broke off: {plain(str(error), 200)}", "try again") from error
                        return
            if not again:
                break
        raise SourceError(f"{what} cannot be had: {plain(why, 200)}", "check that the server has it and lets you read")


def _ask(
    connection: HTTPConnection,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    stack: ExitStack,
) -> HTTPResponse:
    parts = urlsplit(url)
    connection.request(method, f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", body, dict(headers))
    return stack.enter_context(connection.getresponse())


def missing(pointer: Pointer, why: str) -> SourceError:
    """The refusal that names the object."""
    return SourceError(
        f"the LFS object sha256:{pointer.sha256} ({pointer.size} bytes) is missing: {why}",
        "fetch it with git lfs fetch, or ask the owner to push it",
    )


def lfs_of(address: Address, folder: str, tool: Git) -> Lfs:
    """Where the objects of a repository are. `folder` is its git folder if it is on this machine."""
    if address.scheme == "file":
        return LocalLfs(folder)
    authorities = tool.environ.get("SSL_CERT_FILE", "")
    if address.scheme == "ssh":
        return SshLfs(address, tool)
    return RemoteLfs(f"{address.url.removesuffix('.git')}.git/info/lfs", (), authorities)


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
    from http.client import HTTPConnection

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


def _same_host(href: str, url: str) -> bool:
    return urlsplit(href)[:2] == urlsplit(url)[:2]


@contextmanager
def _nothing() -> Iterator[BinaryIO]:
    import io

    yield io.BytesIO(b"")
