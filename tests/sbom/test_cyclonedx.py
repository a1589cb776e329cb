"""CycloneDX: valid by the official schema whatever the names, complete, and always the same bytes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from build.bill_models import MADE_AT, bill_of, write_full_model
from build.containers import safetensors, torch_zip
from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.sbom.bill import DataSet, EvidenceReference, Licence, ModelBill
from weighbridge.sbom.cyclonedx import CycloneDxBill, address, render_cyclonedx
from weighbridge.sbom.licences import IDS, expression

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMAS = {"1.6": SchemaVersion.V1_6, "1.7": SchemaVersion.V1_7}
VALIDATORS = {name: JsonStrictValidator(version) for name, version in SCHEMAS.items()}


def valid(bill: ModelBill) -> dict[str, Any]:
    """The document in the newest version, after both were accepted by the official validator."""
    for name, validator in VALIDATORS.items():
        document = render_cyclonedx(bill, made_at=MADE_AT, version=name)
        error = validator.validate_str(json.dumps(document))
        assert error is None, error
    refs = [one["bom-ref"] for one in document["components"]]
    assert len(refs) == len(set(refs))
    assert set(document["dependencies"][0]["dependsOn"]) == set(refs)
    return document


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> ModelBill:
    return bill_of(
        write_full_model(tmp_path_factory.mktemp("full") / "tiny"),
        source="hf://org/tiny",
        revision="0123456789abcdef0123456789abcdef01234567",
        supplier="org",
        released="2026-11-01T00:00:00Z",
        data_sets=(DataSet("own", "training", "the command line", "v1", "ab" * 32),),
    )._replace(evidence=(EvidenceReference("scan", "https://example.test/scan", digest_bytes(b"bundle")),))


def properties(holder: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["value"] for one in holder["properties"]}


def test_a_whole_model_is_valid_and_complete(full: ModelBill) -> None:
    document = valid(full)
    model = document["metadata"]["component"]
    assert model["purl"] == "pkg:huggingface/org/tiny@0123456789abcdef0123456789abcdef01234567"
    assert model["supplier"] == {"name": "org"}
    assert model["licenses"] == [{"license": {"name": "llama3.2", "acknowledgement": "declared"}}]
    ancestor = model["pedigree"]["ancestors"][0]
    assert (ancestor["name"], ancestor["properties"][0]["value"]) == ("meta-llama/Llama-3.2-1B", "adapter")
    parameters = model["modelCard"]["modelParameters"]
    assert parameters["task"] == "text-generation"
    assert parameters["architectureFamily"] == "llama"
    assert parameters["modelArchitecture"] == "LlamaForCausalLM"
    data = {one["bom-ref"]: one for one in document["components"] if one["type"] == "data"}
    assert [data[one["ref"]]["name"] for one in parameters["datasets"]] == ["own", "squad", "org/data", "squad"]
    assert {one["name"]: one["version"] for one in data.values() if "version" in one} == {
        "own": "v1",
        "org/data": "0123abc",
        "squad": "5fe18c4",
    }
    assert data["data:0"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "f1", "value": "0.91", "slice": "SQuAD"}
    ]
    assert "lorries in the tests" in model["modelCard"]["considerations"]["useCases"][0]
    assert "nothing about ships" in model["modelCard"]["considerations"]["technicalLimitations"][0]
    kinds = {one["type"]: one["url"] for one in model["externalReferences"]}
    assert kinds["distribution"] == "hf://org/tiny"
    assert kinds["attestation"].startswith("ni:///sha-256;")


def test_training_is_a_workflow_with_its_data(full: ModelBill) -> None:
    document = valid(full)
    workflow = document["formulation"][0]["workflows"][0]
    told = properties(workflow)
    assert told["weighbridge:method:adapter"] == "LORA"
    assert told["weighbridge:method:trainer"] == "transformers.training_args.TrainingArguments"
    assert told["weighbridge:training:adapter.r"] == "8"
    assert told["weighbridge:training:seed"] == "42"
    assert told["weighbridge:training:train_batch_size"] == "8"
    assert told["weighbridge:training:trainer_state.eval_loss"] == "1.25"
    assert not any("/place/ada" in value for value in told.values())
    assert [one["resource"]["ref"] for one in workflow["inputs"]] == ["data:0", "data:1", "data:2"]
    assert workflow["outputs"] == [{"type": "artifact", "resource": {"ref": "model"}}]


def test_what_it_needs_is_told_with_versions(full: ModelBill) -> None:
    needed = {
        (one["name"], one.get("version", "")): one
        for one in valid(full)["components"]
        if one["type"] in ("library", "platform")
    }
    assert needed["torch", "2.4.0"]["purl"] == "pkg:pypi/torch@2.4.0"
    assert ("transformers", "4.44.0") in needed
    assert ("peft", "0.12.0") in needed
    assert ("CUDA", "12.1") in needed
    assert properties(needed["numpy", ""])["weighbridge:wanted"] == ">=1.26,<3"
    assert needed["numpy", ""]["purl"] == "pkg:pypi/numpy"
    assert ("autoawq", "") in needed
    assert not any("example.invalid" in json.dumps(one) for one in needed.values())


def test_what_was_observed_is_told(full: ModelBill) -> None:
    told = properties(valid(full)["metadata"]["component"])
    assert told["weighbridge:observed:parameters"] == "6"
    assert told["weighbridge:observed:dtype:U8"] == "6"
    assert told["weighbridge:observed:parameters of model.safetensors"] == "6"
    assert told["weighbridge:declared:custom-code"] == "modeling.Net"
    assert told["weighbridge:architecture:hidden_size"] == "64"
    assert told["weighbridge:architecture:quantization.bits"] == "4"
    assert told["weighbridge:model:pickle-present"] == "true"


def test_a_pickle_is_said_to_be_present(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(torch_zip([("FloatStorage", "0", bytes(8))], {"FloatStorage": 4}))
    (tmp_path / "m.safetensors").write_bytes(safetensors({"a": b"1234"}))
    bill = bill_of(tmp_path)
    assert bill.pickle_present
    assert {file.path: file.can_carry_code for file in bill.files} == {"m.pt": True, "m.safetensors": False}
    valid(bill)


def test_what_is_not_known_is_said_and_not_made_up(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello\n")
    document = valid(bill_of(tmp_path))
    component = document["metadata"]["component"]
    assert component["modelCard"] == {}
    assert not {"pedigree", "externalReferences", "licenses", "purl", "supplier", "description"} & set(component)
    assert "formulation" not in document
    assert not any("observed" in one["name"] for one in component["properties"])
    unknown = [one["value"] for one in document["metadata"]["properties"] if one["name"] == "weighbridge:unknown"]
    assert {"models: version", "models: licence", "models: base model", "datasets: name"} <= set(unknown)


def test_hostile_names_and_values_stay_valid_data(tmp_path: Path) -> None:
    for name in ("\x1b[2J.txt", "a\nb.txt", "\u202ecod.txt", "a!b@c%d.txt", os.fsdecode(b"bad\xff.txt"), '"quote".txt'):
        (tmp_path / name).write_bytes(b"hello\n")
    hostile = {"architectures": ["\u202e\x1b[2J\n"], "model_type": "\ud800", "hidden_size": "\x1b]8;;http://x\x07"}
    (tmp_path / "config.json").write_text(json.dumps(hostile))
    (tmp_path / "requirements.txt").write_text("a\x1b==1\npkg==1;evil\nname==../../etc\n")
    (tmp_path / "README.md").write_text(
        "---\nlicense: 'x\u202e y'\ndatasets: ['\\x1b]0;t', 'a b@c@d']\n---\n# \x1b[2J\n"
    )
    document = valid(bill_of(tmp_path, source="file:\x1b", revision="\x1b[2J"))
    shown = [text for key, text in texts(document) if key not in ("bom-ref", "dependsOn")]
    assert len(shown) > 50
    assert all(text.isprintable() and not set(text) & {"\u202e", "\x1b"} for text in shown)


def texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a document with the key that it stands under."""
    if isinstance(node, str):
        yield key, node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield from texts(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value, key)


