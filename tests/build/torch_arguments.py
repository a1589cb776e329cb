"""Run by the system's Python: what a trainer of transformers leaves as `training_args.bin`, without transformers."""

from __future__ import annotations

import enum
import sys
import types

import torch


class SchedulerType(str, enum.Enum):  # noqa: UP042 -- as transformers has it
    LINEAR = "linear"


class TrainingArguments:
    pass


def main(modern: str, legacy: str) -> None:
    for name, kind in (("trainer_utils", SchedulerType), ("training_args", TrainingArguments)):
        module = types.ModuleType(f"transformers.{name}")
        kind.__module__ = module.__name__
        setattr(module, kind.__name__, kind)
        sys.modules[module.__name__] = module
    sys.modules["transformers"] = types.ModuleType("transformers")
    arguments = TrainingArguments()
    arguments.__dict__.update(
        output_dir="/place/ada",
        num_train_epochs=3,
        learning_rate=2e-5,
        seed=42,
        fp16=True,
        lr_scheduler_type=SchedulerType.LINEAR,
        device=torch.device("cpu"),
        hub_token=None,
    )
    torch.save(arguments, modern)
    torch.save(arguments, legacy, _use_new_zipfile_serialization=False)


main(*sys.argv[1:])
