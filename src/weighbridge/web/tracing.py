"""A span of OpenTelemetry around every request, where OTEL_EXPORTER_OTLP_ENDPOINT says where spans go; else nothing."""

from __future__ import annotations

import os
from contextlib import contextmanager

from weighbridge.core.errors import UsageError
from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Scope

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def begin_tracing() -> bool:
    """Have spans sent, if the environment says where to. Raises UsageError if the libraries are not there."""
    if not os.environ.get(ENDPOINT):
        return False
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise UsageError(
            f"{ENDPOINT} is set, and traces need OpenTelemetry", "pip install 'weighbridge[otel]'"
        ) from None
    provider = TracerProvider(resource=Resource.create({"service.name": "weighbridge"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return True


@contextmanager
def span_of(scope: Scope, number: str) -> Iterator[Callable[[str, int], None]]:
    """A span of one request; what it gives is told the route and the status at the end."""
    if not os.environ.get(ENDPOINT):
        yield lambda _route, _status: None
        return
    from opentelemetry import propagate, trace

    carried = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    tracer = trace.get_tracer("weighbridge")
    with tracer.start_as_current_span("request", propagate.extract(carried), trace.SpanKind.SERVER) as span:

        def ended(route: str, status: int) -> None:
            span.update_name(f"{scope['method']} {route}")
            span.set_attributes(
                {
                    "http.request.method": scope["method"],
                    "http.route": route,
                    "http.response.status_code": status,
                    "weighbridge.request": number,
                }
            )

        yield ended
