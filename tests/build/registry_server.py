"""A small registry in this process that follows the distribution specification, and breaks it where a test says so.

    with serving(referrers_api=True) as registry:
        registry.host                                   # 127.0.0.1:PORT
        registry.faults.append(Fault("PATCH", cut_after=1000))

It checks digests, the order of chunks and tokens as strict registries do. It keeps everything in memory.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MAX_MANIFEST = 4 * 1024 * 1024


@dataclass
class Fault:
    """What goes wrong with requests of `method` whose path matches, `times` times.

    `cut_after`: close the connection after so many bytes of the request's body (PATCH, PUT) or of the answer's (GET).
    `status`: answer this instead. `flip`: change the answer's byte at this place. `claim`: say this Content-Length.
    `content_type`: say this one. `slow`: wait so many seconds. `forget`: know the upload no more.
    """

    method: str
    path: str = ""
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int = -1
    after_work: bool = False
    flip: int = -1
    claim: int = -1
    content_type: str = ""
    slow: float = 0
    forget: bool = False


class Registry:
    """The content, the switches, and what was asked."""

    def __init__(self, **switches: Any) -> None:
        self.referrers_api = True
        self.absolute_locations = False
        self.mounts = True
        self.least_chunk = 0
        self.most_body = 0
        self.login = ""
        """"", "basic", "bearer" or "acr"."""
        self.user, self.password, self.identity = "ada", "secret:word", ""
        self.token_seconds = 300
        self.redirect_blobs = ""
        self.page = 0
        self.deletes = True
        for name, value in switches.items():
            assert hasattr(self, name), name
            setattr(self, name, value)
        self.blobs: dict[str, dict[str, bytes]] = {}
        self.manifests: dict[str, dict[str, tuple[str, bytes]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.uploads: dict[str, bytearray] = {}
        self.faults: list[Fault] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.tokens: dict[str, tuple[set[str], float]] = {}
        self.lock = threading.RLock()
        self.host = ""
        self.scheme = "http"

    def fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.method == method and re.search(fault.path, path) and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    def count(self, method: str, path: str = "") -> int:
        return sum(asked == method and bool(re.search(path, at)) for asked, at, _ in self.asked)


@contextlib.contextmanager
def serving(*, tls: Any = None, address: str = "127.0.0.1", **switches: Any):
    registry = Registry(**switches)
    server = _Server((address, 0), _Handler)
    server.registry = registry
    registry.host = f"{'localhost' if tls else address}:{server.server_address[1]}"
    if tls is not None:
        registry.scheme = "https"
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    registry: Registry

    def handle_error(self, request, client_address):
        """Connections that clients close are part of the tests."""


class _Cut(Exception):
    pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 64 * 1024
    server: _Server

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (_Cut, ConnectionError, BrokenPipeError):
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.wfile.flush()
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

    def __getattr__(self, name: str):
        if name.startswith("do_"):
            return self._do
        raise AttributeError(name)

    def _do(self) -> None:
        registry = self.server.registry
        self.url = urllib.parse.urlsplit(self.path)
        self.query = {key: values[-1] for key, values in urllib.parse.parse_qs(self.url.query).items()}
        registry.asked.append((self.command, self.path, dict(self.headers)))
        self.fault = registry.fault(self.command, self.path)
        self.left = int(self.headers.get("Content-Length") or 0)
        self.read_so_far = 0
        if self.fault and self.fault.slow:
            time.sleep(self.fault.slow)
        if self.fault and self.fault.status and not self.fault.after_work:
            self._body()
            self._reply(self.fault.status, b"", self.fault.headers)
            return
        path = self.url.path
        if path in ("/token", "/oauth2/token", "/oauth2/exchange"):
            self._login(path)
            return
        if not self._let_in():
            return
        for pattern, name in (
            (r"/v2/", "root"),
            (r"/v2/_catalog", "catalog"),
            (r"/v2/(.+)/tags/list", "list"),
            (r"/v2/(.+)/referrers/([^/]+)", "referrers"),
            (r"/v2/(.+)/manifests/([^/]+)", "manifest"),
            (r"/v2/(.+)/blobs/uploads/", "start"),
            (r"/v2/(.+)/blobs/uploads/([^/]+)", "upload"),
            (r"/v2/(.+)/blobs/([^/]+)", "blob"),
        ):
            if found := re.fullmatch(pattern, path):
                with registry.lock if name not in ("upload", "blob") else contextlib.nullcontext():
                    getattr(self, f"_{name}")(*found.groups())
                return
        self._error(404, "NOT_KNOWN")

    # Answers

    def _reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        fault = self.fault
        if fault and fault.after_work and fault.status:
            status, body, headers, self.fault = fault.status, b"", fault.headers, None
            fault = None
        elif fault and fault.after_work:
            raise _Cut
        headers = dict(headers or {})
        if fault and fault.content_type:
            headers["Content-Type"] = fault.content_type
        if fault and 0 <= fault.flip < len(body):
            body = body[: fault.flip] + bytes((body[fault.flip] ^ 1,)) + body[fault.flip + 1 :]
        size = int(headers.pop("Content-Length", len(body)))
        if fault and fault.claim >= 0:
            size = fault.claim
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault and fault.cut_after >= 0 and self.command == "GET":
            self.wfile.write(body[: fault.cut_after])
            raise _Cut
        self.wfile.write(body[:size])
        if size > len(body):
            raise _Cut

    def _error(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
        self._reply(status, body, {"Content-Type": "application/json", **(headers or {})})

    def _json(self, document: Any, headers: dict[str, str] | None = None) -> None:
        self._reply(200, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _pieces(self):
        while self.left:
            most = min(65536, self.left)
            if self.fault and self.fault.cut_after >= 0 and not self.fault.after_work:
                most = min(most, self.fault.cut_after - self.read_so_far)
                if most <= 0:
                    raise _Cut
            piece = self.rfile.read1(most)
            if not piece:
                raise _Cut
            self.left -= len(piece)
            self.read_so_far += len(piece)
            yield piece

    def _body(self) -> bytes:
        return b"".join(self._pieces())

    # Logging in

    def _let_in(self) -> bool:
        registry = self.server.registry
        given = self.headers.get("Authorization", "")
        if not registry.login:
            return True
        if registry.login == "basic":
            good = given == "Basic " + base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
            challenge = 'Basic realm="registry"'
        else:
            allowed, until = registry.tokens.get(given.removeprefix("Bearer "), (set(), 0.0))
            needed = self._needed()
            good = time.monotonic() < until and needed <= allowed
            path = "oauth2/token" if registry.login == "acr" else "token"
            scope = " ".join(sorted(needed))
            realm = f"{registry.scheme}://{registry.host}/{path}"
            challenge = f'Bearer realm="{realm}",service="{registry.host}",scope="{scope}"'
        if not good:
            with contextlib.suppress(_Cut):
                self._body()
            self._error(401, "UNAUTHORIZED", {"WWW-Authenticate": challenge})
        return good

    def _needed(self) -> set[str]:
        found = re.match(r"/v2/(.+)/(?:tags|manifests|blobs|referrers)/", self.url.path)
        if found is None:
            return {"registry:catalog:*"}
        action = "pull" if self.command in ("GET", "HEAD") else "delete" if self.command == "DELETE" else "push"
        if "/uploads/" in self.url.path:
            action = "push"
        needed = {f"repository:{found[1]}:{action}"}
        return needed | ({f"repository:{self.query['from']}:pull"} if "from" in self.query else set())

    def _login(self, path: str) -> None:
        registry = self.server.registry
        if self.command == "POST":
            form = {key: values[-1] for key, values in urllib.parse.parse_qs(self._body().decode()).items()}
        else:
            form = {key: " ".join(values) for key, values in urllib.parse.parse_qs(self.url.query).items()}
        if path == "/oauth2/exchange":
            if (
                form.get("grant_type") != "access_token"
                or form.get("access_token") != "entra"
                or registry.login != "acr"
            ):
                self._error(401, "UNAUTHORIZED")
                return
            registry.identity = f"identity-{uuid.uuid4().hex}"
            self._json({"refresh_token": registry.identity})
            return
        basic = "Basic " + base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        by_identity = bool(registry.identity) and form.get("refresh_token") == registry.identity
        by_password = self.command == "GET" and self.headers.get("Authorization") == basic
        if not (by_identity or by_password) or form.get("service") != registry.host:
            self._error(401, "UNAUTHORIZED")
            return
        allowed = set()
        for scope in form.get("scope", "").split():
            kind, name, actions = scope.split(":")
            allowed |= {f"{kind}:{name}:{action}" for action in actions.split(",")}
        token = uuid.uuid4().hex
        registry.tokens[token] = (allowed, time.monotonic() + registry.token_seconds)
        self._json(
            {"access_token" if by_identity else "token": token, "expires_in": max(int(registry.token_seconds), 1)}
        )

    # The specification

    def _root(self) -> None:
        self._json({})

    def _catalog(self) -> None:
        self._paged("repositories", sorted({*self.server.registry.manifests}))

    def _list(self, name: str) -> None:
        if name not in self.server.registry.manifests:
            self._error(404, "NAME_UNKNOWN")
            return
        self._paged("tags", sorted(self.server.registry.tags.get(name, {})), name=name)

    def _paged(self, key: str, names: list[str], **more: str) -> None:
        page, last = self.server.registry.page, self.query.get("last", "")
        rest = [name for name in names if name > last]
        shown = rest[:page] if page else rest
        headers = {}
        if len(shown) < len(rest):
            headers["Link"] = f'<{self.url.path}?last={urllib.parse.quote(shown[-1])}>; rel="next"'
        self._json({key: shown, **more}, headers)

    def _referrers(self, name: str, digest: str) -> None:
        registry = self.server.registry
        if not registry.referrers_api:
            self._error(404, "NOT_KNOWN")
            return
        entries = []
        for found, (media_type, raw) in registry.manifests.get(name, {}).items():
            document = json.loads(raw)
            if (document.get("subject") or {}).get("digest") != digest:
                continue
            entries.append(
                {
                    "mediaType": media_type,
                    "digest": found,
                    "size": len(raw),
                    "artifactType": document.get("artifactType") or document["config"]["mediaType"],
                    "annotations": document.get("annotations", {}),
                }
            )
        wanted = self.query.get("artifactType")
        headers = {"Content-Type": INDEX}
        if wanted:
            entries = [entry for entry in entries if entry["artifactType"] == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        start = int(self.query.get("start", 0))
        if registry.page and len(entries) > start + registry.page:
            more = urllib.parse.urlencode({**self.query, "start": start + registry.page})
            headers["Link"] = f'<{self.url.path}?{more}>; rel="next"'
            entries = entries[: start + registry.page]
        body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries[start:]}).encode()
        self._reply(200, body, headers)

    def _manifest(self, name: str, reference: str) -> None:
        registry = self.server.registry
        kept, tags = registry.manifests.get(name, {}), registry.tags.get(name, {})
        if self.command == "PUT":
            self._put_manifest(name, reference)
            return
        digest = reference if ":" in reference else tags.get(reference, "")
        if digest not in kept:
            self._error(404, "MANIFEST_UNKNOWN")
        elif self.command == "DELETE":
            if not registry.deletes:
                self._error(405, "UNSUPPORTED")
                return
            del kept[digest]
            for tag in [tag for tag, named in tags.items() if named == digest]:
                del tags[tag]
            self._reply(202)
        else:
            media_type, raw = kept[digest]
            self._reply(200, raw, {"Content-Type": media_type, "Docker-Content-Digest": digest})

    def _put_manifest(self, name: str, reference: str) -> None:
        registry = self.server.registry
        raw = self._body()
        if len(raw) > MAX_MANIFEST:
            self._error(413, "SIZE_INVALID")
            return
        document = json.loads(raw)
        media_type = self.headers.get("Content-Type", "")
        digest = f"sha256:{hashlib.sha256(raw).hexdigest()}"
        if document.get("mediaType", media_type) != media_type or (":" in reference and reference != digest):
            self._error(400, "MANIFEST_INVALID")
            return
        blobs = registry.blobs.get(name, {})
        for blob in (*document.get("layers", ()), *([document["config"]] if "config" in document else [])):
            if blob["digest"] not in blobs:
                self._error(404, "MANIFEST_BLOB_UNKNOWN")
                return
        registry.manifests.setdefault(name, {})[digest] = (media_type, raw)
        if ":" not in reference:
            registry.tags.setdefault(name, {})[reference] = digest
        headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
        if registry.referrers_api and document.get("subject"):
            headers["OCI-Subject"] = document["subject"]["digest"]
        self._reply(201, b"", headers)

    def _start(self, name: str) -> None:
        registry = self.server.registry
        mounted = self.query.get("mount", "")
        there = registry.blobs.get(self.query.get("from", ""), {})
        if mounted in there and registry.mounts:
            registry.blobs.setdefault(name, {})[mounted] = there[mounted]
            self._reply(201, b"", {"Location": f"/v2/{name}/blobs/{mounted}"})
            return
        session = uuid.uuid4().hex
        registry.uploads[session] = bytearray()
        headers = {"Location": self._location(name, session)}
        if registry.least_chunk:
            headers["OCI-Chunk-Min-Length"] = str(registry.least_chunk)
        self._reply(202, b"", headers)

    def _location(self, name: str, session: str) -> str:
        registry = self.server.registry
        path = f"/v2/{name}/blobs/uploads/{session}?state={len(registry.uploads[session])}"
        return f"{registry.scheme}://{registry.host}{path}" if registry.absolute_locations else path

    def _upload(self, name: str, session: str) -> None:
        registry = self.server.registry
        if self.fault and self.fault.forget:
            registry.uploads.pop(session, None)
        got = registry.uploads.get(session)
        if got is None:
            self.close_connection = True
            self._error(404, "BLOB_UPLOAD_UNKNOWN")
        elif self.command == "GET":
            self._reply(204, b"", self._range(name, session))
        elif self.command == "DELETE":
            del registry.uploads[session]
            self._reply(204)
        elif registry.most_body and self.left > registry.most_body:
            self.close_connection = True
            self._error(413, "SIZE_INVALID")
        elif self.command == "PATCH":
            first = self.headers.get("Content-Range", f"{len(got)}-").partition("-")[0]
            if int(first) != len(got):
                self._body()
                self._error(416, "RANGE_INVALID")
                return
            for piece in self._pieces():
                got += piece
            self._reply(202, b"", self._range(name, session))
        elif self.command == "PUT":
            got += self._body()
            digest = self.query.get("digest", "")
            if f"sha256:{hashlib.sha256(got).hexdigest()}" != digest:
                self._error(400, "DIGEST_INVALID")
                return
            registry.blobs.setdefault(name, {})[digest] = bytes(got)
            del registry.uploads[session]
            self._reply(201, b"", {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})
        else:
            self._error(405, "UNSUPPORTED")

    def _range(self, name: str, session: str) -> dict[str, str]:
        size = len(self.server.registry.uploads[session])
        return {"Location": self._location(name, session), "Range": f"0-{max(size - 1, 0)}"}

    def _blob(self, name: str, digest: str) -> None:
        registry = self.server.registry
        content = registry.blobs.get(name, {}).get(digest)
        if content is None:
            self._error(404, "BLOB_UNKNOWN")
            return
        if registry.redirect_blobs and self.command == "GET":
            self._reply(307, b"", {"Location": f"{registry.redirect_blobs}/v2/{name}/blobs/{digest}"})
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        headers = {"Content-Type": "application/octet-stream", "Docker-Content-Digest": digest}
        if wanted and int(wanted[1]) < len(content):
            start = int(wanted[1])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._reply(206, content[start:], headers)
        else:
            self._reply(200, content, headers)
