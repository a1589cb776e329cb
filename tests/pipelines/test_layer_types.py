"""What each file of a model is in the manifest: every format has its place, and others read what we wrote."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xgboost as xgb
from modelpack_client import ModelPackClient
from modelpack_client.constants import (
    CODE_RAW_MEDIA_TYPE,
    DATASET_RAW_MEDIA_TYPE,
    DOC_RAW_MEDIA_TYPE,
    UNTESTED_MEDIA_TYPE_ANNOTATION,
    WEIGHT_CONFIG_RAW_MEDIA_TYPE,
    WEIGHT_RAW_MEDIA_TYPE,
)

from build.containers import safetensors, torch_legacy, torch_zip
from build.docker_registry import docker  # noqa: F401 -- a fixture
from build.inspecting import inspected
from build.running import command
from build.seeds import SEEDS
from weighbridge.formats import FORMATS
from weighbridge.pipelines import intake, layer_types
from weighbridge.pipelines.layer_types import LayerType, main_form
from weighbridge.registry.layout import open_layout
from weighbridge.scan.external import CheckpointShard, ExternalTensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from build.docker_registry import Running

WEIGHT, CONFIG, CODE = WEIGHT_RAW_MEDIA_TYPE, WEIGHT_CONFIG_RAW_MEDIA_TYPE, CODE_RAW_MEDIA_TYPE
DATASET, DOC = DATASET_RAW_MEDIA_TYPE, DOC_RAW_MEDIA_TYPE
NOT_WEIGHTS = {
    CONFIG: "sentencepiece tflite-metadata tensorflow-checkpoint-state tensorflow-fingerprint tensorflow-hub-module "
    "keras-metadata toml settings json-model template hub-config yaml text tar",
    CODE: "notebook dockerfile makefile envrc requirements site-path python program script package",
    DATASET: "parquet arrow json-lines",
    DOC: "lfs-pointer image git-attributes markdown html",
}
"""What the seeds of these formats are; the text is a vocabulary, the archive holds a configuration."""
EXPECTED = {name: kind for kind, names in NOT_WEIGHTS.items() for name in names.split()}
BY_NAME = {
    **dict.fromkeys(("m.safetensors", "m.gguf", "m.h5", "m.keras", "m.pt2", "m.onnx", "m.tflite", "m.pte"), WEIGHT),
    **dict.fromkeys(("saved_model.pb", "m.index", "m.meta", "m.mlmodel", "m.npy", "m.pkl", "m.joblib"), WEIGHT),
    **dict.fromkeys(("m.caffemodel", "m.msgpack", "deploy.prototxt", "m.dlc", "m.pt", "w2v.bin"), WEIGHT),
    **dict.fromkeys(("config.json", "config.yaml", "config.toml", "config.ini", "tokenizer.model"), CONFIG),
    **dict.fromkeys(("modeling.py", "n.ipynb", "run.sh", "Dockerfile", "Makefile", "requirements.txt"), CODE),
    **dict.fromkeys(("README.md", "page.html", "m.png"), DOC),
}
"""What modctl, the builder of the specification's authors, takes files of these names for (its file patterns)."""


def nothing(_: str) -> bytes:
    return b""


def types_of(folder: Path) -> dict[str, LayerType]:
    return layer_types.layer_types(inspected(folder), lambda path: (folder / path).read_bytes()[: intake.HEAD])


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize("name", SEEDS)
def test_a_file_is_what_the_inspection_saw(tmp_path: Path, name: str) -> None:
    file, content = SEEDS[name]
    (found,) = types_of(written(tmp_path, {file: content})).values()
    assert found.media_type == EXPECTED.get(name, WEIGHT)
    assert found.seen == (name != "lfs-pointer")
    assert bool(found.form) == (found.media_type == WEIGHT)


@pytest.mark.parametrize("name", BY_NAME)
def test_files_with_honest_names_are_what_modctl_takes_them_for(tmp_path: Path, name: str) -> None:
    content = next(content for file, content in SEEDS.values() if file == name)
    assert types_of(written(tmp_path, {name: content}))[name].media_type == BY_NAME[name]


def test_every_format_has_its_place() -> None:
    """One that is added and has none would become a document that nobody knows."""
    tables = [
        *(set(layer_types.WEIGHTS), layer_types.CONFIGS, layer_types.CODE, layer_types.DATASETS, layer_types.DOCS),
        *(layer_types.CONTAINERS, {"xml-model", "json-model", "text", "lfs-pointer"}),
    ]
    named = [name for table in tables for name in table]
    assert len(named) == len(set(named)), "in two places"
    assert set(named) == {found.name for found in FORMATS} | {ExternalTensors.name, CheckpointShard.name}


