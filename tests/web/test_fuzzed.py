"""Requests made up from the API's own description, by schemathesis: whatever is sent, there is no 5xx."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from build.desks import Staffed, staffed

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.generation import GenerationMode

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = int(os.environ.get("SERVER_FUZZ", "1"))
"""Requests of each kind for each route."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    with staffed(tmp_path_factory.mktemp("fuzzed"), local=True, more="queue = 100000\n") as one:
        job, _ = one.desk.jobs.submit(_wanted(), who="ada")
        one.desk.jobs.cancel(job.id, who="ada")
        yield one


def _wanted() -> Any:
    from weighbridge.index.jobs import Submission

    return Submission("hf://org/net@main", "net:v1", "net", "staging")


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["as described", "otherwise"])
def test_nothing_that_is_sent_makes_an_error_inside(made: Staffed, mode: GenerationMode) -> None:
    schema = schemathesis.openapi.from_dict(made.ask("GET", "/v1/openapi.json").json)
    statuses: dict[int, int] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        assert operation is not None

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
            words = case.as_transport_kwargs(base_url="http://127.0.0.1:8080")
            for key in ("cookies", "auth"):
                words.pop(key, None)
            headers = {str(key): str(one) for key, one in (words.pop("headers", None) or {}).items()}
            headers = {
                key: one for key, one in headers.items() if key.isascii() and one.isascii() and one.isprintable()
            }
            headers.pop("User-Agent", None)
            if isinstance(words.get("data"), bytes):
                words["content"] = words.pop("data")
            if "json" in words and not isinstance(words["json"], dict | list | str | int | float | bool | None):
                words.pop("json")
            got = made.ask(words.pop("method"), words.pop("url"), headers=headers, **words)
            assert got.status < 500, (got.status, got.text)
            statuses[got.status] = statuses.get(got.status, 0) + 1

        try:
            asked()
        except schemathesis.errors.SchemathesisError:
            pass  # nothing can be otherwise than described where nothing is sent
        except Exception as error:
            if type(error).__name__ not in ("Unsatisfiable", "InvalidArgument"):
                raise
    assert sum(statuses.values()) > 15, statuses
    if mode is GenerationMode.POSITIVE:
        assert statuses.get(200, 0) > 8
