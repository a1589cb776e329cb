"""`training_args.bin`: what a trainer was told, read by the symbolic pickle machine; nothing of it is loaded.

    PyTorch zip:     <folder>/data.pkl, stored: the pickle of one object
    older PyTorch:   pickles in a row: a magic number, a version, the machine, the object, keys of storages

The object is an instance of `transformers.training_args.TrainingArguments` or of a class made from it, built with the
dictionary of its fields. Constants of that dictionary are what is told; everything else is left out.
Source: PyTorch `torch/serialization.py`; transformers `training_args.py`.
"""

from __future__ import annotations

import struct

from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.pickle.keeper import Keeper
from weighbridge.pickle.machine import interpret
from weighbridge.pickle.values import Container, Global, Result, callee_name

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1024 * 1024
"""Bytes of the file; published ones have 3,000 to 10,000."""
STREAMS = 5
MEMBERS = 64
VALUES = 20_000
FIELDS = (
    "num_train_epochs",
    "max_steps",
    "learning_rate",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "weight_decay",
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "max_grad_norm",
    "warmup_ratio",
    "warmup_steps",
    "lr_scheduler_type",
    "optim",
    "seed",
    "data_seed",
    "fp16",
    "bf16",
    "gradient_checkpointing",
    "label_smoothing_factor",
    "group_by_length",
    "beta",
    "loss_type",
    "max_length",
    "max_seq_length",
    "packing",
    "num_generations",
    "temperature",
)
"""Fields that say how a model was trained; the others say where and how it was told."""


class TrainingArguments(NamedTuple):
    """The class of the arguments, and those fields of them that are constants."""

    class_name: str
    fields: tuple[tuple[str, str], ...]


def training_arguments(raw: bytes) -> TrainingArguments | None:
    """What the file says; None if it is no such file. Raises nothing on any bytes."""
    for stream in _streams(raw):
        found = _arguments(stream)
        if found is not None:
            return found
    return None


def _streams(raw: bytes) -> Iterator[bytes]:
    if len(raw) > LARGEST:
        return
    if raw.startswith(b"PK\x03\x04"):
        stored = _stored_pickle(raw)
        if stored:
            yield stored
    elif raw[:1] == b"\x80":
        yield raw


def _stored_pickle(raw: bytes) -> bytes:
    """The member `data.pkl` by the directory at the end, if it is stored as PyTorch stores it; else nothing."""
    end = raw.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(raw):
        return b""
    count, _, place = struct.unpack_from("<HII", raw, end + 10)
    for _ in range(min(count, MEMBERS)):
        if raw[place : place + 4] != b"PK\x01\x02" or place + 46 > len(raw):
            return b""
        method = struct.unpack_from("<H", raw, place + 10)[0]
        size, _, name_size, extra, comment = struct.unpack_from("<IIHHH", raw, place + 20)
        (local,) = struct.unpack_from("<I", raw, place + 42)
        name = raw[place + 46 : place + 46 + name_size]
        if name.endswith(b"/data.pkl") and method == 0 and local + 30 <= len(raw):
            own_name, own_extra = struct.unpack_from("<HH", raw, local + 26)
            start = local + 30 + own_name + own_extra
            return raw[start : start + size]
        place += 46 + name_size + extra + comment
    return b""


def _arguments(stream: bytes) -> TrainingArguments | None:
    reader = Reader(MemorySource(stream))
    start = 0
    for _ in range(STREAMS):
        if start >= len(stream) or stream[start : start + 1] != b"\x80":
            return None
        keeper = Keeper(VALUES)
        program = interpret(reader, start, Budget(Limits(), len(stream)), keeper=keeper)
        value = program.value
        if isinstance(value, Result) and isinstance(value.callee, Global | Result):
            found = _built(value, keeper)
            if found is not None:
                return found
        if not program.complete or program.end <= start:
            return None
        start = program.end
    return None


def _built(value: Result, keeper: Keeper) -> TrainingArguments | None:
    fields: dict[str, str] = {}
    for mode, values in keeper.of(value):
        if mode == "build" and values and isinstance(values[0], Container):
            fields.update(_constants(values[0], keeper))
    if not fields:
        return None
    return TrainingArguments(_class_of(value)[:200], tuple((name, fields[name]) for name in FIELDS if name in fields))


def _class_of(value: Result) -> str:
    if isinstance(value.callee, Global) and value.callee.name.startswith(("copyreg.", "copy_reg.")):
        arguments = value.arguments
        if isinstance(arguments, tuple) and arguments and isinstance(arguments[0], Global):
            return arguments[0].name
    return callee_name(value.callee)


def _constants(state: Container, keeper: Keeper) -> Iterator[tuple[str, str]]:
    for mode, values in keeper.of(state):
        if mode != "setitem":
            continue
        for key, item in zip(values[::2], values[1::2], strict=False):
            text = _text(item)
            if isinstance(key, str) and text:
                yield key[:100], text


def _text(value: object) -> str:
    """A constant, or how a member of an enumeration is named: by its value, or by its name."""
    if isinstance(value, Result) and isinstance(value.arguments, tuple) and value.arguments:
        value = value.arguments[-1]
    if isinstance(value, Global):
        value = value.name.rpartition(".")[2]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 128 else ""
    if isinstance(value, float):
        return repr(value)
    return value[:200] if isinstance(value, str) else ""
