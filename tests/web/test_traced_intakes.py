"""Spans of the intakes that workers do: one for each try, in the trace of the request that submitted it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace

from build.desks import BASE, Staffed, staffed
from build.gate_load import SRC
from build.spans import collector, keep_spans, spans
from weighbridge.index.accounts import Account
from weighbridge.index.database import open_database
from weighbridge.index.jobs import Jobs, Submission
from weighbridge.pipelines.working import Bounds, Worker
from weighbridge.web.tracing import ENDPOINT, span_of_intake, trace_here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SECRET = "hunter2-sig-secret"
QUICK = Bounds(seconds=20.0, memory_mb=0, lease=5.0, beat=0.05, poll=0.02)
NAMES = {f"weighbridge.{name}" for name in ("intake", "stage", "try", "waited", "state")}


def end(state: str, *, again: bool = False) -> str:
    line = f"{{'end': '{state}', 'why': '{SECRET}', 'again': {again}, 'document': {{}}}}"
    return f"import json; input(); print(json.dumps({line}), flush=True)"


def work(jobs: Jobs, code: str, stop: float = 0.0) -> list[ReadableSpan]:
    """Have a worker do everything; the spans of its tries."""
    child = (sys.executable, "-S", "-E", "-c", code)
    logged: list[Any] = []
    worker = Worker(jobs, "", name="one", bounds=QUICK, log=logged.append, child=child, around=span_of_intake)
    if stop:
        threading.Timer(stop, worker.stop.set).start()
    worker.run(until_idle=True)
    return [span for span in spans() if span.name == "intake"]


def said(span: ReadableSpan) -> dict[str, Any]:
    return {name.removeprefix("weighbridge."): value for name, value in (span.attributes or {}).items()}


@pytest.fixture
def tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_spans()
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    engine = open_database(f"sqlite:///{tmp_path}/index.db", create=True)
    yield Jobs(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    with staffed(tmp_path_factory.mktemp("traced"), more="queue = 100\n") as made:
        yield made


def submit(jobs: Jobs, trace_: str = "", attempts: int = 1) -> str:
    source = f"https://example.com/net?sig={SECRET}"
    wanted = Submission(source, "net:v1", "net", "production", most_attempts=attempts, trace=trace_)
    return jobs.submit(wanted, who="somebody")[0].id


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("by", ["api", "page"])
def test_an_intake_is_in_the_trace_of_whoever_submitted_it(here: Staffed, by: str) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    if by == "api":
        asked = {"source": f"hf://{SECRET}/net@main", "target": "net:v2"}
        token = here.tokens["net"]["submitter"]
        got = here.ask("POST", "/v1/intakes", asked, token=token, headers=headers)
        assert got.status == 202
        assert "trace" not in got.json, "it is for operators"
    else:
        with_form(here, headers)
    (request,) = [span for span in spans() if span.name.startswith("POST")]
    (span,) = work(here.desk.jobs, end("refused"))
    assert span.context is not None
    assert request.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert span.parent.span_id == request.context.span_id
    assert span.kind is trace.SpanKind.CONSUMER
    found = said(span)
    assert {f"weighbridge.{name}" for name in found} == NAMES
    assert (found["stage"], found["try"], found["state"]) == ("staging", 1, "refused")
    assert found["waited"] >= 0
    assert found["intake"] == here.desk.jobs.listed()[0].id
    assert span.status.status_code is trace.StatusCode.UNSET, "a refusal is an answer"
    assert SECRET not in span.to_json()


def with_form(here: Staffed, headers: dict[str, str]) -> None:
    """As the page of the queue does it."""
    session = here.desk.accounts.begin_session(Account("maker", "submitter", ("net",)), seconds=600.0)
    form = {"source": f"hf://{SECRET}/net@main", "target": "net:v3", "stage": "staging"}
    sent = {**headers, "cookie": f"__Host-weighbridge={session}", "origin": BASE}
    got = here.ask("POST", "/intakes", data=form, headers=sent)
    assert got.status == 303, got.text


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize(
    ("code", "state", "wrong"),
    [
        (end("done"), "done", False),
        (end("failed"), "failed", True),
        (end("failed", again=True), "again", True),
        ("raise SystemExit(7)", "again", True),
        ("input(); import time; time.sleep(30)", "given back", False),
    ],
)
def test_what_became_of_a_try_is_in_its_span(jobs: Jobs, code: str, state: str, *, wrong: bool) -> None:
    submit(jobs, attempts=3)
    span = work(jobs, code, stop=1.0 if state == "given back" else 0.0)[0]
    assert said(span)["state"] == state
    assert span.status.status_code is (trace.StatusCode.ERROR if wrong else trace.StatusCode.UNSET)
    assert span.status.description is None
    assert not span.events
    assert SECRET not in span.to_json()
    assert span.parent is None


@pytest.mark.usefixtures("tracing")
def test_every_try_is_a_span_of_its_own(tmp_path: Path) -> None:
    moments = iter(range(0, 100_000, 1000))
    engine = open_database(f"sqlite:///{tmp_path}/index.db", create=True)
    jobs = Jobs(engine, lambda: float(next(moments)))
    identity = submit(jobs, f"00-{TRACE}-{PARENT}-01", attempts=3)
    for number in (1, 2, 3):
        job = jobs.lease("one", 9e9)
        assert job is not None
        with span_of_intake(job) as ended:
            ended("again")
        jobs.retry(job, "away")
        assert said(spans()[-1])["try"] == number
    engine.dispose()
    assert {said(span)["intake"] for span in spans()} == {identity}
    assert {f"{span.parent.span_id:016x}" for span in spans() if span.parent} == {PARENT}
    assert {said(span)["waited"] for span in spans()} == {1000.0}


@pytest.mark.usefixtures("tracing")
def test_an_error_of_the_worker_itself_ends_the_span_without_its_text(jobs: Jobs) -> None:
    submit(jobs)
    job = jobs.lease("one", 60.0)
    assert job is not None
    with pytest.raises(ValueError, match=SECRET), span_of_intake(job):
        raise ValueError(SECRET)
    (span,) = spans()
    assert said(span)["state"] == "lost"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert SECRET not in span.to_json()


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("kept", ["", "00", f"00-{'0' * 32}-{PARENT}-01", "x" * 9000, "é"])
def test_a_stored_context_that_is_none_begins_a_trace(jobs: Jobs, kept: str) -> None:
    submit(jobs, kept)
    (span,) = work(jobs, end("done"))
    assert span.parent is None


@pytest.mark.usefixtures("tracing")
def test_a_trace_that_is_not_sampled_stays_so(jobs: Jobs) -> None:
    submit(jobs, f"00-{TRACE}-{PARENT}-00")
    assert work(jobs, end("done")) == []


@pytest.mark.usefixtures("tracing")
def test_without_an_endpoint_or_the_library_there_is_no_span(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert trace_here() == ""
    identity = submit(jobs)
    assert work(jobs, end("done")) == []
    monkeypatch.undo()
    assert not os.environ.get(ENDPOINT)
    other = submit(jobs)
    assert work(jobs, end("done")) == []
    for one in (identity, other):
        result = jobs.result(one)
        assert result is not None
        assert result.state == "done"


def test_a_worker_sends_its_spans_to_a_collector(here: Staffed) -> None:
    """`weighbridge work` as a process, and an intake that fails at its source."""
    here.desk.jobs.submit(
        Submission(f"{here.served.folder}/incoming/none", "net:v9", "net", "staging", trace=f"00-{TRACE}-{PARENT}-01"),
        who="somebody",
    )
    with collector() as received:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "weighbridge", "work", "--until-idle"],
            cwd=here.served.folder,
            env={**os.environ, ENDPOINT: received.address, "PYTHONPATH": SRC},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    _, span = received.spans["intake"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
    assert "incoming" not in str(span)
