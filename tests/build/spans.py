"""Spans that the real library made: kept in memory, of which a process has one, or received as a collector does."""

from __future__ import annotations

import contextlib
import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from collections.abc import Iterator

SPANS = InMemorySpanExporter()


def keep_spans() -> None:
    """From here on spans of this process are kept, those that were are forgotten."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):  # there is one for a whole process
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(SPANS))
        trace.set_tracer_provider(provider)
    SPANS.clear()


def spans() -> list[ReadableSpan]:
    return list(SPANS.get_finished_spans())


class Received(NamedTuple):
    """What came to a collector: spans with their resources by name, and a header of every request."""

    address: str
    spans: dict[str, Any]
    headers: list[str]


@contextlib.contextmanager
def collector() -> Iterator[Received]:
    """A collector of OTLP over HTTP, until the block ends."""

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    received.spans.update({span.name: (resource.resource, span) for span in scope.spans})
            received.headers.append(self.headers.get("x-collector-key", ""))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as listening:
        received = Received(f"http://127.0.0.1:{listening.server_port}", {}, [])
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield received
        finally:
            listening.shutdown()
