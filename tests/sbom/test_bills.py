"""The bill of materials: valid by the official schema whatever the names, complete, and always the same bytes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from build.containers import safetensors, torch_zip
from build.inspecting import inspected
from weighbridge.core.digests import canonical_json
from weighbridge.sbom.bill import ModelBill
from weighbridge.sbom.collect import collect
from weighbridge.sbom.cyclonedx import CycloneDxBill, render_cyclonedx
from weighbridge.sbom.minimal import render_minimal

if TYPE_CHECKING:
    from pathlib import Path

MADE_AT = "2026-11-24T12:00:00Z"
CONFIG = {
    "architectures": ["DigitsNet"],
    "model_type": "digits",
    "torch_dtype": "float32",
    "_name_or_path": "base/digits",
    "auto_map": {"AutoModel": "modeling.Net"},
    "quantization_config": {"quant_method": "awq"},
}


def bill_of(folder: Path, **origin: str) -> ModelBill:
    return collect(inspected(folder), source=origin.get("source"), revision=origin.get("revision"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_bytes(safetensors({"a": b"1234", "b": b"56"}))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "modeling.py").write_text("class Net: ...\n")
    return tmp_path


def valid(bill: ModelBill) -> None:
    text = json.dumps(render_cyclonedx(bill, made_at=MADE_AT))
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    assert error is None, error


def test_an_ordinary_bill_is_valid_and_complete(model: Path) -> None:
    bill = bill_of(model, source="hf://org/name", revision="abc")
    valid(bill)
    document = render_cyclonedx(bill, made_at=MADE_AT)
    component = document["metadata"]["component"]
    assert component["modelCard"]["modelParameters"] == {
        "architectureFamily": "digits",
        "modelArchitecture": "DigitsNet",
    }
    assert component["pedigree"]["ancestors"][0]["name"] == "base/digits"
    properties = {entry["name"]: entry["value"] for entry in component["properties"]}
    assert properties["weighbridge:observed:parameters"] == "6"
    assert properties["weighbridge:observed:dtype:U8"] == "6"
    assert properties["weighbridge:declared:custom-code"] == "modeling.Net"
    assert properties["weighbridge:scan:verdict"] == "clean"
    digests = {entry["name"]: entry["hashes"][0]["content"] for entry in document["components"]}
    assert digests == {file.path: file.sha256.hex for file in bill.files}


def test_a_pickle_is_said_to_be_present(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(torch_zip([("FloatStorage", "0", bytes(8))], {"FloatStorage": 4}))
    bill = bill_of(tmp_path)
    assert bill.pickle_present
    assert bill.files[0].can_carry_code
    valid(bill)


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    bill = bill_of(tmp_path)
    valid(bill)
    component = render_cyclonedx(bill, made_at=MADE_AT)["metadata"]["component"]
    assert component["modelCard"] == {}
    assert not {"pedigree", "externalReferences"} & set(component)
    assert not any("observed" in entry["name"] for entry in component["properties"])


def test_hostile_names_stay_valid(tmp_path: Path) -> None:
    for name in ("\x1b[2J.txt", "a\nb.txt", "\u202ecod.txt", "a!b@c%d.txt", os.fsdecode(b"bad\xff.txt"), '"quote".txt'):
        (tmp_path / name).write_bytes(b"hello\n")
    hostile = {"architectures": ["\u202e\x1b[2J\n"], "model_type": "\ud800"}
    (tmp_path / "config.json").write_text(json.dumps(hostile))
    valid(bill_of(tmp_path, source="file:\x1b"))


def test_ten_thousand_files_stay_valid(tmp_path: Path) -> None:
    for index in range(10_000):
        (tmp_path / f"{index}.txt").write_bytes(b"x\n")
    bill = bill_of(tmp_path)
    assert len(render_cyclonedx(bill, made_at=MADE_AT)["components"]) == 10_000


def test_the_same_model_gives_the_same_bytes(model: Path) -> None:
    first, second = bill_of(model), bill_of(model)._replace(scanned_at=bill_of(model).scanned_at)
    second = second._replace(scanned_at=first.scanned_at)
    assert canonical_json(CycloneDxBill(first, MADE_AT).predicate()) == canonical_json(
        CycloneDxBill(second, MADE_AT).predicate()
    )


def test_the_short_form_has_the_fields_of_the_guides(model: Path) -> None:
    document = render_minimal(bill_of(model, revision="abc"), made_at=MADE_AT)
    assert document["provenance"]["commitHash"] == "abc"
    assert document["securityMetadata"]["picklePresent"] is False
    assert document["securityMetadata"]["scanResult"] == "clean"
    assert {item["filename"] for item in document["artifacts"]} == {"model.safetensors", "config.json", "modeling.py"}
