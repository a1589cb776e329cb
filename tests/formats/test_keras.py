"""Keras: what a configuration makes the loader import, call and read, wherever it stands."""

from __future__ import annotations

import base64
import json
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build import keras_models as k
from build import pickles as p
from build.containers import torch_zip, zipped
from build.hdf5_files import written
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.facts import FileReference, Oddity, Reference
from weighbridge.core.findings import Severity, Verdict
from weighbridge.core.limits import Budget, Limits
from weighbridge.formats.keras.config import is_keras, keras_facts

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.core.facts import Fact
    from weighbridge.scan.report import ScanReport

DENSE = k.layer("Dense", units=3, activation="relu")
CRITICAL, HIGH, MEDIUM, LOW = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW


def judged(report: ScanReport) -> list[tuple[str, Severity]]:
    return [(finding.rule, finding.severity) for finding in report.findings]


def facts(tree: object) -> list[Fact]:
    return list(keras_facts(tree, "", 0, Budget(Limits(), 1000)))


def lambda_layer(**config: object) -> dict[str, object]:
    return k.layer("Lambda", name="f", **config)


# The routes of the advisories: what the layer is, and how it is judged

ROUTES = {
    "a lambda (CVE-2024-3660)": (lambda_layer(function=k.bytecode()), "keras/bytecode", CRITICAL),
    "a lambda for the shape of the output": (
        lambda_layer(function=k.function("keras.ops", "relu"), output_shape=k.bytecode()),
        "keras/bytecode",
        CRITICAL,
    ),
    "a lambda without a layer": (k.layer("Dense", activation=k.bytecode()), "keras/bytecode", CRITICAL),
    "a lambda under another key": (
        k.layer("Dense", activation={"class_name": "__lambda__", "config": {"value": k.CODE}}),
        "keras/bytecode",
        CRITICAL,
    ),
    "any function (CVE-2025-1550)": (
        k.layer("Dense", activation=k.function("subprocess", "run")),
        "keras/unsafe-function",
        CRITICAL,
    ),
    "a Lambda layer of it": (lambda_layer(function=k.function("os", "system")), "keras/unsafe-function", CRITICAL),
    "a gadget of Keras (CVE-2025-8747)": (
        lambda_layer(function=k.function("keras.utils", "get_file"), arguments={"origin": "https://example.org/x"}),
        "keras/unsafe-function",
        CRITICAL,
    ),
    "the gadget by its inner name": (
        k.layer("get_file", "keras.src.utils.file_utils"),
        "keras/unsafe-function",
        CRITICAL,
    ),
    "no safe mode any more (CVE-2025-9906)": (
        lambda_layer(function=k.function("keras.config", "enable_unsafe_deserialization")),
        "keras/unsafe-function",
        CRITICAL,
    ),
    "a function of Python": (
        k.layer("Dense", activation=k.function("builtins", "eval")),
        "keras/unsafe-function",
        CRITICAL,
    ),
    "a harmless one": (k.layer("Dense", activation=k.function("builtins", "print")), "keras/unsafe-function", CRITICAL),
    "one by its registered name": (
        k.layer("Dense", activation=k.function("builtins", "relu", "exec")),
        "keras/unsafe-function",
        CRITICAL,
    ),
    "a class of Python": (k.layer("Popen", "subprocess"), "keras/unsafe-function", CRITICAL),
    "a pickle of PyTorch (CVE-2025-49655)": (
        k.layer("TorchModuleWrapper", module="UEsDBA=="),
        "keras/torch-module",
        CRITICAL,
    ),
    "a vocabulary elsewhere (CVE-2025-12058)": (
        k.layer("StringLookup", vocabulary="/etc/passwd"),
        "keras/external-file",
        HIGH,
    ),
    "a vocabulary at an address": (
        k.layer("TextVectorization", vocabulary="https://example.org/v.txt"),
        "keras/external-file",
        HIGH,
    ),
    "another model": (k.layer("TFSMLayer", filepath="/models/x"), "keras/external-file", HIGH),
    "a name that shadows a layer": (
        k.layer("Dense", "keras.layers", "evil>Backdoor"),
        "keras/shadowed-layer",
        HIGH,
    ),
    "a class called like a layer": (k.layer("Conv2D", "evil.layers", "evil>Conv2D"), "keras/shadowed-layer", HIGH),
    "an unknown module": (k.layer("Net", "mypackage.layers"), "keras/custom-object", HIGH),
    "a registered class": (k.layer("Net", "mypackage.layers", "mypackage>Net"), "keras/custom-object", MEDIUM),
    "a class without a module": (k.layer("Net", None, "mypackage>Net"), "keras/custom-object", MEDIUM),
    "an unknown function": (k.layer("Dense", activation=k.function("mypackage", "act")), "keras/unsafe-function", HIGH),
    "an own function": (
        k.layer("Dense", activation=k.function("builtins", "my_act", "function")),
        "keras/custom-object",
        MEDIUM,
    ),
    "an own function in a Lambda layer": (
        lambda_layer(function=k.function("builtins", "my_act", "function")),
        "keras/lambda-layer",
        HIGH,
    ),
    "a function of Keras in a Lambda layer": (
        lambda_layer(function=k.function("keras.ops", "relu")),
        "keras/lambda-layer",
        LOW,
    ),
}
VERDICTS = {CRITICAL: Verdict.MALICIOUS, HIGH: Verdict.SUSPICIOUS, MEDIUM: Verdict.CLEAN, LOW: Verdict.CLEAN}


