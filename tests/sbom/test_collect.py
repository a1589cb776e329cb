"""What is taken out of models for their bills: from weights, configurations, cards and what trainers leave."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build import gguf_files as g
from build import keras_models
from build import onnx_models as o
from build.bill_models import MADE_AT, bill_of, training_args, write_full_model
from build.containers import torch_zip
from build.licences import MIT
from build.spdx_documents import check_spdx
from build.system_torch import need_torch, run_torch
from weighbridge.core.claims import Claim, Status
from weighbridge.sbom.bill import BaseModel, DataSet, Declared
from weighbridge.sbom.documents import Documents
from weighbridge.sbom.origins import bases
from weighbridge.sbom.spdx import render_spdx
from weighbridge.sbom.statements import statements
from weighbridge.sbom.training_args import training_arguments

if TYPE_CHECKING:
    from pathlib import Path


def test_gguf_tells_its_architecture_and_its_data(tmp_path: Path) -> None:
    pairs = (
        g.text("general.architecture", "llama"),
        g.u32("llama.context_length", 4096),
        g.text("general.dataset.0.name", "SQuAD"),
        g.text("general.dataset.0.version", "1.1"),
        g.text("tokenizer.ggml.model", "gpt2"),
    )
    (tmp_path / "m.gguf").write_bytes(g.gguf(pairs))
    bill = bill_of(tmp_path)
    told = {one.name: one for one in bill.architecture}
    assert told["general.architecture"].value == "llama"
    assert told["llama.context_length"].value == "4096"
    assert all(one.observed and one.where == "m.gguf" for one in bill.architecture)
    assert [(one.name, one.version, one.where) for one in bill.data_sets] == [("SQuAD", "1.1", "m.gguf")]
    assert not bill.files[0].can_carry_code


def test_onnx_tells_operator_sets_and_custom_operators(tmp_path: Path) -> None:
    graph = o.graph(o.node("Add"), o.node("Gelu", domain="com.microsoft"), o.node("Own", domain="com.example"))
    model = o.model(graph, more=o.blob(8, o.operator_set("com.example", 3)))
    (tmp_path / "m.onnx").write_bytes(model)
    bill = bill_of(tmp_path)
    used = {one.domain: one for one in bill.operators}
    assert (used[""].operators, used[""].version, used[""].custom) == (1, 17, ())
    assert (used["com.example"].version, used["com.example"].custom) == (3, ("Own",))
    needed = {(one.kind, one.name, one.version) for one in bill.dependencies}
    assert {("runtime", "ONNX ai.onnx", "17"), ("runtime", "ONNX com.example", "3")} <= needed
    assert ("package", "onnxruntime", "") in needed


def test_a_model_without_a_card_says_little_and_nothing_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "x"}')
    bill = bill_of(tmp_path)
    assert (bill.bases, bill.data_sets, bill.method, bill.training, bill.prose, bill.metrics) == ((),) * 6
    assert (bill.source, bill.revision, bill.supplier, bill.signature_verified) == (None, None, "", None)
    assert (bill.licence.declared, bill.licence.concluded) == ("", "")


def test_data_that_is_known_better_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\ndatasets: [squad, other]\n---\n# M\n")
    known = DataSet("squad", "training", "the command line", "v1")
    bill = bill_of(tmp_path, data_sets=(known, known))
    assert [(one.name, one.version) for one in bill.data_sets] == [("squad", "v1"), ("other", "")]
    check_spdx(render_spdx(bill, made_at=MADE_AT))


def test_a_base_that_our_store_knows_has_its_digest() -> None:
    digest = "sha256:" + "a" * 64
    parts = (
        Claim("lineage/relation", Status.DECLARED, "the card calls it adapter", "adapter"),
        Claim("lineage/base-model", Status.DECLARED, "it is here", f"org/base@{digest}"),
    )
    documents = Documents(claims=(Claim("lineage", Status.DECLARED, "adapter", "org/base", parts=parts),))
    assert bases(documents, Declared()) == (BaseModel("org/base", "it is here", "adapter", digest),)


def test_a_line_of_models_has_each_with_its_commit_and_what_it_is_to_the_next() -> None:
    def step(name: str, *parts: Claim) -> Claim:
        return Claim("lineage/base-model", Status.DECLARED, "", name, parts=parts)

    commit = Claim("lineage/base-revision", Status.DECLARED, "", "0123abc")
    parts = (
        Claim("lineage/relation", Status.DECLARED, "", "finetune"),
        step("org/base@sha256:00", commit, step("org/first")),
        step("org/other"),
    )
    found = bases(Documents(claims=(Claim("lineage", Status.DECLARED, "", parts=parts),)), Declared())
    assert found == (
        BaseModel("org/base", "", "finetune", "sha256:00", "0123abc"),
        BaseModel("org/first", "", "base of org/base"),
        BaseModel("org/other", "", "finetune"),
    )


def test_an_adapter_names_the_commit_of_its_base() -> None:
    tree = {"base_model_name_or_path": "org/base", "revision": "0123abc"}
    claims = (
        Claim("lineage", Status.DECLARED, "", parts=(Claim("lineage/base-model", Status.DECLARED, "", "org/base"),)),
    )
    (found,) = bases(Documents(trees={"adapter_config.json": tree}, claims=claims), Declared())
    assert found.revision == "0123abc"


def test_the_text_of_a_licence_is_concluded(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text(MIT)
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n# M\n")
    licence = bill_of(tmp_path).licence
    assert (licence.declared, licence.concluded, licence.problem) == ("mit", "mit", "")


def test_a_licence_against_that_of_the_base_is_said(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nlicense: mit\nbase_model: meta-llama/Llama-3.2-1B\n---\n# M\n")
    licence = bill_of(tmp_path).licence
    assert licence.declared == "mit"
    assert "llama3.2" in licence.problem


def test_code_that_a_loader_runs_is_named(tmp_path: Path) -> None:
    bill = bill_of(write_full_model(tmp_path / "m"))
    assert [(one.name, one.value, one.where) for one in bill.custom_code] == [
        ("auto_map.AutoModel", "modeling.Net", "config.json")
    ]
    assert {file.path for file in bill.files if file.can_carry_code} == {"modeling.py", "training_args.bin"}


def test_a_file_that_was_changed_after_the_scan_is_not_believed(tmp_path: Path) -> None:
    from build.inspecting import inspected
    from weighbridge.core.origin import Origin
    from weighbridge.pipelines.materials import bill_of as of_inspection

    write_full_model(tmp_path / "m")
    inspection = inspected(tmp_path / "m")
    (tmp_path / "m" / "adapter_config.json").write_text('{"peft_type": "EVIL"}')
    bill = of_inspection(inspection, str(tmp_path / "m"), Origin("path", ""), ())
    assert "EVIL" not in {one.value for one in bill.method}
    assert any("adapter_config.json is not what was inspected" in problem for problem in bill.problems)


def test_every_statement_names_a_subject_that_is_known(tmp_path: Path) -> None:
    from weighbridge.sbom.statements import SUBJECTS

    told = statements(bill_of(write_full_model(tmp_path / "m")))
    assert len(told) > 50
    assert {one.subject for one in told} <= set(SUBJECTS)


def test_pickles_and_archives_name_the_libraries_that_load_them(tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_bytes(torch_zip([("FloatStorage", "0", bytes(8))], {"FloatStorage": 4}))
    (tmp_path / "m.keras").write_bytes(keras_models.archive(keras_models.model(keras_models.layer("Dense"))))
    (tmp_path / "m.pkl").write_bytes(b"\x80\x02csklearn.linear_model\nRidge\n)\x81.")
    (tmp_path / "evil.pkl").write_bytes(b"\x80\x02cevil_package.x\ny\n.")
    (tmp_path / "training_args.bin").write_bytes(training_args(seed=1))
    needed = {(one.name, one.where.partition("!")[0]) for one in bill_of(tmp_path).dependencies}
    assert {("torch", "m.pt"), ("keras", "m.keras"), ("scikit-learn", "m.pkl")} <= needed
    assert not any("evil" in name or name == "transformers" for name, _ in needed)


# training_args.bin


def test_training_arguments_are_read_without_loading() -> None:
    found = training_arguments(training_args(seed=42, learning_rate=2e-5, fp16=True, optim="adamw", logging_dir="/x"))
    assert found is not None
    assert found.class_name == "transformers.training_args.TrainingArguments"
    assert dict(found.fields) == {"seed": "42", "learning_rate": "2e-05", "fp16": "true", "optim": "adamw"}


def test_training_arguments_of_torch_itself(tmp_path: Path) -> None:
    need_torch()
    run_torch("torch_arguments", tmp_path / "new.bin", tmp_path / "old.bin")
    for name in ("new.bin", "old.bin"):
        found = training_arguments((tmp_path / name).read_bytes())
        assert found is not None
        assert found.class_name == "transformers.training_args.TrainingArguments"
        fields = dict(found.fields)
        assert fields.pop("lr_scheduler_type").lower() == "linear"
        assert fields == {"num_train_epochs": "3", "learning_rate": "2e-05", "seed": "42", "fp16": "true"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18),
        b"PK\x03\x04PK\x05\x06" + b"\xff" * 18,
        pickle.dumps({"seed": 42}, 2),
        torch_zip([("FloatStorage", "0", bytes(8))], {"FloatStorage": 4}),
        b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00echotR.",
        training_args(seed=42)[:-1],
        training_args(seed=42) + bytes(2 * 1024 * 1024),
    ],
)
def test_what_is_no_such_file_tells_nothing(raw: bytes) -> None:
    found = training_arguments(raw)
    assert found is None or "seed" not in dict(found.fields) or raw == training_args(seed=42)[:-1]


@given(st.integers(0, 400), st.integers(0, 255), st.sampled_from([0, 1]))
def test_a_changed_byte_never_raises(place: int, value: int, which: int) -> None:
    zipped = torch_zip([("FloatStorage", "0", bytes(8))], {"FloatStorage": 4})
    raw = bytearray((training_args(seed=42, optim="adamw"), zipped)[which])
    raw[place % len(raw)] = value
    training_arguments(bytes(raw))


# Lists of packages


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("torch==2.4.0", ("torch", "2.4.0", "==2.4.0")),
        ("Torch_Vision [gpu] >= 0.15, < 1", ("torch-vision", "", ">= 0.15,< 1")),
        ("a~=1.0; python_version < '3.9'", ("a", "", "~=1.0")),
        ("a==1.0 --hash=sha256:00", ("a", "1.0", "==1.0")),
        ("a", ("a", "", "")),
        ("a===1.0 # exactly", ("a", "1.0", "===1.0")),
        ("a" + "=" * 5_000, None),
        ("a" + "[" * 5_000, None),
        ("a @ https://example.invalid/a.whl", None),
        ("-r other.txt", None),
        ("# a", None),
        ("../../etc/passwd", None),
        ("a\x1b==1", None),
    ],
)
def test_lines_of_requirements(tmp_path: Path, line: str, told: tuple[str, str, str] | None) -> None:
    (tmp_path / "requirements.txt").write_text(line + "\n")
    needed = [(one.name, one.version, one.wanted) for one in bill_of(tmp_path).dependencies]
    assert needed == ([told] if told else [])


def test_versions_in_configurations_have_to_look_like_versions(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"transformers_version": "4.44; rm -rf /"}))
    assert bill_of(tmp_path).dependencies == ()
