"""Spans by the real library: their names, attributes and parents, nothing secret in them, and none without it."""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
from opentelemetry import trace

from build.desks import Staffed, staffed
from build.gate_load import server
from build.reviews import pod, review
from build.spans import collector, keep_spans, spans
from weighbridge.web.around import Around
from weighbridge.web.tracing import ENDPOINT, MISSING, begin_tracing

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "hunter2-sig-secret"
"""Stands wherever a stranger may put a secret."""
SAS = f"https://models.blob.core.windows.net/c/net?sv=2024-01-01&sig={SECRET}"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    with staffed(tmp_path_factory.mktemp("traced"), more="queue = 100\n") as made:
        yield made


@pytest.fixture
def traced(here: Staffed, monkeypatch: pytest.MonkeyPatch) -> Staffed:
    """The same with the SDK's exporter in memory, empty."""
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    keep_spans()
    return here


def test_gate_two_is_a_span(traced: Staffed) -> None:
    asked = {"reference": "net:v1", "stage": "production"}
    got = traced.ask("POST", "/v1/admit", asked, token=traced.tokens["net"]["viewer"])
    assert got.json["decision"] == "allow"
    (span,) = spans()
    assert (span.name, span.kind) == ("POST /v1/admit", trace.SpanKind.SERVER)
    assert span.parent is None
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/admit",
        "http.response.status_code": 200,
        "weighbridge.request": got.headers["x-request-id"],
        "weighbridge.decision": "allow",
        "weighbridge.stage": "production",
    }
    assert span.status.status_code is trace.StatusCode.UNSET
    assert not span.events
    token = traced.tokens["net"]["viewer"]
    traced.ask("POST", "/admission/staging", review(pod(models=("net:v1",))), token=token)
    hook = dict(spans()[1].attributes or {})
    assert spans()[1].name == "POST /admission/{stage}"
    assert (hook["weighbridge.decision"], hook["weighbridge.stage"]) == ("deny", "staging")


def test_an_intake_is_a_span(traced: Staffed) -> None:
    token = traced.tokens["net"]["submitter"]
    got = traced.ask("POST", "/v1/intakes", {"source": "hf://org/net@main", "target": "net:v2"}, token=token)
    assert got.status == 202
    traced.ask("GET", got.headers["location"], token=token)
    first, second = spans()
    assert first.name == "POST /v1/intakes"
    assert dict(first.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/v1/intakes",
        "http.response.status_code": 202,
        "weighbridge.request": got.headers["x-request-id"],
        "weighbridge.intake": got.json["id"],
        "weighbridge.stage": "staging",
    }
    assert second.name == "GET /v1/intakes/{id}", "the route, so that there are as many names as routes"
    logged = [line for line in traced.served.logged if line.get("request") == got.headers["x-request-id"]]
    assert len(logged) == 1, "the line of the log is found by the span"