@pytest.mark.parametrize(("layer", "rule", "severity"), ROUTES.values(), ids=ROUTES.keys())
def test_a_route_is_seen_in_an_archive_a_configuration_and_a_file_of_hdf5(
    tmp_path: Path, layer: dict[str, object], rule: str, severity: Severity
) -> None:
    config = k.model(DENSE, layer)
    for name, content in (
        ("model.keras", k.archive(config)),
        ("config.json", json.dumps(config).encode()),
        ("model.h5", k.legacy({"model_config": config})),
    ):
        report = scanned(tmp_path, name, content)
        assert (rule, severity) in judged(report), name
        ours = [one for one in judged(report) if one[0] != "keras/lambda-layer" or rule == one[0]]
        assert [one for one in ours if one[0].startswith("keras/")] == [(rule, severity)], name
        assert report.verdict is VERDICTS[severity], name


def wrapped(layer: dict[str, object]) -> dict[str, dict[str, object]]:
    """One layer in every place where Keras looks for objects."""
    return {
        "a wrapper": k.model(k.layer("TimeDistributed", layer=k.layer("Bidirectional", layer=layer))),
        "a nested model": k.model(k.model(k.model(layer))),
        "the optimizer": k.model(DENSE, compile_config={"optimizer": k.layer("Adam", "keras.optimizers", x=layer)}),
        "the loss": k.model(DENSE, compile_config={"loss": {"out": [layer]}}),
        "the metrics": k.model(DENSE, compile_config={"metrics": [[layer]]}),
        "how it is built": k.model(DENSE, build_config={"input_shape": layer}),
        "an initializer": k.model(k.layer("Dense", kernel_initializer=layer)),
        "arguments of a call": k.model(
            {**DENSE, "inbound_nodes": [{"args": [], "kwargs": {"mask": {"x": [layer]}}}]},
        ),
        "no model at all": {"anything": [{"else": layer}]},
        "a list": [1, [layer]],
    }


@pytest.mark.parametrize("place", list(wrapped({})))
def test_objects_are_found_wherever_they_nest(tmp_path: Path, place: str) -> None:
    for layer in (lambda_layer(function=k.bytecode()), k.function("os", "system")):
        report = scanned(tmp_path, "model.keras", k.archive(wrapped(layer)[place]))
        assert report.verdict is Verdict.MALICIOUS


# The old form

OLD = {
    "code": {"function": [k.CODE, None, None], "function_type": "lambda"},
    "code of old versions": {"function": k.CODE, "function_type": "lambda"},
    "the shape": {
        "function": "relu",
        "function_type": "function",
        "output_shape": [k.CODE],
        "output_shape_type": "lambda",
    },
    "the mask": {"function": "relu", "mask": [k.CODE, None, None], "mask_type": "lambda"},
}


@pytest.mark.parametrize("config", OLD.values(), ids=OLD.keys())
@pytest.mark.parametrize("name", ["Lambda", "Custom>Lambda"])
def test_code_in_the_old_form(tmp_path: Path, config: dict[str, object], name: str) -> None:
    tree = k.old_model({"class_name": "Dense", "config": {}}, {"class_name": name, "config": config})
    for file, content in (("m.h5", k.legacy({"model_config": tree})), ("m.json", json.dumps(tree).encode())):
        report = scanned(tmp_path, file, content)
        assert ("keras/bytecode", CRITICAL) in judged(report)
        assert report.verdict is Verdict.MALICIOUS


