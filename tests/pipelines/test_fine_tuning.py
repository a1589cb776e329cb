"""Fine-tuned models at both gates: without a signed report on their data they stay out, and what is missing is named."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from build.containers import safetensors
from build.data_sets import poisoned, reviews, write_lines
from build.running import Outcome, command

PLACE = "oci:registry:net:v1"


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An adapter, and data in data/ that a signed report is on."""
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    demand("fine-tuned")
    (tmp_path / "data").mkdir()
    write_lines(tmp_path / "data" / "t.jsonl", reviews(60))
    assert command("dataset", "check", "data", "--sign", "data.sig").status == 0
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(safetensors({"w": b"12345678"}))
    config = {"peft_type": "LORA", "r": 8, "base_model_name_or_path": "org/base", "target_modules": ["q"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def demand(value: str) -> None:
    place = Path("weighbridge.toml")
    text = place.read_text().replace('dataset = "off"\n', "").replace('dataset = "fine-tuned"\n', "")
    place.write_text(text.replace("[stage.production]\n", f'[stage.production]\ndataset = "{value}"\n'))


def take_in(*more: str) -> Outcome:
    words = ("--replace", "--to", PLACE, "--stage", "production", "--format", "json")
    return command("intake", "net", *words, *more)


def reason() -> tuple[str, str]:
    outcome = command("admit", PLACE, "--stage", "production", "--format", "json")
    (found,) = (one for one in outcome.json()["reasons"] if one["requirement"] == "dataset-checked")
    assert (outcome.status == 0) == (found["result"] == "met")
    return found["result"], found["why"]


def test_data_fingerprint_check_and_parameters_are_attested_together(model: Path) -> None:
    Path("job.json").write_text('{"learning_rate": 0.0001, "epochs": 3}')
    outcome = take_in("--dataset", "data.sig", "--training", "job.json")
    assert outcome.status == 0, outcome.out
    assert "https://weighbridge.dev/predicate/fine-tuning/v1" in {one["type"] for one in outcome.json()["evidence"]}
    assert reason() == ("met", "1 of 1 data sets, signed by this machine")
    fingerprint = command("dataset", "fingerprint", "data", "--format", "json").json()
    tree = command("registry", "tree", PLACE, "--format", "json").out
    assert "fine-tuning" in tree
    for form in ("cyclonedx", "spdx"):
        bill = bill_of(form)
        assert fingerprint["rootDigest"].removeprefix("sha256:") in bill
        assert fingerprint["records"]["root"] in bill


def bill_of(form: str) -> str:
    """The stored bill, out of the registry."""
    from weighbridge.attest.bundles import read_bundle
    from weighbridge.core.evidence import CYCLONEDX_PREDICATE, SPDX_PREDICATE
    from weighbridge.registry.base import parse_reference
    from weighbridge.registry.layout import open_layout
    from weighbridge.registry.read import load_model

    wanted = {"cyclonedx": CYCLONEDX_PREDICATE, "spdx": SPDX_PREDICATE}[form]
    reference = parse_reference(PLACE, "")
    evidence = load_model(open_layout(reference.place, reference.name), reference).evidence
    (found,) = (one for one in evidence if one.predicate_type == wanted)
    return read_bundle(found.bundle).payload.decode()


def test_without_a_report_the_first_gate_says_what_is_missing(model: Path) -> None:
    outcome = take_in()
    assert outcome.status == 1
    refusal = outcome.json()["refusal"]
    assert refusal == "it is made of org/base; missing: the report on the data that it was fine-tuned on"
    (model / "adapter_config.json").unlink()
    assert take_in().status == 0
    assert reason()[0] == "met"


def test_without_a_report_the_second_gate_says_what_is_missing(model: Path) -> None:
    demand("off")
    assert take_in().status == 0
    demand("fine-tuned")
    result, why = reason()
    assert result == "unmet"
    assert "evidence-missing" in why


def test_a_fingerprint_alone_is_not_enough(model: Path) -> None:
    assert command("dataset", "fingerprint", "data", "--sign", "data.sig").status == 0
    refusal = take_in("--dataset", "data.sig").json()["refusal"]
    assert "missing: the check of the data" in refusal


def test_parameters_are_demanded_too(model: Path) -> None:
    (model / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    assert "missing: the parameters" in take_in("--dataset", "data.sig").json()["refusal"]


def test_poisoned_data_keeps_the_model_out(model: Path) -> None:
    records, _ = poisoned(40)
    write_lines(Path("data/t.jsonl"), records)
    assert command("dataset", "check", "data", "--sign", "data.sig").status == 1
    refusal = take_in("--dataset", "data.sig").json()["refusal"]
    assert "the verdict on the data is suspicious: dataset/trigger" in refusal


def test_a_report_by_a_stranger_does_not_count(model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    here = Path.cwd()
    os.chdir(other)
    try:
        assert command("init").status == 0
        assert command("dataset", "check", str(here / "data"), "--sign", str(here / "data.sig")).status == 0
    finally:
        os.chdir(here)
    outcome = take_in("--dataset", "data.sig")
    assert outcome.status == 1
    assert "does not count: signer-unknown" in outcome.json()["refusal"]


def test_words_that_cannot_be_meant(model: Path) -> None:
    assert command("intake", "net", "--dataset", "nothing.sig").status == 2
    Path("job.json").write_text("[]")
    assert command("intake", "net", "--training", "job.json").status == 2
    demand("sometimes")
    outcome = command("policy", "show")
    assert outcome.status == 2
    assert "dataset can be" in outcome.err
