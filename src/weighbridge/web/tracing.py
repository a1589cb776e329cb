"""Spans of OpenTelemetry, where OTEL_EXPORTER_OTLP_ENDPOINT says where they go; else nothing.

Around every request:

    name         METHOD ROUTE, as `POST /v1/admit`; kind server; the parent is that of `traceparent`
    status       error for 500 and above; what went wrong is said to the caller and in the log, never here
    attributes   http.request.method (`_OTHER` if it is none that HTTP knows), http.route, http.response.status_code,
                 weighbridge.request (the X-Request-Id of the answer), and what a handler adds with `on_span`:
                 weighbridge.decision, weighbridge.stage, weighbridge.intake

Around every try of an intake, in the worker that does it:

    name         `intake`; kind consumer; the parent is the span of the request that submitted it
    status       error if it failed, is to be tried again, or was lost
    attributes   weighbridge.intake, weighbridge.stage, weighbridge.try (1 is the first),
                 weighbridge.waited (seconds from its submission to its first try),
                 weighbridge.state (done, refused, failed, cancelled, again, given back, lost)

Nothing of what was sent is in a span: no path, no query, no header, no name of a model or a source. Tokens, cookies and
signed addresses travel in all of these.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.requests import Request
    from starlette.types import Scope

    from weighbridge.index.jobs import Job

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TOLD = "weighbridge.traced"
"""Where a request's scope keeps what its handler adds to the span."""
PATIENCE = 4.0
"""Seconds for the last spans."""
UNDONE = frozenset(("failed", "again", "lost"))
"""What becomes of an intake that makes its span an error: a refusal is an answer."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE")
MISSING = f"{ENDPOINT} is set, and no traces are sent: pip install 'weighbridge[otel]'"


def begin_tracing() -> str:
    """Have spans sent, if the environment says where to; a sentence if that cannot be done, else nothing.

    The gate does not depend on it: whoever watches is told, and everybody is answered.
    """
    if not os.environ.get(ENDPOINT):
        return ""
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return MISSING
    provider = TracerProvider(resource=Resource.create({"service.name": "weighbridge"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return ""


def end_tracing() -> None:
    """Send what was not sent yet, for as long as somebody who stops a server may be made to wait."""
    if not os.environ.get(ENDPOINT) or "opentelemetry.sdk.trace" not in sys.modules:
        return
    from opentelemetry import trace

    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        sending = threading.Thread(target=flush, daemon=True)
        sending.start()
        sending.join(PATIENCE)


def on_span(request: Request, **told: str) -> None:
    """Add to the span of a request, if it has one. Only words of ours: what a stranger sent has no place there."""
    request.scope.setdefault(TOLD, {}).update({f"weighbridge.{name}": text for name, text in told.items()})


def trace_here() -> str:
    """The span around this moment as `traceparent` has it, for whoever goes on later; empty if there is none."""
    if not os.environ.get(ENDPOINT):
        return ""
    try:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        return ""
    carried: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carried)
    return carried.get("traceparent", "")


@contextmanager
def span_of_intake(job: Job) -> Iterator[Callable[[str], None]]:
    """A span of one try of an intake; what it gives is told at the end what became of it."""
    if not os.environ.get(ENDPOINT):
        yield lambda _: None
        return
    try:
        from opentelemetry import context, trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        yield lambda _: None
        return
    # Nothing of this process is a parent: a worker has no other spans, and one that was left open would be wrong.
    asked_in = TraceContextTextMapPropagator().extract({"traceparent": job.trace}, context.Context())
    around = trace.get_tracer("weighbridge").start_as_current_span(
        "intake", asked_in, trace.SpanKind.CONSUMER, record_exception=False, set_status_on_exception=False
    )
    with around as span:
        span.set_attributes(
            {
                "weighbridge.intake": job.id,
                "weighbridge.stage": job.stage,
                "weighbridge.try": job.attempts,
                "weighbridge.waited": round(job.started_at - job.submitted_at, 3),
            }
        )

        def ended(state: str) -> None:
            span.set_attribute("weighbridge.state", state)
            if state in UNDONE:
                span.set_status(trace.StatusCode.ERROR)

        try:
            yield ended
        except BaseException:
            ended("lost")
            raise


@contextmanager
def span_of(scope: Scope, number: str) -> Iterator[Callable[[str, int], None]]:
    """A span of one request; what it gives is told the route and the status at the end."""
    if not os.environ.get(ENDPOINT):
        yield _nothing
        return
    try:
        from opentelemetry import propagate, trace
    except ImportError:
        yield _nothing
        return
    carried = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    method = scope["method"] if scope["method"] in METHODS else "_OTHER"
    # An error is not recorded as OpenTelemetry would, with its text: that may quote what was sent.
    around = trace.get_tracer("weighbridge").start_as_current_span(
        "request",
        propagate.extract(carried),
        trace.SpanKind.SERVER,
        record_exception=False,
        set_status_on_exception=False,
    )
    with around as span:

        def ended(route: str, status: int) -> None:
            span.update_name(f"{'HTTP' if method == '_OTHER' else method} {route}")
            span.set_attributes(
                {
                    "http.request.method": method,
                    "http.route": route,
                    "http.response.status_code": status,
                    "weighbridge.request": number,
                    **scope.get(TOLD, {}),
                }
            )
            if status >= 500:
                span.set_status(trace.StatusCode.ERROR)

        yield ended


def _nothing(_route: str, _status: int) -> None:
    """Nobody wants a span."""
