"""What a file is called once it is safetensors: as the libraries that load it expect.

    pytorch_model.bin                     model.safetensors
    pytorch_model-00001-of-00002.bin      model-00001-of-00002.safetensors
    pytorch_model.bin.index.json          model.safetensors.index.json
    anything.pt, .pth, .ckpt, .pkl, …     anything.safetensors

Source: transformers `utils/__init__.py`, diffusers `utils/constants.py`.
"""

from __future__ import annotations

INDEX = ".bin.index.json"
_OLD, _NEW = "pytorch_model", "model"
_ENDS = (
    ".pytorch.bin",
    ".bin",
    ".pt",
    ".pth",
    ".ckpt",
    ".pkl",
    ".pickle",
    ".joblib",
    ".npy",
    ".npz",
    ".gz",
    ".xz",
    ".z",
)


def tensors_name(path: str) -> str:
    """The path of the safetensors file that a checkpoint becomes."""
    return f"{_stem(path)}.safetensors"


def rest_name(path: str) -> str:
    """The path of the JSON file with what is left out of it."""
    return f"{_stem(path)}.rest.json"


def index_name(path: str) -> str:
    """The path of the index of shards that an index of checkpoints becomes."""
    return f"{_stem(path.removesuffix(INDEX) + '.bin')}.safetensors.index.json"


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    for end in _ENDS:
        if name.lower().endswith(end) and len(name) > len(end):
            name = name[: -len(end)]
            break
    if name == _OLD or name.startswith((f"{_OLD}-", f"{_OLD}.")):
        name = _NEW + name[len(_OLD) :]
    return f"{folder}{slash}{name}"
