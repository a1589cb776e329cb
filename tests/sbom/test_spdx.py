"""SPDX 3.0.1: valid by the official model, no reference leads nowhere, and no profile is claimed that is not kept."""

from __future__ import annotations

import copy
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from build.bill_models import MADE_AT, bill_of, write_full_model
from build.spdx_documents import check_spdx
from weighbridge.core.digests import canonical_json, digest_bytes
from weighbridge.sbom.bill import EvidenceReference, Licence, ModelBill
from weighbridge.sbom.spdx import SpdxBill, render_spdx

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> ModelBill:
    bill = bill_of(
        write_full_model(tmp_path_factory.mktemp("full") / "tiny"),
        source="hf://org/tiny",
        revision="0123abc",
        supplier="org",
        released="2026-11-01T00:00:00Z",
    )
    return bill._replace(evidence=(EvidenceReference("scan", "https://example.test/scan", digest_bytes(b"bundle")),))


def rendered(bill: ModelBill) -> dict[str, Any]:
    document = render_spdx(bill, made_at=MADE_AT)
    check_spdx(document)
    return document


def of_type(document: dict[str, Any], type_: str) -> list[dict[str, Any]]:
    return [row for row in document["@graph"] if row["type"] == type_]


def related(document: dict[str, Any], kind: str) -> list[str]:
    """Names of what the model is related to."""
    rows = {row.get("spdxId"): row for row in document["@graph"]}
    (model,) = of_type(document, "ai_AIPackage")
    return [
        rows.get(target, {}).get("name", target)
        for row in of_type(document, "Relationship")
        if row["relationshipType"] == kind and row["from"] == model["spdxId"]
        for target in row["to"]
    ]


def test_a_whole_model_is_valid_and_complete(full: ModelBill) -> None:
    document = rendered(full)
    (model,) = of_type(document, "ai_AIPackage")
    assert model["software_packageVersion"] == "0123abc"
    assert model["software_downloadLocation"] == "hf://org/tiny"
    assert model["ai_typeOfModel"] == ["llama", "LlamaForCausalLM"]
    assert model["ai_domain"] == ["text-generation"]
    hyper = {entry["key"]: entry["value"] for entry in model["ai_hyperparameter"]}
    assert hyper["adapter.lora_alpha"] == "16"
    assert (hyper["learning_rate"], hyper["learning_rate (README.md)"]) == ("0.001", "2e-05")
    assert "ships" in model["ai_limitation"]
    assert "LORA" in model["ai_informationAboutTraining"]
    assert model["ai_metric"] == [{"type": "DictionaryEntry", "key": "f1 on SQuAD", "value": "0.91"}]
    assert sorted(related(document, "contains")) == sorted(file.path for file in full.files)
    assert related(document, "trainedOn") == ["squad", "org/data"]
    assert related(document, "testedOn") == ["squad"]
    assert related(document, "descendantOf") == ["meta-llama/Llama-3.2-1B"]
    assert "torch" in related(document, "dependsOn")
    assert related(document, "hasEvidence") == ["scan attestation"]
    files = {row["name"]: row["verifiedUsing"][0]["hashValue"] for row in of_type(document, "software_File")}
    assert {file.path: file.sha256.hex for file in full.files}.items() <= files.items()


def test_the_ai_profile_is_claimed_only_where_all_that_it_demands_is_known(full: ModelBill) -> None:
    def claimed(bill: ModelBill) -> list[str]:
        (document,) = of_type(rendered(bill), "SpdxDocument")
        return document["profileConformance"]

    assert "ai" in claimed(full)
    for field in ("source", "revision", "supplier", "released"):
        less = full._replace(**{field: ""})
        assert "ai" not in claimed(less), field
        assert "Not known" in of_type(rendered(less), "SpdxDocument")[0]["comment"]
    assert "ai" not in claimed(full._replace(released="yesterday"))
    assert "dataset" not in claimed(full)


@pytest.mark.parametrize(
    "licence", ["", "mit", "llama3", "mit OR llama3", "a\u202eb", "apache-2.0 AND cc-by-4.0", "other"]
)
def test_every_licence_is_valid(full: ModelBill, licence: str) -> None:
    document = rendered(full._replace(licence=Licence(licence, "mit")))
    assert (related(document, "hasDeclaredLicense") == ["expandedlicensing_NoAssertionLicense"]) == (not licence)


def test_hostile_text_stays_data(tmp_path: Path) -> None:
    for name in ("\x1b[2J.txt", "a\nb.txt", "\u202ecod.txt", os.fsdecode(b"bad\xff.txt")):
        (tmp_path / name).write_bytes(b"hello\n")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "\ud800\x1b", "architectures": ["_:blank"]}))
    (tmp_path / "README.md").write_text("---\ndatasets: ['_:x', 'urn:uuid:1', 'https://example.invalid/']\n---\n")
    document = rendered(bill_of(tmp_path, source="javascript:alert(1)", revision="\x1b"))
    assert "software_downloadLocation" not in of_type(document, "ai_AIPackage")[0]
    names = [row["spdxId"] for row in document["@graph"] if "spdxId" in row]
    assert all(name.startswith("urn:uuid:") and len(name) == 45 for name in names)


def test_the_same_bill_gives_the_same_bytes(full: ModelBill) -> None:
    first, second = (canonical_json(SpdxBill(full, MADE_AT).predicate()) for _ in range(2))
    assert first == second


def edited(document: dict[str, Any], type_: str, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    other = copy.deepcopy(document)
    change(of_type(other, type_)[0])
    return other


@pytest.mark.parametrize(
    ("type_", "change"),
    [
        ("ai_AIPackage", lambda row: row.update(ai_bogus="x")),
        ("ai_AIPackage", lambda row: row.update(ai_useSensitivePersonalInformation="perhaps")),
        ("ai_AIPackage", lambda row: row.pop("suppliedBy")),
        ("ai_AIPackage", lambda row: row.pop("creationInfo")),
        ("ai_AIPackage", lambda row: row.update(suppliedBy="urn:uuid:nobody")),
        ("Relationship", lambda row: row.update(relationshipType="likes")),
        ("Relationship", lambda row: row.update(to=["urn:uuid:nothing"])),
        ("Relationship", lambda row: row.update(relationshipType="contains")),
        ("software_File", lambda row: row.update(verifiedUsing=[{"type": "Hash", "algorithm": "sha-256"}])),
        ("dataset_DatasetPackage", lambda row: row.pop("dataset_datasetType")),
        ("CreationInfo", lambda row: row.update(created="today")),
    ],
)
def test_the_check_sees_what_is_wrong(full: ModelBill, type_: str, change: Callable[[dict[str, Any]], object]) -> None:
    document = edited(rendered(full), type_, change)
    with pytest.raises((AssertionError, KeyError, ValueError, TypeError)):
        check_spdx(document)
