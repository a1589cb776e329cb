"""Nothing that attacks is converted: each is refused, and nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build import attacks
from build.checkpoints import archive, storage, table, tensor
from build.running import command

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = tensor(storage("0", "FloatStorage", 2), (2,), (1,))


def refused(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.write_bytes(content)
    outcome = command("convert", path, "--output", folder / "out")
    assert outcome.status == 1, (name, outcome.out, outcome.err)
    assert outcome.out.startswith("REFUSED")
    assert [found.name for found in folder.iterdir()] == [name]
    path.unlink()


@pytest.mark.parametrize("road", attacks.ROADS)
def test_every_road_in_every_container(tmp_path: Path, road: str) -> None:
    raw = attacks.whole(attacks.ROADS[road]("posix", "system"))
    for name, wrap in attacks.CONTAINERS.values():
        refused(tmp_path, name, wrap(raw))


def test_every_name(tmp_path: Path) -> None:
    for dotted in (*attacks.DANGEROUS, *attacks.UNKNOWN):
        refused(tmp_path, "m.pkl", attacks.whole(attacks.ROADS["REDUCE"](*attacks.name_of(dotted))))


def test_every_road_among_honest_tensors(tmp_path: Path) -> None:
    for road in attacks.ROADS.values():
        content = table({"state_dict": table({"a": WHOLE}), "more": road("posix", "system")})
        refused(tmp_path, "m.pt", archive(content, {"0": bytes(8)}))


def test_a_folder_with_one_attack_in_it(tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "good.pt").write_bytes(archive(table({"a": WHOLE}), {"0": bytes(8)}))
    (model / "bad.pkl").write_bytes(attacks.whole(attacks.ROADS["REDUCE"]("os", "system")))
    outcome = command("convert", model, "--output", tmp_path / "out")
    assert outcome.status == 1
    assert "bad.pkl" in outcome.out
    assert [found.name for found in tmp_path.iterdir()] == ["model"]