def test_a_span_continues_the_trace_that_it_is_asked_in(traced: Staffed) -> None:
    traced.ask("GET", "/healthz", headers={"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "a=b"})
    (span,) = spans()
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.parent.is_remote


def test_a_trace_that_is_not_sampled_stays_so(traced: Staffed) -> None:
    traced.ask("GET", "/healthz", headers={"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert spans() == []


@pytest.mark.parametrize(
    "wrong",
    ["", "00", f"00-{'0' * 32}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}", "x" * 9000, "é"],
)
def test_a_context_that_is_none_begins_a_trace(traced: Staffed, wrong: str) -> None:
    assert traced.ask("GET", "/healthz", headers={"traceparent": wrong.encode("latin-1")}).status == 200
    (span,) = spans()
    assert span.parent is None


def test_nothing_secret_is_in_a_span(traced: Staffed) -> None:
    """Where strangers, browsers and callers of ours put what nobody else may know."""
    token = traced.tokens["*"]["admin"]
    secrets = [SECRET, token, token.split("_", 2)[2]]
    headers = {
        "authorization": f"Bearer {token}",
        "cookie": f"__Host-weighbridge={SECRET}; other={SECRET}",
        "x-api-key": SECRET,
        "idempotency-key": SECRET,
        "baggage": f"key={SECRET}",
        "tracestate": "a=b",
        "user-agent": f"curl {SECRET}",
        "referer": SAS,
    }
    asked = [
        ("POST", "/v1/intakes", {"source": SAS, "target": "net:v3"}),
        ("POST", "/v1/intakes", {"source": f"hf://{SECRET}/net@main", "target": "net:v3"}),
        ("POST", "/v1/admit", {"reference": SAS, "stage": "production"}),
        ("POST", "/v1/admit", {"reference": f"{SECRET}:v1", "stage": "production"}),
        ("POST", "/v1/admit", {"reference": "net:v1", "stage": SECRET}),
        ("POST", "/v1/admit", {SECRET: SECRET}),
        ("POST", f"/admission/{SECRET}", review(pod())),
        ("GET", f"/v1/models/{SECRET}?tag=v1&sig={SECRET}", None),
        ("GET", f"/{SECRET}?{SECRET}={SECRET}", None),
        ("GET", f"/v1/decisions?refused={SECRET}&repository={SECRET}", None),
        ("GET", f"/signed-in?code={SECRET}&state={SECRET}", None),
        ("GET", f"/search?q={SECRET}", None),
        ("POST", "/v1/tokens", {"name": "ci", "role": "viewer", "tenants": ["net"]}),
    ]
    statuses = []
    for method, path, body in asked:
        got = traced.ask(method, path, body, headers=headers)
        statuses.append(got.status)
        if path == "/v1/tokens":
            secrets.append(got.json["token"].split("_", 2)[2])
    for wrong in (f"Bearer {SECRET}", f"Basic {SECRET}", SECRET):
        traced.ask("GET", "/v1/me", headers={"authorization": wrong})
    assert {200, 201, 202, 400, 404} <= set(statuses)
    assert len(spans()) == len(asked) + 3
    for span in spans():
        said = span.to_json()
        assert not [one for one in secrets if one in said], said
        assert set(span.attributes or {}) <= {
            *("http.request.method", "http.route", "http.response.status_code", "weighbridge.request"),
            *("weighbridge.decision", "weighbridge.stage", "weighbridge.intake"),
        }


def test_an_error_leaves_its_text_out(traced: Staffed) -> None:
    """Also one that no fence caught: OpenTelemetry would keep its text and where it was raised."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive, send
        raise ValueError(SECRET)

    async def ask() -> None:
        scope = {"type": "http", "method": "BREW", "path": "/", "headers": []}
        with pytest.raises(ValueError, match=SECRET):
            await Around(broken, traced.desk)(scope, None, None)  # type: ignore[arg-type]

    anyio.run(ask)
    (span,) = spans()
    assert span.name == "HTTP elsewhere"
    assert dict(span.attributes or {})["http.request.method"] == "_OTHER"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert SECRET not in span.to_json()
    assert not span.events


def test_without_an_endpoint_there_is_no_span(traced: Staffed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT)
    assert begin_tracing() == ""
    assert traced.ask("GET", "/healthz").status == 200
    assert spans() == []


@pytest.mark.parametrize("gone", ["opentelemetry", "opentelemetry.sdk.trace", "opentelemetry.exporter"])
def test_without_the_library_everything_is_answered(
    traced: Staffed, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    """Whether all of it or only the SDK is missing; and one that is told where to send spans says what it lacks."""
    for name in list(sys.modules):
        if name == gone or name.startswith(f"{gone}."):
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, gone, None)
    assert begin_tracing() == MISSING
    assert "pip install 'weighbridge[otel]'" in MISSING
    asked = {"reference": "net:v1", "stage": "production"}
    token = traced.tokens["net"]["submitter"]
    assert traced.ask("POST", "/v1/admit", asked, token=token).json["decision"] == "allow"
    assert (
        traced.ask("POST", "/v1/intakes", {"source": "hf://org/n@main", "target": "net:v5"}, token=token).status == 202
    )


def test_spans_reach_a_collector(here: Staffed) -> None:
    """`weighbridge serve` as a process, with the exporter of the extra; what is left is sent when it is stopped."""
    with collector() as received:
        environ = {ENDPOINT: received.address, "OTEL_EXPORTER_OTLP_HEADERS": f"x-collector-key={SECRET}"}
        with server(str(here.served.folder), "--workers", "0", environ=environ) as running:
            asked = {"reference": "net:v1", "stage": "production"}
            base = f"http://127.0.0.1:{running.port}"
            sent = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            assert httpx2.post(f"{base}/v1/admit", json=asked, headers=sent, timeout=30).status_code == 200
            running.one.send_signal(signal.SIGTERM)
            _, err = running.one.communicate(timeout=60)
    assert running.one.returncode == 0, "ended in order"
    assert "Traceback" not in err
    assert not [line for line in err.splitlines() if line.startswith("{") and "error" in json.loads(line)]
    resource, span = received.spans["POST /v1/admit"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert {one.key: one.value.string_value for one in resource.attributes}["service.name"] == "weighbridge"
    assert received.headers[0] == SECRET
    assert SECRET not in str(resource) + str(span)
