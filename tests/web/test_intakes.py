"""The API beside gate two: submitting, following, cancelling, back-pressure, and what it answers to nonsense."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client.parser import text_string_to_metric_families

from build.desks import Asker, Staffed, staffed
from build.running import command
from weighbridge.core.errors import UsageError
from weighbridge.index.jobs import Jobs
from weighbridge.web.api import check_source
from weighbridge.web.app import build
from weighbridge.web.desk import Rates, open_desk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ASKED = {"source": "hf://org/net@main", "target": "net:v9"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    """The server of the person at this machine."""
    with staffed(tmp_path_factory.mktemp("local"), local=True, more="queue = 5\n") as made:
        yield made


@pytest.fixture
def empty(here: Staffed) -> Staffed:
    for job in here.desk.jobs.listed(states=("waiting", "running")):
        here.desk.jobs.cancel(job.id, who="test")
        held = here.desk.jobs.find(job.id)
        if held is not None and not held.ended:
            here.desk.jobs.finish(held, "cancelled", "")
    return here


def test_from_submission_to_result(empty: Staffed) -> None:
    made = empty.ask("POST", "/v1/intakes", ASKED)
    assert made.status == 202
    assert made.headers["location"] == f"/v1/intakes/{made.json['id']}"
    there = made.headers["location"]
    assert made.json["state"] == "waiting"
    assert made.json["submitter"].startswith("local:")
    assert empty.ask("GET", there).json == made.json
    assert empty.ask("GET", f"{there}/result").status == 404
    held = empty.desk.jobs.lease("one", 30)
    assert held is not None
    empty.desk.jobs.beat(held, 30, note="weights.bin", done_bytes=7)
    assert empty.ask("GET", there).json["note"] == "weights.bin"
    empty.desk.jobs.finish(held, "refused", "the verdict is malicious", {"verdict": "malicious"})
    got = empty.ask("GET", f"{there}/result").json
    assert got == {"state": "refused", "why": "the verdict is malicious", "intake": {"verdict": "malicious"}}
    followed = empty.ask("GET", f"{there}/events")
    assert followed.headers["content-type"].startswith("text/event-stream")
    assert followed.text.count("event: intake") == 1
    assert '"state":"refused"' in followed.text
    version = empty.ask("GET", there).json["version"]
    again = empty.ask("GET", f"{there}/events", headers={"last-event-id": str(version)})
    assert again.text == ""
    assert empty.ask("POST", f"{there}/cancel").json["state"] == "refused"


def test_the_same_key_twice_is_one_intake(empty: Staffed) -> None:
    first = empty.ask("POST", "/v1/intakes", ASKED, headers={"idempotency-key": "once"})
    second = empty.ask("POST", "/v1/intakes", ASKED, headers={"idempotency-key": "once"})
    assert (first.status, second.status) == (202, 200)
    assert first.json["id"] == second.json["id"]
    other = empty.ask("POST", "/v1/intakes", {**ASKED, "target": "net:v8"}, headers={"idempotency-key": "once"})
    assert other.status == 409
    assert empty.ask("POST", "/v1/intakes", ASKED, headers={"idempotency-key": "a b"}).status == 400


def test_when_too_many_wait_one_is_told_when_to_come_again(empty: Staffed) -> None:
    made = [empty.ask("POST", "/v1/intakes", ASKED) for _ in range(6)]
    assert [one.status for one in made] == [202] * 5 + [429]
    assert int(made[-1].headers["retry-after"]) > 0
    assert empty.ask("POST", f"/v1/intakes/{made[0].json['id']}/cancel").json["state"] == "cancelled"
    assert empty.ask("POST", "/v1/intakes", ASKED).status == 202


def test_pages_of_intakes(empty: Staffed) -> None:
    for number in range(3):
        empty.ask("POST", "/v1/intakes", {**ASKED, "target": f"net/sub{number}:v1"})
    first = empty.ask("GET", "/v1/intakes?state=waiting&limit=2").json
    assert [one["target"] for one in first["intakes"]] == ["net/sub2:v1", "net/sub1:v1"]
    rest = empty.ask("GET", f"/v1/intakes?state=waiting&limit=2&before={first['next']}").json
    assert [one["target"] for one in rest["intakes"]] == ["net/sub0:v1"]
    assert rest["next"] == ""
    assert (
        empty.ask("GET", "/v1/intakes?repository=net/sub1&state=waiting").json["intakes"][0]["target"] == "net/sub1:v1"
    )
    for query in ("state=king", "limit=0", "limit=201", "limit=x", "before=-1", "before=%C2%B2"):
        assert empty.ask("GET", f"/v1/intakes?{query}").status == 400


@pytest.mark.parametrize(
    "change",
    [
        {"source": ""},
        {"source": 1},
        {"source": "ftp://example.org/x"},
        {"source": "https://example.org/x"},
        {"source": "/etc"},
        {"source": "incoming"},
        {"source": "hf://org/net\x1b[2J"},
        {"source": "HF://org/net"},
        {"target": "net"},
        {"target": "oci:/etc:net:v1"},
        {"target": "127.0.0.1:9/net:v1"},
        {"target": "net@sha256:" + "0" * 64},
        {"target": "../net:v1"},
        {"stage": "prod"},
        {"replace": "yes"},
        {"replace": 1},
        {"priority": 11},
        {"priority": True},
        {"more": 1},
        {"target": None},
    ],
)
def test_submissions_that_make_no_sense(here: Staffed, change: dict[str, Any]) -> None:
    before = sum(here.desk.jobs.counts().values())
    got = here.ask("POST", "/v1/intakes", {**ASKED, **change})
    assert got.status == 400, got.text
    assert "\x1b" not in got.text
    assert sum(here.desk.jobs.counts().values()) == before


def test_sources_lead_nowhere_but_where_the_settings_say(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    os.symlink("/etc", tmp_path / "in/link")
    allowed = (f"{tmp_path}/in/", "https://models.example.com/", "git+https://git.example.com/team/", "hf://")
    for good in (
        f"{tmp_path}/in/net",
        "https://models.example.com/a@b",
        "git+https://git.example.com/team/net@main",
        "hf://o/n@main",
    ):
        check_source(good, allowed)
    for bad in (
        f"{tmp_path}/in/../other",
        f"{tmp_path}/in/link/passwd",
        f"{tmp_path}/inside",
        f"{tmp_path}/in/",
        "https://models.example.com.evil.example/x",
        "https://models.example.com@evil.example/x",
        "https://models.example.com",
        "git+https://git.example.com/other/net",
        "http://models.example.com/x",
        "https:///x",
    ):
        with pytest.raises(UsageError):
            check_source(bad, allowed)


def test_without_sign_in_it_answers_this_machine_only(here: Staffed) -> None:
    for host in ("evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""):
        assert here.ask("GET", "/v1/me", headers={"host": host}).status == 421
    for host in ("localhost", "localhost:8080", "127.0.0.1:9", "[::1]:8080"):
        assert here.ask("GET", "/v1/me", headers={"host": host}).status == 200
    assert here.ask("GET", "/v1/me", headers={"x-forwarded-for": "10.0.0.1"}).status == 403
    assert here.ask("GET", "/v1/me", headers={"authorization": "Bearer wbt_x"}).status == 401
    assert here.ask("GET", "/v1/me", headers={"authorization": "Basic eDp5"}).status == 401


def test_another_sites_page_cannot_submit(here: Staffed) -> None:
    for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "null"}, {"origin": "http://evil.example"}):
        assert here.ask("POST", "/v1/intakes", ASKED, headers=headers).status == 403


def test_bodies_that_are_none(here: Staffed) -> None:
    plain = {"content-type": "text/plain"}
    assert here.ask("POST", "/v1/intakes", content=b"{}", headers=plain).status == 415
    json = {"content-type": "application/json"}
    assert here.ask("POST", "/v1/intakes", content=b"{", headers=json).status == 400
    assert here.ask("POST", "/v1/intakes", content=b"[]", headers=json).status == 400
    assert here.ask("POST", "/v1/intakes", content=b" " * 70_000, headers=json).status == 413
    assert here.ask("PUT", "/v1/intakes").status == 405
    assert here.ask("GET", "/v1/nothing").status == 404


def test_alerts_are_kept_once_and_acknowledged_with_a_reason(here: Staffed) -> None:
    told = {"schema": "weighbridge.alerts/1", "alerts": [{"detection": "egress"}, {"detection": "volume"}]}
    assert here.ask("POST", "/v1/alerts", told).json == {"new": 2}
    assert here.ask("POST", "/v1/alerts", told).json == {"new": 0}
    rows = here.ask("GET", "/v1/alerts?open=true").json["alerts"]
    assert [row["alert"]["detection"] for row in rows] == ["volume", "egress"]
    there = f"/v1/alerts/{rows[0]['id']}/acknowledge"
    assert here.ask("POST", there, {"reason": " "}).status == 400
    first = here.ask("POST", there, {"reason": "a load test"}).json
    assert here.ask("POST", there, {"reason": "another"}).json == first
    assert len(here.ask("GET", "/v1/alerts?open=true").json["alerts"]) == 1
    assert here.ask("POST", "/v1/alerts/zz/acknowledge", {"reason": "x"}).status == 404


def test_models_and_their_evidence(here: Staffed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here.served.folder)
    assert command("index", "rebuild").status == 0
    assert [one["repository"] for one in here.ask("GET", "/v1/models").json["models"]] == ["net"]
    assert here.ask("GET", "/v1/models?after=net:v1").json["models"] == []
    assert here.ask("GET", "/v1/models/net").json == {"repository": "net", "tags": ["v1"]}
    model = here.ask("GET", "/v1/models/net?tag=v1").json
    assert model["digest"] == here.served.digest
    for item in model["evidence"]:
        query = f"digest={model['digest']}&evidence={item['digest']}"
        got = here.ask("GET", f"/v1/evidence/net?{query}")
        assert got.status == 200
        assert "dsseEnvelope" in got.text or "messageSignature" in got.text
    for path in (
        "/v1/models/net?tag=v2",
        "/v1/models/other?tag=v1",
        "/v1/models/evil.example/net?tag=v1",
        "/v1/models/..%2fnet?tag=v1",
        f"/v1/evidence/net?digest={model['digest']}&evidence=sha256:{'0' * 64}",
    ):
        assert here.ask("GET", path).status == 404, path
    for path in ("/v1/models/net?tag=v1&digest=x", "/v1/models/net%2f?tag=v1", "/v1/models/net?tag=../v1"):
        assert here.ask("GET", path).status == 400, path


def test_an_exemption_counts_until_it_is_taken_back(here: Staffed) -> None:
    asked = {"rule": "file/unread", "reference": "net:v1", "reason": "our format", "expires": "2099-01-31"}
    made = here.ask("POST", "/v1/exemptions", asked)
    assert made.status == 201
    assert made.json["approver"].startswith("local:")
    (shown,) = here.ask("GET", "/v1/exemptions?reference=net:v1").json["exemptions"]
    assert (shown["id"], shown["counts"]) == (made.json["id"], True)
    there = f"/v1/exemptions/{shown['id']}/revoke"
    assert here.ask("POST", there, {"reference": "net:v1", "reason": "no longer"}).json["counts"] is False
    assert here.ask("GET", "/v1/exemptions?reference=net:v1").json["exemptions"][0]["revoked"]
    for change in ({"rule": "no/rule"}, {"expires": "yesterday!"}, {"expires": "2001-01-31"}, {"reference": "net"}):
        assert here.ask("POST", "/v1/exemptions", {**asked, **change}).status == 400
    assert here.ask("POST", "/v1/exemptions", {**asked, "file": "none"}).status == 404
    assert here.ask("POST", f"/v1/exemptions/{'0' * 16}/revoke", {"reference": "net:v1", "reason": "x"}).status == 404


def test_every_change_is_in_the_audit(here: Staffed) -> None:
    before = here.ask("GET", "/v1/audit").json["changes"][0]["sequence"]
    token = here.ask("POST", "/v1/tokens", {"name": "ci", "role": "viewer", "tenants": ["net"]}).json
    assert token["token"].startswith(f"{token['prefix']}_")
    assert here.ask("GET", "/v1/me", token=token["token"]).json["roles"] == ["viewer"]
    assert here.ask("POST", f"/v1/tokens/{token['id']}/revoke").json["revokedAt"]
    assert here.ask("GET", "/v1/me", token=token["token"]).status == 401
    rows = [row for row in here.ask("GET", "/v1/audit").json["changes"] if row["sequence"] > before]
    assert [(row["what"], row["subject"]) for row in rows] == [
        ("token revoke", token["id"]),
        ("token add", token["id"]),
    ]
    whole = here.ask("GET", "/v1/audit").text + here.ask("GET", "/v1/tokens").text
    assert token["token"].split("_", 2)[2] not in whole


def test_the_description_is_open_api_and_names_every_route(here: Staffed) -> None:
    said = here.ask("GET", "/v1/openapi.json").json
    OpenAPIV31SpecValidator(said).validate()
    pages = {rule.path for rule in here.desk.rules if rule.page}
    routes = {route.path for route in build(here.desk.site, here.desk).routes}
    paths = {path.replace(":path}", "}") for path in routes - pages}
    assert set(said["paths"]) == paths
    names = [one["operationId"] for path in said["paths"].values() for one in path.values()]
    assert len(names) == len(set(names))


def test_metrics_are_what_prometheus_reads(here: Staffed) -> None:
    here.ask("GET", "/v1/me")
    got = here.ask("GET", "/metrics")
    found = {family.name: family for family in text_string_to_metric_families(got.text)}
    routes = {sample.labels["route"] for sample in found["weighbridge_requests"].samples if "route" in sample.labels}
    assert "/v1/me" in routes
    assert {sample.labels["state"] for sample in found["weighbridge_jobs"].samples} >= {"waiting", "done"}
    assert found["weighbridge_oldest_waiting_seconds"].samples[0].value >= 0


def test_a_database_that_is_away_is_one_sentence(
    here: Staffed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from weighbridge.index.database import open_database

    broken = open_database(f"sqlite:///{tmp_path}/index.db", create=True)
    broken.dispose()
    os.remove(tmp_path / "index.db")
    os.mkdir(tmp_path / "index.db")
    ask = Asker(here.desk, "http://127.0.0.1")
    monkeypatch.setattr(here.desk.jobs, "_engine", broken)
    assert ask("GET", "/v1/intakes").status == 503
    assert ask("POST", "/v1/intakes", ASKED).status == 503
    ask.close()
    monkeypatch.undo()
    assert isinstance(here.desk.jobs, Jobs)
    assert here.ask("GET", "/v1/intakes").status == 200


def test_a_caller_who_asks_too_often_waits() -> None:
    now = 0.0
    rates = Rates(2, lambda: now)
    assert [rates.wait("ada") for _ in range(8)] == [0.0] * 8
    assert rates.wait("ada") == pytest.approx(0.5)
    assert rates.wait("bob") == 0.0
    now = 0.5
    assert rates.wait("ada") == 0.0
    assert rates.wait("ada") > 0
    for number in range(20_000):
        rates.wait(f"stranger{number}")
    assert len(rates._left) <= 10_000
    assert [Rates(0).wait("ada") for _ in range(9)] == [0.0] * 9


def test_tokens_from_the_command_line(here: Staffed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here.served.folder)
    made = command("token", "add", "ci of net", "--role", "submitter", "--tenant", "net")
    text = made.out.strip()
    assert made.status == 0
    assert here.ask("GET", "/v1/me", token=text).json["tenants"] == ["net"]
    identity = text.split("_")[1]
    listed = command("token", "list").out
    assert f"wbt_{identity}" in listed
    assert text.split("_", 2)[2] not in listed
    assert command("token", "revoke", identity).status == 0
    assert here.ask("GET", "/v1/me", token=text).status == 401
    assert command("token", "revoke", "0" * 12).status == 2
    for words in (("--tenant", "Net"), ("--tenant", ""), ("--tenant", "net", "--days", "0")):
        assert command("token", "add", "x", *words).status == 2


def test_to_other_machines_without_sign_in_only_gate_two_and_tokens_answer(here: Staffed) -> None:
    desk = open_desk(here.desk.site, here.desk.engine, local=False)
    ask = Asker(desk, "https://10.0.0.1:8443")
    assert ask("GET", "/v1/intakes").status == 401
    assert ask("POST", "/v1/intakes", ASKED).status == 401
    assert ask("GET", "/v1/me", headers={"cookie": "__Host-weighbridge=" + "A" * 43}).status == 401
    assert ask("GET", "/sign-in").status == 404
    asked = {"reference": "net:v1", "stage": "production"}
    assert ask("POST", "/v1/admit", asked).json["decision"] == "allow"
    assert ask("POST", "/v1/admit", asked, token=here.tokens["other"]["admin"]).status == 404
    assert ask("GET", "/v1/me", token=here.tokens["net"]["viewer"]).json["tenants"] == ["net"]
    ask.close()
