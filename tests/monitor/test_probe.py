"""Canary and replay against local endpoints: alike, swapped, changing after a thousand requests, sampling, failing."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from build.monitor_web import Model
from build.running import command
from tools import schemas
from weighbridge.core.errors import SourceError, UsageError
from weighbridge.monitor import probe

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = [{"features": [n, n + 1]} for n in range(20)]


def honest(number: int, given: object) -> object:
    return {"score": sum(given["features"]) / 7 + number % 97 * 1e-11, "time": number}


def learned(model: Model, rounds: int = 3) -> tuple[probe.Target, probe.Fingerprint]:
    target = probe.target_of(f"{model.address}/score", "", 5)
    return target, probe.learn(target, INPUTS, rounds)


def test_the_same_model_is_the_same() -> None:
    with Model(honest) as model:
        target, fingerprint = learned(model)
        assert all(len(question.answers) == 1 for question in fingerprint.questions)
        assert probe.probe(target, fingerprint, 60).result == "same"


def test_a_model_that_changes_at_request_1000_is_found() -> None:
    turned = 60 + 1000

    def score(number: int, given: object) -> object:
        return {"score": 1.0} if number >= turned else honest(number, given)

    with Model(score) as model:
        target, fingerprint = learned(model)
        assert probe.probe(target, fingerprint, 20).result == "same"
        report = probe.probe(target, fingerprint, 1200)
    assert report.result == "changed"
    assert report.first_change == 1000 - 20
    assert report.differences[0].got == '{"score": 1.0}'


def test_a_swapped_model_is_found_at_once() -> None:
    with Model(honest) as model:
        target, fingerprint = learned(model)
    with Model(lambda _number, given: {"score": sum(given["features"]) / 7 + 0.01}) as other:
        there = probe.target_of(f"{other.address}/score", "", 5)
        report = probe.probe(there, fingerprint)
    assert report.result == "changed"
    assert report.first_change == 1
    assert target.address != there.address


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_samples_is_no_change_until_it_is_another(seed: int) -> None:
    chance = random.Random(seed)
    turned = [False]

    def score(_number: int, given: object) -> str:
        return (
            f"no {chance.random()}"
            if turned[0]
            else f"yes, {given}"
            if chance.random() < 0.9
            else f"well {chance.randrange(50)}"
        )

    with Model(score) as model:
        target = probe.target_of(f"{model.address}/v1", "m", 5)
        fingerprint = probe.learn(target, [f"q{n}" for n in range(20)], 5)
        assert probe.probe(target, fingerprint, 100).result == "same"
        turned[0] = True
        assert probe.probe(target, fingerprint, 100).result == "changed"
    assert model.bodies[0] == {
        "messages": [{"role": "user", "content": "q0"}],
        "temperature": 0,
        "seed": 7,
        "max_tokens": 256,
        "model": "m",
    }


def test_an_endpoint_that_fails_is_unknown_and_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with Model(honest) as model:
        target, fingerprint = learned(model)
    assert probe.probe(target, fingerprint).result == "unknown"
    with Model(honest, status=lambda number: 500 if number > 5 else 200) as model:
        report = probe.probe(probe.target_of(f"{model.address}/score", "", 5), fingerprint)
        assert report.result == "unknown"
        assert report.failed == probe.MOST_ERRORS
        with pytest.raises(SourceError, match="no answer"):
            learned(model)
    for address in ("http://example.com/score", "ftp://x", "https://user@host/x"):
        with pytest.raises(UsageError):
            probe.target_of(address, "", 5)


def test_the_chance_is_that_of_fisher() -> None:
    """Four new answers of ten against one of twenty: 10C4 20C1 + 10C5 20C0 ways of 30C5."""
    assert probe._chance(4, 10, 1, 20) == pytest.approx((210 * 20 + 252) / 142506, rel=1e-9)
    assert probe._chance(1, 10, 0, 20) == pytest.approx(1 / 3, rel=1e-9)


def test_the_commands_learn_and_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_ENDPOINT_TOKEN", "s3cret")
    questions, kept = tmp_path / "q.jsonl", tmp_path / "f.json"
    questions.write_text("".join(json.dumps(item) + "\n" for item in INPUTS))
    with Model(honest) as model:
        address = f"{model.address}/score"
        assert command("monitor", "learn", address, "--inputs", str(questions), "--output", str(kept)).status == 0
        assert "s3cret" not in kept.read_text()
        assert model.headers[0]["Authorization"] == "Bearer s3cret"
        assert command("monitor", "probe", address, "--fingerprint", str(kept)).status == 0
    with Model(lambda _number, _given: "\x1b[31mnew") as model:
        address = f"{model.address}/score"
        text = command("monitor", "probe", address, "--fingerprint", str(kept))
        assert text.status == 1
        assert text.out.startswith("CHANGED")
        assert "\x1b" not in text.out
        document = command("monitor", "probe", address, "--fingerprint", str(kept), "--format", "json").json()
        Draft202012Validator(schemas.schemas()["probe"]).validate(document)
    kept.write_text('{"schema": "other"}')
    assert command("monitor", "probe", address, "--fingerprint", str(kept)).status == 2
