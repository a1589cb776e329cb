"""Configurations that name code: stopped if it is elsewhere or dangerous, told if it is here, silent for frameworks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.findings import Verdict
from weighbridge.formats.config.code_references import code_references

if TYPE_CHECKING:
    from pathlib import Path

STOPPED = {
    "remote": ({"auto_map": {"AutoModel": "org/other--modeling.Net"}}, "config/remote-code"),
    "remote in a list": ({"auto_map": {"AutoTokenizer": [None, "org/other--tok.Fast"]}}, "config/remote-code"),
    "nested": ({"text_config": {"auto_map": {"AutoModel": "org/other--m.Net"}}}, "config/remote-code"),
    "a text": ({"auto_map": "org/other--m.Net"}, "config/remote-code"),
    "absent": ({"auto_map": {"AutoModel": "modeling_net.Net"}}, "config/remote-code"),
    "pipeline": ({"custom_pipelines": {"x": {"impl": "org/other--pipeline.P"}}}, "config/remote-code"),
    "kernel": ({"attn_implementation": "org/kernel"}, "config/remote-code"),
    "kernel with a version": ({"text": {"_attn_implementation_internal": "org/kernel@main"}}, "config/remote-code"),
    "allowed": ({"vision_config": {"trust_remote_code": True}}, "config/allows-code"),
    "target": ({"model": {"_target_": "os.system", "command": "echo inert"}}, "config/unsafe-target"),
    "class path": ({"class_path": "subprocess.Popen", "init_args": {"args": "x"}}, "config/unsafe-target"),
    "params": ({"target": "torch.hub.load", "params": {}}, "config/unsafe-target"),
    "torch.load": ({"_target_": "torch.load", "f": "x"}, "config/unsafe-target"),
    "deep": ([[{"a": [{"_target_": "builtins.eval", "_args_": ["1"]}]}]], "config/unsafe-target"),
    "unknown": ({"_target_": "mymodule.Net"}, "config/unsafe-target"),
}
SILENT = {
    "frameworks": {"_target_": "torch.nn.Linear", "in_features": 3},
    "schedule": {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 1}},
    "transforms": {"x": [{"_target_": "torchvision.transforms.Normalize"}]},
    "none": {"auto_map": None, "trust_remote_code": False, "attn_implementation": "sdpa"},
    "words": {"target": "the price", "params": {"a": 1}},
    "task": {"custom_pipelines": {}},
    "attention": {"attn_implementation": "flash_attention_2"},
}


@pytest.mark.parametrize("case", STOPPED)
def test_code_from_elsewhere_is_stopped(tmp_path: Path, case: str) -> None:
    tree, rule = STOPPED[case]
    report = scanned(tmp_path, "config.json", json.dumps(tree).encode())
    assert report.verdict in (Verdict.SUSPICIOUS, Verdict.MALICIOUS)
    assert rule in rules_of(report)


@pytest.mark.parametrize("case", SILENT)
def test_frameworks_and_words_are_silent(tmp_path: Path, case: str) -> None:
    report = scanned(tmp_path, "config.json", json.dumps(SILENT[case]).encode())
    assert (report.verdict, rules_of(report)) == (Verdict.CLEAN, set())


@pytest.mark.parametrize("folder", ["", "text_encoder"])
def test_code_of_the_model_itself_is_told(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / "config.json").write_text(json.dumps({"auto_map": {"AutoModel": "modeling_net.Net"}}))
    (tmp_path / folder / "modeling_net.py").write_text("class Net: ...\n")
    report = inspected(tmp_path).report
    (finding,) = [one for one in report.findings if one.rule == "config/local-code"]
    assert f"{folder}/modeling_net.py".lstrip("/") in finding.evidence.text
    assert "config/remote-code" not in rules_of(report)


def test_components_of_a_pipeline(tmp_path: Path) -> None:
    honest = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "feature_extractor": [None, None],
    }
    assert scanned(tmp_path, "model_index.json", json.dumps(honest).encode()).verdict is Verdict.CLEAN
    report = scanned(tmp_path, "model_index.json", json.dumps(honest | {"unet": ["my_unet", "Net"]}).encode())
    assert "config/local-code" in rules_of(report)


def test_modules_of_sentence_transformers(tmp_path: Path) -> None:
    honest = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    assert scanned(tmp_path, "modules.json", json.dumps(honest).encode()).verdict is Verdict.CLEAN
    hostile = [{"idx": 0, "name": "0", "path": "", "type": "os.system"}]
    assert scanned(tmp_path, "modules.json", json.dumps(hostile).encode()).verdict is Verdict.MALICIOUS


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["auto_map", "_target_", "target", "params", "custom_pipelines", "impl", "type", "x"]),
            inner,
        )
    ),
    max_leaves=20,
)


@given(TREES, st.sampled_from(["config.json", "model_index.json", "modules.json"]))
def test_any_tree_gives_references(tree: object, name: str) -> None:
    assert all(len(one.name) <= 200 for one in code_references(tree, name))
