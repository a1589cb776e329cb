"""The checkpoint of the examples: what torch would write of the digit classifier, and what conversion makes of it."""

from __future__ import annotations

import json
import zipfile

from build.running import command
from examples import build_checkpoint


def tensors(path):
    with open(path, "rb") as file:
        raw = file.read()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header.pop("__metadata__", None)
    return {
        name: (
            entry["dtype"],
            entry["shape"],
            raw[8 + size + entry["data_offsets"][0] : 8 + size + entry["data_offsets"][1]],
        )
        for name, entry in header.items()
    }


def test_the_checkpoint_becomes_the_tensors_that_it_was_made_of(tmp_path):
    build_checkpoint.main(str(tmp_path / "model.pt"))
    outcome = command("convert", tmp_path / "model.pt", "--output", tmp_path / "out")
    assert outcome.status == 0, outcome.err
    assert tensors(tmp_path / "out" / "model.safetensors") == tensors(build_checkpoint.DIGITS)


def test_the_same_bytes_come_out_every_time(tmp_path):
    for name in ("a.pt", "b.pt"):
        build_checkpoint.main(str(tmp_path / name))
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        assert archive.testzip() is None
