"""The HTTP API: decisions, and what it answers to everything that is no question."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from build.running import command
from build.sites import Served, served

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    monkeypatch.chdir(tmp_path)
    return served(tmp_path)


def admit(gate: Served, reference: str = "net:v1", stage: str = "production") -> dict[str, object]:
    return {"reference": reference, "stage": stage}


def test_it_decides_as_the_command_does(gate: Served) -> None:
    got = gate.ask("POST", "/v1/admit", admit(gate))
    words = ("--stage", "production", "--no-record", "--no-read-bytes", "--format", "json")
    said = command("admit", "net:v1", *words).json()
    assert got.status == 200
    assert got.json["decision"] == "allow"
    assert {**got.json, "madeAt": "", "recorded": 0} == {**said, "madeAt": "", "recorded": 0}
    assert got.json["recorded"]["sequence"] == 1
    assert gate.logged[0]["decision"] == "allow"
    assert gate.logged[0]["asked"] == "net:v1"


def test_a_scan_that_is_too_old_is_denied(gate: Served) -> None:
    got = gate.later(days=8).ask("POST", "/v1/admit", admit(gate))
    assert got.status == 200
    assert got.json["decision"] == "deny"
    assert [r["requirement"] for r in got.json["reasons"] if r["result"] != "met"] == ["scan-fresh"]


def test_who_is_revoked_while_it_serves_is_so_at_once(gate: Served) -> None:
    assert gate.ask("POST", "/v1/admit", admit(gate)).json["decision"] == "allow"
    (gate.folder / "trust.toml").write_text("")
    got = gate.ask("POST", "/v1/admit", admit(gate))
    assert got.json["decision"] != "allow"


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("net:v2", 404),
        ("other:v1", 404),
        ("oci:../elsewhere:net:v1", 400),
        ("oci:/etc:net:v1", 400),
        ("127.0.0.1:9/net:v1", 400),
        ("169.254.169.254/net:v1", 400),
        ("hf://org/net@main", 400),
        ("https://example.invalid/net", 400),
        ("net", 400),
        ("net:v1\x1b[2J", 400),
        ("", 400),
    ],
)
def test_a_reference_that_leads_elsewhere_is_no_decision(gate: Served, reference: str, status: int) -> None:
    got = gate.ask("POST", "/v1/admit", admit(gate, reference))
    assert got.status == status
    assert got.json["decision"] == "none"
    assert got.json["why"]
    assert "\x1b" not in got.json["why"]


@pytest.mark.parametrize(
    "document",
    [
        [],
        "text",
        3,
        {},
        {"reference": "net:v1"},
        {"reference": "net:v1", "stage": "nowhere"},
        {"reference": ["net:v1"], "stage": "production"},
        {"reference": "net:v1", "stage": {}},
        {"reference": "net:v1", "stage": "production", "policy": "none"},
    ],
)
def test_a_body_of_another_form_is_refused(gate: Served, document: object) -> None:
    got = gate.ask("POST", "/v1/admit", document)
    assert got.status == 400
    assert got.json["decision"] == "none"


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b'{"reference": NaN}', b'{"stage": "a", "stage": "b"}', b"null"],
)
def test_a_body_that_is_no_json_is_refused(gate: Served, body: bytes) -> None:
    got = gate.ask("POST", "/v1/admit", content=body, headers={"content-type": "application/json"})
    assert got.status in (400, 413)
    assert got.json["decision"] == "none"


def test_a_body_must_say_that_it_is_json_and_be_small(gate: Served) -> None:
    body = json.dumps(admit(gate)).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert gate.ask("POST", "/v1/admit", content=body, headers={"content-type": kind}).status == 415
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    assert gate.ask("POST", "/v1/admit", content=body, headers=headers).status == 415
    large = json.dumps({**admit(gate), "reference": "n" * 70_000}).encode()
    headers = {"content-type": "application/json"}
    assert gate.ask("POST", "/v1/admit", content=large, headers=headers).status == 413

    async def pieces():
        for _ in range(100):
            yield b" " * 1024

    assert gate.ask("POST", "/v1/admit", content=pieces(), headers=headers).status == 413


def test_an_error_of_ours_is_a_sentence(gate: Served) -> None:
    def broken(*_words: object, **_more: object) -> None:
        raise ZeroDivisionError("secret details")

    got = gate.judging(broken).ask("POST", "/v1/admit", admit(gate))
    assert got.status == 500
    assert got.json == {
        "schema": "weighbridge.problem/1",
        "decision": "none",
        "why": "an error inside weighbridge (ZeroDivisionError); nothing was decided",
    }


def test_what_takes_too_long_is_no_decision(gate: Served) -> None:
    def slow(*_words: object, **_more: object) -> None:
        time.sleep(0.4)

    got = gate.judging(slow).waiting(0.05).ask("POST", "/v1/admit", admit(gate))
    assert got.status == 504
    assert got.json["decision"] == "none"


def test_health_and_readiness(gate: Served) -> None:
    assert gate.ask("GET", "/healthz").status == 200
    assert gate.ask("GET", "/readyz").status == 200
    (gate.folder / "trust.toml").write_text("[[no toml")
    assert gate.ask("GET", "/healthz").status == 200
    assert gate.ask("GET", "/readyz").status == 503


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/admit"), ("POST", "/healthz"), ("GET", "/"), ("GET", "/..")])
def test_there_are_no_other_routes(gate: Served, method: str, path: str) -> None:
    assert gate.ask(method, path).status in (404, 405)