@pytest.mark.parametrize(
    "text",
    ["javascript:alert(1)", "https://user:secret@host/x", "not an address", "https://a b", "http://[", "file:\x1b", ""],
)
def test_what_is_no_address_never_becomes_one(text: str) -> None:
    assert address(text) == ""


@pytest.mark.parametrize("text", ["hf://org/name", "https://example.test/m?x=1#a", "oci://host/name@sha256:ab"])
def test_addresses_stay_as_they_are(text: str) -> None:
    assert address(text) == text


def test_ten_thousand_files_stay_valid(tmp_path: Path) -> None:
    for index in range(10_000):
        (tmp_path / f"{index}.txt").write_bytes(b"x\n")
    assert len(render_cyclonedx(bill_of(tmp_path), made_at=MADE_AT)["components"]) == 10_000


def test_the_same_model_gives_the_same_bytes(full: ModelBill, tmp_path: Path) -> None:
    again = bill_of(
        write_full_model(tmp_path / "tiny"),
        source="hf://org/tiny",
        revision="0123456789abcdef0123456789abcdef01234567",
        supplier="org",
        released="2026-11-01T00:00:00Z",
        data_sets=full.data_sets[:1],
    )
    first, second = (CycloneDxBill(bill._replace(evidence=()), MADE_AT).predicate() for bill in (full, again))
    assert canonical_json(first) == canonical_json(second)


def test_every_licence_that_is_mapped_is_on_the_list(full: ModelBill) -> None:
    document = render_cyclonedx(full, made_at=MADE_AT)
    model = document["metadata"]["component"]
    model["licenses"] = [
        one
        for name in IDS
        for one in render_cyclonedx(full._replace(licence=Licence(name)), made_at=MADE_AT)["metadata"]["component"][
            "licenses"
        ]
    ]
    assert [one["license"]["id"] for one in model["licenses"]] == list(IDS.values())
    error = VALIDATORS["1.7"].validate_str(json.dumps(document))
    assert error is None, error


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        ("mit", "MIT"),
        ("MIT OR apache-2.0", "MIT OR Apache-2.0"),
        ("mit AND llama3", "MIT AND LicenseRef-llama3"),
        ("mit, mit", "MIT"),
        ("a b\u202ec", "LicenseRef-a-b-c"),
        ("\u202e", "LicenseRef-unnamed"),
    ],
)
def test_licences_become_expressions(full: ModelBill, declared: str, text: str) -> None:
    found = expression(declared)
    assert found is not None
    assert found.text == text
    valid(full._replace(licence=Licence(declared)))


@pytest.mark.parametrize("declared", ["", "unknown", "none", " AND "])
def test_no_licence_is_no_expression(declared: str) -> None:
    assert expression(declared) is None
