"""An answer that ends early, at whatever byte, is no answer."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from build.slowly import Pauses
from weighbridge.registry.remote import open_wire
from weighbridge.registry.wire import BrokenWire

ANSWER = (
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\nConnection: close\r\nLocation: /v2/net/blobs/uploads/1\r\n\r\nend"
)


@contextlib.contextmanager
def answering(answers: list[bytes]):
    """A server that gives each connection one of the answers and closes it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for answer in answers:
                connection, _ = listener.accept()
                with connection:
                    while not connection.recv(65536).endswith(b"\r\n\r\n"):
                        pass
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_every_beginning_of_an_answer_is_a_broken_wire() -> None:
    answers = [ANSWER[:size] for size in range(len(ANSWER))]
    with answering([*answers, ANSWER]) as host:
        wire = open_wire(host, {}, environ={}, pace=Pauses().pace)

        def ask() -> tuple[int, str, bytes]:
            with wire.stream("GET", "/v2/") as answer:
                return answer.status, answer.headers["Location"], answer.read_all(100)

        for _ in answers:
            with pytest.raises(BrokenWire):
                ask()
        assert ask() == (202, "/v2/net/blobs/uploads/1", b"end")
