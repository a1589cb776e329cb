"""The inputs of the benchmark, made by code from fixed seeds, once, into bench/.work/inputs/.

An input is a kind and a size; the size counts bytes, files or opcodes, as the builder says. Raising VERSION makes
all of them anew. Run alone (as `run.py` does, to keep the memory of a builder apart): python bench/corpus.py KIND SIZE
"""

from __future__ import annotations

import json
import os
import pickle
import random
import shutil
import struct
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from bombs import BOMBS
from torch_archive import COLUMNS, Member, checkpoint_pickle, write_archive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = os.path.dirname(os.path.abspath(__file__))
WORK = os.path.join(HERE, ".work")
VERSION = 1
MIB = 1024 * 1024
SPARE = 512 * MIB
"""Bytes of disk that stay free beside an input."""
PROTOCOL = 4
"""What `pickle` writes by default from Python 3.8 to 3.13; fixed, so that inputs are the same everywhere."""
WORDS = ["model", "weights", "gate", "scale", "tensor", "layer", "train", "data", "card", "test", "image", "text"]


class SpaceError(Exception):
    """The disk has no room for an input."""


class Input(NamedTuple):
    """What a row reads: kind and size, and the size for `--quick`."""

    kind: str
    size: int
    quick: int


def tiny_pickle(path: str, size: int) -> None:
    """A pickle of about `size` bytes: a dictionary of plain values, as small models are."""
    chance = random.Random(1)
    with open(path, "wb") as file:
        pickle.dump(_small_model(chance, (size - 200) // 9), file, PROTOCOL)


def _small_model(chance: random.Random, count: int) -> dict[str, Any]:
    names = [f"{chance.choice(WORDS)}_{number}" for number in range(8)]
    return {"kind": "linear", "version": 3, "features": names, "weights": [chance.gauss(0, 1) for _ in range(count)]}


def forest(path: str, size: int) -> None:
    """A pickle of scikit-learn's random forest of `size` trees on its digits (41 trees: 2.4 MB)."""
    try:
        from sklearn.datasets import load_digits
        from sklearn.ensemble import RandomForestClassifier
    except ImportError:
        raise SystemExit("the forest needs scikit-learn: run the benchmark with the dev extra installed") from None
    images, digits = load_digits(return_X_y=True)
    with open(path, "wb") as file:
        pickle.dump(RandomForestClassifier(n_estimators=size, random_state=0).fit(images, digits), file, PROTOCOL)


def pickle_dict(path: str, size: int) -> None:
    """A pickle of about `size` opcodes: a dictionary of floats by name, three opcodes each."""
    chance = random.Random(2)
    with open(path, "wb") as file:
        pickle.dump({f"w{number:08d}": chance.random() for number in range(size // 3)}, file, PROTOCOL)


def pickle_tuples(path: str, size: int) -> None:
    """A pickle of about `size` opcodes: a list of small tuples (number, float, name), six opcodes each."""
    chance = random.Random(3)
    rows = [(number, chance.random(), f"r{number:07d}") for number in range(size // 6)]
    with open(path, "wb") as file:
        pickle.dump(rows, file, PROTOCOL)


def folder(path: str, size: int) -> None:
    """A folder of `size` files of about 1 KB: a third pickles, a third JSON, a sixth text, a sixth safetensors."""
    chance = random.Random(4)
    for number in range(size):
        place = os.path.join(path, f"{number // 300:02d}")
        os.makedirs(place, exist_ok=True)
        name = os.path.join(place, f"{number:05d}")
        kind = number % 6
        if kind in (0, 3):
            content, extension = pickle.dumps(_small_model(chance, 90), PROTOCOL), ".pkl"
        elif kind in (1, 4):
            content, extension = json.dumps(_config(chance), indent=2).encode(), ".json"
        elif kind == 2:
            lines = (" ".join(chance.choices(WORDS, k=12)).capitalize() + "." for _ in range(14))
            content, extension = "\n".join(lines).encode() + b"\n", ".txt"
        else:
            content, extension = _safetensors_head({"weight": [16, 14]}) + chance.randbytes(896), ".safetensors"
        with open(name + extension, "wb") as file:
            file.write(content)


def tokenizer(path: str, size: int) -> None:
    """A `tokenizer.json` of about `size` bytes: half a vocabulary of byte pairs, half merges, one entry on a line."""
    chance = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary: dict[str, int] = {}
    merges: list[str] = []
    while 44 * len(vocabulary) < size:
        word = chance.choice(("", "\u0120")) + "".join(chance.choices(letters, k=chance.randrange(2, 12)))
        if word not in vocabulary:
            vocabulary[word] = len(vocabulary)
            merges.append(f"{word[: len(word) // 2]} {word[len(word) // 2 :]}")
    special = [{"id": number, "content": f"<|reserved_{number}|>", "special": True} for number in range(200)]
    model = {"type": "BPE", "vocab": vocabulary, "merges": merges}
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"version": "1.0", "added_tokens": special, "model": model}, file, ensure_ascii=False, indent=2)


def one_line(path: str, size: int) -> None:
    """Python source of about `size` bytes in one line, with nothing in it that reaches outside."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("table = [" + "(1, 'a'), " * (size // 10) + "]\n")


def _config(chance: random.Random) -> dict[str, Any]:
    return {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_size": chance.choice((128, 256, 768)),
        "num_attention_heads": 4,
        "id2label": {str(number): chance.choice(WORDS) for number in range(24)},
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "vocab_size": 30522,
        "notes": " ".join(chance.choices(WORDS, k=20)),
    }


def _safetensors_head(shapes: dict[str, list[int]]) -> bytes:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, shape in shapes.items():
        size = 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw


def _split(size: int) -> list[int]:
    """Rows of COLUMNS float32 values that make `size` bytes, in up to 32 tensors of equal size."""
    rows = max(size // (4 * COLUMNS), 32)
    return [rows // 32] * 32


def _noise(chance: random.Random, size: int) -> Iterator[bytes]:
    while size > 0:
        block = chance.randbytes(min(MIB, size))
        size -= len(block)
        yield block


def safetensors(path: str, size: int) -> None:
    """A safetensors file of `size` bytes in 32 tensors of pseudo random bytes."""
    chance = random.Random(5)
    shapes = {f"model.layers.{number}.weight": [rows, COLUMNS] for number, rows in enumerate(_split(size))}
    with open(path, "wb") as file:
        file.write(_safetensors_head(shapes))
        for shape in shapes.values():
            file.writelines(_noise(chance, 4 * shape[0] * shape[1]))


def torch_zip(path: str, size: int) -> None:
    """A torch checkpoint of `size` bytes in 32 storages of pseudo random bytes, all members stored."""
    chance = random.Random(6)
    rows = _split(size)
    members = [Member("archive/data.pkl", [checkpoint_pickle(rows)]), Member("archive/byteorder", [b"little"])]
    for key, count in enumerate(rows):
        members.append(Member(f"archive/data/{key}", _noise(chance, 4 * count * COLUMNS)))
    members.append(Member("archive/version", [b"3\n"]))
    write_archive(path, members)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, content: bytes | int) -> bytes:
    if isinstance(content, int):
        return _varint(number << 3) + _varint(content)
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def onnx(path: str, size: int) -> None:
    """An ONNX model of `size` bytes: a chain of 8 MatMul, each with a float32 initializer of raw data."""
    chance = random.Random(7)
    side = int((size / 8 / 4) ** 0.5)
    weight = 4 * side * side
    dimensions = _field(1, _field(1, 1)) + _field(1, _field(1, side))
    tensor_type = _field(2, _field(1, _field(1, 1) + _field(2, dimensions)))
    nodes = b""
    heads = []
    for number in range(8):
        links = _field(1, f"x{number}".encode()) + _field(1, f"w{number}".encode())
        nodes += _field(1, links + _field(2, f"x{number + 1}".encode()) + _field(4, b"MatMul"))
        head = _field(1, side) + _field(1, side) + _field(2, 1) + _field(8, f"w{number}".encode())
        head += _varint(9 << 3 | 2) + _varint(weight)
        heads.append(_varint(5 << 3 | 2) + _varint(len(head) + weight) + head)
    front = nodes + _field(2, b"chain")
    back = _field(11, _field(1, b"x0") + tensor_type) + _field(12, _field(1, b"x8") + tensor_type)
    graph = len(front) + sum(map(len, heads)) + 8 * weight + len(back)
    with open(path, "wb") as file:
        file.write(_field(1, 8) + _field(2, b"bench") + _varint(7 << 3 | 2) + _varint(graph) + front)
        for head in heads:
            file.write(head)
            file.writelines(_noise(chance, weight))
        file.write(back + _field(8, _field(1, b"") + _field(2, 17)))


def gguf(path: str, size: int) -> None:
    """A GGUF file (version 3) of `size` bytes: 32 matrices of float32 and the metadata of a small llama."""
    chance = random.Random(8)
    rows = _split(size)
    pairs = [
        _gguf_text("general.architecture", "llama"),
        _gguf_text("tokenizer.chat_template", "{{ messages[0].content }}"),
    ]
    pairs.append(_gguf_name("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 32_000))
    pairs.append(b"".join(_gguf_name(f"word{number}") for number in range(32_000)))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(rows), 3) + b"".join(pairs)
    at = 0
    for number, count in enumerate(rows):
        head += _gguf_name(f"blk.{number}.ffn_up.weight") + struct.pack("<IQQIQ", 2, COLUMNS, count, 0, at)
        at += 4 * COLUMNS * count
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32))
        for count in rows:
            file.writelines(_noise(chance, 4 * COLUMNS * count))


def _gguf_name(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _gguf_text(key: str, value: str) -> bytes:
    return _gguf_name(key) + struct.pack("<I", 8) + _gguf_name(value)


BUILDERS: dict[str, tuple[Callable[[str, int], None], str]] = {
    "tiny-pickle": (tiny_pickle, ".pkl"),
    "forest": (forest, ".pkl"),
    "pickle-dict": (pickle_dict, ".pkl"),
    "pickle-tuples": (pickle_tuples, ".pkl"),
    "folder": (folder, ""),
    "tokenizer": (tokenizer, ".json"),
    "one-line": (one_line, ".py"),
    "safetensors": (safetensors, ".safetensors"),
    "torch-zip": (torch_zip, ".pt"),
    "onnx": (onnx, ".onnx"),
    "gguf": (gguf, ".gguf"),
    **BOMBS,
}
"""Builder and extension by kind of input."""
PER_UNIT = {
    "pickle-dict": 8,
    "pickle-tuples": 5,
    "folder": 4096,
    "tokenizer": 2,
    "one-line": 2,
    "forest": 60_000,
    "safetensors": 1,
    "torch-zip": 1,
    "onnx": 1,
    "gguf": 1,
}
"""Bytes of disk for each unit of size; an input of another kind stays below 10 MB."""


def input_path(kind: str, size: int) -> str:
    """Where an input lies, built or not."""
    return os.path.join(WORK, "inputs", f"{kind}-{size}-v{VERSION}{BUILDERS[kind][1]}")


def bytes_needed(kind: str, size: int) -> int:
    """Bytes of disk that an input takes, at most."""
    return PER_UNIT[kind] * size if kind in PER_UNIT else 10 * MIB


def check_space(need: int, what: str) -> None:
    """Raise SpaceError unless `need` bytes fit on the disk, with SPARE to spare."""
    os.makedirs(WORK, exist_ok=True)
    free = shutil.disk_usage(WORK).free
    if free < need + SPARE:
        raise SpaceError(
            f"{what} needs {need / 1e9:.1f} GB of disk and {SPARE / 1e9:.1f} to spare; {free / 1e9:.1f} GB are free"
        )


def build(kind: str, size: int) -> str:
    """The path of an input, which is made if it is not there. Raises SpaceError."""
    path = input_path(kind, size)
    if os.path.exists(path):
        return path
    check_space(bytes_needed(kind, size), f"the input {kind}")
    partial = f"{path}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    BUILDERS[kind][0](partial, size)
    os.rename(partial, path)
    return path


if __name__ == "__main__":
    try:
        build(sys.argv[1], int(sys.argv[2]))
    except SpaceError as problem:
        raise SystemExit(str(problem)) from None
