"""Run by a Python that has torch: writes state dictionaries of every kind, and compares what became of them.

python3 state_dicts.py write FOLDER COUNT        FOLDER/NNN.pt, each from its own seed
python3 state_dicts.py compare FOLDER CONVERTED  FOLDER/X.pt against CONVERTED/X/X.safetensors, bit for bit
"""

from __future__ import annotations

import collections
import json
import os
import random
import sys
import typing
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")

NAMES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64"]
KEYS = ["state_dict", "model", "module", "model_state_dict"]


def noise(chance: random.Random, elements: int, dtype: torch.dtype) -> torch.Tensor:
    if dtype is torch.bool:
        return torch.tensor([chance.random() < 0.5 for _ in range(elements)], dtype=dtype)
    item = torch.empty(0, dtype=dtype).element_size()
    raw = bytearray(chance.randbytes(max(1, elements) * item))
    return torch.frombuffer(raw, dtype=dtype).clone()[:elements]


def tensor(chance: random.Random) -> torch.Tensor:
    """One tensor, often not contiguous, often a part of a larger storage."""
    dtype = getattr(torch, chance.choice(NAMES))
    shape = [chance.randint(1, 9) for _ in range(chance.randint(0, 4))]
    if chance.random() < 0.05:
        shape.append(0)
    elements = 1
    for length in shape:
        elements *= length
    before = chance.choice((0, 0, 3))
    made = noise(chance, before + elements + chance.choice((0, 0, 5)), dtype)[before : before + elements].view(shape)
    road = chance.randrange(8)
    if road == 1 and len(shape) >= 2:
        made = made.transpose(0, len(shape) - 1)
    elif road == 2 and shape:
        made = made[:: chance.randint(2, 3)]
    elif road == 3 and len(shape) == 4:
        made = made.contiguous(memory_format=torch.channels_last)
    elif road == 4:
        made = made.unsqueeze(0).expand(chance.randint(1, 5), *made.shape)
    elif road == 5 and len(shape) >= 3:
        made = made.permute(*chance.sample(range(len(shape)), len(shape)))[..., 0:]
    elif road == 6 and dtype.is_floating_point:
        made = nn.Parameter(made, requires_grad=chance.random() < 0.5)
    elif road == 7 and shape and made.numel():
        made = made.narrow(0, 0, max(1, made.shape[0] // 2))
    return made


def state_dict(seed: int) -> dict[typing.Any, typing.Any]:
    chance = random.Random(seed)
    count = chance.choice((1, 3, 10, 40, 40, 200 if seed % 10 == 0 else 5))
    named: dict[typing.Any, typing.Any] = {} if chance.random() < 0.5 else collections.OrderedDict()
    for number in range(count):
        named[f"layers.{number}.{chance.choice(('weight', 'bias', 'größe', 'a b', 'x' * 200))}"] = tensor(chance)
    names = list(named)
    for number in range(chance.choice((0, 0, 1, 4))):
        other = named[chance.choice(names)]
        shared = (other, other.detach(), other[...], other.t() if other.dim() == 2 else other.reshape(other.shape))
        named[f"shared.{number}"] = chance.choice(shared)
    if chance.random() < 0.3:
        layer = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        layer[0].weight.data = noise(chance, 12, torch.float32).view(4, 3)
        for name, value in layer.state_dict().items():
            named[f"net.{name}"] = value
    return named


def checkpoint(seed: int) -> object:
    chance = random.Random(-seed)
    named = state_dict(seed)
    if chance.random() < 0.5:
        return named
    more: dict[str, typing.Any] = {"epoch": seed, chance.choice(KEYS): named, "loss": 4, "names": ["a", "b"]}
    if chance.random() < 0.5:
        more["optimizer"] = {"state": {0: {"step": 1, "exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1}]}
    return more


def write(folder: str, count: int) -> None:
    for seed in range(count):
        torch.save(checkpoint(seed), f"{folder}/{seed:03d}.pt", _use_new_zipfile_serialization=seed % 2 == 0)


def raw(value: torch.Tensor) -> bytes:
    flat = value.detach().contiguous().reshape(-1)
    if flat.dtype is torch.bool:
        flat = flat.view(torch.uint8)
    elif flat.dtype is torch.bfloat16:
        flat = flat.view(torch.int16)
    return bytes(flat.numpy().tobytes())


def table(loaded: typing.Any) -> dict[str, torch.Tensor]:
    for key in KEYS:
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    return {str(name): value for name, value in loaded.items() if isinstance(value, torch.Tensor)}


def compare(folder: str, converted: str) -> None:
    """Print how many tensors were compared; end with an error at the first difference."""
    kinds = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32"}
    kinds |= {"I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "C64": "complex64"}
    total = 0
    for entry in sorted(os.listdir(folder)):
        stem = entry.rpartition(".")[0]
        wanted = table(torch.load(f"{folder}/{entry}", map_location="cpu", weights_only=True))
        with open(f"{converted}/{stem}/{stem}.safetensors", "rb") as file:
            content = file.read()
        size = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + size])
        shared = header.pop("__metadata__")
        assert shared.pop("format") == "pt", entry
        assert set(wanted) == set(header) | set(shared), (entry, set(wanted) ^ (set(header) | set(shared)))
        for name, value in wanted.items():
            told = header[shared.get(name, name)]
            begin, end = told["data_offsets"]
            assert getattr(torch, kinds[told["dtype"]]) == value.dtype, (entry, name)
            assert list(value.shape) == told["shape"], (entry, name)
            assert raw(value) == content[8 + size + begin : 8 + size + end], (entry, name)
            total += 1
    sys.stdout.write(f"{total}\n")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], int(sys.argv[3]))
    else:
        compare(sys.argv[2], sys.argv[3])
