"""Converted tensors are those that torch loads, bit for bit; torch itself compares, in a process of its own."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from build.checkpoints import written
from build.corpus import published
from build.running import command
from build.system_torch import need_torch, run_torch

if TYPE_CHECKING:
    from pathlib import Path

COUNT = 200


def converted(folder: Path, target: Path, *options: str) -> None:
    for path in sorted(folder.iterdir()):
        outcome = command("convert", path, "--output", target / path.stem, *options)
        assert outcome.status == 0, (path.name, outcome.out, outcome.err)


def test_state_dictionaries_of_every_kind(tmp_path: Path) -> None:
    need_torch()
    made, target = tmp_path / "made", tmp_path / "target"
    made.mkdir()
    run_torch("state_dicts", "write", made, str(COUNT))
    converted(made, target)
    assert int(run_torch("state_dicts", "compare", made, target)) > 3000


def test_the_comparison_notices_a_single_bit(tmp_path: Path) -> None:
    need_torch()
    made, target = tmp_path / "made", tmp_path / "target"
    made.mkdir()
    run_torch("state_dicts", "write", made, "2")
    converted(made, target)
    path = target / "001" / "001.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(AssertionError):
        run_torch("state_dicts", "compare", made, target)


def test_published_checkpoints(tmp_path: Path) -> None:
    need_torch()
    found = sorted(published("facenet-pytorch").glob("*.pt"))
    made = tmp_path / "made"
    made.mkdir()
    for path in found:
        shutil.copy(path, made)
    converted(made, tmp_path / "target")
    assert int(run_torch("state_dicts", "compare", made, tmp_path / "target")) == 50


def test_what_cannot_be_carried_is_refused_with_its_reason(tmp_path: Path) -> None:
    need_torch()
    made = tmp_path / "made"
    made.mkdir()
    run_torch("honest_torch", made)
    reasons = {
        "quantized": "quantized",
        "sparse": "sparse",
        "sparse_csr": "sparse",
        "meta": "no content",
        "complex128": "ComplexDoubleStorage",
        "module": "no table of tensors",
        "branching": "TorchScript",
        "storage": "no table of tensors",
    }
    kinds = {"float16": "F16", "bfloat16": "BF16", "bool": "BOOL", "complex64": "C64", "int16": "I16"}
    looked = 0
    for path in sorted(made.iterdir()):
        stem = path.name.partition(".")[0]
        if stem not in {*reasons, *kinds, "checkpoint"} or path.suffix not in (".pt", ".pth"):
            continue
        outcome = command("convert", path, "--output", tmp_path / "target" / path.name)
        looked += 1
        if stem in reasons:
            assert outcome.status == 1, path.name
            assert reasons[stem] in outcome.out
            assert not (tmp_path / "target" / path.name).exists()
        else:
            assert outcome.status == 0, (path.name, outcome.out)
            (file,) = (tmp_path / "target" / path.name).glob("*.safetensors")
            tensors = written(file).tensors
            assert stem == "checkpoint" or tensors["tensor"] == (kinds[stem], (3, 2), bytes(len(tensors["tensor"][2])))
    assert looked > 80


def test_torch_behind_walls_reads_the_same(tmp_path: Path) -> None:
    need_torch()
    made = tmp_path / "made"
    made.mkdir()
    run_torch("state_dicts", "write", made, "2")
    converted(made, tmp_path / "ours")
    for path in sorted(made.iterdir()):
        # A name that is no key makes the first road refuse, and the second too: both say so.
        outcome = command("convert", path, "--output", tmp_path / "no", "--with-torch", "--key", "nowhere")
        assert outcome.status == 1
        assert "torch does not read it either: there is no key 'nowhere'" in outcome.out
