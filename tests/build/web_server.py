"""A server on this machine whose answers are steps of a test, one for each request."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTENT = bytes(range(256)) * 400


class Served:
    """A server whose answers are a list of steps, one for each request; the last one stays."""

    def __init__(self) -> None:
        self.steps: list[Callable[[Any], None]] = [plain()]
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/dir/model.bin"


@contextmanager
def serving() -> Iterator[Served]:
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            served.seen.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
            step = served.steps.pop(0) if len(served.steps) > 1 else served.steps[0]
            step(self)
            self.close_connection = True

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), Handler)
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(status: int, headers: dict[str, str], body: bytes = b"") -> Callable[[Any], None]:
    def step(handler: Any) -> None:
        handler.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            for one in value.split("|"):
                if one:
                    handler.send_header(key, one)
        handler.end_headers()
        handler.wfile.write(body)

    return step


def plain(content: bytes = CONTENT, etag: str = '"v1"', cut: int = -1, declared: int = -1) -> Callable[[Any], None]:
    """The file, with ranges if the ETag still holds; `cut` bytes of the answer come."""

    def step(handler: Any) -> None:
        asked = handler.headers.get("Range", "")
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, end = int(first or 0), int(last or len(content) - 1) + 1
        condition = handler.headers.get("If-Range")
        if condition is not None and condition != etag:
            asked, start, end = "", 0, len(content)
        if start >= len(content):
            return answer(416, {"Content-Range": f"bytes */{len(content)}"})(handler)
        headers = {"ETag": etag} if etag else {}
        body = content[start:end]
        headers["Content-Length"] = str(declared if declared >= 0 else len(body))
        if asked:
            headers["Content-Range"] = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
        answer(206 if asked else 200, headers, body if cut < 0 else body[:cut])(handler)
        return None

    return step


def redirect(location: str) -> Callable[[Any], None]:
    return answer(302, {"Location": location})
