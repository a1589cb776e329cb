"""Requests made up from the API's own description, by schemathesis: whatever is sent, the answer is one described.

Every operation is asked with things that are there (an intake, a token, a model) and with others, with bodies as the
description says and with what it forbids. No answer is a 5xx; each status is one that the description names, and each
body is as it says.
"""

from __future__ import annotations

import os
import warnings
from itertools import count
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import InvalidArgument, Unsatisfiable

from build.desks import Staffed, staffed
from build.running import command
from weighbridge.index.jobs import Submission

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.generation import GenerationMode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import SimpleNamespace

EXAMPLES = int(os.environ.get("SERVER_FUZZ", "3"))
"""Requests of each kind for each operation."""
NEVER_OTHERWISE = {
    *("GET /healthz", "GET /readyz", "GET /v1/openapi.json"),  # nothing is sent that could be otherwise
}
NEVER_DONE = {
    *("POST /admission", "POST /admission/{stage}"),  # an AdmissionReview of Kubernetes is not made up
    *("POST /v1/exemptions", "POST /v1/exemptions/{id}/revoke"),  # the id of a rule, a day that is to come
    "GET /v1/evidence/{repository}",  # two digests that belong together
}
"""Operations that made-up requests do not bring to a good answer. Other tests do."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Staffed, dict[str, str]]]:
    """A server, and for each noun of its paths the id of one that is there."""
    with staffed(tmp_path_factory.mktemp("fuzzed"), local=True, more="queue = 100000\n") as one:
        job, _ = one.desk.jobs.submit(Submission("hf://org/net@main", "net:v1", "net", "staging"), who="ada")
        one.desk.jobs.cancel(job.id, who="ada")
        one.desk.alerts.receive([{"detection": "egress"}], tenant="net", who="monitor")
        (alert,) = one.desk.alerts.listed(("*",))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(one.served.folder)
            assert command("index", "rebuild").status == 0
        there = {"intakes": job.id, "alerts": alert.id, "tokens": one.desk.accounts.tokens()[0].id}
        yield one, there


def sent(case: Any, there: dict[str, str], *, real: bool) -> dict[str, Any]:
    """The request as the client here takes it; with `real`, about things that are there."""
    if real:
        noun = case.operation.path.removeprefix("/v1/").partition("/")[0]
        if "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = there.get(noun, "0" * 16)
        if "repository" in (case.path_parameters or {}):
            case.path_parameters["repository"] = "net"
        if case.query:
            case.query.pop("repository", None)
            case.query.pop("before", None)
            case.query.update({"reference": "net:v1"} if "reference" in case.query else {})
        if isinstance(case.body, dict):
            real_ones = {"reference": "net:v1", "target": "net:v7", "source": "hf://org/net@main"}
            case.body.update({name: value for name, value in real_ones.items() if name in case.body})
    words: dict[str, Any] = case.as_transport_kwargs(base_url="http://127.0.0.1:8080")
    for key in ("cookies", "auth"):
        words.pop(key, None)
    headers = {str(key): str(one) for key, one in (words.pop("headers", None) or {}).items()}
    headers = {key: one for key, one in headers.items() if key.isascii() and one.isascii() and one.isprintable()}
    headers.pop("User-Agent", None)
    if real:  # a token that is made up keeps everybody out
        headers.pop("Authorization", None)
    if isinstance(words.get("data"), bytes):
        words["content"] = words.pop("data")
    if "json" in words and not isinstance(words["json"], dict | list | str | int | float | bool | None):
        words.pop("json")
    return {**words, "headers": headers}


def as_described(described: dict[str, Any], document: dict[str, Any], got: SimpleNamespace) -> None:
    """The status is among those of the operation, and the body is what is said of it."""
    assert got.status < 500, (got.status, got.text)
    answers = described["responses"]
    assert str(got.status) in answers, (got.status, got.text)
    (media, said) = next(iter(answers[str(got.status)]["content"].items()))
    if got.json is not None:
        assert media == "application/json"
        whole = {**said["schema"], "components": document["components"]}
        jsonschema.validate(got.json, whole, jsonschema.Draft202012Validator)


def fuzzed(
    operation: Any, mode: GenerationMode, made: tuple[Staffed, dict[str, str]], document: dict[str, Any]
) -> set[int]:
    """Ask for one operation, and give the statuses of the answers; none if nothing can be made up."""
    server, there = made
    described = document["paths"][operation.path][operation.method]
    number, statuses = count(), set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES + 1 if mode is GenerationMode.POSITIVE else EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def asked(case: Any) -> None:
        words = sent(case, there, real=next(number) % 3 != 2)
        got = server.ask(words.pop("method"), words.pop("url"), **words)
        as_described(described, document, got)
        statuses.add(got.status)

    try:
        asked()
    except (schemathesis.errors.SchemathesisError, Unsatisfiable, InvalidArgument):
        assert operation.label in NEVER_OTHERWISE, operation.label
        assert mode is GenerationMode.NEGATIVE
    return statuses


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_every_answer_is_one_that_is_described(made: tuple[Staffed, dict[str, str]], mode: GenerationMode) -> None:
    document = made[0].ask("GET", "/v1/openapi.json").json
    operations = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    labels = {one.label for one in operations}
    assert len(labels) == sum(map(len, document["paths"].values())) > 25
    statuses = {one.label: fuzzed(one, mode, made, document) for one in operations}
    asked_for = {label for label, found in statuses.items() if found}
    if mode is GenerationMode.POSITIVE:
        assert asked_for == labels
        assert {label for label, found in statuses.items() if min(found) >= 300} == NEVER_DONE
    else:
        assert asked_for == labels - NEVER_OTHERWISE
        assert sum(400 in found for found in statuses.values()) > 9, statuses
