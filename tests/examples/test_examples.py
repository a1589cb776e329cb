"""The example folders hold what their scripts write, and the gate says of each what the examples' README says."""

from __future__ import annotations

import base64
import json
import os
import pickletools
import re
import zlib

import pytest

from examples import build_trojan, train_digits
from weighbridge.core.findings import Verdict
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.limits import Limits
from weighbridge.scan.engine import inspect


class Silent:
    def note(self, text):
        pass

    def advance(self, size):
        pass


def report(folder):
    return inspect(folder, knowledge=load_knowledge(), limits=Limits(), watcher=Silent()).report


def contents(folder):
    found = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            found[name] = file.read()
    return found


@pytest.fixture(scope="module")
def retrained(tmp_path_factory):
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("digits")
    return train_digits.write(str(folder)), contents(folder)


def test_training_again_gives_the_files_of_the_folder(retrained):
    _, fresh = retrained
    kept = contents(train_digits.FOLDER)
    assert sorted(kept) == ["README.md", "config.json", "model.safetensors"]
    assert sorted(fresh) == sorted(kept)
    assert kept["config.json"] == fresh["config.json"]
    assert kept["README.md"] == fresh["README.md"]


def test_training_again_gives_the_weights_of_the_folder(retrained):
    numpy = pytest.importorskip("numpy")
    load = pytest.importorskip("safetensors.numpy").load
    _, fresh = retrained
    kept = load(contents(train_digits.FOLDER)["model.safetensors"])
    again = load(fresh["model.safetensors"])
    assert {name: tensor.shape for name, tensor in kept.items()} == {
        "layers.0.weight": (32, 64),
        "layers.0.bias": (32,),
        "layers.1.weight": (10, 32),
        "layers.1.bias": (10,),
    }
    for name, tensor in kept.items():
        # Another linear algebra library rounds otherwise, and training carries that on.
        numpy.testing.assert_allclose(again[name], tensor, atol=1e-2, err_msg=name)


def test_the_card_names_the_accuracy_of_the_weights_beside_it():
    numpy = pytest.importorskip("numpy")
    load = pytest.importorskip("safetensors.numpy").load
    datasets = pytest.importorskip("sklearn.datasets")
    selection = pytest.importorskip("sklearn.model_selection")
    kept = contents(train_digits.FOLDER)
    images, digits = datasets.load_digits(return_X_y=True)
    _, unseen, _, right = selection.train_test_split(
        images / 16, digits, test_size=0.2, random_state=0, stratify=digits
    )
    guessed = train_digits.predict(load(kept["model.safetensors"]), unseen.astype(numpy.float32))
    accuracy = f"{(guessed == right).mean():.4f}"
    card = kept["README.md"].decode()
    assert re.findall(r"type: accuracy\n\s+value: ([\d.]+)", card) == [accuracy]
    assert re.findall(r"\| accuracy \| ([\d.]+) \|", card) == [accuracy]
    assert float(accuracy) > 0.95


def test_the_digits_folder_is_small_and_names_no_code():
    kept = contents(train_digits.FOLDER)
    assert sum(map(len, kept.values())) < 100_000
    config = json.loads(kept["config.json"])
    assert config["hidden_sizes"] == [32]
    assert not {"auto_map", "custom_pipelines"} & config.keys()


def test_the_trojan_script_writes_the_folder_byte_for_byte(tmp_path):
    build_trojan.write(str(tmp_path))
    assert contents(tmp_path) == contents(build_trojan.FOLDER)


def test_the_trojan_is_inert_and_says_what_the_readme_tells():
    config = json.loads(contents(build_trojan.FOLDER)["config.json"])
    raw = zlib.decompress(base64.b64decode(config["callbacks"][0]["on_load"]))
    assert raw == build_trojan.payload()
    opcodes = [(opcode.name, value) for opcode, value, _ in pickletools.genops(raw)]
    texts = [value for name, value in opcodes if name == "SHORT_BINUNICODE"]
    assert {name for name, _ in opcodes} <= {
        "PROTO", "SHORT_BINUNICODE", "STACK_GLOBAL", "EMPTY_TUPLE", "TUPLE1", "TUPLE2", "REDUCE", "STOP",
    }  # fmt: skip
    assert texts == [
        "builtins",
        "list",
        "builtins",
        "getattr",
        "azure.keyvault.secrets",
        "SecretClient",
        "https://example.vault.invalid",
        "azure.identity",
        "DefaultAzureCredential",
        "list_properties_of_secrets",
    ]
    assert sum(name == "REDUCE" for name, _ in opcodes) == 5


def test_the_trojan_weights_are_a_valid_file():
    load = pytest.importorskip("safetensors.numpy").load
    tensors = load(contents(build_trojan.FOLDER)["model.safetensors"])
    assert tensors["embeddings.weight"].shape == (64, 16)


def test_the_gate_opens_for_digits():
    assert report(train_digits.FOLDER).verdict is Verdict.CLEAN


def test_the_gate_is_shut_for_the_trojan_by_the_value_in_its_configuration():
    found = report(build_trojan.FOLDER)
    assert found.verdict is Verdict.MALICIOUS
    critical = [finding for finding in found.findings if finding.severity.value == "critical"]
    assert critical
    assert all("callbacks.0.on_load" in finding.location for finding in critical)
