"""A webhook and a model endpoint on loopback."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _Serving:
    """A server that asks `answer` for status, headers and body of each POST."""

    def __init__(self, answer: Callable[[str, Any], tuple[int, bytes]]) -> None:
        outer = self
        self.bodies: list[Any] = []
        self.headers: list[Any] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet an answer, sent at once: otherwise each waits 40 ms for an acknowledgement that is late.
            disable_nagle_algorithm = True
            wbufsize = 1 << 16

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.bodies.append(body)
                outer.headers.append(dict(self.headers))
                status, raw = answer(self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Webhook(_Serving):
    """Answers with these status codes in turn, the last one again and again."""

    def __init__(self, statuses: tuple[int, ...]) -> None:
        self._left = list(statuses)
        super().__init__(lambda _path, _body: (self._left.pop(0) if len(self._left) > 1 else self._left[0], b"{}"))


class Model(_Serving):
    """A model: `score` gives the answer to a question by its number, from 1."""

    def __init__(self, score: Callable[[int, Any], Any], *, status: Callable[[int], int] = lambda _: 200) -> None:
        self.count = 0

        def answer(path: str, body: Any) -> tuple[int, bytes]:
            self.count += 1
            if path.endswith("/chat/completions"):
                content = score(self.count, body["messages"][-1]["content"])
                said: Any = {
                    "id": f"c{self.count}",
                    "created": self.count,
                    "choices": [{"message": {"role": "assistant", "content": content}}],
                }
            else:
                said = score(self.count, body)
            return status(self.count), json.dumps(said).encode()

        super().__init__(answer)
