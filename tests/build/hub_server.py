"""A Hub of our own: the part of its HTTP API that a download needs, on this machine, with every way to misbehave.

Model info, tree with pages, `resolve` that redirects files of Git LFS to a storage on another origin, ranges, ETags. What
it does wrong is set for each test on `Misbehaviour`. It answers as the public API does; xet is not spoken.
"""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "a" * 40
LARGE = 1000
"""Bytes from which on a file is stored by Git LFS."""


def blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def pointer(content: bytes) -> bytes:
    oid = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n".encode()


@dataclass
class Misbehaviour:
    """What goes wrong. Each list of statuses is used up, one for each request of its kind."""

    info: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    file: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    storage: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    """Bytes after which the storage hangs up, one for each request."""
    after_cut: int = 0
    """The status that everything is answered with once the storage hung up."""
    declared: int = 0
    """Added to each Content-Length of the storage."""
    swap: dict[str, bytes] = field(default_factory=dict)
    """Served instead of the content of a path."""
    ranges: bool = True
    redirect: str = ""
    """Where the storage really is: redirected to instead."""
    gated: bool = False
    token: str = ""
    """The token without which nothing is had."""
    encoding: str = ""
    slow: float = 0.0
    """Seconds between two pieces of a file."""
    piece: int = 65536
    overrides: dict[str, Any] = field(default_factory=dict)
    """Fields of the model info."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    """Further entries of the tree, as they are."""
    endless: bool = False
    """Every page of the tree leads to another one."""
    move_to: str = ""
    """The commit that the branch moves to once it was resolved."""


@dataclass
class Seen:
    """One request."""

    origin: str
    method: str
    path: str
    headers: dict[str, str]


class Hub:
    """One model, or a data set (`datasets/ORG/NAME`), on two servers: the hub, and the storage of its large files."""

    def __init__(self, name: str, files: dict[str, bytes]) -> None:
        self.path = name
        self.name = name.removeprefix("datasets/")
        self.files = dict(files)
        self.wrong = Misbehaviour()
        self.seen: list[Seen] = []
        self.branch = COMMIT
        self.api = _server(self, "hub")
        self.storage = _server(self, "storage")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.api.server_address[1]}"

    @property
    def storage_endpoint(self) -> str:
        return f"http://localhost:{self.storage.server_address[1]}"

    def paths(self, origin: str) -> list[str]:
        return [seen.path for seen in self.seen if seen.origin == origin]

    def served(self, path: str) -> bytes:
        return self.wrong.swap.get(path, self.files[path])

    def info(self) -> dict[str, Any]:
        return {
            "id": self.name,
            "sha": self.branch,
            "author": self.name.partition("/")[0],
            "createdAt": "2024-01-02T03:04:05.000Z",
            "lastModified": "2024-02-03T04:05:06.000Z",
            "private": False,
            "gated": "manual" if self.wrong.gated else False,
            "disabled": False,
            "downloads": 12,
            "tags": ["safetensors", "license:mit"],
            "cardData": {"license": "mit"},
            "library_name": "transformers",
            "siblings": [{"rfilename": path} for path in self.files],
            **self.wrong.overrides,
        }

    def tree(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = [{"type": "directory", "path": "sub", "oid": "b" * 40, "size": 0}]
        for path, content in self.files.items():
            entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob_id(content)}
            if len(content) >= LARGE:
                text = pointer(content)
                entry["oid"] = blob_id(text)
                entry["lfs"] = {
                    "oid": hashlib.sha256(content).hexdigest(),
                    "size": len(content),
                    "pointerSize": len(text),
                }
            entry["securityFileStatus"] = {"status": "safe", "avScan": {}, "pickleImportScan": None}
            found.append(entry)
        return found + self.wrong.entries


@contextmanager
def hub(name: str, files: dict[str, bytes]) -> Iterator[Hub]:
    made = Hub(name, files)
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in (made.api, made.storage)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for server in (made.api, made.storage):
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that hang up are part of the tests."""