@pytest.mark.parametrize("name", ["README.md", "notes.txt", "model.py", "model"])
def test_a_name_does_not_hide_weights(tmp_path: Path, name: str) -> None:
    found = types_of(written(tmp_path, {name: safetensors({"w": bytes(8)})}))[name]
    assert found == LayerType(WEIGHT, form="safetensors")


def test_what_nobody_can_read_is_a_document_and_says_so(tmp_path: Path) -> None:
    types = types_of(written(tmp_path, {"model.xyz": b"\x00\xff\x13\x37" * 40, "notes": b"", "x/__init__.py": b""}))
    assert types["model.xyz"] == types["notes"] == LayerType(DOC, seen=False)
    assert types["x/__init__.py"] == LayerType(CODE), "of an empty file its name is everything there is"


def test_archives_are_what_they_hold(tmp_path: Path) -> None:
    arrays, source, mixed, rows = io.BytesIO(), io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.savez(arrays, a=np.arange(4.0), b=np.arange(3))
    program = b"import os\nos.system('echo')\n"
    for out, members in (
        (source, {"a.py": program}),
        (mixed, {"a.py": program, "b/config.json": b'{"model_type": "x"}', "m.npy": SEEDS["numpy"][1]}),
        (rows, {"rows.parquet": SEEDS["parquet"][1], "config.json": b'{"model_type": "x"}'}),
    ):
        with zipfile.ZipFile(out, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    files = {"a.npz": arrays, "code.zip": source, "all.zip": mixed, "rows.zip": rows}
    content = {name: out.getvalue() for name, out in files.items()}
    content["m.onnx.gz"] = gzip.compress(SEEDS["onnx"][1])
    content["nothing.zip"] = b"PK\x05\x06" + bytes(18)
    types = types_of(written(tmp_path, content))
    assert {name: (found.media_type, found.form) for name, found in types.items()} == {
        "a.npz": (WEIGHT, "numpy"),
        "code.zip": (CODE, ""),
        "all.zip": (WEIGHT, "numpy"),
        "rows.zip": (DATASET, ""),
        "m.onnx.gz": (WEIGHT, "onnx"),
        "nothing.zip": (DOC, ""),
    }
    assert not types["nothing.zip"].seen


def test_documents_that_are_a_model(tmp_path: Path) -> None:
    graph = (
        b'<?xml version="1.0"?><net name="n" version="11"><layers>'
        b'<layer id="0" name="c" type="Const" version="opset1"><data element_type="f32" shape="2" offset="0" size="8"/>'
        b"</layer></layers></net>"
    )
    web: dict[str, Any] = {"modelTopology": {}, "weightsManifest": [{"paths": ["w.dat"], "weights": []}]}
    web["weightsManifest"][0]["weights"] = [{"name": "w", "shape": [2], "dtype": "float32"}]
    package = {"itemInfoEntries": {"a": {"path": "com.apple.CoreML/model.mlmodel"}}, "rootModelIdentifier": "a"}
    xgb.train({"nthread": 1}, xgb.DMatrix(np.eye(3), label=[0, 1, 0]), 1).save_model(tmp_path / "trees.json")
    folder = written(
        tmp_path,
        {
            "ir.xml": graph,
            "ir.bin": bytes(range(248, 256)),
            "mapping.xml": b'<?xml version="1.0"?><mapping></mapping>',
            "model.json": json.dumps(web).encode(),
            "w.dat": bytes(range(248, 256)),
            "p/Manifest.json": json.dumps(package).encode(),
            "rows.csv": b"a,b\n1,2\n",
            "notes.txt": b"It tells cats from dogs.\n",
            "merges.txt": b"#version: 0.2\nt h\n",
        },
    )
    types = types_of(folder)
    assert {name: (found.media_type, found.form) for name, found in types.items()} == {
        "ir.xml": (WEIGHT, "openvino"),
        "ir.bin": (WEIGHT, ""),
        "mapping.xml": (CONFIG, ""),
        "model.json": (WEIGHT, "tensorflow.js"),
        "w.dat": (WEIGHT, ""),
        "p/Manifest.json": (CONFIG, ""),
        "rows.csv": (DATASET, ""),
        "notes.txt": (DOC, ""),
        "merges.txt": (CONFIG, ""),
        "trees.json": (WEIGHT, "xgboost"),
    }


@pytest.mark.parametrize(
    ("files", "form"),
    [
        ({"m.safetensors": safetensors({"w": bytes(8)}), "pytorch_model.bin": torch_legacy()}, "safetensors"),
        ({"pytorch_model.bin": torch_zip([("FloatStorage", "0", bytes(64))], {"FloatStorage": 4})}, "pt"),
        ({"m.safetensors": safetensors({"w": bytes(8)}), "onnx/m.onnx": SEEDS["onnx"][1]}, "safetensors"),
        ({"small.npy": SEEDS["numpy"][1], "z.safetensors": safetensors({"w": bytes(800)})}, "safetensors"),
        ({"saved_model.pb": SEEDS["tensorflow-saved-model"][1]}, "tensorflow"),
        ({"README.md": b"# a\n", "config.json": b"{}"}, ""),
    ],
)
def test_the_form_of_a_model(tmp_path: Path, files: dict[str, bytes], form: str) -> None:
    inspection = inspected(written(tmp_path, files))
    types = layer_types.layer_types(inspection, nothing)
    assert main_form(inspection.report.artifact.files, types) == form


HONEST = {
    "model.gguf": SEEDS["gguf"][1],
    "onnx/model.onnx": SEEDS["onnx"][1],
    "trees.ubj": SEEDS["ubjson"][1],
    "modeling.py": SEEDS["python"][1],
    "train.jsonl": SEEDS["json-lines"][1],
    "config.json": SEEDS["hub-config"][1],
    "README.md": SEEDS["markdown"][1],
    "notes": b"",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert command("init").status == 0
    written(tmp_path / "net", HONEST)
    return tmp_path


def test_another_client_pulls_what_an_intake_pushed(
    project: Path,
    docker: Running,  # noqa: F811 -- the fixture
) -> None:
    """It holds manifest, config and every layer against the specification."""
    reference = f"{docker.host}/org/net:v1"
    settings = project / "weighbridge.toml"
    settings.write_text(settings.read_text().replace('"oci:registry"', f'"{docker.host}/org"'))
    outcome = command("intake", "net", "--to", reference, "--stage", "production", "--format", "json")
    assert outcome.status == 0, outcome
    pulled = ModelPackClient(insecure=True).pull(reference, project / "pulled")
    assert {name: (project / "pulled" / name).read_bytes() for name in HONEST} == HONEST
    said = {layer["annotations"]["org.cncf.model.filepath"]: layer for layer in pulled.manifest["layers"]}
    assert {name: layer["mediaType"] for name, layer in said.items()} == {
        "model.gguf": WEIGHT,
        "onnx/model.onnx": WEIGHT,
        "trees.ubj": WEIGHT,
        "modeling.py": CODE,
        "train.jsonl": DATASET,
        "config.json": CONFIG,
        "README.md": DOC,
        "notes": DOC,
    }
    untested = [name for name, layer in said.items() if layer["annotations"].get(UNTESTED_MEDIA_TYPE_ANNOTATION)]
    assert untested == ["notes"]
    assert pulled.config["config"]["format"] == "gguf"
    decision = command("admit", reference, "--stage", "production")
    assert decision.status == 0, decision


def test_a_model_that_was_stored_before_still_passes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the types that every file had before: nothing that a gate asks depends on them."""
    old = {"safetensors": WEIGHT, "torch-zip": WEIGHT, "pickle": WEIGHT, "hub-config": CONFIG}

    def before(inspection: Any, _: object) -> dict[str, LayerType]:
        return {file.path: LayerType(old.get(file.format, DOC)) for file in inspection.report.artifact.files}

    with monkeypatch.context() as then:
        then.setattr(intake, "layer_types", before)
        assert command("intake", "net", "--to", "oci:registry:net:v1", "--stage", "production").status == 0
    assert command("intake", "net", "--to", "oci:registry:net:v2", "--stage", "production").status == 0
    store = open_layout("registry", "net")
    first, second = (store.resolve(store.reference(tag=tag)) for tag in ("v1", "v2"))
    assert first.digest != second.digest
    kinds = {layer["mediaType"] for layer in json.loads(store.get_manifest(first))["layers"]}
    assert kinds == {DOC, CONFIG}
    for tag in ("v1", "v2"):
        assert command("admit", f"oci:registry:net:{tag}", "--stage", "production").status == 0
    again = command("intake", "oci:registry:net:v1", "--to", "oci:registry:copy:v1", "--stage", "production")
    assert again.status == 0, again
    copied = open_layout("registry", "copy")
    layers = json.loads(copied.get_manifest(copied.resolve(copied.reference(tag="v1"))))["layers"]
    assert {layer["mediaType"] for layer in layers} == {WEIGHT, CODE, DATASET, CONFIG, DOC}
