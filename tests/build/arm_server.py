"""An Azure of our own on this machine: as much of ARM, Resource Graph, Graph and blob storage as Weighbridge asks.

It answers as the public API does: tokens refused with a 401, lists in pages, long operations, 429 with Retry-After,
Azure's errors. What it refuses is set for each test. Shapes: recorded from the REST reference of each provider.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from weighbridge.azure.clients import Service
from weighbridge.registry.wire import Pace

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Azure:
    """What is there, what was asked, and what goes wrong."""

    host: str = ""
    lists: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Members of a list, by its path in lower case; two on a page."""
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Rows of Resource Graph by the table's name, and the type if there is one."""
    blobs: dict[str, bytes] = field(default_factory=dict)
    seen: list[tuple[str, str]] = field(default_factory=list)
    errors: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """Answers for paths that begin so."""
    busy: int = 0
    expired: int = 0
    """How often a token is refused."""
    operation: list[str] = field(default_factory=lambda: ["InProgress", "Succeeded"])
    next_link: str = ""
    storage: str = ""
    """Where an upload is sent instead of to the storage here."""
    spoils: bool = False
    """The asset that is stored is not the one that was put."""

    def service(self) -> Service:
        tokens = iter(("first", "second", "third"))
        self.token = next(tokens)

        def token(again: bool) -> str:
            if again:
                self.token = next(tokens)
            return self.token

        return Service(self.host, token, Pace(sleep=lambda _: None, clock=lambda: 0.0, chance=lambda: 0.0))


@contextmanager
def azure() -> Iterator[Azure]:
    there = Azure()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def answer(self, status: int, body: Any = None, **headers: str) -> None:
            raw = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("x-ms-correlation-request-id", "11112222")
            self.end_headers()
            self.wfile.write(raw)

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            path, query = unquote(parts.path), parse_qs(parts.query)
            there.seen.append((self.command, path))
            if path.startswith("/storage/"):
                self.blob(path, query, body)
                return
            if there.expired > 0 or not (self.headers.get("Authorization") or "").startswith("Bearer "):
                there.expired -= 1
                said = 'Bearer authorization_uri="https://login.microsoftonline.com/x"'
                self.answer(401, {"error": {"code": "InvalidAuthenticationToken"}}, WWW_Authenticate=said)
                return
            if there.busy > 0:
                there.busy -= 1
                self.answer(429, {"error": {"code": "TooManyRequests"}}, Retry_After="1")
                return
            for begins, (status, error) in there.errors.items():
                if path.lower().startswith(begins.lower()):
                    self.answer(status, {"error": error})
                    return
            getattr(self, f"on_{self.command.lower()}")(path, query, json.loads(body) if body else {})

        def __getattr__(self, name: str) -> Any:
            if name in ("do_GET", "do_PUT", "do_POST"):
                return self.handle_any
            raise AttributeError(name)

        def on_get(self, path: str, query: dict[str, list[str]], _body: Any) -> None:
            key = path.lower()
            if key == "/operations/1":
                state = there.operation.pop(0) if len(there.operation) > 1 else there.operation[0]
                error = {"error": {"code": "Conflict", "message": "no room"}} if state == "Failed" else {}
                self.answer(200, {"status": state, **error})
            elif key in there.objects:
                self.answer(200, there.objects[key])
            elif key in there.lists:
                at = int(query.get("at", ["0"])[0])
                rest = there.lists[key]
                page: dict[str, Any] = {"value": rest[at : at + 2]}
                if at + 2 < len(rest):
                    link = f"http://{there.host}{path}?at={at + 2}"
                    page["nextLink"] = there.next_link or link
                self.answer(200, page)
            else:
                self.answer(404, {"error": {"code": "ResourceNotFound", "message": f"no {path}"}})

        def on_put(self, path: str, _query: Any, body: dict[str, Any]) -> None:
            inner = {**body["properties"], "provisioningState": "Succeeded"}
            if there.spoils:
                inner["properties"] = {}
            there.objects[path.lower()] = {"id": path, "name": path.rpartition("/")[2], "properties": inner}
            self.answer(201, {}, Azure_AsyncOperation=f"http://{there.host}/operations/1")

        def on_post(self, path: str, _query: Any, body: dict[str, Any]) -> None:
            if path.endswith("/startPendingUpload"):
                uri = f"http://{there.host}/storage/container"
                credential = {"credentialType": "SAS", "sasUri": f"{there.storage or uri}?sv=2023&sig=SECRETSIG"}
                blob = {"blobUri": uri, "storageAccountArmId": "/x", "credential": credential}
                self.answer(200, {"blobReferenceForConsumption": blob, "pendingUploadId": "1"})
                return
            table, _, condition = str(body["query"]).removesuffix(" | order by id asc").partition(" | where type =~ ")
            found = there.tables.get(condition.strip("'") or table, [])
            at = int(body["options"].get("$skipToken", "0"))
            page = {"data": found[at : at + 3], "count": len(found[at : at + 3]), "resultTruncated": "false"}
            self.answer(200, {**page, **({"$skipToken": str(at + 3)} if at + 3 < len(found) else {})})

        def blob(self, path: str, query: dict[str, list[str]], body: bytes) -> None:
            if "sig" not in query or path in there.blobs:
                self.answer(409, None, x_ms_error_code="BlobAlreadyExists")
                return
            there.blobs[path] = body
            stamp = "Sun, 29 Nov 2026 00:00:00 GMT"
            self.answer(201, None, ETag='"1"', Last_Modified=stamp, x_ms_request_id="1", x_ms_version="2023-11-03")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