def test_named_functions_in_the_old_form(tmp_path: Path) -> None:
    def report(**config: object) -> ScanReport:
        tree = k.old_model({"class_name": "Lambda", "config": config})
        return scanned(tmp_path, "m.h5", k.legacy({"model_config": tree}))

    assert judged(report(function="step", function_type="function", module="__main__")) == [
        ("keras/lambda-layer", HIGH)
    ]
    assert judged(report(function="system", function_type="function", module="os")) == [
        ("keras/unsafe-function", CRITICAL)
    ]
    assert judged(report(function="eval", function_type="function", module="builtins")) == [
        ("keras/unsafe-function", CRITICAL)
    ]
    raw = report(function="relu", module="keras.activations", output_shape=[None, 3], output_shape_type="raw")
    assert judged(raw) == [("keras/lambda-layer", LOW)]


def test_functions_of_tensorflow_in_the_old_form(tmp_path: Path) -> None:
    def report(function: str) -> ScanReport:
        tree = k.old_model({"class_name": "TFOpLambda", "config": {"function": function}})
        return scanned(tmp_path, "m.h5", k.legacy({"model_config": tree}))

    assert judged(report("io.write_file")) == [("keras/unsafe-function", CRITICAL)]
    assert judged(report("math.multiply")) == []


def test_an_old_model_of_keras_layers_is_clean(tmp_path: Path) -> None:
    tree = k.old_model(*({"class_name": name, "config": {}} for name in ("InputLayer", "Dense", "CuDNNLSTM", "Conv2D")))
    training = {"loss": "mse", "optimizer_config": {"class_name": "Adam", "config": {"lr": 0.1}}}
    report = scanned(tmp_path, "m.h5", k.legacy({"model_config": tree, "training_config": training}))
    assert report.verdict is Verdict.CLEAN
    assert report.findings == ()


# Where a configuration can stand in HDF5


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_every_place_of_a_configuration_in_hdf5(tmp_path: Path, version: str) -> None:
    evil = json.dumps(k.old_model({"class_name": "Lambda", "config": {"function": [k.CODE, None, None]}}))
    half = len(evil) // 2
    places = {
        "bytes": {"model_config": evil.encode()},
        "text": {"model_config": evil},
        "training": {"training_config": json.dumps({"optimizer_config": json.loads(evil)}).encode()},
        "split": {"model_config0": evil[:half].encode(), "model_config1": evil[half:]},
        "another name": {"architecture": evil},
    }
    for place, attributes in places.items():
        report = scanned(tmp_path, "m.h5", k.legacy(attributes, version))
        assert ("keras/bytecode", CRITICAL) in judged(report), place


def test_a_configuration_of_many_pieces_in_dense_attributes(tmp_path: Path) -> None:
    padding = [{"class_name": "Dense", "config": {"name": f"dense_{index}"}} for index in range(3000)]
    evil = {"class_name": "Lambda", "config": {"function": [k.CODE, None, None]}}
    text = json.dumps(k.old_model(*padding, evil)).encode()
    assert len(text) > 65536
    assert ("keras/bytecode", CRITICAL) in judged(scanned(tmp_path, "a.h5", k.legacy({"model_config": text}, "latest")))
    pieces = [np.bytes_(text[start : start + 60_000]) for start in range(0, len(text), 60_000)]
    split = {f"model_config{index}": piece for index, piece in enumerate(pieces)}

    def fill(file: object) -> None:
        for name, piece in split.items():
            file.attrs[name] = piece  # type: ignore[attr-defined] # h5py has no type hints

    report = scanned(tmp_path, "b.h5", written(fill, "latest"))
    assert ("keras/bytecode", CRITICAL) in judged(report)


@pytest.mark.parametrize("text", ["{", "[NaN]", "not json", '{"a": 1}{'])
def test_a_configuration_that_is_none_is_unread(tmp_path: Path, text: str) -> None:
    report = scanned(tmp_path, "m.h5", k.legacy({"model_config": text}))
    assert report.verdict is Verdict.INCOMPLETE
    assert any("model_config" in unread.why for unread in report.unread)


