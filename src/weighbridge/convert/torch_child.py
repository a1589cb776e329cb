"""Run by a Python with torch, behind walls: the tensors of a checkpoint as torch itself reads them.

    python torch_child.py CHECKPOINT FOLDER KEY TABLES

Writes FOLDER/data, the elements of all tensors back to back, and FOLDER/tensors.json, what lies where in it. TABLES
is JSON: the dtypes of safetensors by element type, and the usual keys. Nothing of Weighbridge is imported here, and
nothing that this writes is believed without being measured.
"""

import json
import sys
from typing import Any

PIECE = 1 << 22


def main(path: str, folder: str, key: str, tables: str) -> None:
    """Load with `weights_only`, choose the table of tensors, write it."""
    import torch  # type: ignore[import-not-found] # only that Python has it

    dtypes, usual = json.loads(tables)
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    table, rest = _table(loaded, key, usual, torch.Tensor)
    listed: list[dict[str, Any]] = []
    shared: dict[str, str] = {}
    seen: dict[Any, str] = {}
    with open(f"{folder}/data", "wb") as file:
        for name in sorted(table):
            tensor = table[name]
            if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
                raise SystemExit(f"the tensor {name!r} is sparse, quantized or without content")
            same = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride(), tensor.is_conj())
            if tensor.numel() and same in seen:
                shared[name] = seen[same]
                continue
            seen[same] = name
            kind = dtypes.get(str(tensor.dtype).removeprefix("torch."))
            if kind is None:
                raise SystemExit(f"the tensor {name!r} is of {tensor.dtype}, which safetensors has not")
            start = file.tell()
            flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
            whole = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[flat.element_size()]
            flat = torch.view_as_real(flat).reshape(-1).view(torch.int32) if flat.is_complex() else flat.view(whole)
            file.writelines(flat[place : place + PIECE].numpy().tobytes() for place in range(0, flat.numel(), PIECE))
            entry = {"name": name, "dtype": kind, "shape": list(tensor.shape), "start": start, "end": file.tell()}
            listed.append(entry)
    told = {"torch": torch.__version__, "tensors": listed, "shared": shared, "rest": rest}
    with open(f"{folder}/tensors.json", "w", encoding="utf-8") as file:
        json.dump(told, file)


def _table(loaded: Any, key: str, usual: list[str], tensor: type) -> tuple[dict[str, Any], dict[str, str]]:
    """The tensors by name, and the kind of everything that is left out."""
    rest: dict[str, str] = {}
    place = ""
    words = key.split(".") if key else []
    if isinstance(loaded, tensor):
        return {"tensor": loaded}, rest
    while True:
        if isinstance(loaded, list | tuple):
            loaded = {str(number): item for number, item in enumerate(loaded)}
        if not isinstance(loaded, dict):
            raise SystemExit("it holds no table of tensors")
        there = [name for name in usual if isinstance(loaded.get(name), dict)]
        if not words and len(there) != 1:
            break
        word = words.pop(0) if words else there[0]
        if word not in loaded:
            raise SystemExit(f"there is no key {word!r}")
        rest.update({f"{place}{name}": type(item).__name__ for name, item in loaded.items() if name != word})
        loaded, place = loaded[word], f"{place}{word}."
        if key and not words:
            break
    rest.update(
        {f"{place}{name}": type(item).__name__ for name, item in loaded.items() if not isinstance(item, tensor)}
    )
    table = {str(name): item for name, item in loaded.items() if isinstance(item, tensor)}
    if not table:
        raise SystemExit("it holds no table of tensors")
    return table, rest


if __name__ == "__main__":
    main(*sys.argv[1:5])
