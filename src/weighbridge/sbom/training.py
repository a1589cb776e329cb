"""How a model was trained: the method and its parameters, from everything that a trainer leaves behind.

`adapter_config.json` (PEFT), `training_args.bin` and `trainer_state.json` (transformers), the configuration of
mergekit, and what the card lists as hyperparameters. All of it is what somebody says; nothing proves it.
"""

from __future__ import annotations

import re

from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sbom.bill import Said
from weighbridge.sbom.documents import HYPERPARAMETERS, MOST, text_of
from weighbridge.sbom.training_args import training_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.sbom.documents import Documents

ADAPTER = (
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "modules_to_save",
    "bias",
    "task_type",
    "use_dora",
    "use_rslora",
    "init_lora_weights",
    "layers_to_transform",
    "num_virtual_tokens",
    "inference_mode",
)
STATE = ("global_step", "epoch", "max_steps", "num_train_epochs", "train_batch_size", "total_flos", "best_metric")
LOSSES = ("loss", "train_loss", "eval_loss")
TAGS = {
    "sft": "supervised fine-tuning",
    "dpo": "direct preference optimization",
    "orpo": "odds ratio preference optimization",
    "kto": "Kahneman-Tversky optimization",
    "cpo": "contrastive preference optimization",
    "grpo": "group relative policy optimization",
    "ppo": "proximal policy optimization",
    "rlhf": "reinforcement learning from human feedback",
    "reward-trainer": "reward modelling",
    "merge": "merge of models",
    "mergekit": "merge of models",
    "lora": "LoRA",
    "qlora": "QLoRA",
    "distillation": "distillation",
    "unsloth": "fine-tuning with Unsloth",
    "axolotl": "fine-tuning with Axolotl",
    "llama-factory": "fine-tuning with LLaMA-Factory",
    "generated_from_trainer": "fine-tuning with a transformers trainer",
    "autotrain": "fine-tuning with AutoTrain",
}
"""Tags that trainers put on cards. Source: TRL, PEFT, mergekit, Hugging Face Hub."""
RELATIONS = {
    "adapter": "adapter",
    "finetune": "fine-tuning",
    "merge": "merge of models",
    "quantized": "quantization",
}
_PAIR = re.compile(r"([A-Za-z][\w .()/-]{0,60}?)\s*[:=]\s*(\S.{0,200})")


def method(documents: Documents) -> tuple[Said, ...]:
    """Names of methods, each with the place that says so."""
    return _once(_methods(documents))


def parameters(documents: Documents) -> tuple[Said, ...]:
    """Parameters of the training by name; the same name may stand in several places with different values."""
    return _once(_parameters(documents))


def _methods(documents: Documents) -> Iterator[Said]:
    for path, tree in documents.named("adapter_config.json"):
        if kind := text_of(tree.get("peft_type")):
            yield Said("adapter", kind, path)
    for path, raw in sorted(documents.training_args.items()):
        found = training_arguments(raw)
        if found is not None:
            yield Said("trainer", found.class_name, path)
    card = documents.card
    if card is None:
        return
    for relation in card.of("base_model_relation"):
        if relation.lower() in RELATIONS:
            yield Said("relation", RELATIONS[relation.lower()], "README.md")
    for tag in card.of("tags"):
        if tag.lower() in TAGS:
            yield Said("tag", TAGS[tag.lower()], "README.md")


def _parameters(documents: Documents) -> Iterator[Said]:
    for path, tree in documents.named("adapter_config.json"):
        for key in ADAPTER:
            if text := text_of(tree.get(key)):
                yield Said(f"adapter.{key}", text, path)
    for path, raw in sorted(documents.training_args.items()):
        found = training_arguments(raw)
        for key, value in found.fields if found is not None else ():
            yield Said(key, value, path)
    for path, tree in documents.named("trainer_state.json"):
        for key in STATE:
            if text := text_of(tree.get(key)):
                yield Said(f"trainer_state.{key}", text, path)
        history = tree.get("log_history")
        last: dict[str, str] = {}
        for row in history if isinstance(history, list) else ():
            if isinstance(row, dict):
                last.update((key, text) for key in LOSSES if (text := text_of(row.get(key))))
        for key, text in sorted(last.items()):
            yield Said(f"trainer_state.{key}", text, path)
    if documents.card is not None:
        for passage in documents.card.passages:
            if passage.subject == HYPERPARAMETERS:
                for line in passage.text.splitlines()[:MOST]:
                    if pair := _PAIR.fullmatch(line.strip(" -*\t")):
                        yield Said(pair[1].strip(), pair[2].strip()[:200], "README.md")


def _once(said: Iterator[Said]) -> tuple[Said, ...]:
    found: dict[tuple[str, str], Said] = {}
    for one in said:
        if len(found) >= MOST:
            break
        found.setdefault((one.name, one.value), one)
    return tuple(found.values())