def test_a_key_that_stands_twice_is_a_finding(tmp_path: Path) -> None:
    text = '{"class_name": "Model", "config": {}, "class_name": "Sequential"}'
    assert "config/duplicate-key" in rules_of(scanned(tmp_path, "m.h5", k.legacy({"model_config": text})))


def test_a_configuration_that_is_too_large_is_a_limit(tmp_path: Path) -> None:
    small = Limits(document=2000)
    content = k.archive(k.model(*[DENSE] * 100))
    assert scanned(tmp_path, "m.keras", content).verdict is Verdict.CLEAN
    report = scanned(tmp_path, "m.keras", content, small)
    assert report.verdict is Verdict.INCOMPLETE
    assert "document" in report.limits_reached
    assert (
        "document"
        in scanned(tmp_path, "m.h5", k.legacy({"model_config": k.model(*[DENSE] * 100)}), small).limits_reached
    )


# Archives


def test_an_ordinary_archive_is_clean(tmp_path: Path) -> None:
    more = {"assets/layers/string_lookup/vocabulary.txt": b"a\nb\n"}
    report = scanned(tmp_path, "model.keras", k.archive(k.model(DENSE), more))
    assert report.verdict is Verdict.CLEAN
    assert report.artifact.files[0].format == "keras"
    assert report.findings == ()
    for weights in ("model.weights.json", "model_00000.weights.h5"):
        content = k.weights() if weights.endswith(".h5") else b'{"weight_map": {}}'
        assert scanned(tmp_path, "model.keras", k.archive(k.model(DENSE), {weights: content})).findings == ()


@pytest.mark.parametrize("name", ["setup.py", "model.pkl", "lib.so", "Config.json", "assets2/x.txt", "x/config.json"])
def test_other_members_are_odd(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, "model.keras", k.archive(k.model(DENSE), {name: b"{}"}))
    assert ("keras/structure", HIGH) in judged(report)


def test_a_pickle_beside_the_configuration_is_inspected(tmp_path: Path) -> None:
    evil = p.proto(4) + p.system() + p.STOP
    for name in ("model.pkl", "assets/x.pkl", "model.weights.h5"):
        assert scanned(tmp_path, "model.keras", k.archive(k.model(DENSE), {name: evil})).verdict is Verdict.MALICIOUS


def test_external_links_in_the_weights_of_an_archive(tmp_path: Path) -> None:
    import h5py

    def fill(file: h5py.File) -> None:
        file["layers"] = h5py.ExternalLink("/etc/passwd", "/")

    report = scanned(tmp_path, "model.keras", k.archive(k.model(DENSE), {"model.weights.h5": written(fill, "latest")}))
    assert judged(report) == [("keras/external-file", HIGH)]
    assert report.findings[0].location.startswith("model.keras!model.weights.h5")


def test_an_archive_is_recognized_without_its_name_and_only_then(tmp_path: Path) -> None:
    def format_of(name: str, members: dict[str, bytes]) -> str:
        return scanned(tmp_path, name, zipped(members)).artifact.files[0].format

    config = json.dumps(k.model(DENSE)).encode()
    assert format_of("model.zip", {"config.json": config, "model.weights.h5": k.weights()}) == "keras"
    assert format_of("model.keras", {"config.json": config}) == "keras"
    assert format_of("model.zip", {"config.json": config}) == "zip"
    assert format_of("model.zip", {"x/config.json": config, "x/model.weights.h5": k.weights()}) == "zip"
    assert format_of("model.keras", {"x/config.json": config}) == "zip"
    assert format_of("model.zip", {"config.json.txt": config, "model.weights.h5": k.weights()}) == "zip"


def test_another_file_called_keras_is_a_mismatch(tmp_path: Path) -> None:
    report = scanned(tmp_path, "model.keras", k.legacy({"model_config": k.old_model()}))
    assert "file/name-mismatch" in rules_of(report)
    assert report.artifact.files[0].format == "hdf5"


def test_an_archive_of_two_kinds_is_a_polyglot(tmp_path: Path) -> None:
    content = torch_zip(
        [("FloatStorage", "0", bytes(64))],
        {"FloatStorage": 4},
        extra={"config.json": json.dumps(k.model(DENSE)).encode(), "model.weights.h5": k.weights()},
    )
    assert "file/polyglot" in rules_of(scanned(tmp_path, "model.keras", content))


