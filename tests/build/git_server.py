"""A server for git over HTTP and for Git LFS, which can be told to lie."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


class GitServer:
    """Serves the repositories below `folder`; `answers` replaces the answer to paths that end so, once for each item."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.port = 0
        self.scheme = "http"
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.answers: dict[str, list[tuple[int, dict[str, str], bytes]]] = {}

    @property
    def host(self) -> str:
        return "localhost" if self.scheme == "https" else "127.0.0.1"

    def address(self, name: str) -> str:
        return f"git+{self.scheme}://{self.host}:{self.port}/{name}"

    def lfs_object(self, identity: str) -> str:
        for name in os.listdir(self.folder):
            path = f"{self.folder}/{name}/.git/lfs/objects/{identity[:2]}/{identity[2:4]}/{identity}"
            if os.path.exists(path):
                return path
        return ""

    def batch(self, body: bytes) -> bytes:
        entries: list[dict[str, Any]] = []
        for wanted in json.loads(body)["objects"]:
            if self.lfs_object(wanted["oid"]):
                href = f"{self.scheme}://{self.host}:{self.port}/objects/{wanted['oid']}"
                entries.append({**wanted, "actions": {"download": {"href": href, "header": {"X-Asked": "yes"}}}})
            else:
                entries.append({**wanted, "error": {"code": 404, "message": "Object does not exist"}})
        return json.dumps({"transfer": "basic", "objects": entries}).encode()


@contextmanager
def git_server(folder: str, certificate: str = "") -> Iterator[GitServer]:
    """With `certificate`, a file with a key and its certificate for localhost, over TLS."""
    state = GitServer(folder)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            self._serve(b"")

        def do_POST(self) -> None:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self._serve(body)

        def _serve(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            state.asked.append(path)
            state.headers.append(dict(self.headers))
            for end, answers in state.answers.items():
                if path.endswith(end) and answers:
                    self._say(*answers.pop(0))
                    return
            if path.endswith("/info/lfs/objects/batch"):
                self._say(200, {"Content-Type": "application/vnd.git-lfs+json"}, state.batch(body))
            elif path.startswith("/objects/"):
                with open(state.lfs_object(path.rpartition("/")[2]), "rb") as file:
                    self._say(200, {}, file.read())
            else:
                self._git(path, query, body)

        def _git(self, path: str, query: str, body: bytes) -> None:
            environ = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": state.folder,
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "HTTP_GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "uploadpack.allowFilter",
                "GIT_CONFIG_VALUE_0": "true",
            }
            done = subprocess.run(["git", "http-backend"], input=body, capture_output=True, env=environ, check=False)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            self._say(int(fields.pop("Status", "200").split()[0]), fields, content)

        def _say(self, status: int, fields: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for key, value in fields.items():
                self.send_header(key, value)
            if "Content-Length" not in fields:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_port
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None  # a client that does not trust us hangs up
        state.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