def _server(made: Hub, origin: str) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            made.seen.append(Seen(origin, self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            if origin == "storage":
                self.serve(made.wrong.storage, unquote(urlsplit(self.path).path)[1:])
            else:
                self.answer(unquote(urlsplit(self.path).path), urlsplit(self.path).query)

        do_HEAD = do_GET  # noqa: N815 -- the name that the server looks for

        def status(self, code: int, headers: dict[str, str], body: bytes = b"") -> None:
            self.send_response(code)
            for key, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def json(self, value: Any, headers: dict[str, str] | None = None) -> None:
            self.status(200, {"Content-Type": "application/json", **(headers or {})}, json.dumps(value).encode())

        def answer(self, path: str, query: str) -> None:
            wrong = made.wrong
            if wrong.token and self.headers.get("Authorization") != f"Bearer {wrong.token}":
                return self.status(401, {"X-Error-Message": "Invalid credentials"})
            top = f"/api/{made.path}" if made.path != made.name else f"/api/models/{made.name}"
            if path in (top, f"{top}/revision/main", f"{top}/revision/{made.branch}"):
                if wrong.info:
                    return self.status(*wrong.info.pop(0))
                if wrong.overrides.get("raw"):
                    return self.status(200, {}, wrong.overrides["raw"])
                self.json(made.info())
                if wrong.move_to:
                    made.branch = wrong.move_to
                return None
            if path.startswith(f"{top}/tree/"):
                if path != f"{top}/tree/{COMMIT}":
                    return self.status(404, {"X-Error-Code": "RevisionNotFound"})
                tree = made.tree()
                after = f"{made.endpoint}{self.path}&cursor=2"
                if wrong.endless:
                    return self.json([], {"Link": f'<{after}>; rel="next"'})
                if "cursor" in query:
                    return self.json(tree[2:])
                return self.json(tree[:2], {"Link": f'<{after}>; rel="next"'})
            if path.startswith(f"/{made.path}/resolve/{COMMIT}/"):
                if wrong.gated:
                    return self.status(403, {"X-Error-Code": "GatedRepo"})
                name = path.removeprefix(f"/{made.path}/resolve/{COMMIT}/")
                if name not in made.files:
                    return self.status(404, {"X-Error-Code": "EntryNotFound"})
                if len(made.files[name]) >= LARGE:
                    target = wrong.redirect or f"{made.storage_endpoint}/{name}?Signature=secret"
                    return self.status(302, {"Location": target, "X-Repo-Commit": COMMIT})
                return self.serve(wrong.file, name)
            error = "RevisionNotFound" if path.startswith(f"{top}/revision/") else "RepoNotFound"
            return self.status(404, {"X-Error-Code": error})

        def serve(self, failures: list[tuple[int, dict[str, str]]], name: str) -> None:
            wrong = made.wrong
            if failures:
                return self.status(*failures.pop(0))
            content = made.served(name)
            start, code = 0, 200
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"'}
            asked = self.headers.get("Range", "")
            end = len(content)
            if asked.startswith("bytes=") and wrong.ranges:
                first, _, last = asked.removeprefix("bytes=").partition("-")
                start, code = int(first), 206
                end = min(len(content), int(last) + 1 if last else len(content))
                if start >= len(content):
                    return self.status(416, {"Content-Range": f"bytes */{len(content)}"})
                headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            if wrong.encoding:
                headers["Content-Encoding"] = wrong.encoding
            body = content[start:end]
            self.send_response(code)
            self.send_header("Content-Length", str(len(body) + wrong.declared))
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return None
            cut = wrong.cut.pop(0) if wrong.cut else len(body)
            for place in range(0, min(cut, len(body)), wrong.piece):
                self.wfile.write(body[place : min(place + wrong.piece, cut)])
                if wrong.slow:
                    threading.Event().wait(wrong.slow)
            if cut < len(body) or wrong.declared > 0:
                self.close_connection = True
                if wrong.after_cut:
                    failures.extend([(wrong.after_cut, {})] * 9)
            return None

    return _Quiet(("127.0.0.1", 0), Handler)