def test_the_pickle_of_a_torch_module_is_inspected(tmp_path: Path) -> None:
    wrapped_module = base64.b64encode(zipped({"x/data.pkl": p.proto(2) + p.system() + p.STOP})).decode()
    report = scanned(tmp_path, "m.keras", k.archive(k.model(k.layer("TorchModuleWrapper", module=wrapped_module))))
    assert {"keras/torch-module", "config/embedded-object", "pickle/dangerous-call"} <= rules_of(report)


# What is no Keras object

OTHERS = [
    {"model_type": "bert", "architectures": ["BertModel"]},
    {"class_name": "Thing", "config": {"a": 1}},
    {"class_name": "Thing"},
    {"config": {"class_name": 3, "config": {}}},
    {"a": [{"class_name": "Thing", "config": {"module": "x"}}]},
]


@pytest.mark.parametrize("tree", OTHERS)
def test_other_documents_are_left_alone(tmp_path: Path, tree: object) -> None:
    assert scanned(tmp_path, "config.json", json.dumps(tree).encode()).findings == ()


def test_helpers_that_stand_for_values_are_no_classes() -> None:
    for name in ("__tensor__", "__numpy__", "__bytes__", "__ellipsis__", "__slice__", "__keras_tensor__"):
        tree = k.model({**DENSE, "extra": {"class_name": name, "config": {"value": [1], "dtype": "float32"}}})
        assert {fact.name for fact in facts(tree) if isinstance(fact, Reference)} == {
            "keras.Sequential",
            "keras.layers.InputLayer",
            "keras.layers.Dense",
        }
    (found,) = facts({"class_name": "__typespec__", "module": "evil", "spec_name": "Spec", "config": []})
    assert found[:2] == ("keras-class", "evil.Spec")


def test_a_name_in_disguise_is_read(tmp_path: Path) -> None:
    text = json.dumps(k.model(lambda_layer(function=k.bytecode()))).replace("class_name", "cl\\u0061ss_name")
    assert scanned(tmp_path, "config.json", text.encode()).verdict is Verdict.MALICIOUS
    assert not is_keras({"a": "\u00e9"}, b'{"a": "\\u00e9"}')
    assert scanned(tmp_path, "m.h5", k.legacy({"x": text})).verdict is Verdict.MALICIOUS


def test_each_name_is_told_once_and_a_limit_is_said() -> None:
    layers = [k.layer("Dense", name=str(index), activation=k.function(f"m{index % 7}", "f")) for index in range(200)]
    found = facts(k.model(*layers))
    assert len([fact for fact in found if isinstance(fact, Reference)]) == 3 + 7
    few = list(keras_facts(k.model(*layers), "", 0, Budget(Limits(facts=5), 10)))
    assert [type(fact).__name__ for fact in few] == ["Reference"] * 5 + ["Limit"]


def test_where_a_fact_stands() -> None:
    tree = k.model(DENSE, k.layer("StringLookup", vocabulary="v.txt"))
    (found,) = (fact for fact in facts(tree) if isinstance(fact, FileReference))
    assert found == FileReference("keras-vocabulary", "v.txt", "config.layers.2.config.vocabulary", 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(("class_name", "config", "module", "registered_name", "function", "vocabulary", "x")), inner
        )
    ),
    max_leaves=25,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_tree_gives_facts_and_no_error(tree: object) -> None:
    for old in (False, True):
        for fact in keras_facts(tree, "k", 0, Budget(Limits(), 1000), old=old):
            assert isinstance(fact, (Reference, FileReference, Oddity))


def test_changed_archives_get_an_honest_verdict(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    content = k.archive(k.model(DENSE))
    for _ in range(400):
        raw = bytearray(content)
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(raw))
            if chance.random() < 0.5:
                raw[place] ^= 1 << chance.randrange(8)
            else:
                raw[place : place + 4] = chance.randbytes(chance.randrange(6))
        (tmp_path / "m.keras").write_bytes(raw)
        report = inspected(tmp_path / "m.keras").report
        assert not any("parser failed" in unread.why for unread in report.unread), bytes(raw)
        assert report.verdict is not Verdict.CLEAN or not report.artifact.files[0].coverage.opaque
