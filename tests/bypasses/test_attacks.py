"""Any gadget by any road in any container: never clean, and malicious if the gadget is known."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from build.attacks import CONTAINERS, DANGEROUS, JUDGED_BY_ARGUMENTS, OUTSIDE, ROADS, UNKNOWN, name_of, whole
from build.inspecting import scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("gadget", DANGEROUS)
def test_every_gadget_is_stopped(tmp_path: Path, gadget: str) -> None:
    report = scanned(tmp_path, "m.pkl", whole(ROADS["REDUCE"](*name_of(gadget))))
    assert report.verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)
    if gadget not in JUDGED_BY_ARGUMENTS:
        assert report.verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_road_in_every_container(tmp_path: Path, road: str, container: str) -> None:
    name, wrap = CONTAINERS[container]
    for gadget, expected in (("os.system", Verdict.MALICIOUS), ("mypackage.Net", Verdict.SUSPICIOUS)):
        report = scanned(tmp_path, name, wrap(whole(ROADS[road](*name_of(gadget)))))
        assert report.verdict is not Verdict.CLEAN
        if container not in OUTSIDE and not (container == "as bytes in a pickle" and gadget != "os.system"):
            rank = {Verdict.INCOMPLETE: 0, Verdict.SUSPICIOUS: 1, Verdict.MALICIOUS: 2}
            assert rank[report.verdict] >= rank[expected], (report.verdict, report.findings)


def test_random_combinations_are_never_clean(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    for _ in range(1500):
        gadget = chance.choice([name for name in DANGEROUS + UNKNOWN if name not in JUDGED_BY_ARGUMENTS[1:]])
        road, container = chance.choice(sorted(ROADS)), chance.choice(sorted(CONTAINERS))
        name, wrap = CONTAINERS[container]
        report = scanned(tmp_path, name, wrap(whole(ROADS[road](*name_of(gadget)))))
        assert report.verdict is not Verdict.CLEAN, (gadget, road, container)
        (tmp_path / name).unlink()
