"""Models with everything that a bill of materials can tell, and bills of models in folders."""

from __future__ import annotations

import json
import pickle
import sys
import types
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from build.containers import safetensors
from build.inspecting import KNOWLEDGE, LIMITS
from weighbridge.attest.trust import policy_of
from weighbridge.cli.progress import silent
from weighbridge.core.origin import Origin
from weighbridge.core.settings import Settings
from weighbridge.pipelines.materials import bill_of_path

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.sbom.bill import ModelBill

MADE_AT = "2026-11-24T12:00:00Z"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CARD = """---
license: llama3.2
base_model: meta-llama/Llama-3.2-1B
base_model_relation: adapter
datasets:
- squad
- org/data@0123abc
pipeline_tag: text-generation
library_name: peft
tags: [sft, trl]
model-index:
- name: tiny
  results:
  - task: {type: text-generation}
    dataset: {name: SQuAD, type: squad, revision: 5fe18c4}
    metrics:
    - {type: f1, value: 0.91}
---
# Tiny

A tiny model which answers questions about lorries and the weighbridges that they drive across, in English.

## Intended use

Intended for answering questions about lorries in the tests of this program, and for nothing else.

## Limitations

It knows nothing about ships, nothing about trains, and its answers have not been checked by anybody at all.

## Training procedure

### Training hyperparameters

- learning_rate: 2e-05
- train_batch_size: 8

### Framework versions

- PEFT 0.12.0
- Transformers 4.44.0
- Pytorch 2.4.0+cu121
"""
CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "torch_dtype": "bfloat16",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "vocab_size": 512,
    "transformers_version": "4.44.0",
    "auto_map": {"AutoModel": "modeling.Net"},
    "quantization_config": {"quant_method": "awq", "bits": 4},
}
ADAPTER = {
    "peft_type": "LORA",
    "r": 8,
    "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"],
    "base_model_name_or_path": "meta-llama/Llama-3.2-1B",
}
STATE = {"global_step": 90, "epoch": 3.0, "log_history": [{"loss": 2.5, "step": 10}, {"eval_loss": 1.25}]}
REQUIREMENTS = (
    "# what it needs\ntorch==2.4.0\nnumpy>=1.26,<3  # newer ones\naccelerate\nown @ https://example.invalid/own.whl\n"
)


class TrainingArguments:
    """What a trainer leaves, by the name that it has there."""


def training_args(**fields: Any) -> bytes:
    """A pickle of `transformers.training_args.TrainingArguments` with these fields, in the older form of one stream."""
    module = types.ModuleType("transformers.training_args")
    module.TrainingArguments = TrainingArguments
    before = {name: sys.modules.get(name) for name in ("transformers", module.__name__)}
    sys.modules.update({"transformers": types.ModuleType("transformers"), module.__name__: module})
    was = TrainingArguments.__module__
    try:
        TrainingArguments.__module__ = module.__name__
        arguments = TrainingArguments()
        arguments.__dict__.update(fields)
        return pickle.dumps(arguments, 2)
    finally:
        TrainingArguments.__module__ = was
        for name, old in before.items():
            if old is None:
                del sys.modules[name]
            else:
                sys.modules[name] = old


def write_full_model(folder: Path) -> Path:
    """A model with a card, configurations, weights and what a trainer left."""
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(CARD)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "adapter_config.json").write_text(json.dumps(ADAPTER))
    (folder / "trainer_state.json").write_text(json.dumps(STATE))
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    (folder / "modeling.py").write_text("class Net: ...\n")
    (folder / "model.safetensors").write_bytes(safetensors({"a": b"1234", "b": b"56"}))
    (folder / "training_args.bin").write_bytes(training_args(seed=42, learning_rate=0.001, output_dir="/place/ada"))
    return folder


def bill_of(path: Path, *, source: str = "", revision: str = "", **known: Any) -> ModelBill:
    """The bill of a folder or file, with the time of the scan held fast."""
    bill = bill_of_path(
        str(path),
        Origin("path", source, revision=revision),
        trust=policy_of((), ()),
        policy=Settings().stages["sandbox"],
        knowledge=KNOWLEDGE,
        limits=LIMITS,
        watcher=silent(),
        now=NOW,
        **known,
    )
    return bill._replace(scanned_at=MADE_AT)
